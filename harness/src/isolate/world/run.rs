//! Running a program in a world, and undoing it.
//!
//! Most programs run in one transaction of a superuser's session that became the role: each statement in a
//! savepoint, as if it were a request of its own, deferred constraints checked at once. Before the rollback the
//! harness looks as the superuser at what the transaction did, and asks as B what still works. That costs a
//! millisecond where a new database costs fifty. Sequences, which no rollback brings back, are put back apart.

use super::World;
use crate::backend::postgres::client::{Connection, NO_ANSWER};
use crate::backend::postgres::message::Answer;
use crate::backend::postgres::quote_name;
use crate::isolate::bench::{self, Problem, SETTINGS};
use crate::isolate::catalogue::Catalogue;
use crate::isolate::contract::{Words, fill};
use crate::isolate::data::Cells;
use crate::isolate::foreign::rename;
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
        self.changed = false;
        self.effects.clear();
        self.reached = 0;
        let outcome = match program.kind {
            Kind::Session => self.session(program),
            _ => self.undone(program),
        };
        match outcome {
            Err(Problem::Harness(error)) => {
                self.revive()?;
                // A statement that the server could not stop. A server that went away may have done so by chance; twice
                // at the same statement it has not.
                self.slow = if error.contains(NO_ANSWER) { 2 } else { 1 };
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
            Ok(mut trace) => {
                if let Some(prefix) = self.server.prefix() {
                    let name = self.bench.contract.name();
                    trace.answers.iter_mut().for_each(|(_, answer)| rename(answer, &prefix, &name));
                }
                self.codes = crate::isolate::report::outcomes(&trace.answers);
                let stopped = trace.answers.iter().find(|(_, answer)| answer.code() == Some("57014"));
                self.slow = usize::from(stopped.is_some());
                self.reached = stopped.map_or(0, |(at, _)| *at);
                Ok(trace)
            }
            other => other,
        }
    }

    /// Makes the world anew after a session was killed, or the server was shut down or restarted.
    ///
    /// # Errors
    /// The server does not come back within ten seconds.
    pub fn revive(&mut self) -> Result<(), Problem> {
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(10);
        self.revived += 1;
        // B's session is gone with the server, and what it had committed with the database.
        self.beside = None;
        loop {
            match self.once_more() {
                Ok(()) => break,
                Err(error) if std::time::Instant::now() > deadline => return Err(error),
                // It recovers, or its last processes still hold its memory.
                Err(_) => std::thread::sleep(std::time::Duration::from_millis(100)),
            }
        }
        self.place_sequences(false)
    }

    fn once_more(&mut self) -> Result<(), Problem> {
        if !self.server.alive() {
            self.server = self.bench.restart(&self.server.data.clone())?;
        }
        self.renew()
    }

    /// How often the world was made anew because its server or its session was gone.
    pub fn revivals(&self) -> usize {
        self.revived
    }

    /// Whether the last program had to be stopped: 1 by the server's time-out or because the server went away, 2 by
    /// closing the connection.
    pub fn was_slow(&self) -> usize {
        self.slow
    }

    /// Objects on which operations of B never end.
    pub fn endless(&self) -> impl Iterator<Item = &String> {
        self.endless.iter()
    }

    /// The step at which the last program had to be stopped.
    pub fn stopped_at(&self) -> usize {
        self.reached
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

    /// What the tenant enters with; nothing where its login fails.
    pub(super) fn words(&mut self, tenant: usize) -> Result<Option<Words>, Problem> {
        let contract = &self.bench.contract;
        if contract.tenant.login.is_none() {
            return Ok(Some(self.bench.words[tenant].clone()));
        }
        if self.login.is_none() {
            let mut connection = Connection::open(self.connection.address(), &SETTINGS)?;
            connection.run(&format!("SET SESSION AUTHORIZATION {}", quote_name(&contract.database.owner)))?;
            self.login = Some(connection);
        }
        match self.login.as_mut() {
            Some(connection) => bench::login(contract, tenant, connection),
            None => Ok(Some(contract.words(tenant))),
        }
    }

    fn undone(&mut self, program: &Program) -> Result<Trace, Problem> {
        let contract = &self.bench.contract;
        let who = usize::from(program.kind == Kind::Partition);
        let role = quote_name(&contract.role(who));
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
        let mut trace = Trace::default();
        if program.kind != Kind::Outside {
            let Some(words) = self.words(who)? else {
                trace.answers.push((0, refused()));
                return Ok(trace);
            };
            enter = contract.tenant.enter.iter().map(|statement| fill(statement, &words)).collect();
        }
        // Everything up to the first statement of A goes out in one piece: a round trip costs more than it does.
        const BEGIN: &str = "BEGIN; SET CONSTRAINTS ALL IMMEDIATE";
        if contract.tenant.transaction {
            opening.push(BEGIN.to_owned());
        }
        let entering = opening.len()..opening.len() + enter.len();
        opening.extend(enter);
        if !contract.tenant.transaction {
            opening.push(BEGIN.to_owned());
        }
        let counts = touched(&self.bench.catalogue);
        let counted = opening.len();
        let reads_only = is_quiet(program);
        if !reads_only {
            opening.push(counts.clone());
        }
        let whole = program.kind == Kind::Transaction;
        let mut pending = opening;
        let mut first: Vec<Vec<Answer>> = Vec::new();
        for (at, step) in program.steps.iter().enumerate() {
            if step.actor == Actor::Beside {
                continue;
            }
            if let Actor::Enter(tenant) = step.actor {
                self.connection.pipeline(&std::mem::take(&mut pending))?;
                if !self.enter_again(tenant)? {
                    trace.answers.push((at, refused()));
                    break;
                }
                continue;
            }
            self.reached = at;
            if !whole {
                pending.push("SAVEPOINT proofhouse_s".to_owned());
            }
            let (before, answer) = send(&mut self.connection, &pending, step)?;
            pending.clear();
            if first.is_empty() {
                first = before;
                let refusals = first.get(entering.clone()).into_iter().flatten().flatten();
                if let Some(answer) = refusals.into_iter().find(|answer| answer.error.is_some()) {
                    trace.answers.push((0, answer.clone()));
                    self.close(program)?;
                    return Ok(trace);
                }
            }
            if !whole {
                let failed = answer.error.is_some();
                let end = if failed { "ROLLBACK TO proofhouse_s" } else { "RELEASE proofhouse_s" };
                pending.push(end.to_owned());
            }
            trace.answers.push((at, answer));
        }
        let alive = !whole || trace.answers.iter().all(|(_, answer)| answer.error.is_none());
        if alive && !reads_only {
            pending.push(
                "RESET SESSION AUTHORIZATION; SET LOCAL search_path = pg_catalog, pg_temp; SET LOCAL row_security = on"
                    .to_owned(),
            );
            pending.push("SELECT pg_catalog.pg_current_xact_id_if_assigned()".to_owned());
            pending.push(counts);
            let mut answers = self.connection.pipeline(&pending)?;
            let last = answers.pop();
            // A transaction without a number has written nothing.
            let number = answers.pop().and_then(|mut a| a.pop()).and_then(|a| a.rows.into_iter().next());
            let wrote = number.is_none_or(|row| row.first().is_none_or(Option::is_some));
            let before = first.get(counted).and_then(|answers| answers.first()).map(|answer| &answer.rows);
            let after = last.and_then(|mut answers| answers.pop()).map(|answer| answer.rows);
            let touched = match (before, after) {
                (Some(before), Some(after)) if before.len() == after.len() && is_plain(program) => {
                    Some(self.moved(before, &after))
                }
                _ => None,
            };
            if wrote {
                trace.harm = self.harm(program, touched)?;
            }
        }
        self.close(program)?;
        if !reads_only {
            self.put_back(program)?;
        }
        Ok(trace)
    }

    /// Tables whose counters moved, a partition as its root.
    fn moved(&self, before: &[Cells], after: &[Cells]) -> Vec<usize> {
        let catalogue = &self.bench.catalogue;
        let stored = (0..catalogue.tables.len()).filter(|at| catalogue.tables[*at].stores());
        let mut moved = Vec::new();
        for (mut at, (one, two)) in stored.zip(before.iter().zip(after)) {
            while let (true, Some(parent)) = (
                catalogue.tables[at].partition,
                catalogue.tables[at].parent.and_then(|oid| catalogue.table(oid)),
            ) {
                at = parent;
            }
            if one != two && !moved.contains(&at) {
                moved.push(at);
            }
        }
        moved
    }

    /// The next request of the tenant: it logs in and enters anew, in the transaction that will be undone, so that
    /// rights which a step gave it take effect. Whether its login succeeds.
    fn enter_again(&mut self, tenant: usize) -> Result<bool, Problem> {
        let contract = &self.bench.contract;
        self.connection.simple("RESET SESSION AUTHORIZATION; RESET ROLE; RESET ALL", None)?;
        let mut words = Some(self.bench.words[tenant].clone());
        if contract.tenant.login.is_some() {
            let owner = quote_name(&contract.database.owner);
            self.connection.simple(&format!("SET SESSION AUTHORIZATION {owner}"), None)?;
            words = bench::login(contract, tenant, &mut self.connection)?;
            self.connection.simple("RESET SESSION AUTHORIZATION", None)?;
        }
        let Some(words) = words else { return Ok(false) };
        let mut opening = vec![format!("SET SESSION AUTHORIZATION {}", quote_name(&contract.role(tenant)))];
        opening.extend(self.settings());
        opening.extend(contract.tenant.enter.iter().map(|statement| fill(statement, &words)));
        for statement in &opening {
            self.connection.simple(statement, None)?;
        }
        Ok(true)
    }

    fn close(&mut self, program: &Program) -> Result<(), Problem> {
        // What a rollback leaves behind: settings from before it, locks of the session, prepared statements.
        let tidy = if is_quiet(program) || is_plain(program) {
            "RESET ALL; SELECT pg_catalog.pg_advisory_unlock_all()"
        } else {
            "DISCARD ALL"
        };
        self.connection.pipeline(&["ROLLBACK", "RESET SESSION AUTHORIZATION", tidy])?;
        Ok(())
    }

    pub(super) fn put_back(&mut self, program: &Program) -> Result<(), Problem> {
        if self.bench.catalogue.sequences.is_empty() {
            return Ok(());
        }
        if program.unaligned || self.positions()? != self.sequences.alike {
            self.place_sequences(false)?;
        }
        Ok(())
    }
}

