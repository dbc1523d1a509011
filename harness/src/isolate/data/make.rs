//! Making rows that the schema accepts, by trying.
//!
//! A row is built from the catalogue, sent, and built again in another way where it is refused. What the
//! schema refuses every time is left out: the coverage report says so.

use super::owner::{Owner, Rule, Rules};
use super::repair::{Repair, candidates_for, checked_columns, products};
use super::snapshot::{Cells, Snapshot};
use super::value::{Flavour, shape};
use crate::backend::postgres::client::{Connection, Result};
use crate::backend::postgres::message::Report;
use crate::backend::postgres::{quote_name, quote_text};
use crate::isolate::catalogue::Catalogue;
use crate::isolate::contract::{Contract, Words, fill};

/// For whom a row is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    /// A tenant, by position.
    Tenant(usize),
    /// A row of a shared table, or one without a tenant.
    Everyone,
    /// A row of a closed table.
    Closed,
}

/// A row that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Made {
    /// Position of its table.
    pub table: usize,
    /// For whom.
    pub owner: Owner,
    /// Its cells after the insert.
    pub cells: Cells,
    /// The statements that made it, session settings included.
    pub sql: String,
    /// Statements that make just this row in another database: values that the database drew are written out, and
    /// sequences stand where they stood.
    pub again: String,
}

/// Makes rows through one connection of the superuser.
pub struct Maker<'run> {
    /// The contract.
    pub contract: &'run Contract,
    /// The catalogue.
    pub catalogue: &'run Catalogue,
    /// The rules.
    pub rules: &'run Rules,
    /// A connection of the superuser to the database.
    pub connection: &'run mut Connection,
    /// All rows so far.
    pub rows: Snapshot,
    /// Their owners.
    pub owners: Vec<Vec<Owner>>,
    /// Words of each tenant, those of its login included.
    pub words: Vec<Words>,
    pub(super) modes: std::collections::HashMap<(usize, bool), usize>,
    /// Where the numbers of the rows of each table begin.
    pub number: usize,
    pub(super) counts: std::collections::HashMap<(usize, char), usize>,
}

/// A cell to send: outer `None` for what the database fills.
pub(super) type Sent = Option<Option<String>>;

pub(super) const MODES: usize = 5;

/// What brings the session back to the superuser.
pub(super) const TIDY: &str = "RESET SESSION AUTHORIZATION; RESET ROLE; RESET ALL";

impl<'run> Maker<'run> {
    /// Starts from what is in the database.
    ///
    /// # Errors
    /// The connection is lost.
    pub fn new(
        contract: &'run Contract,
        catalogue: &'run Catalogue,
        rules: &'run Rules,
        connection: &'run mut Connection,
        words: Vec<Words>,
    ) -> Result<Self> {
        let rows = Snapshot::take(catalogue, connection)?;
        let owners = rules.owners(&rows);
        Ok(Self {
            contract,
            catalogue,
            rules,
            connection,
            rows,
            owners,
            words,
            modes: Default::default(),
            number: 0,
            counts: Default::default(),
        })
    }

    /// Tables in an order in which references come after what they refer to.
    pub fn order(catalogue: &Catalogue, rules: &Rules) -> Vec<usize> {
        let mut order = Vec::new();
        let mut waiting: Vec<usize> =
            (0..catalogue.tables.len()).filter(|at| rules.tables[*at].is_some()).collect();
        while !waiting.is_empty() {
            let ready = waiting.iter().position(|at| {
                let table = &catalogue.tables[*at];
                let refers = table
                    .constraints
                    .iter()
                    .filter(|c| c.kind == 'f')
                    .filter_map(|c| catalogue.table(c.target));
                let via = match rules.tables[*at].as_ref().map(|rule| &rule.rule) {
                    Some(Rule::Via(_, target, _)) => Some(*target),
                    _ => None,
                };
                refers.chain(via).all(|target| target == *at || !waiting.contains(&target))
            });
            order.push(waiting.remove(ready.unwrap_or(0)));
        }
        order
    }

