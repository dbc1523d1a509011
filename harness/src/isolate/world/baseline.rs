//! What holds in a world before A: the digest of its rows, and how B's next operations go.

use super::World;
use crate::backend::postgres::message::Answer;
use crate::backend::postgres::{quote_name, quote_text};
use crate::isolate::bench::Problem;
use crate::isolate::contract::fill;
use crate::isolate::data::{Flavour, Rule, candidates_for, digest, shape};
use std::collections::BTreeMap;

/// What holds before A.
#[derive(Clone, Debug, Default)]
pub struct Baseline {
    /// Count and hash of the rows of each table.
    pub digest: BTreeMap<usize, (String, String)>,
    /// Hash of all large objects; nothing where there are none.
    pub large_objects: Option<String>,
    /// B's operations that work before A.
    pub probes: Vec<Probe>,
}

/// An operation that B does next.
#[derive(Clone, Debug)]
pub struct Probe {
    /// The statement.
    pub sql: String,
    /// The object that it addresses.
    pub object: String,
    /// Position of its table; nothing for the contract's own statements.
    pub table: Option<usize>,
    /// What it answers before A; whole answers count for the contract's own statements only.
    pub answer: Answer,
    /// Whether the whole answer counts.
    pub whole: bool,
}

impl World<'_> {
    /// Learns the digest and the probes. Sequences must stand where they will stand.
    pub(super) fn learn_baseline(&mut self) -> Result<(), Problem> {
        self.learn_digest()?;
        self.baseline.probes = Vec::new();
        let mut probes = self.candidates();
        probes.retain(|probe| !self.endless.contains(&probe.object));
        self.connection.run("BEGIN")?;
        let first = self.ask(&probes)?;
        // What had to be stopped says nothing, and would cost its seconds after every program.
        let stopped = |answer: &Answer| answer.code() == Some("57014");
        self.endless.extend(
            probes
                .iter()
                .zip(&first)
                .filter(|(_, answer)| stopped(answer))
                .map(|(probe, _)| probe.object.clone()),
        );
        let (mut probes, first): (Vec<Probe>, Vec<Answer>) =
            probes.into_iter().zip(first).filter(|(_, answer)| !stopped(answer)).unzip();
        let second = self.ask(&probes)?;
        self.connection.pipeline(&["ROLLBACK", "DISCARD ALL"])?;
        for ((probe, one), two) in probes.iter_mut().zip(first).zip(second) {
            let stable = if probe.whole { one == two } else { one.code() == two.code() };
            if stable && (probe.whole || one.error.is_none()) {
                probe.answer = one;
                self.baseline.probes.push(probe.clone());
            }
        }
        Ok(())
    }

    /// Learns the digest anew, after B changed rows.
    ///
    /// # Errors
    /// The connection is lost.
    pub fn learn_digest(&mut self) -> Result<(), Problem> {
        self.baseline.digest = self.digest(&|_| true)?;
        self.baseline.large_objects = self.large_objects()?;
        Ok(())
    }

    /// Hash of all large objects: whose they are, who may read them, what they hold.
    pub(super) fn large_objects(&mut self) -> Result<Option<String>, Problem> {
        Ok(self.connection.scalar(
            "SELECT pg_catalog.md5(pg_catalog.string_agg(pg_catalog.concat_ws(' ', m.oid, m.lomowner, m.lomacl, \
             pages.hash), ',' ORDER BY m.oid)) FROM pg_catalog.pg_largeobject_metadata m LEFT JOIN (SELECT loid, \
             pg_catalog.md5(pg_catalog.string_agg(pageno || pg_catalog.md5(data), ',' ORDER BY pageno)) AS hash \
             FROM pg_catalog.pg_largeobject GROUP BY loid) pages ON pages.loid = m.oid",
        )?)
    }

    /// Count and hash of all rows, as they are now.
    pub(super) fn digest(
        &mut self,
        wanted: &dyn Fn(usize) -> bool,
    ) -> Result<BTreeMap<usize, (String, String)>, Problem> {
        let rows = self.connection.run(&digest(&self.bench.catalogue, wanted))?;
        Ok(rows
            .into_iter()
            .map(|row| {
                let mut cells = row.into_iter().map(Option::unwrap_or_default);
                let at = cells.next().and_then(|at| at.parse().ok()).unwrap_or(0);
                (at, (cells.next().unwrap_or_default(), cells.next().unwrap_or_default()))
            })
            .collect())
    }

    /// Runs B's operations as B, each undone, in the open transaction.
    pub(super) fn ask(&mut self, probes: &[Probe]) -> Result<Vec<Answer>, Problem> {
        let contract = &self.bench.contract;
        let mut opening = vec![
            "SAVEPOINT proofhouse_b".to_owned(),
            "RESET SESSION AUTHORIZATION".to_owned(),
            "RESET ALL".to_owned(),
            "SET CONSTRAINTS ALL IMMEDIATE".to_owned(),
            format!("SET SESSION AUTHORIZATION {}", quote_name(&contract.role(1))),
        ];
        opening.extend(self.settings());
        opening.extend(contract.tenant.enter.iter().map(|statement| fill(statement, &self.bench.words[1])));
        self.connection.pipeline(&opening)?;
        let mut answers = Vec::with_capacity(probes.len());
        // Not all at once: answers that nobody reads would stop the server.
        for chunk in probes.chunks(30) {
            let texts: Vec<&str> = chunk
                .iter()
                .flat_map(|probe| ["SAVEPOINT proofhouse_p", probe.sql.as_str(), "ROLLBACK TO proofhouse_p"])
                .collect();
            let mut all = self.connection.pipeline(&texts)?;
            answers.extend(
                (0..chunk.len()).map(|at| {
                    std::mem::take(&mut all[3 * at + 1]).into_iter().next_back().unwrap_or_default()
                }),
            );
        }
        self.connection.pipeline(&["ROLLBACK TO proofhouse_b", "RESET SESSION AUTHORIZATION"])?;
        Ok(answers)
    }

    /// B's inserts that work before A.
    pub fn inserts_of_b(&self) -> Vec<String> {
        let inserts = self.baseline.probes.iter().filter(|probe| probe.sql.starts_with("INSERT"));
        inserts.map(|probe| probe.sql.clone()).collect()
    }

    pub(super) fn settings(&self) -> Vec<String> {
        self.bench
            .catalogue
            .settings
            .iter()
            .filter_map(|setting| setting.split_once('='))
            .map(|(key, value)| {
                if key == "search_path" {
                    format!("SET search_path = {value}")
                } else {
                    format!("SET {key} = {}", quote_text(value))
                }
            })
            .collect()
    }

    /// B's operations: delete and touch its rows, insert new ones, and what the contract says.
    fn candidates(&self) -> Vec<Probe> {
        let catalogue = &self.bench.catalogue;
        let mut probes = Vec::new();
        let mut push = |sql: String, object: &str, table: Option<usize>| {
            let whole = table.is_none();
            probes.push(Probe { sql, object: object.to_owned(), table, answer: Answer::default(), whole });
        };
        for (at, statement) in self.bench.contract.neighbour.after.iter().enumerate() {
            let sql = fill(statement, &self.bench.words[1]);
            push(self.with_values_of_b(&sql), &format!("after[{at}]"), None);
        }
        if self.bench.contract.adversary.only {
            return probes;
        }
        for (at, table) in catalogue.tables.iter().enumerate() {
            let Some(rule) = &self.bench.rules.tables[at] else { continue };
            if table.rights.is_empty() || matches!(rule.rule, Rule::Shared | Rule::Closed) {
                continue;
            }
            let name = table.sql();
            let label = table.label();
            let mine: Vec<_> = self.rows.tables[at]
                .iter()
                .zip(&self.owners[at])
                .filter(
                    |(_, owner)| matches!(owner, crate::isolate::data::Owner::Tenants(t) if t.contains(&1)),
                )
                .map(|(row, _)| row)
                .collect();
            for row in mine.iter().take(3) {
                let key: Vec<usize> =
                    table.key().map_or_else(|| (0..table.columns.len()).collect(), <[usize]>::to_vec);
                let condition: Vec<String> = key
                    .iter()
                    .filter_map(|c| {
                        Some(format!(
                            "{}::text = {}",
                            table.columns[*c].sql(),
                            quote_text(row[*c].as_deref()?)
                        ))
                    })
                    .collect();
                if condition.is_empty() {
                    continue;
                }
                let condition = condition.join(" AND ");
                if table.rights.contains('D') {
                    push(format!("DELETE FROM {name} WHERE {condition}"), &label, Some(at));
                }
                if let Some((_, column)) = table.usable('U').find(|(_, c)| c.settable()) {
                    push(
                        format!("UPDATE {name} SET {0} = {0} WHERE {condition}", column.sql()),
                        &label,
                        Some(at),
                    );
                }
            }
            if let (true, Some(row)) = (table.may('I'), mine.first()) {
                // Only what works before A is asked after it: several ways to fill the keys, for tables with checks.
                for variant in 0..3 {
                    push(self.insert_like(at, row, variant), &label, Some(at));
                }
            }
        }
        probes.truncate(120);
        probes
    }

    /// An insert of B with new keys and defaults, otherwise like a row that it has.
    fn insert_like(&self, at: usize, row: &[Option<String>], variant: usize) -> String {
        let catalogue = &self.bench.catalogue;
        let table = &catalogue.tables[at];
        let (mut names, mut values) = (Vec::new(), Vec::new());
        let tenant: Vec<usize> = match self.bench.rules.tables[at].as_ref().map(|rule| &rule.rule) {
            Some(Rule::Columns(columns, _)) => columns.clone(),
            Some(Rule::Via(column, ..)) => vec![*column],
            _ => Vec::new(),
        };
        for (position, column) in table.columns.iter().enumerate() {
            if !column.settable() || column.fills_itself() && !tenant.contains(&position) {
                continue;
            }
            if !table.rights.contains('I') && !column.rights.contains('I') {
                continue;
            }
            let keyed = table
                .constraints
                .iter()
                .any(|c| matches!(c.kind, 'p' | 'u' | 'x') && c.columns.contains(&position));
            let refers = table.constraints.iter().any(|c| c.kind == 'f' && c.columns.contains(&position));
            let value = if keyed && !refers && !tenant.contains(&position) {
                let flavour = Flavour { who: 'p', world: 0, number: 1 + variant, attempt: 0 };
                match variant {
                    0 => shape(catalogue, table, column, flavour),
                    _ => candidates_for(catalogue, table, position, flavour, None)
                        .get(variant - 1)
                        .cloned()
                        .flatten(),
                }
            } else {
                row[position].clone()
            };
            names.push(column.sql());
            values.push(value.as_deref().map_or_else(|| "NULL".to_owned(), quote_text));
        }
        if names.is_empty() {
            return format!("INSERT INTO {} DEFAULT VALUES", table.sql());
        }
        format!("INSERT INTO {} ({}) VALUES ({})", table.sql(), names.join(", "), values.join(", "))
    }

    /// `$1` of a neighbour's statement, from B's values of this world: those of a column that the statement names.
    pub(super) fn with_values_of_b(&self, sql: &str) -> String {
        if !sql.contains('$') {
            return sql.to_owned();
        }
        let catalogue = &self.bench.catalogue;
        let mut values: Vec<(i32, String)> = Vec::new();
        for (at, table) in catalogue.tables.iter().enumerate().filter(|(_, t)| t.stores() && !t.partition) {
            for (position, column) in table.columns.iter().enumerate() {
                let numeric = catalogue.base(column.kind).is_some_and(|kind| kind.category == 'N');
                let wants_number = sql.contains("lock(");
                let mut score = 0;
                score -= 10 * i32::from(sql.contains(&table.name));
                score -= 5 * i32::from(sql.contains(&column.name));
                score -= 20 * i32::from(numeric == wants_number);
                let foreign =
                    self.rows.tables[at].iter().zip(&self.owners[at]).filter(|(_, owner)| owner.is_foreign());
                values.extend(
                    foreign.filter_map(|(row, _)| row[position].clone()).take(2).map(|value| (score, value)),
                );
            }
        }
        values.sort_by_key(|(score, _)| *score);
        let mut filled = sql.to_owned();
        for number in (1..10).rev() {
            let value = values
                .get(number - 1)
                .or(values.first())
                .map_or_else(|| (900 + self.index).to_string(), |(_, v)| v.clone());
            filled = filled.replace(&format!("${number}"), quote_text(&value).trim());
        }
        filled
    }
}
