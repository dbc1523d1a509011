//! Sessions: real connections of the role, with enter and leave, and B's beside.

use super::World;
use super::run::{Trace, refused, send};
use crate::backend::postgres::client::{Address, Connection};
use crate::isolate::bench::{Problem, SETTINGS};
use crate::isolate::contract::fill;
use crate::isolate::program::{Actor, Program};

impl World<'_> {
    /// On real connections of the role.
    pub(super) fn session(&mut self, program: &Program) -> Result<Trace, Problem> {
        let contract = &self.bench.contract;
        let mut trace = Trace::default();
        let number = self.next_number()?;
        let role = contract.role(0);
        let real = self.connection.address().user(&role);
        let mut connection = Connection::open(&real, &SETTINGS)?;
        connection.limit(std::time::Duration::from_secs(6));
        let mut beside: Option<Connection> = None;
        // A tenant whose login fails sends nothing until its request is over.
        let mut locked = false;
        for (at, step) in program.steps.iter().enumerate() {
            self.reached = at;
            match step.actor {
                Actor::A if locked => trace.answers.push((at, refused())),
                Actor::A => {
                    let (_, answer) = send(&mut connection, &[], step)?;
                    trace.answers.push((at, answer));
                }
                Actor::Enter(tenant) => {
                    let words = self.words(tenant)?;
                    locked = words.is_none();
                    let Some(words) = words else { continue };
                    if contract.tenant.transaction {
                        connection.simple("BEGIN", None)?;
                    }
                    for statement in &contract.tenant.enter {
                        connection.simple(&fill(statement, &words), None)?;
                    }
                }
                Actor::Leave(_) if locked => locked = false,
                Actor::Leave(tenant) => {
                    if contract.tenant.transaction {
                        connection.simple("COMMIT", None)?;
                    }
                    let words = self.bench.words[tenant].clone();
                    for statement in &contract.tenant.leave {
                        connection.simple(&fill(statement, &words), None)?;
                    }
                }
                Actor::Before if locked => {}
                Actor::Before => {
                    let sql = self.with_values_of_b(&step.sql);
                    connection.simple(&sql, None)?;
                }
                // At work in one world only: what A sees of it is the difference.
                Actor::Beside if self.index == 1 => {}
                Actor::Beside => {
                    if beside.is_none() {
                        beside = Some(self.entered_beside(&real)?);
                    }
                    if let Some(connection) = &mut beside {
                        let sql = self.with_values_of_b(&step.sql);
                        connection.simple(&sql, None)?;
                        if contract.tenant.transaction {
                            connection.simple("COMMIT; BEGIN", None)?;
                            for statement in &contract.tenant.enter {
                                connection.simple(&fill(statement, &self.bench.words[1]), None)?;
                            }
                        }
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
        if self.next_number()? == number {
            // Positions of sequences move without a transaction number.
            self.put_back(program)?;
        } else if self.server.prefix().is_none() || self.left_something()? {
            self.renew()?;
            self.place_sequences(false)?;
        }
        Ok(trace)
    }

    /// The number that the server's next transaction gets if it writes: who wrote anything has moved it, be it rows,
    /// large objects or a function.
    fn next_number(&mut self) -> Result<Option<String>, Problem> {
        let number = "SELECT pg_catalog.pg_snapshot_xmax(pg_catalog.pg_current_snapshot())";
        Ok(self.connection.scalar(number)?)
    }

    /// Whether rows or large objects are not as they were: where others move the server's numbers, too, and a new
    /// database costs much.
    fn left_something(&mut self) -> Result<bool, Problem> {
        let objects = self.large_objects()?;
        Ok(objects != self.baseline.large_objects || self.digest(&|_| true)? != self.baseline.digest)
    }

    /// A connection on which B has entered.
    fn entered_beside(&self, address: &Address) -> Result<Connection, Problem> {
        let contract = &self.bench.contract;
        let mut connection = Connection::open(&address.user(&contract.role(1)), &SETTINGS)?;
        if contract.tenant.transaction {
            connection.simple("BEGIN", None)?;
        }
        for statement in &contract.tenant.enter {
            connection.simple(&fill(statement, &self.bench.words[1]), None)?;
        }
        Ok(connection)
    }
}
