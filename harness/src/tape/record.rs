//! The tape itself: recorded choices, the spans that group them, and the order in which tapes count as simple.

use super::Choice;
use std::cmp::Ordering;
use std::ops::Range;

/// Recorded choices, in the order in which they were asked for, and the spans that group them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Tape {
    /// The choices.
    pub choices: Vec<Choice>,
    /// The spans in the order in which they were opened, so that a span comes before all that it contains.
    pub spans: Vec<Span>,
}

/// A group of consecutive choices that belong together: a field, a list, an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Span {
    /// What the generator called it.
    pub label: &'static str,
    /// What the generator made of it.
    pub kind: SpanKind,
    /// Index of its first choice.
    pub start: usize,
    /// Index after its last choice; equal to `start` for a span without choices.
    pub end: usize,
    /// How many spans are around it.
    pub depth: usize,
}

/// What a span stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SpanKind {
    /// A group made by `Source::span`.
    Group,
    /// A whole list.
    List,
    /// One element of a list: the choice that asked for it (1), then its own choices. The last one of each list is
    /// the choice that ended it (0).
    Element,
}

/// A part of a tape that can be put elsewhere. Positions and depths count from its own beginning.
#[derive(Clone, Debug, Default)]
pub(super) struct Fragment {
    choices: Vec<Choice>,
    spans: Vec<Span>,
}

impl Fragment {
    /// Puts another fragment behind this one.
    pub(super) fn append(&mut self, other: &Fragment) {
        let by = self.choices.len();
        self.choices.extend_from_slice(&other.choices);
        self.spans.extend(other.spans.iter().map(|span| Span {
            start: span.start + by,
            end: span.end + by,
            ..*span
        }));
    }

    /// Its choices.
    pub(super) fn choices(&self) -> &[Choice] {
        &self.choices
    }
}

impl Tape {
    /// Which of two tapes is simpler: the one with fewer choices; among equally long ones the one whose first
    /// differing choice is nearer to its simplest value.
    pub fn simplicity(&self, other: &Self) -> Ordering {
        self.choices.len().cmp(&other.choices.len()).then_with(|| by_rank(&self.choices, &other.choices))
    }

    /// Index of the first span after the given one that is not inside it.
    pub(super) fn after(&self, span: usize) -> usize {
        let depth = self.spans[span].depth;
        (span + 1..self.spans.len()).find(|&at| self.spans[at].depth <= depth).unwrap_or(self.spans.len())
    }

    /// The spans directly inside the given one, or those at the outside.
    pub(super) fn children(&self, parent: Option<usize>) -> Vec<usize> {
        let (first, last) = match parent {
            Some(parent) => (parent + 1, self.after(parent)),
            None => (0, self.spans.len()),
        };
        let depth = parent.map_or(0, |parent| self.spans[parent].depth + 1);
        (first..last).filter(|&at| self.spans[at].depth == depth).collect()
    }

    /// The elements, groups and lists directly inside the given span, without the end of a list.
    pub(super) fn members(&self, parent: Option<usize>) -> Vec<usize> {
        let mut members = self.children(parent);
        members.retain(|&span| !self.is_list_end(span));
        members
    }

    /// Whether the span is the choice that ended a list.
    pub(super) fn is_list_end(&self, span: usize) -> bool {
        let Span { kind, start, end, .. } = self.spans[span];
        kind == SpanKind::Element && start < end && self.choices[start].value == 0
    }

    /// The choices and spans of a run of sibling spans, or of the inside of a span where `inside` is set.
    pub(super) fn fragment(&self, spans: Range<usize>, choices: Range<usize>, depth: usize) -> Fragment {
        Fragment {
            choices: self.choices[choices.clone()].to_vec(),
            spans: self.spans[spans]
                .iter()
                .map(|span| Span {
                    start: span.start - choices.start,
                    end: span.end - choices.start,
                    depth: span.depth - depth,
                    ..*span
                })
                .collect(),
        }
    }

    /// One span with all that it contains.
    pub(super) fn whole(&self, span: usize) -> Fragment {
        let at = self.spans[span];
        self.fragment(span..self.after(span), at.start..at.end, at.depth)
    }

