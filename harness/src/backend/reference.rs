//! The reference model as a backend: slow enough to be simple, and right where the documents are clear.

use super::Backend;
use crate::wire::Reply;
use proofhouse_models::table::Tables;
use serde_json::Value;
use std::sync::{Mutex, PoisonError};

/// The reference model with its tables.
#[derive(Debug, Default)]
pub struct Reference {
    tables: Mutex<Tables>,
}

impl Reference {
    /// A model without tables.
    pub fn new() -> Self {
        Self::default()
    }

    /// As [`Backend::call`], with whether the documents leave the answer open.
    pub fn call_and_judge(&self, operation: &str, request: &Value) -> (Reply, bool) {
        let mut tables = self.tables.lock().unwrap_or_else(PoisonError::into_inner);
        match tables.call(operation, request) {
            Ok(body) => {
                let open = !tables.unspecified().is_empty();
                (Reply::ok(body), open)
            }
            Err(error) => (Reply { status: 400, body: error.body() }, error.unspecified),
        }
    }
}

impl Backend for Reference {
    fn name(&self) -> String {
        "reference".to_owned()
    }

    fn version(&self) -> String {
        concat!("proofhouse-models ", env!("CARGO_PKG_VERSION")).to_owned()
    }

    fn call(&self, operation: &str, request: &Value) -> Reply {
        self.call_and_judge(operation, request).0
    }

    fn clear(&self) {
        *self.tables.lock().unwrap_or_else(PoisonError::into_inner) = Tables::new();
    }

    fn stores_what_is_put(&self) -> bool {
        true
    }
}
