//! Bugs that change a request before it is sent.

use super::{Bug, EMPTY_SET, tick};
use proofhouse_models::expression::is_reserved;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

const EXPRESSIONS: [&str; 5] = [
    "UpdateExpression",
    "ConditionExpression",
    "FilterExpression",
    "KeyConditionExpression",
    "ProjectionExpression",
];
const NAMES: &str = "ExpressionAttributeNames";
const VALUES: &str = "ExpressionAttributeValues";

/// Changes a request before it is sent.
pub fn tamper_request(bug: Bug, operation: &str, request: &mut Value) {
    if operation == "TransactWriteItems" {
        let actions = request.get_mut("TransactItems").and_then(Value::as_array_mut);
        for action in actions.into_iter().flatten().filter_map(Value::as_object_mut) {
            for (name, inner) in action.iter_mut() {
                let operation = match name.as_str() {
                    "Put" => "PutItem",
                    "Update" => "UpdateItem",
                    "Delete" => "DeleteItem",
                    _ => "ConditionCheck",
                };
                tamper_request(bug, operation, inner);
            }
        }
        return;
    }
    match bug {
        Bug::DashesBecomeNull => each_update_value(operation, request, &mut |value| {
            if value.get("S").and_then(Value::as_str).is_some_and(|text| text.contains("--")) {
                *value = json!({ "NULL": true });
            }
        }),
        Bug::LongListBecomesNull => each_update_value(operation, request, &mut |value| {
            if value.get("L").and_then(Value::as_array).is_some_and(|list| list.len() > 100) {
                *value = json!({ "NULL": true });
            }
        }),
        Bug::UpdateDropsZeroMembers => each_update_value(operation, request, &mut |value| {
            if let Some(Value::Object(map)) = value.get_mut("M") {
                map.retain(|_, member| *member != json!({"N": "0"}) && *member != json!({"BOOL": false}));
            }
        }),
        Bug::IntegersThroughDouble => each_number(operation, request, &|text| {
            let integer: i128 = text.parse().ok()?;
            (integer.unsigned_abs() > 1 << 53).then(|| (integer as f64).to_string())
        }),
        Bug::ExactDoubles => each_number(operation, request, &|text| {
            let double: f64 = text.contains('.').then(|| text.parse().ok())??;
            Some(format!("{double:.60}").trim_end_matches('0').to_owned())
        }),
        Bug::DotsInMapKeys => each_written(operation, request, &mut |value| {
            if let Some(Value::Object(map)) = value.get_mut("M") {
                let renamed = map.iter().map(|(key, value)| (key.replace('.', "_"), value.clone())).collect();
                *map = renamed;
            }
        }),
        Bug::EmptyStringsInLists => each_written(operation, request, &mut |value| {
            if let Some(Value::Array(list)) = value.get_mut("L") {
                list.retain(|element| *element != json!({"S": ""}));
            }
        }),
        Bug::DuplicateMembers => each_written(operation, request, &mut |value| {
            for kind in ["SS", "NS", "BS"] {
                if let Some(Value::Array(set)) = value.get_mut(kind)
                    && set.len() > 1
                {
                    set.push(set[0].clone());
                }
            }
        }),
        Bug::EmptySetNested => each_written(operation, request, &mut |value| {
            if value.get("SS") == Some(&json!([EMPTY_SET])) {
                *value = json!({ "SS": [] });
            }
        }),
        Bug::ReservedNamesDropped if operation == "PutItem" => {
            if let Some(Value::Object(item)) = request.get_mut("Item") {
                item.retain(|name, _| !["constructor", "prototype", "__proto__"].contains(&name.as_str()));
            }
        }
        _ => {
            if let Value::Object(request) = request {
                tamper_text(bug, operation, request);
            }
        }
    }
}

