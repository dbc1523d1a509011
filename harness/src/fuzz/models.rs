//! The models on any text: an answer or an error, never a panic; and what must hold of every answer.
//!
//! These are the bodies of fuzz targets, and of the tests that replay their corpora.

use proofhouse_models::expression::{
    Resolver, Substitutions, evaluate, parse_condition, parse_key_condition, parse_projection, parse_update,
};
use proofhouse_models::table::Tables;
use proofhouse_models::value::{AttributeValue, Item, check, item_from_json};
use serde_json::Value;

/// The four expression grammars.
pub fn expressions(text: &str) {
    let _ = parse_condition(text);
    let _ = parse_key_condition(text);
    let _ = parse_projection(text);
    let _ = parse_update(text);
}

/// An attribute value as JSON.
///
/// # Panics
/// Where a value that was read is written otherwise, or its size depends on the way through JSON.
pub fn value(text: &str) {
    let Ok(json) = serde_json::from_str::<Value>(text) else { return };
    let _ = check(&json);
    let Ok(value) = AttributeValue::from_json(&json) else { return };
    let again = AttributeValue::from_json(&value.to_json());
    assert_eq!(again.as_ref(), Ok(&value), "the value's own JSON is read as another value");
}

/// A condition on an item. The text is a line with the condition, a line with its values as a JSON object of attribute
/// values by placeholder, then the item; `#a` to `#z` stand for `a` to `z`.
///
/// # Panics
/// Where a condition and its negation have the same value.
pub fn condition(text: &str) {
    let mut lines = text.splitn(3, '\n');
    let expression = lines.next().unwrap_or_default();
    let mut item = || -> Item {
        let json = lines.next().and_then(|line| serde_json::from_str(line).ok());
        json.and_then(|json| item_from_json(&json).ok()).unwrap_or_default()
    };
    let values = item();
    let names = ('a'..='z').map(|letter| (format!("#{letter}"), letter.to_string())).collect();
    let substitutions = Substitutions { names, values };
    let item = item();
    let truth = |text: &str| {
        let raw = parse_condition(text).ok()?;
        let condition = Resolver::new(&substitutions).condition(&raw).ok()?;
        evaluate(&condition, &item).ok()
    };
    // Brackets and NOT can take the expression over the limits of its length and operators: then there is no answer.
    if let (Some(one), Some(other)) = (truth(expression), truth(&format!("NOT ({expression})"))) {
        assert_ne!(one, other, "{expression} and its negation have the same value");
    }
}

/// Requests to the reference model, one a line: the operation, a blank, its JSON.
pub fn requests(text: &str) {
    let mut tables = Tables::new();
    for line in text.lines() {
        let (operation, json) = line.split_once(' ').unwrap_or((line, "{}"));
        if let Ok(request) = serde_json::from_str::<Value>(json) {
            let _ = tables.call(operation, &request);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fuzz::mutate::Mutator;

    /// A body of this module, and texts that it reads.
    type Texts = (fn(&str), &'static [&'static str]);

    const TEXTS: [Texts; 4] = [
        (
            expressions,
            &["a = :v AND NOT (b[0].#c IN (:x, :y))", "SET a = if_not_exists(a, :v) REMOVE b[3]", "a, b.c"],
        ),
        (
            value,
            &[r#"{"M":{"a":{"L":[{"N":"1e3"},{"NULL":true}]},"b":{"SS":["x","y"]}}}"#, r#"{"B":"AA=="}"#],
        ),
        (
            condition,
            &[
                "#a = :v OR size(#b) > :n\n{\":v\":{\"S\":\"x\"},\":n\":{\"N\":\"1\"}}\n{\"a\":{\"S\":\"x\"},\"b\":{\"S\":\"yy\"}}",
            ],
        ),
        (
            requests,
            &[
                "CreateTable {\"TableName\":\"tab\",\"KeySchema\":[{\"AttributeName\":\"id\",\"KeyType\":\"HASH\"}],\"AttributeDefinitions\":[{\"AttributeName\":\"id\",\"AttributeType\":\"S\"}],\"BillingMode\":\"PAY_PER_REQUEST\"}\nPutItem {\"TableName\":\"tab\",\"Item\":{\"id\":{\"S\":\"a\"}}}\nScan {\"TableName\":\"tab\"}",
            ],
        ),
    ];

    #[test]
    fn no_change_of_a_text_makes_a_model_panic() {
        for (body, texts) in TEXTS {
            let corpus: Vec<Vec<u8>> = texts.iter().map(|text| text.as_bytes().to_vec()).collect();
            let mut mutator = Mutator::new(1);
            for _ in 0..3_000 {
                body(&String::from_utf8_lossy(&mutator.next(&corpus)));
            }
        }
    }

    #[test]
    fn the_texts_of_the_corpus_reach_what_they_are_for() {
        let condition = TEXTS[2].1[0];
        let (expression, rest) = condition.split_once('\n').expect("three lines");
        assert!(parse_condition(expression).is_ok());
        for line in rest.lines() {
            let json: Value = serde_json::from_str(line).expect("JSON");
            item_from_json(&json).expect("an item");
        }
        let mut tables = Tables::new();
        for line in TEXTS[3].1[0].lines() {
            let (operation, json) = line.split_once(' ').expect("an operation");
            let request = serde_json::from_str(json).expect("JSON");
            tables.call(operation, &request).expect("a table with a row");
        }
    }
}
