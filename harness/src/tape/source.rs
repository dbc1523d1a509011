//! Where generators get their choices from.

use rand_chacha::ChaCha8Rng;
use rand_core::{RngCore, SeedableRng};
use std::ops::RangeInclusive;

/// One recorded choice: a value in a range, with the simplest value of that range.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Choice {
    /// Lowest possible value.
    pub min: i64,
    /// Highest possible value.
    pub max: i64,
    /// The value that shrinking goes to.
    pub simplest: i64,
    /// The value that was chosen.
    pub value: i64,
}

/// Recorded choices, in the order in which they were asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Tape {
    /// The choices.
    pub choices: Vec<Choice>,
}

/// The choices lead to no case: a precondition does not hold. The text is short and stable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Discard(pub &'static str);

enum Driver {
    Seeded(ChaCha8Rng),
    Replay(Tape),
}

/// A source of typed choices that records what it gave.
pub struct Source {
    driver: Driver,
    tape: Tape,
    labels: Vec<String>,
}

impl Source {
    /// Choices from a seed.
    pub fn seeded(seed: u64) -> Self {
        Self::new(Driver::Seeded(ChaCha8Rng::seed_from_u64(seed)))
    }

    /// Choices from a tape; beyond its end, and where a value does not fit its range, the simplest.
    pub fn replay(tape: Tape) -> Self {
        Self::new(Driver::Replay(tape))
    }

    fn new(driver: Driver) -> Self {
        Self { driver, tape: Tape::default(), labels: Vec::new() }
    }

    /// An integer in the range; the simplest is the one nearest to zero.
    pub fn integer(&mut self, range: RangeInclusive<i64>) -> i64 {
        let simplest = 0.clamp(*range.start(), *range.end());
        self.integer_towards(range, simplest)
    }

    /// An integer in the range, shrinking to `simplest`.
    pub fn integer_towards(&mut self, range: RangeInclusive<i64>, simplest: i64) -> i64 {
        let (min, max) = (*range.start(), *range.end());
        let position = self.tape.choices.len();
        let value = match &mut self.driver {
            Driver::Seeded(rng) => {
                let width = (i128::from(max) - i128::from(min) + 1) as u128;
                (i128::from(min) + (u128::from(rng.next_u64()) % width) as i128) as i64
            }
            Driver::Replay(tape) => tape
                .choices
                .get(position)
                .map(|choice| choice.value)
                .filter(|v| range.contains(v))
                .unwrap_or(simplest),
        };
        self.tape.choices.push(Choice { min, max, simplest, value });
        value
    }

    /// A number below `count` (at least 1); the simplest is 0.
    pub fn below(&mut self, count: usize) -> usize {
        self.integer(0..=count.max(1) as i64 - 1) as usize
    }

    /// True with the given chance in percent; the simplest is false.
    pub fn chance(&mut self, percent: u32) -> bool {
        match percent {
            0 => false,
            100.. => true,
            // The high values mean true, so that 0 is the simplest.
            percent => self.integer(0..=99) >= i64::from(100 - percent),
        }
    }

    /// One of the options; the simplest is the first.
    ///
    /// # Panics
    /// On an empty slice.
    pub fn pick<'options, T>(&mut self, options: &'options [T]) -> &'options T {
        &options[self.below(options.len())]
    }

    /// One of the options by weight; the simplest is the first.
    ///
    /// # Panics
    /// On an empty slice or weights that are all 0.
    pub fn weighted<'options, T>(&mut self, options: &'options [(u32, T)]) -> &'options T {
        let total: u32 = options.iter().map(|(weight, _)| weight).sum();
        let mut at = self.below(total as usize) as u32;
        for (weight, option) in options {
            if at < *weight {
                return option;
            }
            at -= weight;
        }
        unreachable!("the weights add up to the total")
    }

    /// Groups the choices of `body`, so that the shrinker can delete, replace and move them together.
    pub fn span<R>(&mut self, label: &'static str, body: impl FnOnce(&mut Self) -> R) -> R {
        let _ = label;
        body(self)
    }

    /// A list of `length` elements, each a span. The average length is small; the simplest is the shortest.
    pub fn list<R>(
        &mut self,
        label: &'static str,
        length: RangeInclusive<usize>,
        mut element: impl FnMut(&mut Self) -> R,
    ) -> Vec<R> {
        let mut list = Vec::new();
        while list.len() < *length.end() {
            let more = list.len() < *length.start();
            let item = self.span(label, |source| (more || source.chance(70)).then(|| element(source)));
            match item {
                Some(item) => list.push(item),
                None => break,
            }
        }
        list
    }

    /// Marks the case as one of a kind, for the distribution that `--labels` prints.
    pub fn label(&mut self, text: impl Into<String>) {
        self.labels.push(text.into());
    }

    /// The labels so far.
    pub fn labels(&self) -> &[String] {
        &self.labels
    }

    /// What was given so far.
    pub fn tape(&self) -> &Tape {
        &self.tape
    }
}
