//! A worker: one engine, one wire, one running target, owned by one thread.

use super::execute::execute;
use super::learn::learn;
use crate::backend::Backend;
use crate::case::{Case, Observation};
use crate::target::{Launch, LaunchError, Target};
use crate::wire::Wire;
use proofhouse_models::mapper::Capabilities;
use std::sync::Arc;

/// Stack of a worker's thread in bytes: the embedded engine's parser needs 8 MiB and more.
pub const STACK: usize = 32 << 20;

/// One engine, one wire, one running target.
pub struct Worker {
    launch: Arc<dyn Launch>,
    wire: Arc<Wire>,
    target: Box<dyn Target>,
    capabilities: Capabilities,
    seed: u64,
    cost: u64,
}

impl Worker {
    /// Starts the target against a wire of its own in front of the backend.
    ///
    /// # Errors
    /// [`LaunchError`] says why the target does not run.
    pub fn start(launch: Arc<dyn Launch>, backend: Arc<dyn Backend>, seed: u64) -> Result<Self, LaunchError> {
        let wire = Arc::new(Wire::new(backend));
        let mut target = launch.launch(&wire, seed)?;
        let learned = learn(target.as_mut(), &wire);
        let capabilities = Capabilities { learned, ..target.capabilities().clone() };
        Ok(Self { launch, wire, target, capabilities, seed, cost: 0 })
    }

    /// What the target says of itself, and what a probe saw of it.
    pub fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    /// Name and version of the engine.
    pub fn engine(&self) -> String {
        self.wire.backend().version()
    }

    /// The backend's name.
    pub fn backend_name(&self) -> String {
        self.wire.backend().name()
    }

    /// Runs a case on fresh tables.
    pub fn execute(&mut self, case: &Case) -> Observation {
        let Self { launch, wire, target, seed, .. } = self;
        let relaunch = || launch.launch(wire, *seed);
        let observed = execute(target, wire, case, Some(&relaunch));
        self.cost += observed.cost();
        observed
    }

    /// What calls have cost so far beyond answers, in starts of the target.
    pub fn cost(&self) -> u64 {
        self.cost
    }
}
