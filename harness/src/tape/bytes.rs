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
