//! Programs of tenant A.

mod escalate;
mod pools;
mod queries;
mod random;
mod residue;
mod session;
mod sql;
mod statements;

pub use escalate::Changes;
pub use pools::{Pools, column_of};
pub use random::random;
pub use session::cut_into_requests;

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
    /// Keys that its row shares with a row of B, where ON CONFLICT says so without an error that names one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub keys: Vec<String>,
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
            keys: Vec::new(),
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

/// Every object with every kind of statement, the most promising first. `inserts` are inserts of B that work.
pub fn systematic(setting: &Setting<'_>, inserts: &[String]) -> Vec<Program> {
    let mut programs = Vec::new();
    let (own, more) = statements::programs(setting);
    let only = setting.contract.adversary.only;
    let mut rounds =
        if only { Vec::new() } else { with_sequences(setting, queries::rounds(setting)) }.into_iter();
    programs.extend(rounds.next().unwrap_or_default());
    programs.extend(with_sequences(setting, vec![own]).into_iter().flatten());
    // A slice of each list in turn, first one program an object and later some: no kind of statement has to wait
    // for all of another.
    let mut lists: Vec<Vec<Program>> = rounds.collect();
    if setting.contract.adversary.level == Level::Sql && !only {
        lists.extend(sql::programs(setting));
    }
    lists.push(session::listening(setting, inserts));
    lists.push(residue::counting(setting, inserts));
    lists.extend(session::programs(setting));
    lists.extend(with_sequences(setting, vec![more]));
    let objects = queries::reached(setting).len().max(4);
    let mut lists: Vec<_> = lists.into_iter().map(Vec::into_iter).collect();
    for turn in 0.. {
        let size = if turn == 0 { objects } else { 3 * objects };
        let before = programs.len();
        for list in &mut lists {
            programs.extend(list.by_ref().take(size));
        }
        if programs.len() == before {
            return programs;
        }
    }
    programs
}

/// After each program whose numbers may come from a sequence the same again, with sequences as each world's rows left
/// them; once for each kind of statement on an object, the rest at the end.
fn with_sequences(setting: &Setting<'_>, rounds: Vec<Vec<Program>>) -> Vec<Vec<Program>> {
    if setting.catalogue.sequences.is_empty() {
        return rounds;
    }
    let mut seen = std::collections::HashSet::new();
    rounds
        .into_iter()
        .map(|round| {
            let mut early = Vec::new();
            let mut late = Vec::new();
            for program in round {
                let draws = program.kind == Kind::Requests
                    && program.steps.iter().any(|step| {
                        matches!(step.verb.as_str(), "function" | "statement" | "sequence")
                            || step.verb == "insert" && step.sql.contains("RETURNING")
                    });
                let again = draws.then(|| Program { unaligned: true, ..program.clone() });
                let what = program.steps.first().map(|step| (step.verb.clone(), step.object.clone()));
                early.push(program);
                if let Some(again) = again {
                    if seen.insert(what) { early.push(again) } else { late.push(again) }
                }
            }
            early.extend(late);
            early
        })
        .collect()
}
