//! What DynamoDB accepts as a value, a key and an item.
//!
//! [`check`] reads raw JSON and names every break with its path, because a value that is not legal often cannot be
//! held by a typed one at all: two type keys, a set with the same number twice.

use super::{AttributeValue, Number, item_size};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::Value;
use std::collections::BTreeSet;
use std::fmt;

/// Levels of lists and maps that a value may have: 32 with the attribute itself, so 31 containers around a scalar.
pub const MAX_NESTING: usize = 32;
/// Bytes of an item, names included.
pub const MAX_ITEM_SIZE: usize = 409_600;
/// Bytes of an attribute name.
pub const MAX_NAME: usize = 65_535;
/// Bytes of a partition key's value.
pub const MAX_PARTITION_KEY: usize = 2_048;
/// Bytes of a sort key's value.
pub const MAX_SORT_KEY: usize = 1_024;

/// A rule that a value can break.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ValueRule {
    /// Not an object.
    NotAnObject,
    /// An object without a type key.
    NoType,
    /// More than one type key.
    TwoTypes,
    /// A key that names no type.
    UnknownType,
    /// The content is not what its type key says.
    Content,
    /// NULL with any content but `true`.
    NullNotTrue,
    /// A text that is no decimal number.
    NotANumber,
    /// A number of more than 38 significant digits.
    NumberDigits,
    /// A number beyond 9.99…E+125 or, short of zero, below 1E-130.
    NumberMagnitude,
    /// Text that is not padded standard base64 in its canonical form.
    Base64,
    /// A set without members.
    EmptySet,
    /// A set with two members of equal value.
    DuplicateMember,
    /// A map or an item with an attribute named by the empty text.
    EmptyName,
    /// An attribute name of more than 65,535 bytes.
    NameLength,
    /// More than 32 levels.
    Nesting,
    /// An item of more than 400 KB.
    ItemSize,
    /// A key attribute with an empty string or empty bytes.
    EmptyKey,
    /// A key attribute longer than DynamoDB keeps.
    KeyLength,
    /// A key attribute that is no string, number or byte string.
    KeyType,
}

impl ValueRule {
    /// The stable name, for findings.
    pub fn name(self) -> &'static str {
        match self {
            Self::NotAnObject => "value_not_an_object",
            Self::NoType => "no_type_key",
            Self::TwoTypes => "two_type_keys",
            Self::UnknownType => "unknown_type_key",
            Self::Content => "content_of_another_type",
            Self::NullNotTrue => "null_not_true",
            Self::NotANumber => "not_a_number",
            Self::NumberDigits => "number_digits",
            Self::NumberMagnitude => "number_magnitude",
            Self::Base64 => "base64",
            Self::EmptySet => "empty_set",
            Self::DuplicateMember => "duplicate_set_member",
            Self::EmptyName => "empty_attribute_name",
            Self::NameLength => "attribute_name_length",
            Self::Nesting => "nesting",
            Self::ItemSize => "item_size",
            Self::EmptyKey => "empty_key",
            Self::KeyLength => "key_length",
            Self::KeyType => "key_type",
        }
    }
}

/// A rule that is broken, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValueBreak {
    /// Where in the value: `/name/0`, by map keys and list indexes; empty for the value itself.
    pub path: String,
    /// The rule.
    pub rule: ValueRule,
}

impl fmt::Display for ValueBreak {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {:?}", self.rule.name(), self.path)
    }
}

/// Every illegal part of one attribute value.
pub fn check(value: &Value) -> Vec<ValueBreak> {
    let mut breaks = Vec::new();
    check_value(value, "", 1, &mut breaks);
    breaks
}

/// Every illegal part of an item; its size too, where all of it reads.
pub fn check_item(item: &Value) -> Vec<ValueBreak> {
    let mut breaks = Vec::new();
    let Some(attributes) = item.as_object() else {
        return vec![ValueBreak { path: String::new(), rule: ValueRule::NotAnObject }];
    };
    for (name, value) in attributes {
        let path = format!("/{name}");
        check_name(name, &path, &mut breaks);
        check_value(value, &path, 1, &mut breaks);
    }
    if breaks.is_empty() && super::item_from_json(item).is_ok_and(|item| item_size(&item) > MAX_ITEM_SIZE) {
        breaks.push(ValueBreak { path: String::new(), rule: ValueRule::ItemSize });
    }
    breaks
}

