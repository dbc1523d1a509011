//! Exchanges two spans of the same label wherever they stand: moves a subtree to another branch. With and without
//! sorting all siblings afterwards, because a branch often has to change its side, too.

use super::search::Search;
use super::sort::sorted;
use crate::tape::Tape;
use std::cmp::Ordering;

/// Tapes with more spans are left alone: the pairs would cost more than they bring.
const MOST_SPANS: usize = 60;

pub(super) fn run(search: &mut Search<'_>) {
    let mut one = 0;
    while one < search.best().spans.len() && search.best().spans.len() <= MOST_SPANS && !search.is_over() {
        if !exchange(search, one) {
            one += 1;
        }
    }
}

fn exchange(search: &mut Search<'_>, one: usize) -> bool {
    let base = search.best().clone();
    let first = base.spans[one];
    (base.after(one)..base.spans.len()).any(|other| {
        let second = base.spans[other];
        let alike = first.label == second.label && first.kind == second.kind && !base.is_list_end(other);
        if !alike || base.choices[first.start..first.end] == base.choices[second.start..second.end] {
            return false;
        }
        let exchanged = exchanged(&base, one, other);
        let sorted = sorted(&exchanged);
        [exchanged, sorted]
            .into_iter()
            .any(|candidate| candidate.simplicity(&base) == Ordering::Less && search.consider(candidate))
    })
}

/// The tape with two spans in each other's place; the second begins after the first has ended.
fn exchanged(tape: &Tape, one: usize, other: usize) -> Tape {
    let (first, second) = (tape.spans[one], tape.spans[other]);
    let half = tape.replaced(
        tape.parent(other),
        other..tape.after(other),
        second.start..second.end,
        &tape.whole(one),
    );
    half.replaced(tape.parent(one), one..tape.after(one), first.start..first.end, &tape.whole(other))
}
