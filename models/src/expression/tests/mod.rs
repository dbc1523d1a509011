//! The facts of AWS that expressions alone decide, each by the number that it has in the collection of facts.

mod evaluation;
mod rules;
mod totality;

use super::*;
use crate::value::{Item, item_from_json};
use serde_json::{Map, Value, json};

/// The rules that a request breaks.
fn rules(operation: &str, request: &Value) -> Vec<Rule> {
    check_request_with_keys(operation, request, &["pk", "sk"]).into_iter().map(|found| found.rule).collect()
}

/// A request with one expression and its values.
fn request(field: &str, text: &str, values: Value) -> Value {
    let mut request = Map::new();
    request.insert(field.to_owned(), json!(text));
    if values.as_object().is_some_and(|map| !map.is_empty()) {
        request.insert("ExpressionAttributeValues".to_owned(), values);
    }
    Value::Object(request)
}

fn prepared(field: &str, text: &str, values: Value) -> Prepared {
    let request = request(field, text, values);
    let mut breaks = Vec::new();
    let prepared = prepare("", "", request.as_object().expect("an object"), &[], &mut breaks);
    assert_eq!(breaks, [], "{text}");
    prepared
}

fn item(value: Value) -> Item {
    item_from_json(&value).expect("an item")
}
