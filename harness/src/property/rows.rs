//! What the judges of reads share: the rows of an answer beside the rows of its intent.

use super::Violation;
use super::support::{View, condition_words, filter_of};
use proofhouse_models::mapper::call::Key;
use proofhouse_models::mapper::expect::decode::record_from_json;
use proofhouse_models::mapper::expect::rows::{Rows, query_rows, scan_rows};
use proofhouse_models::mapper::expect::show::show_item;
use proofhouse_models::mapper::expect::{encode, raw_key, stored_key};
use proofhouse_models::mapper::{Call, Capabilities, Model, Operand, Query, Record};
use proofhouse_models::value::{AttributeValue, Item};
use serde_json::Value;

/// The key of an item as it is stored: the values of the key attributes.
pub type RawKey = Vec<Option<AttributeValue>>;

/// The key that a caller's record carries.
pub fn key_in(model: &Model, record: &Record) -> Key {
    let key = record.iter().filter(|(name, _)| model.is_key(name));
    key.filter_map(|(name, operand)| Some((name.clone(), operand.value()?.clone()))).collect()
}

/// The raw key of a record that was answered; `None` where it lacks a key field.
pub fn record_key(model: &Model, target: &Capabilities, record: &Item) -> Option<RawKey> {
    let key: Key = model
        .key_fields()
        .into_iter()
        .map(|name| Some((name.to_owned(), record.get(name)?.clone())))
        .collect::<Option<_>>()?;
    Some(raw_key(model, &stored_key(model, &target.contract, &key)))
}

/// The records of an answer.
pub fn records(answer: &Value) -> Option<Vec<Item>> {
    let list = answer.get("records")?.as_array()?;
    list.iter().map(|record| record_from_json(record).ok()).collect()
}

struct Limits {
    limit: Option<u64>,
    size: Option<u64>,
    paged: bool,
    /// The attribute by which rows are to come in order.
    sort: Option<String>,
}

/// The attribute by which a query's rows come, where an order is asked for.
pub fn sort_attribute(model: &Model, query: &Query) -> Option<String> {
    query.order?;
    let sort = match query.index.as_deref() {
        Some(name) => model.index(name)?.sort_key.as_deref(),
        None => model.sort_key.as_deref(),
    };
    Some(model.field(sort?)?.attribute().to_owned())
}

/// Whether the rows that were answered are the first ones in order; those of equal sort keys may come either way.
pub fn in_order(model: &Model, sort: &str, certain: &[Item], keys: &[RawKey]) -> bool {
    let answered = keys.iter().map(|key| certain.iter().find(|item| raw_key(model, item) == *key));
    let answered = answered.map(|item| item.and_then(|item| item.get(sort)));
    answered.eq(certain.iter().take(keys.len()).map(|item| item.get(sort)))
}

/// Judges the rows of a `query`, `scan`, `get` or `batch_get`; true where something was checked.
pub fn judge_rows(
    target: &Capabilities,
    model: &Model,
    view: &View<'_>,
    violations: &mut Vec<Violation>,
) -> bool {
    let Ok(answer) = &view.seen.outcome else { return false };
    let name = view.step.call.method();
    match &view.step.call {
        Call::Query(query) => {
            let Some(rows) = query_rows(model, target, view.before, query) else { return false };
            let limits = Limits {
                limit: query.limit,
                size: query.page.as_ref().and_then(|page| page.size),
                paged: query.page.is_some(),
                sort: sort_attribute(model, query),
            };
            judge_list(target, model, view, name, answer, &rows, &limits, violations)
        }
        Call::Scan(scan) => {
            let Some(rows) = scan_rows(model, target, view.before, scan) else { return false };
            let limits = Limits {
                limit: scan.limit,
                size: scan.page.as_ref().and_then(|page| page.size),
                paged: scan.page.is_some(),
                sort: None,
            };
            judge_list(target, model, view, name, answer, &rows, &limits, violations)
        }
        Call::BatchGet { keys, .. } => {
            if answer.get("unprocessed").and_then(Value::as_array).is_some_and(|list| !list.is_empty()) {
                return false;
            }
            let wanted: Vec<_> =
                keys.iter().map(|key| raw_key(model, &stored_key(model, &target.contract, key))).collect();
            let certain =
                view.before.iter().filter(|item| wanted.contains(&raw_key(model, item))).cloned().collect();
            let rows = Rows { certain, ..Rows::default() };
            let limits = Limits { limit: None, size: None, paged: false, sort: None };
            judge_list(target, model, view, name, answer, &rows, &limits, violations)
        }
        Call::Get { key, .. } => judge_get(target, model, view, key, answer, violations),
        _ => false,
    }
}

