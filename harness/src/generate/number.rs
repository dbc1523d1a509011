//! Numbers at the edges of their types.

use super::Generator;
use super::text::CANARY_DIGITS;
use crate::tape::Source;
use proofhouse_models::mapper::FieldType;
use proofhouse_models::value::{AttributeValue, Number};

/// Decimals that binary floats, 64-bit integers or 28-digit decimals cannot hold, and the limits of DynamoDB.
const DECIMALS: [&str; 22] = [
    "0.1",
    "1.5",
    "-1",
    "0.30000000000000004",
    "9007199254740993",
    "-9007199254740993",
    "9223372036854775807",
    "9223372036854775808",
    "18446744073709551615",
    "18446744073709551616",
    "0.1234567890123456789",
    "12345678901234567890123456789012345678",
    "-12345678901234567890123456789012345678",
    "99999999999999999999999999999999999999",
    "0.00000000000000000000000000000000000001",
    "1E20",
    "1E21",
    "1E125",
    "-1E125",
    "9.9999999999999999999999999999999999999E125",
    "1E-130",
    "-1E-130",
];

/// Doubles in their shortest digits, within the limits of DynamoDB.
const DOUBLES: [&str; 16] = [
    "0.1",
    "1.5",
    "-0.5",
    "0.30000000000000004",
    "1E20",
    "1E21",
    "1E22",
    "1E-7",
    "9007199254740992",
    "-9007199254740992",
    "123456789.123",
    "0.000001",
    "1.7976931348623157E100",
    "5E-100",
    "2.220446049250313E-16",
    "1E125",
];

/// Numbers that DynamoDB cannot hold.
const ILLEGAL: [&str; 5] = [
    "123456789012345678901234567890123456789",
    "0.123456789012345678901234567890123456789",
    "1E126",
    "-1E126",
    "1E-131",
];

impl Generator<'_> {
    /// A number of the type, zero included where the case holds zeros.
    pub fn number(&mut self, source: &mut Source, kind: &FieldType) -> Number {
        let value = self.pooled(
            source,
            kind.kind_name(),
            |this, source| AttributeValue::N(this.fresh_number(source, kind)),
            |this, source, value| match value {
                AttributeValue::N(number) => AttributeValue::N(this.near_number(source, kind, number)),
                other => other.clone(),
            },
        );
        match value {
            AttributeValue::N(number) if self.swarm.illegal || number.is_legal() => number,
            _ => Number::from(1_i64),
        }
    }

    fn fresh_number(&mut self, source: &mut Source, kind: &FieldType) -> Number {
        let swarm = self.swarm;
        let weight = |on: bool, weight: u32| if on { weight } else { 0 };
        let bounds = kind.integer_bounds();
        let choice = *source.weighted(&[
            (55, 0),
            (weight(swarm.zeros, 15), 1),
            (weight(swarm.boundaries, 40), 2),
            (10, 3),
            (weight(swarm.illegal && *kind == FieldType::Decimal, 25), 4),
            (weight(swarm.canaries && wide(kind), 60), 5),
            (weight(swarm.boundaries && *kind == FieldType::Decimal, 25), 6),
        ]);
        match (choice, bounds) {
            (1, _) => Number::from(0_i64),
            (2, Some((low, high))) => {
                let wide = 1_i128 << 53;
                let edges =
                    [high, low, high - 1, low + 1, wide + 1, wide, wide - 1, -wide - 1, -1, 1 << 31, 1 << 32];
                let edge = *source.pick(&edges);
                Number::from(if (low..=high).contains(&edge) { edge } else { high })
            }
            (2, None) => {
                let list: &[&str] = if *kind == FieldType::Float64 { &DOUBLES } else { &DECIMALS };
                parsed(list[source.below(list.len())])
            }
            (3, Some((low, high))) => {
                let low = low.max(-1_000);
                let high = high.min(1_000);
                Number::from(source.integer_towards(low as i64..=high as i64, 1))
            }
            (3, None) => parsed(&format!("{}.{}", source.integer(-99..=99), source.pick(&["5", "25", "75"]))),
            (4, _) => parsed(ILLEGAL[source.below(ILLEGAL.len())]),
            (6, _) => long_decimal(source),
            (5, _) => parsed(&format!("{CANARY_DIGITS}{:04}", source.below(10_000))),
            _ => Number::from(source.integer_towards(1..=9, 1)),
        }
    }

    /// A number that differs little and still fits the type.
    fn near_number(&mut self, source: &mut Source, kind: &FieldType, number: &Number) -> Number {
        let step = *source.pick(&[1_i128, -1, 10]);
        let Some(near) = number.to_i128().and_then(|value| value.checked_add(step)) else {
            return number.clone();
        };
        let fits = match kind.integer_bounds() {
            Some((low, high)) => (low..=high).contains(&near),
            None => near.unsigned_abs() < 1 << 53,
        };
        if fits && (near != 0 || self.swarm.zeros) { Number::from(near) } else { number.clone() }
    }
}

/// A decimal of up to 38 digits with the point anywhere: where a mapper's arithmetic ends, it is rounded.
fn long_decimal(source: &mut Source) -> Number {
    let digits = source.integer_towards(1..=38, 1) as usize;
    let whole = source.integer_towards(0..=digits as i64, digits as i64) as usize;
    let text: String = "1234567890".chars().cycle().take(digits).collect();
    parsed(&format!("0{}.{}0", &text[..whole], &text[whole..]))
}

fn wide(kind: &FieldType) -> bool {
    matches!(kind, FieldType::Decimal | FieldType::Int64 | FieldType::Uint64)
}

/// A number from text; the lists above hold only numbers.
pub fn parsed(text: &str) -> Number {
    text.parse().unwrap_or_else(|_| Number::from(1_i64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lists_hold_what_they_say() {
        for text in DECIMALS {
            assert!(text.parse::<Number>().expect("a number").is_legal(), "{text}");
        }
        for text in DOUBLES {
            let number: Number = text.parse().expect("a number");
            let double: f64 = text.parse().expect("a double");
            assert!(number.is_legal(), "{text}");
            assert_eq!(format!("{double:e}").parse::<Number>().expect("a number"), number, "{text}");
        }
        for text in ILLEGAL {
            assert!(!text.parse::<Number>().expect("a number").is_legal(), "{text}");
        }
    }
}
