//! Decimal numbers of any length, equal by value.
//!
//! DynamoDB keeps 38 significant digits with magnitudes from 1E-130 to 9.99…E+125. A [`Number`] holds
//! any decimal so that an illegal one can be named instead of lost; [`Number::is_legal`] says which is which.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

/// Significant digits that DynamoDB keeps.
pub const MAX_DIGITS: usize = 38;

/// A decimal number in canonical form: `digits × 10^exponent`, without zeros at either end of `digits`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Number {
    negative: bool,
    /// Decimal digits, most significant first; empty means zero.
    digits: Vec<u8>,
    exponent: i64,
}

/// A text that is no number.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a number: {0:?}")]
pub struct NumberError(pub String);

impl Number {
    /// Whether the value is zero.
    pub fn is_zero(&self) -> bool {
        self.digits.is_empty()
    }

    /// Whether the value is below zero.
    pub fn is_negative(&self) -> bool {
        self.negative
    }

    /// Count of significant digits; zero has none.
    pub fn significant_digits(&self) -> usize {
        self.digits.len()
    }

    /// The decimal exponent of the first digit: 2 for `123`.
    pub fn magnitude(&self) -> i64 {
        if self.is_zero() { 0 } else { self.exponent.saturating_add(self.digits.len() as i64 - 1) }
    }

    /// Whether DynamoDB accepts the number: at most 38 digits, magnitude in -130..=125.
    pub fn is_legal(&self) -> bool {
        self.digits.len() <= MAX_DIGITS && (self.is_zero() || (-130..=125).contains(&self.magnitude()))
    }

    /// The value as an integer, where it is one that fits.
    pub fn to_i128(&self) -> Option<i128> {
        if self.is_zero() {
            return Some(0);
        }
        if self.exponent < 0 || self.magnitude() > 38 {
            return None;
        }
        let mut value: i128 = 0;
        let digits = self.digits.iter().copied().chain(std::iter::repeat_n(0, self.exponent as usize));
        for digit in digits {
            let digit = i128::from(digit);
            value = value.checked_mul(10)?;
            value = if self.negative { value.checked_sub(digit)? } else { value.checked_add(digit)? };
        }
        Some(value)
    }

    /// The value with the other sign.
    pub fn negated(&self) -> Self {
        Self { negative: !self.negative && !self.is_zero(), ..self.clone() }
    }

    /// Decimal digits, most significant first, without zeros at either end; none for zero.
    pub(super) fn digits(&self) -> &[u8] {
        &self.digits
    }

    /// The decimal exponent of the last digit.
    pub(super) fn exponent(&self) -> i64 {
        self.exponent
    }

    pub(super) fn canonical(negative: bool, mut digits: Vec<u8>, mut exponent: i64) -> Self {
        let leading = digits.iter().take_while(|digit| **digit == 0).count();
        digits.drain(..leading);
        while digits.last() == Some(&0) {
            digits.pop();
            exponent = exponent.saturating_add(1);
        }
        if digits.is_empty() {
            return Self { negative: false, digits, exponent: 0 };
        }
        Self { negative, digits, exponent }
    }
}

impl From<i64> for Number {
    fn from(value: i64) -> Self {
        Self::from(i128::from(value))
    }
}

impl From<i128> for Number {
    fn from(value: i128) -> Self {
        let digits = value.unsigned_abs().to_string().bytes().map(|byte| byte - b'0').collect();
        Self::canonical(value < 0, digits, 0)
    }
}

impl FromStr for Number {
    type Err = NumberError;

    fn from_str(text: &str) -> Result<Self, NumberError> {
        let error = || NumberError(text.chars().take(60).collect());
        let (negative, rest) = match text.as_bytes().first() {
            Some(b'-') => (true, &text[1..]),
            Some(b'+') => (false, &text[1..]),
            _ => (false, text),
        };
        let (mantissa, exponent) = match rest.find(['e', 'E']) {
            Some(at) => (&rest[..at], Some(&rest[at + 1..])),
            None => (rest, None),
        };
        let exponent: i64 = match exponent {
            None => 0,
            Some(text) => {
                let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
                if unsigned.is_empty()
                    || !unsigned.bytes().all(|byte| byte.is_ascii_digit())
                    || unsigned.len() > 15
                {
                    return Err(error());
                }
                text.parse().map_err(|_| error())?
            }
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        if whole.is_empty() && fraction.is_empty() {
            return Err(error());
        }
        let mut digits = Vec::with_capacity(whole.len() + fraction.len());
        for byte in whole.bytes().chain(fraction.bytes()) {
            if !byte.is_ascii_digit() {
                return Err(error());
            }
            digits.push(byte - b'0');
        }
        Ok(Self::canonical(negative, digits, exponent - fraction.len() as i64))
    }
}

impl fmt::Display for Number {
    /// Plain digits for a number that DynamoDB keeps, as it answers them; `d.dddE±n` for any other of a
    /// magnitude beyond 40 places.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_zero() {
            return f.write_str("0");
        }
        if self.negative {
            f.write_str("-")?;
        }
        let text: String = self.digits.iter().map(|digit| char::from(b'0' + digit)).collect();
        let magnitude = self.magnitude();
        let plain = if self.is_legal() { 200 } else { 40 };
        if self.exponent >= 0 && magnitude < plain {
            return write!(f, "{text}{}", "0".repeat(self.exponent as usize));
        }
        if self.exponent < 0 && (0..plain).contains(&magnitude) {
            let point = (magnitude + 1) as usize;
            return write!(f, "{}.{}", &text[..point], &text[point..]);
        }
        if (-plain..0).contains(&magnitude) {
            return write!(f, "0.{}{text}", "0".repeat((-magnitude - 1) as usize));
        }
        write!(f, "{}", &text[..1])?;
        if text.len() > 1 {
            write!(f, ".{}", &text[1..])?;
        }
        write!(f, "E{magnitude}")
    }
}

impl PartialOrd for Number {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Number {
    fn cmp(&self, other: &Self) -> Ordering {
        let sign = |number: &Self| match (number.is_zero(), number.negative) {
            (true, _) => 0,
            (false, true) => -1,
            (false, false) => 1,
        };
        let (left, right) = (sign(self), sign(other));
        if left != right || left == 0 {
            return left.cmp(&right);
        }
        let magnitude = self.magnitude().cmp(&other.magnitude()).then_with(|| self.digits.cmp(&other.digits));
        if left < 0 { magnitude.reverse() } else { magnitude }
    }
}
