//! The answer to `initialize`, read so that a mistake is told with its place.

use proofhouse_models::mapper::{Capabilities, Form};
use serde_json::{Map, Value};

/// Methods of the protocol.
pub(crate) const METHODS: [&str; 18] = [
    "initialize",
    "define",
    "create",
    "put",
    "get",
    "update",
    "delete",
    "query",
    "scan",
    "batch_get",
    "batch_put",
    "batch_delete",
    "transact",
    "marshal",
    "unmarshal",
    "build",
    "reset",
    "shutdown",
];

/// Types by their name, and kinds by their key.
const TYPES: [&str; 20] = [
    "string",
    "bool",
    "bytes",
    "int8",
    "int16",
    "int32",
    "int64",
    "uint8",
    "uint16",
    "uint32",
    "uint64",
    "float64",
    "decimal",
    "timestamp",
    "any",
    "list",
    "map",
    "set",
    "option",
    "struct",
];

const CONDITIONS: [&str; 17] = [
    "and",
    "or",
    "not",
    "eq",
    "ne",
    "lt",
    "le",
    "gt",
    "ge",
    "between",
    "in",
    "begins_with",
    "contains",
    "exists",
    "not_exists",
    "type",
    "size",
];

const OPERANDS: [&str; 7] = ["set", "remove", "add", "delete_from_set", "append", "prepend", "set_path"];

const FEATURES: [&str; 9] = [
    "tenancy",
    "version",
    "encrypted",
    "concurrent",
    "hostile_names",
    "indexes",
    "default",
    "omit_empty",
    "if",
];

/// Keys of the contract with their values; none listed for those that are checked by their shape.
const CONTRACT: [(&str, &[&str]); 12] = [
    ("absent_in_patch", &["keep", "remove", "null", "error"]),
    ("empty_in_partial", &["set", "keep", "remove", "error"]),
    ("zero_in_partial", &["set", "keep"]),
    ("create_overwrites", &[]),
    ("defaults_on_update", &[]),
    ("silent_scan", &[]),
    ("condition_combination", &["grouped", "precedence", "left_to_right"]),
    ("update_missing", &["create", "not_found"]),
    ("encryption", &["deterministic", "random"]),
    ("retry", &[]),
    ("managed", &[]),
    ("key_case", &["preserve", "lower", "upper"]),
];

const RETRY: [&str; 5] = ["retries", "base_ms", "cap_ms", "deadline_ms", "max_requests"];

const FORMS: [Form; 5] = [Form::Patch, Form::Named, Form::Partial, Form::Whole, Form::Builder];

/// Reads the answer. Notes are what is tolerated: unknown names, which a later protocol may bring, and missing
/// ones that have a default.
///
/// # Errors
/// What cannot be read, and where: `contract.absent_in_patch: "kept" is not one of keep, remove, null, error`.
pub(crate) fn parse(answer: &Value) -> Result<(Capabilities, Vec<String>), String> {
    let object = answer.as_object().ok_or_else(|| format!("the result is no object but {answer}"))?;
    let object = without_nulls(object);
    let mut notes = Vec::new();
    for (key, shape) in [("name", "\"my-adapter\""), ("version", "\"1.0\""), ("language", "\"python\"")] {
        match object.get(key) {
            None => notes.push(format!("{key}: missing; for example {shape}")),
            Some(Value::String(_)) => {}
            Some(other) => return Err(format!("{key}: {other} is no string; for example {shape}")),
        }
    }
    match object.get("library") {
        None => {
            notes.push("library: missing; name and version of the library under test, for reports".to_owned())
        }
        Some(library) => {
            for key in ["name", "version"] {
                if !library[key].is_string() {
                    return Err(format!("library.{key}: expected a string, not {}", library[key]));
                }
            }
        }
    }
    match object.get("role") {
        None => notes.push("role: missing; \"mapper\" in protocol 1".to_owned()),
        Some(role) if role == "mapper" => {}
        Some(role) => return Err(format!("role: {role} is not \"mapper\", the only role of protocol 1")),
    }
    check_methods(&object, &mut notes)?;
    check_forms(&object)?;
    check_types(&object, &mut notes)?;
    names(&object, "conditions", &CONDITIONS, &mut notes)?;
    names(&object, "update_operands", &OPERANDS, &mut notes)?;
    check_features(&object)?;
    check_contract(&object, &mut notes)?;
    let known = [
        "protocol",
        "name",
        "version",
        "language",
        "library",
        "role",
        "methods",
        "update_forms",
        "types",
        "conditions",
        "update_operands",
        "features",
        "models",
        "contract",
    ];
    for key in object.keys().filter(|key| !known.contains(&key.as_str())) {
        notes.push(format!("{key}: not a key of protocol 1; it is ignored"));
    }
    let capabilities = serde_json::from_value(Value::Object(object)).map_err(|error| error.to_string())?;
    Ok((capabilities, notes))
}

