//! Lowers one choice at a time towards its simplest value, by bisection.

use super::search::Search;
use crate::tape::Choice;

/// Of a value with a high rank only so many ranks are tried one by one.
const FIRST: u64 = 3;

/// So many of the highest bits of a large value are cleared.
const BITS: usize = 6;

/// Below this rank all are tried, so that a small value ends at the least that works, whatever the gaps.
const SMALL: u64 = 16;

pub(super) fn run(search: &mut Search<'_>) {
    let mut at = 0;
    while at < search.best().choices.len() && !search.is_over() {
        lower(search, at);
        at += 1;
    }
}

fn lower(search: &mut Search<'_>, at: usize) {
    let choice = search.best().choices[at];
    if choice.is_simplest() {
        return;
    }
    let rank = choice.rank();
    for lower in 0..if rank <= SMALL { rank } else { FIRST } {
        if search.consider_values(&[(at, choice.at_rank(lower))]) {
            return;
        }
    }
    if rank <= SMALL {
        return;
    }
    let mirrored = choice.at_rank(choice.rank() - 1);
    if choice.value < choice.simplest
        && mirrored > choice.simplest
        && search.consider_values(&[(at, mirrored)])
    {
        return lower(search, at);
    }
    descend(choice.distance(), |distance| {
        let value = choice.at_distance(distance).unwrap_or(choice.value);
        search.consider_values(&[(at, value)])
    });
    let Some(&lowered) = search.best().choices.get(at) else { return };
    if lowered.rank() < rank && lowered.rank() <= SMALL {
        lower(search, at);
    } else {
        clear_bits(search, at, lowered);
    }
}

/// Clears the highest bits of the distance, one more at a time: the value may only matter by its low bits.
fn clear_bits(search: &mut Search<'_>, at: usize, choice: Choice) {
    let mut distance = choice.distance();
    for _ in 0..BITS {
        distance &= !(1 << distance.ilog2());
        let value = choice.at_distance(distance).unwrap_or(choice.value);
        if distance == 0 || search.consider_values(&[(at, value)]) {
            return;
        }
    }
}

/// Bisects from a distance towards 0, which does not work. Gives up early where the next value does not work either.
pub(super) fn descend(from: u64, mut works: impl FnMut(u64) -> bool) -> u64 {
    let (mut bad, mut good) = (0, from);
    let mut failures = 0;
    while good - bad > 1 {
        let middle = bad + (good - bad) / 2;
        if works(middle) {
            good = middle;
        } else {
            failures += 1;
            if failures == 1 && good == from {
                if !works(good - 1) {
                    return good;
                }
                good -= 1;
            }
            bad = middle;
        }
    }
    good
}
