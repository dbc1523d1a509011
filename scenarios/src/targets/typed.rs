//! Records as a Rust program's own types, without generated code.
//!
//! A user of `serde_dynamo` derives `Serialize` and `Deserialize` for a struct. Here the model plays the
//! derive's part: [`TypedRecord`] serialises a record as that struct would, and [`RecordSeed`] is the struct's
//! `Deserialize`. Each field is an `Option` that is skipped when it is `None`, empties are skipped where the
//! model omits them, bytes are `serde_bytes`, and sets use the library's own `string_set`, `number_set` and
//! `binary_set`.

use proofhouse_models::mapper::model::StructField;
use proofhouse_models::mapper::{FieldType, Model, Record};
use proofhouse_models::value::{AttributeValue, Item, Number};
use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::ser::{Error as _, SerializeMap, Serializer};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fmt;
use std::marker::PhantomData;

/// A record as the struct of its model would be serialised.
pub struct TypedRecord<'a> {
    /// The model in place of the struct's definition.
    pub model: &'a Model,
    /// The struct's content.
    pub record: &'a Record,
}

impl Serialize for TypedRecord<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (name, operand) in self.record {
            let field = self.model.field(name).ok_or_else(|| S::Error::custom("no field has this name"))?;
            let Some(value) = operand.value() else { continue };
            if !(field.omit_empty && is_empty(&field.kind, value)) {
                map.serialize_entry(field.attribute(), &Typed { kind: &field.kind, value })?;
            }
        }
        map.end()
    }
}

/// A value as the Rust type of its declaration.
pub struct Typed<'a> {
    /// The declared type.
    pub kind: &'a FieldType,
    /// The value.
    pub value: &'a AttributeValue,
}

/// What `skip_serializing_if` asks of a field that omits empties.
fn is_empty(kind: &FieldType, value: &AttributeValue) -> bool {
    match (kind, value) {
        (FieldType::Option(inner), value) => is_empty(inner, value),
        (FieldType::Struct(members), AttributeValue::M(map)) => map.iter().all(|(name, value)| {
            let member = members.iter().find(|member| member.name == *name);
            member.is_some_and(|member| member.omit_empty && is_empty(&member.kind, value))
        }),
        (_, value) => value.is_empty(),
    }
}

impl Serialize for Typed<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let each = |inner| move |value| Typed { kind: inner, value };
        match (self.kind, self.value) {
            (FieldType::Option(_), AttributeValue::Null) => serializer.serialize_none(),
            (FieldType::Option(inner), value) => serializer.serialize_some(&each(inner)(value)),
            (FieldType::String, AttributeValue::S(text)) => serializer.serialize_str(text),
            (FieldType::Bool, AttributeValue::Bool(truth)) => serializer.serialize_bool(*truth),
            (FieldType::Bytes, AttributeValue::B(bytes)) => serializer.serialize_bytes(bytes),
            (FieldType::List(inner), AttributeValue::L(list)) => {
                serializer.collect_seq(list.iter().map(each(inner)))
            }
            (FieldType::Map(inner), AttributeValue::M(map)) => {
                let each = each(inner);
                serializer.collect_map(map.iter().map(|(name, value)| (name, each(value))))
            }
            (FieldType::Struct(members), AttributeValue::M(map)) => {
                serialize_struct(members, map, serializer)
            }
            (FieldType::StringSet, AttributeValue::Ss(set)) => {
                serde_dynamo::string_set::serialize(set, serializer)
            }
            (FieldType::BytesSet, AttributeValue::Bs(set)) => {
                let set: Vec<Bytes<'_>> = set.iter().map(|bytes| Bytes(bytes)).collect();
                serde_dynamo::binary_set::serialize(&set, serializer)
            }
            (FieldType::NumberSet, AttributeValue::Ns(set)) => {
                let set: Option<Vec<f64>> = set.iter().map(double).collect();
                let set = set.ok_or_else(|| S::Error::custom("the number is no f64"))?;
                serde_dynamo::number_set::serialize(&set, serializer)
            }
            (kind, AttributeValue::N(number)) => serialize_number(kind, number, serializer),
            _ => Err(S::Error::custom("the value is none of the field's Rust type")),
        }
    }
}

