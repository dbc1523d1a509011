//! Several rows at once: thousands, and two that refer to each other.

use super::make::{MODES, Made, Maker, Sent, TIDY, Who};
use super::owner::Rule;
use super::snapshot::Snapshot;
use super::value::{Flavour, shape};
use crate::backend::postgres::client::Result;
use crate::isolate::catalogue::Constraint;

impl Maker<'_> {
    /// Makes many rows of a table, as the rows before them were made and fifty a round trip; what the schema refuses is
    /// left out. Until `deadline`.
    ///
    /// # Errors
    /// The connection is lost.
    pub fn make_many(
        &mut self,
        table: usize,
        who: Who,
        (world, letter): (usize, char),
        count: usize,
        deadline: std::time::Instant,
    ) -> Result<Vec<Made>> {
        // Not all at once: answers that nobody reads would stop the server.
        const EACH: usize = 50;
        let foreign = matches!(who, Who::Tenant(tenant) if tenant > 0);
        let mode = self.modes.get(&(table, foreign)).copied().unwrap_or(0);
        let session = self.session(mode, who);
        let mut made = Vec::new();
        let mut left = count;
        while left > 0 && std::time::Instant::now() < deadline {
            let mut sent = Vec::new();
            for _ in 0..EACH.min(left) {
                let counter = self.counts.entry((table, letter)).or_default();
                *counter += 1;
                let flavour = Flavour { who: letter, world, number: self.number + *counter, attempt: 0 };
                let Some(cells) = self.cells(table, who, flavour, &[]) else { break };
                sent.push((format!("{session}{}", self.insert_sql(table, &cells)), cells));
            }
            left -= EACH.min(left);
            let texts: Vec<&str> = sent.iter().flat_map(|(sql, _)| [sql.as_str(), TIDY]).collect();
            let answers = self.connection.pipeline(&texts)?;
            let before = made.len();
            for ((sql, cells), answers) in sent.into_iter().zip(answers.into_iter().step_by(2)) {
                let refused = answers.iter().any(|answer| answer.error.is_some());
                let row = answers.into_iter().next_back().and_then(|answer| answer.rows.into_iter().next());
                if let (false, Some(row)) = (refused, row) {
                    let again = self.again(table, &cells, &row, &session).unwrap_or_else(|| sql.clone());
                    made.push(self.keep(table, who, row, (sql, again)));
                }
            }
            if made.len() == before {
                break;
            }
        }
        Ok(made)
    }

    /// A row that must refer to one that must refer back: both in one statement, since neither can come first.
    ///
    /// # Errors
    /// The connection is lost.
    pub(super) fn circle(&mut self, at: usize, who: Who, flavour: Flavour) -> Result<Option<Made>> {
        let Some((far, forth, back)) = self.circular(at) else { return Ok(None) };
        let foreign = matches!(who, Who::Tenant(tenant) if tenant > 0);
        for attempt in 0..6 {
            let flavour = Flavour { attempt, ..flavour };
            let Some((mine, other)) = self.both(at, far, (&forth, &back), who, flavour) else {
                return Ok(None);
            };
            for mode in 0..MODES {
                let session = self.session(mode, who);
                let sql = format!(
                    "{session}WITH proofhouse_other AS ({}) {}",
                    self.insert_sql(far, &other),
                    self.insert_sql(at, &mine)
                );
                let (failed, row) = self.try_insert(&sql)?;
                let (None, Some(row)) = (failed, row) else { continue };
                self.modes.insert((at, foreign), mode);
                let now = Snapshot::take_some(self.catalogue, self.connection, &[far])?;
                let (_, new) = Snapshot::changes(&self.rows.tables[far], &now.tables[far]);
                // The statement of this row makes the other one, too.
                for cells in new {
                    self.keep(far, who, cells, (String::new(), String::new()));
                }
                return Ok(Some(self.keep(at, who, row, (sql.clone(), sql))));
            }
        }
        Ok(None)
    }

    /// Cells of both rows, the keys by which they refer to each other written out.
    fn both(
        &self,
        at: usize,
        far: usize,
        (forth, back): (&Constraint, &Constraint),
        who: Who,
        flavour: Flavour,
    ) -> Option<(Vec<Sent>, Vec<Sent>)> {
        let tables = &self.catalogue.tables;
        let key = |table: usize, column: usize| {
            shape(self.catalogue, &tables[table], &tables[table].columns[column], flavour)
        };
        let (mut mine, mut other) = (Vec::new(), Vec::new());
        for (own, target) in forth.columns.iter().zip(&forth.target_columns) {
            if !self.is_tenant(at, *own) {
                let value = key(far, *target);
                mine.push((*own, value.clone()));
                other.push((*target, value));
            }
        }
        for (own, target) in back.columns.iter().zip(&back.target_columns) {
            if !self.is_tenant(far, *own) {
                let known = mine.iter().find(|(column, _)| column == target).map(|(_, value)| value.clone());
                let value = known.unwrap_or_else(|| key(at, *target));
                mine.push((*target, value.clone()));
                other.push((*own, value));
            }
        }
        Some((self.cells(at, who, flavour, &mine)?, self.cells(far, who, flavour, &other)?))
    }

    fn is_tenant(&self, at: usize, column: usize) -> bool {
        matches!(
            self.rules.tables[at].as_ref().map(|rule| &rule.rule),
            Some(Rule::Columns(columns, _)) if columns.contains(&column)
        )
    }

    /// A table to which this one must refer and that must refer back, with both keys.
    fn circular(&self, at: usize) -> Option<(usize, Constraint, Constraint)> {
        let must = |table: usize| {
            let table = &self.catalogue.tables[table];
            table
                .constraints
                .iter()
                .filter(|c| c.kind == 'f' && c.columns.iter().all(|column| table.columns[*column].required))
        };
        must(at).find_map(|forth| {
            let far = self.catalogue.table(forth.target).filter(|far| *far != at)?;
            let back = must(far).find(|back| back.target == self.catalogue.tables[at].oid)?;
            Some((far, forth.clone(), back.clone()))
        })
    }
}
