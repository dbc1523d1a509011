//! How long a statement of A takes, and how many pages it touches.

use super::World;
use super::run::send;
use crate::backend::postgres::quote_name;
use crate::isolate::bench::Problem;
use crate::isolate::contract::fill;
use crate::isolate::program::Step;
use std::time::{Duration, Instant};

impl World<'_> {
    /// A enters, in a transaction that [`Self::end_timing`] undoes. Whether its login succeeds.
    ///
    /// # Errors
    /// The connection is lost.
    pub fn begin_timing(&mut self) -> Result<bool, Problem> {
        let contract = &self.bench.contract;
        let Some(words) = self.words(0)? else { return Ok(false) };
        let mut opening = vec![format!("SET SESSION AUTHORIZATION {}", quote_name(&contract.role(0)))];
        opening.extend(self.settings());
        let enter = contract.tenant.enter.iter().map(|statement| fill(statement, &words));
        if contract.tenant.transaction {
            opening.push("BEGIN".to_owned());
            opening.extend(enter);
        } else {
            opening.extend(enter);
            opening.push("BEGIN".to_owned());
        }
        opening.push("SAVEPOINT proofhouse_t".to_owned());
        self.connection.pipeline(&opening)?;
        Ok(true)
    }

    /// Sends a statement, undoes it, and says how long its answer took; nothing where it is refused.
    ///
    /// # Errors
    /// The connection is lost.
    pub fn time(&mut self, step: &Step) -> Result<Option<Duration>, Problem> {
        let start = Instant::now();
        let (_, answer) = send(&mut self.connection, &[], step)?;
        let taken = start.elapsed();
        self.connection.pipeline(&["ROLLBACK TO proofhouse_t"])?;
        Ok(answer.error.is_none().then_some(taken))
    }

    /// Pages of the shared buffers that a statement touches, hit or read; nothing where it cannot be explained.
    ///
    /// # Errors
    /// The connection is lost.
    pub fn pages(&mut self, step: &Step) -> Result<Option<u64>, Problem> {
        let explain = "EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, SUMMARY OFF, FORMAT JSON)";
        let step = Step::new("plan", "", format!("{explain} {}", step.inlined()));
        let (_, answer) = send(&mut self.connection, &[], &step)?;
        self.connection.pipeline(&["ROLLBACK TO proofhouse_t"])?;
        let text = answer.rows.into_iter().flatten().flatten().collect::<Vec<_>>().join("\n");
        let plan: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
        let count = |key: &str| plan.get(0)?.get("Plan")?.get(key)?.as_u64();
        Ok(count("Shared Hit Blocks").zip(count("Shared Read Blocks")).map(|(hit, read)| hit + read))
    }

    /// Undoes everything since [`Self::begin_timing`].
    ///
    /// # Errors
    /// The connection is lost.
    pub fn end_timing(&mut self) -> Result<(), Problem> {
        self.connection.pipeline(&["ROLLBACK", "RESET SESSION AUTHORIZATION", "DISCARD ALL"])?;
        self.place_sequences(false)
    }
}
