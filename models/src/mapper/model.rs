//! Data models: what a user of a mapper declares.

use super::record::Path;
use crate::value::AttributeValue;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use serde_json::{Value, json};

/// A data model, in the shape of the protocol's `define`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Model {
    /// The name by which calls refer to it.
    pub name: String,
    /// The table, made and dropped by the harness.
    pub table: String,
    /// Field name of the partition key.
    pub partition_key: String,
    /// Field name of the sort key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sort_key: Option<String>,
    /// Field name of the version, managed by the library.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// `"none"` for a model outside tenancy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenancy: Option<String>,
    /// Global secondary indexes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub indexes: Vec<Index>,
    /// Declared fields, keys included.
    pub fields: Vec<Field>,
}

/// A global secondary index.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Index {
    /// Three characters or more.
    pub name: String,
    /// Field name of the index's partition key.
    pub partition_key: String,
    /// Field name of the index's sort key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sort_key: Option<String>,
    /// What the index holds; `all` unless told.
    #[serde(default)]
    pub projection: Projection,
}

/// What an index holds besides its keys and the table's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Projection {
    /// Every attribute.
    #[default]
    All,
    /// Keys only.
    Keys,
    /// The named fields.
    Fields(Vec<String>),
}

impl Serialize for Projection {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::All => "all".serialize(serializer),
            Self::Keys => "keys".serialize(serializer),
            Self::Fields(fields) => fields.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Projection {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Value::deserialize(deserializer)? {
            Value::String(text) if text == "all" => Ok(Self::All),
            Value::String(text) if text == "keys" => Ok(Self::Keys),
            Value::Array(list) => list
                .iter()
                .map(|name| name.as_str().map(str::to_owned))
                .collect::<Option<Vec<_>>>()
                .map(Self::Fields)
                .ok_or_else(|| de::Error::custom("a projection lists field names")),
            other => Err(de::Error::custom(format!(
                "a projection is \"all\", \"keys\" or a list of fields, not {other}"
            ))),
        }
    }
}

/// A declared field, or a member of a struct.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Field {
    /// The name in the program.
    pub name: String,
    /// The name in the stored item; the field's name unless told.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub attribute: String,
    /// The declared type.
    #[serde(rename = "type")]
    pub kind: FieldType,
    /// An empty string, list, map, bytes or set is stored as no attribute.
    #[serde(default, skip_serializing_if = "is_false")]
    pub omit_empty: bool,
    /// Applied on `create` only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<AttributeValue>,
    /// The stored value is a cipher text.
    #[serde(default, skip_serializing_if = "is_false")]
    pub encrypted: bool,
}

fn is_false(value: &bool) -> bool {
    !value
}

impl Field {
    /// A plain field whose attribute has its name.
    pub fn new(name: impl Into<String>, kind: FieldType) -> Self {
        let name = name.into();
        Self { attribute: name.clone(), name, kind, omit_empty: false, default: None, encrypted: false }
    }

    /// The stored name.
    pub fn attribute(&self) -> &str {
        if self.attribute.is_empty() { &self.name } else { &self.attribute }
    }
}

/// A field's declared type.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the variants are the type names of the protocol")]
pub enum FieldType {
    String,
    Bool,
    Bytes,
    Int8,
    Int16,
    Int32,
    Int64,
    Uint8,
    Uint16,
    Uint32,
    Uint64,
    Float64,
    Decimal,
    Timestamp,
    Any,
    List(Box<FieldType>),
    Map(Box<FieldType>),
    /// `{"set":"string"}`.
    StringSet,
    /// `{"set":"number"}`.
    NumberSet,
    /// `{"set":"bytes"}`.
    BytesSet,
    Option(Box<FieldType>),
    Struct(Vec<StructField>),
}

/// A member of a struct: a field without a default.
pub type StructField = FieldShape;

/// Name, stored name, type and `omit_empty` of a struct's member.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct FieldShape {
    /// The name in the program.
    pub name: String,
    /// The stored name; the member's name unless told.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub attribute: String,
    /// The declared type.
    #[serde(rename = "type")]
    pub kind: FieldType,
    /// An empty value is stored as no attribute.
    #[serde(default, skip_serializing_if = "is_false")]
    pub omit_empty: bool,
}

