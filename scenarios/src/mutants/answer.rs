//! Bugs that change an answer or an error on its way back.

use super::Bug;
use super::call::crashed;
use crate::mapper::Failure;
use proofhouse::target::{CallError, Outcome};
use proofhouse::wire::Reply;
use proofhouse_models::mapper::{ErrorKind, FieldType, Model};
use serde_json::{Map, Value, json};

/// Changes an error before it is reported.
pub fn tamper_failure(bug: Bug, failure: Failure, request: &Value, reply: &Reply) -> Failure {
    if reply.error_name() != Some("ConditionalCheckFailedException") {
        return failure;
    }
    match bug {
        Bug::KeyInFailure => {
            let key = request.get("Key").or(request.get("Item")).cloned().unwrap_or_default();
            failure.with("key", &key.to_string())
        }
        Bug::NestedValueInFailure => {
            let text = request.get("ConditionExpression").and_then(Value::as_str).unwrap_or_default();
            if !text.contains('.') {
                return failure;
            }
            let values = request.get("ExpressionAttributeValues").cloned().unwrap_or_default();
            Failure { message: format!("{}: {values}", failure.message), ..failure }
        }
        _ => failure,
    }
}

/// Changes an answer.
pub fn tamper_answer(
    bug: Bug,
    method: &str,
    params: &Value,
    model: Option<&Model>,
    answer: Outcome,
) -> Outcome {
    match answer {
        Ok(mut result) => {
            if matches!(bug, Bug::EmptyListCrashes | Bug::NullInMapCrashes | Bug::DeepNestCrashes)
                && crashes(bug, method, &result)
            {
                return Err(crashed());
            }
            let turned =
                bug == Bug::PageReversed && params.pointer("/page/cursor").is_some_and(Value::is_string);
            if let (true, Some(Value::Array(list))) = (turned, result.get_mut("records")) {
                list.reverse();
            }
            let some_fields = params.get("select").is_some_and(Value::is_array);
            for record in records(&mut result) {
                if bug == Bug::SelectThroughDouble && some_fields {
                    record.values_mut().for_each(through_double);
                }
                change_record(bug, record, model);
            }
            Ok(result)
        }
        Err(CallError::Reported { kind, message, class, fields }) => {
            let appends = params.get("append").and_then(Value::as_object).is_some_and(|map| !map.is_empty());
            if bug == Bug::AppendHidesFailure && kind == ErrorKind::ConditionFailed && appends {
                return Ok(json!({}));
            }
            let mut message = message;
            if bug == Bug::ValueInRefusal && matches!(kind, ErrorKind::Encode | ErrorKind::Validation) {
                let record = params.get("record").or(params.get("set")).cloned().unwrap_or_default();
                message = format!("{message}: {record}");
            }
            Err(CallError::Reported { kind, message, class, fields })
        }
        broken => broken,
    }
}

fn records(result: &mut Value) -> Vec<&mut Map<String, Value>> {
    let Value::Object(result) = result else { return Vec::new() };
    let mut found = Vec::new();
    for (name, value) in result.iter_mut() {
        match (name.as_str(), value) {
            ("record", Value::Object(record)) => found.push(record),
            ("records", Value::Array(list)) => found.extend(list.iter_mut().filter_map(Value::as_object_mut)),
            _ => {}
        }
    }
    found
}

fn crashes(bug: Bug, method: &str, result: &Value) -> bool {
    let text = result.to_string();
    match bug {
        Bug::EmptyListCrashes => method != "marshal" && text.contains(r#"{"L":[]}"#),
        // Each level of an attribute is two of JSON, within `records` or `record`.
        Bug::DeepNestCrashes => method != "marshal" && depth(result) > 24,
        _ => method != "marshal" && has_null_member(result),
    }
}

fn depth(value: &Value) -> usize {
    match value {
        Value::Object(object) => 1 + object.values().map(depth).max().unwrap_or(0),
        Value::Array(list) => 1 + list.iter().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}

fn has_null_member(value: &Value) -> bool {
    match value {
        Value::Object(object) => object.iter().any(|(kind, inner)| {
            let members = inner.as_object().filter(|_| kind == "M");
            members.is_some_and(|members| members.values().any(|member| *member == json!({"NULL": true})))
                || has_null_member(inner)
        }),
        Value::Array(list) => list.iter().any(has_null_member),
        _ => false,
    }
}

fn change_record(bug: Bug, record: &mut Map<String, Value>, model: Option<&Model>) {
    match bug {
        Bug::TrailingSpaceLost => record.values_mut().for_each(|value| {
            if let Some(Value::String(text)) = value.get_mut("S") {
                *text = text.trim_end().to_owned();
            }
        }),
        Bug::ReadsThroughDouble => record.values_mut().for_each(through_double),
        Bug::NullLostOnRead => record.retain(|_, value| *value != json!({ "NULL": true })),
        Bug::SetOfOneUnpacked => {
            let fields = model.map(|model| model.fields.as_slice()).unwrap_or_default();
            for field in fields.iter().filter(|field| field.kind == FieldType::Any) {
                let Some(value) = record.get_mut(&field.name) else { continue };
                if let Some([member]) = value.get("SS").and_then(Value::as_array).map(Vec::as_slice) {
                    *value = json!({ "S": member });
                }
            }
        }
        _ => {}
    }
}

fn through_double(value: &mut Value) {
    let Value::Object(object) = value else { return };
    for (kind, content) in object.iter_mut() {
        match (kind.as_str(), content) {
            ("N", Value::String(text)) => double_text(text),
            ("NS", Value::Array(set)) => set.iter_mut().for_each(|member| {
                if let Value::String(text) = member {
                    double_text(text);
                }
            }),
            ("L", Value::Array(list)) => list.iter_mut().for_each(through_double),
            ("M", Value::Object(map)) => map.values_mut().for_each(through_double),
            _ => {}
        }
    }
}

fn double_text(text: &mut String) {
    let digits = text.chars().filter(char::is_ascii_digit).count();
    if digits > 17
        && let Ok(double) = text.parse::<f64>()
    {
        *text = format!("{double:e}");
    }
}
