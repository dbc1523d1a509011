//! Which stored items a `query` or a `scan` reads.

use super::condition::{evaluate, order, reading};
use super::encode::{cased, stored_value};
use super::write::has_absent;
use crate::mapper::{Capabilities, Condition, Model, Operand, Query, Scan, SortCondition};
use crate::value::{AttributeValue, Item};

/// The rows of a read's intent.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rows {
    /// Rows that belong to the answer, in its order where it has one.
    pub certain: Vec<Item>,
    /// Rows that may belong to it: the specification leaves their filter open.
    pub open: Vec<Item>,
    /// Whether an operand is absent: then none of the certain rows has to be there.
    pub absent_operand: bool,
}

/// The rows of a query before any limit or page; `None` where its intent is open.
pub fn query_rows(model: &Model, target: &Capabilities, items: &[Item], query: &Query) -> Option<Rows> {
    let (partition, sort) = match query.index.as_deref() {
        None => (model.partition_key.as_str(), model.sort_key.as_deref()),
        Some(name) => {
            let index = model.index(name)?;
            (index.partition_key.as_str(), index.sort_key.as_deref())
        }
    };
    let stored = |name: &str, value: &AttributeValue| {
        let field = model.field(name)?;
        let value = stored_value(&field.kind, value);
        Some(if model.is_key(name) { cased(&target.contract, &value) } else { value })
    };
    let given = |operand: &Operand| operand.value().is_some_and(|value| !value.is_empty());
    if !query.partition.values().all(given) && target.contract.silent_scan != Some(false) {
        // A scan where the partition is missing is the documented choice of some.
        return None;
    }
    if query.has_absent_key() {
        // No row has a key that is no value.
        return Some(Rows { absent_operand: true, ..Rows::default() });
    }
    let wanted = stored(partition, query.partition.get(partition)?.value()?)?;
    let partition = model.field(partition)?.attribute();
    let mut rows: Vec<&Item> = indexed(model, items, query.index.as_deref())
        .filter(|item| item.get(partition) == Some(&wanted))
        .collect();
    if let Some(name) = sort {
        let attribute = model.field(name)?.attribute();
        if let Some(condition) = &query.sort {
            let mut kept = Vec::new();
            for item in rows {
                if sort_holds(condition, item.get(attribute)?, &|value| stored(name, value))? {
                    kept.push(item);
                }
            }
            rows = kept;
        }
        rows.sort_by(|left, right| match (left.get(attribute), right.get(attribute)) {
            (Some(left), Some(right)) => order(left, right).unwrap_or(std::cmp::Ordering::Equal),
            _ => std::cmp::Ordering::Equal,
        });
        if query.order == Some(crate::mapper::call::Order::Desc) {
            rows.reverse();
        }
    }
    filtered(model, target, rows, query.filter.as_ref())
}

/// The rows of a scan before any limit or page; `None` where its intent is open.
pub fn scan_rows(model: &Model, target: &Capabilities, items: &[Item], scan: &Scan) -> Option<Rows> {
    if let Some(name) = scan.index.as_deref() {
        model.index(name)?;
    }
    let rows = indexed(model, items, scan.index.as_deref()).collect();
    filtered(model, target, rows, scan.filter.as_ref())
}

/// The items of an index: those that hold all of its key attributes.
fn indexed<'items>(
    model: &'items Model,
    items: &'items [Item],
    index: Option<&str>,
) -> impl Iterator<Item = &'items Item> {
    let keys: Vec<&str> = index
        .and_then(|name| model.index(name))
        .map(|index| std::iter::once(index.partition_key.as_str()).chain(index.sort_key.as_deref()).collect())
        .unwrap_or_default();
    let attributes: Vec<&str> =
        keys.into_iter().filter_map(|name| model.field(name)).map(|field| field.attribute()).collect();
    items.iter().filter(move |item| attributes.iter().all(|attribute| item.contains_key(*attribute)))
}

fn sort_holds(
    condition: &SortCondition,
    value: &AttributeValue,
    stored: &dyn Fn(&AttributeValue) -> Option<AttributeValue>,
) -> Option<bool> {
    let stored = |bound: &Operand| stored(bound.value()?);
    let against = |bound: &Operand| order(value, &stored(bound)?);
    Some(match condition {
        SortCondition::Eq(bound) => against(bound)?.is_eq(),
        SortCondition::Lt(bound) => against(bound)?.is_lt(),
        SortCondition::Le(bound) => against(bound)?.is_le(),
        SortCondition::Gt(bound) => against(bound)?.is_gt(),
        SortCondition::Ge(bound) => against(bound)?.is_ge(),
        SortCondition::BeginsWith(prefix) => match (value, stored(prefix)?) {
            (AttributeValue::S(text), AttributeValue::S(prefix)) => text.starts_with(&prefix),
            (AttributeValue::B(bytes), AttributeValue::B(prefix)) => bytes.starts_with(&prefix),
            _ => return None,
        },
        SortCondition::Between(low, high) => {
            if order(&stored(low)?, &stored(high)?)?.is_gt() {
                return None;
            }
            against(low)?.is_ge() && against(high)?.is_le()
        }
    })
}

fn filtered(
    model: &Model,
    target: &Capabilities,
    rows: Vec<&Item>,
    filter: Option<&Condition>,
) -> Option<Rows> {
    let Some(filter) = filter else {
        return Some(Rows { certain: rows.into_iter().cloned().collect(), ..Rows::default() });
    };
    let filter = reading(filter, target.contract.condition_combination)?;
    let mut result = Rows { absent_operand: has_absent(&filter), ..Rows::default() };
    for item in rows {
        match evaluate(&filter, model, item) {
            Some(true) => result.certain.push(item.clone()),
            Some(false) => {}
            None => result.open.push(item.clone()),
        }
    }
    Some(result)
}
