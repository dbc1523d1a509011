//! Planted bugs: what each property has to find, and proof that it can.
//!
//! A mutant is the correct mapper with one [`Bug`]. Most bugs take hold at the mapper's edges, so that its code
//! stays as readable as a correct mapper's: [`tamper_call`] before it sees a call, [`tamper_request`] before
//! a request is sent, [`tamper_failure`] and [`tamper_answer`] on the way back. Those that need its inside
//! ask [`Scope::has`](crate::mapper) at one place.

mod answer;
mod bug;
mod call;
mod request;

pub use answer::{tamper_answer, tamper_failure};
pub use bug::{Bug, MUTANTS};
pub use call::{keep_empties, tamper_call};
pub use request::tamper_request;

use crate::catalogue::is_of_tenants;
use crate::mapper::{LaunchMapper, Options};
use proofhouse_models::mapper::Capabilities;
use std::cell::Cell;

/// A planted bug as a target: the name behind `mutant:`, the property that has to find it, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mutant {
    /// The name behind `mutant:`.
    pub name: &'static str,
    /// The property that has to find it.
    pub property: &'static str,
    /// Whether it takes two features together, a boundary, or a rare value.
    pub hard: bool,
    /// What goes wrong, in one line.
    pub what: &'static str,
    /// The switch.
    pub bug: Bug,
}

impl Mutant {
    /// The mapper that carries the bug; tenants only where the bug is about them.
    pub fn launch(&self) -> LaunchMapper {
        let tenancy = is_of_tenants(self.property);
        let options = Options { tenancy, ..Options::default() };
        LaunchMapper::new(format!("mutant:{}", self.name), options, Some(self.bug))
    }
}

/// Changes what the mapper says of itself.
pub fn tamper_capabilities(bug: Bug, capabilities: &mut Capabilities) {
    if matches!(bug, Bug::ScanOfEveryone | Bug::ScanOffered) {
        capabilities.methods.push("scan".to_owned());
    }
}

/// A count that goes on from call to call, for bugs whose request depends on what came before. Each worker has one, as if
/// each had a process of its own.
pub fn tick() -> u64 {
    thread_local!(static COUNT: Cell<u64> = const { Cell::new(0) });
    COUNT.replace(COUNT.get() + 1)
}

/// What stands for an empty set between a caller and the wire: the correct code refuses the real one.
const EMPTY_SET: &str = "\u{1}empty set\u{1}";

#[cfg(test)]
mod tests;
