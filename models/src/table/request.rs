//! Typed access to the JSON of a request. A missing member and `null` are the same.

use super::error::ApiError;
use crate::value::{AttributeValue, Item, ValueRule, check, check_item};
use serde_json::{Map, Value};

pub(super) type Answer<T> = Result<T, ApiError>;

/// JSON levels that a request may have: 32 levels of a value cost two each, and wrappers come on top.
const MAX_DEPTH: usize = 200;

#[derive(Clone, Copy)]
pub(super) struct Fields<'a>(pub &'a Map<String, Value>);

impl<'a> Fields<'a> {
    pub(super) fn of(value: &'a Value) -> Answer<Self> {
        value.as_object().map(Self).ok_or_else(|| ApiError::serialization("a JSON object is expected"))
    }

    pub(super) fn get(self, name: &str) -> Option<&'a Value> {
        self.0.get(name).filter(|value| !value.is_null())
    }

    pub(super) fn text(self, name: &str) -> Answer<Option<&'a str>> {
        self.typed(name, Value::as_str)
    }

    pub(super) fn flag(self, name: &str) -> Answer<bool> {
        Ok(self.typed(name, Value::as_bool)?.unwrap_or(false))
    }

    pub(super) fn count(self, name: &str) -> Answer<Option<i64>> {
        self.typed(name, Value::as_i64)
    }

    pub(super) fn list(self, name: &str) -> Answer<Option<&'a Vec<Value>>> {
        self.typed(name, Value::as_array)
    }

    pub(super) fn object(self, name: &str) -> Answer<Option<&'a Map<String, Value>>> {
        self.typed(name, Value::as_object)
    }

    pub(super) fn required<T>(self, name: &str, value: Option<T>) -> Answer<T> {
        value.ok_or_else(|| ApiError::validation(format!("{name} must not be null")))
    }

    pub(super) fn table_name(self) -> Answer<&'a str> {
        let name = self.required("TableName", self.text("TableName")?)?;
        legal_name(name)?;
        Ok(name)
    }

    /// One of the options, or the first.
    pub(super) fn option(self, name: &str, options: &[&'static str]) -> Answer<&'static str> {
        let Some(text) = self.text(name)? else { return Ok(options[0]) };
        let known = options.iter().find(|option| **option == text);
        known.copied().ok_or_else(|| ApiError::validation(format!("{name} must not be {text}")))
    }

    pub(super) fn item(self, name: &str) -> Answer<Item> {
        let value = self.required(name, self.get(name))?;
        let breaks = match value.is_object() {
            true => check_item(value),
            false => return Err(ApiError::serialization(format!("{name} is no map"))),
        };
        if let Some(broken) = breaks.first() {
            return Err(value_error(broken.rule, &format!("{name}{}", broken.path)));
        }
        crate::value::item_from_json(value).map_err(|error| ApiError::validation(error.to_string()))
    }

    fn typed<T>(self, name: &str, read: impl FnOnce(&'a Value) -> Option<T>) -> Answer<Option<T>> {
        match self.get(name) {
            None => Ok(None),
            Some(value) => match read(value) {
                Some(value) => Ok(Some(value)),
                None => Err(ApiError::serialization(format!("{name} is of another JSON type"))),
            },
        }
    }
}

/// A wrong JSON type is a matter of serialization, anything else one of validation.
pub(super) fn value_error(rule: ValueRule, path: &str) -> ApiError {
    let message = format!("{} at {path}", rule.name());
    match rule {
        ValueRule::Content | ValueRule::NotAnObject | ValueRule::Base64 => ApiError::serialization(message),
        _ => ApiError::validation(message),
    }
}

/// The values of placeholders, checked as stored values are.
pub(super) fn check_values(fields: Fields<'_>) -> Answer<()> {
    for (name, value) in fields.object("ExpressionAttributeValues")?.into_iter().flatten() {
        if let Some(broken) = check(value).first() {
            return Err(value_error(broken.rule, &format!("{name}{}", broken.path)));
        }
    }
    for (name, value) in fields.object("ExpressionAttributeNames")?.into_iter().flatten() {
        if !value.is_string() {
            return Err(ApiError::serialization(format!("{name} is no text")));
        }
    }
    Ok(())
}

pub(super) fn legal_name(name: &str) -> Answer<()> {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    if (3..=255).contains(&name.len()) && name.bytes().all(legal) {
        return Ok(());
    }
    Err(ApiError::validation("a name has 3 to 255 characters of a-z A-Z 0-9 _ - ."))
}

/// Refuses a request that nests deeper than any legal one; walks without calling itself.
pub(super) fn check_depth(request: &Value) -> Answer<()> {
    let mut open = vec![(request, 0_usize)];
    while let Some((value, depth)) = open.pop() {
        if depth > MAX_DEPTH {
            return Err(ApiError::validation("Nesting Levels have exceeded supported limits"));
        }
        match value {
            Value::Array(list) => open.extend(list.iter().map(|item| (item, depth + 1))),
            Value::Object(map) => open.extend(map.values().map(|item| (item, depth + 1))),
            _ => {}
        }
    }
    Ok(())
}

/// The type letter that key definitions use.
pub(super) fn is_key_type(value: &AttributeValue, kind: &str) -> bool {
    value.type_name() == kind
}
