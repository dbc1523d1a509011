//! Attribute values as DynamoDB JSON writes them.
//!
//! A value here may be one that DynamoDB would refuse (a number of 39 digits, an empty set): records
//! that a caller hands to a mapper may hold such values, and what the mapper sends has to be judged.
//! Legality is a question apart.

mod arithmetic;
mod compare;
mod number;
mod size;
mod validate;

pub use arithmetic::ArithmeticError;
pub use compare::{begins_with, contains, order, size_of};
pub use number::{MAX_DIGITS, Number, NumberError};
pub use size::{attribute_size, item_size, value_size};
pub use validate::{
    MAX_ITEM_SIZE, MAX_NAME, MAX_NESTING, MAX_PARTITION_KEY, MAX_SORT_KEY, ValueBreak, ValueRule, check,
    check_item, check_key, nesting,
};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};

/// One attribute value. Equality is DynamoDB's: numbers by value, sets without order.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum AttributeValue {
    /// A string of Unicode text.
    S(String),
    /// A decimal number.
    N(Number),
    /// Raw bytes; base64 in JSON.
    B(Vec<u8>),
    /// A truth value.
    Bool(bool),
    /// The NULL of DynamoDB.
    Null,
    /// A list.
    L(Vec<AttributeValue>),
    /// A map with text keys.
    M(BTreeMap<String, AttributeValue>),
    /// A set of strings.
    Ss(BTreeSet<String>),
    /// A set of numbers.
    Ns(BTreeSet<Number>),
    /// A set of byte strings.
    Bs(BTreeSet<Vec<u8>>),
}

/// Levels that [`AttributeValue::from_json`] follows: far more than DynamoDB's 32, far fewer than a stack holds.
pub const MAX_READ_DEPTH: usize = 200;

/// An item: attribute values by attribute name.
pub type Item = BTreeMap<String, AttributeValue>;

/// Why a JSON value is no attribute value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ValueError {
    /// Not an object with one type key.
    #[error("an attribute value is an object with one key of S N B BOOL NULL L M SS NS BS, not {0}")]
    Shape(String),
    /// The content does not fit its type key.
    #[error("the content of {0} does not fit its type")]
    Content(&'static str),
    /// A number that does not parse.
    #[error(transparent)]
    Number(#[from] NumberError),
    /// Lists and maps nested beyond what any reader follows.
    #[error("the value nests more than {MAX_READ_DEPTH} levels")]
    Depth,
    /// A set with two equal members.
    #[error("a set holds {0} twice")]
    Duplicate(String),
}

impl AttributeValue {
    /// A number from an integer.
    pub fn number(value: i64) -> Self {
        Self::N(Number::from(value))
    }

    /// The type key in DynamoDB JSON: `S`, `N`, … `BS`.
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::S(_) => "S",
            Self::N(_) => "N",
            Self::B(_) => "B",
            Self::Bool(_) => "BOOL",
            Self::Null => "NULL",
            Self::L(_) => "L",
            Self::M(_) => "M",
            Self::Ss(_) => "SS",
            Self::Ns(_) => "NS",
            Self::Bs(_) => "BS",
        }
    }

    /// An empty string, list, map, bytes or set: what `omit_empty` speaks of.
    pub fn is_empty(&self) -> bool {
        match self {
            Self::S(text) => text.is_empty(),
            Self::B(bytes) => bytes.is_empty(),
            Self::L(list) => list.is_empty(),
            Self::M(map) => map.is_empty(),
            Self::Ss(set) => set.is_empty(),
            Self::Ns(set) => set.is_empty(),
            Self::Bs(set) => set.is_empty(),
            Self::N(_) | Self::Bool(_) | Self::Null => false,
        }
    }

    /// Zero or `false`: a present value that languages take for "nothing".
    pub fn is_zero(&self) -> bool {
        match self {
            Self::N(number) => number.is_zero(),
            Self::Bool(value) => !value,
            _ => false,
        }
    }

    /// As DynamoDB JSON, numbers in canonical text.
    pub fn to_json(&self) -> Value {
        // By hand: the macro would build what stands inside a second time.
        let content = match self {
            Self::S(text) => Value::String(text.clone()),
            Self::N(number) => Value::String(number.to_string()),
            Self::B(bytes) => Value::String(BASE64.encode(bytes)),
            Self::Bool(value) => Value::Bool(*value),
            Self::Null => Value::Bool(true),
            Self::L(list) => list.iter().map(Self::to_json).collect(),
            Self::M(map) => item_to_json(map),
            Self::Ss(set) => set.iter().map(String::as_str).collect(),
            Self::Ns(set) => set.iter().map(Number::to_string).collect(),
            Self::Bs(set) => set.iter().map(|bytes| BASE64.encode(bytes)).collect(),
        };
        let mut object = Map::with_capacity(1);
        object.insert(self.type_name().to_owned(), content);
        Value::Object(object)
    }

    /// From DynamoDB JSON. Duplicates in a set are an error; size, digits and emptiness are not checked.
    ///
    /// # Errors
    /// [`ValueError`] says what is not as DynamoDB JSON writes it.
    pub fn from_json(value: &Value) -> Result<Self, ValueError> {
        Self::read(value, MAX_READ_DEPTH)
    }

    fn read(value: &Value, levels: usize) -> Result<Self, ValueError> {
        let levels = levels.checked_sub(1).ok_or(ValueError::Depth)?;
        let shape = || ValueError::Shape(excerpt(value));
        let object = value.as_object().ok_or_else(shape)?;
        let mut entries = object.iter();
        let (Some((key, content)), None) = (entries.next(), entries.next()) else {
            return Err(shape());
        };
        match key.as_str() {
            "S" => Ok(Self::S(content.as_str().ok_or(ValueError::Content("S"))?.to_owned())),
            "N" => Ok(Self::N(content.as_str().ok_or(ValueError::Content("N"))?.parse()?)),
            "B" => Ok(Self::B(bytes_from_json(content, "B")?)),
            "BOOL" => Ok(Self::Bool(content.as_bool().ok_or(ValueError::Content("BOOL"))?)),
            "NULL" => match content.as_bool() {
                Some(true) => Ok(Self::Null),
                _ => Err(ValueError::Content("NULL")),
            },
            "L" => {
                let list = content.as_array().ok_or(ValueError::Content("L"))?;
                Ok(Self::L(list.iter().map(|item| Self::read(item, levels)).collect::<Result<_, _>>()?))
            }
            "M" => Ok(Self::M(read_item(content, levels)?)),
            "SS" => set_from_json(content, "SS", |member| {
                member.as_str().map(str::to_owned).ok_or(ValueError::Content("SS"))
            })
            .map(Self::Ss),
            "NS" => set_from_json(content, "NS", |member| {
                Ok(member.as_str().ok_or(ValueError::Content("NS"))?.parse::<Number>()?)
            })
            .map(Self::Ns),
            "BS" => set_from_json(content, "BS", |member| bytes_from_json(member, "BS")).map(Self::Bs),
            _ => Err(shape()),
        }
    }
}

