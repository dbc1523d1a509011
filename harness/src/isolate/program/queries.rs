//! What an application sends, for every table, view and function that the role reaches.
//!
//! Rounds go from the most promising to the least; within a round every object has its turn, so that a leak in
//! the last table is found as fast as one in the first.

use super::{Program, Setting, Step};
use crate::backend::postgres::quote_text;
use crate::isolate::catalogue::{Catalogue, Column, Table};
use crate::isolate::contract::Level;
use crate::isolate::data::{Cells, Flavour, Rule, shape};

/// Rounds of programs.
pub fn rounds(setting: &Setting<'_>) -> Vec<Vec<Program>> {
    let mut rounds: Vec<Vec<Program>> = vec![Vec::new(); 8];
    let reached: Vec<usize> = reached(setting);
    for &at in &reached {
        let place = Place { setting, at, table: &setting.catalogue.tables[at] };
        rounds[0].extend(place.read());
        rounds[2].extend(place.insert());
        rounds[3].extend(place.update());
        rounds[3].extend(place.delete());
        rounds[4].extend(place.upsert());
        rounds[5].extend(place.filters());
        rounds[6].extend(place.forms());
        rounds[7].extend(place.joins(&reached));
    }
    rounds[1] = super::statements::functions(setting);
    rounds[6].extend(super::statements::sequences(setting));
    rounds
}

/// Tables and views that programs address.
pub fn reached(setting: &Setting<'_>) -> Vec<usize> {
    let schemas = &setting.contract.adversary.schemas;
    let queries = setting.contract.adversary.level == Level::Queries;
    let tables = &setting.catalogue.tables;
    (0..tables.len())
        .filter(|at| {
            let table = &tables[*at];
            let other_tenant = matches!(
                setting.rules.tables[*at].as_ref().map(|rule| &rule.rule),
                Some(Rule::Fixed(tenant)) if *tenant > 0
            );
            !table.rights.is_empty_for(table)
                && !table.extension
                && (schemas.is_empty() || schemas.contains(&table.schema))
                && !(queries && (table.partition || other_tenant))
        })
        .collect()
}

trait Rights {
    fn is_empty_for(&self, table: &Table) -> bool;
}

impl Rights for String {
    fn is_empty_for(&self, table: &Table) -> bool {
        self.is_empty() && table.columns.iter().all(|column| column.rights.is_empty())
    }
}

struct Place<'run> {
    setting: &'run Setting<'run>,
    at: usize,
    table: &'run Table,
}

