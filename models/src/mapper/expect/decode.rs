//! Records as a target answers them, beside the item that was read.

use super::encode::{is_nothing, same_double};
use super::show::{show_name, show_option};
use crate::mapper::{FieldType, Model, Projection};
use crate::value::{AttributeValue, Item};
use serde_json::Value;

/// Reads the `record` of an answer: nested `{"$absent":true}` count as left out.
///
/// # Errors
/// What is no record, in words.
pub fn record_from_json(answer: &Value) -> Result<Item, String> {
    let object = answer.as_object().ok_or_else(|| format!("a record is an object, not {answer}"))?;
    let mut record = Item::new();
    for (name, value) in object {
        if let Some(value) = without_absent(value) {
            let value =
                AttributeValue::from_json(&value).map_err(|error| format!("field {name}: {error}"))?;
            record.insert(name.clone(), value);
        }
    }
    Ok(record)
}

fn without_absent(value: &Value) -> Option<Value> {
    if value.get("$absent") == Some(&Value::Bool(true)) {
        return None;
    }
    let mut value = value.clone();
    if let Some(map) = value.get_mut("M").and_then(Value::as_object_mut) {
        let entries = std::mem::take(map);
        map.extend(entries.into_iter().filter_map(|(key, value)| Some((key, without_absent(&value)?))));
    } else if let Some(list) = value.get_mut("L").and_then(Value::as_array_mut) {
        for element in list {
            *element = without_absent(element).unwrap_or_else(|| serde_json::json!({ "NULL": true }));
        }
    }
    Some(value)
}

/// A field that was read as something else.
#[derive(Clone, Debug, PartialEq)]
pub struct Misread {
    /// The field's name.
    pub field: String,
    /// The declared kind, for identities.
    pub kind: String,
    /// What happened to it, in stable words: `lost`, `invented`, `changed`.
    pub happened: &'static str,
    /// `a = 2`.
    pub observed: String,
    /// `a = 1`.
    pub expected: String,
}

/// The fields of a record that are not what the item holds. Fields outside `fields` are not judged, nor
/// are attributes that the model does not declare.
pub fn misread(model: &Model, item: &Item, record: &Item, fields: &dyn Fn(&str) -> bool) -> Vec<Misread> {
    let mut found = Vec::new();
    for field in model.fields.iter().filter(|field| !field.encrypted && fields(&field.name)) {
        let stored = item.get(field.attribute());
        let read = record.get(&field.name);
        let is_default = stored.is_none() && read == field.default.as_ref();
        if !is_default && !reads_as(&field.kind, stored, read) {
            found.push(Misread {
                field: field.name.clone(),
                kind: field.kind.kind_words(),
                happened: match (stored, read) {
                    (_, None) => "lost",
                    (None, _) => "invented",
                    _ => "changed",
                },
                observed: format!("{} = {}", show_name(&field.name), show_option(read)),
                expected: format!(
                    "{} = {}",
                    show_name(&field.name),
                    show_option(stored.map(|stored| declared_value(&field.kind, stored)).as_ref())
                ),
            });
        }
    }
    found
}

/// Whether a stored value may be answered as this value; both may be missing.
pub fn reads_as(kind: &FieldType, stored: Option<&AttributeValue>, read: Option<&AttributeValue>) -> bool {
    match (stored, read) {
        (None, None) => true,
        // A statically typed record has every field: one that is not stored is its zero value.
        (None, Some(read)) => {
            is_nothing(kind, read) || *read == AttributeValue::Null || is_empty_struct(kind, read)
        }
        (Some(AttributeValue::Null), None) => true,
        (Some(_), None) => false,
        (Some(stored), Some(read)) => value_reads_as(kind, stored, read),
    }
}

fn is_empty_struct(kind: &FieldType, read: &AttributeValue) -> bool {
    let FieldType::Struct(members) = kind else { return false };
    let AttributeValue::M(map) = read else { return false };
    members.iter().all(|member| reads_as(&member.kind, None, map.get(&member.name)))
}

fn value_reads_as(kind: &FieldType, stored: &AttributeValue, read: &AttributeValue) -> bool {
    match (kind, stored, read) {
        (FieldType::Option(inner), stored, read) => value_reads_as(inner, stored, read),
        (FieldType::Float64, AttributeValue::N(stored), AttributeValue::N(read)) => same_double(stored, read),
        (FieldType::List(inner), AttributeValue::L(stored), AttributeValue::L(read)) => {
            stored.len() == read.len()
                && stored.iter().zip(read).all(|(stored, read)| value_reads_as(inner, stored, read))
        }
        (FieldType::Map(inner), AttributeValue::M(stored), AttributeValue::M(read)) => {
            read.keys().all(|key| stored.contains_key(key))
                && stored.iter().all(|(key, stored)| match read.get(key) {
                    Some(read) => value_reads_as(inner, stored, read),
                    None => *stored == AttributeValue::Null,
                })
        }
        (FieldType::Struct(members), AttributeValue::M(stored), AttributeValue::M(read)) => members
            .iter()
            .all(|member| reads_as(&member.kind, stored.get(member.attribute()), read.get(&member.name))),
        _ => stored == read,
    }
}

/// A stored value under the declared names of its struct members.
pub fn declared_value(kind: &FieldType, stored: &AttributeValue) -> AttributeValue {
    match (kind, stored) {
        (FieldType::Option(inner), stored) => declared_value(inner, stored),
        (FieldType::List(inner), AttributeValue::L(list)) => {
            AttributeValue::L(list.iter().map(|element| declared_value(inner, element)).collect())
        }
        (FieldType::Map(inner), AttributeValue::M(map)) => {
            let entries = map.iter().map(|(key, value)| (key.clone(), declared_value(inner, value)));
            AttributeValue::M(entries.collect())
        }
        (FieldType::Struct(members), AttributeValue::M(map)) => {
            let entries = map.iter().map(|(attribute, value)| {
                match members.iter().find(|member| member.attribute() == attribute) {
                    Some(member) => (member.name.clone(), declared_value(&member.kind, value)),
                    None => (attribute.clone(), value.clone()),
                }
            });
            AttributeValue::M(entries.collect())
        }
        _ => stored.clone(),
    }
}

/// Whether a read through the index gives the field.
pub fn is_projected(model: &Model, index: Option<&str>, field: &str) -> bool {
    let Some(index) = index.and_then(|name| model.index(name)) else { return true };
    let key = model.is_key(field) || index.partition_key == field || index.sort_key.as_deref() == Some(field);
    match &index.projection {
        Projection::All => true,
        Projection::Keys => key,
        Projection::Fields(fields) => key || fields.iter().any(|name| name == field),
    }
}
