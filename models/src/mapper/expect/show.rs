//! Values as a person reads them: `L["x"]`, `M{a: 1}`, `NULL`, `absent`.

use crate::mapper::Operand;
use crate::value::{AttributeValue, Item, Number};

/// Longest text that is shown whole, in characters.
const LONGEST: usize = 80;

/// A value: strings in quotes, numbers bare, the other types behind their type key.
pub fn show(value: &AttributeValue) -> String {
    match value {
        AttributeValue::S(text) => quoted(text),
        AttributeValue::N(number) => number.to_string(),
        AttributeValue::B(bytes) => format!("B{}", hex(bytes)),
        AttributeValue::Bool(value) => value.to_string(),
        AttributeValue::Null => "NULL".to_owned(),
        AttributeValue::L(list) => format!("L[{}]", joined(list.iter().map(show))),
        AttributeValue::M(map) => format!("M{}", show_item(map)),
        AttributeValue::Ss(set) => format!("SS[{}]", joined(set.iter().map(|text| quoted(text)))),
        AttributeValue::Ns(set) => format!("NS[{}]", joined(set.iter().map(Number::to_string))),
        AttributeValue::Bs(set) => format!("BS[{}]", joined(set.iter().map(|bytes| hex(bytes)))),
    }
}

/// A value, or `absent`.
pub fn show_option(value: Option<&AttributeValue>) -> String {
    value.map_or_else(|| "absent".to_owned(), show)
}

/// An operand: its value, or `$absent`.
pub fn show_operand(operand: &Operand) -> String {
    operand.value().map_or_else(|| "$absent".to_owned(), show)
}

/// An item: `{a: 1, b: "x"}`.
pub fn show_item(item: &Item) -> String {
    format!(
        "{{{}}}",
        joined(item.iter().map(|(name, value)| format!("{}: {}", show_name(name), show(value))))
    )
}

/// A name, in quotes where it is not a plain word.
pub fn show_name(name: &str) -> String {
    let plain = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if plain { name.to_owned() } else { quoted(name) }
}

fn quoted(text: &str) -> String {
    let length = text.chars().count();
    if length <= LONGEST {
        return format!("{text:?}");
    }
    let head: String = text.chars().take(LONGEST / 2).collect();
    format!("{head:?}… ({length} characters)")
}

fn hex(bytes: &[u8]) -> String {
    let shown: String = bytes.iter().take(LONGEST / 2).map(|byte| format!("{byte:02x}")).collect();
    if bytes.len() <= LONGEST / 2 {
        format!("<{shown}>")
    } else {
        format!("<{shown}… {} bytes>", bytes.len())
    }
}

fn joined(parts: impl ExactSizeIterator<Item = String>) -> String {
    let count = parts.len();
    let mut list: Vec<String> = parts.take(12).collect();
    if count > list.len() {
        list.push(format!("… {count} in all"));
    }
    list.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_read_as_in_a_finding() {
        let list = AttributeValue::L(vec![AttributeValue::S("x".into()), AttributeValue::number(1)]);
        assert_eq!(show(&list), r#"L["x", 1]"#);
        assert_eq!(show(&AttributeValue::L(vec![])), "L[]");
        assert_eq!(show_option(None), "absent");
        let map = AttributeValue::M([("a b".to_owned(), AttributeValue::Null)].into());
        assert_eq!(show(&map), r#"M{"a b": NULL}"#);
    }

    #[test]
    fn long_values_are_cut() {
        let text = show(&AttributeValue::S("x".repeat(5000)));
        assert!(text.len() < 100 && text.ends_with("(5000 characters)"), "{text}");
    }
}
