//! Running a program in a world, and undoing it.
//!
//! Most programs run in one transaction of a superuser's session that became the role: each statement in a
//! savepoint, as if it were a request of its own, deferred constraints checked at once. Before the rollback the
//! harness looks as the superuser at what the transaction did, and asks as B what still works. That costs a
//! millisecond where a new database costs fifty. Sequences, which no rollback brings back, are put back apart.

use super::World;
use crate::backend::postgres::client::Connection;
use crate::backend::postgres::message::Answer;
use crate::backend::postgres::quote_name;
use crate::isolate::bench::{self, Problem, SETTINGS};
use crate::isolate::contract::{Words, fill};
use crate::isolate::data::{Owner, Rule, Snapshot};
use crate::isolate::program::{Actor, Kind, Program, Step};
use serde::{Deserialize, Serialize};

/// What A saw, and what was done to others.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trace {
    /// An answer for each observed step.
    pub answers: Vec<(usize, Answer)>,
    /// What A changed that is not its own.
    pub harm: Vec<Harm>,
}

/// A change of what is not A's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Harm {
    /// Rows were changed (`write`), or B's operation fails (`dos`).
    pub channel: crate::isolate::oracle::Channel,
    /// The table, or the constraint that an error names.
    pub object: String,
    /// What is seen.
    pub text: String,
}

