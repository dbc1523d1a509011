//! Batches: split into what one request takes, with bounded retries of what stayed unprocessed.
//!
//! A batch that stalls half way answers which keys are left. One that never started is an error.

use super::decode::parse_item;
use super::failure::{Failure, Result};
use super::options::RETRIES;
use super::scope::Scope;
use super::send::{OnFailure, Prepared, Sender};
use crate::mutants::{Bug, keep_empties};
use proofhouse_models::mapper::Record;
use proofhouse_models::mapper::call::Key;
use proofhouse_models::value::{AttributeValue, Item, item_to_json};
use serde_json::{Map, Value, json};

/// Keys of one `BatchGetItem`.
const GETS: usize = 100;
/// Writes of one `BatchWriteItem`.
const WRITES: usize = 25;

/// One part of a batch: the stored key, the key as the caller gave it, the entry of the request.
struct Part {
    stored: Item,
    key: Key,
    entry: Value,
}

impl Scope<'_> {
    /// Reads items by their keys, each distinct key once, in the order of the keys.
    ///
    /// # Errors
    /// As encoding does, and the engine's where nothing was read.
    pub fn batch_get(&self, keys: &[Key], sender: &Sender<'_>) -> Result<Value> {
        let mut parts: Vec<Part> = Vec::new();
        for key in keys {
            let stored = self.encode_key(key)?;
            if !parts.iter().any(|part| part.stored == stored) {
                parts.push(Part { entry: item_to_json(&stored), stored, key: key.clone() });
            }
        }
        if self.has(Bug::BatchGetForgets) {
            parts.truncate(GETS);
        }
        let mut found: Vec<Item> = Vec::new();
        let mut left: Vec<Item> = Vec::new();
        let chunks: Vec<&[Part]> = parts.chunks(GETS).collect();
        for (position, chunk) in chunks.iter().enumerate() {
            let mut wanted: Vec<Value> = chunk.iter().map(|part| part.entry.clone()).collect();
            let began = position > 0;
            for _ in 0..=RETRIES {
                let request = json!({ "RequestItems": { self.table(): { "Keys": wanted } } });
                let Some(answer) = stalled_or(sender.send(prepared("BatchGetItem", request)), began)? else {
                    break;
                };
                let rows = answer.pointer(&format!("/Responses/{}", pointer(self.table())));
                for item in rows.and_then(Value::as_array).into_iter().flatten() {
                    found.push(parse_item(item)?);
                }
                let keys = answer.pointer(&format!("/UnprocessedKeys/{}/Keys", pointer(self.table())));
                wanted = keys.and_then(Value::as_array).cloned().unwrap_or_default();
                if wanted.is_empty() {
                    break;
                }
            }
            for key in &wanted {
                left.push(parse_item(key)?);
            }
        }
        let mut records = Vec::new();
        for part in &parts {
            let is_part = |item: &&Item| self.key_of(item).is_ok_and(|key| key == part.stored);
            if let Some(item) = found.iter().find(is_part) {
                records.push(item_to_json(&self.decode_item(item)?));
            }
        }
        Ok(answer(Some(records), &parts, &left))
    }

    /// Writes whole records. Of two with one key the last wins.
    ///
    /// # Errors
    /// As encoding does; `unsupported` for a versioned model, whose check a batch cannot make.
    pub fn batch_put(&self, records: &[Record], sender: &Sender<'_>) -> Result<Value> {
        if self.schema.model.version.is_some() {
            return Err(Failure::unsupported("a batch cannot check versions"));
        }
        let mut parts: Vec<Part> = Vec::new();
        for record in records {
            let (mut item, stored) = self.encode_keyed(record, false)?;
            self.stamp(&mut item);
            if self.has(Bug::BatchKeepsEmpties) {
                keep_empties(&self.schema.model, record, &mut item);
            }
            let fields = self.schema.model.key_fields().into_iter();
            let key = fields.filter_map(|name| Some((name.to_owned(), record.get(name)?.value()?.clone())));
            let entry = json!({ "PutRequest": { "Item": item_to_json(&item) } });
            parts.retain(|part| part.stored != stored);
            parts.push(Part { stored, key: key.collect(), entry });
        }
        if self.has(Bug::BatchPutForgets) {
            parts.truncate(WRITES);
        }
        self.batch_write(parts, sender)
    }

    /// Deletes by keys.
    ///
    /// # Errors
    /// As encoding does, and the engine's where nothing was deleted.
    pub fn batch_delete(&self, keys: &[Key], sender: &Sender<'_>) -> Result<Value> {
        let mut parts: Vec<Part> = Vec::new();
        for key in keys {
            let stored = self.encode_key(key)?;
            if !parts.iter().any(|part| part.stored == stored) {
                let entry = json!({ "DeleteRequest": { "Key": item_to_json(&stored) } });
                parts.push(Part { stored, key: key.clone(), entry });
            }
        }
        self.batch_write(parts, sender)
    }

    fn batch_write(&self, parts: Vec<Part>, sender: &Sender<'_>) -> Result<Value> {
        let mut left: Vec<Item> = Vec::new();
        let most = if self.has(Bug::BatchUnsplit) { parts.len().max(1) } else { WRITES };
        let chunks: Vec<&[Part]> = parts.chunks(most).collect();
        for (position, chunk) in chunks.iter().enumerate() {
            let mut wanted: Vec<Value> = chunk.iter().map(|part| part.entry.clone()).collect();
            let mut began = position > 0;
            for _ in 0..=RETRIES {
                let request = json!({ "RequestItems": { self.table(): wanted } });
                let Some(answer) = stalled_or(sender.send(prepared("BatchWriteItem", request)), began)?
                else {
                    break;
                };
                began = true;
                let entries = answer.pointer(&format!("/UnprocessedItems/{}", pointer(self.table())));
                wanted = entries.and_then(Value::as_array).cloned().unwrap_or_default();
                if wanted.is_empty() {
                    break;
                }
            }
            for entry in &wanted {
                let item = entry.pointer("/PutRequest/Item").or(entry.pointer("/DeleteRequest/Key"));
                left.push(self.key_of(&parse_item(item.unwrap_or(&Value::Null))?)?);
            }
        }
        Ok(answer(None, &parts, &left))
    }
}

