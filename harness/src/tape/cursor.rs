//! Reading a tape again, while the generator may ask for something else than it did when it was recorded.
//!
//! A plain sequence goes out of step as soon as one choice too many or too few is asked for: all later values end up
//! in the wrong places. Spans mend that. When the generator opens a span that the tape has next (or later at the
//! same level), reading goes on at its beginning; when the generator closes it, reading goes on behind its end. What
//! is missing in a span is simplest, what is left over is dropped.

use super::{Choice, SpanKind, Tape};

/// A position in a tape that is being read again.
pub(super) struct Cursor<'tape> {
    tape: std::borrow::Cow<'tape, Tape>,
    /// The next choice.
    at: usize,
    /// The next span that could be opened.
    span: usize,
    /// Spans that the generator has open: the tape's span, where there is one.
    open: Vec<Option<usize>>,
    /// Where the innermost span of the tape ends.
    limit: usize,
    /// Depth of the tape's spans inside the innermost open one.
    depth: usize,
}

impl<'tape> Cursor<'tape> {
    pub(super) fn new(tape: std::borrow::Cow<'tape, Tape>) -> Self {
        let limit = tape.choices.len();
        Self { tape, at: 0, span: 0, open: Vec::new(), limit, depth: 0 }
    }

    /// The generator opens a span.
    pub(super) fn enter(&mut self, label: &'static str, kind: SpanKind) {
        let found = self.seek(label, kind);
        if let Some(found) = found {
            let span = self.tape.spans[found];
            self.at = span.start;
            self.limit = span.end;
            self.depth = span.depth + 1;
            self.span = found + 1;
        }
        self.open.push(found);
    }

    /// The next span of the tape with this label at the present level.
    fn seek(&self, label: &str, kind: SpanKind) -> Option<usize> {
        self.tape.spans[self.span.min(self.tape.spans.len())..]
            .iter()
            .enumerate()
            .take_while(|(_, span)| span.depth >= self.depth)
            .find(|(_, span)| {
                span.depth == self.depth && span.start >= self.at && span.kind == kind && span.label == label
            })
            .map(|(index, _)| self.span + index)
    }

    /// The generator closes the span that it opened last.
    pub(super) fn exit(&mut self) {
        let Some(Some(span)) = self.open.pop() else { return };
        self.at = self.tape.spans[span].end;
        self.depth = self.tape.spans[span].depth;
        while self.tape.spans.get(self.span).is_some_and(|next| next.depth > self.depth) {
            self.span += 1;
        }
        let around = self.open.iter().rev().find_map(|open| *open);
        self.limit = around.map_or(self.tape.choices.len(), |around| self.tape.spans[around].end);
    }

    /// The value for a choice from `min` to `max`: the tape's, or the simplest where it has none that fits.
    pub(super) fn next(&mut self, min: i64, max: i64, simplest: i64) -> i64 {
        if self.at >= self.limit {
            return simplest;
        }
        let Choice { value, .. } = self.tape.choices[self.at];
        self.at += 1;
        if (min..=max).contains(&value) { value } else { simplest }
    }
}
