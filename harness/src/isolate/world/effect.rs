//! What a program did to A's own rows. It is A's to do, but not to do otherwise because of B: a number that a trigger
//! takes from everyone's rows shows in no answer to the insert, only in a row that A reads later.

use crate::isolate::data::Cells;
use std::collections::BTreeSet;

/// A's rows that a program took away from a table, and those that it put there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Effect {
    /// Position of the table.
    pub table: usize,
    /// A's rows that are no longer there.
    pub gone: Vec<Cells>,
    /// A's rows that were not there before.
    pub new: Vec<Cells>,
}

/// Tables in which a program did otherwise to A's rows in world 1 than in world 2. What two runs in world 1 do in two
/// ways is noise: columns that time or chance fills.
pub fn parted(one: &[Effect], again: &[Effect], two: &[Effect]) -> Vec<usize> {
    let tables: BTreeSet<usize> = one.iter().chain(two).map(|effect| effect.table).collect();
    tables
        .into_iter()
        .filter(|table| {
            let noise = noise(of(one, *table), of(again, *table));
            let plain = |effects| {
                let (gone, new) = of(effects, *table);
                (without(gone, &noise), without(new, &noise))
            };
            let whole = plain(one) == plain(again);
            whole && plain(one) != plain(two)
        })
        .collect()
}

fn of(effects: &[Effect], table: usize) -> (&[Cells], &[Cells]) {
    effects
        .iter()
        .find(|effect| effect.table == table)
        .map_or((&[], &[]), |effect| (effect.gone.as_slice(), effect.new.as_slice()))
}

/// Columns that differ between two runs in one world.
fn noise(first: (&[Cells], &[Cells]), second: (&[Cells], &[Cells])) -> BTreeSet<usize> {
    let project = |rows: &[Cells], at: usize| {
        let mut cells: Vec<Option<&String>> = rows.iter().map(|row| row[at].as_ref()).collect();
        cells.sort();
        cells.into_iter().map(|cell| cell.cloned()).collect::<Vec<_>>()
    };
    let width = [first.0, first.1, second.0, second.1].into_iter().flatten().map(Vec::len).max().unwrap_or(0);
    (0..width)
        .filter(|at| {
            project(first.0, *at) != project(second.0, *at) || project(first.1, *at) != project(second.1, *at)
        })
        .collect()
}

fn without(rows: &[Cells], columns: &BTreeSet<usize>) -> Vec<Cells> {
    let mut rows: Vec<Cells> = rows
        .iter()
        .map(|row| {
            let kept = row.iter().enumerate().filter(|(at, _)| !columns.contains(at));
            kept.map(|(_, cell)| cell.clone()).collect()
        })
        .collect();
    rows.sort();
    rows
}

#[cfg(test)]
mod tests {
    use super::{Effect, parted};

    fn new(rows: &[[&str; 2]]) -> Vec<Effect> {
        let cells = |row: &[&str; 2]| row.iter().map(|cell| Some((*cell).to_owned())).collect();
        vec![Effect { table: 4, gone: Vec::new(), new: rows.iter().map(cells).collect() }]
    }

    #[test]
    fn a_row_that_depends_on_the_world_parts_them() {
        let (one, two) = (new(&[["12:00", "5"]]), new(&[["12:01", "8"]]));
        assert_eq!(parted(&one, &new(&[["12:02", "5"]]), &two), [4]);
        assert_eq!(parted(&one, &one, &[]), [4]);
    }

    #[test]
    fn what_time_or_chance_fills_parts_nothing() {
        let (one, two) = (new(&[["12:00", "5"]]), new(&[["12:01", "5"]]));
        assert!(parted(&one, &new(&[["12:02", "5"]]), &two).is_empty());
        assert!(parted(&one, &new(&[]), &new(&[])).is_empty(), "one world does it in two ways");
    }

    #[test]
    fn the_order_of_rows_parts_nothing() {
        let (one, two) = (new(&[["a", "1"], ["b", "2"]]), new(&[["b", "2"], ["a", "1"]]));
        assert!(parted(&one, &one, &two).is_empty());
    }
}
