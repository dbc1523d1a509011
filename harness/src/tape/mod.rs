//! The tape: recorded random choices, from which cases are generated and on which they are shrunk.
//!
//! # The idea
//!
//! A generator is a function from choices to a value. It asks a [`Source`] for integers in a range, booleans with a
//! chance, one of several options, lists; it does not ask where they come from. A random generator answers when
//! tests run, a fuzzer's bytes answer in a fuzz target, and a recorded tape answers in a replay. Whatever answers,
//! the source records each choice, and the record is the [`Tape`].
//!
//! Then nothing needs to know how to make a value simpler. To shrink a value, the tape is changed and the generator
//! runs again on what is left. So the result keeps every rule of the generator: a list that was drawn sorted stays
//! sorted, an index stays within its list, an operation only names fields of the model that was drawn before. A
//! choice that depends on others shrinks as well as one that stands alone.
//!
//! # Choices
//!
//! All choices are one kind of thing: a value in a range that has a simplest value. A boolean is 0 or 1, a pick is an
//! index, an odd-looking string is a list of picks. What the odds were is not recorded: it does not matter for what
//! the choices mean. The values of a range have an order: the simplest, then its neighbours by distance, the one
//! above before the one below ([`Choice::rank`]). The seeded driver draws ends of a range, small values and powers of
//! two more often than others, the byte driver spends one byte on most choices and reads 0 as the simplest.
//!
//! # Spans
//!
//! A flat sequence has a flaw: one choice less, and all that follows is read by the wrong questions. So generators
//! group choices in spans with a label, lists group each element, and the tape keeps the groups as a tree. A replay
//! uses them to stay in step. When the generator opens a span, reading goes on at the next span of that label at the
//! same level; when it closes it, reading goes on behind it. What a span lacks is simplest, what it has too much is
//! skipped. A boolean that is turned off, an operation that becomes another kind, a list that gets shorter: each
//! disturbs its own span only, so that many changes work at the first attempt that would otherwise have to be
//! guessed together with the deletions that belong to them.
//!
//! An element of a list begins with the choice that asked for it, and so does the end of the list. That makes lists
//! free of lengths: an element is deleted by leaving its span out.
//!
//! # The order
//!
//! The shrinker has to know what is simpler without looking at values. Fewer choices are simpler than many; of two
//! tapes of equal length that one is simpler which has the lower rank at the first difference
//! ([`Tape::simplicity`]). Every accepted step goes down in this order, which has no infinite way down, so the search
//! ends; and since it is a total order, one tape is the least, and two seeds that find the same bug have a chance to
//! end at the same case.
//!
//! # Passes
//!
//! A pass is one kind of change, in one file of [`mod@shrink`]. Some remove much: elements of lists with their
//! neighbours, elements together with their counterparts elsewhere, the inside of spans, a tree around one of its
//! subtrees. Some change the shape: another option, merged lists, sorted siblings, exchanged branches. Some lower
//! numbers: one, all equal ones, two by the same amount, one in favour of another, a length and what it counts. Each
//! grows its step while it succeeds, so that a long way costs a logarithm. Passes run in turn until none finds
//! anything; then the search is at a fixed point and says so, or it says which budget ended it.
//!
//! Running a case is dear, thinking is cheap. So all runs are kept in a tree by what the generator did in them
//! (`shrink/cache.rs`), and a candidate that would only lead to a known run is not run.
//!
//! # Afterwards
//!
//! [`explain()`] changes what is left, choice by choice, and tells what matters from what may be anything.
//! [`Tape::to_hint`] writes a tape into a case file and [`Tape::to_bytes`] into a fuzzer's corpus. The bridges make a
//! generator a proptest strategy or an `arbitrary` value, with this shrinker and this reading of bytes.

pub mod bridge_arbitrary;
pub mod bridge_proptest;
mod bytes;
mod choice;
mod cursor;
mod explain;
mod hint;
mod pool;
mod record;
mod shape;
pub mod shrink;
mod source;

pub use choice::Choice;
pub use explain::{Explanation, Influence, explain};
pub use hint::BadHint;
pub use pool::Pool;
pub use record::{Span, SpanKind, Tape};
pub use shrink::{Budget, Shrunk, Stopped, shrink};
pub use source::{Discard, Source};
