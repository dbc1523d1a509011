//! From records to items: types, stored names, omitted empties, key case, tenants, ciphers.

use super::failure::{Failure, Result};
use super::legal;
use super::schema::{Place, plain};
use super::scope::Scope;
use proofhouse_models::mapper::call::Key;
use proofhouse_models::mapper::contract::KeyCase;
use proofhouse_models::mapper::model::StructField;
use proofhouse_models::mapper::{Field, FieldType, Operand, Record};
use proofhouse_models::value::{AttributeValue, Item};

/// What becomes of a field's value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Encoded {
    /// The value is stored.
    Stored(AttributeValue),
    /// The value is empty and the field omits empties.
    Omitted,
}

impl Scope<'_> {
    /// A whole record as an item. `with_defaults` fills what the record leaves out (`create` only).
    ///
    /// # Errors
    /// `validation` for an undeclared field, `encode` for a value that does not fit or is not legal.
    pub fn encode_record(&self, record: &Record, with_defaults: bool) -> Result<Item> {
        for name in record.keys() {
            self.schema.field(name)?;
        }
        let mut item = Item::new();
        let (keys, others): (Vec<&Field>, Vec<&Field>) =
            self.schema.model.fields.iter().partition(|field| self.schema.model.is_key(&field.name));
        for field in keys.into_iter().chain(others) {
            let mut value = record.get(&field.name).and_then(Operand::value);
            if with_defaults && value.is_none() {
                value = field.default.as_ref();
            }
            let Some(value) = value else { continue };
            let key = if field.encrypted { self.key_of(&item)? } else { Item::new() };
            if let Encoded::Stored(stored) = self.encode_field(field, value, &key)? {
                item.insert(field.attribute().to_owned(), stored);
            }
        }
        let size: usize = item.iter().map(|(name, value)| name.len() + legal::size(value)).sum();
        if size > legal::ITEM_BYTES {
            return Err(Failure::validation("the item is larger than 400 KB"));
        }
        Ok(item)
    }

    /// A record that is stored under its key: all parts of the key must be there.
    ///
    /// # Errors
    /// As [`Scope::encode_record`], and `validation` for a missing key.
    pub fn encode_keyed(&self, record: &Record, with_defaults: bool) -> Result<(Item, Item)> {
        let item = self.encode_record(record, with_defaults)?;
        let key = self.key_of(&item)?;
        Ok((item, key))
    }

    /// The table's key from field names and values: exactly the key's fields.
    ///
    /// # Errors
    /// `validation` for a missing or an extra field, `encode` for a value that is no key.
    pub fn encode_key(&self, key: &Key) -> Result<Item> {
        let fields = self.schema.keys()?;
        if key.len() != fields.len() {
            return Err(Failure::validation("a key has the fields of the table's key and no others"));
        }
        let mut item = Item::new();
        for field in fields {
            let value = key.get(&field.name);
            let value = value.ok_or_else(|| Failure::validation("a part of the key is missing"))?;
            item.insert(field.attribute().to_owned(), self.encode_key_value(field, value)?);
        }
        Ok(item)
    }

    /// The stored form of a key field's value.
    ///
    /// # Errors
    /// `encode` for a value that is no key of the field's type.
    pub fn encode_key_value(&self, field: &Field, value: &AttributeValue) -> Result<AttributeValue> {
        let kind = plain(&field.kind);
        if Some(value.type_name()) != kind.key_type() {
            return Err(Failure::encode(&field.name, "the value is not of the key's type"));
        }
        let limit = self.schema.key_limit(&field.name).unwrap_or(usize::MAX);
        legal::check_key(&field.name, value, limit)?;
        let stored = self.dress_key(field, encode_value(&field.name, kind, value)?);
        legal::check_key(&field.name, &stored, limit)?;
        legal::check(&field.name, &stored, 0)?;
        Ok(stored)
    }

    /// The stored form of a field's value, ready to be sent. `key` is the item's, for ciphers.
    ///
    /// # Errors
    /// `encode` for a value that does not fit or is not legal.
    pub fn encode_field(&self, field: &Field, value: &AttributeValue, key: &Item) -> Result<Encoded> {
        if field.omit_empty && value.is_empty() {
            return Ok(Encoded::Omitted);
        }
        let stored = self.encode_present(field, value, key)?;
        if field.omit_empty && stored.is_empty() && !field.encrypted {
            return Ok(Encoded::Omitted);
        }
        Ok(Encoded::Stored(stored))
    }

    /// The stored form of a field's value, empties included.
    ///
    /// # Errors
    /// `encode` for a value that does not fit or is not legal.
    pub fn encode_present(
        &self,
        field: &Field,
        value: &AttributeValue,
        key: &Item,
    ) -> Result<AttributeValue> {
        if self.schema.model.is_any_key(&field.name) {
            return self.encode_key_value(field, value);
        }
        legal::check_name(&field.name, field.attribute())?;
        let stored = encode_value(&field.name, &field.kind, value)?;
        legal::check(&field.name, &stored, 0)?;
        if field.encrypted {
            let place = self.seal_place(key, field.attribute());
            return Ok(self.cipher.seal(&place, &stored));
        }
        Ok(stored)
    }

    /// The stored form of an operand that is compared with what lies at a place. An operand that does not
    /// fit the declared type passes as it is: it then equals nothing.
    ///
    /// # Errors
    /// `encode` for a value that DynamoDB refuses.
    pub fn encode_operand(
        &self,
        place: &Place<'_>,
        kind: Option<&FieldType>,
        value: &AttributeValue,
    ) -> Result<AttributeValue> {
        let name = &place.field.name;
        let fitting = kind.and_then(|kind| encode_value(name, kind, value).ok());
        let mut stored = fitting.unwrap_or_else(|| value.clone());
        if place.is_field() {
            stored = self.dress_key(place.field, stored);
        }
        legal::check(name, &stored, 0)?;
        Ok(stored)
    }

    /// Case and tenant of a key field's value.
    fn dress_key(&self, field: &Field, value: AttributeValue) -> AttributeValue {
        let mut value = value;
        if let AttributeValue::S(text) = &mut value
            && self.schema.model.is_key(&field.name)
        {
            // What happens outside ASCII is open: one choice each way.
            match self.options.key_case {
                KeyCase::Preserve => {}
                KeyCase::Lower => text.make_ascii_lowercase(),
                KeyCase::Upper => *text = text.to_uppercase(),
            }
        }
        match self.tenant_in(field) {
            Some(tenant) => tenant.wrap(value),
            None => value,
        }
    }
}

