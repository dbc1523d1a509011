//! From items to records: a stored value that does not fit its field is an error, never another value.

use super::encode::is_timestamp;
use super::failure::{Failure, Result};
use super::legal;
use super::scope::Scope;
use proofhouse_models::mapper::FieldType;
use proofhouse_models::value::{AttributeValue, Item, item_from_json};
use serde_json::Value;

impl Scope<'_> {
    /// The record in an item, as the protocol writes it. Attributes outside the model stay behind.
    ///
    /// # Errors
    /// `decode`, naming the field that does not fit.
    pub fn decode_item(&self, item: &Item) -> Result<Item> {
        let mut record = Item::new();
        for field in &self.schema.model.fields {
            let Some(stored) = item.get(field.attribute()) else { continue };
            let opened;
            let mut stored = stored;
            if field.encrypted {
                let place = self.seal_place(&self.key_of(item)?, field.attribute());
                let clear = self.cipher.open(&place, stored);
                opened = clear.ok_or_else(|| Failure::decode(&field.name, "does not decrypt"))?;
                stored = &opened;
            }
            let bare;
            if let Some(tenant) = self.tenant_in(field) {
                bare = tenant.unwrap(stored)?;
                stored = &bare;
            }
            record.insert(field.name.clone(), decode_value(&field.name, &field.kind, stored)?);
        }
        Ok(record)
    }

    /// The record in an item of an answer.
    ///
    /// # Errors
    /// `decode` as in [`Scope::decode_item`].
    pub fn decode_json(&self, item: &Value) -> Result<Item> {
        self.decode_item(&parse_item(item)?)
    }
}

/// An item of an answer.
///
/// # Errors
/// `decode` where it is none.
pub fn parse_item(item: &Value) -> Result<Item> {
    item_from_json(item).map_err(|_| Failure::decode("item", "the answer holds no item"))
}

/// A stored value as a value of a declared type.
///
/// # Errors
/// `decode` where the stored value does not fit.
pub fn decode_value(field: &str, kind: &FieldType, stored: &AttributeValue) -> Result<AttributeValue> {
    let fits = match (kind, stored) {
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
        (FieldType::Option(inner), stored) => return decode_value(field, inner, stored),
        (FieldType::List(inner), AttributeValue::L(list)) => {
            let list = list.iter().map(|element| decode_value(field, inner, element));
            return list.collect::<Result<_>>().map(AttributeValue::L);
        }
        (FieldType::Map(inner), AttributeValue::M(map)) => {
            let map = map.iter().map(|(name, element)| {
                decode_value(field, inner, element).map(|element| (name.clone(), element))
            });
            return map.collect::<Result<_>>().map(AttributeValue::M);
        }
        (FieldType::Struct(members), AttributeValue::M(map)) => {
            let mut record = Item::new();
            for member in members {
                if let Some(stored) = map.get(member.attribute()) {
                    record.insert(member.name.clone(), decode_value(field, &member.kind, stored)?);
                }
            }
            return Ok(AttributeValue::M(record));
        }
        (kind, AttributeValue::N(number)) => match (kind.integer_bounds(), number.to_i128()) {
            (Some((low, high)), Some(integer)) => (low..=high).contains(&integer),
            _ => false,
        },
        _ => false,
    };
    if fits {
        Ok(stored.clone())
    } else {
        Err(Failure::decode(field, "the stored value does not fit the declared type"))
    }
}
