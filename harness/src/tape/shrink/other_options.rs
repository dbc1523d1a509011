//! Tries the other options of a choice among few, the less simple ones too: another kind of operation may show the
//! same with fewer choices.

use super::search::Search;
use crate::tape::{SpanKind, Tape};

/// A choice among more is left alone.
const MOST: u64 = 12;

pub(super) fn run(search: &mut Search<'_>) {
    let mut at = 0;
    while at < search.best().choices.len() && !search.is_over() {
        let choice = search.best().choices[at];
        if (2..MOST).contains(&choice.last_rank()) && decides(search.best(), at) {
            let _ = (choice.rank() + 1..=choice.last_rank())
                .any(|other| search.consider_values(&[(at, choice.at_rank(other))]));
        }
        at += 1;
    }
}

/// Whether the choice comes first in a span that has more: then it may decide what the rest is.
fn decides(tape: &Tape, at: usize) -> bool {
    tape.spans.iter().any(|span| {
        let first = span.start + usize::from(span.kind == SpanKind::Element);
        first == at && span.end > at + 1
    })
}
