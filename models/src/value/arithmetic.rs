//! Exact sums, as `SET a = a + :v` and `ADD` need them.
//!
//! DynamoDB never rounds: a result that needs more than 38 digits, or leaves the range of magnitudes, is refused.

use super::number::Number;

/// A sum that DynamoDB refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ArithmeticError {
    /// The exact result needs more than 38 significant digits.
    #[error("the result needs more than 38 significant digits")]
    Digits,
    /// The result is larger than 9.99…E+125 or, short of zero, smaller than 1E-130.
    #[error("the result leaves the range of DynamoDB's numbers")]
    Magnitude,
    /// One of the operands is itself no legal number.
    #[error("an operand is no number that DynamoDB keeps")]
    Operand,
}

impl Number {
    /// The exact sum.
    ///
    /// # Errors
    /// [`ArithmeticError`] where DynamoDB refuses the operands or the result.
    pub fn add(&self, other: &Self) -> Result<Self, ArithmeticError> {
        // Legal operands lie within some 300 decimal places, so the columns below stay short.
        if !self.is_legal() || !other.is_legal() {
            return Err(ArithmeticError::Operand);
        }
        let (low, high) = match (self.is_zero(), other.is_zero()) {
            (true, _) => return Ok(other.clone()),
            (_, true) => return Ok(self.clone()),
            _ => (self.exponent().min(other.exponent()), self.magnitude().max(other.magnitude()) + 1),
        };
        // Columns from the lowest place up, with one place for a carry.
        let width = (high - low + 1) as usize;
        let columns = |number: &Self| {
            let mut columns = vec![0_i8; width];
            for (place, digit) in number.digits().iter().rev().enumerate() {
                columns[(number.exponent() - low) as usize + place] = *digit as i8;
            }
            columns
        };
        let (mut left, mut right) = (columns(self), columns(other));
        let same_sign = self.is_negative() == other.is_negative();
        let mut negative = self.is_negative();
        if !same_sign && left.iter().rev().lt(right.iter().rev()) {
            std::mem::swap(&mut left, &mut right);
            negative = other.is_negative();
        }
        let mut carry = 0;
        for (column, other) in left.iter_mut().zip(&right) {
            let sum = *column + carry + if same_sign { *other } else { -*other };
            carry = sum.div_euclid(10);
            *column = sum.rem_euclid(10);
        }
        let digits = left.iter().rev().map(|digit| *digit as u8).collect();
        let sum = Self::canonical(negative, digits, low);
        match sum.is_legal() {
            true => Ok(sum),
            false if sum.significant_digits() > super::number::MAX_DIGITS => Err(ArithmeticError::Digits),
            false => Err(ArithmeticError::Magnitude),
        }
    }

    /// The exact difference.
    ///
    /// # Errors
    /// As for [`Number::add`].
    pub fn subtract(&self, other: &Self) -> Result<Self, ArithmeticError> {
        self.add(&other.negated())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(text: &str) -> Number {
        text.parse().expect("a number")
    }

    #[test]
    fn sums_are_exact() {
        for (left, right, sum) in [
            ("1", "2", "3"),
            ("0.1", "0.2", "0.3"),
            ("99", "1", "100"),
            ("-5", "3", "-2"),
            ("5", "-5", "0"),
            ("0", "-7", "-7"),
            ("1E20", "1E-10", "100000000000000000000.0000000001"),
            ("12345678901234567890123456789012345678", "1", "12345678901234567890123456789012345679"),
        ] {
            assert_eq!(number(left).add(&number(right)), Ok(number(sum)), "{left} + {right}");
            assert_eq!(number(sum).subtract(&number(right)), Ok(number(left)), "{sum} - {right}");
        }
    }

    #[test]
    fn a_sum_of_more_than_38_digits_is_refused() {
        assert_eq!(number("1E37").add(&number("0.1")), Err(ArithmeticError::Digits));
        assert_eq!(number("1E125").subtract(&number("1E-130")), Err(ArithmeticError::Digits));
    }

    #[test]
    fn a_sum_out_of_range_is_refused() {
        assert_eq!(number("9E125").add(&number("9E125")), Err(ArithmeticError::Magnitude));
        assert_eq!(number("1.2E-130").subtract(&number("1.1E-130")), Err(ArithmeticError::Magnitude));
        assert_eq!(number("1E126").add(&number("1")), Err(ArithmeticError::Operand));
    }

    proptest::proptest! {
        #[test]
        fn sums_agree_with_machine_integers(left: i64, right: i64) {
            let sum = i128::from(left) + i128::from(right);
            proptest::prop_assert_eq!(Number::from(left).add(&Number::from(right)), Ok(Number::from(sum)));
        }
    }
}
