//! Tapes that were run already, so that no two evaluations tell the same.
//!
//! Whatever a candidate holds, the generator only sees what it asks for. So the cache is a tree over what the
//! generator did: which spans it opened and closed, which range it asked for, which value it got. A candidate is
//! looked up by reading it along the tree exactly as a replay would, without the generator. It hits when the values
//! that a replay would be given have been given before, also when the candidate differs in values that nobody reads.

use crate::tape::cursor::Cursor;
use crate::tape::{SpanKind, Tape};
use std::borrow::Cow;
use std::collections::HashMap;

/// What the generator does between two choices.
#[derive(Clone, Copy, Debug)]
enum Event {
    Enter(&'static str, SpanKind),
    Exit,
}

/// What follows the events.
#[derive(Clone, Copy, Debug)]
enum Next {
    Choice { min: i64, max: i64, simplest: i64 },
    End { interesting: bool },
}

#[derive(Debug)]
struct Node {
    events: Box<[Event]>,
    next: Next,
}

/// The cache takes in no more when it has so many nodes, about 150 MB.
const MOST_NODES: usize = 1_000_000;

/// All that was run.
#[derive(Debug, Default)]
pub(super) struct Cache {
    nodes: Vec<Node>,
    children: HashMap<(usize, i64), usize>,
}

impl Cache {
    /// Whether a candidate is interesting and how many choices it comes to, if a replay would do what an earlier run
    /// did.
    pub(super) fn get(&self, candidate: &Tape) -> Option<(bool, usize)> {
        let mut cursor = Cursor::new(Cow::Borrowed(candidate));
        let (mut at, mut length) = (0, 0);
        loop {
            let node = self.nodes.get(at)?;
            for event in &node.events {
                match *event {
                    Event::Enter(label, kind) => cursor.enter(label, kind),
                    Event::Exit => cursor.exit(),
                }
            }
            match node.next {
                Next::End { interesting } => return Some((interesting, length)),
                Next::Choice { min, max, simplest } => {
                    let value = cursor.next(min, max, simplest);
                    at = *self.children.get(&(at, value))?;
                    length += 1;
                }
            }
        }
    }

    /// Keeps the result of a run, by what was recorded in it.
    pub(super) fn insert(&mut self, recorded: &Tape, interesting: bool) {
        if self.nodes.len() > MOST_NODES {
            return;
        }
        let mut spans = recorded.spans.iter().peekable();
        let mut open: Vec<usize> = Vec::new();
        let mut at: Option<usize> = None;
        for position in 0..=recorded.choices.len() {
            let before = position.checked_sub(1).map(|before| recorded.choices[before].value);
            let known = match (at, before) {
                (Some(at), Some(value)) => self.children.get(&(at, value)).copied(),
                _ => (!self.nodes.is_empty()).then_some(0),
            };
            let mut events = Vec::new();
            loop {
                let opens = spans.peek().filter(|span| span.start == position && span.depth == open.len());
                if let Some(span) = opens {
                    events.push(Event::Enter(span.label, span.kind));
                    open.push(span.end);
                    spans.next();
                } else if open.last() == Some(&position) {
                    events.push(Event::Exit);
                    open.pop();
                } else {
                    break;
                }
            }
            let node = known.unwrap_or_else(|| {
                let next = match recorded.choices.get(position) {
                    Some(choice) => {
                        Next::Choice { min: choice.min, max: choice.max, simplest: choice.simplest }
                    }
                    None => Next::End { interesting },
                };
                self.nodes.push(Node { events: events.into(), next });
                let new = self.nodes.len() - 1;
                if let (Some(at), Some(value)) = (at, before) {
                    self.children.insert((at, value), new);
                }
                new
            });
            at = Some(node);
        }
    }
}