impl FieldShape {
    /// The stored name.
    pub fn attribute(&self) -> &str {
        if self.attribute.is_empty() { &self.name } else { &self.attribute }
    }
}

const PLAIN: [(&str, FieldType); 15] = [
    ("string", FieldType::String),
    ("bool", FieldType::Bool),
    ("bytes", FieldType::Bytes),
    ("int8", FieldType::Int8),
    ("int16", FieldType::Int16),
    ("int32", FieldType::Int32),
    ("int64", FieldType::Int64),
    ("uint8", FieldType::Uint8),
    ("uint16", FieldType::Uint16),
    ("uint32", FieldType::Uint32),
    ("uint64", FieldType::Uint64),
    ("float64", FieldType::Float64),
    ("decimal", FieldType::Decimal),
    ("timestamp", FieldType::Timestamp),
    ("any", FieldType::Any),
];

impl FieldType {
    /// The name under which a target declares this kind in `types`: `string`, …, `list`, `set`, `struct`.
    pub fn kind_name(&self) -> &'static str {
        match self {
            Self::List(_) => "list",
            Self::Map(_) => "map",
            Self::StringSet | Self::NumberSet | Self::BytesSet => "set",
            Self::Option(_) => "option",
            Self::Struct(_) => "struct",
            plain => PLAIN.iter().find(|(_, kind)| kind == plain).map_or("any", |(name, _)| name),
        }
    }

    /// The kind in words, options left out: `string`, `list`, `map of any`, `list of struct`.
    ///
    /// Collections say what they hold where mappers treat it by another code path than plain values.
    pub fn kind_words(&self) -> String {
        match self {
            Self::Option(inner) => inner.kind_words(),
            Self::List(inner) | Self::Map(inner) => {
                let mut held = inner.as_ref();
                while let Self::Option(inner) = held {
                    held = inner;
                }
                match held {
                    Self::Any | Self::Struct(_) => format!("{} of {}", self.kind_name(), held.kind_name()),
                    _ => self.kind_name().to_owned(),
                }
            }
            _ => self.kind_name().to_owned(),
        }
    }

    /// Whether the kind itself, or what its lists, maps and options hold at any depth, is of this sort. What stands
    /// inside of a struct is the struct's.
    pub fn holds(&self, sort: &dyn Fn(&Self) -> bool) -> bool {
        let inside = match self {
            Self::List(inner) | Self::Map(inner) | Self::Option(inner) => inner.holds(sort),
            _ => false,
        };
        inside || sort(self)
    }

    /// Whether it is or holds a struct.
    pub fn holds_struct(&self) -> bool {
        self.holds(&|kind| matches!(kind, Self::Struct(_)))
    }

    /// The inclusive bounds of an integer type.
    pub fn integer_bounds(&self) -> Option<(i128, i128)> {
        Some(match self {
            Self::Int8 => (i8::MIN.into(), i8::MAX.into()),
            Self::Int16 => (i16::MIN.into(), i16::MAX.into()),
            Self::Int32 => (i32::MIN.into(), i32::MAX.into()),
            Self::Int64 => (i64::MIN.into(), i64::MAX.into()),
            Self::Uint8 => (0, u8::MAX.into()),
            Self::Uint16 => (0, u16::MAX.into()),
            Self::Uint32 => (0, u32::MAX.into()),
            Self::Uint64 => (0, u64::MAX.into()),
            _ => return None,
        })
    }

    /// The key type of a table: `S`, `N` or `B`; nothing where the type is no key.
    pub fn key_type(&self) -> Option<&'static str> {
        match self {
            Self::String | Self::Timestamp => Some("S"),
            Self::Bytes => Some("B"),
            Self::Float64 | Self::Decimal => Some("N"),
            kind if kind.integer_bounds().is_some() => Some("N"),
            _ => None,
        }
    }

    /// Whether the value is a number.
    pub fn is_number(&self) -> bool {
        self.key_type() == Some("N")
    }

    fn to_json(&self) -> Value {
        match self {
            Self::List(inner) => json!({ "list": inner.to_json() }),
            Self::Map(inner) => json!({ "map": inner.to_json() }),
            Self::StringSet => json!({ "set": "string" }),
            Self::NumberSet => json!({ "set": "number" }),
            Self::BytesSet => json!({ "set": "bytes" }),
            Self::Option(inner) => json!({ "option": inner.to_json() }),
            Self::Struct(fields) => json!({ "struct": fields }),
            plain => json!(plain.kind_name()),
        }
    }

    fn from_json(value: &Value) -> Result<Self, String> {
        if let Some(name) = value.as_str() {
            let found = PLAIN.iter().find(|(plain, _)| *plain == name);
            return found.map(|(_, kind)| kind.clone()).ok_or_else(|| format!("no type is called {name:?}"));
        }
        let entry = value.as_object().and_then(|object| object.iter().next());
        let (key, inner) = entry.ok_or_else(|| format!("not a type: {value}"))?;
        match (key.as_str(), inner.as_str()) {
            ("list", _) => Ok(Self::List(Box::new(Self::from_json(inner)?))),
            ("map", _) => Ok(Self::Map(Box::new(Self::from_json(inner)?))),
            ("option", _) => Ok(Self::Option(Box::new(Self::from_json(inner)?))),
            ("set", Some("string")) => Ok(Self::StringSet),
            ("set", Some("number")) => Ok(Self::NumberSet),
            ("set", Some("bytes")) => Ok(Self::BytesSet),
            ("struct", _) => {
                serde_json::from_value(inner.clone()).map(Self::Struct).map_err(|e| e.to_string())
            }
            _ => Err(format!("not a type: {value}")),
        }
    }
}

