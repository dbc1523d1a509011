//! Whether a result has the protocol's shape. Errors say what was expected, for someone who writes his first
//! adapter.

use proofhouse_models::mapper::Model;
use proofhouse_models::value::AttributeValue;
use serde_json::{Map, Value};

/// The result of a method that answers `{}`.
pub(super) fn empty(result: &Value) -> Result<(), String> {
    match result {
        Value::Object(_) => Ok(()),
        other => Err(format!("an object, {{}}, not {}", kind(other))),
    }
}

/// `{"record": …}`, where the record may be null; gives the record.
pub(super) fn record<'a>(result: &'a Value, model: &Model) -> Result<Option<&'a Map<String, Value>>, String> {
    let object = object(result, "{\"record\":{…}}, or {\"record\":null} where there is none")?;
    match object.get("record") {
        None => Err("the key \"record\"; null where there is no item".to_owned()),
        Some(Value::Null) => Ok(None),
        Some(record) => fields(record, model).map(Some),
    }
}

/// `{"records": […], "cursor": "…"?}`; gives the records.
pub(super) fn records<'a>(result: &'a Value, model: &Model) -> Result<Vec<&'a Map<String, Value>>, String> {
    let object = object(result, "{\"records\":[…]}")?;
    let Some(Value::Array(records)) = object.get("records") else {
        return Err(
            "the key \"records\" with a list of records; an empty list where there are none".to_owned()
        );
    };
    match object.get("cursor") {
        None | Some(Value::Null | Value::String(_)) => {}
        Some(other) => return Err(format!("\"cursor\" as a string, or left out, not {}", kind(other))),
    }
    records.iter().map(|record| fields(record, model)).collect()
}

/// `{"item": …}`: values by attribute name; gives the item.
pub(super) fn item<'a>(result: &'a Value, model: &Model) -> Result<&'a Map<String, Value>, String> {
    let object = object(result, "{\"item\":{…}}")?;
    let Some(Value::Object(item)) = object.get("item") else {
        return Err("the key \"item\" with the raw item: values by attribute name".to_owned());
    };
    for (name, content) in item {
        value(content).map_err(|why| format!("{why}, at item.{name}"))?;
    }
    for field in &model.fields {
        if field.name != field.attribute() && item.contains_key(&field.name) {
            return Err(format!(
                "stored names in an item: {:?}, which the model calls the attribute of the field {:?}",
                field.attribute(),
                field.name
            ));
        }
    }
    Ok(item)
}

/// `{"request": {…}}` of `build`.
pub(super) fn request(result: &Value) -> Result<(), String> {
    let object = object(result, "{\"request\":{…}}")?;
    match object.get("request") {
        Some(Value::Object(request)) if request.contains_key("TableName") => Ok(()),
        Some(Value::Object(_)) => {
            Err("the AWS request as it would be on the wire, with TableName".to_owned())
        }
        _ => Err("the key \"request\" with the AWS request as a JSON object".to_owned()),
    }
}

fn fields<'a>(record: &'a Value, model: &Model) -> Result<&'a Map<String, Value>, String> {
    let record = object(record, "a record as an object: values by field name")?;
    for (name, content) in record {
        if model.field(name).is_none()
            && let Some(field) = model.field_of_attribute(name)
        {
            return Err(format!(
                "field names in a record: {:?}; {name:?} is the name under which it is stored",
                field.name
            ));
        }
        if content.get("$absent").is_none() {
            value(content).map_err(|why| format!("{why}, at record.{name}"))?;
        }
    }
    Ok(record)
}

/// A value as DynamoDB JSON.
fn value(content: &Value) -> Result<(), String> {
    AttributeValue::from_json(content).map(|_| ()).map_err(|error| {
        let hint = match content {
            Value::String(text) => format!("{{\"S\":{text:?}}}"),
            Value::Number(number) => format!("{{\"N\":\"{number}\"}}, the number as text"),
            Value::Bool(value) => format!("{{\"BOOL\":{value}}}"),
            Value::Null => "{\"NULL\":true}, or the field left out".to_owned(),
            Value::Array(_) => "{\"L\":[…]}, or {\"SS\":[…]} for a set".to_owned(),
            Value::Object(map) if map.get("N").is_some_and(Value::is_number) => {
                format!("{{\"N\":\"{}\"}}, the number as text", map["N"])
            }
            Value::Object(_) => format!("a DynamoDB JSON value ({error})"),
        };
        format!("{hint}, not {content}")
    })
}

fn object<'a>(value: &'a Value, expected: &str) -> Result<&'a Map<String, Value>, String> {
    value.as_object().ok_or_else(|| format!("{expected}, not {}", kind(value)))
}

fn kind(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(_) => "a truth value".to_owned(),
        Value::Number(_) => "a number".to_owned(),
        Value::String(_) => "a string".to_owned(),
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "an object".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proofhouse_models::mapper::{Field, FieldType};
    use serde_json::json;

    fn model() -> Model {
        let mut label = Field::new("label", FieldType::String);
        label.attribute = "lbl".to_owned();
        Model {
            name: "M".to_owned(),
            table: "table".to_owned(),
            partition_key: "id".to_owned(),
            sort_key: None,
            version: None,
            tenancy: None,
            indexes: Vec::new(),
            fields: vec![Field::new("id", FieldType::String), label],
        }
    }

    #[test]
    fn wrong_shapes_are_told_with_what_was_expected() {
        for (result, words) in [
            (json!({}), "the key \"record\""),
            (json!([]), "not a list"),
            (json!({ "record": { "id": "a" } }), "{\"S\":\"a\"}, not \"a\", at record.id"),
            (json!({ "record": { "id": 5 } }), "{\"N\":\"5\"}"),
            (json!({ "record": { "id": { "N": 5 } } }), "{\"N\":\"5\"}, the number as text"),
            (json!({ "record": { "lbl": { "S": "a" } } }), "field names in a record: \"label\""),
        ] {
            let why = record(&result, &model()).expect_err("it is wrong");
            assert!(why.contains(words), "{why}");
        }
        assert_eq!(record(&json!({ "record": null }), &model()), Ok(None));
        assert!(
            record(&json!({ "record": { "id": { "S": "a" }, "more": { "BOOL": true } } }), &model()).is_ok()
        );
    }

    #[test]
    fn lists_items_and_requests_have_shapes_of_their_own() {
        assert!(records(&json!({ "items": [] }), &model()).is_err());
        assert!(records(&json!({ "records": [], "cursor": 5 }), &model()).is_err());
        assert!(records(&json!({ "records": [{ "id": { "S": "a" } }], "cursor": null }), &model()).is_ok());
        assert!(item(&json!({ "item": { "label": { "S": "a" } } }), &model()).is_err());
        assert!(item(&json!({ "item": { "lbl": { "S": "a" } } }), &model()).is_ok());
        assert!(request(&json!({ "request": {} })).is_err());
        assert!(request(&json!({ "request": { "TableName": "t" } })).is_ok());
        assert!(empty(&json!({})).is_ok() && empty(&Value::Null).is_err());
    }
}
