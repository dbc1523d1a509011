//! Values that A may send: its own, everyone's, and those of B that it may guess.

use crate::isolate::catalogue::{Catalogue, Table};
use crate::isolate::contract::Contract;
use crate::isolate::data::{Cells, Owner};

/// Rows by whose they are, for each table; secret cells are left out.
#[derive(Clone, Debug, Default)]
pub struct Pools {
    /// A's rows.
    pub a: Vec<Vec<Cells>>,
    /// B's rows of both worlds.
    pub b: Vec<Vec<Cells>>,
    /// Everyone's rows.
    pub shared: Vec<Vec<Cells>>,
    /// Values that an outsider may guess, by table and column.
    pub guessed: Vec<(usize, usize, String)>,
    /// The tenants' ids and variables: A's, then B's.
    pub words: Vec<Vec<String>>,
}

impl Pools {
    /// Empty pools.
    pub fn new(catalogue: &Catalogue, contract: &Contract) -> Self {
        let count = catalogue.tables.len();
        let mut guessed = Vec::new();
        for (name, values) in &contract.adversary.values {
            if let Some((table, column)) = column_of(catalogue, name) {
                guessed.extend(values.iter().map(|value| (table, column, value.clone())));
            }
        }
        let words =
            (0..contract.ids().len()).map(|tenant| contract.words(tenant).into_values().collect()).collect();
        Self {
            a: vec![Vec::new(); count],
            b: vec![Vec::new(); count],
            shared: vec![Vec::new(); count],
            guessed,
            words,
        }
    }

    /// Adds the rows of a world.
    pub fn add(
        &mut self,
        catalogue: &Catalogue,
        contract: &Contract,
        rows: &[Vec<Cells>],
        owners: &[Vec<Owner>],
    ) {
        let secrets: Vec<(usize, usize)> =
            contract.adversary.secrets.iter().filter_map(|name| column_of(catalogue, name)).collect();
        for (at, (rows, owners)) in rows.iter().zip(owners).enumerate() {
            for (cells, owner) in rows.iter().zip(owners) {
                let mut cells = cells.clone();
                let list = if owner.is_a() {
                    &mut self.a[at]
                } else if owner.is_foreign() {
                    for (_, column) in secrets.iter().filter(|(table, _)| *table == at) {
                        cells[*column] = None;
                    }
                    &mut self.b[at]
                } else {
                    &mut self.shared[at]
                };
                if !list.contains(&cells) && list.len() < 40 {
                    list.push(cells);
                }
            }
        }
    }

    /// Values of a column, B's first.
    pub fn column(&self, table: usize, column: usize) -> Vec<String> {
        let mut values = Vec::new();
        let guessed = self.guessed.iter().filter(|(t, c, _)| (*t, *c) == (table, column)).map(|(_, _, v)| v);
        let rows = self.b[table]
            .iter()
            .take(4)
            .chain(self.a[table].iter().take(3))
            .chain(self.shared[table].iter().take(3));
        for value in guessed.chain(rows.filter_map(|row| row[column].as_ref())) {
            if !values.contains(value) {
                values.push(value.clone());
            }
        }
        values
    }

    /// The rows of the table that has most columns of a view, with cells in the view's order.
    pub fn like(&self, catalogue: &Catalogue, view: &Table, of_b: bool) -> Vec<Cells> {
        let lists = if of_b { &self.b } else { &self.a };
        let best = catalogue
            .tables
            .iter()
            .enumerate()
            .filter(|(at, table)| table.stores() && !lists[*at].is_empty())
            .max_by_key(|(_, table)| {
                let hits = view.columns.iter().filter(|c| table.position(&c.name).is_some()).count();
                (hits, std::cmp::Reverse(table.columns.len()))
            });
        let Some((at, table)) = best else { return Vec::new() };
        let map: Vec<Option<usize>> =
            view.columns.iter().map(|column| table.position(&column.name)).collect();
        if map.iter().flatten().count() == 0 {
            return Vec::new();
        }
        lists[at].iter().map(|row| map.iter().map(|at| at.and_then(|at| row[at].clone())).collect()).collect()
    }
}

/// `[schema.]table.column` as positions.
pub fn column_of(catalogue: &Catalogue, name: &str) -> Option<(usize, usize)> {
    let (table, column) = name.rsplit_once('.')?;
    let table = catalogue.named(table)?;
    Some((table, catalogue.tables[table].position(column)?))
}
