//! Sizes in bytes, as DynamoDB measures items.
//!
//! Names and strings count their UTF-8 bytes, binary its raw bytes, NULL and BOOL one. A list or map costs 3, its
//! contents, and 1 for each element. The developer guide only approximates numbers; the rule here was captured to
//! the byte: one, half of the digits before the point and half of those behind it, each rounded up, and one for
//! a minus sign.

use super::{AttributeValue, Item, Number};

/// The size of an item: every name and value.
pub fn item_size(item: &Item) -> usize {
    item.iter().map(|(name, value)| attribute_size(name, value)).sum()
}

/// The size of one attribute with its name.
pub fn attribute_size(name: &str, value: &AttributeValue) -> usize {
    name.len() + value_size(value)
}

/// The size of a value without a name.
pub fn value_size(value: &AttributeValue) -> usize {
    match value {
        AttributeValue::S(text) => text.len(),
        AttributeValue::N(number) => number_size(number),
        AttributeValue::B(bytes) => bytes.len(),
        AttributeValue::Bool(_) | AttributeValue::Null => 1,
        AttributeValue::L(list) => 3 + list.iter().map(|value| 1 + value_size(value)).sum::<usize>(),
        AttributeValue::M(map) => {
            3 + map.iter().map(|(name, value)| 1 + attribute_size(name, value)).sum::<usize>()
        }
        AttributeValue::Ss(set) => set.iter().map(String::len).sum(),
        AttributeValue::Ns(set) => set.iter().map(number_size).sum(),
        AttributeValue::Bs(set) => set.iter().map(Vec::len).sum(),
    }
}

fn number_size(number: &Number) -> usize {
    let digits = number.significant_digits();
    if digits == 0 {
        return 1;
    }
    let whole = (number.magnitude() + 1).clamp(0, digits as i64) as usize;
    1 + whole.div_ceil(2) + (digits - whole).div_ceil(2) + usize::from(number.is_negative())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn sizes_follow_the_captured_rules() {
        for (value, size) in [
            (json!({ "N": "3.14159" }), 5),
            (json!({ "N": "1E125" }), 2),
            (json!({ "N": "42" }), 2),
            (json!({ "N": "-42" }), 3),
            (json!({ "N": "0" }), 1),
            (json!({ "N": "0.001" }), 2),
            (json!({ "S": "é" }), 2),
            (json!({ "B": "AAAA" }), 3),
            (json!({ "BOOL": false }), 1),
            (json!({ "NULL": true }), 1),
            (json!({ "L": [] }), 3),
            (json!({ "L": [{ "S": "ab" }] }), 6),
            (json!({ "M": { "k": { "S": "ab" } } }), 7),
            (json!({ "SS": ["a", "bc"] }), 3),
        ] {
            assert_eq!(value_size(&AttributeValue::from_json(&value).expect("a value")), size, "{value}");
        }
    }
}