    /// Makes a row of a table; nothing where the schema refuses every try.
    ///
    /// # Errors
    /// The connection is lost.
    pub fn make(&mut self, table: usize, who: Who, world: usize, letter: char) -> Result<Option<Made>> {
        // Numbers begin anew in each table: equal values in different tables are what joins meet on.
        let count = self.counts.entry((table, letter)).or_default();
        *count += 1;
        let number = self.number + *count;
        let foreign = matches!(who, Who::Tenant(tenant) if tenant > 0);
        let mut mode = self.modes.get(&(table, foreign)).copied().unwrap_or(0);
        let mut refused_modes = 0;
        let mut repair = Repair::default();
        for attempt in 0..24 {
            let flavour = Flavour { who: letter, world, number, attempt };
            let Some(mut cells) = self.cells(table, who, flavour, &[]) else {
                return self.circle(table, who, flavour);
            };
            repair.apply(&mut cells);
            let sql = self.insert_sql(table, &cells);
            let sent = cells;
            let session = self.session(mode, who);
            let full = format!("{session}{sql}");
            let (failed, row) = self.try_insert(&full)?;
            match (failed, row) {
                (None, Some(cells)) => {
                    self.modes.insert((table, foreign), mode);
                    let again = self.again(table, &sent, &cells, &session).unwrap_or_else(|| full.clone());
                    return Ok(Some(self.keep(table, who, cells, (full, again))));
                }
                (None, None) => return Ok(None),
                (Some(error), _) => {
                    if error.code == "23514"
                        && let Some(found) =
                            self.repaired(table, &sent, &error, flavour, &session, &mut repair)?
                    {
                        self.modes.insert((table, foreign), mode);
                        let (cells, full, again) = found;
                        return Ok(Some(self.keep(table, who, cells, (full, again))));
                    }
                    let values = error.code.starts_with("23") || error.code.starts_with("22");
                    if !values {
                        mode = (mode + 1) % MODES;
                        refused_modes += 1;
                        if refused_modes > 2 * MODES {
                            return Ok(None);
                        }
                    }
                }
            }
        }
        Ok(None)
    }

    /// Sends an insert and tidies the session: the error, or the row.
    pub(super) fn try_insert(&mut self, sql: &str) -> Result<(Option<Box<Report>>, Option<Cells>)> {
        let mut answers = self.connection.pipeline(&[sql, TIDY])?;
        let answers = answers.swap_remove(0);
        let failed = answers.iter().find_map(|answer| answer.error.clone());
        let row = answers.into_iter().next_back().and_then(|answer| answer.rows.into_iter().next());
        Ok((failed, row))
    }

    /// Tries values for the columns of the check that failed, the others as they are. Where the check holds and
    /// something else fails, the values are kept for the next try.
    fn repaired(
        &mut self,
        at: usize,
        sent: &[Option<Option<String>>],
        error: &Report,
        flavour: Flavour,
        session: &str,
        repair: &mut Repair,
    ) -> Result<Option<(Cells, String, String)>> {
        const MOST: usize = 150;
        let table = &self.catalogue.tables[at];
        let name = error.constraint.clone().unwrap_or_default();
        let Some(columns) = checked_columns(self.catalogue, table, error) else { return Ok(None) };
        let lists: Vec<Vec<Option<String>>> = columns
            .iter()
            .map(|column| candidates_for(self.catalogue, table, *column, flavour, sent[*column].as_ref()))
            .collect();
        for choice in products(&lists, MOST) {
            let mut cells = sent.to_vec();
            for (column, value) in columns.iter().zip(&choice) {
                cells[*column] = Some(value.clone());
            }
            let full = format!("{session}{}", self.insert_sql(at, &cells));
            let (failed, row) = self.try_insert(&full)?;
            match failed {
                None => {
                    let Some(row) = row else { return Ok(None) };
                    let again = self.again(at, &cells, &row, session).unwrap_or_else(|| full.clone());
                    return Ok(Some((row, full, again)));
                }
                Some(other) if other.constraint.as_deref() == Some(name.as_str()) => {}
                // Another check is next; anything else may have nothing to do with these values.
                Some(other) => {
                    if other.code == "23514" {
                        repair.keep(&columns, &choice);
                        return Ok(None);
                    }
                }
            }
        }
        Ok(None)
    }

