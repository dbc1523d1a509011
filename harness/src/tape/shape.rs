//! How the seeded driver spreads its values.
//!
//! Most bugs sit at small values and at the ends of ranges; a uniform draw from 64 bits meets neither. So a wide
//! integer is one time in sixteen an end of its range, four times near its simplest value, three times of a random
//! magnitude (every other time a power of two or a neighbour of one), and uniform otherwise.

use super::Choice;
use rand_chacha::ChaCha8Rng;
use rand_core::RngCore;

/// What a choice is used for: decides its odds, never its range.
#[derive(Clone, Copy)]
pub(super) enum Shape<'weights> {
    /// A quantity, which likes ends, small values and powers of two.
    Quantity,
    /// All values alike.
    Uniform,
    /// 1 with this chance in percent, else 0.
    Percent(u32),
    /// An index with these weights.
    Weights(&'weights dyn Fn(usize) -> u32, u32),
}

/// A value of the choice's range.
#[inline(always)]
pub(super) fn draw(rng: &mut ChaCha8Rng, range: Choice, shape: Shape<'_>) -> i64 {
    if range.is_forced() {
        return range.min;
    }
    match shape {
        Shape::Uniform => uniform(rng, range),
        Shape::Percent(percent) => i64::from(below(rng, 100) < u64::from(percent)),
        Shape::Weights(weight, total) => {
            let mut at = below(rng, u64::from(total));
            let mut index = 0;
            while at >= u64::from(weight(index)) {
                at -= u64::from(weight(index));
                index += 1;
            }
            index as i64
        }
        Shape::Quantity if range.last_rank() < 16 => uniform(rng, range),
        Shape::Quantity => quantity(rng, range),
    }
}

fn quantity(rng: &mut ChaCha8Rng, range: Choice) -> i64 {
    let dice = rng.next_u32();
    let last = range.last_rank();
    match dice % 16 {
        0 => {
            let inside = i64::from(dice >> 8 & 3 == 3);
            if dice & 0x10 == 0 { range.min + inside } else { range.max - inside }
        }
        1..=4 => range.at_rank(below(rng, 32.min(last) + 1)),
        5..=7 => {
            let bits = 1 + below(rng, u64::from(64 - last.leading_zeros())) as u32;
            let top = 1u64 << (bits - 1);
            let distance = if dice & 0x10 == 0 {
                top | (rng.next_u64() & (top - 1))
            } else {
                top.wrapping_add(u64::from(dice >> 8 & 1)).wrapping_sub(u64::from(dice >> 9 & 1))
            };
            let sign = if dice & 0x20 == 0 { 1 } else { -1 };
            let value = i128::from(range.simplest) + sign * i128::from(distance);
            let mirrored = i128::from(range.simplest) - sign * i128::from(distance);
            [value, mirrored]
                .into_iter()
                .find_map(|value| i64::try_from(value).ok().filter(|value| range.holds(*value)))
                .unwrap_or_else(|| uniform(rng, range))
        }
        _ => uniform(rng, range),
    }
}

#[inline(always)]
fn uniform(rng: &mut ChaCha8Rng, range: Choice) -> i64 {
    let last = range.last_rank();
    let offset = if last == u64::MAX { rng.next_u64() } else { below(rng, last + 1) };
    range.min.wrapping_add_unsigned(offset)
}

/// A number below `count`, which is at least 1. The high half of a product: no division, and a bias below 2^-16 for
/// counts below 2^16, and below 2^-32 for those up to 2^32.
#[inline]
pub(super) fn below(rng: &mut ChaCha8Rng, count: u64) -> u64 {
    if count < 1 << 16 {
        return (u64::from(rng.next_u32()) * count) >> 32;
    }
    ((u128::from(rng.next_u64()) * u128::from(count)) >> 64) as u64
}
