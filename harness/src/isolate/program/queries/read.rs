//! Reads in every form: plain, with conditions whose errors tell of hidden rows, aggregates, cursors, joins.

use super::{Place, Program, comparable};
use crate::backend::postgres::quote_text;

impl Place<'_> {
    pub(super) fn read(&self) -> Vec<Program> {
        let Some(list) = self.selected() else { return Vec::new() };
        vec![self.one("select", format!("SELECT {list} FROM {}", self.table.sql()))]
    }

    /// Conditions whose errors tell of rows that are not in the answer.
    pub(super) fn filters(&self) -> Vec<Program> {
        let Some(list) = self.selected() else { return Vec::new() };
        let name = self.table.sql();
        let mut programs = Vec::new();
        let rows = self.rows(false);
        for (at, column) in self.table.usable('S') {
            let Some(base) = self.setting.catalogue.base(column.kind) else { continue };
            let quoted: Vec<String> =
                rows.iter().filter_map(|row| row[at].as_deref()).map(quote_text).collect();
            let own = if quoted.is_empty() {
                "false".to_owned()
            } else {
                format!("{} IN ({})", column.sql(), quoted.join(", "))
            };
            match base.category {
                'S' => {
                    programs.push(self.one(
                        "filter",
                        format!("SELECT {list} FROM {name} WHERE CASE WHEN {own} THEN 0 ELSE {}::text::int END > 5", column.sql()),
                    ));
                    programs.push(self.one(
                        "filter",
                        format!("SELECT {list} FROM {name} WHERE {}::text::int > 5", column.sql()),
                    ));
                    programs.push(
                        self.one(
                            "filter",
                            format!("SELECT {list} FROM {name} WHERE {} LIKE '%'", column.sql()),
                        ),
                    );
                }
                'N' if base.name != "money" => {
                    for value in self.column_values(at).into_iter().take(2) {
                        programs.push(self.one(
                            "filter",
                            format!(
                                "SELECT {list} FROM {name} WHERE 1 / ({} - {}) < 99",
                                column.sql(),
                                quote_text(&value)
                            ),
                        ));
                    }
                }
                _ => {}
            }
            if programs.len() > 24 {
                break;
            }
        }
        for row in self.rows(true).iter().take(2).filter_map(|row| self.at_row(row)) {
            programs.push(self.one("select", format!("SELECT {list} FROM {name} WHERE {row}")));
        }
        programs
    }

    fn column_values(&self, at: usize) -> Vec<String> {
        self.rows(true).iter().chain(&self.rows(false)).filter_map(|row| row[at].clone()).collect()
    }

    /// Other forms of reading.
    pub(super) fn forms(&self) -> Vec<Program> {
        let Some(list) = self.selected() else { return Vec::new() };
        let name = self.table.sql();
        let mut programs = vec![
            self.one("aggregate", format!("SELECT count(*) FROM {name}")),
            self.one("copy", format!("COPY (SELECT {list} FROM {name}) TO STDOUT")),
        ];
        if self.table.rights.contains('S') && matches!(self.table.kind, 'r') {
            programs.push(self.one("copy", format!("COPY {name} TO STDOUT")));
        }
        let mut cursor = Program::requests(vec![
            self.step("cursor", format!("DECLARE c CURSOR FOR SELECT {list} FROM {name}")),
            self.step("cursor", "FETCH ALL FROM c".to_owned()),
        ]);
        cursor.kind = super::super::Kind::Transaction;
        programs.push(cursor);
        if self.table.may('U') && self.table.stores() {
            programs.push(self.one("lock rows", format!("SELECT {list} FROM {name} FOR UPDATE")));
        }
        for (_, column) in
            self.table.usable('S').filter(|(_, c)| comparable(self.setting.catalogue, c)).take(6)
        {
            programs.push(self.one(
                "aggregate",
                format!(
                    "SELECT min({0}::text), max({0}::text), count(DISTINCT {0}::text) FROM {name}",
                    column.sql()
                ),
            ));
        }
        programs
    }

    /// Joins with the tables that it refers to, and with those that have a column of the same name.
    pub(super) fn joins(&self, reached: &[usize]) -> Vec<Program> {
        let mut programs = Vec::new();
        if !self.table.rights.contains('S') {
            return programs;
        }
        for &other in reached {
            if other == self.at || programs.len() > 8 {
                continue;
            }
            let far = &self.setting.catalogue.tables[other];
            if !far.rights.contains('S') {
                continue;
            }
            let condition = self
                .table
                .constraints
                .iter()
                .find(|c| c.kind == 'f' && c.target == far.oid)
                .map(|c| {
                    let pairs: Vec<String> = c
                        .columns
                        .iter()
                        .zip(&c.target_columns)
                        .map(|(own, target)| {
                            format!("x.{} = y.{}", self.table.columns[*own].sql(), far.columns[*target].sql())
                        })
                        .collect();
                    pairs.join(" AND ")
                })
                .or_else(|| {
                    let tenant = &self.setting.contract.tenant.column;
                    self.table
                        .columns
                        .iter()
                        .find(|c| {
                            &c.name != tenant
                                && comparable(self.setting.catalogue, c)
                                && far.columns.iter().any(|d| d.name == c.name && d.kind == c.kind)
                        })
                        .map(|c| format!("x.{0} = y.{0}", c.sql()))
                });
            if let Some(condition) = condition {
                let (x, y) = (self.table.sql(), far.sql());
                programs
                    .push(self.one("join", format!("SELECT * FROM {x} x LEFT JOIN {y} y ON {condition}")));
                // Where several rows of the other table meet one of this, which is returned is the plan's choice.
                let single = far.constraints.iter().any(|c| {
                    matches!(c.kind, 'p' | 'u') && !c.columns.is_empty() && {
                        c.columns
                            .iter()
                            .all(|at| condition.contains(&format!("y.{}", far.columns[*at].sql())))
                    }
                });
                if single
                    && self.table.may('U')
                    && self.table.stores()
                    && let Some((_, column)) = self.table.usable('U').find(|(_, c)| c.settable())
                {
                    programs.push(self.one(
                        "join",
                        format!(
                            "UPDATE {x} x SET {0} = x.{0} FROM {y} y WHERE {condition} RETURNING x.*, y.*",
                            column.sql()
                        ),
                    ));
                }
            }
        }
        programs
    }
}