struct Bytes<'a>(&'a [u8]);

impl Serialize for Bytes<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(self.0)
    }
}

fn serialize_struct<S: Serializer>(
    members: &[StructField],
    map: &Item,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let mut output = serializer.serialize_map(None)?;
    for (name, value) in map {
        let member = members.iter().find(|member| member.name == *name);
        let member = member.ok_or_else(|| S::Error::custom("the struct has no such member"))?;
        if !(member.omit_empty && is_empty(&member.kind, value)) {
            output.serialize_entry(member.attribute(), &Typed { kind: &member.kind, value })?;
        }
    }
    output.end()
}

fn serialize_number<S: Serializer>(
    kind: &FieldType,
    number: &Number,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let misfit = || S::Error::custom("the number is none of the field's Rust type");
    if *kind == FieldType::Float64 {
        return serializer.serialize_f64(double(number).ok_or_else(misfit)?);
    }
    let integer = number.to_i128().ok_or_else(misfit)?;
    macro_rules! integers {
        ($($kind:ident $rust:ty, $serialize:ident;)+) => {
            match kind {
                $(FieldType::$kind => {
                    serializer.$serialize(<$rust>::try_from(integer).map_err(|_| misfit())?)
                })+
                _ => Err(misfit()),
            }
        };
    }
    integers! {
        Int8 i8, serialize_i8;
        Int16 i16, serialize_i16;
        Int32 i32, serialize_i32;
        Int64 i64, serialize_i64;
        Uint8 u8, serialize_u8;
        Uint16 u16, serialize_u16;
        Uint32 u32, serialize_u32;
        Uint64 u64, serialize_u64;
    }
}

/// The double that the number is; nothing where it is none.
fn double(number: &Number) -> Option<f64> {
    let double: f64 = number.to_string().parse().ok()?;
    let printed: Number = double.to_string().parse().ok()?;
    (printed == *number).then_some(double)
}

/// The `Deserialize` of a model's struct.
pub struct RecordSeed<'a>(pub &'a Model);

impl<'de> DeserializeSeed<'de> for RecordSeed<'_> {
    type Value = Item;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Item, D::Error> {
        let fields = self.0.fields.iter();
        let fields = fields.map(|field| (field.attribute(), field.name.as_str(), &field.kind)).collect();
        deserializer.deserialize_map(StructVisitor(fields))
    }
}

struct TypedSeed<'a>(&'a FieldType);

impl<'de> DeserializeSeed<'de> for TypedSeed<'_> {
    type Value = AttributeValue;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<AttributeValue, D::Error> {
        let integer = |value: i128| AttributeValue::N(Number::from(value));
        Ok(match self.0 {
            FieldType::Option(inner) => return deserializer.deserialize_option(OptionVisitor(inner)),
            FieldType::List(inner) => return deserializer.deserialize_seq(ListVisitor(inner)),
            FieldType::Map(inner) => return deserializer.deserialize_map(MapVisitor(inner)),
            FieldType::Struct(members) => {
                let members = members.iter();
                let members = members.map(|member| (member.attribute(), member.name.as_str(), &member.kind));
                let map = deserializer.deserialize_map(StructVisitor(members.collect()))?;
                AttributeValue::M(map)
            }
            FieldType::String => AttributeValue::S(String::deserialize(deserializer)?),
            FieldType::Bool => AttributeValue::Bool(bool::deserialize(deserializer)?),
            FieldType::Bytes => AttributeValue::B(OwnedBytes::deserialize(deserializer)?.0),
            FieldType::Int8 => integer(i8::deserialize(deserializer)?.into()),
            FieldType::Int16 => integer(i16::deserialize(deserializer)?.into()),
            FieldType::Int32 => integer(i32::deserialize(deserializer)?.into()),
            FieldType::Int64 => integer(i64::deserialize(deserializer)?.into()),
            FieldType::Uint8 => integer(u8::deserialize(deserializer)?.into()),
            FieldType::Uint16 => integer(u16::deserialize(deserializer)?.into()),
            FieldType::Uint32 => integer(u32::deserialize(deserializer)?.into()),
            FieldType::Uint64 => integer(u64::deserialize(deserializer)?.into()),
            FieldType::Float64 => AttributeValue::N(number(f64::deserialize(deserializer)?)?),
            FieldType::StringSet => AttributeValue::Ss(serde_dynamo::string_set::deserialize(deserializer)?),
            FieldType::NumberSet => {
                let set: Vec<f64> = serde_dynamo::number_set::deserialize(deserializer)?;
                AttributeValue::Ns(set.into_iter().map(number).collect::<Result<_, D::Error>>()?)
            }
            FieldType::BytesSet => {
                let set: BTreeSet<OwnedBytes> = serde_dynamo::binary_set::deserialize(deserializer)?;
                AttributeValue::Bs(set.into_iter().map(|bytes| bytes.0).collect())
            }
            FieldType::Decimal | FieldType::Timestamp | FieldType::Any => {
                return Err(D::Error::custom("this type is not offered"));
            }
        })
    }
}

