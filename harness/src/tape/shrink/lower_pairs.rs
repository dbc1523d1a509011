//! Lowers two numbers by the same amount: what matters is their difference.

use super::search::{Search, grow};

/// Pairs at most so many numbers apart.
const REACH: usize = 6;

pub(super) fn run(search: &mut Search<'_>) {
    pairs(search, |search, one, other| {
        let base = search.best().clone();
        let (a, b) = (base.choices[one], base.choices[other]);
        let most = a.distance().min(b.distance());
        let mut by = |amount: u64| {
            let (Some(a), Some(b)) =
                (a.at_distance(a.distance() - amount), b.at_distance(b.distance() - amount))
            else {
                return false;
            };
            search.consider(base.with(&[(one, a), (other, b)]))
        };
        if !by(most) {
            grow(most - 1, by);
        }
    });
}

/// Calls `each` with the positions of any two numbers near each other that are not simplest.
fn pairs(search: &mut Search<'_>, mut each: impl FnMut(&mut Search<'_>, usize, usize)) {
    let numbers = search.improvable();
    for (index, &one) in numbers.iter().enumerate() {
        for &other in numbers[index + 1..].iter().take(REACH) {
            let is_number = |at: usize| {
                search
                    .best()
                    .choices
                    .get(at)
                    .is_some_and(|choice| choice.last_rank() > 1 && !choice.is_simplest())
            };
            if !search.is_over() && is_number(one) && is_number(other) {
                each(search, one, other);
            }
        }
    }
}
