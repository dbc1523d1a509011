//! What DynamoDB takes as a value, checked before anything is sent.
//!
//! Sources: the developer guide's limits (item 400 KB, nesting 32 levels, numbers of 38 digits, keys of 2,048
//! and 1,024 bytes). Where a limit is counted in more than one way, the stricter count is taken: refusing is
//! always right, sending something illegal never is.

use super::failure::{Failure, Result};
use proofhouse_models::value::{AttributeValue, Number};

/// Bytes of the largest item, names included.
pub const ITEM_BYTES: usize = 409_600;
/// Lists, maps and sets that may stand around a value inside an attribute.
const CONTAINERS: usize = 31;
/// Bytes of an attribute name.
const NAME_BYTES: usize = 65_535;

/// Refuses a value that DynamoDB would refuse: `depth` containers already stand around it.
///
/// # Errors
/// `encode`, naming the field and the limit.
pub fn check(field: &str, value: &AttributeValue, depth: usize) -> Result<()> {
    let nested = depth + usize::from(is_container(value));
    if nested > CONTAINERS {
        return Err(Failure::encode(field, "nested deeper than 32 levels"));
    }
    match value {
        AttributeValue::N(number) => check_number(field, number),
        AttributeValue::Ss(set) if set.is_empty() => Err(Failure::encode(field, "an empty set")),
        AttributeValue::Bs(set) if set.is_empty() => Err(Failure::encode(field, "an empty set")),
        AttributeValue::Ns(set) if set.is_empty() => Err(Failure::encode(field, "an empty set")),
        AttributeValue::Ns(set) => set.iter().try_for_each(|number| check_number(field, number)),
        AttributeValue::L(list) => list.iter().try_for_each(|element| check(field, element, nested)),
        AttributeValue::M(map) => map.iter().try_for_each(|(name, element)| {
            check_name(field, name)?;
            check(field, element, nested)
        }),
        _ => Ok(()),
    }
}

/// Refuses a name that no attribute or map key can have.
///
/// # Errors
/// `encode`, naming the field.
pub fn check_name(field: &str, name: &str) -> Result<()> {
    if name.is_empty() || name.len() > NAME_BYTES {
        return Err(Failure::encode(field, "a name is empty or longer than 64 KB"));
    }
    Ok(())
}

/// Refuses a value that cannot be a key: empty, or too long.
///
/// # Errors
/// `encode`, naming the field.
pub fn check_key(field: &str, value: &AttributeValue, limit: usize) -> Result<()> {
    let length = match value {
        AttributeValue::S(text) => text.len(),
        AttributeValue::B(bytes) => bytes.len(),
        AttributeValue::N(_) => 1,
        _ => return Err(Failure::encode(field, "a key is a string, a number or bytes")),
    };
    if length == 0 {
        return Err(Failure::encode(field, "a key is not empty"));
    }
    if length > limit {
        return Err(Failure::encode(field, "longer than a key may be"));
    }
    Ok(())
}

/// The bytes that a value counts with in an item; numbers are counted high.
pub fn size(value: &AttributeValue) -> usize {
    let number = |number: &Number| number.significant_digits() / 2 + 4;
    match value {
        AttributeValue::S(text) => text.len(),
        AttributeValue::N(n) => number(n),
        AttributeValue::B(bytes) => bytes.len(),
        AttributeValue::Bool(_) | AttributeValue::Null => 1,
        AttributeValue::L(list) => 3 + list.iter().map(|element| 1 + size(element)).sum::<usize>(),
        AttributeValue::M(map) => {
            3 + map.iter().map(|(name, element)| 1 + name.len() + size(element)).sum::<usize>()
        }
        AttributeValue::Ss(set) => set.iter().map(String::len).sum(),
        AttributeValue::Ns(set) => set.iter().map(number).sum(),
        AttributeValue::Bs(set) => set.iter().map(Vec::len).sum(),
    }
}

/// Whether a decimal number is a double: the text that a double prints as, or its exact value.
pub fn is_double(number: &Number) -> bool {
    let Ok(double) = number.to_string().parse::<f64>() else {
        return false;
    };
    if !double.is_finite() {
        return false;
    }
    let same = |text: String| text.parse::<Number>().is_ok_and(|printed| printed == *number);
    // 2^60 prints shortest as 1152921504606847000 and is exactly 1152921504606846976.
    same(format!("{double:e}")) || same(format!("{double:.0}")) || same(format!("{double:.40}"))
}

fn check_number(field: &str, number: &Number) -> Result<()> {
    if number.is_legal() { Ok(()) } else { Err(Failure::encode(field, "a number outside DynamoDB's range")) }
}

fn is_container(value: &AttributeValue) -> bool {
    matches!(
        value,
        AttributeValue::L(_)
            | AttributeValue::M(_)
            | AttributeValue::Ss(_)
            | AttributeValue::Ns(_)
            | AttributeValue::Bs(_)
    )
}