    pub(super) fn keep(&mut self, table: usize, who: Who, cells: Cells, sql: (String, String)) -> Made {
        let owner = match (&self.rules.tables[table], who) {
            (Some(rule), _) if !matches!(rule.rule, Rule::Referred(..)) => {
                self.rules
                    .of_row(&rule.rule, &cells, |other| (&self.rows.tables[other], Some(&self.owners[other])))
            }
            (_, Who::Tenant(tenant)) => Owner::Tenants(vec![tenant]),
            (_, Who::Everyone) => Owner::Everyone,
            (_, Who::Closed) => Owner::Closed,
        };
        self.rows.tables[table].push(cells.clone());
        self.owners[table].push(owner.clone());
        Made { table, owner, cells, sql: sql.0, again: sql.1 }
    }

    /// Who the inserting session is: the owner, the superuser, either of them having entered, the application.
    pub(super) fn session(&self, mode: usize, who: Who) -> String {
        let tenant = match who {
            Who::Tenant(tenant) => tenant,
            _ => 0,
        };
        let words = &self.words[tenant];
        let mut sql = String::new();
        match mode {
            0 | 2 => sql.push_str(&format!(
                "SET SESSION AUTHORIZATION {}; ",
                quote_name(&self.contract.database.owner)
            )),
            4 => sql.push_str(&format!(
                "SET SESSION AUTHORIZATION {}; ",
                quote_name(&self.contract.role(tenant))
            )),
            _ => {}
        }
        if mode >= 2 {
            for statement in &self.contract.tenant.enter {
                // A setting for one transaction would be gone: the whole text is one transaction here.
                sql.push_str(&fill(statement, words));
                sql.push_str("; ");
            }
        }
        for statement in &self.contract.tenant.prepare {
            sql.push_str(&fill(statement, words));
            sql.push_str("; ");
        }
        sql
    }

    /// The insert of a row whose drawn values are known; nothing where the row drew none.
    pub(super) fn again(
        &self,
        at: usize,
        sent: &[Option<Option<String>>],
        cells: &[Option<String>],
        session: &str,
    ) -> Option<String> {
        let table = &self.catalogue.tables[at];
        let mut all = sent.to_vec();
        let mut sequences = String::new();
        let mut drawn = false;
        for (position, column) in table.columns.iter().enumerate() {
            if sent[position].is_some() || column.generated {
                continue;
            }
            let default = column.default.as_deref().unwrap_or_default();
            let sequence = match column.identity {
                Some(_) => Some(format!(
                    "pg_get_serial_sequence({}, {})",
                    quote_text(&table.sql()),
                    quote_text(&column.name)
                )),
                None => default
                    .strip_prefix("nextval(")
                    .and_then(|rest| rest.strip_suffix(')'))
                    .map(str::to_owned),
            };
            if let (Some(sequence), Some(value)) = (sequence, &cells[position]) {
                sequences.push_str(&format!("SELECT setval({sequence}, {}, false); ", quote_text(value)));
                drawn = true;
            } else if default.contains('(') && column.identity.is_none() {
                all[position] = Some(cells[position].clone());
                drawn = true;
            }
        }
        drawn.then(|| format!("{sequences}{session}{}", self.insert_sql(at, &all)))
    }

    /// The insert of a row with some of its cells.
    pub(super) fn insert_sql(&self, table: usize, cells: &[Option<Option<String>>]) -> String {
        let table = &self.catalogue.tables[table];
        let mut names = Vec::new();
        let mut values = Vec::new();
        for (column, cell) in table.columns.iter().zip(cells) {
            if let Some(value) = cell {
                names.push(column.sql());
                values.push(value.as_deref().map_or_else(|| "NULL".to_owned(), quote_text));
            }
        }
        if names.is_empty() {
            return format!("INSERT INTO {} DEFAULT VALUES RETURNING *", table.sql());
        }
        format!(
            "INSERT INTO {} ({}) VALUES ({}) RETURNING *",
            table.sql(),
            names.join(", "),
            values.join(", ")
        )
    }

