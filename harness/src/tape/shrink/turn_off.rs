//! Turns a boolean off and deletes what depended on it: the choices that follow, as many as it takes.
//!
//! Where the dependent choices have a span of their own, reading goes back in step by itself and lowering the
//! boolean is enough.

use super::search::Search;

/// As many choices are deleted at most.
const MOST: usize = 4;

pub(super) fn run(search: &mut Search<'_>) {
    let mut at = 0;
    while at < search.best().choices.len() && !search.is_over() {
        let choice = search.best().choices[at];
        if choice.last_rank() == 1 && !choice.is_simplest() {
            for count in 0..=MOST {
                let off = search.best().with(&[(at, choice.simplest)]);
                let end = (at + 1 + count).min(off.choices.len());
                if search.consider(off.without_choices(at + 1..end)) {
                    break;
                }
            }
        }
        at += 1;
    }
}
