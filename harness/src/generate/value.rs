//! Values of a declared type.

use super::Generator;
use super::name::PLAIN;
use crate::tape::Source;
use proofhouse_models::mapper::{Field, FieldType};
use proofhouse_models::value::AttributeValue;
use std::collections::{BTreeMap, BTreeSet};

const TIMESTAMPS: [&str; 9] = [
    "2024-01-01T00:00:00Z",
    "2024-01-01T00:00:01Z",
    "2024-02-29T23:59:59.999999999Z",
    "1970-01-01T00:00:00Z",
    "2024-01-01T02:00:00+02:00",
    "2024-01-01T00:00:00.100Z",
    "9999-12-31T23:59:59Z",
    "2024-01-01T02:00:00.678+02:00",
    "2023-12-31T19:00:00.5-05:00",
];

const MAP_KEYS: [&str; 4] = ["k", "m", "kk", "n"];

const HOSTILE_MAP_KEYS: [&str; 14] =
    ["0", "1", "a.b", "a b", "K", "#k", ":v0", "size", "__proto__", "constructor", "é", "a[0]", "0", "k-"];

impl Generator<'_> {
    /// A value of a field; never an empty set, and never empty where the field is the key of an index.
    pub fn field_value(&mut self, source: &mut Source, field: &Field) -> AttributeValue {
        source.span("value", |source| self.value(source, &field.kind, 0))
    }

    /// A value of a key field: not empty.
    pub fn key_value(&mut self, source: &mut Source, kind: &FieldType) -> AttributeValue {
        match kind {
            FieldType::String => AttributeValue::S(self.key_text(source)),
            FieldType::Bytes => {
                let mut bytes = self.bytes(source);
                if bytes.is_empty() {
                    bytes.push(1);
                }
                AttributeValue::B(bytes)
            }
            FieldType::Option(inner) => self.key_value(source, inner),
            FieldType::Timestamp => AttributeValue::S((*source.pick(&TIMESTAMPS)).to_owned()),
            kind => {
                let number = self.number(source, kind);
                AttributeValue::N(if number.is_legal() { number } else { 1_i64.into() })
            }
        }
    }

    /// A value of a type, nested up to what the case holds.
    pub fn value(&mut self, source: &mut Source, kind: &FieldType, depth: usize) -> AttributeValue {
        let enough = self.spend(1);
        match kind {
            FieldType::String => AttributeValue::S(self.text(source)),
            FieldType::Bool => AttributeValue::Bool(!self.swarm.zeros || !source.chance(50)),
            FieldType::Bytes => AttributeValue::B(self.bytes(source)),
            FieldType::Timestamp => AttributeValue::S((*source.pick(&TIMESTAMPS)).to_owned()),
            FieldType::Any => self.any(source, depth),
            FieldType::List(inner) => {
                if depth == 0 && self.swarm.long && source.chance(10) {
                    let element = self.value(source, inner, 8);
                    let count = *source.pick(&[101, 100, 130]);
                    return AttributeValue::L(vec![element; count]);
                }
                let most = if enough { 3 } else { 0 };
                let least = self.least(source).min(most);
                AttributeValue::L(
                    source.list("element", least..=most, |source| self.value(source, inner, depth + 1)),
                )
            }
            FieldType::Map(inner) => {
                let most = if enough { 3 } else { 0 };
                let least = self.least(source).min(most);
                let entries = source.list("entry", least..=most, |source| {
                    let key = self.map_key(source);
                    (key, self.value(source, inner, depth + 1))
                });
                AttributeValue::M(entries.into_iter().collect())
            }
            FieldType::StringSet => {
                let least = self.least_of_set(source, depth);
                let members = source.list("member", least..=3, |source| self.text(source));
                AttributeValue::Ss(members.into_iter().collect())
            }
            FieldType::NumberSet => {
                let least = self.least_of_set(source, depth);
                let members =
                    source.list("member", least..=3, |source| self.number(source, &FieldType::Decimal));
                AttributeValue::Ns(members.into_iter().collect())
            }
            FieldType::BytesSet => {
                let least = self.least_of_set(source, depth);
                let members = source.list("member", least..=3, |source| self.bytes(source));
                AttributeValue::Bs(members.into_iter().collect::<BTreeSet<_>>())
            }
            FieldType::Option(inner) => {
                if self.swarm.nulls && source.chance(30) {
                    return AttributeValue::Null;
                }
                self.value(source, inner, depth)
            }
            FieldType::Struct(members) => {
                let mut map = BTreeMap::new();
                for member in members {
                    source.span("member", |source| {
                        if !source.chance(12) {
                            map.insert(member.name.clone(), self.value(source, &member.kind, depth + 1));
                        }
                    });
                }
                AttributeValue::M(map)
            }
            number => AttributeValue::N(self.number(source, number)),
        }
    }

    fn any(&mut self, source: &mut Source, depth: usize) -> AttributeValue {
        let nested = depth < 2 && self.swarm.nesting;
        let kinds = [
            (30, FieldType::String),
            (20, FieldType::Decimal),
            (10, FieldType::Bool),
            (if self.swarm.nulls { 10 } else { 0 }, FieldType::Option(Box::new(FieldType::Any))),
            (5, FieldType::Bytes),
            (if nested { 12 } else { 0 }, FieldType::List(Box::new(FieldType::Any))),
            (if nested { 12 } else { 0 }, FieldType::Map(Box::new(FieldType::Any))),
            (if depth < 2 { 9 } else { 0 }, FieldType::StringSet),
            (if depth < 2 { 6 } else { 0 }, FieldType::NumberSet),
            // Stands for what is nested deep, though not beyond the 32 levels that DynamoDB takes.
            (if depth == 0 && nested { 5 } else { 0 }, FieldType::Any),
        ];
        match source.weighted(&kinds) {
            FieldType::Option(_) => AttributeValue::Null,
            FieldType::Any => {
                let lists = source.chance(50);
                let leaf = AttributeValue::S(self.text(source));
                (0..*source.pick(&[9, 14, 24])).fold(leaf, |inner, _| match lists {
                    true => AttributeValue::L(vec![inner]),
                    false => AttributeValue::M(BTreeMap::from([("k".to_owned(), inner)])),
                })
            }
            kind => self.value(source, &kind.clone(), depth + 1),
        }
    }

    fn least(&mut self, source: &mut Source) -> usize {
        usize::from(!self.swarm.empties || !source.chance(35))
    }

    /// Empty sets are rarer at the top, where a mapper is sure to look, than inside other values.
    fn least_of_set(&self, source: &mut Source, depth: usize) -> usize {
        usize::from(!(self.swarm.illegal && source.chance(if depth == 0 { 20 } else { 50 })))
    }

    /// A key of a map.
    pub fn map_key(&mut self, source: &mut Source) -> String {
        // A key of a map is data as a text is: hostile where either may be, for targets that take hostile names.
        let hostile = self.hostile_names || (self.swarm.hostile_text && self.target.features.hostile_names);
        if hostile && source.chance(50) {
            return (*source.pick(&HOSTILE_MAP_KEYS)).to_owned();
        }
        (*source.pick(&MAP_KEYS)).to_owned()
    }

    /// The empty value of a type that has one which can be stored.
    pub fn empty_of(kind: &FieldType) -> Option<AttributeValue> {
        Some(match kind {
            FieldType::String => AttributeValue::S(String::new()),
            FieldType::Bytes => AttributeValue::B(Vec::new()),
            FieldType::List(_) => AttributeValue::L(Vec::new()),
            FieldType::Map(_) => AttributeValue::M(BTreeMap::new()),
            FieldType::Option(inner) => return Self::empty_of(inner),
            _ => return None,
        })
    }

    /// The zero of a type that has one.
    pub fn zero_of(kind: &FieldType) -> Option<AttributeValue> {
        match kind {
            FieldType::Bool => Some(AttributeValue::Bool(false)),
            FieldType::Option(inner) => Self::zero_of(inner),
            kind if kind.is_number() => Some(AttributeValue::number(0)),
            _ => None,
        }
    }

    /// An attribute that no model declares: any type.
    pub fn extra(
        &mut self,
        source: &mut Source,
        taken: &dyn Fn(&str) -> bool,
    ) -> Option<(String, AttributeValue)> {
        let names = ["zz", "extra", "y1", "A", "ttl2"];
        let name = if self.hostile_names && source.chance(40) {
            self.name(source, &[])
        } else {
            (*source.pick(&names)).to_owned()
        };
        let value = self.any(source, 1);
        (!taken(&name) && !PLAIN.contains(&name.as_str())).then_some((name, value))
    }
}