    /// This tape with a run of choices, and of spans below `parent`, replaced by a fragment.
    pub(super) fn replaced(
        &self,
        parent: Option<usize>,
        spans: Range<usize>,
        choices: Range<usize>,
        with: &Fragment,
    ) -> Tape {
        let depth = parent.map_or(0, |parent| self.spans[parent].depth + 1);
        let moved = |position: usize| position - choices.len() + with.choices.len();
        let mut result = Tape {
            choices: Vec::with_capacity(moved(self.choices.len())),
            spans: Vec::with_capacity(self.spans.len() - spans.len() + with.spans.len()),
        };
        result.choices.extend_from_slice(&self.choices[..choices.start]);
        result.choices.extend_from_slice(&with.choices);
        result.choices.extend_from_slice(&self.choices[choices.end..]);
        result.spans.extend_from_slice(&self.spans[..spans.start]);
        let mut around = parent;
        while let Some(ancestor) = around {
            result.spans[ancestor].end = moved(result.spans[ancestor].end);
            around = self.parent(ancestor);
        }
        result.spans.extend(with.spans.iter().map(|span| Span {
            start: span.start + choices.start,
            end: span.end + choices.start,
            depth: span.depth + depth,
            ..*span
        }));
        result.spans.extend(self.spans[spans.end..].iter().map(|span| Span {
            start: moved(span.start),
            end: moved(span.end),
            ..*span
        }));
        result
    }

    /// The span around the given one.
    pub(super) fn parent(&self, span: usize) -> Option<usize> {
        let depth = self.spans[span].depth;
        (0..span).rev().find(|&at| self.spans[at].depth < depth)
    }

    /// This tape without the siblings of a run.
    pub(super) fn without(&self, parent: Option<usize>, first: usize, last: usize) -> Tape {
        let choices = self.spans[first].start..self.spans[last].end;
        self.replaced(parent, first..self.after(last), choices, &Fragment::default())
    }

    /// This tape with one element of a list alone: the one around the span that is the `number`th with this label.
    pub(crate) fn with_only(&self, label: &str, number: usize) -> Option<Tape> {
        let inside = (0..self.spans.len()).filter(|&at| self.spans[at].label == label).nth(number)?;
        let element = self.parent(inside).filter(|&at| self.spans[at].kind == SpanKind::Element)?;
        let list = self.parent(element)?;
        let members = self.members(Some(list));
        let place = members.iter().position(|&member| member == element)?;
        let mut tape = self.clone();
        // What stands behind goes first: positions before it stay.
        if let [first, .., last] | [first @ last] = members[place + 1..] {
            tape = tape.without(Some(list), first, last);
        }
        if let [first, .., last] | [first @ last] = members[..place] {
            tape = tape.without(Some(list), first, last);
        }
        Some(tape)
    }

    /// This tape with nothing in the span: replayed, all in it is simplest. An element keeps the choice that asked
    /// for it, so that the list keeps its length.
    pub(super) fn emptied(&self, span: usize) -> Tape {
        let at = self.spans[span];
        let keep = usize::from(at.kind == SpanKind::Element && at.end > at.start);
        self.replaced(Some(span), span + 1..self.after(span), at.start + keep..at.end, &Fragment::default())
    }

    /// This tape without some choices; spans around them stay.
    pub(super) fn without_choices(&self, cut: Range<usize>) -> Tape {
        let moved = |at: usize| if at >= cut.end { at - cut.len() } else { at.min(cut.start) };
        Tape {
            choices: [&self.choices[..cut.start], &self.choices[cut.end..]].concat(),
            spans: self
                .spans
                .iter()
                .filter(|span| !(span.start >= cut.start && span.end <= cut.end && span.end > span.start))
                .map(|span| Span { start: moved(span.start), end: moved(span.end), ..*span })
                .collect(),
        }
    }

    /// This tape with other values at some positions.
    pub(super) fn with(&self, values: &[(usize, i64)]) -> Tape {
        let mut tape = self.clone();
        for (at, value) in values {
            tape.choices[*at].value = *value;
        }
        tape
    }

    /// This tape as a plain sequence: replayed without realignment.
    pub(super) fn flat(mut self) -> Tape {
        self.spans.clear();
        self
    }
}

/// The order of two sequences of choices, by the ranks of their values; a beginning comes before the whole.
pub(super) fn by_rank(one: &[Choice], other: &[Choice]) -> Ordering {
    one.iter().map(Choice::rank).cmp(other.iter().map(Choice::rank))
}

#[cfg(test)]
mod tests {
    use crate::tape::Source;

    fn numbers(source: &mut Source) -> Vec<Option<usize>> {
        source.list("item", 1..=9, |source| {
            source.chance(60).then(|| source.span("number", |source| source.below(1_000)))
        })
    }

    #[test]
    fn one_element_of_a_list_stays_alone() {
        let mut tried = 0;
        for seed in 0..50 {
            let mut source = Source::seeded(seed);
            let list = numbers(&mut source);
            let tape = source.into_tape();
            let held: Vec<usize> = list.into_iter().flatten().collect();
            for (at, number) in held.iter().enumerate() {
                let alone = tape.with_only("number", at).expect("an element");
                assert_eq!(numbers(&mut Source::replay(alone)), [Some(*number)], "{seed} {at}");
                tried += 1;
            }
            assert_eq!(tape.with_only("number", held.len()), None);
        }
        assert!(tried > 50, "{tried}");
    }
}
