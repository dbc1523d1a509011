//! Why a call failed, in words that carry no value.
//!
//! A caller's value, a stored value or the engine's own text (which may quote either) never gets into a
//! message: an error text ends in logs that others read.

use proofhouse::target::CallError;
use proofhouse_models::mapper::ErrorKind;
use std::collections::BTreeMap;

/// The outcome of a step inside the mapper.
pub type Result<T> = std::result::Result<T, Failure>;

/// An error of the mapper: a kind of the protocol and a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The kind that the protocol names.
    pub kind: ErrorKind,
    /// What is wrong, naming fields and never values.
    pub message: String,
    /// Public fields, such as the field that does not fit.
    pub fields: BTreeMap<String, String>,
}

impl Failure {
    /// An error of a kind.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), fields: BTreeMap::new() }
    }

    /// The caller asked for something that is wrong in itself; no request was sent for it.
    pub fn validation(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Validation, message)
    }

    /// The mapper does not offer this.
    pub fn unsupported(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Unsupported, message)
    }

    /// A value does not fit its field; no request was sent for it.
    pub fn encode(field: &str, message: &str) -> Self {
        Self::new(ErrorKind::Encode, format!("field {field}: {message}")).with("field", field)
    }

    /// A stored value does not fit its field.
    pub fn decode(field: &str, message: &str) -> Self {
        Self::new(ErrorKind::Decode, format!("field {field}: {message}")).with("field", field)
    }

    /// With one more public field.
    pub fn with(mut self, name: &str, text: &str) -> Self {
        self.fields.insert(name.to_owned(), text.to_owned());
        self
    }

    /// In the shape of the protocol.
    pub fn reported(self) -> CallError {
        let class = match self.kind {
            ErrorKind::ConditionFailed => "ConditionFailed",
            ErrorKind::Duplicate => "Duplicate",
            ErrorKind::NotFound => "NotFound",
            ErrorKind::Validation => "Invalid",
            ErrorKind::Conflict => "Conflict",
            ErrorKind::Throttled => "Throttled",
            ErrorKind::Timeout => "OutcomeUnknown",
            ErrorKind::Unsupported => "Unsupported",
            ErrorKind::Encode => "EncodeError",
            ErrorKind::Decode => "DecodeError",
            ErrorKind::Internal => "EngineError",
        };
        CallError::Reported {
            kind: self.kind,
            message: self.message,
            class: class.to_owned(),
            fields: self.fields,
        }
    }
}