/// A value of a declared type in its stored form.
///
/// # Errors
/// `encode` where the value is none of the type.
pub fn encode_value(field: &str, kind: &FieldType, value: &AttributeValue) -> Result<AttributeValue> {
    let misfit = || Failure::encode(field, "the value does not fit the declared type");
    let fits = match (kind, value) {
        (FieldType::Any, _)
        | (FieldType::String, AttributeValue::S(_))
        | (FieldType::Bool, AttributeValue::Bool(_))
        | (FieldType::Bytes, AttributeValue::B(_))
        | (FieldType::Decimal, AttributeValue::N(_))
        | (FieldType::StringSet, AttributeValue::Ss(_))
        | (FieldType::NumberSet, AttributeValue::Ns(_))
        | (FieldType::BytesSet, AttributeValue::Bs(_))
        | (FieldType::Option(_), AttributeValue::Null) => true,
        (FieldType::Float64, AttributeValue::N(number)) => legal::is_double(number),
        (FieldType::Timestamp, AttributeValue::S(text)) => is_timestamp(text),
        (FieldType::Option(inner), value) => return encode_value(field, inner, value),
        (FieldType::List(inner), AttributeValue::L(list)) => {
            let list = list.iter().map(|element| encode_value(field, inner, element));
            return list.collect::<Result<_>>().map(AttributeValue::L);
        }
        (FieldType::Map(inner), AttributeValue::M(map)) => {
            let map = map.iter().map(|(name, element)| {
                encode_value(field, inner, element).map(|element| (name.clone(), element))
            });
            return map.collect::<Result<_>>().map(AttributeValue::M);
        }
        (FieldType::Struct(members), AttributeValue::M(map)) => {
            return encode_struct(field, members, map);
        }
        (kind, AttributeValue::N(number)) => match (kind.integer_bounds(), number.to_i128()) {
            (Some((low, high)), Some(integer)) => (low..=high).contains(&integer),
            _ => false,
        },
        _ => false,
    };
    if fits { Ok(value.clone()) } else { Err(misfit()) }
}

fn encode_struct(field: &str, members: &[StructField], map: &Item) -> Result<AttributeValue> {
    if map.keys().any(|name| !members.iter().any(|member| member.name == *name)) {
        return Err(Failure::encode(field, "a member that the struct does not declare"));
    }
    let mut stored = Item::new();
    for member in members {
        let Some(value) = map.get(&member.name) else { continue };
        if member.omit_empty && value.is_empty() {
            continue;
        }
        let value = encode_value(field, &member.kind, value)?;
        if !(member.omit_empty && value.is_empty()) {
            stored.insert(member.attribute().to_owned(), value);
        }
    }
    Ok(AttributeValue::M(stored))
}

/// Whether the text is an RFC 3339 timestamp.
pub fn is_timestamp(text: &str) -> bool {
    let bytes = text.as_bytes();
    let digits = |from: usize, to: usize| -> Option<u32> {
        let part = bytes.get(from..to).filter(|part| part.iter().all(u8::is_ascii_digit))?;
        std::str::from_utf8(part).ok()?.parse().ok()
    };
    let is = |at: usize, allowed: &[u8]| bytes.get(at).is_some_and(|byte| allowed.contains(byte));
    let parsed = (|| {
        let (year, month, day) = (digits(0, 4)?, digits(5, 7)?, digits(8, 10)?);
        let (hour, minute, second) = (digits(11, 13)?, digits(14, 16)?, digits(17, 19)?);
        let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        let days = match month {
            2 => 28 + u32::from(leap),
            4 | 6 | 9 | 11 => 30,
            _ => 31,
        };
        let mut at = 19;
        if is(at, b".") {
            let fraction = bytes[20..].iter().take_while(|byte| byte.is_ascii_digit()).count();
            at = if fraction == 0 { return None } else { 20 + fraction };
        }
        let zone = match bytes.get(at)? {
            b'Z' | b'z' => bytes.len() == at + 1,
            b'+' | b'-' => {
                let (hours, minutes) = (digits(at + 1, at + 3)?, digits(at + 4, at + 6)?);
                is(at + 3, b":") && bytes.len() == at + 6 && hours < 24 && minutes < 60
            }
            _ => false,
        };
        let marks = is(4, b"-") && is(7, b"-") && is(10, b"Tt ") && is(13, b":") && is(16, b":");
        let date = (1..=12).contains(&month) && (1..=days).contains(&day);
        Some(marks && date && hour < 24 && minute < 60 && second <= 60 && zone)
    })();
    parsed.unwrap_or(false)
}
