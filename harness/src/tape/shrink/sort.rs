//! Sorts sibling spans: all at once, else neighbour by neighbour.

use super::search::Search;
use crate::tape::record::{Fragment, by_rank};
use crate::tape::{Span, Tape};

pub(super) fn run(search: &mut Search<'_>) {
    let mut parent = None;
    loop {
        let mut done = 0;
        // Sorting one run may change the others, so they are looked for again.
        while let Some(run) = runs(search.best(), parent).get(done) {
            sort(search, parent, run);
            done += 1;
        }
        let next = parent.map_or(0, |parent| parent + 1);
        if next >= search.best().spans.len() || search.is_over() {
            return;
        }
        parent = Some(next);
    }
}

/// Siblings with equal label and kind, by their place among the members of the parent.
fn runs(tape: &Tape, parent: Option<usize>) -> Vec<Vec<usize>> {
    let mut runs: Vec<(Span, Vec<usize>)> = Vec::new();
    for (place, span) in tape.members(parent).into_iter().enumerate() {
        let span = tape.spans[span];
        match runs.iter_mut().find(|(other, _)| other.label == span.label && other.kind == span.kind) {
            Some((_, run)) => run.push(place),
            None => runs.push((span, vec![place])),
        }
    }
    runs.into_iter().map(|(_, run)| run).filter(|run| run.len() > 1).collect()
}

/// The tape with all siblings sorted, innermost first.
pub(super) fn sorted(tape: &Tape) -> Tape {
    let mut tape = tape.clone();
    let parents: Vec<_> = (0..tape.spans.len()).rev().map(Some).chain([None]).collect();
    // Sorting inside a span leaves the indexes of the spans before it as they are.
    for parent in parents {
        for run in runs(&tape, parent) {
            tape = permuted(&tape, parent, &order(&tape, parent, &run));
        }
    }
    tape
}

/// The order of the members of a span in which those of the run are sorted.
fn order(tape: &Tape, parent: Option<usize>, run: &[usize]) -> Vec<usize> {
    let members = tape.members(parent);
    let choices = |place: usize| {
        let span = tape.spans[members[place]];
        &tape.choices[span.start..span.end]
    };
    let mut sorted = run.to_vec();
    sorted.sort_by(|&one, &other| by_rank(choices(one), choices(other)));
    let mut order: Vec<usize> = (0..members.len()).collect();
    for (&place, &from) in run.iter().zip(&sorted) {
        order[place] = from;
    }
    order
}

fn sort(search: &mut Search<'_>, parent: Option<usize>, run: &[usize]) {
    let order = order(search.best(), parent, run);
    if order.is_sorted() {
        return;
    }
    let candidate = permuted(search.best(), parent, &order);
    if search.consider(candidate) {
        return;
    }
    // Insertion: each one moves forward past its neighbours while that is simpler and interesting.
    for end in 1..run.len() {
        for at in (1..=end).rev() {
            let members = search.best().members(parent);
            let (Some(&before), Some(&after)) = (members.get(run[at - 1]), members.get(run[at])) else {
                return;
            };
            let (one, other) = (search.best().whole(before), search.best().whole(after));
            if by_rank(other.choices(), one.choices()).is_ge() {
                break;
            }
            let mut order: Vec<usize> = (0..members.len()).collect();
            order.swap(run[at - 1], run[at]);
            let candidate = permuted(search.best(), parent, &order);
            if !search.consider(candidate) {
                break;
            }
        }
    }
}

/// The tape with the members of a span in another order. What is between them stays in its place.
fn permuted(tape: &Tape, parent: Option<usize>, order: &[usize]) -> Tape {
    let members = tape.members(parent);
    let (first, last) = (members[0], members[members.len() - 1]);
    let mut all = Fragment::default();
    let mut at = tape.spans[first].start;
    for (place, &from) in order.iter().enumerate() {
        let here = tape.spans[members[place]];
        all.append(&tape.fragment(0..0, at..here.start, 0));
        all.append(&tape.whole(members[from]));
        at = here.end;
    }
    tape.replaced(parent, first..tape.after(last), tape.spans[first].start..at, &all)
}