/// The answer; nothing for a throttle in a batch that had begun: the rest is left unprocessed.
fn stalled_or(answer: Result<Value>, began: bool) -> Result<Option<Value>> {
    use proofhouse_models::mapper::ErrorKind;
    match answer {
        Err(failure) if began && failure.kind == ErrorKind::Throttled => Ok(None),
        answer => answer.map(Some),
    }
}

fn prepared(operation: &'static str, request: Value) -> Prepared {
    let body = match request {
        Value::Object(body) => body,
        _ => Map::new(),
    };
    Prepared { operation, body, on_failure: OnFailure::Condition }
}

/// A table's name inside a JSON pointer.
fn pointer(table: &str) -> String {
    table.replace('~', "~0").replace('/', "~1")
}

fn answer(records: Option<Vec<Value>>, parts: &[Part], left: &[Item]) -> Value {
    let mut answer = Map::new();
    if let Some(records) = records {
        answer.insert("records".to_owned(), Value::Array(records));
    }
    let unprocessed: Vec<Value> =
        parts.iter().filter(|part| left.contains(&part.stored)).map(|part| key_json(&part.key)).collect();
    if !unprocessed.is_empty() {
        answer.insert("unprocessed".to_owned(), Value::Array(unprocessed));
    }
    Value::Object(answer)
}

fn key_json(key: &Key) -> Value {
    Value::Object(
        key.iter().map(|(name, value): (&String, &AttributeValue)| (name.clone(), value.to_json())).collect(),
    )
}