fn tamper_text(bug: Bug, operation: &str, request: &mut Map<String, Value>) {
    match bug {
        Bug::UnusedName => {
            if let Some(Value::Object(names)) = request.get_mut(NAMES) {
                names.insert("#unused".to_owned(), json!("unused"));
            }
        }
        Bug::LiteralNames => literal_names(request, |name| {
            name.starts_with(|first: char| first.is_ascii_alphabetic())
                && name.chars().all(|char| char.is_ascii_alphanumeric())
        }),
        Bug::LateWordsBare => {
            literal_names(request, |name| is_reserved(name) && name.to_ascii_lowercase().starts_with('w'));
        }
        Bug::OrderLostBehindPage if request.contains_key("ExclusiveStartKey") => {
            request.remove("ScanIndexForward");
        }
        Bug::CaseTwinsShare => share_names(request, |name| name.to_lowercase()),
        Bug::PunctuationShares => {
            share_names(request, |name| name.chars().filter(|char| char.is_alphanumeric()).collect());
        }
        Bug::DotsSplit => split_dots(request),
        Bug::NumberingGoesOn => {
            let count = tick();
            rename(request, &|holder| format!("{holder}_{count}"));
        }
        Bug::HashOrder if operation == "UpdateItem" => turn_assignments(request),
        Bug::VersionLosesBrackets => lose_brackets(request),
        _ => {}
    }
}

/// Every attribute value that a write sends, inner ones after outer ones.
fn each_written(operation: &str, request: &mut Value, change: &mut dyn FnMut(&mut Value)) {
    let parts: &[&str] = match operation {
        "PutItem" => &["Item"],
        "UpdateItem" => return each_update_value(operation, request, change),
        "BatchWriteItem" => {
            let tables = request.get_mut("RequestItems").and_then(Value::as_object_mut);
            let entries = tables.into_iter().flat_map(Map::values_mut).filter_map(Value::as_array_mut);
            for item in entries.flatten().filter_map(|entry| entry.pointer_mut("/PutRequest/Item")) {
                item.as_object_mut().into_iter().flat_map(Map::values_mut).for_each(|v| walk(v, change));
            }
            return;
        }
        _ => return,
    };
    for part in parts {
        let values = request.get_mut(*part).and_then(Value::as_object_mut);
        values.into_iter().flat_map(Map::values_mut).for_each(|value| walk(value, change));
    }
}

/// Every attribute value that an update's own expression sends, not those of its condition.
fn each_update_value(operation: &str, request: &mut Value, change: &mut dyn FnMut(&mut Value)) {
    if operation != "UpdateItem" {
        return;
    }
    let text = request.get("UpdateExpression").and_then(Value::as_str).unwrap_or_default().to_owned();
    let used = holders(&text);
    let values = request.get_mut(VALUES).and_then(Value::as_object_mut);
    for (name, value) in values.into_iter().flatten() {
        if used.contains(name) {
            walk(value, change);
        }
    }
}

fn each_number(operation: &str, request: &mut Value, change: &dyn Fn(&str) -> Option<String>) {
    each_written(operation, request, &mut |value| {
        let Some(Value::String(text)) = value.get_mut("N") else { return };
        if let Some(changed) = change(text) {
            *text = changed;
        }
    });
}

fn walk(value: &mut Value, change: &mut dyn FnMut(&mut Value)) {
    change(value);
    match value.as_object_mut().and_then(|object| object.iter_mut().next()) {
        Some((kind, Value::Array(list))) if kind == "L" => list.iter_mut().for_each(|v| walk(v, change)),
        Some((kind, Value::Object(map))) if kind == "M" => map.values_mut().for_each(|v| walk(v, change)),
        _ => {}
    }
}

/// The placeholders in an expression, in their order.
fn holders(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    replace_holders(text, &mut |holder| {
        found.push(holder.to_owned());
        holder.to_owned()
    });
    found
}

fn replace_holders(text: &str, change: &mut dyn FnMut(&str) -> String) -> String {
    let mut replaced = String::new();
    let mut rest = text;
    while let Some(start) = rest.find(['#', ':']) {
        replaced.push_str(&rest[..start]);
        let tail = &rest[start + 1..];
        let length = tail.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(tail.len());
        replaced.push_str(&change(&rest[start..=start + length]));
        rest = &tail[length..];
    }
    replaced + rest
}

fn each_expression(request: &mut Map<String, Value>, change: &mut dyn FnMut(&str) -> String) {
    for name in EXPRESSIONS {
        if let Some(Value::String(text)) = request.get_mut(name) {
            *text = replace_holders(text, change);
        }
    }
}

fn rename(request: &mut Map<String, Value>, new: &dyn Fn(&str) -> String) {
    each_expression(request, &mut |holder| new(holder));
    for part in [NAMES, VALUES] {
        if let Some(Value::Object(map)) = request.get_mut(part) {
            *map = map.iter().map(|(holder, value)| (new(holder), value.clone())).collect();
        }
    }
}