    /// Cells of a new row, some of them given: outer `None` for what the database fills.
    pub(super) fn cells(
        &self,
        at: usize,
        who: Who,
        flavour: Flavour,
        given: &[(usize, Option<String>)],
    ) -> Option<Vec<Option<Option<String>>>> {
        let table = &self.catalogue.tables[at];
        let rule = self.rules.tables[at].as_ref()?;
        let mut cells: Vec<Option<Option<String>>> = vec![None; table.columns.len()];
        match (&rule.rule, who) {
            (Rule::Columns(columns, holds), Who::Tenant(tenant)) => {
                let count = self.contract.ids().len();
                for (position, column) in columns.iter().enumerate() {
                    // A row that names several tenants names its own first, then others that are not A.
                    let other = if position == 0 {
                        tenant
                    } else {
                        self.companion(tenant, position + flavour.number, count)
                    };
                    cells[*column] = Some(Some(self.rules.value(other, holds.as_deref())));
                }
                if columns.len() > 1 && flavour.number % 2 == 1 {
                    let first = columns[0];
                    let last = columns[columns.len() - 1];
                    cells.swap(first, last);
                }
            }
            (Rule::Columns(columns, _), _) => {
                for column in columns {
                    cells[*column] = Some(None);
                }
            }
            (Rule::Via(column, target, key), Who::Tenant(tenant)) => {
                let parents = self.parents(*target, Some(tenant), flavour, (true, false), &[]);
                let parent = parents.get((flavour.number + flavour.attempt) % parents.len().max(1))?;
                cells[*column] = Some(parent[*key].clone());
            }
            _ => {}
        }
        for (column, value) in given {
            cells[*column] = Some(value.clone());
        }
        if let (Who::Tenant(tenant), Rule::Columns(columns, _)) = (who, &rule.rule)
            && tenant > 0
        {
            self.same_key(at, columns, flavour, &mut cells);
        }
        for constraint in table.constraints.iter().filter(|c| c.kind == 'f') {
            self.refer(at, constraint, who, flavour, &mut cells)?;
        }
        for (position, column) in table.columns.iter().enumerate() {
            if cells[position].is_some() || !column.settable() {
                continue;
            }
            if let Some(value) = self.in_crowd(at, position, flavour) {
                cells[position] = Some(Some(value));
                continue;
            }
            // A constant default is a choice among others; a computed one is how the schema wants it.
            let constant = column.default.as_ref().is_some_and(|default| !default.contains('('));
            let chosen = constant && flavour.number.is_multiple_of(2) && flavour.attempt == 0;
            if column.fills_itself() && !chosen && (flavour.attempt % 4 != 3 || column.identity.is_some()) {
                continue;
            }
            let shaped = || shape(self.catalogue, table, column, flavour);
            let value = self
                .like_a(at, position, flavour)
                .or_else(|| self.compared(at, position, flavour))
                .or_else(shaped);
            if value.is_none() && column.required {
                return None;
            }
            // Some values are missing where they may be: what is open, not deleted, not answered yet. Never all in
            // step, and one row of three is whole.
            let absent =
                flavour.number % 3 != 1 && super::alike::mixed(flavour.number, position).is_multiple_of(2);
            let skip = !column.required && (flavour.attempt % 4 == 2 || flavour.attempt == 0 && absent);
            cells[position] = Some(value.filter(|_| !skip));
        }
        Some(cells)
    }

    /// Another tenant for a row that names several: never A for B's rows.
    fn companion(&self, tenant: usize, salt: usize, count: usize) -> usize {
        let others: Vec<usize> =
            (0..count).filter(|other| *other != tenant && (tenant == 0 || *other != 0)).collect();
        if others.is_empty() { tenant } else { others[salt % others.len()] }
    }