/// An item as DynamoDB JSON.
pub fn item_to_json(item: &Item) -> Value {
    Value::Object(item.iter().map(|(name, value)| (name.clone(), value.to_json())).collect::<Map<_, _>>())
}

/// An item from DynamoDB JSON.
///
/// # Errors
/// [`ValueError`] of the first attribute that is none.
pub fn item_from_json(value: &Value) -> Result<Item, ValueError> {
    read_item(value, MAX_READ_DEPTH)
}

fn read_item(value: &Value, levels: usize) -> Result<Item, ValueError> {
    let object = value.as_object().ok_or(ValueError::Content("M"))?;
    object.iter().map(|(name, value)| Ok((name.clone(), AttributeValue::read(value, levels)?))).collect()
}

fn bytes_from_json(value: &Value, what: &'static str) -> Result<Vec<u8>, ValueError> {
    let text = value.as_str().ok_or(ValueError::Content(what))?;
    BASE64.decode(text).map_err(|_| ValueError::Content(what))
}

fn set_from_json<T: Ord>(
    value: &Value,
    what: &'static str,
    member: impl Fn(&Value) -> Result<T, ValueError>,
) -> Result<BTreeSet<T>, ValueError> {
    let mut set = BTreeSet::new();
    for element in value.as_array().ok_or(ValueError::Content(what))? {
        if !set.insert(member(element)?) {
            return Err(ValueError::Duplicate(excerpt(element)));
        }
    }
    Ok(set)
}

fn excerpt(value: &Value) -> String {
    // Containers are only named: printing one would follow its whole depth.
    let text = match value {
        Value::Array(list) => format!("a JSON list of {}", list.len()),
        Value::Object(map) => format!("an object with the keys {:?}", map.keys().take(3).collect::<Vec<_>>()),
        scalar => scalar.to_string(),
    };
    match text.char_indices().nth(60) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

impl Serialize for AttributeValue {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_map(Some(1))?;
        let tag = self.type_name();
        match self {
            Self::S(text) => object.serialize_entry(tag, text)?,
            Self::N(number) => object.serialize_entry(tag, &number.to_string())?,
            Self::B(bytes) => object.serialize_entry(tag, &BASE64.encode(bytes))?,
            Self::Bool(value) => object.serialize_entry(tag, value)?,
            Self::Null => object.serialize_entry(tag, &true)?,
            Self::L(list) => object.serialize_entry(tag, list)?,
            Self::M(map) => object.serialize_entry(tag, map)?,
            Self::Ss(set) => object.serialize_entry(tag, set)?,
            Self::Ns(set) => {
                object.serialize_entry(tag, &set.iter().map(Number::to_string).collect::<Vec<_>>())?;
            }
            Self::Bs(set) => {
                object.serialize_entry(tag, &set.iter().map(|b| BASE64.encode(b)).collect::<Vec<_>>())?;
            }
        }
        object.end()
    }
}

impl<'de> Deserialize<'de> for AttributeValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        Self::from_json(&value).map_err(de::Error::custom)
    }
}
