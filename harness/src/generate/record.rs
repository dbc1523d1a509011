//! Records with presence, keys, and the items that are in the table from the start.

use super::Generator;
use super::model::OWNER;
use crate::case::Start;
use crate::tape::Source;
use proofhouse_models::mapper::call::Key;
use proofhouse_models::mapper::expect::{stored_key, write::is_empty_set};
use proofhouse_models::mapper::{Field, FieldType, Model, Operand, Record};
use proofhouse_models::value::{AttributeValue, Item};

impl Generator<'_> {
    /// A key: of one of the items mostly, else one that differs little or not from them.
    pub fn key(&mut self, source: &mut Source, model: &Model, items: &[Start]) -> Key {
        if !items.is_empty() && !source.chance(15) {
            return key_of(model, &items[source.below(items.len())].record);
        }
        self.fresh_key(source, model)
    }

    /// A key drawn anew; it may be one that an item has.
    pub fn fresh_key(&mut self, source: &mut Source, model: &Model) -> Key {
        let fields = model.key_fields().into_iter().filter_map(|name| model.field(name));
        fields.map(|field| (field.name.clone(), self.key_value(source, &field.kind))).collect()
    }

    /// In so many percent of cases, two keys whose parts join to one text: `a#b` with `c`, and `a` with `b#c`. Cases
    /// with tenants have their own ([`Self::shifted`]).
    pub fn joined_twins(&mut self, source: &mut Source, model: &Model, percent: u32) -> Option<[Key; 2]> {
        let is_text = |name: &str| model.field(name).is_some_and(|field| field.kind == FieldType::String);
        let (partition, sort) = (model.partition_key.as_str(), model.sort_key.as_deref()?);
        if self.has_tenants() || !is_text(partition) || !is_text(sort) || !source.chance(percent) {
            return None;
        }
        let join = *source.pick(&["", "#", "", "|", ":", "/", "-", "_", ",", "."]);
        let [left, middle, right] = [0; 3].map(|_| *source.pick(&["a", "b", "c"]));
        let key = |partition_value: String, sort_value: String| {
            let values = [(partition, partition_value), (sort, sort_value)];
            values.map(|(name, text)| (name.to_owned(), AttributeValue::S(text))).into_iter().collect()
        };
        Some([
            key(format!("{left}{join}{middle}"), right.to_owned()),
            key(left.to_owned(), format!("{middle}{join}{right}")),
        ])
    }

    /// Whether the field may be left to the generator: no key, not managed.
    pub fn is_free(&self, model: &Model, field: &Field) -> bool {
        // Whose record it is stays as it was written.
        let owner = self.has_tenants() && field.name == OWNER;
        !owner
            && !model.is_key(&field.name)
            && model.version.as_ref() != Some(&field.name)
            && !self.is_managed(field)
    }

    /// Whether the library writes the field on its own, by its contract.
    pub fn is_managed(&self, field: &Field) -> bool {
        let managed = &self.target.contract.managed;
        managed.iter().any(|name| *name == field.name || name == field.attribute())
    }

    /// A value for a free field, not empty where the field is the key of an index.
    pub fn free_value(&mut self, source: &mut Source, model: &Model, field: &Field) -> AttributeValue {
        if model.is_any_key(&field.name) {
            self.key_value(source, &field.kind)
        } else {
            self.field_value(source, field)
        }
    }

    /// What a caller passes for a field: a value, an empty or zero one, NULL, or the language's "no value".
    pub fn operand(&mut self, source: &mut Source, model: &Model, field: &Field) -> Operand {
        source.span("operand", |source| {
            let index_key = model.is_any_key(&field.name);
            let empty = Self::empty_of(&field.kind).filter(|_| self.swarm.empties && !index_key);
            let zero = Self::zero_of(&field.kind).filter(|_| self.swarm.zeros && !index_key);
            let null =
                matches!(field.kind, FieldType::Option(_) | FieldType::Any) && self.swarm.nulls && !index_key;
            let weight = |on: bool, weight: u32| if on { weight } else { 0 };
            let choice = *source.weighted(&[
                (50, 0),
                (weight(empty.is_some(), 20), 1),
                (weight(zero.is_some(), 20), 2),
                (weight(null, 20), 3),
                (weight(self.swarm.absents, 20), 4),
            ]);
            match (choice, empty, zero) {
                (1, Some(empty), _) => Operand::Value(empty),
                (2, _, Some(zero)) => Operand::Value(zero),
                (3, ..) => Operand::Value(AttributeValue::Null),
                (4, ..) => Operand::Absent,
                _ => Operand::Value(self.free_value(source, model, field)),
            }
        })
    }

    /// A record under a key: the free fields present, left out or "no value". `absent` allows the last.
    pub fn record(&mut self, source: &mut Source, model: &Model, key: &Key, absent: bool) -> Record {
        let mut record: Record =
            key.iter().map(|(name, value)| (name.clone(), Operand::Value(value.clone()))).collect();
        for field in &model.fields {
            if !self.is_free(model, field) {
                continue;
            }
            source.span("field", |source| {
                if source.chance(20) {
                    return;
                }
                let operand = self.operand(source, model, field);
                if absent || operand.value().is_some() {
                    record.insert(field.name.clone(), operand);
                }
            });
        }
        record
    }

    /// Items of the table before the program, each with a key of its own.
    pub fn starts(
        &mut self,
        source: &mut Source,
        model: &Model,
        count: std::ops::RangeInclusive<usize>,
    ) -> Vec<Start> {
        let mut starts: Vec<Start> = Vec::new();
        let mut keys: Vec<Item> = Vec::new();
        let mut twins = self.joined_twins(source, model, 8).into_iter().flatten();
        // Pages and orders show in a partition of many rows.
        let crowded = model.sort_key.is_some() && *count.end() > 3 && source.chance(20);
        let mut partition: Option<AttributeValue> = None;
        let drawn = source.list("item", count, |source| {
            let mut key = twins.next().unwrap_or_else(|| self.fresh_key(source, model));
            if let (true, Some(shared)) = (crowded, &partition) {
                key.insert(model.partition_key.clone(), shared.clone());
            }
            partition = key.get(&model.partition_key).cloned();
            self.start(source, model, key)
        });
        for start in drawn {
            let key = stored_key(model, &self.target.contract, &key_of(model, &start.record));
            if !keys.contains(&key) {
                keys.push(key);
                starts.push(start);
            }
        }
        starts
    }

    fn start(&mut self, source: &mut Source, model: &Model, key: Key) -> Start {
        let mut record: Item = key.into_iter().collect();
        let marshals = self.target.has("marshal");
        let illegal = std::mem::take(&mut self.swarm.illegal);
        for field in &model.fields {
            if model.version.as_ref() == Some(&field.name) {
                record.insert(field.name.clone(), AttributeValue::number(source.integer_towards(1..=3, 1)));
            } else if self.is_free(model, field) && (marshals || !field.encrypted) {
                source.span("field", |source| {
                    if source.chance(15) {
                        return;
                    }
                    // In the same groups as a caller's record: the shrinker puts what a step wrote in place of it.
                    let value = source.span("operand", |source| self.free_value(source, model, field));
                    if !is_empty_set(&value) {
                        record.insert(field.name.clone(), value);
                    }
                });
            }
        }
        self.swarm.illegal = illegal;
        let mut extra = Item::new();
        if self.swarm.extras {
            let managed = self.target.contract.managed.clone();
            let taken =
                |name: &str| model.field_of_attribute(name).is_some() || managed.iter().any(|m| m == name);
            let entries = source.list("extra", 0..=2, |source| self.extra(source, &taken));
            extra.extend(entries.into_iter().flatten());
        }
        Start { record, extra, tenant: None }
    }
}

/// The key of a record.
pub fn key_of(model: &Model, record: &Item) -> Key {
    let names = model.key_fields().into_iter();
    names.filter_map(|name| Some((name.to_owned(), record.get(name)?.clone()))).collect()
}

/// So many keys of items that are not there: the given one with other partitions. None where the partition is a time,
/// for other texts would be refused.
pub fn other_keys<'key>(model: &'key Model, key: &'key Key, count: i64) -> impl Iterator<Item = Key> + 'key {
    let timed = model.field(&model.partition_key).is_some_and(|field| field.kind == FieldType::Timestamp);
    (0..if timed { 0 } else { count }).map(move |number| {
        let value = match key.get(&model.partition_key) {
            Some(AttributeValue::N(_)) => AttributeValue::number(20 + number),
            Some(AttributeValue::B(_)) => AttributeValue::B(vec![7, number as u8]),
            _ => AttributeValue::S(format!("other{number}")),
        };
        let mut other = key.clone();
        other.insert(model.partition_key.clone(), value);
        other
    })
}
