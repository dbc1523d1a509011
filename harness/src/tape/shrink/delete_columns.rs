//! Deletes an element together with its counterparts: a declared field and that field's value in every record.
//!
//! A generator that draws a list and later something for each of its elements leaves groups of siblings that are as
//! many as the elements. Deleting the element alone shifts all counterparts by one place, and mostly the bug is gone.
//! So the counterparts at the same place go too, and indexes into the list that pointed behind it are moved up.

use super::search::Search;
use crate::tape::{SpanKind, Tape};
use std::collections::BTreeMap;

/// Longer lists are left alone: what has a counterpart for each element is rarely long.
const MOST_ELEMENTS: usize = 40;

pub(super) fn run(search: &mut Search<'_>) {
    let mut list = 0;
    while list < search.best().spans.len() && !search.is_over() {
        let mut place = elements(search.best(), list);
        while place > 0 && place <= MOST_ELEMENTS && !search.is_over() {
            place -= 1;
            delete(search, list, place);
            // Counterparts before the list are gone with it: then another span may have its index.
            place = place.min(elements(search.best(), list));
        }
        list += 1;
    }
}

/// How many elements the span has, if it is a list.
fn elements(tape: &Tape, span: usize) -> usize {
    let is_list = tape.spans.get(span).is_some_and(|span| span.kind == SpanKind::List);
    if is_list { tape.members(Some(span)).len() } else { 0 }
}

fn delete(search: &mut Search<'_>, list: usize, place: usize) {
    let base = search.best().clone();
    let members = base.members(Some(list));
    if members.len() < 2 || place >= members.len() {
        return;
    }
    let (count, member) = (members.len(), members[place]);
    let indexes: Vec<(usize, i64)> = (0..base.choices.len())
        .filter(|&at| {
            let choice = base.choices[at];
            choice.min == 0 && choice.max == count as i64 - 1 && choice.value > place as i64
        })
        .map(|at| (at, base.choices[at].value - 1))
        .collect();
    let classes = counterparts(&base, list, count, place);
    let all: Vec<usize> = classes.iter().flatten().copied().collect();
    // Groups may be as many by accident: all together first, then each kind of group alone, then none.
    let mut sets = vec![all];
    if classes.len() > 1 {
        sets.extend(classes);
    }
    if !indexes.is_empty() {
        sets.push(Vec::new());
    }
    for mut gone in sets {
        gone.push(member);
        gone.sort_unstable();
        gone.dedup();
        // From the last to the first, so that the indexes of those that are still to go stay as they are.
        let deleted = |tape: Tape| {
            gone.iter().rev().fold(tape, |tape, &span| tape.without(tape.parent(span), span, span))
        };
        if search.consider(deleted(base.with(&indexes)))
            || !indexes.is_empty() && gone.len() > 1 && search.consider(deleted(base.clone()))
        {
            return;
        }
    }
}

/// The siblings at this place in all other groups of so many, by the label that they have in common.
fn counterparts(tape: &Tape, list: usize, count: usize, place: usize) -> Vec<Vec<usize>> {
    let mut found: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    // Groups that stand in no span are counterparts, too.
    let parents = (0..tape.spans.len()).filter(|&parent| parent != list).map(Some);
    for parent in parents.chain([None]) {
        let mut groups: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for span in tape.members(parent) {
            groups.entry(tape.spans[span].label).or_default().push(span);
        }
        for (label, group) in groups {
            if group.len() == count {
                found.entry(label).or_default().push(group[place]);
            }
        }
    }
    found.into_values().filter(|class| !class.iter().any(|&span| tape.parent(list) == Some(span))).collect()
}
