//! What an attribute may be after a call.

use super::encode::{fits, is_nothing, stored_value};
use super::show::show;
use crate::mapper::FieldType;
use crate::value::AttributeValue;

/// One thing that an attribute may be.
#[derive(Clone, Debug, PartialEq)]
pub enum Want {
    /// Not there.
    Absent,
    /// Exactly this raw value.
    Raw(AttributeValue),
    /// The stored form of a declared value.
    Encoded(FieldType, AttributeValue),
    /// The type's zero value or NULL: what statically typed languages store for a field left out.
    Nothing(FieldType),
}

/// What an attribute may be.
#[derive(Clone, Debug, PartialEq)]
pub enum Allowed {
    /// The protocol leaves it open.
    Any,
    /// One of these; the first is the plain reading.
    OneOf(Vec<Want>),
}

impl Want {
    /// Whether the attribute is this.
    pub fn admits(&self, stored: Option<&AttributeValue>) -> bool {
        match (self, stored) {
            (Self::Absent, stored) => stored.is_none(),
            (Self::Raw(wanted), Some(stored)) => wanted == stored,
            (Self::Encoded(kind, wanted), Some(stored)) => fits(kind, wanted, stored),
            (Self::Nothing(kind), Some(stored)) => is_nothing(kind, stored),
            (_, None) => false,
        }
    }

    fn describe(&self) -> String {
        match self {
            Self::Absent => "absent".to_owned(),
            Self::Raw(value) => show(value),
            Self::Encoded(kind, value) => show(&stored_value(kind, value)),
            Self::Nothing(_) => "the type's zero value".to_owned(),
        }
    }
}

impl Allowed {
    /// Only the raw value, or its absence.
    pub fn exactly(value: Option<&AttributeValue>) -> Self {
        Self::OneOf(vec![value.map_or(Want::Absent, |value| Want::Raw(value.clone()))])
    }

    /// Only absence.
    pub fn absent() -> Self {
        Self::OneOf(vec![Want::Absent])
    }

    /// Whether the attribute may be this.
    pub fn admits(&self, stored: Option<&AttributeValue>) -> bool {
        match self {
            Self::Any => true,
            Self::OneOf(list) => list.iter().any(|want| want.admits(stored)),
        }
    }

    /// For a person: the plain reading, as `L["x"]` or `absent`.
    pub fn describe(&self) -> String {
        match self {
            Self::Any => "anything".to_owned(),
            Self::OneOf(list) => list.first().map_or_else(|| "nothing".to_owned(), Want::describe),
        }
    }
}
