//! The byte driver: a fuzzer's bytes as choices, and choices as bytes.
//!
//! Few bytes a choice, read strictly forwards, so that a fuzzer's copies, insertions and deletions of bytes stay
//! copies, insertions and deletions of choices:
//!
//! - a choice with one possible value takes no byte;
//! - up to 256 values take one byte, the value's rank: 0 is the simplest, then its neighbours;
//! - a boolean with a chance is true for the highest bytes, as many as its chance asks for;
//! - a wider choice takes one byte below 192 for the first ranks, 192 and 196 for the ends of the range, and from 200 on
//!   a number of further bytes that hold the rank, low byte first;
//! - when the bytes end, every choice is the simplest, so lists end too.

use super::shape::Shape;
use super::{Choice, Tape};

const LOW_END: u8 = 192;
const HIGH_END: u8 = 196;
const LONG: u8 = 200;

/// Bytes that are read as choices.
pub(super) struct Bytes {
    bytes: Vec<u8>,
    at: usize,
}

impl Bytes {
    pub(super) fn new(bytes: &[u8]) -> Self {
        Self { bytes: bytes.to_vec(), at: 0 }
    }

    /// How many of the bytes were read.
    pub(super) fn read(&self) -> usize {
        self.at.min(self.bytes.len())
    }

    fn byte(&mut self) -> u8 {
        let byte = self.bytes.get(self.at).copied().unwrap_or(0);
        self.at += 1;
        byte
    }

    /// The value for a choice.
    pub(super) fn next(&mut self, range: Choice, shape: Shape<'_>) -> i64 {
        if range.is_forced() {
            return range.min;
        }
        let byte = self.byte();
        if let Shape::Percent(percent) = shape {
            let true_bytes = (percent * 256 / 100).clamp(1, 255) as u16;
            return i64::from(u16::from(byte) >= 256 - true_bytes);
        }
        let last = range.last_rank();
        if last < 256 {
            return range.at_rank(u64::from(byte) % (last + 1));
        }
        match byte {
            0..LOW_END => range.at_rank(u64::from(byte)),
            LOW_END..HIGH_END => range.min,
            HIGH_END..LONG => range.max,
            LONG.. => {
                let count = 1 + usize::from(byte - LONG) % width(last);
                let mut rank = 0u64;
                for shift in 0..count {
                    rank |= u64::from(self.byte()) << (8 * shift);
                }
                range.at_rank(if last == u64::MAX { rank } else { rank % (last + 1) })
            }
        }
    }
}

/// How many bytes hold a number up to `last`.
fn width(last: u64) -> usize {
    8 - last.leading_zeros() as usize / 8
}

impl Tape {
    /// Bytes from which the same generator draws this tape: the shortest ones that the byte driver reads so.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.choices.len());
        for choice in &self.choices {
            let (rank, last) = (choice.rank(), choice.last_rank());
            match last {
                0 => {}
                // Any boolean, with a chance or without, reads 255 as the other value.
                1 => bytes.push(if rank == 0 { 0 } else { 255 }),
                2..256 => bytes.push(rank as u8),
                _ if rank < u64::from(LOW_END) => bytes.push(rank as u8),
                _ if choice.value == choice.min => bytes.push(LOW_END),
                _ if choice.value == choice.max => bytes.push(HIGH_END),
                _ => {
                    let count = width(rank);
                    bytes.push(LONG + count as u8 - 1);
                    bytes.extend_from_slice(&rank.to_le_bytes()[..count]);
                }
            }
        }
        while bytes.last() == Some(&0) {
            bytes.pop();
        }
        bytes
    }
}

#[cfg(test)]
mod tests {
    use crate::tape::Source;

