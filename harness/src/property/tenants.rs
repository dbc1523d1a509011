//! What the properties of tenants share: records that show whose they are, and what a call speaks of.

use crate::generate::Generator;
use crate::generate::model::OWNER;
use crate::generate::record::key_of;
use crate::tape::Source;
use crate::wire::Exchange;
use proofhouse_models::mapper::call::{Action, Key};
use proofhouse_models::mapper::expect::decode::record_from_json;
use proofhouse_models::mapper::expect::raw_key;
use proofhouse_models::mapper::{Call, Capabilities, FieldType, Model, Operand, Record, Write};
use proofhouse_models::value::{AttributeValue, Item, item_from_json};
use serde_json::Value;

/// Whose record it is, as [`OWNER`] shows it.
pub const A: &str = "A";
/// Whose record it is, as [`OWNER`] shows it.
pub const B: &str = "B";

/// The values of the raw item's key attributes, partition key first.
pub type RawKey = Vec<Option<AttributeValue>>;

/// An error unless the target has tenants, a way to write for them, and a model that has them.
///
/// # Errors
/// The reason for *not applicable*.
pub fn needs_tenants(target: &Capabilities) -> Result<(), String> {
    if !target.features.tenancy {
        return Err("the target has no tenants (features.tenancy)".to_owned());
    }
    if !["put", "create", "batch_put"].iter().any(|method| target.has(method)) {
        return Err("the target offers neither put nor create nor batch_put".to_owned());
    }
    let tenanted = |model: &Model| model.tenancy.as_deref() != Some("none");
    match &target.models {
        Some(models) if !models.iter().any(tenanted) => {
            Err("the target's catalogue has no model with tenants".to_owned())
        }
        _ => Ok(()),
    }
}

/// A record under a key that shows whose it is.
pub fn owned_record(
    generator: &mut Generator<'_>,
    source: &mut Source,
    model: &Model,
    key: &Key,
    owner: &str,
) -> Record {
    let mut record = generator.record(source, model, key, false);
    if shows_owner(model) {
        record.insert(OWNER.to_owned(), Operand::Value(AttributeValue::S(owner.to_owned())));
    }
    record
}

fn shows_owner(model: &Model) -> bool {
    let plain =
        |field: &proofhouse_models::mapper::Field| field.kind == FieldType::String && !field.encrypted;
    model.field(OWNER).is_some_and(plain) && !model.is_any_key(OWNER)
}

/// One of the ways to write records whose keys differ.
pub fn write(target: &Capabilities, source: &mut Source, model: &Model, records: &[Record]) -> Vec<Call> {
    let has = |method: &str, weight: u32| if target.has(method) { weight } else { 0 };
    let unversioned = |weight: u32| if model.version.is_none() { weight } else { 0 };
    let all = |call: fn(Write) -> Call| -> Vec<Call> {
        let write =
            |record: &Record| Write { model: model.name.clone(), record: record.clone(), condition: None };
        records.iter().map(write).map(call).collect()
    };
    if records.len() > 8 && unversioned(has("batch_put", 1)) > 0 {
        // One by one, many records take most of the time of a run.
        return vec![Call::BatchPut { model: model.name.clone(), records: records.to_vec() }];
    }
    let transact = if records.is_empty() { 0 } else { 6 };
    let batch = if records.is_empty() { 0 } else { 8 };
    match *source.weighted(&[
        (has("put", 60), 0),
        (has("create", 20), 1),
        (unversioned(has("batch_put", batch)), 2),
        (has("transact", transact), 3),
        // Where nothing else is offered, versions and all.
        (u32::from(!target.has("put") && !target.has("create")), 2),
    ]) {
        0 => all(Call::Put),
        1 => all(Call::Create),
        2 => vec![Call::BatchPut { model: model.name.clone(), records: records.to_vec() }],
        _ => {
            let put = |record: &Record| {
                Action::Put(Write { model: model.name.clone(), record: record.clone(), condition: None })
            };
            vec![Call::Transact { actions: records.iter().map(put).collect() }]
        }
    }
}

/// The values that a record gives, by field.
pub fn values(record: &Record) -> Item {
    record.iter().filter_map(|(name, operand)| Some((name.clone(), operand.value()?.clone()))).collect()
}