fn judge_get(
    target: &Capabilities,
    model: &Model,
    view: &View<'_>,
    key: &Key,
    answer: &Value,
    violations: &mut Vec<Violation>,
) -> bool {
    let wanted = raw_key(model, &stored_key(model, &target.contract, key));
    let stored = view.before.iter().find(|item| raw_key(model, item) == wanted);
    let record = match answer.get("record") {
        None => return false,
        Some(Value::Null) => None,
        Some(record) => match record_from_json(record) {
            Ok(record) => Some(record),
            Err(_) => return false,
        },
    };
    match (stored, record) {
        (None, Some(record)) => violations.push(view.violation(
            "get: answered an item that is not there",
            "a get answered an item that is not under its key",
            show_item(&record),
            "no item",
        )),
        (Some(item), None) => violations.push(view.violation(
            "get: missed an item",
            "a get missed an item that is there",
            "no item",
            show_item(item),
        )),
        (Some(item), Some(record)) => {
            if record_key(model, target, &record).is_some_and(|key| key != raw_key(model, item)) {
                violations.push(view.violation(
                    "get: answered another item",
                    "a get answered an item with another key",
                    show_item(&record),
                    show_item(item),
                ));
            }
        }
        (None, None) => {}
    }
    true
}

#[expect(clippy::too_many_arguments, reason = "one private function with what two callers have at hand")]
fn judge_list(
    target: &Capabilities,
    model: &Model,
    view: &View<'_>,
    name: &str,
    answer: &Value,
    rows: &Rows,
    limits: &Limits,
    violations: &mut Vec<Violation>,
) -> bool {
    let Some(records) = records(answer) else { return false };
    let Some(keys) =
        records.iter().map(|record| record_key(model, target, record)).collect::<Option<Vec<_>>>()
    else {
        return false;
    };
    let certain: Vec<_> = rows.certain.iter().map(|item| raw_key(model, item)).collect();
    let open: Vec<_> = rows.open.iter().map(|item| raw_key(model, item)).collect();
    let part = match filter_of(&view.step.call) {
        Some(filter) => format!(" with a filter{}", condition_words(&filter)),
        None => absent_key(&view.step.call).to_owned(),
    };
    for (position, key) in keys.iter().enumerate() {
        if !certain.contains(key) && !open.contains(key) {
            violations.push(view.violation(
                format!("{name}{part}: a row more"),
                format!("a {name} answered a row that does not belong to it"),
                show_item(&records[position]),
                format!("{} rows without it", rows.certain.len()),
            ));
            break;
        }
    }
    if let Some(position) = (1..keys.len()).find(|position| keys[..*position].contains(&keys[*position])) {
        violations.push(view.violation(
            format!("{name}{part}: a row twice"),
            format!("a {name} answered one row twice"),
            show_item(&records[position]),
            "each row once",
        ));
    }
    let allowed = limits.limit.into_iter().chain(limits.size).min();
    if allowed.is_some_and(|allowed| keys.len() as u64 > allowed) {
        violations.push(view.violation(
            format!("{name}{part}: more rows than the limit"),
            format!("a {name} answered more rows than its limit"),
            format!("{} rows", keys.len()),
            format!("at most {} rows", allowed.unwrap_or_default()),
        ));
    }
    if rows.absent_operand {
        return true;
    }
    let has_cursor = answer.get("cursor").is_some_and(|cursor| !cursor.is_null());
    let continues = view.step.reuse.is_some();
    let whole = !continues && if limits.paged { !has_cursor && limits.limit.is_none() } else { true };
    let least = match limits.limit {
        Some(limit) => certain.len().min(limit as usize),
        None => certain.len(),
    };
    if whole
        && keys.iter().filter(|key| certain.contains(key)).count()
            < least.saturating_sub(slack(limits, &open))
    {
        let missing = rows.certain.iter().find(|item| !keys.contains(&raw_key(model, item)));
        violations.push(view.violation(
            format!("{name}{part}: a row missing"),
            format!("a {name} missed a row that belongs to it"),
            format!("{} rows", keys.len()),
            missing.map(show_item).unwrap_or_default(),
        ));
    }
    if let Some(sort) = &limits.sort
        && open.is_empty()
        && !continues
        && violations.is_empty()
        && !limits.paged
        && !in_order(model, sort, &rows.certain, &keys)
    {
        violations.push(view.violation(
            format!("{name}{part}: order"),
            "a query answered its rows in another order",
            records.iter().map(show_item).collect::<Vec<_>>().join("\n"),
            rows.certain.iter().take(keys.len()).map(show_item).collect::<Vec<_>>().join("\n"),
        ));
    }
    true
}

/// Which part of a query's key the caller gave no value, or an empty one, in the words of identities.
fn absent_key(call: &Call) -> &'static str {
    let Call::Query(query) = call else { return "" };
    let given = |operand: &Operand| operand.value().is_some_and(|value| !value.is_empty());
    match query.partition.values().all(given) {
        false => " without a partition",
        true if query.has_absent_key() => " with an absent operand on its sort key",
        true => "",
    }
}

/// With a limit, rows whose filter is open may take the places of certain ones.
fn slack(limits: &Limits, open: &[Vec<Option<AttributeValue>>]) -> usize {
    if limits.limit.is_some() { open.len() } else { 0 }
}

/// Whether the value read for a key field is the stored one, whatever its case became.
pub fn same_key_value(target: &Capabilities, wanted: &AttributeValue, read: &AttributeValue) -> bool {
    wanted == read || encode::cased(&target.contract, wanted) == encode::cased(&target.contract, read)
}