    type Thing = (Vec<i64>, bool, i64, u8, i64, &'static str);

    fn thing(source: &mut Source) -> Thing {
        (
            source.list("wide", 0..=20, |source| source.integer(i64::MIN..=i64::MAX)),
            source.chance(3),
            source.integer_towards(-300..=7000, 7000),
            *source.pick(&[7, 8, 9]),
            source.integer(5..=260),
            *source.weighted(&[(0, "never"), (3, "often"), (1, "seldom")]),
        )
    }

    #[test]
    fn a_tape_survives_the_way_through_bytes() {
        for seed in 0..500 {
            let mut source = Source::seeded(seed);
            let value = thing(&mut source);
            let bytes = source.tape().to_bytes();
            let mut again = Source::from_bytes(&bytes);
            assert_eq!(thing(&mut again), value);
            assert_eq!(again.tape(), source.tape());
            assert_eq!(again.tape().to_bytes(), bytes);
        }
    }

    #[test]
    fn no_bytes_give_the_simplest_of_everything() {
        let mut source = Source::from_bytes(&[]);
        assert_eq!(thing(&mut source), (vec![], false, 7000, 7, 5, "often"));
        assert!(source.tape().to_bytes().is_empty());
        assert_eq!(source.bytes_read(), 0);
    }

    #[test]
    fn one_byte_serves_256_values_and_its_value_is_the_rank() {
        let read = |bytes: &[u8]| {
            let mut source = Source::from_bytes(bytes);
            (source.integer(-128..=127), source.integer(0..=255), source.bytes_read())
        };
        assert_eq!(read(&[0, 0]), (0, 0, 2));
        assert_eq!(read(&[1, 1]), (1, 1, 2));
        assert_eq!(read(&[2, 255]), (-1, 255, 2));
        assert_eq!(read(&[255, 200]), (-128, 200, 2));
    }

    #[test]
    fn a_wide_choice_takes_one_byte_near_its_simplest_value_and_at_its_ends() {
        let read = |bytes: &[u8]| {
            let mut source = Source::from_bytes(bytes);
            (source.integer(0..=1_000_000), source.bytes_read())
        };
        assert_eq!(read(&[191, 9]), (191, 1));
        assert_eq!(read(&[192, 9]), (0, 1));
        assert_eq!(read(&[199, 9]), (1_000_000, 1));
        assert_eq!(read(&[200, 250, 9]), (250, 2));
        assert_eq!(read(&[201, 1, 1, 9]), (257, 3));
        assert_eq!(read(&[202, 1]), (1, 2));
    }

    #[test]
    fn the_last_byte_does_not_steer_the_first_choice() {
        let first = |last: u8| Source::from_bytes(&[5, 4, 3, last]).integer(0..=200);
        assert!((0..=255).all(|last| first(last) == 5));
    }

    #[test]
    fn copies_of_an_elements_bytes_are_copies_of_the_element() {
        let list =
            |bytes: &[u8]| Source::from_bytes(bytes).list("element", 0..=9, |source| source.integer(0..=9));
        let element = [255, 7];
        assert_eq!(list(&element.repeat(3)), [7, 7, 7]);
        assert_eq!(list(&[255, 1, 255, 2]), [1, 2]);
    }

    #[test]
    fn mutating_bytes_finds_a_bug_that_needs_two_operations_on_one_key() {
        let fails = |bytes: &[u8]| {
            let mut source = Source::from_bytes(bytes);
            let program = source.list("operation", 0..=20, |source| {
                (*source.pick(&["put", "delete", "get"]), source.integer(0..=50_000))
            });
            program.iter().enumerate().any(|(at, (name, key))| {
                *name == "delete" && *key > 1000 && program[..at].contains(&("put", *key))
            })
        };
        // A fuzzer without coverage: change, insert, delete or copy a few bytes of the empty input's successors.
        let mut random = Source::seeded(1);
        let found = (0..200_000).any(|_| {
            let mut bytes: Vec<u8> = (0..4).map(|_| random.below(256) as u8).collect();
            for _ in 0..random.below(6) {
                let at = random.below(bytes.len() + 1);
                match random.below(4) {
                    0 => bytes.insert(at, random.below(256) as u8),
                    1 if at < bytes.len() => bytes[at] = random.below(256) as u8,
                    2 if at < bytes.len() && bytes.len() > 1 => drop(bytes.remove(at)),
                    _ => {
                        let copy = bytes[..at].to_vec();
                        bytes.splice(at..at, copy);
                    }
                }
            }
            fails(&bytes)
        });
        assert!(found);
    }
}