/// What is wrong with the value of a key attribute of a table (an index's keys may be longer, never empty).
pub fn check_key(value: &AttributeValue, sort: bool) -> Option<ValueRule> {
    let length = match value {
        AttributeValue::S(text) => text.len(),
        AttributeValue::B(bytes) => bytes.len(),
        AttributeValue::N(_) => return None,
        _ => return Some(ValueRule::KeyType),
    };
    let longest = if sort { MAX_SORT_KEY } else { MAX_PARTITION_KEY };
    match length {
        0 => Some(ValueRule::EmptyKey),
        length if length > longest => Some(ValueRule::KeyLength),
        _ => None,
    }
}

/// Levels of a value: 1 for a scalar or set, one more for each list or map around it.
pub fn nesting(value: &AttributeValue) -> usize {
    match value {
        AttributeValue::L(list) => 1 + list.iter().map(nesting).max().unwrap_or(0),
        AttributeValue::M(map) => 1 + map.values().map(nesting).max().unwrap_or(0),
        _ => 1,
    }
}

fn check_name(name: &str, path: &str, breaks: &mut Vec<ValueBreak>) {
    let rule = match name.len() {
        0 => ValueRule::EmptyName,
        length if length > MAX_NAME => ValueRule::NameLength,
        _ => return,
    };
    breaks.push(ValueBreak { path: path.to_owned(), rule });
}

fn check_value(value: &Value, path: &str, level: usize, breaks: &mut Vec<ValueBreak>) {
    let mut broken = |rule| breaks.push(ValueBreak { path: path.to_owned(), rule });
    if level > MAX_NESTING {
        return broken(ValueRule::Nesting);
    }
    let Some(object) = value.as_object() else {
        return broken(ValueRule::NotAnObject);
    };
    let mut entries = object.iter();
    let Some((key, content)) = entries.next() else {
        return broken(ValueRule::NoType);
    };
    if entries.next().is_some() {
        return broken(ValueRule::TwoTypes);
    }
    match (key.as_str(), content) {
        ("S", Value::String(_)) | ("BOOL", Value::Bool(_)) | ("NULL", Value::Bool(true)) => {}
        ("NULL", Value::Bool(false)) => broken(ValueRule::NullNotTrue),
        ("N", Value::String(text)) => {
            if let Some(rule) = number_rule(text) {
                broken(rule);
            }
        }
        ("B", Value::String(text)) => {
            if BASE64.decode(text).is_err() {
                broken(ValueRule::Base64);
            }
        }
        ("L", Value::Array(list)) => {
            for (index, value) in list.iter().enumerate() {
                check_value(value, &format!("{path}/{index}"), level + 1, breaks);
            }
        }
        ("M", Value::Object(map)) => {
            for (name, value) in map {
                let path = format!("{path}/{name}");
                check_name(name, &path, breaks);
                check_value(value, &path, level + 1, breaks);
            }
        }
        ("SS" | "NS" | "BS", Value::Array(list)) => check_set(key, list, path, breaks),
        ("S" | "N" | "B" | "BOOL" | "NULL" | "L" | "M" | "SS" | "NS" | "BS", _) => broken(ValueRule::Content),
        _ => broken(ValueRule::UnknownType),
    }
}

fn check_set(key: &str, list: &[Value], path: &str, breaks: &mut Vec<ValueBreak>) {
    if list.is_empty() {
        breaks.push(ValueBreak { path: path.to_owned(), rule: ValueRule::EmptySet });
    }
    let mut seen = BTreeSet::new();
    for (index, member) in list.iter().enumerate() {
        let value = serde_json::json!({ &key[..1]: member.as_str().map_or(Value::Null, Value::from) });
        let mut found = Vec::new();
        check_value(&value, &format!("{path}/{index}"), 1, &mut found);
        let broken = !found.is_empty();
        breaks.append(&mut found);
        if broken {
            continue;
        }
        if let Ok(value) = AttributeValue::from_json(&value)
            && !seen.insert(value)
        {
            breaks.push(ValueBreak { path: format!("{path}/{index}"), rule: ValueRule::DuplicateMember });
        }
    }
}

