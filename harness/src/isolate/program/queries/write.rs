//! Inserts, updates, deletes, upserts: with A's own values, with B's, and for B.

use super::{Place, Program, Step, in_turn};
use crate::backend::postgres::quote_text;
use crate::isolate::catalogue::{Column, Constraint};
use crate::isolate::data::{Cells, Rule, candidates_of};

impl Place<'_> {
    pub(super) fn insert(&self) -> Vec<Program> {
        if !self.insertable() {
            return Vec::new();
        }
        // One of each kind first: a table has its turn a few times only before the others have theirs.
        let kinds = vec![
            self.insert_of(&self.fresh_row(0), true, &self.returning()).into_iter().collect(),
            self.inserts_for_others(),
            self.inserts_like_b(),
            self.inserts_that_refer(),
            self.inserts_with_a_key(),
            self.same_key().and_then(|cells| self.insert_of(&cells, false, "")).into_iter().collect(),
            self.inserts_for_nobody(),
        ];
        in_turn(
            kinds.into_iter().map(|steps: Vec<Step>| steps.into_iter().map(Program::one).collect()).collect(),
        )
    }

    /// B's row, as A's: every key without the tenant collides.
    fn inserts_like_b(&self) -> Vec<Step> {
        let mut steps = Vec::new();
        for row in self.rows(true).iter().take(3) {
            let cells =
                self.with(&self.with(&self.guessable(row), &self.parent_cells(false)), &self.tenant_cells(0));
            steps.extend(self.insert_of(&cells, false, ""));
            steps.extend(self.insert_of(&cells, true, ""));
        }
        steps
    }

    /// One key at a time: the others must not hide it.
    fn inserts_with_a_key(&self) -> Vec<Step> {
        let Some(row) = self.rows(true).into_iter().next() else { return Vec::new() };
        let guessed = |c: &&Constraint| c.columns.iter().all(|at| !self.unguessable(*at));
        let keys = self.table.constraints.iter().filter(|c| matches!(c.kind, 'p' | 'u' | 'x'));
        let steps = keys.filter(guessed).filter_map(|constraint| {
            let over: Vec<_> = constraint.columns.iter().map(|c| (*c, row[*c].clone())).collect();
            let cells = self.with(&self.with(&self.fresh_row(0), &over), &self.tenant_cells(0));
            self.insert_with_key(&cells, constraint, "")
        });
        steps.collect()
    }

    /// An INSERT of a row for one of its keys: what the database fills itself is left to it, or another key, which A's
    /// own rows may hold already, is met first.
    fn insert_with_key(&self, cells: &Cells, key: &Constraint, tail: &str) -> Option<Step> {
        let tenant = self.tenant_cells(0);
        let given = |at: usize| key.columns.contains(&at) || tenant.iter().any(|(column, _)| *column == at);
        self.insert_without(cells, &|at| self.table.columns[at].fills_itself() && !given(at), tail)
    }

    /// A's row that refers to B's: several, since B can delete only those to which it does not refer itself.
    fn inserts_that_refer(&self) -> Vec<Step> {
        let mut steps = Vec::new();
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
            steps.extend(self.insert_of(&cells, true, ""));
            steps.extend(self.insert_of(&cells, false, ""));
        }
        steps
    }

    /// A row for B, and the same about A itself: a membership of A's user with the other tenant.
    fn inserts_for_others(&self) -> Vec<Step> {
        let mut steps = Vec::new();
        for tenant in 1..self.setting.contract.ids().len().min(3) {
            let about_b = self.with(
                &self.with(&self.fresh_row(2), &self.parent_cells(tenant == 1)),
                &self.tenant_cells(tenant),
            );
            let about_a = self.with(&self.fresh_row(2), &self.tenant_cells(tenant));
            for omit_filled in [true, false] {
                steps.extend(self.insert_of(&about_b, omit_filled, ""));
                steps.extend(self.insert_of(&about_a, omit_filled, ""));
            }
        }
        steps
    }

    /// A row that names no tenant.
    fn inserts_for_nobody(&self) -> Vec<Step> {
        match self.tenant_cells(0).first() {
            Some((column, _)) if !self.table.columns[*column].required && self.table.stores() => {
                let cells = self.with(&self.fresh_row(3), &[(*column, None)]);
                self.insert_of(&cells, true, "").into_iter().collect()
            }
            _ => Vec::new(),
        }
    }

    /// A row of A with a drawn key of B, where each key that holds it holds the tenant too: it collides with nothing,
    /// and what finds rows without the tenant takes it for B's.
    fn same_key(&self) -> Option<Cells> {
        let row = self.rows(true).into_iter().next()?;
        let tenant: Vec<usize> = self.tenant_cells(0).iter().map(|(at, _)| *at).collect();
        let over: Vec<(usize, Option<String>)> = (0..self.table.columns.len())
            .filter(|at| self.unguessable(*at))
            .filter(|at| {
                let mut keys = self.table.constraints.iter().filter(|c| matches!(c.kind, 'p' | 'u'));
                keys.all(|c| !c.columns.contains(at) || tenant.iter().any(|t| c.columns.contains(t)))
            })
            .map(|at| (at, row[at].clone()))
            .collect();
        (!tenant.is_empty() && !over.is_empty()).then(|| self.with(&self.fresh_row(8), &over))
    }

    pub(super) fn update(&self) -> Vec<Program> {
        if !self.table.may('U')
            || !(self.table.stores() || self.table.kind == 'f' || self.table.through & 4 != 0)
        {
            return Vec::new();
        }
        let name = self.table.sql();
        let mut programs = Vec::new();
        let (mut rights, mut keys) = (Vec::new(), Vec::new());
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
        let updatable = |at: usize| columns.iter().any(|(known, _)| *known == at);
        let moved = self.moved(updatable);
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
        if let Some((set, row)) = moved {
            keys.push(self.one("update", format!("UPDATE {name} SET {set} WHERE {row}")));
        }
        for (at, column) in columns.iter().filter(|(at, _)| !tenant.contains(at)) {
            for value in self.promising(*at) {
                rights.push(
                    self.one(
                        "update",
                        format!("UPDATE {name} SET {} = {}", column.sql(), quote_text(&value)),
                    ),
                );
            }
        }
        for (at, column) in columns.iter().filter(|(at, _)| keyed(*at) && !self.unguessable(*at)) {
            let mut values: Vec<String> = b.iter().take(2).filter_map(|row| row[*at].clone()).collect();
            values.extend(self.tenant_cells(1).into_iter().filter(|(c, _)| c == at).filter_map(|(_, v)| v));
            for (_, value) in self.parent_cells(true).into_iter().filter(|(c, _)| c == at) {
                values.extend(value);
            }
            values.sort();
            values.dedup();
            for value in values.iter().take(3) {
                if tenant.contains(at) {
                    // Without a condition: what reads a column must be readable when it is written, too.
                    keys.push(self.one(
                        "update",
                        format!("UPDATE {name} SET {} = {}", column.sql(), quote_text(value)),
                    ));
                }
                let row =
                    a.iter().find(|row| row[*at].as_ref() != Some(value)).and_then(|row| self.at_row(row));
                let condition = row.map_or_else(String::new, |row| format!(" WHERE {row}"));
                keys.push(self.one(
                    "update",
                    format!("UPDATE {name} SET {} = {}{condition}", column.sql(), quote_text(value)),
                ));
            }
        }
        in_turn(vec![programs, rights, keys])
    }

    /// What makes a row of A one of B: the tenant, and what it refers to; with A's row that it was.
    fn moved(&self, right: impl Fn(usize) -> bool) -> Option<(String, String)> {
        let tenant = self.tenant_cells(1);
        let mut cells: Vec<(usize, Option<String>)> = Vec::new();
        for (at, value) in self.parent_cells(true).into_iter().chain(tenant.iter().cloned()) {
            cells.retain(|(known, _)| *known != at);
            if right(at) && self.table.columns[at].settable() {
                cells.push((at, value));
            }
        }
        if cells.len() < 2 || !tenant.iter().all(|(at, _)| cells.iter().any(|(known, _)| known == at)) {
            return None;
        }
        let set: Vec<String> = cells
            .iter()
            .map(|(at, value)| {
                let value = value.as_deref().map_or_else(|| "NULL".to_owned(), quote_text);
                format!("{} = {value}", self.table.columns[*at].sql())
            })
            .collect();
        let row = self.rows(false).iter().find_map(|row| self.at_row(row))?;
        Some((set.join(", "), row))
    }

    /// Values of a column that may give rights: flags, labels, words that policies and functions compare with it, and
    /// what names B.
    fn promising(&self, at: usize) -> Vec<String> {
        const MOST: usize = 6;
        let catalogue = self.setting.catalogue;
        let column = &self.table.columns[at];
        let Some(base) = catalogue.base(column.kind) else { return Vec::new() };
        let own: Vec<String> = self.rows(false).iter().filter_map(|row| row[at].clone()).collect();
        let mut values: Vec<String> = Vec::new();
        match base.category {
            'B' => values.extend(["true", "false"].map(str::to_owned)),
            'E' => values.extend(base.labels.iter().cloned()),
            'S' => {
                let checks =
                    self.table.constraints.iter().filter(|c| c.kind == 'c' && c.columns.contains(&at));
                values.extend(checks.flat_map(|c| candidates_of(&c.definition)));
                values.extend(catalogue.words_beside(&column.name));
            }
            _ => {}
        }
        let named = self.setting.pools.words.get(1).into_iter().flatten();
        let fits = |word: &&String| match base.category {
            'S' => true,
            'N' => word.parse::<i64>().is_ok(),
            _ => base.name == "uuid" && word.len() == 36,
        };
        values.extend(named.filter(fits).cloned());
        if base.name.starts_with("json") {
            values.extend(super::super::statements::documents(self.setting));
        }
        values.retain(|value| !own.iter().all(|known| known == value));
        let mut seen = std::collections::HashSet::new();
        values.retain(|value| seen.insert(value.clone()));
        values.truncate(MOST);
        values
    }

    pub(super) fn delete(&self) -> Vec<Program> {
        if !self.table.rights.contains('D')
            || !(self.table.stores() || self.table.kind == 'f' || self.table.through & 16 != 0)
        {
            return Vec::new();
        }
        let name = self.table.sql();
        let own: Vec<Program> = self
            .rows(false)
            .iter()
            .take(6)
            .filter_map(|row| self.at_row(row))
            .map(|row| self.one("delete", format!("DELETE FROM {name} WHERE {row}")))
            .collect();
        let returning = self.returning();
        let mut others = vec![self.one("delete", format!("DELETE FROM {name}"))];
        if let Some(row) = self.rows(true).first().and_then(|row| self.at_row(row)) {
            others.push(self.one("delete", format!("DELETE FROM {name} WHERE {row}{returning}")));
        }
        in_turn(vec![own, others])
    }

    pub(super) fn upsert(&self) -> Vec<Program> {
        if !self.insertable() || !self.table.stores() {
            return Vec::new();
        }
        let mut programs = Vec::new();
        let settable: Vec<&Column> =
            self.table.usable('U').map(|(_, c)| c).filter(|c| c.settable()).collect();
        for row in self.rows(true).iter().take(2) {
            let cells =
                self.with(&self.with(&self.guessable(row), &self.parent_cells(false)), &self.tenant_cells(0));
            let meeting = |cells: &Cells, step: Option<Step>| {
                Some(Program::one(Step { keys: self.shared_keys(cells, row), ..step? }))
            };
            let tail = format!(" ON CONFLICT DO NOTHING{}", self.returning());
            programs.extend(meeting(&cells, self.insert_of(&cells, false, &tail)));
            let guessed = |c: &&Constraint| c.columns.iter().all(|at| !self.unguessable(*at));
            let arbiters = self.table.constraints.iter().filter(|c| c.arbiter && !c.columns.is_empty());
            for constraint in arbiters.filter(guessed) {
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
                programs.extend(meeting(&cells, self.insert_of(&cells, false, &tail)));
                let over: Vec<_> = constraint.columns.iter().map(|c| (*c, row[*c].clone())).collect();
                let single = self.with(&self.with(&self.fresh_row(5), &over), &self.tenant_cells(0));
                programs.extend(meeting(&single, self.insert_with_key(&single, constraint, &tail)));
            }
        }
        programs
    }

    /// Names of the keys whose cells are the same in both rows.
    fn shared_keys(&self, one: &Cells, two: &Cells) -> Vec<String> {
        let same = |at: &usize| one[*at].is_some() && one[*at] == two[*at];
        let keys = self.table.constraints.iter().filter(|c| matches!(c.kind, 'p' | 'u'));
        let shared = keys.filter(|c| !c.columns.is_empty() && c.columns.iter().all(same));
        shared.map(|c| c.name.clone()).collect()
    }

    /// COPY FROM and MERGE: other ways to write.
    pub(super) fn other_writes(&self) -> Vec<Program> {
        let name = self.table.sql();
        let mut programs = Vec::new();
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
            let settable = |at: usize| self.table.usable('U').any(|(known, _)| known == at);
            if let Some((set, row)) = self.moved(settable) {
                programs.push(self.one(
                    "merge",
                    format!("MERGE INTO {name} t USING (VALUES (1)) s(i) ON {row} WHEN MATCHED THEN UPDATE SET {set}"),
                ));
            }
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
}

fn copy_field(value: Option<&str>) -> String {
    value.map_or_else(
        || "\\N".to_owned(),
        |value| value.replace('\\', "\\\\").replace('\t', "\\t").replace('\n', "\\n"),
    )
}
