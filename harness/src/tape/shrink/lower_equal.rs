//! Lowers all choices of one value together: duplicates that only matter because they are equal.

use super::lower::descend;
use super::search::Search;
use crate::tape::Tape;
use std::collections::BTreeMap;

pub(super) fn run(search: &mut Search<'_>) {
    for (value, simplest) in duplicates(search.best()) {
        if search.is_over() {
            return;
        }
        let best = search.best();
        let group: Vec<usize> = (0..best.choices.len())
            .filter(|&at| {
                let choice = best.choices[at];
                choice.last_rank() > 1 && (choice.value, choice.simplest) == (value, simplest)
            })
            .collect();
        // An earlier group may have taken some of this one away.
        if group.len() < 2 {
            continue;
        }
        let choice = best.choices[group[0]];
        let attempt = |search: &mut Search<'_>, value: i64| {
            let values: Vec<_> = group.iter().map(|&at| (at, value)).collect();
            search.consider_values(&values)
        };
        if !attempt(search, simplest) {
            descend(choice.distance(), |distance| {
                attempt(search, choice.at_distance(distance).unwrap_or(value))
            });
        }
    }
}

/// Values that more than one choice has, with their simplest value, which is another.
fn duplicates(tape: &Tape) -> Vec<(i64, i64)> {
    let mut counts: BTreeMap<(i64, i64), usize> = BTreeMap::new();
    for choice in tape.choices.iter().filter(|choice| choice.last_rank() > 1 && !choice.is_simplest()) {
        *counts.entry((choice.value, choice.simplest)).or_default() += 1;
    }
    counts.into_iter().filter(|(_, count)| *count > 1).map(|(value, _)| value).collect()
}
