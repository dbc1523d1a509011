//! Moves an amount from one number to a later one: what matters is their sum.

use super::search::{Search, grow, positions};
use crate::tape::Choice;

/// Pairs at most so many numbers apart.
const REACH: usize = 6;

pub(super) fn run(search: &mut Search<'_>) {
    let numbers = positions(search.best(), |choice| choice.last_rank() > 1);
    for (index, &from) in numbers.iter().enumerate() {
        for &to in numbers[index + 1..].iter().take(REACH) {
            let best = search.best();
            let fits = to < best.choices.len()
                && best.choices[from].last_rank() > 1
                && best.choices[to].last_rank() > 1
                && !best.choices[from].is_simplest();
            if fits && !search.is_over() {
                redistribute(search, from, to);
            }
        }
    }
}

fn redistribute(search: &mut Search<'_>, from: usize, to: usize) {
    let base = search.best().clone();
    let (one, other) = (base.choices[from], base.choices[to]);
    let above = one.value > one.simplest;
    let mut by = |amount: u64| {
        let amount = i128::from(amount) * if above { 1 } else { -1 };
        let moved = [(from, (i128::from(one.value) - amount) as i64), (to, wrapped(&other, amount))];
        search.consider(base.with(&moved))
    };
    let most = one.distance();
    if !by(most) {
        grow(most - 1, by);
    }
}

/// The value so much further, within the range: past one end it goes on at the other, as fixed-width sums do.
fn wrapped(choice: &Choice, amount: i128) -> i64 {
    let width = i128::from(choice.last_rank()) + 1;
    let offset = (i128::from(choice.value) - i128::from(choice.min) + amount).rem_euclid(width);
    (i128::from(choice.min) + offset) as i64
}
