//! Transactions: up to a hundred actions on different items, all or nothing.

use super::expression::{Node, Placeholders};
use super::failure::{Failure, Result};
use super::legal;
use super::scope::Scope;
use super::send::{OnFailure, Prepared, Sender};
use super::write::finish_conditional;
use proofhouse_models::mapper::call::{Action, Key};
use proofhouse_models::mapper::{Condition, ErrorKind};
use proofhouse_models::value::{Item, item_from_json, item_to_json};
use serde_json::{Map, Value, json};

/// Actions of one transaction.
const ACTIONS: usize = 100;
/// Bytes of one transaction.
const BYTES: usize = 4 * 1024 * 1024;

/// The actions of a transaction that was made ready.
#[derive(Default)]
pub struct Transaction {
    items: Vec<Value>,
    touched: Vec<(String, Item)>,
    failing: Vec<OnFailure>,
    bytes: usize,
}

impl Scope<'_> {
    /// Adds one action on this scope's model.
    ///
    /// # Errors
    /// As the action alone, and `validation` for a second action on one item.
    pub fn transact(&self, action: &Action, transaction: &mut Transaction) -> Result<()> {
        let (name, prepared) = match action {
            Action::Put(write) => ("Put", self.put(&write.record, write.condition.as_ref())?),
            Action::Update(update) => ("Update", self.transact_update(update)?),
            Action::Delete { key, condition, .. } => ("Delete", self.delete(key, condition.as_ref())?),
            Action::Check { key, condition, .. } => ("ConditionCheck", self.check(key, condition)?),
        };
        let key = match prepared.body.get("Key").or(prepared.body.get("Item")).map(item_from_json) {
            Some(Ok(item)) => self.key_of(&item)?,
            _ => return Err(Failure::validation("an action without a key")),
        };
        let place = (self.table().to_owned(), key);
        if transaction.touched.contains(&place) {
            return Err(Failure::validation("two actions on one item"));
        }
        transaction.touched.push(place);
        transaction.failing.push(prepared.on_failure);
        transaction.bytes += prepared.body.values().map(|part| part.to_string().len()).sum::<usize>();
        transaction.items.push(json!({ name: prepared.body }));
        Ok(())
    }

    /// An update inside a transaction names at least one change: DynamoDB takes none without.
    fn transact_update(&self, update: &proofhouse_models::mapper::Update) -> Result<Prepared> {
        let prepared = self.update(update)?;
        if !prepared.body.contains_key("UpdateExpression") {
            return Err(Failure::validation("an update without a change in a transaction"));
        }
        Ok(prepared)
    }

    fn check(&self, key: &Key, condition: &Condition) -> Result<Prepared> {
        let key = self.encode_key(key)?;
        let mut holders = Placeholders::default();
        let node: Node = self.condition(condition, &mut holders)?;
        let mut body = Map::new();
        body.insert("TableName".to_owned(), json!(self.table()));
        body.insert("Key".to_owned(), item_to_json(&key));
        finish_conditional(&mut body, vec![node], holders, OnFailure::Condition)?;
        Ok(Prepared { operation: "ConditionCheck", body, on_failure: OnFailure::Condition })
    }
}

impl Transaction {
    /// Sends all actions as one request.
    ///
    /// # Errors
    /// The worst reason of a cancelled transaction as a kind of the protocol.
    pub fn send(self, sender: &Sender<'_>) -> Result<Value> {
        if self.items.is_empty() || self.items.len() > ACTIONS {
            return Err(Failure::validation("a transaction has 1 to 100 actions"));
        }
        if self.bytes > BYTES.max(legal::ITEM_BYTES) {
            return Err(Failure::validation("a transaction is larger than 4 MB"));
        }
        let mut body = Map::new();
        body.insert("TransactItems".to_owned(), Value::Array(self.items));
        let request = Prepared { operation: "TransactWriteItems", body, on_failure: OnFailure::Condition };
        match sender.send(request) {
            Ok(_) => Ok(json!({})),
            Err(failure) => Err(explain(failure, &self.failing)),
        }
    }
}

/// Why a transaction was cancelled, from the reasons that the sender noted: the first that says something.
fn explain(failure: Failure, failing: &[OnFailure]) -> Failure {
    let Some(reasons) = failure.fields.get("reasons") else { return failure };
    let mut explained = Failure::new(failure.kind, "cancelled");
    for (position, reason) in reasons.split(' ').enumerate() {
        let (code, stored) = match reason.strip_suffix('+') {
            Some(code) => (code, true),
            None => (reason, false),
        };
        explained = match code {
            "ConditionalCheckFailed" => {
                failing.get(position).copied().unwrap_or(OnFailure::Condition).failure(stored)
            }
            "ValidationError" | "ItemCollectionSizeLimitExceeded" => {
                Failure::validation("the engine refused an action")
            }
            "TransactionConflict" => Failure::new(ErrorKind::Conflict, "another transaction is at work"),
            "ThrottlingError" | "ProvisionedThroughputExceeded" => {
                Failure::new(ErrorKind::Throttled, "an action was throttled")
            }
            _ => continue,
        };
        break;
    }
    explained
}
