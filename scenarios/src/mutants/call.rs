//! Bugs that change a call before the mapper sees it.

use super::{Bug, EMPTY_SET};
use proofhouse::target::CallError;
use proofhouse_models::mapper::{Model, Operand, Record};
use proofhouse_models::value::Item;
use serde_json::{Map, Value, json};

/// Changes a call before the mapper sees it; an error stands for a crash.
pub fn tamper_call(
    bug: Bug,
    method: &mut String,
    params: &mut Value,
    model: Option<&Model>,
) -> Option<CallError> {
    match bug {
        Bug::CutInsideCharacter => return crash_inside_character(params),
        Bug::EmptySetNested => hide_empty_sets(params, 0),
        Bug::DeleteIgnoresIf if method == "delete" => drop_key(params, "if"),
        Bug::ScanIgnoresFilter if method == "scan" => drop_key(params, "filter"),
        _ => {}
    }
    let object = params.as_object_mut()?;
    match (bug, method.as_str(), model) {
        (Bug::FilterLostWithIndexAndLimit, "query", _) => {
            let both = ["index", "limit"].iter().all(|key| object.get(*key).is_some_and(|v| !v.is_null()));
            if both {
                object.remove("filter");
            }
        }
        (Bug::BeginsWithDigit, "query", _) => behind_a_digit(object),
        (Bug::DefaultsOnConditionalPut, "put", Some(model))
            if object.get("if").is_some_and(Value::is_object) =>
        {
            if let Some(record) = object.get_mut("record").and_then(Value::as_object_mut) {
                for field in &model.fields {
                    if let Some(default) = &field.default {
                        record.entry(&field.name).or_insert_with(|| default.to_json());
                    }
                }
            }
        }
        (Bug::LimitBeforeFilter, "query" | "scan", _) => {
            let limit = object.get("limit").cloned().unwrap_or_default();
            let filtered = object.get("filter").is_some_and(Value::is_object);
            if filtered && limit.is_u64() && object.get("page").is_none_or(Value::is_null) {
                object.insert("page".to_owned(), json!({ "size": limit }));
            }
        }
        (Bug::IndexOrderLost, "query", _) if object.get("index").is_some_and(Value::is_string) => {
            object.remove("order");
        }
        (Bug::SecondIndexScansFirst, "scan", Some(model)) => {
            let second = model.indexes.get(1).map(|index| json!(index.name));
            if second.is_some() && object.get("index") == second.as_ref() {
                object.insert("index".to_owned(), json!(model.indexes[0].name));
            }
        }
        (Bug::KeyFilterDropped, "scan", Some(model)) => {
            let root = object.get("filter").and_then(Value::as_object).and_then(|leaf| leaf.values().next());
            let root = root.and_then(|operands| operands.pointer("/0/0").or(operands.pointer("/0")));
            if root.is_some() && root.and_then(Value::as_str) == model.sort_key.as_deref() {
                object.remove("filter");
            }
        }
        (Bug::BatchFillsFromFirst, "batch_put", _) => {
            if let Some([Value::Object(first), rest @ ..]) =
                object.get_mut("records").and_then(Value::as_array_mut).map(Vec::as_mut_slice)
            {
                for record in rest.iter_mut().filter_map(Value::as_object_mut) {
                    let missing = first.iter().filter(|(name, _)| !record.contains_key(*name));
                    let missing: Vec<_> = missing.map(|(n, v)| (n.clone(), v.clone())).collect();
                    record.extend(missing);
                }
            }
        }
        (Bug::BatchGetJoinsKeys, "batch_get", Some(model)) => {
            let joined = |key: &Value| -> String {
                let parts = model.key_fields().into_iter().filter_map(|name| key.get(name));
                parts.map(|part| part.get("S").and_then(Value::as_str).unwrap_or("?")).collect()
            };
            if let Some(Value::Array(keys)) = object.get_mut("keys") {
                let mut seen: Vec<String> = Vec::new();
                keys.retain(|key| {
                    let new = joined(key);
                    let known = !new.contains('?') && seen.contains(&new);
                    seen.push(new);
                    !known
                });
            }
        }
        (Bug::TransactKeepsLast, "transact", Some(model)) => keep_last_actions(object, model),
        (_, "update", Some(model)) => change_update(bug, method, object, model),
        _ => {}
    }
    None
}

fn change_update(bug: Bug, method: &mut String, params: &mut Map<String, Value>, model: &Model) {
    if bug == Bug::LastPlaceOnly {
        last_place_only(params);
    }
    let form = params.get("form").and_then(Value::as_str).unwrap_or_default().to_owned();
    match (bug, form.as_str()) {
        (Bug::PartialClearsOmittable, "partial") => {
            let filled = params.get("record").cloned().unwrap_or_default();
            let left = model.fields.iter().filter(|field| {
                field.omit_empty && !model.is_key(&field.name) && filled.get(&field.name).is_none()
            });
            let mut removed = left.map(|field| json!(field.name)).collect::<Vec<_>>();
            if let Some(Value::Array(list)) = params.get_mut("remove") {
                removed.retain(|name| !list.contains(name));
                list.append(&mut removed);
            } else {
                params.insert("remove".to_owned(), Value::Array(removed));
            }
        }
        (Bug::WholeIsPut, "whole") => {
            let key = params.get("key").and_then(Value::as_object).cloned().unwrap_or_default();
            if let Some(Value::Object(record)) = params.get_mut("record") {
                record.extend(key);
            }
            "put".clone_into(method);
        }
        (Bug::NamedWritesEmpties, "named") => {
            let record = params.get("record").and_then(Value::as_object).cloned().unwrap_or_default();
            let empties = record.iter().filter(|(name, value)| is_empty(value) && !model.is_key(name));
            let empties: Vec<Value> = empties.map(|(name, _)| json!(name)).collect();
            if let Some(Value::Array(names)) = params.get_mut("names") {
                names.extend(empties);
            }
        }
        (Bug::NullClearsNext, "patch" | "builder") => null_clears_next(params, model),
        (Bug::EmptyListKeptInPartial, "partial") => {
            keep_in_record(params, |value| *value != json!({ "L": [] }));
        }
        (Bug::FalseKeptInPartial, "partial") => {
            keep_in_record(params, |value| *value != json!({ "BOOL": false }));
        }
        _ => {}
    }
}

