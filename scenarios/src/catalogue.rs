//! The targets that the command offers in its own process.

use crate::mapper::{LaunchMapper, variants};
use crate::mutants::{MUTANTS, Mutant};
use crate::targets::{LaunchDynamodbExpression, LaunchSerdeDynamo};
use proofhouse::target::Launch;
use std::sync::Arc;

/// Whether a property is about tenants of a mapper.
pub fn is_of_tenants(property: &str) -> bool {
    matches!(property, "key_injective" | "tenant_noninterference" | "cursor_confined" | "fail_closed")
}

/// The correct mapper to which a property applies.
pub fn correct_mapper(property: &str) -> &'static str {
    if is_of_tenants(property) { "control-tenants" } else { "control" }
}

/// Every in-process target. Controls and mutants say that they are not shipped: a plain run leaves them out.
pub fn catalogue() -> Vec<Arc<dyn Launch>> {
    let controls = variants().into_iter().map(|(name, options)| LaunchMapper::new(name, options, None));
    let mutants = MUTANTS.iter().map(Mutant::launch);
    let released: [Arc<dyn Launch>; 2] = [Arc::new(LaunchDynamodbExpression), Arc::new(LaunchSerdeDynamo)];
    let own = controls.chain(mutants).map(|launch| Arc::new(launch) as Arc<dyn Launch>);
    released.into_iter().chain(own).collect()
}
