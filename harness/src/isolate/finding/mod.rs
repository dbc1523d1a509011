//! Findings: shrunk, explained, saved.

mod print;
mod script;
mod shrink;

pub use print::{print, property_of};
pub use script::script;
pub(crate) use shrink::CROWD;
pub use shrink::{fewer_steps, replay, shrink};

use super::catalogue::Hint;
use super::data::Made;
use super::oracle::Channel;
use super::pair::Stage;
use super::program::{Kind, Program};
use serde::{Deserialize, Serialize};
use std::time::Instant;

/// A leak with its least program.
#[derive(Clone, Debug)]
pub struct Finding {
    /// Worst first.
    pub channels: Vec<Channel>,
    /// Constraint, function, table.
    pub object: String,
    /// The program.
    pub program: Program,
    /// The step that shows it.
    pub step: usize,
    /// What is seen in world 1 and in world 2.
    pub seen: (String, String),
    /// Which base the worlds were made from.
    pub base: usize,
    /// Rows of A and of everyone.
    pub base_rows: Vec<Made>,
    /// B's rows in world 1 and in world 2.
    pub rows: (Vec<Made>, Vec<Made>),
    /// How the rows were made when it was found.
    pub stage: Stage,
    /// Statements and rows of B before and after shrinking, and runs that it took.
    pub shrink: (usize, usize, usize),
    /// How many replays showed it.
    pub stable: usize,
    /// How many there were: [`REPLAYS`], or fewer where the time for them ended.
    pub replays: usize,
    /// Programs before it.
    pub tests: usize,
    /// Milliseconds before it.
    pub ms: u128,
    /// A fact of the catalogue that may explain it.
    pub hint: Option<Hint>,
    /// The reason where the contract accepts it.
    pub accepted: Option<String>,
}

/// A finding as it is saved: `NAME.case.json`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Saved {
    /// Tells this file from others: always `isolate`.
    pub kind: String,
    /// The contract's file.
    pub contract: String,
    /// The worst channel.
    pub channel: Channel,
    /// All of them.
    pub channels: Vec<Channel>,
    /// Constraint, function, table.
    pub object: String,
    /// What the finding says.
    pub title: String,
    /// The program.
    pub program: Program,
    /// Statements that make the rows of A and of everyone.
    pub base_rows: Vec<String>,
    /// Statements that make B's rows in world 1.
    pub world_1: Vec<String>,
    /// Statements that make B's rows in world 2.
    pub world_2: Vec<String>,
    /// What was seen in world 1.
    pub seen_1: String,
    /// What was seen in world 2.
    pub seen_2: String,
}

/// How often a finding is replayed.
pub const REPLAYS: usize = 20;

/// How often it is replayed at least, however long that takes.
pub const FEWEST_REPLAYS: usize = 3;

impl Finding {
    /// Whether every replay showed it.
    pub fn is_stable(&self) -> bool {
        self.replays > 0 && self.stable == self.replays
    }

    /// Whether it is to be replayed once more.
    pub(super) fn wants_replay(&self, until: Instant) -> bool {
        is_due(self.replays, Instant::now() < until)
    }

    /// The worst channel.
    pub fn channel(&self) -> Channel {
        self.channels[0]
    }

    /// What tells it from others.
    pub fn identity(&self) -> (Channel, String) {
        (self.channel(), self.object.clone())
    }

    /// A name for files: letters, digits, hyphens.
    pub fn file_name(&self) -> String {
        let object: String = self
            .object
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() || c == '_' { c } else { '-' })
            .collect();
        format!("{}-{}", self.channel().name(), object.trim_matches('-'))
    }

    /// The symptom in one sentence.
    pub fn title(&self) -> String {
        let verb = self.program.steps.get(self.step).map_or("a statement", |step| step.verb.as_str());
        let object = &self.object;
        if self.program.kind == Kind::Partition {
            return format!("B sees a row of A: {object} ({verb})");
        }
        match self.channel() {
            Channel::Write => format!("A changes what is not its own: {object} ({verb})"),
            Channel::Read => format!("A sees a value of B: {object} ({verb})"),
            Channel::Existence => format!("A learns what B has: {object} ({verb})"),
            Channel::Dos => format!("B's next operation fails because of A: {object} ({verb})"),
            Channel::Count => format!("A learns how many rows B has: {object} ({verb})"),
            Channel::Sequence => format!("generated numbers tell of B: {object} ({verb})"),
            Channel::Timing => format!("time tells of B: {object} ({verb})"),
        }
    }

    /// As it is saved.
    pub fn saved(&self, contract: &std::path::Path) -> Saved {
        let sql = |rows: &[Made]| rows.iter().map(|made| made.again.clone()).collect();
        Saved {
            kind: "isolate".to_owned(),
            contract: contract.display().to_string(),
            channel: self.channel(),
            channels: self.channels.clone(),
            object: self.object.clone(),
            title: self.title(),
            program: self.program.clone(),
            base_rows: sql(&self.base_rows),
            world_1: sql(&self.rows.0),
            world_2: sql(&self.rows.1),
            seen_1: self.seen.0.clone(),
            seen_2: self.seen.1.clone(),
        }
    }
}

/// Whether another replay is due after so many: some are, however late it is.
fn is_due(replays: usize, in_time: bool) -> bool {
    replays < FEWEST_REPLAYS || replays < REPLAYS && in_time
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_that_takes_long_has_fewer_replays_but_some() {
        let due = |in_time| (0..).take_while(|replays| is_due(*replays, in_time)).count();
        assert_eq!((due(true), due(false)), (REPLAYS, FEWEST_REPLAYS));
    }
}
