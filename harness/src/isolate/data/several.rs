//! Several rows at once: thousands, and two that refer to each other.

use super::make::{MODES, Made, Maker, Sent, TIDY, Who};
use super::owner::Rule;
use super::snapshot::{Cells, Snapshot};
use super::value::{Flavour, shape};
use crate::backend::postgres::client::Result;
use crate::backend::postgres::quote_text;
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
            let before = made.len();
            let together = self.insert_together(table, &session, &sent)?;
            let rows = match together {
                Some(rows) => rows.into_iter().map(Some).collect(),
                None => self.insert_each(&sent)?,
            };
            for ((sql, cells), row) in sent.into_iter().zip(rows) {
                if let Some(row) = row {
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

    /// Rows in one statement: nothing where the schema refuses one of them, or stores another number of rows.
    fn insert_together(
        &mut self,
        at: usize,
        session: &str,
        sent: &[(String, Vec<Sent>)],
    ) -> Result<Option<Vec<Cells>>> {
        let table = &self.catalogue.tables[at];
        let named: Vec<usize> = (0..table.columns.len())
            .filter(|column| sent.iter().any(|(_, cells)| cells[*column].is_some()))
            .collect();
        if named.is_empty() || sent.len() < 2 {
            return Ok(None);
        }
        let text = |cell: &Sent| match cell {
            Some(Some(value)) => quote_text(value),
            Some(None) => "NULL".to_owned(),
            None => "DEFAULT".to_owned(),
        };
        let rows: Vec<String> = sent
            .iter()
            .map(|(_, cells)| {
                format!("({})", named.iter().map(|at| text(&cells[*at])).collect::<Vec<_>>().join(", "))
            })
            .collect();
        let names: Vec<String> = named.iter().map(|at| table.columns[*at].sql()).collect();
        let sql = format!(
            "{session}INSERT INTO {} ({}) VALUES {} RETURNING *",
            table.sql(),
            names.join(", "),
            rows.join(", ")
        );
        // One text is one transaction: where the number is wrong it must not have stored any.
        let count = sent.len();
        let answers = self.connection.pipeline(&["BEGIN", &sql])?.pop().unwrap_or_default();
        let refused = answers.iter().any(|answer| answer.error.is_some());
        let stored = answers.into_iter().next_back().map(|answer| answer.rows).unwrap_or_default();
        let whole = !refused && stored.len() == count;
        let ended = self.connection.pipeline(&[if whole { "COMMIT" } else { "ROLLBACK" }, TIDY])?;
        // A deferred constraint speaks up at the end.
        let kept = whole && ended.first().is_some_and(|all| all.iter().all(|answer| answer.error.is_none()));
        Ok(kept.then_some(stored))
    }

    /// Rows in a statement each: nothing for those that the schema refuses.
    fn insert_each(&mut self, sent: &[(String, Vec<Sent>)]) -> Result<Vec<Option<Cells>>> {
        let texts: Vec<&str> = sent.iter().flat_map(|(sql, _)| [sql.as_str(), TIDY]).collect();
        let answers = self.connection.pipeline(&texts)?;
        Ok(answers
            .into_iter()
            .step_by(2)
            .map(|answers| {
                let refused = answers.iter().any(|answer| answer.error.is_some());
                let row = answers.into_iter().next_back().and_then(|answer| answer.rows.into_iter().next());
                row.filter(|_| !refused)
            })
            .collect())
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