impl World<'_> {
    /// Runs a program and undoes it.
    ///
    /// # Errors
    /// The connection is lost and does not come back.
    pub fn run(&mut self, program: &Program) -> Result<Trace, Problem> {
        let outcome = match program.kind {
            Kind::Session => self.session(program),
            Kind::Requests | Kind::Transaction | Kind::Outside => self.undone(program),
        };
        match outcome {
            Err(Problem::Harness(reason)) => {
                // A server that was shut down by a program, or a session that was killed: made anew once.
                self.renew().map_err(|_| Problem::Harness(reason.clone()))?;
                let mut trace = Trace::default();
                let lost = crate::backend::postgres::message::Report {
                    severity: "FATAL".to_owned(),
                    code: "08006".to_owned(),
                    message: "the connection was lost".to_owned(),
                    ..Default::default()
                };
                trace.answers.push((0, Answer { error: Some(Box::new(lost)), ..Answer::default() }));
                Ok(trace)
            }
            Ok(trace) => {
                self.codes = crate::isolate::report::outcomes(&trace.answers);
                Ok(trace)
            }
            other => other,
        }
    }

    /// Learns rows, digest and probes.
    ///
    /// # Errors
    /// The connection is lost.
    pub fn learn_all(&mut self, alike: &[(i64, bool)]) -> Result<(), Problem> {
        self.sequences.alike = alike.to_vec();
        self.place_sequences(false)?;
        self.learn_baseline()?;
        self.place_sequences(false)
    }

    fn words(&mut self, tenant: usize) -> Result<Words, Problem> {
        let contract = &self.bench.contract;
        if contract.tenant.login.is_none() {
            return Ok(self.bench.words[tenant].clone());
        }
        if self.login.is_none() {
            let mut connection = Connection::open(self.connection.address(), &SETTINGS)?;
            connection.run(&format!("SET SESSION AUTHORIZATION {}", quote_name(&contract.database.owner)))?;
            self.login = Some(connection);
        }
        match self.login.as_mut() {
            Some(connection) => bench::login(contract, tenant, connection),
            None => Ok(contract.words(tenant)),
        }
    }

    fn undone(&mut self, program: &Program) -> Result<Trace, Problem> {
        let contract = &self.bench.contract;
        let role = quote_name(&contract.role(0));
        if program.kind == Kind::Outside {
            // A setting that was never set is not the same as one that was reset.
            self.connection = Connection::open(self.connection.address(), &SETTINGS)?;
        }
        if program.unaligned {
            self.place_sequences(true)?;
        }
        let mut opening = vec![format!("SET SESSION AUTHORIZATION {role}")];
        opening.extend(self.settings());
        let mut enter = Vec::new();
        if program.kind != Kind::Outside {
            let words = self.words(0)?;
            enter = contract.tenant.enter.iter().map(|statement| fill(statement, &words)).collect();
        }
        let mut trace = Trace::default();
        for statement in &opening {
            self.connection.simple(statement, None)?;
        }
        if contract.tenant.transaction {
            self.connection.simple("BEGIN; SET CONSTRAINTS ALL IMMEDIATE", None)?;
        }
        for statement in &enter {
            let answer = self.connection.simple(statement, None)?;
            if let Some(answer) = answer.into_iter().find(|answer| answer.error.is_some()) {
                trace.answers.push((0, answer));
                self.close()?;
                return Ok(trace);
            }
        }
        if !contract.tenant.transaction {
            self.connection.simple("BEGIN; SET CONSTRAINTS ALL IMMEDIATE", None)?;
        }
        let whole = program.kind == Kind::Transaction;
        for (at, step) in program.steps.iter().enumerate() {
            if !whole {
                self.connection.simple("SAVEPOINT proofhouse_s", None)?;
            }
            let answer = send(&mut self.connection, step)?;
            if !whole {
                let end =
                    if answer.error.is_some() { "ROLLBACK TO proofhouse_s" } else { "RELEASE proofhouse_s" };
                self.connection.simple(end, None)?;
            }
            trace.answers.push((at, answer));
        }
        if program.kind != Kind::Transaction || trace.answers.iter().all(|(_, answer)| answer.error.is_none())
        {
            self.connection.simple(
                "RESET SESSION AUTHORIZATION; SET LOCAL search_path = pg_catalog, pg_temp; SET LOCAL row_security = on",
                None,
            )?;
            trace.harm = self.harm(program)?;
        }
        self.close()?;
        self.put_back(program)?;
        Ok(trace)
    }

    fn close(&mut self) -> Result<(), Problem> {
        self.connection.pipeline(&["ROLLBACK", "RESET SESSION AUTHORIZATION", "DISCARD ALL"])?;
        Ok(())
    }

    fn put_back(&mut self, program: &Program) -> Result<(), Problem> {
        if self.bench.catalogue.sequences.is_empty() {
            return Ok(());
        }
        let moves = program.unaligned
            || program
                .steps
                .iter()
                .any(|step| !matches!(step.verb.as_str(), "select" | "filter" | "aggregate" | "join"));
        if moves && self.positions()? != self.sequences.alike {
            self.place_sequences(false)?;
        }
        Ok(())
    }

    /// What the open transaction did to rows that are not A's, and to what B does next.
    fn harm(&mut self, program: &Program) -> Result<Vec<Harm>, Problem> {
        let quiet = program.steps.iter().all(|step| {
            matches!(
                step.verb.as_str(),
                "select" | "filter" | "aggregate" | "join" | "cursor" | "plan" | "statistics"
            ) && step.sql.starts_with("SELECT")
        });
        if quiet {
            return Ok(Vec::new());
        }
        let mut harm = Vec::new();
        let digest = self.digest()?;
        let changed: Vec<usize> = digest
            .iter()
            .filter(|(at, now)| self.baseline.digest.get(at) != Some(now))
            .map(|(at, _)| *at)
            .collect();
        if !changed.is_empty() {
            harm.extend(self.changes(&changed, program)?);
        }
        let acts = !changed.is_empty()
            || program.steps.iter().any(|step| {
                !matches!(step.verb.as_str(), "insert" | "update" | "delete" | "upsert" | "copy")
            });
        if acts && !program.leaves_temporary() && !self.baseline.probes.is_empty() {
            harm.extend(self.next_operations(&harm)?);
        }
        Ok(harm)
    }

    fn changes(&mut self, changed: &[usize], program: &Program) -> Result<Vec<Harm>, Problem> {
        use crate::isolate::oracle::Channel;
        let catalogue = &self.bench.catalogue;
        let rules = &self.bench.rules;
        let mut all = self.rows.clone();
        let now = Snapshot::take_some(catalogue, &mut self.connection, changed)?;
        for at in changed {
            all.tables[*at].clone_from(&now.tables[*at]);
        }
        let owners_now = rules.owners(&all);
        let mut harm = Vec::new();
        for &at in changed {
            let Some(rule) = &rules.tables[at] else { continue };
            let label = catalogue.tables[at].label();
            if rule.writable {
                continue;
            }
            if matches!(rule.rule, Rule::Closed) && !program.steps.iter().any(|step| step.object == label) {
                // Written by a trigger or a function with its owner's rights: what such tables are for.
                continue;
            }
            let (gone, new) = Snapshot::changes(&self.rows.tables[at], &now.tables[at]);
            let owner_of = |rows: &[crate::isolate::data::Cells],
                            owners: &[Owner],
                            row: &crate::isolate::data::Cells| {
                rows.iter().position(|known| known == row).and_then(|p| owners.get(p).cloned())
            };
            for row in &gone {
                if let Some(owner) = owner_of(&self.rows.tables[at], &self.owners[at], row)
                    && !owner.is_a()
                {
                    let whose = if owner.is_foreign() { "B's" } else { "everyone's" };
                    let verb = if new.len() < gone.len() { "gone" } else { "changed" };
                    harm.push(Harm {
                        channel: Channel::Write,
                        object: label.clone(),
                        text: format!("{label}: a row of {whose} is {verb}: {}", show(row)),
                    });
                }
            }
            for row in &new {
                if let Some(owner) = owner_of(&now.tables[at], &owners_now[at], row)
                    && !owner.is_a()
                {
                    let whose = if owner.is_foreign() { "B" } else { "everyone" };
                    harm.push(Harm {
                        channel: Channel::Write,
                        object: label.clone(),
                        text: format!("{label}: a new row that belongs to {whose}: {}", show(row)),
                    });
                }
            }
        }
        Ok(harm)
    }

    /// Operations of B that worked before A and do not any more.
    fn next_operations(&mut self, known: &[Harm]) -> Result<Vec<Harm>, Problem> {
        use crate::isolate::oracle::Channel;
        let probes = self.baseline.probes.clone();
        let answers = self.ask(&probes)?;
        let mut harm: Vec<Harm> = Vec::new();
        for (probe, answer) in probes.iter().zip(answers) {
            if probe.whole {
                let same = crate::isolate::oracle::same_answer(&probe.answer, &answer);
                if same {
                    continue;
                }
            } else if answer.error.is_none() {
                continue;
            }
            if !known.is_empty() && answer.error.is_none() && !probe.whole {
                continue;
            }
            let object = answer
                .error
                .as_ref()
                .and_then(|error| error.constraint.clone())
                .unwrap_or_else(|| probe.object.clone());
            let text = match &answer.error {
                Some(error) => format!("B: {} -> {error}", probe.sql),
                None => format!(
                    "B: {} answers otherwise: {} rows, before {}",
                    probe.sql,
                    answer.rows.len(),
                    probe.answer.rows.len()
                ),
            };
            let channel = if answer.error.is_some() { Channel::Dos } else { Channel::Write };
            if harm.len() < 4 {
                harm.push(Harm { channel, object, text });
            }
        }
        Ok(harm)
    }

    /// On real connections of the role.
    fn session(&mut self, program: &Program) -> Result<Trace, Problem> {
        let contract = &self.bench.contract;
        let mut trace = Trace::default();
        let role = contract.role(0);
        let real = self.connection.address().user(&role);
        let mut connection = Connection::open(&real, &SETTINGS)?;
        connection.limit(std::time::Duration::from_secs(20));
        let mut beside: Option<Connection> = None;
        for (at, step) in program.steps.iter().enumerate() {
            match step.actor {
                Actor::A => {
                    let answer = send(&mut connection, step)?;
                    trace.answers.push((at, answer));
                }
                Actor::Enter(tenant) => {
                    let words = self.words(tenant)?;
                    if contract.tenant.transaction {
                        connection.simple("BEGIN", None)?;
                    }
                    for statement in &contract.tenant.enter {
                        connection.simple(&fill(statement, &words), None)?;
                    }
                }
                Actor::Leave(tenant) => {
                    if contract.tenant.transaction {
                        connection.simple("COMMIT", None)?;
                    }
                    let words = self.words(tenant)?;
                    for statement in &contract.tenant.leave {
                        connection.simple(&fill(statement, &words), None)?;
                    }
                }
                Actor::Before => {
                    let sql = self.with_values_of_b(&step.sql);
                    connection.simple(&sql, None)?;
                }
                Actor::Beside => {
                    let sql = self.with_values_of_b(&step.sql);
                    if beside.is_none() {
                        beside = Some(Connection::open(&real.user(&contract.role(1)), &SETTINGS)?);
                    }
                    if let Some(connection) = &mut beside {
                        connection.simple(&sql, None)?;
                    }
                }
            }
        }
        drop(beside);
        let pids = connection.pid;
        drop(connection);
        // The backend must be gone before its database can be judged or dropped.
        for _ in 0..200 {
            let left = self
                .connection
                .scalar(&format!("SELECT count(*) FROM pg_stat_activity WHERE pid = {pids}"))?;
            if left.as_deref() == Some("0") {
                break;
            }
        }
        if self.digest()? != self.baseline.digest {
            self.renew()?;
            self.place_sequences(false)?;
        }
        Ok(trace)
    }
}

fn send(connection: &mut Connection, step: &Step) -> Result<Answer, Problem> {
    let mut answers = if step.values.is_empty() {
        connection.simple(&step.sql, step.copy.as_deref())?
    } else {
        vec![connection.extended(&step.sql, &step.values)?]
    };
    let mut answer = answers.pop().unwrap_or_default();
    // A text with several statements: what the earlier ones said counts too.
    for earlier in answers.into_iter().rev() {
        answer.rows.extend(earlier.rows);
        answer.notices.extend(earlier.notices);
        answer.notifications.extend(earlier.notifications);
    }
    Ok(answer)
}

fn show(row: &[Option<String>]) -> String {
    let cells: Vec<&str> = row.iter().map(|cell| cell.as_deref().unwrap_or("NULL")).collect();
    let mut text = format!("({})", cells.join(", "));
    if text.len() > 160 {
        text = text.chars().take(157).collect::<String>() + "…)";
    }
    text
}
