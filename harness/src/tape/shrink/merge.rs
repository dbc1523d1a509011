//! Merges two sibling lists into one: the elements of the second are put behind those of the first.

use super::search::Search;
use crate::tape::{Span, SpanKind, Tape};

pub(super) fn run(search: &mut Search<'_>) {
    let mut list = 0;
    while list < search.best().spans.len() && !search.is_over() {
        let best = search.best();
        let merged = (best.spans[list].kind == SpanKind::List).then(|| next_list(best, list)).flatten();
        let candidate = merged.map(|next| merge(best, list, next));
        if !candidate.is_some_and(|candidate| search.consider(candidate)) {
            list += 1;
        }
    }
}

/// The next list of the same label at the same depth below the same span or its neighbour.
fn next_list(tape: &Tape, list: usize) -> Option<usize> {
    let Span { label, depth, .. } = tape.spans[list];
    (tape.after(list)..tape.spans.len()).take_while(|&at| tape.spans[at].depth + 1 >= depth).find(|&at| {
        tape.spans[at].depth == depth
            && tape.spans[at].kind == SpanKind::List
            && tape.spans[at].label == label
    })
}

/// All elements in the first list; the second, and the element in which it was, are gone.
fn merge(tape: &Tape, first: usize, second: usize) -> Tape {
    let moved = tape.members(Some(second));
    let (Some(&head), Some(&tail)) = (moved.first(), moved.last()) else { return tape.clone() };
    let choices = tape.spans[head].start..tape.spans[tail].end;
    let elements = tape.fragment(head..tape.after(tail), choices, tape.spans[head].depth);
    // First the later place, so that the indexes of the earlier stay as they are.
    let parent = tape.parent(second);
    let around = parent.filter(|&parent| tape.spans[parent].kind == SpanKind::Element);
    let gone = around.unwrap_or(second);
    let rest = tape.without(tape.parent(gone), gone, gone);
    let (spans, end) = match rest.children(Some(first)).into_iter().find(|&span| rest.is_list_end(span)) {
        Some(stop) => (stop, rest.spans[stop].start),
        None => (rest.after(first), rest.spans[first].end),
    };
    rest.replaced(Some(first), spans..spans, end..end, &elements)
}
