//! Batches: independent reads and writes in one request.

use super::read::projected;
use super::request::{Answer, Fields, legal_name};
use super::{ApiError, Tables, consumed, read_units, write_units};
use crate::value::{item_size, item_to_json};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

/// Keys of a batch of reads.
const MAX_GETS: usize = 100;
/// Writes of a batch.
const MAX_WRITES: usize = 25;
/// Bytes of a batch's answer or request.
const MAX_BYTES: usize = 16 * 1024 * 1024;

impl Tables {
    pub(super) fn batch_get(&mut self, fields: Fields<'_>) -> Answer<Value> {
        let tables = request_items(fields)?;
        let mut responses = Map::new();
        let mut unprocessed = Map::new();
        let mut units = Vec::new();
        let (mut total, mut bytes) = (0, 0);
        for (name, body) in tables {
            legal_name(name)?;
            let body = Fields::of(body)?;
            let prepared = self.prepared("BatchGetItem", body, &["ProjectionExpression"], &[])?;
            let keys = body.required("Keys", body.list("Keys")?)?;
            if keys.is_empty() {
                return Err(ApiError::validation("Keys must not be empty"));
            }
            total += keys.len();
            if total > MAX_GETS {
                return Err(ApiError::validation("Too many items requested for the BatchGetItem call"));
            }
            let table = self.table(name)?;
            let (mut found, mut left, mut seen) = (Vec::new(), Vec::new(), BTreeSet::new());
            let (mut read, mut twice) = (0.0, false);
            for key in keys {
                let wrapped = json!({ "Key": key });
                let item = Fields::of(&wrapped)?.item("Key")?;
                let values = table.schema.key_alone(&item)?;
                if !seen.insert(values.clone()) {
                    // AWS compares the text of a number here, and keys that differ only so both pass.
                    if keys.iter().filter(|other| *other == key).count() > 1 {
                        return Err(ApiError::validation("Provided list of item keys contains duplicates"));
                    }
                    twice = true;
                }
                let Some(item) = table.items.get(&values) else { continue };
                let size = item_size(item);
                if bytes + size > MAX_BYTES {
                    left.push(key.clone());
                    continue;
                }
                bytes += size;
                read += read_units(size, body.flag("ConsistentRead")?);
                found.push(item_to_json(&projected(item, prepared.projection.as_deref())));
            }
            if !left.is_empty() {
                let mut body = body.0.clone();
                body.insert("Keys".to_owned(), left.into());
                unprocessed.insert(name.clone(), body.into());
            }
            responses.insert(name.clone(), found.into());
            units.push((name.as_str(), read));
            if twice {
                self.note("a batch of reads with one number key written in two ways");
            }
        }
        let mut answer = json!({ "Responses": responses, "UnprocessedKeys": unprocessed });
        consumed(fields, &mut answer, &units, true)?;
        Ok(answer)
    }

    pub(super) fn batch_write(&mut self, fields: Fields<'_>) -> Answer<Value> {
        let tables = request_items(fields)?;
        let mut changes = Vec::new();
        let mut units = Vec::new();
        let mut bytes = 0;
        for (name, list) in tables {
            legal_name(name)?;
            let list =
                list.as_array().ok_or_else(|| ApiError::serialization("a list of writes is expected"))?;
            if list.is_empty() {
                return Err(ApiError::validation("a table's list of writes must not be empty"));
            }
            if changes.len() + list.len() > MAX_WRITES {
                return Err(ApiError::validation("Too many items requested for the BatchWriteItem call"));
            }
            let mut seen = BTreeSet::new();
            let mut written = 0.0;
            for write in list {
                let write = Fields::of(write)?;
                let (key, item) = match (write.object("PutRequest")?, write.object("DeleteRequest")?) {
                    (Some(put), None) => {
                        let item = Fields(put).item("Item")?;
                        (self.table(name)?.schema.key_of_item(&item)?, Some(item))
                    }
                    (None, Some(delete)) => {
                        (self.table(name)?.schema.key_alone(&Fields(delete).item("Key")?)?, None)
                    }
                    _ => return Err(ApiError::validation("a write is one PutRequest or one DeleteRequest")),
                };
                if !seen.insert(key.clone()) {
                    return Err(ApiError::validation("Provided list of item keys contains duplicates"));
                }
                let size = item.as_ref().map_or(0, item_size);
                bytes += size;
                written += write_units(size);
                changes.push((name, key, item));
            }
            units.push((name.as_str(), written));
        }
        if bytes > MAX_BYTES {
            return Err(ApiError::validation("the batch holds more than 16 MB"));
        }
        let mut answer = json!({ "UnprocessedItems": {} });
        consumed(fields, &mut answer, &units, true)?;
        for (name, key, item) in changes {
            let Some(table) = self.tables.get_mut(name) else { continue };
            match item {
                Some(item) => table.items.insert(key, item),
                None => table.items.remove(&key),
            };
        }
        Ok(answer)
    }
}

fn request_items<'a>(fields: Fields<'a>) -> Answer<&'a Map<String, Value>> {
    let tables = fields.required("RequestItems", fields.object("RequestItems")?)?;
    if tables.is_empty() {
        return Err(ApiError::validation("RequestItems must not be empty"));
    }
    Ok(tables)
}