/// A JSON `null` means that the key is left out, here as everywhere.
fn without_nulls(object: &Map<String, Value>) -> Map<String, Value> {
    let kept = object.iter().filter(|(_, value)| !value.is_null());
    kept.map(|(key, value)| {
        let value = match value {
            Value::Object(inner) if key != "models" => Value::Object(without_nulls(inner)),
            other => other.clone(),
        };
        (key.clone(), value)
    })
    .collect()
}

fn list<'a>(object: &'a Map<String, Value>, key: &str) -> Result<&'a [Value], String> {
    match object.get(key) {
        None => Ok(&[]),
        Some(Value::Array(list)) => Ok(list),
        Some(other) => Err(format!("{key}: expected a list, not {other}")),
    }
}

/// A list of names, of which unknown ones are noted.
fn names(
    object: &Map<String, Value>,
    key: &str,
    known: &[&str],
    notes: &mut Vec<String>,
) -> Result<(), String> {
    for (index, name) in list(object, key)?.iter().enumerate() {
        let text = name.as_str().ok_or_else(|| format!("{key}[{index}]: expected a name, not {name}"))?;
        if !known.contains(&text) {
            notes.push(format!("{key}[{index}]: {}", unknown(text, known)));
        }
    }
    Ok(())
}

fn check_methods(object: &Map<String, Value>, notes: &mut Vec<String>) -> Result<(), String> {
    if !object.contains_key("methods") {
        return Err("methods: missing; the list of methods that the target offers, \
                    such as [\"define\",\"create\",\"get\"]"
            .to_owned());
    }
    names(object, "methods", &METHODS, notes)?;
    let methods = list(object, "methods")?;
    if methods.iter().any(|name| name == "update") && list(object, "update_forms")?.is_empty() {
        notes.push("update_forms: \"update\" is offered without a form, so it is never called".to_owned());
    }
    Ok(())
}

fn check_forms(object: &Map<String, Value>) -> Result<(), String> {
    let known = FORMS.map(Form::name);
    for (index, form) in list(object, "update_forms")?.iter().enumerate() {
        if !form.as_str().is_some_and(|form| known.contains(&form)) {
            return Err(format!("update_forms[{index}]: {form} is not one of {}", known.join(", ")));
        }
    }
    Ok(())
}

fn check_types(object: &Map<String, Value>, notes: &mut Vec<String>) -> Result<(), String> {
    let types = list(object, "types")?;
    if types.is_empty() {
        notes.push("types: missing or empty, so no model can be made; list the field types".to_owned());
    }
    for (index, declared) in types.iter().enumerate() {
        let name = match declared {
            Value::String(name) => name,
            Value::Object(kind) if kind.len() == 1 => kind.keys().next().map_or("", String::as_str),
            other => {
                return Err(format!(
                    "types[{index}]: {other} is neither a name nor an object such as {{\"list\":\"string\"}}"
                ));
            }
        };
        if !TYPES.contains(&name) {
            notes.push(format!("types[{index}]: {}", unknown(name, &TYPES)));
        }
    }
    Ok(())
}

fn check_features(object: &Map<String, Value>) -> Result<(), String> {
    let Some(features) = object.get("features") else { return Ok(()) };
    let features =
        features.as_object().ok_or_else(|| format!("features: expected an object, not {features}"))?;
    for (key, value) in features {
        if FEATURES.contains(&key.as_str()) && !value.is_boolean() {
            return Err(format!("features.{key}: expected true or false, not {value}"));
        }
    }
    Ok(())
}

