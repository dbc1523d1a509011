//! What an application sends, for every table, view and function that the role reaches.
//!
//! Rounds go from the most promising to the least; within a round every object has its turn, so that a leak in
//! the last table is found as fast as one in the first.

mod read;
mod write;

use super::{Program, Setting, Step};
use crate::backend::postgres::quote_text;
use crate::isolate::catalogue::{Catalogue, Column, Table};
use crate::isolate::contract::Level;
use crate::isolate::data::{Cells, Flavour, Rule, shape};

/// Rounds of programs.
pub fn rounds(setting: &Setting<'_>) -> Vec<Vec<Program>> {
    let mut rounds: Vec<Vec<Program>> = vec![Vec::new(); 8];
    let reached: Vec<usize> = reached(setting);
    let mut lists: Vec<Vec<Vec<Program>>> = vec![Vec::new(); 8];
    for &at in &reached {
        let place = Place { setting, at, table: &setting.catalogue.tables[at] };
        lists[0].push(place.read());
        lists[2].push(place.insert());
        lists[3].push(place.update());
        lists[3].push(place.delete());
        lists[4].push(place.upsert());
        lists[5].push(place.filters());
        lists[6].push(place.forms());
        lists[6].push(place.other_writes());
        lists[7].push(place.joins(&reached));
    }
    for (round, lists) in rounds.iter_mut().zip(lists) {
        *round = in_turn(lists);
    }
    rounds[1] = super::statements::functions(setting);
    rounds[6].extend(super::statements::sequences(setting));
    rounds
}

/// The first of each list, then the second of each, and so on.
pub fn in_turn(lists: Vec<Vec<Program>>) -> Vec<Program> {
    let mut lists: Vec<_> = lists.into_iter().map(Vec::into_iter).collect();
    let mut all = Vec::new();
    loop {
        let before = all.len();
        all.extend(lists.iter_mut().filter_map(Iterator::next));
        if all.len() == before {
            return all;
        }
    }
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
        self.insert_without(cells, &|at| omit_filled && self.table.columns[at].fills_itself(), tail)
    }

    /// An INSERT of some cells, without those columns that are left to the database.
    fn insert_without(
        &self,
        cells: &[Option<String>],
        left: &dyn Fn(usize) -> bool,
        tail: &str,
    ) -> Option<Step> {
        let mut names = Vec::new();
        let mut values = Vec::new();
        let mut generated = Vec::new();
        let usable: Vec<usize> = self.table.usable('I').map(|(at, _)| at).collect();
        for (at, column) in self.table.columns.iter().enumerate() {
            if !usable.contains(&at) || !column.settable() || left(at) {
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

    /// B's row without the keys that nobody can guess: that such a key is taken tells only who knew it.
    fn guessable(&self, row: &Cells) -> Cells {
        let mut cells = row.clone();
        for (at, column) in self.table.columns.iter().enumerate() {
            if self.unguessable(at) {
                cells[at] = self.fresh(column, 7);
            }
        }
        cells
    }

    /// Whether a column is a key of its own that is drawn from too many to guess: a UUID that refers to nothing.
    fn unguessable(&self, at: usize) -> bool {
        let uuid = self.setting.catalogue.base(self.table.columns[at].kind).is_some_and(|b| b.name == "uuid");
        let tenant = self.tenant_cells(1).iter().any(|(column, _)| *column == at);
        let within = |kinds: &[char]| {
            self.table.constraints.iter().any(|c| kinds.contains(&c.kind) && c.columns.contains(&at))
        };
        uuid && !tenant && within(&['p', 'u']) && !within(&['f'])
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
            let mine =
                |row: &Cells| row[at].as_ref().is_some_and(|cell| self.setting.pools.words[0].contains(cell));
            if let Some(row) = &template
                && (!keyed || mine(row))
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
