//! Queries and scans.

use super::Generator;
use super::record::key_of;
use super::text::near;
use crate::case::Start;
use crate::tape::Source;
use proofhouse_models::mapper::call::{Key, Order, Page};
use proofhouse_models::mapper::expect::condition::order;
use proofhouse_models::mapper::expect::decode::is_projected;
use proofhouse_models::mapper::expect::encode::cased;
use proofhouse_models::mapper::{
    Condition, FieldOrPath, FieldType, Model, Query, Record, Scan, SortCondition,
};
use proofhouse_models::value::AttributeValue;

impl Generator<'_> {
    /// A query over the table or an index; its partition mostly holds items.
    pub fn query(&mut self, source: &mut Source, model: &Model, items: &[Start]) -> Option<Query> {
        source.span("query", |source| {
            let index =
                (!model.indexes.is_empty() && source.chance(60)).then(|| source.pick(&model.indexes).clone());
            let (partition, sort) = match &index {
                Some(index) => (index.partition_key.clone(), index.sort_key.clone()),
                None => (model.partition_key.clone(), model.sort_key.clone()),
            };
            let stored = |source: &mut Source, name: &str| -> Option<AttributeValue> {
                if items.is_empty() {
                    return None;
                }
                items[source.below(items.len())].record.get(name).cloned()
            };
            let kind = model.field(&partition)?.kind.clone();
            let value = match stored(source, &partition) {
                Some(value) if !source.chance(10) => value,
                _ => self.key_value(source, &kind),
            };
            let index_name = index.as_ref().map(|index| index.name.clone());
            let mut sort_condition = None;
            if let Some(sort) = &sort
                && source.chance(65)
            {
                let kind = model.field(sort)?.kind.clone();
                let near_stored = stored(source, sort);
                let target = self.target;
                let cased = |value: &AttributeValue| match model.is_key(sort) {
                    true => cased(&target.contract, value),
                    false => value.clone(),
                };
                sort_condition = self.sort_condition(source, &kind, near_stored, &cased);
            }
            let filter = self.filter(source, model, items, index_name.as_deref(), false);
            let select = self.select(source, model, index_name.as_deref(), 20);
            let order = if sort.is_some() {
                *source.pick(&[None, Some(Order::Asc), Some(Order::Desc)])
            } else {
                None
            };
            let (limit, page) = limits(source);
            Some(Query {
                model: model.name.clone(),
                index: index_name,
                partition: Record::from([(partition, value.into())]),
                sort: sort_condition,
                filter,
                select,
                order,
                limit,
                page,
            })
        })
    }

    /// A scan of the table or an index.
    pub fn scan(&mut self, source: &mut Source, model: &Model, items: &[Start]) -> Scan {
        source.span("scan", |source| {
            let index = (!model.indexes.is_empty() && source.chance(40))
                .then(|| source.pick(&model.indexes).name.clone());
            let filter = self.filter(source, model, items, index.as_deref(), true);
            let select = self.select(source, model, index.as_deref(), 20);
            let (limit, page) = limits(source);
            Scan { model: model.name.clone(), index, filter, select, limit, page }
        })
    }

    /// A filter that speaks only of what the index holds; of keys, which a query's filter may not, only if `keys`.
    fn filter(
        &mut self,
        source: &mut Source,
        model: &Model,
        items: &[Start],
        index: Option<&str>,
        keys: bool,
    ) -> Option<Condition> {
        if !source.chance(60) {
            return None;
        }
        let filter = match keys {
            true => self.condition_on_any(source, model, items)?,
            false => self.condition(source, model, items)?,
        };
        projects(model, index, &filter).then_some(filter)
    }

    /// A condition on the sort key. The ends of a range stand in the order of what is compared, which is `cased`.
    fn sort_condition(
        &mut self,
        source: &mut Source,
        kind: &FieldType,
        stored: Option<AttributeValue>,
        cased: &dyn Fn(&AttributeValue) -> AttributeValue,
    ) -> Option<SortCondition> {
        let bound = |this: &mut Self, source: &mut Source| match (&stored, source.below(10)) {
            (Some(value), 0..=5) => value.clone(),
            (Some(AttributeValue::S(text)), 6 | 7) if *kind == FieldType::String && text.len() < 200 => {
                let text = near(source, text);
                AttributeValue::S(if text.is_empty() { "a".to_owned() } else { text })
            }
            _ => this.key_value(source, kind),
        };
        let text = matches!(kind, FieldType::String | FieldType::Bytes | FieldType::Timestamp);
        let value = bound(self, source);
        Some(match source.below(if text { 8 } else { 6 }) {
            0 => SortCondition::Eq(value.into()),
            1 => SortCondition::Lt(value.into()),
            2 => SortCondition::Le(value.into()),
            3 => SortCondition::Gt(value.into()),
            4 => SortCondition::Ge(value.into()),
            5 => {
                let other = bound(self, source);
                if order(&cased(&value), &cased(&other))?.is_gt() {
                    SortCondition::Between(other.into(), value.into())
                } else {
                    SortCondition::Between(value.into(), other.into())
                }
            }
            _ => {
                let prefix = match value {
                    AttributeValue::S(text) => {
                        AttributeValue::S(text.chars().take(1 + source.below(3)).collect())
                    }
                    other => other,
                };
                SortCondition::BeginsWith(prefix.into())
            }
        })
    }

    /// In so many percent of reads, fields to read; the table's key is always among them, so that rows can be told apart.
    pub fn select(
        &mut self,
        source: &mut Source,
        model: &Model,
        index: Option<&str>,
        percent: u32,
    ) -> Option<Vec<FieldOrPath>> {
        if !source.chance(percent) {
            return None;
        }
        let mut select: Vec<FieldOrPath> =
            model.key_fields().into_iter().map(|name| FieldOrPath::Field(name.to_owned())).collect();
        for field in &model.fields {
            if self.is_free(model, field) && is_projected(model, index, &field.name) && source.chance(40) {
                select.push(FieldOrPath::Field(field.name.clone()));
            }
        }
        Some(select)
    }
}

fn limits(source: &mut Source) -> (Option<u64>, Option<Page>) {
    match source.below(20) {
        13..=15 => (Some(1 + source.below(3) as u64), None),
        16..=17 => (None, Some(Page { size: Some(1 + source.below(3) as u64), cursor: None })),
        18..=19 => {
            let page = Page { size: Some(1 + source.below(3) as u64), cursor: None };
            (Some(1 + source.below(3) as u64), Some(page))
        }
        _ => (None, None),
    }
}

fn projects(model: &Model, index: Option<&str>, condition: &Condition) -> bool {
    let own = condition.path().is_none_or(|path| is_projected(model, index, path.root()));
    own && condition.children().iter().all(|child| projects(model, index, child))
}

/// The key of a starting item.
pub fn start_key(model: &Model, start: &Start) -> Key {
    key_of(model, &start.record)
}

/// A scan of everything.
pub fn plain_scan(model: &str) -> Scan {
    Scan { model: model.to_owned(), index: None, filter: None, select: None, limit: None, page: None }
}

/// The partition of a key, as a query names it.
pub fn partition_of(model: &Model, key: &Key) -> Record {
    let own = key.iter().filter(|(name, _)| **name == model.partition_key);
    own.map(|(name, value)| (name.clone(), value.clone().into())).collect()
}

/// A query of a whole partition.
pub fn plain_query(model: &Model, partition: Record) -> Query {
    Query {
        model: model.name.clone(),
        index: None,
        partition,
        sort: None,
        filter: None,
        select: None,
        order: None,
        limit: None,
        page: None,
    }
}
