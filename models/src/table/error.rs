//! What an operation that does not succeed answers.

use serde_json::{Map, Value};

/// An error as the endpoint gives it.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{name}: {message}")]
pub struct ApiError {
    /// The short name of its type, such as `ValidationException`.
    pub name: &'static str,
    /// The text; AWS words it otherwise.
    pub message: String,
    /// Further members of the answer: `CancellationReasons`, `Item`; an object.
    pub extra: Value,
    /// The sources leave open whether AWS answers so: no verdict may rest on it.
    pub unspecified: bool,
}

impl ApiError {
    pub(super) fn new(name: &'static str, message: impl Into<String>) -> Self {
        Self { name, message: message.into(), extra: Value::Object(Map::new()), unspecified: false }
    }

    pub(super) fn validation(message: impl Into<String>) -> Self {
        Self::new("ValidationException", message)
    }

    pub(super) fn serialization(message: impl Into<String>) -> Self {
        Self::new("SerializationException", message)
    }

    pub(super) fn no_table(name: &str) -> Self {
        Self::new(
            "ResourceNotFoundException",
            format!("Requested resource not found: Table: {name} not found"),
        )
    }

    pub(super) fn open(mut self) -> Self {
        self.unspecified = true;
        self
    }

    pub(super) fn with(mut self, key: &str, value: Value) -> Self {
        self.extra[key] = value;
        self
    }

    /// The body of the answer, as JSON over HTTP.
    pub fn body(&self) -> Value {
        let mut body = self.extra.clone();
        body["__type"] = format!("com.amazonaws.dynamodb.v20120810#{}", self.name).into();
        // AWS writes this one with a capital.
        let key = if self.name == "TransactionCanceledException" { "Message" } else { "message" };
        body[key] = self.message.as_str().into();
        body
    }
}
