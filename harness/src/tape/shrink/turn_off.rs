//! Turns a boolean off and deletes what depended on it, where that has no span of its own.
//!
//! How many choices depended on the boolean shows in the run without it: as many as that run asked for less.

use super::search::Search;

pub(super) fn run(search: &mut Search<'_>) {
    let mut at = 0;
    while at < search.best().choices.len() && !search.is_over() {
        let choice = search.best().choices[at];
        if choice.last_rank() == 1 && !choice.is_simplest() {
            turn_off(search, at, choice.simplest);
        }
        at += 1;
    }
}

fn turn_off(search: &mut Search<'_>, at: usize, simplest: i64) {
    let off = search.best().with(&[(at, simplest)]);
    if search.consider(off.clone()) {
        return;
    }
    let dependent = search.shorter_by(&off);
    if dependent > 0 {
        search.consider(off.without_choices(at + 1..at + 1 + dependent));
    }
}
