//! Deletes an element of a list and puts a span of it in place of one of the same label before it: what a later
//! operation wrote is there from the start.

use super::search::Search;
use crate::tape::{SpanKind, Tape};
use std::cmp::Ordering;

/// Tapes with more spans are left alone: the pairs would cost more than they bring.
const MOST_SPANS: usize = 60;

pub(super) fn run(search: &mut Search<'_>) {
    let mut element = 0;
    while element < search.best().spans.len() && search.best().spans.len() <= MOST_SPANS && !search.is_over()
    {
        if !fold(search, element) {
            element += 1;
        }
    }
}

fn fold(search: &mut Search<'_>, element: usize) -> bool {
    let base = search.best().clone();
    if base.spans[element].kind != SpanKind::Element || base.is_list_end(element) {
        return false;
    }
    let rest = base.without(base.parent(element), element, element);
    (element + 1..base.after(element)).any(|inner| {
        (0..element).any(|earlier| {
            folded(&base, &rest, element, earlier, inner)
                .filter(|candidate| candidate.simplicity(&base) == Ordering::Less)
                .is_some_and(|candidate| search.consider(candidate))
        })
    })
}

/// The tape without the element, and with the span `inner` of it in the place of `earlier`; `None` where that is
/// around the element, of another label, or the same already.
fn folded(base: &Tape, rest: &Tape, element: usize, earlier: usize, inner: usize) -> Option<Tape> {
    let (to, from) = (base.spans[earlier], base.spans[inner]);
    let alike = to.label == from.label
        && to.kind == from.kind
        && !base.is_list_end(earlier)
        && !base.is_list_end(inner);
    let differs = base.choices[to.start..to.end] != base.choices[from.start..from.end];
    // What is before the element has the same place in the tape without it.
    (alike && differs && base.after(earlier) <= element).then(|| {
        rest.replaced(
            rest.parent(earlier),
            earlier..rest.after(earlier),
            to.start..to.end,
            &base.whole(inner),
        )
    })
}
