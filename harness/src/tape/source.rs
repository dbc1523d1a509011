//! Where generators get their choices from.

use super::bytes::Bytes;
use super::cursor::Cursor;
use super::shape::{self, Shape};
use super::{Choice, Span, SpanKind, Tape};
use rand_chacha::ChaCha8Rng;
use rand_core::SeedableRng;
use std::borrow::Cow;
use std::ops::RangeInclusive;

/// The choices lead to no case: a precondition does not hold. The text is short and stable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Discard(pub &'static str);

enum Driver {
    Seeded(Box<ChaCha8Rng>),
    Replay(Cursor<'static>),
    Bytes(Bytes),
}

/// A source of typed choices that records what it gave.
pub struct Source {
    driver: Driver,
    tape: Tape,
    open: Vec<usize>,
    labels: Vec<String>,
}

impl Source {
    /// Choices from a seed.
    pub fn seeded(seed: u64) -> Self {
        Self::new(Driver::Seeded(Box::new(ChaCha8Rng::seed_from_u64(seed))))
    }

    /// Choices from a tape; beyond its end, and where a value does not fit its range, the simplest. Where the tape
    /// has spans, reading goes back in step at each span that the generator opens or closes.
    pub fn replay(tape: Tape) -> Self {
        Self::new(Driver::Replay(Cursor::new(Cow::Owned(tape))))
    }

    /// Choices from a fuzzer's bytes; beyond their end the simplest.
    pub fn from_bytes(bytes: &[u8]) -> Self {
        Self::new(Driver::Bytes(Bytes::new(bytes)))
    }

    fn new(driver: Driver) -> Self {
        // Room for a usual case: growing from nothing costs more than drawing.
        let tape = Tape { choices: Vec::with_capacity(128), spans: Vec::with_capacity(64) };
        Self { driver, tape, open: Vec::with_capacity(16), labels: Vec::new() }
    }

    /// An integer in the range; the simplest is the one nearest to zero. From a seed, the ends of a wide range,
    /// small values and powers of two come more often than others.
    #[inline]
    pub fn integer(&mut self, range: RangeInclusive<i64>) -> i64 {
        let simplest = 0.clamp(*range.start(), *range.end());
        self.integer_towards(range, simplest)
    }

    /// An integer in the range, shrinking to `simplest`.
    ///
    /// # Panics
    /// On an empty range, and where `simplest` is outside.
    pub fn integer_towards(&mut self, range: RangeInclusive<i64>, simplest: i64) -> i64 {
        assert!(range.contains(&simplest), "{simplest} is not in {range:?}");
        self.draw(*range.start(), *range.end(), simplest, Shape::Quantity)
    }

    /// A number below `count` (at least 1), all alike; the simplest is 0.
    pub fn below(&mut self, count: usize) -> usize {
        self.draw(0, count.max(1) as i64 - 1, 0, Shape::Uniform) as usize
    }

    /// True with the given chance in percent; the simplest is false.
    pub fn chance(&mut self, percent: u32) -> bool {
        match percent {
            0 => false,
            100.. => true,
            percent => self.draw(0, 1, 0, Shape::Percent(percent)) == 1,
        }
    }

    /// One of the options, all alike; the simplest is the first.
    ///
    /// # Panics
    /// On an empty slice.
    #[inline]
    pub fn pick<'options, T>(&mut self, options: &'options [T]) -> &'options T {
        &options[self.below(options.len())]
    }

    /// One of the options by weight; the simplest is the first. One of weight 0 never comes.
    ///
    /// # Panics
    /// On an empty slice or weights that are all 0.
    pub fn weighted<'options, T>(&mut self, options: &'options [(u32, T)]) -> &'options T {
        let total: u32 = options.iter().map(|(weight, _)| weight).sum();
        let simplest = options.iter().position(|(weight, _)| *weight > 0).expect("a weight above 0");
        let weight = |index: usize| options[index].0;
        let mut index =
            self.draw(0, options.len() as i64 - 1, simplest as i64, Shape::Weights(&weight, total)) as usize;
        if options[index].0 == 0 {
            index = simplest;
            if let Some(choice) = self.tape.choices.last_mut() {
                choice.value = index as i64;
            }
        }
        &options[index].1
    }

    #[inline(always)]
    fn draw(&mut self, min: i64, max: i64, simplest: i64, shape: Shape<'_>) -> i64 {
        let mut choice = Choice { min, max, simplest, value: simplest };
        choice.value = match &mut self.driver {
            Driver::Seeded(rng) => shape::draw(rng, choice, shape),
            Driver::Replay(cursor) => cursor.next(min, max, simplest),
            Driver::Bytes(bytes) => bytes.next(choice, shape),
        };
        self.tape.choices.push(choice);
        choice.value
    }

    /// Groups the choices of `body`, so that the shrinker can delete, replace and move them together.
    pub fn span<R>(&mut self, label: &'static str, body: impl FnOnce(&mut Self) -> R) -> R {
        self.enter(label, SpanKind::Group);
        let result = body(self);
        self.exit();
        result
    }

    /// A list of `length` elements, each a span. The average length is small; the simplest is the shortest.
    pub fn list<R>(
        &mut self,
        label: &'static str,
        length: RangeInclusive<usize>,
        mut element: impl FnMut(&mut Self) -> R,
    ) -> Vec<R> {
        self.enter(label, SpanKind::List);
        let percent = self.eagerness();
        let mut list = Vec::new();
        loop {
            self.enter(label, SpanKind::Element);
            // Also recorded where the length leaves no choice, so that an element looks the same wherever it stands.
            let (min, max) = (i64::from(list.len() < *length.start()), i64::from(list.len() < *length.end()));
            let more = self.draw(min, max.max(min), min, Shape::Percent(percent)) == 1;
            let item = more.then(|| element(self));
            self.exit();
            match item {
                Some(item) => list.push(item),
                None => break,
            }
        }
        self.exit();
        list
    }

    /// The chance of a further element, in percent: drawn anew for each list, so that there are many short lists and
    /// some long ones.
    fn eagerness(&mut self) -> u32 {
        match &mut self.driver {
            Driver::Seeded(rng) => match shape::below(rng, 8) {
                0..4 => 60,
                4..7 => 78,
                _ => 92,
            },
            Driver::Replay(_) | Driver::Bytes(_) => 70,
        }
    }

    #[inline]
    fn enter(&mut self, label: &'static str, kind: SpanKind) {
        if let Driver::Replay(cursor) = &mut self.driver {
            cursor.enter(label, kind);
        }
        let at = self.tape.choices.len();
        let span = Span { label, kind, start: at, end: at, depth: self.open.len() };
        self.open.push(self.tape.spans.len());
        self.tape.spans.push(span);
    }

    #[inline]
    fn exit(&mut self) {
        if let Driver::Replay(cursor) = &mut self.driver {
            cursor.exit();
        }
        if let Some(span) = self.open.pop() {
            self.tape.spans[span].end = self.tape.choices.len();
        }
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

    /// How many bytes a source of bytes has read; 0 for others.
    pub fn bytes_read(&self) -> usize {
        match &self.driver {
            Driver::Bytes(bytes) => bytes.read(),
            Driver::Seeded(_) | Driver::Replay(_) => 0,
        }
    }

    /// What was given, with all spans closed that a panic left open.
    pub fn into_tape(mut self) -> Tape {
        while !self.open.is_empty() {
            self.exit();
        }
        self.tape
    }
}
