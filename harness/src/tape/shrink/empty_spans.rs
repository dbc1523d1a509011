//! Replaces all that is in a span by the simplest, from the outermost span inwards.

use super::search::Search;

pub(super) fn run(search: &mut Search<'_>) {
    let mut span = 0;
    while span < search.best().spans.len() && !search.is_over() {
        let best = search.best();
        let at = best.spans[span];
        // A span with one choice is left to the pass that lowers it.
        let skip = best.choices[at.start..at.end].iter().filter(|choice| !choice.is_forced()).count() < 2
            || best.choices[at.start..at.end].iter().all(|choice| choice.is_simplest());
        if !skip {
            let candidate = best.emptied(span);
            search.consider(candidate);
        }
        span += 1;
    }
}