    fn refer(
        &self,
        at: usize,
        constraint: &crate::isolate::catalogue::Constraint,
        who: Who,
        flavour: Flavour,
        cells: &mut [Option<Option<String>>],
    ) -> Option<()> {
        let table = &self.catalogue.tables[at];
        let rule = self.rules.tables[at].as_ref()?;
        let target = self.catalogue.table(constraint.target)?;
        let fixed: Vec<(usize, Option<String>)> = constraint
            .columns
            .iter()
            .zip(&constraint.target_columns)
            .filter_map(|(own, far)| cells[*own].clone().map(|value| (*far, value)))
            .collect();
        let open: Vec<(usize, usize)> = constraint
            .columns
            .iter()
            .zip(&constraint.target_columns)
            .filter(|(own, _)| cells[**own].is_none())
            .map(|(own, far)| (*own, *far))
            .collect();
        if open.is_empty() {
            return Some(());
        }
        let tenant = match who {
            Who::Tenant(tenant) => Some(tenant),
            _ => None,
        };
        let own = constraint.columns.iter().any(|column| rule.own.contains(column));
        // Where tenants write the table themselves, but not these columns, no row of B gets to refer to A's.
        let set = |at: usize| {
            ['I', 'U']
                .iter()
                .any(|right| table.rights.contains(*right) || table.columns[at].rights.contains(*right))
        };
        let written = table.may('I') || table.may('U');
        let across = !own && (!written || open.iter().all(|(own, _)| set(*own)));
        let parents = self.parents(target, tenant, flavour, (own, across), &fixed);
        let nullable = open.iter().all(|(own, _)| !table.columns[*own].required);
        if parents.is_empty() {
            let itself = target == at && open.iter().all(|(_, far)| table.columns[*far].settable());
            if !nullable && itself {
                // The first row of a tree refers to itself.
                for (own, far) in open {
                    let value = match &cells[far] {
                        Some(value) => value.clone(),
                        None => shape(self.catalogue, table, &table.columns[far], flavour),
                    };
                    cells[far] = Some(value.clone());
                    cells[own] = Some(value);
                }
                return Some(());
            }
            if !nullable {
                return open.iter().all(|(own, _)| table.columns[*own].fills_itself()).then_some(());
            }
            for (own, _) in open {
                cells[own] = Some(None);
            }
            return Some(());
        }
        let parent = &parents[(flavour.number + flavour.attempt) % parents.len()];
        for (own, far) in open {
            cells[own] = Some(parent[far].clone());
        }
        Some(())
    }

    /// Rows that a tenant's row may refer to: only rows of its own tenant with `own`. Every third of B's rows refers to
    /// one of A's where that is allowed: with `across`.
    fn parents(
        &self,
        target: usize,
        tenant: Option<usize>,
        flavour: Flavour,
        (own, across): (bool, bool),
        fixed: &[(usize, Option<String>)],
    ) -> Vec<&Cells> {
        let rows = self.rows.tables[target].iter().zip(&self.owners[target]);
        let fits =
            |cells: &Cells| fixed.iter().all(|(column, value)| value.is_none() || &cells[*column] == value);
        let shared =
            matches!(self.rules.tables[target].as_ref().map(|r| &r.rule), Some(Rule::Shared | Rule::Closed));
        let mut mine = Vec::new();
        let mut of_a = Vec::new();
        for (cells, owner) in rows.filter(|(cells, _)| fits(cells)) {
            match (owner, tenant) {
                (Owner::Everyone | Owner::Closed, _) if shared || !own => mine.push(cells),
                (Owner::Tenants(tenants), Some(tenant)) if tenants.contains(&tenant) => {
                    mine.push(cells);
                }
                (Owner::Tenants(tenants), Some(tenant)) if tenant > 0 && across && tenants.contains(&0) => {
                    of_a.push(cells);
                }
                _ => {}
            }
        }
        if !of_a.is_empty()
            && flavour.who == 'b'
            && (flavour.number % 3 == 2 && flavour.attempt < 4 || mine.is_empty())
        {
            // The last one is there for this: nothing else refers to it, so A may delete it.
            return if flavour.number.is_multiple_of(2) { of_a.split_off(of_a.len() - 1) } else { of_a };
        }
        mine
    }
}
