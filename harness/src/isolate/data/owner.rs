//! Whose a row is, by the rules of the contract.

use super::snapshot::{Cells, Snapshot};
use crate::isolate::catalogue::Catalogue;
use crate::isolate::contract::{Contract, ContractError, Rows};

/// Whose a row is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Owner {
    /// These tenants, by position in `ids`.
    Tenants(Vec<usize>),
    /// Everyone: a shared table, or a row without a tenant.
    Everyone,
    /// No tenant, and none may read it.
    Closed,
}

impl Owner {
    /// Whether it is A's, perhaps with others.
    pub fn is_a(&self) -> bool {
        matches!(self, Self::Tenants(tenants) if tenants.contains(&0))
    }

    /// Whether A may not see it.
    pub fn is_foreign(&self) -> bool {
        matches!(self, Self::Closed) || matches!(self, Self::Tenants(tenants) if !tenants.contains(&0))
    }
}

/// How a table's rows find their tenant.
#[derive(Clone, Debug)]
pub enum Rule {
    /// Columns that hold the id, or a variable.
    Columns(Vec<usize>, Option<String>),
    /// The tenant of the row that a column refers to: column, table, its column.
    Via(usize, usize, usize),
    /// Whoever the referring rows belong to: column, table, its column.
    Referred(usize, usize, usize),
    /// One tenant.
    Fixed(usize),
    /// Everyone.
    Shared,
    /// No tenant.
    Closed,
}

/// What the contract says of a table.
#[derive(Clone, Debug)]
pub struct TableRule {
    /// How rows find their tenant.
    pub rule: Rule,
    /// Tenants may change this shared table.
    pub writable: bool,
    /// Rows are made up.
    pub made: bool,
    /// Condition of rows that everyone may read.
    pub public: Option<String>,
    /// Columns whose foreign keys stay within the tenant.
    pub own: Vec<usize>,
    /// Rows are only added.
    pub append_only: bool,
}

/// The contract, resolved against the catalogue: a rule for each table that stores rows.
#[derive(Clone, Debug)]
pub struct Rules {
    /// By position of the table in the catalogue; none for views, partitions and extensions' tables.
    pub tables: Vec<Option<TableRule>>,
    /// Values of the tenants: id first, by variable name.
    ids: Vec<String>,
    vars: Vec<(String, Vec<String>)>,
}

impl Rules {
    /// Resolves the contract.
    ///
    /// # Errors
    /// A name that does not exist, a table without a tenant that is not marked shared.
    pub fn resolve(contract: &Contract, catalogue: &Catalogue) -> Result<Self, ContractError> {
        let mut tables: Vec<Option<TableRule>> = vec![None; catalogue.tables.len()];
        for name in contract.tables.keys() {
            if catalogue.named(name).is_none() {
                return Err(contract
                    .error_at(&format!("tables.{name}"), format!("tables.{name}: no such table"))
                    .or_quoted(contract, name));
            }
        }
        for (at, table) in catalogue.tables.iter().enumerate() {
            if !table.stores() || table.partition || table.extension {
                continue;
            }
            tables[at] = Some(resolve_table(contract, catalogue, at)?);
        }
        let vars = contract.tenant.vars.iter().map(|(name, v)| (name.clone(), v.as_ref().clone())).collect();
        Ok(Self { tables, ids: contract.ids().to_vec(), vars })
    }

    /// The tenant that a cell names.
    pub fn tenant(&self, cell: Option<&str>, holds: Option<&str>) -> Option<usize> {
        let cell = cell?.trim_end();
        let values = match holds {
            None => &self.ids,
            Some(name) => &self.vars.iter().find(|(var, _)| var == name)?.1,
        };
        values.iter().position(|value| value.eq_ignore_ascii_case(cell) && same_case(value, cell))
    }

    /// What a tenant's rows hold in a tenant column.
    pub fn value(&self, tenant: usize, holds: Option<&str>) -> String {
        match holds {
            None => self.ids[tenant].clone(),
            Some(name) => self
                .vars
                .iter()
                .find(|(var, _)| var == name)
                .map_or_else(String::new, |v| v.1[tenant].clone()),
        }
    }

    /// Owners of all rows, table by table, in the snapshot's order.
    pub fn owners(&self, snapshot: &Snapshot) -> Vec<Vec<Owner>> {
        let mut done: Vec<Option<Vec<Owner>>> = vec![None; self.tables.len()];
        for at in 0..self.tables.len() {
            self.of_table(at, snapshot, &mut done, 0);
        }
        done.into_iter().map(Option::unwrap_or_default).collect()
    }

    fn of_table(&self, at: usize, snapshot: &Snapshot, done: &mut Vec<Option<Vec<Owner>>>, depth: usize) {
        if done[at].is_some() {
            return;
        }
        let rows = &snapshot.tables[at];
        let Some(rule) = &self.tables[at] else {
            done[at] = Some(vec![Owner::Everyone; rows.len()]);
            return;
        };
        if let Rule::Via(_, other, _) | Rule::Referred(_, other, _) = &rule.rule {
            if depth < 10 && *other != at {
                self.of_table(*other, snapshot, done, depth + 1);
            }
            if done[at].is_some() {
                return;
            }
        }
        let owners = rows
            .iter()
            .map(|row| {
                self.of_row(&rule.rule, row, |other| (&snapshot.tables[other], done[other].as_deref()))
            })
            .collect();
        done[at] = Some(owners);
    }