fn number<E: serde::de::Error>(double: f64) -> Result<Number, E> {
    double.to_string().parse().map_err(|_| E::custom("the f64 is no number"))
}

/// What a field of type `serde_bytes::ByteBuf` reads.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct OwnedBytes(Vec<u8>);

impl<'de> Deserialize<'de> for OwnedBytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct BytesVisitor(PhantomData<()>);
        impl Visitor<'_> for BytesVisitor {
            type Value = OwnedBytes;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("bytes")
            }

            fn visit_bytes<E: serde::de::Error>(self, bytes: &[u8]) -> Result<OwnedBytes, E> {
                Ok(OwnedBytes(bytes.to_vec()))
            }

            fn visit_byte_buf<E: serde::de::Error>(self, bytes: Vec<u8>) -> Result<OwnedBytes, E> {
                Ok(OwnedBytes(bytes))
            }
        }
        deserializer.deserialize_byte_buf(BytesVisitor(PhantomData))
    }
}

struct StructVisitor<'a>(Vec<(&'a str, &'a str, &'a FieldType)>);

impl<'de> Visitor<'de> for StructVisitor<'_> {
    type Value = Item;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a struct")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Item, A::Error> {
        let mut record = Item::new();
        while let Some(attribute) = map.next_key::<String>()? {
            match self.0.iter().find(|(stored, ..)| *stored == attribute) {
                Some((_, name, kind)) => {
                    record.insert((*name).to_owned(), map.next_value_seed(TypedSeed(kind))?);
                }
                None => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(record)
    }
}

struct OptionVisitor<'a>(&'a FieldType);

impl<'de> Visitor<'de> for OptionVisitor<'_> {
    type Value = AttributeValue;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an option")
    }

    fn visit_none<E: serde::de::Error>(self) -> Result<AttributeValue, E> {
        Ok(AttributeValue::Null)
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<AttributeValue, E> {
        Ok(AttributeValue::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<AttributeValue, D::Error> {
        TypedSeed(self.0).deserialize(deserializer)
    }
}

struct ListVisitor<'a>(&'a FieldType);

impl<'de> Visitor<'de> for ListVisitor<'_> {
    type Value = AttributeValue;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<AttributeValue, A::Error> {
        let mut list = Vec::new();
        while let Some(element) = sequence.next_element_seed(TypedSeed(self.0))? {
            list.push(element);
        }
        Ok(AttributeValue::L(list))
    }
}

struct MapVisitor<'a>(&'a FieldType);

impl<'de> Visitor<'de> for MapVisitor<'_> {
    type Value = AttributeValue;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<AttributeValue, A::Error> {
        let mut map = Item::new();
        while let Some(name) = access.next_key::<String>()? {
            map.insert(name, access.next_value_seed(TypedSeed(self.0))?);
        }
        Ok(AttributeValue::M(map))
    }
}