impl Place<'_> {
    fn step(&self, verb: &str, sql: String) -> Step {
        Step::new(verb, &self.table.label(), sql)
    }

    fn one(&self, verb: &str, sql: String) -> Program {
        Program::one(self.step(verb, sql))
    }

    fn selected(&self) -> Option<String> {
        if self.table.rights.contains('S') {
            return Some("*".to_owned());
        }
        let names: Vec<String> = self.table.usable('S').map(|(_, column)| column.sql()).collect();
        (!names.is_empty()).then(|| names.join(", "))
    }

    fn read(&self) -> Vec<Program> {
        let Some(list) = self.selected() else { return Vec::new() };
        vec![self.one("select", format!("SELECT {list} FROM {}", self.table.sql()))]
    }

    fn rows(&self, of_b: bool) -> Vec<Cells> {
        let pools = self.setting.pools;
        if self.table.stores() && !self.table.partition {
            if of_b { pools.b[self.at].clone() } else { pools.a[self.at].clone() }
        } else {
            pools.like(self.setting.catalogue, self.table, of_b)
        }
    }

    /// Columns that say whose a row is, with the value that a tenant's rows hold there.
    fn tenant_cells(&self, tenant: usize) -> Vec<(usize, Option<String>)> {
        let rules = self.setting.rules;
        match self.setting.rules.tables.get(self.at).and_then(Option::as_ref).map(|rule| &rule.rule) {
            Some(Rule::Columns(columns, holds)) => columns
                .first()
                .map(|c| (*c, Some(rules.value(tenant, holds.as_deref()))))
                .into_iter()
                .collect(),
            Some(Rule::Via(column, target, key)) => {
                let pools = self.setting.pools;
                let rows = if tenant == 0 { &pools.a[*target] } else { &pools.b[*target] };
                rows.first().map(|row| (*column, row[*key].clone())).into_iter().collect()
            }
            Some(_) => Vec::new(),
            None => self
                .table
                .position(&self.setting.contract.tenant.column)
                .map(|c| (c, Some(self.setting.contract.ids()[tenant].clone())))
                .into_iter()
                .collect(),
        }
    }

    /// Foreign key columns that do not lead to shared tables, with the cells of a parent row of A or of B.
    fn parent_cells_at(&self, of_b: bool, turn: usize) -> Vec<(usize, Option<String>)> {
        let mut cells = Vec::new();
        for constraint in self.table.constraints.iter().filter(|c| c.kind == 'f') {
            let Some(target) = self.setting.catalogue.table(constraint.target) else { continue };
            let pools = self.setting.pools;
            let rows = if of_b { &pools.b[target] } else { &pools.a[target] };
            if let Some(row) = rows.get(turn.min(rows.len().saturating_sub(1))) {
                for (own, far) in constraint.columns.iter().zip(&constraint.target_columns) {
                    cells.push((*own, row[*far].clone()));
                }
            }
        }
        cells
    }

    fn parent_cells(&self, of_b: bool) -> Vec<(usize, Option<String>)> {
        self.parent_cells_at(of_b, 0)
    }

    fn fresh(&self, column: &Column, number: usize) -> Option<String> {
        let flavour = Flavour { who: 'a', world: 0, number: 500 + number, attempt: 0 };
        shape(self.setting.catalogue, self.table, column, flavour)
    }

    /// An INSERT of some cells; those that the role may not set are left out.
    fn insert_of(&self, cells: &[Option<String>], omit_filled: bool, tail: &str) -> Option<Step> {
        let mut names = Vec::new();
        let mut values = Vec::new();
        let mut generated = Vec::new();
        let usable: Vec<usize> = self.table.usable('I').map(|(at, _)| at).collect();
        for (at, column) in self.table.columns.iter().enumerate() {
            if !usable.contains(&at) || !column.settable() || (omit_filled && column.fills_itself()) {
                generated.push(column.name.clone());
                continue;
            }
            names.push(column.sql());
            values.push(cells[at].as_deref().map_or_else(|| "NULL".to_owned(), quote_text));
        }
        if names.is_empty() {
            return None;
        }
        let mut step = self.step(
            if tail.contains("CONFLICT") { "upsert" } else { "insert" },
            format!(
                "INSERT INTO {} ({}) VALUES ({}){tail}",
                self.table.sql(),
                names.join(", "),
                values.join(", ")
            ),
        );
        step.generated = generated;
        Some(step)
    }

    fn returning(&self) -> String {
        self.selected().map_or_else(String::new, |list| format!(" RETURNING {list}"))
    }

    fn with(&self, cells: &Cells, over: &[(usize, Option<String>)]) -> Cells {
        let mut cells = cells.clone();
        for (at, value) in over {
            cells[*at].clone_from(value);
        }
        cells
    }

    /// A row of A that collides with nothing.
    fn fresh_row(&self, number: usize) -> Cells {
        let mut cells: Cells = self.table.columns.iter().map(|column| self.fresh(column, number)).collect();
        let template = self.rows(false).into_iter().next();
        for (at, cell) in cells.iter_mut().enumerate() {
            // Values that checks allow are those of a row that was accepted, where no key holds them.
            let keyed = self
                .table
                .constraints
                .iter()
                .any(|c| matches!(c.kind, 'p' | 'u' | 'x') && c.columns.contains(&at));
            if let Some(row) = &template
                && !keyed
            {
                cell.clone_from(&row[at]);
            }
        }
        let cells = self.with(&cells, &self.shared_parents());
        let cells = self.with(&cells, &self.parent_cells(false));
        self.with(&cells, &self.tenant_cells(0))
    }

    fn shared_parents(&self) -> Vec<(usize, Option<String>)> {
        let mut cells = Vec::new();
        for constraint in self.table.constraints.iter().filter(|c| c.kind == 'f') {
            let Some(target) = self.setting.catalogue.table(constraint.target) else { continue };
            if let Some(row) = self.setting.pools.shared[target].first() {
                for (own, far) in constraint.columns.iter().zip(&constraint.target_columns) {
                    cells.push((*own, row[*far].clone()));
                }
            }
        }
        cells
    }

    fn insertable(&self) -> bool {
        self.table.may('I') && (self.table.stores() || self.table.kind == 'f' || self.table.through & 8 != 0)
    }

    fn insert(&self) -> Vec<Program> {
        if !self.insertable() {
            return Vec::new();
        }
        let mut programs = Vec::new();
        let returning = self.returning();
        let fresh = self.fresh_row(0);
        programs.extend(self.insert_of(&fresh, true, &returning).map(Program::one));
        let mut push = |step: Option<Step>| programs.extend(step.map(Program::one));
        // B's row, as A's: every key without the tenant collides.
        for row in self.rows(true).iter().take(3) {
            let cells = self.with(&self.with(row, &self.parent_cells(false)), &self.tenant_cells(0));
            push(self.insert_of(&cells, false, ""));
            push(self.insert_of(&cells, true, ""));
        }
        for constraint in self.table.constraints.iter().filter(|c| matches!(c.kind, 'p' | 'u' | 'x')) {
            // One key at a time: the others must not hide it.
            if let Some(row) = self.rows(true).first() {
                let over: Vec<_> = constraint.columns.iter().map(|c| (*c, row[*c].clone())).collect();
                let cells = self.with(&self.with(&fresh, &over), &self.tenant_cells(0));
                push(self.insert_of(&cells, false, ""));
            }
        }
        // A's row that refers to B's: several, since B can delete only those to which it does not refer itself.
        for turn in 0..6 {
            let over = self.parent_cells_at(true, turn);
            if over.is_empty() {
                break;
            }
            let keep = self.tenant_cells(0);
            let own_column = matches!(
                self.setting.rules.tables.get(self.at).and_then(Option::as_ref).map(|r| &r.rule),
                Some(Rule::Columns(..))
            );
            let cells = self.with(&self.fresh_row(1), &over);
            let cells = if own_column { self.with(&cells, &keep) } else { cells };
            push(self.insert_of(&cells, true, ""));
            push(self.insert_of(&cells, false, ""));
        }
        // A row for B, and a row for nobody.
        for tenant in 1..self.setting.contract.ids().len().min(3) {
            let cells = self.with(
                &self.with(&self.fresh_row(2), &self.parent_cells(tenant == 1)),
                &self.tenant_cells(tenant),
            );
            push(self.insert_of(&cells, true, ""));
            push(self.insert_of(&cells, false, ""));
        }
        if let Some((column, _)) = self.tenant_cells(0).first()
            && !self.table.columns[*column].required
            && self.table.stores()
        {
            let cells = self.with(&self.fresh_row(3), &[(*column, None)]);
            push(self.insert_of(&cells, true, ""));
        }
        programs
    }

    /// A condition that names one row by its key.
    fn at_row(&self, row: &Cells) -> Option<String> {
        let readable: Vec<usize> = self.table.usable('S').map(|(at, _)| at).collect();
        let key: Vec<usize> = match self.table.key() {
            Some(key) if !key.is_empty() => key.to_vec(),
            _ => (0..self.table.columns.len()).collect(),
        };
        let parts: Vec<String> = key
            .iter()
            .filter(|at| {
                readable.contains(at) && comparable(self.setting.catalogue, &self.table.columns[**at])
            })
            .filter_map(|at| {
                Some(format!("{} = {}", self.table.columns[*at].sql(), quote_text(row[*at].as_deref()?)))
            })
            .collect();
        (!parts.is_empty()).then(|| parts.join(" AND "))
    }

    fn update(&self) -> Vec<Program> {
        if !self.table.may('U')
            || !(self.table.stores() || self.table.kind == 'f' || self.table.through & 4 != 0)
        {
            return Vec::new();
        }
        let name = self.table.sql();
        let mut programs = Vec::new();
        let columns: Vec<(usize, &Column)> = self.table.usable('U').filter(|(_, c)| c.settable()).collect();
        let tenant: Vec<usize> = self.tenant_cells(0).iter().map(|(at, _)| *at).collect();
        let keyed = |at: usize| {
            tenant.contains(&at)
                || self
                    .table
                    .constraints
                    .iter()
                    .any(|c| matches!(c.kind, 'p' | 'u' | 'x' | 'f') && c.columns.contains(&at))
        };
        let b = self.rows(true);
        let a = self.rows(false);
        let returning = self.returning();
        let mut blind = 0;
        for (at, column) in columns.iter().filter(|(at, _)| !keyed(*at)) {
            let known = a.iter().chain(&b).filter_map(|row| row[*at].clone());
            for value in known.chain(self.fresh(column, 4)).take(1) {
                if blind < 3 {
                    programs.push(self.one(
                        "update",
                        format!("UPDATE {name} SET {} = {}", column.sql(), quote_text(&value)),
                    ));
                }
                for row in
                    b.iter().take(2).filter_map(|row| self.at_row(row)).take(usize::from(blind < 2) * 2)
                {
                    let set =
                        format!("UPDATE {name} SET {} = {} WHERE {row}", column.sql(), quote_text(&value));
                    programs.push(self.one("update", format!("{set}{returning}")));
                    programs.push(self.one("update", set));
                }
                blind += 1;
            }
        }
        for (at, column) in columns.iter().filter(|(at, _)| keyed(*at)) {
            let mut values: Vec<String> = b.iter().take(2).filter_map(|row| row[*at].clone()).collect();
            values.extend(self.tenant_cells(1).into_iter().filter(|(c, _)| c == at).filter_map(|(_, v)| v));
            for (_, value) in self.parent_cells(true).into_iter().filter(|(c, _)| c == at) {
                values.extend(value);
            }
            values.sort();
            values.dedup();
            for value in values.iter().take(3) {
                let row =
                    a.iter().find(|row| row[*at].as_ref() != Some(value)).and_then(|row| self.at_row(row));
                let condition = row.map_or_else(String::new, |row| format!(" WHERE {row}"));
                programs.push(self.one(
                    "update",
                    format!("UPDATE {name} SET {} = {}{condition}", column.sql(), quote_text(value)),
                ));
            }
        }
        programs
    }

    fn delete(&self) -> Vec<Program> {
        if !self.table.rights.contains('D')
            || !(self.table.stores() || self.table.kind == 'f' || self.table.through & 16 != 0)
        {
            return Vec::new();
        }
        let name = self.table.sql();
        let mut programs: Vec<Program> = self
            .rows(false)
            .iter()
            .take(6)
            .filter_map(|row| self.at_row(row))
            .map(|row| self.one("delete", format!("DELETE FROM {name} WHERE {row}")))
            .collect();
        let returning = self.returning();
        if let Some(row) = self.rows(true).first().and_then(|row| self.at_row(row)) {
            programs.push(self.one("delete", format!("DELETE FROM {name} WHERE {row}{returning}")));
        }
        programs.push(self.one("delete", format!("DELETE FROM {name}")));
        programs
    }

    fn upsert(&self) -> Vec<Program> {
        if !self.insertable() || !self.table.stores() {
            return Vec::new();
        }
        let mut programs = Vec::new();
        let settable: Vec<&Column> =
            self.table.usable('U').map(|(_, c)| c).filter(|c| c.settable()).collect();
        for row in self.rows(true).iter().take(2) {
            let cells = self.with(&self.with(row, &self.parent_cells(false)), &self.tenant_cells(0));
            programs.extend(
                self.insert_of(&cells, false, &format!(" ON CONFLICT DO NOTHING{}", self.returning()))
                    .map(Program::one),
            );
            for constraint in self.table.constraints.iter().filter(|c| c.arbiter && !c.columns.is_empty()) {
                let key: Vec<String> =
                    constraint.columns.iter().map(|c| self.table.columns[*c].sql()).collect();
                let Some(column) = settable.iter().find(|c| !key.contains(&c.sql())).or(settable.first())
                else {
                    continue;
                };
                let tail = format!(
                    " ON CONFLICT ({}) DO UPDATE SET {} = excluded.{}",
                    key.join(", "),
                    column.sql(),
                    column.sql()
                );
                programs.extend(self.insert_of(&cells, false, &tail).map(Program::one));
                let over: Vec<_> = constraint.columns.iter().map(|c| (*c, row[*c].clone())).collect();
                let single = self.with(&self.with(&self.fresh_row(5), &over), &self.tenant_cells(0));
                programs.extend(self.insert_of(&single, false, &tail).map(Program::one));
            }
        }
        programs
    }

    /// Conditions whose errors tell of rows that are not in the answer.
    fn filters(&self) -> Vec<Program> {
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
    fn forms(&self) -> Vec<Program> {
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
        cursor.kind = super::Kind::Transaction;
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
        if self.insertable() && self.table.stores() {
            let cells = self.with(&self.fresh_row(6), &self.tenant_cells(1));
            let usable: Vec<usize> =
                self.table.usable('I').filter(|(_, c)| c.settable()).map(|(at, _)| at).collect();
            let names: Vec<String> = usable.iter().map(|at| self.table.columns[*at].sql()).collect();
            let fields: Vec<String> = usable.iter().map(|at| copy_field(cells[*at].as_deref())).collect();
            let mut step = self.step("copy", format!("COPY {name} ({}) FROM STDIN", names.join(", ")));
            step.copy = Some(format!("{}\n", fields.join("\t")));
            programs.push(Program::one(step));
        }
        if self.setting.catalogue.version >= 150_000
            && self.table.stores()
            && self.table.may('U')
            && self.table.rights.contains('S')
            && let Some((_, column)) = self.table.usable('U').find(|(_, c)| c.settable())
        {
            // The condition reads the target: without that Postgres itself tells of hidden rows, in any schema.
            let read = format!("t.{0} IS NOT DISTINCT FROM t.{0}", column.sql());
            programs.push(self.one(
                    "merge",
                    format!(
                        "MERGE INTO {name} t USING (VALUES (1)) s(i) ON {read} WHEN MATCHED THEN UPDATE SET {0} = t.{0}",
                        column.sql()
                    ),
                ));
            for (at, value) in self.tenant_cells(1) {
                let column = &self.table.columns[at];
                let value = value.as_deref().map_or_else(|| "NULL".to_owned(), quote_text);
                programs.push(self.one(
                        "merge",
                        format!(
                            "MERGE INTO {name} t USING (VALUES (1)) s(i) ON {read} WHEN MATCHED THEN UPDATE SET {} = {value}",
                            column.sql()
                        ),
                    ));
            }
        }
        programs
    }

    /// Joins with the tables that it refers to, and with those that have a column of the same name.
    fn joins(&self, reached: &[usize]) -> Vec<Program> {
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
                if self.table.may('U')
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

fn copy_field(value: Option<&str>) -> String {
    value.map_or_else(
        || "\\N".to_owned(),
        |value| value.replace('\\', "\\\\").replace('\t', "\\t").replace('\n', "\\n"),
    )
}

/// Whether `=` works on the type.
pub fn comparable(catalogue: &Catalogue, column: &Column) -> bool {
    catalogue.base(column.kind).is_some_and(|kind| {
        !matches!(
            kind.name.as_str(),
            "json" | "xml" | "point" | "box" | "polygon" | "path" | "line" | "lseg" | "circle"
        )
    })
}
