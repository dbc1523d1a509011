//! Deletes a few neighbouring choices without regard to spans, and replays the rest as a plain sequence.

use super::search::Search;

/// Runs of at most so many choices.
const MOST: usize = 3;

pub(super) fn run(search: &mut Search<'_>) {
    let mut at = search.best().choices.len();
    while at > 0 && !search.is_over() {
        at = (at - 1).min(search.best().choices.len().saturating_sub(1));
        for count in 1..=MOST {
            let best = search.best();
            if at + count <= best.choices.len()
                && search.consider(best.clone().flat().without_choices(at..at + count))
            {
                break;
            }
        }
    }
}
