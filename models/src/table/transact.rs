//! Transactions: all actions or none.
//!
//! A token makes a transaction idempotent. AWS forgets tokens after ten minutes; there is no clock here, so they are
//! kept until the tables are dropped.

use super::read::projected;
use super::request::{Answer, Fields};
use super::write::Refused;
use super::{ApiError, Tables, consumed, read_units, write_units};
use crate::value::{item_size, item_to_json};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Actions of a transaction.
const MAX_ACTIONS: usize = 100;
/// Bytes of a transaction's items.
const MAX_BYTES: usize = 4 * 1024 * 1024;

impl Tables {
    pub(super) fn transact_write(&mut self, fields: Fields<'_>) -> Answer<Value> {
        let actions = actions(fields)?;
        let token = fields.text("ClientRequestToken")?;
        if token.is_some_and(|token| !(1..=36).contains(&token.len())) {
            return Err(ApiError::validation("a ClientRequestToken has 1 to 36 characters"));
        }
        let mut writes = Vec::new();
        let mut seen = BTreeSet::new();
        for action in actions {
            let action = Fields::of(action)?;
            let kinds = ["Put", "Update", "Delete", "ConditionCheck"];
            let mut given = kinds.into_iter().filter(|kind| action.get(kind).is_some());
            let (Some(kind), None) = (given.next(), given.next()) else {
                return Err(ApiError::validation(
                    "an action is one of Put, Update, Delete and ConditionCheck",
                ));
            };
            let body = Fields(action.required(kind, action.object(kind)?)?);
            if kind == "Update" && body.get("UpdateExpression").is_none() {
                return Err(ApiError::validation("UpdateExpression must not be null"));
            }
            let write = self.read_write("TransactWriteItems", kind, body)?;
            if !seen.insert((write.table.clone(), write.key.clone())) {
                let message = "Transaction request cannot include multiple operations on one item";
                return Err(ApiError::validation(message));
            }
            writes.push(write);
        }
        let items = fields.get("TransactItems").cloned().unwrap_or_default();
        if let Some((earlier, answer)) = token.and_then(|token| self.tokens.get(token)) {
            if *earlier == items {
                return Ok(answer.clone());
            }
            let message = "the token was used with another transaction";
            return Err(ApiError::new("IdempotentParameterMismatchException", message));
        }
        let judged = writes.iter().map(|write| self.judge(write)).collect::<Vec<_>>();
        if judged.iter().any(Result::is_err) {
            return Err(cancelled(judged.iter().map(|judged| judged.as_ref().err())));
        }
        let judged = judged.into_iter().flatten().collect::<Vec<_>>();
        let size =
            |judged: &super::write::Judged| judged.new.as_ref().or(judged.old.as_ref()).map_or(0, item_size);
        if judged.iter().map(size).sum::<usize>() > MAX_BYTES {
            return Err(ApiError::validation("the transaction holds more than 4 MB"));
        }
        let mut units = BTreeMap::new();
        for (write, judged) in writes.iter().zip(&judged) {
            *units.entry(write.table.clone()).or_insert(0.0) += 2.0 * write_units(size(judged));
        }
        let units = units.iter().map(|(table, units)| (table.as_str(), *units)).collect::<Vec<_>>();
        let mut answer = json!({});
        consumed(fields, &mut answer, &units, true)?;
        for (write, judged) in writes.into_iter().zip(judged) {
            self.apply(write, judged);
        }
        if let Some(token) = token {
            self.tokens.insert(token.to_owned(), (items, answer.clone()));
        }
        Ok(answer)
    }

    pub(super) fn transact_get(&mut self, fields: Fields<'_>) -> Answer<Value> {
        let mut responses = Vec::new();
        let mut seen = BTreeSet::new();
        let mut units = BTreeMap::new();
        let mut bytes = 0;
        for action in actions(fields)? {
            let action = Fields::of(action)?;
            let get = Fields(action.required("Get", action.object("Get")?)?);
            let name = get.table_name()?;
            let prepared = self.prepared("TransactGetItems", get, &["ProjectionExpression"], &[])?;
            let key = get.item("Key")?;
            let table = self.table(name)?;
            let key = table.schema.key_alone(&key)?;
            let item = table.items.get(&key);
            if !seen.insert((name, key)) {
                let message = "Transaction request cannot include multiple operations on one item";
                return Err(ApiError::validation(message));
            }
            let size = item.map_or(0, item_size);
            bytes += size;
            *units.entry(name).or_insert(0.0) += 2.0 * read_units(size, true);
            responses.push(match item {
                Some(item) => {
                    json!({ "Item": item_to_json(&projected(item, prepared.projection.as_deref())) })
                }
                None => json!({}),
            });
        }
        if bytes > MAX_BYTES {
            return Err(ApiError::validation("the transaction holds more than 4 MB"));
        }
        let mut answer = json!({ "Responses": responses });
        consumed(fields, &mut answer, &units.into_iter().collect::<Vec<_>>(), true)?;
        Ok(answer)
    }
}

fn actions<'a>(fields: Fields<'a>) -> Answer<&'a Vec<Value>> {
    let actions = fields.required("TransactItems", fields.list("TransactItems")?)?;
    if actions.is_empty() || actions.len() > MAX_ACTIONS {
        return Err(ApiError::validation("a transaction has 1 to 100 actions"));
    }
    Ok(actions)
}

fn cancelled<'refused>(refused: impl Iterator<Item = Option<&'refused Refused>>) -> ApiError {
    let mut open = false;
    let mut codes = Vec::new();
    let reasons = refused.map(|refused| {
        let (code, mut reason) = match refused {
            None => ("None", json!({})),
            Some(Refused::Condition(item)) => {
                let mut reason = json!({ "Message": "The conditional request failed" });
                if let Some(item) = item {
                    reason["Item"] = item_to_json(item);
                }
                ("ConditionalCheckFailed", reason)
            }
            Some(Refused::Invalid { message, unspecified }) => {
                open |= unspecified;
                ("ValidationError", json!({ "Message": message }))
            }
        };
        codes.push(code);
        reason["Code"] = code.into();
        reason
    });
    let reasons = reasons.collect::<Vec<_>>();
    let message = format!(
        "Transaction cancelled, please refer cancellation reasons for specific reasons [{}]",
        codes.join(", "),
    );
    let error = ApiError::new("TransactionCanceledException", message);
    let error = error.with("CancellationReasons", reasons.into());
    if open { error.open() } else { error }
}
