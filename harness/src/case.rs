//! A case: data model, starting data and program, as a readable value; and what was observed when it ran.

use crate::target::{CallError, OWN_CLASS, Outcome};
use crate::wire::Exchange;
use proofhouse_models::mapper::{Call, ErrorKind, Model};
use proofhouse_models::value::Item;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// What a property generated. Serialises into `NAME.case.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Case {
    /// The data model that the target is told.
    pub model: Model,
    /// Runs on tables of their own; most properties need one.
    pub runs: Vec<Run>,
    /// What else the property needs to judge, by name.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub notes: Map<String, Value>,
}

/// Starting data and a program, on a fresh table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// What tells this run from the others: `update partial`, `world 2`; empty for a single run.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub label: String,
    /// Items that are in the table before the program starts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub start: Vec<Start>,
    /// The program.
    pub program: Vec<Step>,
    /// How often the run is repeated, each time on a fresh table; left out for once.
    #[serde(default = "once", skip_serializing_if = "is_once")]
    pub repeat: usize,
    /// Whether the target is started anew before the run.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub fresh: bool,
}

fn once() -> usize {
    1
}

fn is_once(repeat: &usize) -> bool {
    *repeat == 1
}

impl Run {
    /// A single run of a program on starting data.
    pub fn new(start: Vec<Start>, program: Vec<Step>) -> Self {
        Self { label: String::new(), start, program, repeat: 1, fresh: false }
    }
}

/// A starting item: declared fields by field name, and raw attributes that the model does not declare.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Start {
    /// Field values by field name; stored through `marshal` where the target offers it, else as they are.
    pub record: Item,
    /// Raw attributes outside the model.
    #[serde(default, skip_serializing_if = "Item::is_empty")]
    pub extra: Item,
    /// The tenant whose item it is, for targets with tenancy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
}

/// One call of the program.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// The tenant, for targets with tenancy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    /// Index of an earlier step of the run whose answer this call takes up: the record that it read
    /// becomes this call's record (in `patch` and `builder`: what is set), its cursor this call's page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reuse: Option<usize>,
    /// How the cursor that is taken up is changed before it is used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edit: Option<Edit>,
    /// The call.
    #[serde(flatten)]
    pub call: Call,
}

/// A change of a cursor by someone who does not know how it is made. What it says of bytes is meant of the
/// decoded ones, where the cursor is Base64 or hexadecimal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Edit {
    /// One bit is turned over, counted from the first byte's lowest and modulo their number.
    Flip(usize),
    /// Only so many bytes are kept, modulo their number.
    Cut(usize),
    /// Behind so many bytes (modulo their number) the cursor of another step goes on.
    Splice {
        /// The other step.
        with: usize,
        /// The number of bytes.
        at: usize,
    },
    /// The stored key behind which the page ended becomes the one behind which another step's page ended, as the
    /// wire showed both.
    Key {
        /// The other step.
        of: usize,
    },
    /// A tenant's name becomes another's, wherever it stands as a text of its own.
    Tenant {
        /// The name in the cursor.
        from: String,
        /// The name that takes its place.
        to: String,
    },
    /// The cursor is made up: the stored key behind which another step's page ended, as JSON.
    Forge {
        /// The other step.
        of: usize,
        /// How the JSON is written.
        encoding: CursorEncoding,
    },
}

/// How a made-up cursor is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CursorEncoding {
    /// The JSON itself.
    Plain,
    /// Base64 with `+` and `/`, padded.
    Base64,
    /// Base64 with `-` and `_`, not padded.
    UrlSafe,
    /// Hexadecimal digits.
    Hex,
}

impl Step {
    /// A call that takes up the answer of an earlier step.
    pub fn reusing(call: Call, step: usize) -> Self {
        Self { reuse: Some(step), ..Self::from(call) }
    }

    /// A tenant's call.
    pub fn of(tenant: impl Into<String>, call: Call) -> Self {
        Self { tenant: Some(tenant.into()), ..Self::from(call) }
    }
}

impl From<Call> for Step {
    fn from(call: Call) -> Self {
        Self { tenant: None, reuse: None, edit: None, call }
    }
}

