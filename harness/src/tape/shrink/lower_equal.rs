//! Lowers all choices of one value together: duplicates that only matter because they are equal.

use super::lower::descend;
use super::search::{Search, positions};

pub(super) fn run(search: &mut Search<'_>) {
    let mut seen = Vec::new();
    loop {
        let best = search.best();
        let Some((value, group)) =
            best.choices.iter().filter(|choice| choice.last_rank() > 1).find_map(|choice| {
                let group = positions(best, |other| {
                    other.value == choice.value && other.simplest == choice.simplest && other.last_rank() > 1
                });
                (group.len() > 1 && !choice.is_simplest() && !seen.contains(&choice.value))
                    .then_some((choice.value, group))
            })
        else {
            return;
        };
        seen.push(value);
        if search.is_over() {
            return;
        }
        let choice = best.choices[group[0]];
        let try_value = |search: &mut Search<'_>, value: i64| {
            let values: Vec<_> = group.iter().map(|&at| (at, value)).collect();
            search.consider_values(&values)
        };
        if try_value(search, choice.simplest) {
            continue;
        }
        descend(choice.distance(), |distance| {
            try_value(search, choice.at_distance(distance).unwrap_or(choice.value))
        });
    }
}
