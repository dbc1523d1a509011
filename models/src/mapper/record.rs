//! Records: field values with presence, and paths into them.

use crate::value::AttributeValue;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt;

/// What a caller passes for a field or as an operand: a value, or the language's "no value".
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Operand {
    /// `{"$absent":true}`: `undefined`, `None`, `nil`, `Option::None`.
    Absent,
    /// A value, NULL and empties included.
    Value(AttributeValue),
}

/// Fields by name. A field that is left out is not in the map.
pub type Record = BTreeMap<String, Operand>;

impl Operand {
    /// The value, unless absent.
    pub fn value(&self) -> Option<&AttributeValue> {
        match self {
            Self::Absent => None,
            Self::Value(value) => Some(value),
        }
    }
}

impl From<AttributeValue> for Operand {
    fn from(value: AttributeValue) -> Self {
        Self::Value(value)
    }
}

impl Serialize for Operand {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Absent => json!({ "$absent": true }).serialize(serializer),
            Self::Value(value) => value.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Operand {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        if value.get("$absent") == Some(&Value::Bool(true)) {
            return Ok(Self::Absent);
        }
        AttributeValue::from_json(&value).map(Self::Value).map_err(de::Error::custom)
    }
}

/// One step of a path.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(untagged)]
pub enum PathPart {
    /// A list index.
    Index(usize),
    /// A field (first part) or a map key.
    Key(String),
}

/// A path into a record: the first part is a field name, then map keys and list indexes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Path(pub Vec<PathPart>);

impl Path {
    /// The path of a whole field.
    pub fn field(name: impl Into<String>) -> Self {
        Self(vec![PathPart::Key(name.into())])
    }

    /// The name of the field that the path begins with; empty for an empty path.
    pub fn root(&self) -> &str {
        match self.0.first() {
            Some(PathPart::Key(name)) => name,
            _ => "",
        }
    }

    /// The path one part longer.
    pub fn join(&self, part: PathPart) -> Self {
        let mut parts = self.0.clone();
        parts.push(part);
        Self(parts)
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, part) in self.0.iter().enumerate() {
            match part {
                PathPart::Index(index) => write!(f, "[{index}]")?,
                PathPart::Key(key) if position == 0 => f.write_str(key)?,
                PathPart::Key(key) => write!(f, ".{key}")?,
            }
        }
        Ok(())
    }
}

/// An entry of `remove`: a field's name, or a path.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(untagged)]
pub enum FieldOrPath {
    /// A whole field.
    Field(String),
    /// A path below a field.
    Path(Path),
}

impl FieldOrPath {
    /// The path: of the whole field, or below it.
    pub fn path(&self) -> Path {
        match self {
            Self::Field(name) => Path::field(name.clone()),
            Self::Path(path) => path.clone(),
        }
    }

    /// The field that is touched.
    pub fn root(&self) -> &str {
        match self {
            Self::Field(name) => name,
            Self::Path(path) => path.root(),
        }
    }
}
