//! Programs of tenant A.

mod escalate;
mod pools;
mod queries;
mod random;
mod session;
mod sql;
mod statements;

pub use escalate::Changes;
pub use pools::{Pools, column_of};
pub use random::random;
pub use session::{cut_into_requests, listening};

use super::catalogue::Catalogue;
use super::contract::{Contract, Level};
use super::data::Rules;
use serde::{Deserialize, Serialize};

/// A list of steps that runs in both worlds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Program {
    /// How it runs.
    pub kind: Kind,
    /// Its steps.
    pub steps: Vec<Step>,
    /// Whether sequences stand where each world's rows left them, instead of alike.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unaligned: bool,
}

/// How a program runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A request each, undone at the end.
    Requests,
    /// One transaction, undone at the end: after an error the rest is refused.
    Transaction,
    /// Without enter, on a new connection, undone at the end.
    Outside,
    /// On a real connection of the role, with the steps' own enter and leave; the world is made anew.
    Session,
    /// As B, undone at the end: nothing of A alone may be in the answers, so that tenants' answers are disjoint.
    Partition,
}

/// One step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// Who does it.
    #[serde(default, skip_serializing_if = "Actor::is_a")]
    pub actor: Actor,
    /// The statement.
    pub sql: String,
    /// Its parameters; the simple protocol where there are none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<Option<String>>,
    /// Rows for COPY … FROM STDIN.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub copy: Option<String>,
    /// The kind of statement, for coverage and for the channel: `select`, `insert`, `function`.
    pub verb: String,
    /// The object that it addresses first.
    pub object: String,
    /// Columns that the database fills.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub generated: Vec<String>,
}

/// Who does a step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Actor {
    /// A, observed.
    #[default]
    A,
    /// A tenant enters: position in `ids`.
    Enter(usize),
    /// A tenant gives the connection back.
    Leave(usize),
    /// B on the same connection, before A; not observed. `$N` comes from B's values of the world.
    Before,
    /// B on its own connection; not observed.
    Beside,
}

impl Actor {
    fn is_a(&self) -> bool {
        *self == Self::A
    }
}

impl Step {
    /// A statement of A.
    pub fn new(verb: &str, object: &str, sql: impl Into<String>) -> Self {
        Self {
            actor: Actor::A,
            sql: sql.into(),
            values: Vec::new(),
            copy: None,
            verb: verb.to_owned(),
            object: object.to_owned(),
            generated: Vec::new(),
        }
    }

    /// The statement as psql would run it: parameters as literals.
    pub fn inlined(&self) -> String {
        let mut sql = self.sql.clone();
        for (at, value) in self.values.iter().enumerate().rev() {
            let literal =
                value.as_deref().map_or_else(|| "NULL".to_owned(), crate::backend::postgres::quote_text);
            sql = sql.replace(&format!("${}", at + 1), literal.trim());
        }
        sql
    }
}

impl Program {
    /// Requests of A.
    pub fn requests(steps: Vec<Step>) -> Self {
        Self { kind: Kind::Requests, steps, unaligned: false }
    }

    /// One request of A.
    pub fn one(step: Step) -> Self {
        Self::requests(vec![step])
    }

    /// Whether temporary objects would still be there for the next user of the session.
    pub fn leaves_temporary(&self) -> bool {
        self.steps
            .iter()
            .any(|step| step.sql.contains("pg_temp") || step.sql.to_ascii_uppercase().contains(" TEMP "))
    }
}

/// What generators need.
pub struct Setting<'run> {
    /// The contract.
    pub contract: &'run Contract,
    /// The catalogue.
    pub catalogue: &'run Catalogue,
    /// The rules.
    pub rules: &'run Rules,
    /// Values.
    pub pools: &'run Pools,
    /// Parameter types of the contract's statements: by statement.
    pub parameters: &'run std::collections::BTreeMap<String, Vec<u32>>,
}

/// Every object with every kind of statement, the most promising first.
pub fn systematic(setting: &Setting<'_>) -> Vec<Program> {
    let mut programs = Vec::new();
    let (own, more) = statements::programs(setting);
    if setting.contract.adversary.only {
        programs.extend(own);
        programs.extend(more);
        programs.extend(session::programs(setting));
        return programs;
    }
    let mut rounds = queries::rounds(setting).into_iter();
    programs.extend(rounds.next().unwrap_or_default());
    programs.extend(own);
    // A slice of each round in turn, a few programs an object: no kind of statement has to wait for all of another.
    let objects = queries::reached(setting).len().max(1);
    let slices = rounds.map(|round| round.chunks(4 * objects).map(<[Program]>::to_vec).collect::<Vec<_>>());
    let mut slices: Vec<_> = slices.map(Vec::into_iter).collect();
    loop {
        let next: Vec<Program> = slices.iter_mut().filter_map(Iterator::next).flatten().collect();
        if next.is_empty() {
            break;
        }
        programs.extend(next);
    }
    programs.extend(more);
    if setting.contract.adversary.level == Level::Sql {
        programs.extend(sql::programs(setting));
    }
    programs.extend(session::programs(setting));
    programs
}
