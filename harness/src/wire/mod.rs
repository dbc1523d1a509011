//! The wire between a target and its backend: one stream of exchanges, whatever the language.

mod exchange;

pub use exchange::{Exchange, Reply};

use crate::backend::Backend;
use std::sync::Arc;

/// The recorder between a target and its backend. One for each worker.
pub struct Wire {
    backend: Arc<dyn Backend>,
}

impl Wire {
    /// A wire in front of a backend.
    pub fn new(backend: Arc<dyn Backend>) -> Self {
        Self { backend }
    }

    /// The engine behind the wire.
    pub fn backend(&self) -> &Arc<dyn Backend> {
        &self.backend
    }
}
