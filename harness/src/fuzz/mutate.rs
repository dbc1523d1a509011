//! Changes of bytes as libFuzzer makes them, for a fixed number of inputs without coverage.
//!
//! The kinds are libFuzzer's: a bit flipped, a byte changed, bytes inserted, erased, copied within the input,
//! exchanged, a run of one byte inserted, and two inputs crossed. A few of them are stacked on an input of the corpus.
//! Which changes are made depends on the seed alone.

use crate::engine::seed::case_seed;
use crate::tape::Source;

/// Most changes that are stacked on one input.
const STACKED: usize = 5;

/// Longest input that is made, in bytes: libFuzzer's own default.
const LONGEST: usize = 4_096;

/// A source of changed inputs.
pub struct Mutator {
    seed: u64,
    made: u64,
}

impl Mutator {
    /// A mutator whose changes follow from the seed.
    pub fn new(seed: u64) -> Self {
        Self { seed, made: 0 }
    }

    /// An input of the corpus with a few changes; of an empty corpus, a few bytes.
    pub fn next(&mut self, corpus: &[Vec<u8>]) -> Vec<u8> {
        // A source for each input: what a source records of its draws would grow without end.
        let mut random = Source::seeded(case_seed(self.seed, "mutated bytes", self.made));
        self.made += 1;
        let mut bytes = if corpus.is_empty() { Vec::new() } else { random.pick(corpus).clone() };
        for _ in 0..1 + random.below(STACKED) {
            change(&mut random, &mut bytes, corpus);
        }
        bytes.truncate(LONGEST);
        bytes
    }
}

fn change(random: &mut Source, bytes: &mut Vec<u8>, corpus: &[Vec<u8>]) {
    let length = bytes.len();
    let at = random.below(length + 1);
    let inside = at.min(length.saturating_sub(1));
    match random.below(10) {
        0 if length > 0 => bytes[inside] ^= 1 << random.below(8),
        1 if length > 0 => bytes[inside] = random.below(256) as u8,
        2 if length > 0 => {
            let step = 1 + random.below(16) as u8;
            let up = random.chance(50);
            bytes[inside] =
                if up { bytes[inside].wrapping_add(step) } else { bytes[inside].wrapping_sub(step) };
        }
        3 if length > 1 => {
            let count = 1 + random.below((length - inside).min(length / 2).max(1));
            bytes.drain(inside..(inside + count).min(length));
        }
        4 if length > 0 => {
            let from = random.below(length);
            let to = from + 1 + random.below(length - from);
            let copied = bytes[from..to].to_vec();
            bytes.splice(at..at, copied);
        }
        5 if length > 0 => {
            let from = random.below(length);
            let count = 1 + random.below(length - from.max(inside));
            bytes.copy_within(from..from + count, inside);
        }
        6 if length > 1 => {
            let other = random.below(length);
            bytes.swap(inside, other);
        }
        7 => {
            let (byte, count) = (random.below(256) as u8, 1 + random.below(32));
            bytes.splice(at..at, std::iter::repeat_n(byte, count));
        }
        8 if !corpus.is_empty() => {
            let other = random.pick(corpus);
            let from = random.below(other.len() + 1);
            bytes.truncate(at);
            bytes.extend_from_slice(&other[from..]);
        }
        9 if !corpus.is_empty() => {
            let other = random.pick(corpus);
            let from = random.below(other.len() + 1);
            let to = from + random.below(other.len() - from + 1);
            bytes.splice(at..at, other[from..to].iter().copied());
        }
        _ => {
            let few: Vec<u8> = (0..1 + random.below(4)).map(|_| random.below(256) as u8).collect();
            bytes.splice(at..at, few);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_seed_decides_the_changes() {
        let corpus = vec![vec![1; 40], vec![2; 9], vec![]];
        let run = |seed| {
            let mut mutator = Mutator::new(seed);
            (0..200).map(|_| mutator.next(&corpus)).collect::<Vec<_>>()
        };
        assert_eq!(run(1), run(1));
        assert_ne!(run(1), run(2));
    }

    #[test]
    fn inputs_shrink_grow_cross_and_stay_bounded() {
        let corpus = vec![vec![1; 40], vec![2; LONGEST]];
        let mut mutator = Mutator::new(3);
        let all: Vec<Vec<u8>> = (0..2_000).map(|_| mutator.next(&corpus)).collect();
        assert!(all.iter().any(|bytes| bytes.len() < 20));
        assert!(all.iter().any(|bytes| bytes.len() > 60 && bytes.len() < LONGEST));
        assert!(all.iter().any(|bytes| bytes.starts_with(&[1, 1, 1]) && bytes.ends_with(&[2, 2, 2])));
        assert!(all.iter().all(|bytes| bytes.len() <= LONGEST));
    }

    #[test]
    fn without_a_corpus_inputs_are_a_few_bytes() {
        let mut mutator = Mutator::new(4);
        let all: Vec<Vec<u8>> = (0..50).map(|_| mutator.next(&[])).collect();
        assert!(all.iter().all(|bytes| !bytes.is_empty()));
    }
}