impl Serialize for FieldType {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.to_json().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for FieldType {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        Self::from_json(&value).map_err(de::Error::custom)
    }
}

impl Model {
    /// A declared field by its name.
    pub fn field(&self, name: &str) -> Option<&Field> {
        self.fields.iter().find(|field| field.name == name)
    }

    /// A declared field by its stored name.
    pub fn field_of_attribute(&self, attribute: &str) -> Option<&Field> {
        self.fields.iter().find(|field| field.attribute() == attribute)
    }

    /// An index by its name.
    pub fn index(&self, name: &str) -> Option<&Index> {
        self.indexes.iter().find(|index| index.name == name)
    }

    /// Field names of the table's key, partition key first.
    pub fn key_fields(&self) -> Vec<&str> {
        std::iter::once(self.partition_key.as_str()).chain(self.sort_key.as_deref()).collect()
    }

    /// Whether the field is part of the table's key.
    pub fn is_key(&self, name: &str) -> bool {
        self.partition_key == name || self.sort_key.as_deref() == Some(name)
    }

    /// Whether the field is a key of the table or of an index.
    pub fn is_any_key(&self, name: &str) -> bool {
        self.is_key(name)
            || self
                .indexes
                .iter()
                .any(|index| index.partition_key == name || index.sort_key.as_deref() == Some(name))
    }

    /// A path of fields as a path of stored names: the field, then members of declared structs.
    pub fn attribute_path(&self, path: &Path) -> Path {
        use super::record::PathPart;
        let mut parts = path.0.clone();
        let Some(field) = self.field(path.root()) else {
            return path.clone();
        };
        if let Some(PathPart::Key(first)) = parts.first_mut() {
            *first = field.attribute().to_owned();
        }
        let mut kind = Some(&field.kind);
        for part in parts.iter_mut().skip(1) {
            while let Some(FieldType::Option(inner)) = kind {
                kind = Some(inner);
            }
            kind = match (kind, part) {
                (Some(FieldType::Struct(members)), PathPart::Key(name)) => {
                    let member = members.iter().find(|member| member.name == *name);
                    if let Some(member) = member {
                        *name = member.attribute().to_owned();
                    }
                    member.map(|member| &member.kind)
                }
                (Some(FieldType::Map(inner)), PathPart::Key(_))
                | (Some(FieldType::List(inner)), PathPart::Index(_)) => Some(inner),
                _ => None,
            };
        }
        Path(parts)
    }
}
