//! How a declared value lies in the raw item: stored names, struct members, `omit_empty`, key case.

use crate::mapper::contract::KeyCase;
use crate::mapper::{Contract, Field, FieldType, Model};
use crate::value::{AttributeValue, Item, Number};
use std::collections::BTreeMap;

/// The stored form of a value of the type: members of structs under their stored names, those that are
/// empty and `omit_empty` left away. Values that do not fit their type stay as they are.
pub fn stored_value(kind: &FieldType, value: &AttributeValue) -> AttributeValue {
    match (kind, value) {
        (FieldType::Option(inner), value) => stored_value(inner, value),
        (FieldType::List(inner), AttributeValue::L(list)) => {
            AttributeValue::L(list.iter().map(|element| stored_value(inner, element)).collect())
        }
        (FieldType::Map(inner), AttributeValue::M(map)) => {
            let entries = map.iter().map(|(key, value)| (key.clone(), stored_value(inner, value)));
            AttributeValue::M(entries.collect())
        }
        (FieldType::Struct(members), AttributeValue::M(map)) => {
            let mut stored = BTreeMap::new();
            for (name, value) in map {
                let Some(member) = members.iter().find(|member| member.name == *name) else {
                    stored.insert(name.clone(), value.clone());
                    continue;
                };
                let value = stored_value(&member.kind, value);
                if !(member.omit_empty && value.is_empty()) {
                    stored.insert(member.attribute().to_owned(), value);
                }
            }
            AttributeValue::M(stored)
        }
        _ => value.clone(),
    }
}

/// The stored form of a field's value; nothing where `omit_empty` leaves it away.
pub fn stored_field(field: &Field, value: &AttributeValue) -> Option<AttributeValue> {
    let value = stored_value(&field.kind, value);
    (!(field.omit_empty && value.is_empty())).then_some(value)
}

/// A key value as it is stored: in the case that the contract tells. Casing outside ASCII is open.
pub fn cased(contract: &Contract, value: &AttributeValue) -> AttributeValue {
    match (contract.key_case, value) {
        (Some(KeyCase::Lower), AttributeValue::S(text)) => AttributeValue::S(text.to_lowercase()),
        (Some(KeyCase::Upper), AttributeValue::S(text)) => AttributeValue::S(text.to_uppercase()),
        _ => value.clone(),
    }
}

/// The raw item of field values, as `put` stores it.
pub fn stored_item(model: &Model, contract: &Contract, record: &Item) -> Item {
    let mut item = Item::new();
    for (name, value) in record {
        let Some(field) = model.field(name) else { continue };
        let value = if model.is_key(name) { cased(contract, value) } else { value.clone() };
        if let Some(value) = stored_field(field, &value) {
            item.insert(field.attribute().to_owned(), value);
        }
    }
    item
}

/// The raw key attributes of a key given by field names.
pub fn stored_key(model: &Model, contract: &Contract, key: &BTreeMap<String, AttributeValue>) -> Item {
    let fields = model.key_fields().into_iter().filter_map(|name| model.field(name));
    fields
        .filter_map(|field| {
            let value = key.get(&field.name)?;
            Some((field.attribute().to_owned(), cased(contract, &stored_value(&field.kind, value))))
        })
        .collect()
}

/// The values of the raw item's key attributes, partition key first.
pub fn raw_key(model: &Model, item: &Item) -> Vec<Option<AttributeValue>> {
    let fields = model.key_fields().into_iter();
    fields.map(|name| model.field(name).and_then(|field| item.get(field.attribute())).cloned()).collect()
}