fn check_contract(object: &Map<String, Value>, notes: &mut Vec<String>) -> Result<(), String> {
    let Some(contract) = object.get("contract") else {
        notes.push("contract: missing; what the library documents is then judged by nothing".to_owned());
        return Ok(());
    };
    let contract =
        contract.as_object().ok_or_else(|| format!("contract: expected an object, not {contract}"))?;
    let known = CONTRACT.map(|(key, _)| key);
    for (key, value) in contract {
        let Some((_, values)) = CONTRACT.iter().find(|(name, _)| name == key) else {
            notes.push(format!("contract.{key}: {}", unknown(key, &known)));
            continue;
        };
        let wrong = |expected: String| Err(format!("contract.{key}: {value} is not {expected}"));
        match key.as_str() {
            "create_overwrites" | "defaults_on_update" | "silent_scan" if value.is_boolean() => {}
            "create_overwrites" | "defaults_on_update" | "silent_scan" => {
                return wrong("true or false".to_owned());
            }
            "managed" => {
                if !value.as_array().is_some_and(|list| list.iter().all(Value::is_string)) {
                    return wrong("a list of field names".to_owned());
                }
            }
            "retry" => {
                let Some(retry) = value.as_object() else {
                    return wrong(format!("an object of {}", RETRY.join(", ")));
                };
                for (bound, number) in retry {
                    if !RETRY.contains(&bound.as_str()) {
                        notes.push(format!("contract.retry.{bound}: {}", unknown(bound, &RETRY)));
                    } else if !number.is_u64() {
                        return Err(format!("contract.retry.{bound}: {number} is no whole number"));
                    }
                }
            }
            _ if value.as_str().is_some_and(|text| values.contains(&text)) => {}
            _ => return wrong(format!("one of {}", values.join(", "))),
        }
    }
    Ok(())
}

/// Says that a name is unknown, with the known one that is nearest.
fn unknown(name: &str, known: &[&str]) -> String {
    let near = known.iter().map(|candidate| (distance(name, candidate), candidate)).min();
    match near {
        Some((steps, candidate)) if steps <= 3 && steps < name.len() => {
            format!("{name:?} is not known; is {candidate:?} meant?")
        }
        _ => format!("{name:?} is not known; it is ignored"),
    }
}

/// The number of letters to insert, delete or replace (Levenshtein).
fn distance(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (line, a) in from.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = line + 1;
        for (column, b) in to.iter().enumerate() {
            let replaced = diagonal + usize::from(a != *b);
            diagonal = row[column + 1];
            row[column + 1] = replaced.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn whole() -> Value {
        json!({
            "name": "a", "version": "1", "language": "rust", "library": { "name": "l", "version": "2" },
            "role": "mapper", "methods": ["define", "create", "get", "update"], "update_forms": ["patch"],
            "types": ["string", { "list": "string" }, "set"], "conditions": ["eq"],
            "features": { "version": true, "if": null }, "models": null,
            "contract": { "absent_in_patch": "keep", "create_overwrites": true, "managed": ["at"],
                          "retry": { "retries": 3 }, "key_case": null },
        })
    }

    #[test]
    fn a_whole_answer_is_read_without_a_note() {
        let (capabilities, notes) = parse(&whole()).expect("it is right");
        assert_eq!(notes, Vec::<String>::new());
        assert!(capabilities.has("update") && capabilities.has_type("list"));
        assert_eq!(capabilities.contract.retry.and_then(|retry| retry.retries), Some(3));
    }

    #[test]
    fn mistakes_are_told_with_their_place() {
        for (pointer, value, words) in [
            (
                "/contract/absent_in_patch",
                json!("kept"),
                "contract.absent_in_patch: \"kept\" is not one of keep",
            ),
            (
                "/contract/create_overwrites",
                json!("no"),
                "contract.create_overwrites: \"no\" is not true or false",
            ),
            ("/contract/managed", json!("at"), "contract.managed"),
            ("/contract/retry/retries", json!(-1), "contract.retry.retries: -1"),
            ("/features/version", json!("yes"), "features.version"),
            ("/methods", json!("get"), "methods: expected a list"),
            ("/methods", Value::Null, "methods: missing"),
            ("/methods/0", json!(1), "methods[0]"),
            ("/update_forms/0", json!("merge"), "update_forms[0]: \"merge\" is not one of patch"),
            ("/types/1", json!([]), "types[1]"),
            ("/library/version", json!(2), "library.version"),
            ("/role", json!("store"), "role"),
            ("/name", json!(5), "name: 5"),
        ] {
            let mut answer = whole();
            *answer.pointer_mut(pointer).expect("the place exists") = value;
            let error = parse(&answer).expect_err(pointer);
            assert!(error.starts_with(words), "{error}");
        }
        assert!(parse(&json!("ok")).is_err());
    }

    #[test]
    fn unknown_names_are_noted_with_the_one_that_may_be_meant() {
        let mut answer = whole();
        answer["contract"]["absent_in_pach"] = json!("keep");
        answer["methods"][0] = json!("defin");
        answer["conditions"][0] = json!("regex_match");
        let (_, notes) = parse(&answer).expect("it is tolerated");
        assert_eq!(notes.len(), 3, "{notes:?}");
        assert!(notes.iter().any(|note| note.contains("\"absent_in_patch\" meant")), "{notes:?}");
        assert!(notes.iter().any(|note| note.contains("\"define\" meant")), "{notes:?}");
    }
}