/// The key of a record.
pub fn record_key(model: &Model, record: &Record) -> Key {
    key_of(model, &values(record))
}

/// The keys that a call speaks of; none for a query or a scan.
pub fn keys_of(model: &Model, call: &Call) -> Vec<Key> {
    match call {
        Call::Create(write) | Call::Put(write) => vec![record_key(model, &write.record)],
        Call::Get { key, .. } | Call::Delete { key, .. } => vec![key.clone()],
        Call::Update(update) => vec![update.key.clone()],
        Call::BatchGet { keys, .. } | Call::BatchDelete { keys, .. } => keys.clone(),
        Call::BatchPut { records, .. } => records.iter().map(|record| record_key(model, record)).collect(),
        Call::Transact { actions } => actions
            .iter()
            .map(|action| match action {
                Action::Put(write) => record_key(model, &write.record),
                Action::Update(update) => update.key.clone(),
                Action::Delete { key, .. } | Action::Check { key, .. } => key.clone(),
            })
            .collect(),
        _ => Vec::new(),
    }
}

/// The records that an answer shows.
pub fn shown(answer: &Value) -> Vec<Item> {
    let one = answer.get("record").filter(|record| record.is_object());
    let many = answer.get("records").and_then(Value::as_array).into_iter().flatten();
    one.into_iter().chain(many).filter_map(|record| record_from_json(record).ok()).collect()
}

/// Whose a record is: what it shows itself, else whoever wrote its key and no one else did.
pub fn owner_of<'a>(model: &Model, record: &'a Item, written: &[(&'a str, Key)]) -> Option<&'a str> {
    if let Some(AttributeValue::S(owner)) = record.get(OWNER)
        && shows_owner(model)
    {
        return Some(owner);
    }
    let key = key_of(model, record);
    let mut writers = written.iter().filter(|(_, known)| *known == key).map(|(owner, _)| *owner);
    let first = writers.next()?;
    writers.all(|other| other == first).then_some(first)
}

/// The keys in the model's table that requests name, each once.
pub fn sent_keys(model: &Model, exchanges: &[Exchange]) -> Vec<RawKey> {
    let mut keys = Vec::new();
    for exchange in exchanges {
        collect_keys(model, &exchange.request, &mut keys);
    }
    keys
}

fn collect_keys(model: &Model, request: &Value, keys: &mut Vec<RawKey>) {
    let own = request.get("TableName").is_none_or(|table| *table == *model.table);
    for part in ["Key", "Item"] {
        let Some(item) = request.get(part).filter(|item| own && item.is_object()) else { continue };
        if let Ok(item) = item_from_json(item) {
            let key = raw_key(model, &item);
            if key.iter().all(Option::is_some) && !keys.contains(&key) {
                keys.push(key);
            }
        }
    }
    let actions = request.get("TransactItems").and_then(Value::as_array).into_iter().flatten();
    for action in actions.filter_map(Value::as_object).flat_map(|action| action.values()) {
        collect_keys(model, action, keys);
    }
    let of_table = request.get("RequestItems").and_then(|tables| tables.get(&model.table));
    let writes = of_table.and_then(Value::as_array).into_iter().flatten();
    for entry in writes.filter_map(Value::as_object).flat_map(|entry| entry.values()) {
        collect_keys(model, entry, keys);
    }
    let gets = of_table.and_then(|table| table.get("Keys")).and_then(Value::as_array).into_iter().flatten();
    for key in gets {
        collect_keys(model, &serde_json::json!({ "Key": key }), keys);
    }
}

/// The items that differ between two states of the table: key, before, after.
pub fn changes<'a>(
    model: &Model,
    before: &'a [Item],
    after: &'a [Item],
) -> Vec<(RawKey, Option<&'a Item>, Option<&'a Item>)> {
    let find = |items: &'a [Item], key: &RawKey| items.iter().find(|item| raw_key(model, item) == *key);
    let mut changes = Vec::new();
    for item in before {
        let key = raw_key(model, item);
        let now = find(after, &key);
        if now != Some(item) {
            changes.push((key, Some(item), now));
        }
    }
    for item in after {
        let key = raw_key(model, item);
        if find(before, &key).is_none() {
            changes.push((key, None, Some(item)));
        }
    }
    changes
}
