//! Engines that hold the data. One file an engine.

mod choice;
pub mod container;
#[cfg(test)]
mod differential;
mod dynamodb_local;
mod embedded;
mod endpoint;
pub mod postgres;
mod reference;

pub use choice::{BackendChoice, BackendError};
pub use dynamodb_local::{DynamoDbLocal, Shared};
pub use embedded::Embedded;
#[cfg(test)]
pub(crate) use endpoint::sign;
pub use endpoint::{Endpoint, EndpointError};
pub use reference::Reference;

use crate::wire::Reply;
use proofhouse_models::value::Item;
use serde_json::Value;

/// A DynamoDB engine: takes the JSON of one operation, answers as the HTTP endpoint would.
///
/// An instance is owned by one worker. Tables are made and dropped by the harness through the same
/// `call` (`CreateTable`, `DeleteTable`, `Scan`).
pub trait Backend: Send + Sync {
    /// The name in reports: `reference`, `embedded`, `dynamodb-local`, or the URL.
    fn name(&self) -> String;

    /// Name and version of the engine behind it.
    fn version(&self) -> String;

    /// Runs one operation, `PutItem` and so on. Never panics on any request.
    fn call(&self, operation: &str, request: &Value) -> Reply;

    /// Forgets every table, as cheaply as the engine can.
    fn clear(&self);

    /// Whether a table holds an item that was put as it was put, by DynamoDB's equality. The harness then does not
    /// read back what it has put itself into a fresh table; its unit tests do, and compare.
    fn stores_what_is_put(&self) -> bool {
        false
    }

    /// Every item of a table, in any order, without the way through JSON; `None` where the engine has no such way or
    /// the answer is not whole. Equal to what `Scan` answers: the harness asks this instead.
    fn items(&self, _table: &str) -> Option<Vec<Item>> {
        None
    }

    /// The item with the key, likewise; `Some(None)` where there is none.
    fn item(&self, _table: &str, _key: &Item) -> Option<Option<Item>> {
        None
    }
}