fn names_of(request: &Map<String, Value>) -> BTreeMap<String, String> {
    let names = request.get(NAMES).and_then(Value::as_object).into_iter().flatten();
    names.filter_map(|(holder, name)| Some((holder.clone(), name.as_str()?.to_owned()))).collect()
}

fn forget_names(request: &mut Map<String, Value>, gone: &dyn Fn(&str) -> bool) {
    let mut empty = false;
    if let Some(Value::Object(names)) = request.get_mut(NAMES) {
        names.retain(|holder, _| !gone(holder));
        empty = names.is_empty();
    }
    if empty {
        request.remove(NAMES);
    }
}

fn literal_names(request: &mut Map<String, Value>, is_plain: fn(&str) -> bool) {
    let mut plain = names_of(request);
    plain.retain(|_, name| is_plain(name));
    each_expression(request, &mut |holder| plain.get(holder).cloned().unwrap_or_else(|| holder.to_owned()));
    forget_names(request, &|holder| plain.contains_key(holder));
}

fn share_names(request: &mut Map<String, Value>, normal: fn(&str) -> String) {
    let names = names_of(request);
    let mut first: BTreeMap<String, String> = BTreeMap::new();
    let mut shared: BTreeMap<String, String> = BTreeMap::new();
    for (holder, name) in &names {
        let kept = first.entry(normal(name)).or_insert_with(|| holder.clone());
        if kept != holder {
            shared.insert(holder.clone(), kept.clone());
        }
    }
    each_expression(request, &mut |holder| shared.get(holder).cloned().unwrap_or_else(|| holder.to_owned()));
    forget_names(request, &|holder| shared.contains_key(holder));
}

fn split_dots(request: &mut Map<String, Value>) {
    let mut split: BTreeMap<String, Vec<(String, String)>> = BTreeMap::new();
    for (holder, name) in names_of(request) {
        let parts: Vec<&str> = name.split('.').collect();
        if parts.len() > 1 && parts.iter().all(|part| !part.is_empty()) {
            let parts = parts.iter().enumerate();
            let parts = parts.map(|(n, part)| (format!("{holder}_{n}"), (*part).to_owned())).collect();
            split.insert(holder, parts);
        }
    }
    each_expression(request, &mut |holder| match split.get(holder) {
        Some(parts) => parts.iter().map(|(holder, _)| holder.as_str()).collect::<Vec<_>>().join("."),
        None => holder.to_owned(),
    });
    if let Some(Value::Object(names)) = request.get_mut(NAMES) {
        names.retain(|holder, _| !split.contains_key(holder));
        for (holder, part) in split.into_values().flatten() {
            names.insert(holder, Value::String(part));
        }
    }
}

/// Turns five or more assignments around, as the order of a hash table with random keys would.
fn turn_assignments(request: &mut Map<String, Value>) {
    let Some(Value::String(text)) = request.get_mut("UpdateExpression") else { return };
    let Some(list) = text.strip_prefix("SET ") else { return };
    let end = [" REMOVE ", " ADD ", " DELETE "].iter().filter_map(|word| list.find(word)).min();
    let (list, rest) = list.split_at(end.unwrap_or(list.len()));
    let mut parts: Vec<&str> = list.split(", ").collect();
    if parts.len() < 5 || list.contains('(') {
        return;
    }
    let turn = usize::try_from(tick()).unwrap_or(0) % parts.len();
    parts.rotate_left(turn);
    *text = format!("SET {}{rest}", parts.join(", "));
}

/// `check AND (a OR b)` becomes `check AND a OR b`.
fn lose_brackets(request: &mut Map<String, Value>) {
    let Some(Value::String(text)) = request.get_mut("ConditionExpression") else { return };
    let Some((check, group)) = text.split_once(" AND (") else { return };
    let Some(inner) = group.strip_suffix(')') else { return };
    let mut depth = 0_i32;
    let balanced = inner.chars().all(|char| {
        depth += i32::from(char == '(') - i32::from(char == ')');
        depth >= 0
    });
    if balanced && !check.contains(['A', 'O', 'N']) {
        *text = format!("{check} AND {inner}");
    }
}