/// For [`Bug::TransactKeepsLast`].
fn keep_last_actions(params: &mut Map<String, Value>, model: &Model) {
    let Some(Value::Array(actions)) = params.get_mut("actions") else { return };
    let key_of = |action: &Value| -> Vec<Value> {
        let inner = action.as_object().and_then(|action| action.values().next()).cloned().unwrap_or_default();
        let holder = inner.get("key").or(inner.get("record")).cloned().unwrap_or_default();
        model.key_fields().into_iter().map(|name| holder[name].clone()).collect()
    };
    let mut kept: Vec<Value> = Vec::new();
    for action in std::mem::take(actions) {
        let key = key_of(&action);
        kept.retain(|earlier| key_of(earlier) != key);
        kept.push(action);
    }
    *actions = kept;
}

/// For [`Bug::LastPlaceOnly`]: of the places below one field, those that are removed before those that are set.
fn last_place_only(params: &mut Map<String, Value>) {
    let mut later: Vec<Value> = Vec::new();
    for name in ["set_path", "remove"] {
        let Some(Value::Array(entries)) = params.get_mut(name) else { continue };
        let mut kept = Vec::new();
        for entry in std::mem::take(entries).into_iter().rev() {
            let path = if name == "set_path" { &entry[0] } else { &entry };
            match path.get(0) {
                Some(root) if later.contains(root) => continue,
                Some(root) => later.push(root.clone()),
                None => {}
            }
            kept.insert(0, entry);
        }
        *entries = kept;
    }
}

fn null_clears_next(params: &mut Map<String, Value>, model: &Model) {
    let set = params.get("set").and_then(Value::as_object).cloned().unwrap_or_default();
    let nulled =
        model.fields.windows(2).filter(|pair| set.get(&pair[0].name) == Some(&json!({"NULL": true})));
    let next = nulled.map(|pair| &pair[1].name).find(|name| {
        !set.contains_key(*name) && !model.is_key(name) && model.version.as_ref() != Some(*name)
    });
    let Some(next) = next else { return };
    match params.get_mut("remove") {
        Some(Value::Array(list)) => list.push(json!(next)),
        _ => {
            params.insert("remove".to_owned(), json!([next]));
        }
    }
}

fn keep_in_record(params: &mut Map<String, Value>, keep: fn(&Value) -> bool) {
    if let Some(Value::Object(record)) = params.get_mut("record") {
        record.retain(|_, value| keep(value));
    }
}

fn behind_a_digit(query: &mut Map<String, Value>) {
    let Some(Value::Object(sort)) = query.get_mut("sort") else { return };
    let text = sort.get("begins_with").and_then(|value| value.get("S")).and_then(Value::as_str);
    if text.is_some_and(|text| text.ends_with(|last: char| last.is_ascii_digit())) {
        let value = sort.remove("begins_with").unwrap_or_default();
        sort.insert("ge".to_owned(), value);
    }
}

fn drop_key(params: &mut Value, key: &str) {
    if let Value::Object(object) = params {
        object.remove(key);
    }
}

fn is_empty(value: &Value) -> bool {
    ["L", "S", "M"].iter().any(|kind| match value.get(kind) {
        Some(Value::Array(list)) => list.is_empty(),
        Some(Value::String(text)) => text.is_empty(),
        Some(Value::Object(map)) => map.is_empty(),
        _ => false,
    })
}

/// Empty sets below a list or a map become a mark that the correct code lets through.
fn hide_empty_sets(value: &mut Value, depth: usize) {
    match value {
        Value::Array(list) => list.iter_mut().for_each(|element| hide_empty_sets(element, depth)),
        Value::Object(object) => {
            if depth > 0 && object.get("SS") == Some(&json!([])) {
                object.insert("SS".to_owned(), json!([EMPTY_SET]));
            }
            for (key, inner) in object.iter_mut() {
                hide_empty_sets(inner, depth + usize::from(key == "L" || key == "M"));
            }
        }
        _ => {}
    }
}

fn crash_inside_character(value: &Value) -> Option<CallError> {
    match value {
        Value::String(text) if text.len() > 20 && !text.is_char_boundary(20) => Some(crashed()),
        Value::Array(list) => list.iter().find_map(crash_inside_character),
        Value::Object(object) => object.values().find_map(crash_inside_character),
        _ => None,
    }
}

/// What a panic looks like to the harness.
pub(super) fn crashed() -> CallError {
    CallError::Broken { how: "panicked".to_owned(), detail: "the mapper panicked".to_owned() }
}

/// For [`Bug::BatchKeepsEmpties`]: puts back the empty lists that `omit_empty` left away.
pub fn keep_empties(model: &Model, record: &Record, item: &mut Item) {
    use proofhouse_models::value::AttributeValue;
    for (name, operand) in record {
        let Some(field) = model.field(name) else { continue };
        if let Operand::Value(AttributeValue::L(list)) = operand
            && list.is_empty()
            && !field.encrypted
        {
            item.insert(field.attribute().to_owned(), AttributeValue::L(Vec::new()));
        }
    }
}
