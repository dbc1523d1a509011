//! The targets that the command offers in its own process.

use crate::mapper::{LaunchMapper, variants};
use crate::mutants::{MUTANTS, Mutant};
use crate::targets::{LaunchDynamodbExpression, LaunchSerdeDynamo};
use proofhouse::target::Launch;
use std::sync::Arc;

/// Every in-process target. Controls and mutants say that they are not shipped: a plain run leaves them out.
pub fn catalogue() -> Vec<Arc<dyn Launch>> {
    let controls = variants().into_iter().map(|(name, options)| LaunchMapper::new(name, options, None));
    let mutants = MUTANTS.iter().map(Mutant::launch);
    let released: [Arc<dyn Launch>; 2] = [Arc::new(LaunchDynamodbExpression), Arc::new(LaunchSerdeDynamo)];
    let own = controls.chain(mutants).map(|launch| Arc::new(launch) as Arc<dyn Launch>);
    released.into_iter().chain(own).collect()
}