fn number_rule(text: &str) -> Option<ValueRule> {
    let Ok(number) = text.parse::<Number>() else {
        return Some(ValueRule::NotANumber);
    };
    match number.is_legal() {
        true => None,
        false if number.significant_digits() > super::MAX_DIGITS => Some(ValueRule::NumberDigits),
        false => Some(ValueRule::NumberMagnitude),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn nested(levels: usize) -> Value {
        (0..levels).fold(json!({ "S": "x" }), |value, _| json!({ "M": { "a": value } }))
    }

    #[test]
    fn illegal_values_are_named_by_rule_and_path() {
        let cases = [
            (1, json!({ "N": "123456789012345678901234567890123456789" }), "", ValueRule::NumberDigits),
            (2, json!({ "N": "1E126" }), "", ValueRule::NumberMagnitude),
            (0, json!({ "N": "1E-131" }), "", ValueRule::NumberMagnitude),
            (7, json!({ "N": "1_000" }), "", ValueRule::NotANumber),
            (0, json!({ "N": "" }), "", ValueRule::NotANumber),
            (0, json!({ "N": "NaN" }), "", ValueRule::NotANumber),
            (9, json!({ "NS": ["1", "1.0"] }), "/1", ValueRule::DuplicateMember),
            (10, json!({ "SS": ["a", "b", "a"] }), "/2", ValueRule::DuplicateMember),
            (16, json!({ "BS": [] }), "", ValueRule::EmptySet),
            (16, json!({ "L": [{ "S": "" }, { "SS": [] }] }), "/1", ValueRule::EmptySet),
            (17, json!({ "S": "x", "N": "1" }), "", ValueRule::TwoTypes),
            (18, json!({ "M": { "": { "S": "x" } } }), "/", ValueRule::EmptyName),
            (0, json!({}), "", ValueRule::NoType),
            (0, json!("x"), "", ValueRule::NotAnObject),
            (0, json!({ "X": 1 }), "", ValueRule::UnknownType),
            (0, json!({ "N": 1 }), "", ValueRule::Content),
            (0, json!({ "SS": [1] }), "/0", ValueRule::Content),
            (0, json!({ "NULL": false }), "", ValueRule::NullNotTrue),
            (0, json!({ "B": "AAA" }), "", ValueRule::Base64),
            (0, json!({ "B": "AB==" }), "", ValueRule::Base64),
            (0, json!({ "B": "-_-_" }), "", ValueRule::Base64),
        ];
        for (fact, value, path, rule) in cases {
            let expected = ValueBreak { path: path.to_owned(), rule };
            assert_eq!(check(&value), [expected], "fact {fact}: {value}");
        }
    }

    #[test]
    fn legal_values_pass() {
        for (fact, value) in [
            (6, json!({ "N": "+3" })),
            (4, json!({ "N": "-0" })),
            (14, json!({ "S": "" })),
            (14, json!({ "B": "" })),
            (15, json!({ "SS": [""] })),
            (0, json!({ "L": [] })),
            (0, json!({ "M": {} })),
            (0, json!({ "N": "9.9999999999999999999999999999999999999E125" })),
            (74, nested(31)),
        ] {
            assert_eq!(check(&value), [], "fact {fact}: {value}");
        }
    }

    #[test]
    fn nesting_ends_at_32_levels_and_is_never_followed_further() {
        assert_eq!(check(&nested(32))[0].rule, ValueRule::Nesting, "fact 74");
        assert_eq!(check(&nested(300)).len(), 1);
        assert_eq!(AttributeValue::from_json(&nested(300)), Err(crate::value::ValueError::Depth));
    }

    #[test]
    fn an_item_may_have_400_kilobytes_and_not_a_byte_more() {
        let sized = |bytes: usize| json!({ "id": { "S": "a" }, "v": { "S": "x".repeat(bytes - 4) } });
        assert_eq!(check_item(&sized(409_600)), [], "fact 73");
        assert_eq!(check_item(&sized(409_601))[0].rule, ValueRule::ItemSize);
        let named = |bytes: usize| json!({ "x".repeat(bytes): { "S": "" } });
        assert_eq!(check_item(&named(65_535)), []);
        assert_eq!(check_item(&named(65_536))[0].rule, ValueRule::NameLength, "fact 75");
    }

    #[test]
    fn numbers_read_back_in_canonical_text() {
        for (fact, written, read) in [
            (4, "-0", "0"),
            (5, "00042", "42"),
            (5, "1.0", "1"),
            (5, "1.5E2", "150"),
            (6, "+3", "3"),
            (0, "1E-7", "0.0000001"),
            (0, "1e3", "1000"),
            (0, "-12.50", "-12.5"),
        ] {
            assert_eq!(written.parse::<Number>().expect("a number").to_string(), read, "fact {fact}");
        }
    }
}
