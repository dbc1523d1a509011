//! Lowers a length and deletes what it counts, where the length was drawn before the elements.
//!
//! A number is a length if the run with one less asks for fewer choices: as many as an element has. Elements that are
//! no longer counted fall away at the end, so the bug is lost when it sits there. This pass takes them out elsewhere
//! instead, from the first element on, as many at once as it can.
use super::search::{Search, grow};
use crate::tape::Tape;
use std::ops::Range;

pub(super) fn run(search: &mut Search<'_>) {
    let mut at = 0;
    while at < search.best().choices.len() && !search.is_over() {
        if let Some(width) = element_width(search, at) {
            shorten(search, at, width);
        }
        at += 1;
    }
}

/// How many choices an element has that the number counts; none where it counts nothing.
fn element_width(search: &mut Search<'_>, at: usize) -> Option<usize> {
    let choice = search.best().choices[at];
    if choice.last_rank() < 2 || choice.value <= choice.simplest {
        return None;
    }
    let lower = search.best().with(&[(at, choice.value - 1)]);
    if search.consider(lower.clone()) {
        return None;
    }
    Some(search.shorter_by(&lower)).filter(|width| *width > 0)
}

fn shorten(search: &mut Search<'_>, at: usize, width: usize) {
    let mut first = at + 1;
    let mut left = search.best().choices[at].distance();
    while left > 0 && !search.is_over() {
        let base = search.best().clone();
        let Some(&length) = base.choices.get(at) else { return };
        let deleted = grow(left.min(length.distance()), |count| {
            elements(&base, first, count as usize, width).is_some_and(|cut| {
                let lower = base.with(&[(at, length.value - count as i64)]);
                search.consider(lower.without_choices(cut))
            })
        });
        // The element that is here now has to stay.
        let Some(stays) = elements(search.best(), first, 1, width) else { return };
        first = stays.end;
        left = left.saturating_sub(deleted + 1);
    }
}

/// The choices of so many elements from a position on: sibling spans where one begins there, else of equal width.
fn elements(tape: &Tape, first: usize, count: usize, width: usize) -> Option<Range<usize>> {
    let Some(span) = tape.spans.iter().position(|span| span.start == first && span.end > first) else {
        let end = first + count * width;
        return (end <= tape.choices.len()).then_some(first..end);
    };
    let siblings = tape.members(tape.parent(span));
    let from = siblings.iter().position(|&sibling| sibling == span)?;
    let last = *siblings.get(from + count - 1)?;
    (tape.spans[last].label == tape.spans[span].label).then(|| first..tape.spans[last].end)
}