/// Whether the program only reads.
pub(super) fn is_quiet(program: &Program) -> bool {
    !program.unaligned
        && program.steps.iter().all(|step| {
            matches!(
                step.verb.as_str(),
                "select" | "filter" | "aggregate" | "join" | "plan" | "statistics" | "enter"
            ) && (step.sql.starts_with("SELECT") || step.actor != Actor::A)
        })
}

/// Whether all it does is change rows by statements of its own.
pub(super) fn is_plain(program: &Program) -> bool {
    program.steps.iter().all(|step| {
        matches!(
            step.verb.as_str(),
            "insert" | "update" | "delete" | "upsert" | "copy" | "merge" | "select" | "filter"
        )
    })
}

/// How many rows of each table this transaction touched so far.
fn touched(catalogue: &Catalogue) -> String {
    let oids: Vec<String> =
        catalogue.tables.iter().filter(|table| table.stores()).map(|table| table.oid.to_string()).collect();
    format!(
        "SELECT pg_catalog.pg_stat_get_xact_tuples_inserted(o), pg_catalog.pg_stat_get_xact_tuples_updated(o), \
         pg_catalog.pg_stat_get_xact_tuples_deleted(o) FROM pg_catalog.unnest('{{{}}}'::pg_catalog.oid[]) o",
        oids.join(",")
    )
}

/// What A sees where its login fails.
pub(super) fn refused() -> Answer {
    let report = crate::backend::postgres::message::Report {
        severity: "FATAL".to_owned(),
        code: "28000".to_owned(),
        message: "login gives no row".to_owned(),
        ..Default::default()
    };
    Answer { error: Some(Box::new(report)), ..Answer::default() }
}

/// Sends texts of the harness and then a step.
pub(super) fn send(
    connection: &mut Connection,
    before: &[String],
    step: &Step,
) -> Result<(Vec<Vec<Answer>>, Answer), Problem> {
    let (first, mut answers) = connection.after(before, &step.sql, &step.values, step.copy.as_deref())?;
    let mut answer = answers.pop().unwrap_or_default();
    // A text with several statements: what the earlier ones said counts too.
    for earlier in answers.into_iter().rev() {
        answer.rows.extend(earlier.rows);
        answer.notices.extend(earlier.notices);
        answer.notifications.extend(earlier.notifications);
    }
    Ok((first, answer))
}