    /// Owner of one row, given the rows and owners of other tables.
    pub fn of_row<'rows>(
        &self,
        rule: &Rule,
        row: &Cells,
        others: impl Fn(usize) -> (&'rows Vec<Cells>, Option<&'rows [Owner]>),
    ) -> Owner {
        match rule {
            Rule::Shared => Owner::Everyone,
            Rule::Closed => Owner::Closed,
            Rule::Fixed(tenant) => Owner::Tenants(vec![*tenant]),
            Rule::Columns(columns, holds) => {
                let tenants: Vec<usize> = columns
                    .iter()
                    .filter_map(|c| self.tenant(row[*c].as_deref(), holds.as_deref()))
                    .collect();
                if tenants.is_empty() { Owner::Everyone } else { Owner::Tenants(tenants) }
            }
            Rule::Via(column, table, key) | Rule::Referred(column, table, key) => {
                let (rows, owners) = others(*table);
                let mut tenants = Vec::new();
                let mut closed = false;
                for (position, other) in rows.iter().enumerate() {
                    if row[*column].is_some() && other[*key] == row[*column] {
                        match owners.and_then(|owners| owners.get(position)) {
                            Some(Owner::Tenants(found)) => tenants.extend(found),
                            Some(Owner::Closed) => closed = true,
                            _ => {}
                        }
                    }
                }
                tenants.sort_unstable();
                tenants.dedup();
                match (tenants.is_empty(), closed) {
                    (false, _) => Owner::Tenants(tenants),
                    (true, true) => Owner::Closed,
                    (true, false) => Owner::Everyone,
                }
            }
        }
    }
}

impl ContractError {
    fn or_quoted(self, contract: &Contract, name: &str) -> Self {
        if self.place.ends_with(":1") {
            contract.error_at(&format!("tables.\"{name}\""), self.reason)
        } else {
            self
        }
    }
}

/// Ids that differ in case only are different tenants; letters of a UUID are not.
fn same_case(value: &str, cell: &str) -> bool {
    value == cell || (value.len() == 36 && value.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-'))
}

fn resolve_table(contract: &Contract, catalogue: &Catalogue, at: usize) -> Result<TableRule, ContractError> {
    let table = &catalogue.tables[at];
    let (name, spec) = contract
        .tables
        .iter()
        .find(|(name, _)| catalogue.named(name) == Some(at))
        .map_or((table.label(), None), |(name, spec)| (name.clone(), Some(spec)));
    let error = |reason: String| contract.error_at(&name, reason).or_quoted(contract, &name);
    let column = |column: &str| {
        table.position(column).ok_or_else(|| error(format!("tables.{name}: no column {column}")))
    };
    let default = crate::isolate::contract::Contract::default_table();
    let spec = spec.unwrap_or(&default);
    let rule = if spec.shared {
        Rule::Shared
    } else if spec.closed {
        Rule::Closed
    } else if let Some(tenant) = &spec.tenant {
        Rule::Fixed(contract.ids().iter().position(|id| id == tenant).unwrap_or(0))
    } else if let Some(via) = &spec.via {
        let (own, far, reverse) = match via.split_once("->") {
            Some((own, far)) => (own.trim(), far.trim(), false),
            None => via
                .split_once("<-")
                .map_or((via.trim(), "", true), |(own, far)| (own.trim(), far.trim(), true)),
        };
        let (far_table, far_column) =
            far.rsplit_once('.').ok_or_else(|| error(format!("tables.{name}: {far} is not table.column")))?;
        let target = catalogue
            .named(far_table)
            .ok_or_else(|| error(format!("tables.{name}: no table {far_table}")))?;
        let key = catalogue.tables[target]
            .position(far_column)
            .ok_or_else(|| error(format!("tables.{name}: no column {far}")))?;
        if reverse { Rule::Referred(column(own)?, target, key) } else { Rule::Via(column(own)?, target, key) }
    } else if let Some(columns) = &spec.column {
        Rule::Columns(columns.list().iter().map(|c| column(c)).collect::<Result<_, _>>()?, spec.holds.clone())
    } else if spec.public.as_deref() == Some("true") && table.position(&contract.tenant.column).is_none() {
        Rule::Shared
    } else {
        let position = table.position(&contract.tenant.column).ok_or_else(|| {
            contract.error_at(
                "column",
                format!("table {name} has no column {} and is not marked shared", contract.tenant.column),
            )
        })?;
        Rule::Columns(vec![position], spec.holds.clone())
    };
    let own = spec.own.iter().map(|c| column(c)).collect::<Result<_, _>>()?;
    Ok(TableRule {
        rule,
        writable: spec.writable,
        made: spec.rows != Some(Rows::Create),
        public: spec.public.clone(),
        own,
        append_only: spec.append_only,
    })
}
