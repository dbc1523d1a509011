//! A finding: a property that did not hold, with its least case.

use crate::case::Case;
use crate::property::Violation;
use crate::wire::Exchange;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// A property that did not hold on a target.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// The property's id.
    pub property: String,
    /// The property whose generator made the case: another one where a passive property judged it.
    pub generator: String,
    /// The target's name.
    pub target: String,
    /// Library and version under test.
    pub library: String,
    /// The engine.
    pub backend: String,
    /// How it did not hold, on the least case.
    pub violation: Violation,
    /// The least case.
    pub case: Case,
    /// Requests of the step that shows it, in the least case.
    pub wire: Vec<Exchange>,
    /// Index of the first case that showed it among those of its generator, from 0.
    pub first: u64,
    /// Cases that showed the same identity.
    pub count: u64,
    /// Milliseconds from the start of the cell to the first case that showed it.
    pub ms_to_failure: u64,
    /// How it was shrunk.
    pub shrink: Shrink,
    /// Of how many replays the least case showed it again.
    pub stable: Stability,
    /// Parts of the least case that matter, and parts that may be anything; empty where not explored.
    pub explain: Explanation,
    /// The tape of the least case, as a hint.
    pub tape: String,
    /// The saved case.
    pub file: Option<PathBuf>,
    /// Whether it came from a saved case, not from generation.
    pub regression: bool,
    /// Why it is accepted, where it is.
    pub accepted: Option<String>,
    /// Faults of the harness itself while it was shrunk and explained.
    pub faults: Vec<String>,
}

/// How far a case was shrunk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shrink {
    /// Operations of the case that was found.
    pub from: usize,
    /// Operations of the least case.
    pub to: usize,
    /// Runs that it took.
    pub runs: u64,
}

/// Replays that showed the finding again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stability {
    /// Replays that showed it.
    pub shown: u32,
    /// Replays.
    pub of: u32,
}

impl Stability {
    /// Whether all replays showed it.
    pub fn is_stable(self) -> bool {
        self.shown == self.of
    }
}

/// What of the least case matters.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Explanation {
    /// Parts whose change makes the finding go away.
    pub matters: Vec<String>,
    /// Parts that may take any value.
    pub any: Vec<String>,
}

/// The verdict on a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// A defect that fails the run.
    Defect,
    /// A documented choice.
    Hazard,
    /// Known, with a reason.
    Accepted,
    /// Not shown by every replay.
    Flaky,
}

impl Finding {
    /// What the finding is to the run.
    pub fn class(&self) -> Class {
        if !self.stable.is_stable() {
            Class::Flaky
        } else if self.accepted.is_some() {
            Class::Accepted
        } else if self.violation.hazard.is_some() {
            Class::Hazard
        } else {
            Class::Defect
        }
    }

    /// The file's stem: property and a short name of the identity.
    pub fn stem(property: &str, target: &str, identity: &str) -> String {
        let name = super::seed::short_name(&format!("{property}\n{target}\n{identity}"));
        format!("{property}-{name}")
    }
}

/// The number of operations in a case: starting items and steps.
pub fn operations(case: &Case) -> usize {
    case.runs.iter().map(|run| run.start.len() + run.program.len()).sum()
}
