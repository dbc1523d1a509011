//! A tape as compact text, for the hint in a case file.
//!
//! The values in decimal with a blank between, and `x` and a count behind a value that is repeated: `1 0x3 -7 2`.
//! Neither ranges nor spans are kept: the generator asks for them again. A hint is only as good as the generator is
//! unchanged; what a case file pins is the case itself.

use super::{Choice, Tape};
use std::fmt::Write;

/// A hint with so many choices is refused, so that no short text fills the memory.
const MOST: usize = 1_000_000;

/// The text is no hint; the position counts the words of the text from 0.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the hint's word {position}, {word:?}, is not a value or a value and its count, as in 7x3")]
pub struct BadHint {
    /// Which word.
    pub position: usize,
    /// The word.
    pub word: String,
}

impl Tape {
    /// The values as text.
    pub fn to_hint(&self) -> String {
        let mut text = String::new();
        for run in self.choices.chunk_by(|one, other| one.value == other.value) {
            let blank = if text.is_empty() { "" } else { " " };
            let value = run[0].value;
            let written = match run.len() {
                1 => write!(text, "{blank}{value}"),
                count => write!(text, "{blank}{value}x{count}"),
            };
            written.expect("writing into a string does not fail");
        }
        text
    }

    /// The tape with these values. It has no spans and its ranges hold only the values: replay it with the generator
    /// to have them.
    ///
    /// # Errors
    /// The first word that is neither a value nor a value with a count.
    pub fn from_hint(text: &str) -> Result<Self, BadHint> {
        let mut choices = Vec::new();
        for (position, word) in text.split_ascii_whitespace().enumerate() {
            let bad = || BadHint { position, word: word.chars().take(40).collect() };
            let (value, count) = word.split_once('x').unwrap_or((word, "1"));
            let value = value.parse().map_err(|_| bad())?;
            let count: usize = count.parse().map_err(|_| bad())?;
            if count > MOST - choices.len() {
                return Err(bad());
            }
            choices.extend(std::iter::repeat_n(
                Choice { min: value, max: value, simplest: value, value },
                count,
            ));
        }
        Ok(Self { choices, spans: Vec::new() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tape::Source;

    fn generate(source: &mut Source) -> Vec<(i64, bool)> {
        source.list("pair", 0..=9, |source| (source.integer(i64::MIN..=i64::MAX), source.chance(30)))
    }

    #[test]
    fn a_hint_leads_the_same_generator_to_the_same_value() {
        for seed in 0..200 {
            let mut source = Source::seeded(seed);
            let value = generate(&mut source);
            let tape = source.into_tape();
            let hint = tape.to_hint();
            let mut again = Source::replay(Tape::from_hint(&hint).expect("a hint that was just written"));
            assert_eq!(generate(&mut again), value);
            assert_eq!(again.into_tape(), tape);
        }
    }

    #[test]
    fn repeated_values_are_written_once() {
        let mut source = Source::replay(Tape::default());
        for _ in 0..50 {
            source.integer(0..=3);
        }
        source.integer(5..=9);
        assert_eq!(source.tape().to_hint(), "0x50 5");
        assert_eq!(Tape::default().to_hint(), "");
        assert_eq!(Tape::from_hint("").expect("no choices"), Tape::default());
    }

    #[test]
    fn what_is_no_hint_is_refused_with_its_place() {
        for text in ["1 two", "1 3x", "1 x3", "1 1x-1", "1 1x99999999999", "1 99999999999999999999"] {
            assert_eq!(Tape::from_hint(text).map_err(|bad| bad.position), Err(1), "{text}");
        }
    }
}
