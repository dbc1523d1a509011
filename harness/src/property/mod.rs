//! Properties: statements that must hold for every case. One file a property.

mod agreement;
mod canary;
mod cursor_confined;
mod deterministic;
mod fail_closed;
mod frame;
mod guard;
mod hostile_names;
mod key_injective;
mod meaning;
mod never_broader;
mod pages;
mod presence;
mod rewrite;
mod round_trip;
mod rows;
mod samples;
pub mod support;
mod tenant_noninterference;
mod tenants;
#[cfg(test)]
mod tests;
mod total;
mod valid_values;
mod well_formed;
mod worlds;

pub use deterministic::canonical;

use crate::case::{Case, Observation};
use crate::tape::{Discard, Source, Tape};
use proofhouse_models::mapper::Capabilities;
use serde::{Deserialize, Serialize};

/// A statement that must hold for every case: it owns its generator and its verdict.
pub trait Property: Send + Sync {
    /// The stable id: `frame`.
    fn id(&self) -> &'static str;

    /// The statement in one line, as a person reads it.
    fn statement(&self) -> &'static str;

    /// What the target must offer. The error is the reason for *not applicable*.
    ///
    /// # Errors
    /// The missing method, form or feature, in words.
    fn needs(&self, target: &Capabilities) -> Result<(), String>;

    /// Builds a case from choices, within what the target declares.
    ///
    /// # Errors
    /// [`Discard`] where the choices lead to no case.
    fn generate(&self, source: &mut Source, target: &Capabilities) -> Result<Case, Discard>;

    /// Judges what was observed. Pure: equal arguments, equal judgement.
    fn judge(&self, target: &Capabilities, case: &Case, observed: &Observation) -> Judgement;

    /// Shares of labelled cases that a run of 1,000 cases and more must reach, in percent, over what the
    /// target declares. A run below a floor is an error of the harness.
    fn floors(&self, target: &Capabilities) -> Vec<(&'static str, u32)> {
        let _ = target;
        Vec::new()
    }

    /// The same case with more tries, where a target may break the property by chance; nothing where the case
    /// decides as it stands, or has tries enough.
    fn surer(&self, case: &Case) -> Option<Case> {
        let _ = case;
        None
    }

    /// Tapes that may show the violation at less cost, the cheapest first: they are tried before all that the
    /// shrinker tries.
    fn cheaper(&self, tape: &Tape, violation: &Violation) -> Vec<Tape> {
        let _ = (tape, violation);
        Vec::new()
    }

    /// Whether the property also judges the exchanges of all other properties' cases.
    fn is_passive(&self) -> bool {
        false
    }
}

/// The verdict on one case.
#[derive(Clone, Debug, PartialEq)]
pub enum Judgement {
    /// It held.
    Held,
    /// Nothing was checked: refused, unsupported, or outside what is specified. The reason, short and stable.
    Discarded(&'static str),
    /// It did not hold; one entry for each way, worst first.
    Violated(Vec<Violation>),
}

/// How a case broke a property.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Violation {
    /// What differs, in stable words without values: with property and target the finding's identity.
    /// For example `update partial: unnamed attribute removed`.
    pub identity: String,
    /// The symptom in one sentence, for the report's first line.
    pub title: String,
    /// Index of the run.
    pub run: usize,
    /// Index of the step in the run that shows it.
    pub step: usize,
    /// What was seen, `tags = L[]`; may have several lines.
    pub observed: String,
    /// What was expected, beside it.
    pub expected: String,
    /// Set where the library documents it: the contract's line. Then it is a *hazard*, no defect.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hazard: Option<String>,
}

/// Every property that is built in, in the order of reports.
pub fn all() -> Vec<Box<dyn Property>> {
    vec![
        Box::new(meaning::Meaning),
        Box::new(frame::Frame),
        Box::new(agreement::Agreement),
        Box::new(presence::Presence),
        Box::new(guard::Guard),
        Box::new(well_formed::WellFormed),
        Box::new(never_broader::NeverBroader),
        Box::new(round_trip::RoundTrip),
        Box::new(valid_values::ValidValues),
        Box::new(deterministic::Deterministic),
        Box::new(total::Total),
        Box::new(canary::Canary),
        Box::new(rewrite::Rewrite),
        Box::new(hostile_names::HostileNames),
        Box::new(key_injective::KeyInjective),
        Box::new(tenant_noninterference::TenantNoninterference),
        Box::new(cursor_confined::CursorConfined),
        Box::new(fail_closed::FailClosed),
    ]
}