/// What was observed of a whole case.
#[derive(Clone, Debug)]
pub struct Observation {
    /// In the order of the case's runs, repetitions included.
    pub runs: Vec<RunObservation>,
}

impl Observation {
    /// What its calls cost beyond answers, in starts of the target.
    pub fn cost(&self) -> u64 {
        let of_runs = |run: &RunObservation| {
            let set_up = run.broken.as_ref().map_or(0, |(_, error)| cost(error));
            set_up + run.steps.iter().map(StepObservation::cost).sum::<u64>()
        };
        self.runs.iter().map(of_runs).sum()
    }

    /// The first call that the target did not answer, those of the set-up included: how, in words.
    pub fn unanswered(&self) -> Option<&'static str> {
        self.runs.iter().find_map(|run| {
            let set_up = run.broken.iter().map(|(_, error)| error);
            let steps = run.steps.iter().filter_map(|step| step.outcome.as_ref().err());
            set_up.chain(steps).find_map(CallError::unanswered)
        })
    }

    /// The first method of the case to which the target answered `unsupported`.
    pub fn unsupported(&self, case: &Case) -> Option<&'static str> {
        self.runs.iter().find_map(|run| {
            let program = &case.runs.get(run.of)?.program;
            let unsupported = |seen: &StepObservation| match &seen.outcome {
                Err(CallError::Reported { kind, class, .. }) => {
                    *kind == ErrorKind::Unsupported && class != OWN_CLASS
                }
                _ => false,
            };
            let mut steps = program.iter().zip(&run.steps);
            steps.find(|(_, seen)| unsupported(seen)).map(|(step, _)| step.call.method())
        })
    }
}

/// What was observed of one run.
#[derive(Clone, Debug)]
pub struct RunObservation {
    /// Index of the case's run; a repeated run gives several observations, one after the other.
    pub of: usize,
    /// Why the run did not get to its program: `define` refused, a starting item refused. Not a verdict.
    pub refused: Option<String>,
    /// The call of the set-up that the target did not answer: `reset`, `define` or `marshal`.
    pub broken: Option<(&'static str, CallError)>,
    /// The table's raw items before the program, sorted by key.
    pub start: Vec<Item>,
    /// In the order of the program.
    pub steps: Vec<StepObservation>,
}

/// What was observed of one step.
#[derive(Clone, Debug)]
pub struct StepObservation {
    /// The target's answer.
    pub outcome: Outcome,
    /// The requests that it sent, in order.
    pub exchanges: Vec<Exchange>,
    /// The table's raw items after the step, sorted by key.
    pub after: Vec<Item>,
    /// What the target wrote to its log during the step.
    pub log: String,
}

impl StepObservation {
    /// What the call cost beyond an answer, in starts of the target: a process that ended has to be started again, and
    /// one that used up a limit of time or of output took as long as ten starts do.
    pub fn cost(&self) -> u64 {
        self.outcome.as_ref().err().map_or(0, cost)
    }

    /// The cost of a call that used up a limit.
    pub const LIMIT: u64 = 10;
}

fn cost(error: &CallError) -> u64 {
    match error {
        CallError::Broken { how, .. } => match how.as_str() {
            "hung" | "flooded" => StepObservation::LIMIT,
            "crashed" => 1,
            _ => 0,
        },
        CallError::Reported { .. } => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hang_costs_ten_starts_a_crash_one_and_a_panic_in_this_process_none() {
        let cost = |how: &str| {
            let outcome = Err(CallError::Broken { how: how.to_owned(), detail: String::new() });
            let step =
                StepObservation { outcome, exchanges: Vec::new(), after: Vec::new(), log: String::new() };
            let run = RunObservation {
                of: 0,
                refused: None,
                broken: None,
                start: Vec::new(),
                steps: vec![step.clone(), step],
            };
            Observation { runs: vec![run] }.cost()
        };
        assert_eq!(["hung", "flooded", "crashed", "junk", "panicked"].map(cost), [20, 20, 2, 0, 0]);
    }
}