/// Whether the stored value is what storing the declared value gives, up to what the protocol leaves
/// open: the digits of a `float64` that is the same double, and how a member that the caller left out
/// of a struct is stored.
pub fn fits(kind: &FieldType, wanted: &AttributeValue, stored: &AttributeValue) -> bool {
    match (kind, wanted, stored) {
        (FieldType::Option(_), AttributeValue::Null, stored) => *stored == AttributeValue::Null,
        (FieldType::Option(inner), wanted, stored) => fits(inner, wanted, stored),
        (FieldType::Float64, AttributeValue::N(wanted), AttributeValue::N(stored)) => {
            same_double(wanted, stored)
        }
        (FieldType::List(inner), AttributeValue::L(wanted), AttributeValue::L(stored)) => {
            wanted.len() == stored.len()
                && wanted.iter().zip(stored).all(|(wanted, stored)| fits(inner, wanted, stored))
        }
        (FieldType::Map(inner), AttributeValue::M(wanted), AttributeValue::M(stored)) => {
            wanted.len() == stored.len()
                && wanted
                    .iter()
                    .all(|(key, wanted)| stored.get(key).is_some_and(|stored| fits(inner, wanted, stored)))
        }
        (FieldType::Struct(members), AttributeValue::M(wanted), AttributeValue::M(stored)) => {
            let known = stored.keys().all(|attribute| {
                members.iter().any(|member| member.attribute() == attribute) || wanted.contains_key(attribute)
            });
            known
                && members.iter().all(|member| {
                    let stored = stored.get(member.attribute());
                    match wanted.get(&member.name) {
                        Some(wanted) => {
                            let omitted = member.omit_empty && stored_value(&member.kind, wanted).is_empty();
                            match stored {
                                None => omitted,
                                Some(stored) => !omitted && fits(&member.kind, wanted, stored),
                            }
                        }
                        None => stored.is_none_or(|stored| is_nothing(&member.kind, stored)),
                    }
                })
        }
        _ => wanted == stored,
    }
}

/// Whether two numbers are the same double.
pub fn same_double(left: &Number, right: &Number) -> bool {
    left == right || to_double(left).is_some_and(|value| Some(value) == to_double(right))
}

/// The nearest double; nothing for one that is infinite.
pub fn to_double(number: &Number) -> Option<f64> {
    number.to_string().parse::<f64>().ok().filter(|value| value.is_finite())
}

/// What a statically typed language stores for a field that nobody filled: the type's zero value, or
/// NULL where the type takes it.
pub fn is_nothing(kind: &FieldType, stored: &AttributeValue) -> bool {
    match (kind, stored) {
        (FieldType::Option(_) | FieldType::Any, AttributeValue::Null) => true,
        (FieldType::Option(_) | FieldType::Any, _) => false,
        (FieldType::Timestamp, AttributeValue::S(text)) => text.is_empty() || text.starts_with("0001-01-01"),
        (FieldType::Struct(members), AttributeValue::M(map)) => map.iter().all(|(attribute, value)| {
            let member = members.iter().find(|member| member.attribute() == attribute);
            member.is_some_and(|member| is_nothing(&member.kind, value))
        }),
        (FieldType::List(_) | FieldType::Map(_) | FieldType::Bytes, AttributeValue::Null) => true,
        (FieldType::StringSet | FieldType::NumberSet | FieldType::BytesSet, AttributeValue::Null) => true,
        (_, value) => value.is_empty() || value.is_zero(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mapper::model::FieldShape;

    fn shape(name: &str, attribute: &str, omit_empty: bool) -> FieldShape {
        FieldShape { name: name.into(), attribute: attribute.into(), kind: FieldType::String, omit_empty }
    }

    #[test]
    fn struct_members_are_stored_under_their_attributes() {
        let kind = FieldType::Struct(vec![shape("a", "x", false), shape("b", "", true)]);
        let value = AttributeValue::M(
            [("a".to_owned(), AttributeValue::S("1".into())), ("b".to_owned(), AttributeValue::S("".into()))]
                .into(),
        );
        let stored = AttributeValue::M([("x".to_owned(), AttributeValue::S("1".into()))].into());
        assert_eq!(stored_value(&kind, &value), stored);
        assert!(fits(&kind, &value, &stored));
        assert!(!fits(&kind, &value, &AttributeValue::M(BTreeMap::new())));
    }

    #[test]
    fn the_same_double_fits_in_other_digits() {
        let wanted = AttributeValue::N("0.1".parse().expect("a number"));
        let stored = AttributeValue::N("0.1000000000000000055511151231257827".parse().expect("a number"));
        assert!(fits(&FieldType::Float64, &wanted, &stored));
        assert!(!fits(&FieldType::Decimal, &wanted, &stored));
    }

    #[test]
    fn null_is_nothing_where_a_type_of_go_has_a_nil() {
        for kind in [FieldType::Bytes, FieldType::List(Box::new(FieldType::String)), FieldType::StringSet] {
            assert!(is_nothing(&kind, &AttributeValue::Null), "{kind:?}");
        }
        assert!(!is_nothing(&FieldType::String, &AttributeValue::Null));
    }

    #[test]
    fn a_struct_whose_members_are_all_omitted_is_empty() {
        let mut field = Field::new("s", FieldType::Struct(vec![shape("a", "", true)]));
        field.omit_empty = true;
        let value = AttributeValue::M([("a".to_owned(), AttributeValue::S(String::new()))].into());
        assert_eq!(stored_field(&field, &value), None);
    }
}
