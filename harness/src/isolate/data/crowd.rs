//! Rows of a crowd: thousands of B's, some before all of A's in any order and some after them, so that a limit that
//! comes before the filter on the tenant leaves none of A's, and some with a row of A's contents, so that one of each
//! kind is B's.

use super::make::Maker;
use super::value::{Flavour, shape};

impl Flavour {
    /// Whether a row of a crowd comes before A's in whatever order. Not every second one: what alternates, such as a
    /// flag, must not go with it.
    pub fn early(&self) -> bool {
        self.who == 'c' && (self.number / 12).is_multiple_of(2)
    }
}

impl Maker<'_> {
    /// What a row of a crowd holds in a column where others leave it to the database, or make something up.
    pub(super) fn in_crowd(&self, at: usize, position: usize, flavour: Flavour) -> Option<String> {
        if flavour.who != 'c' || flavour.attempt > 0 {
            return None;
        }
        let table = &self.catalogue.tables[at];
        let column = &table.columns[position];
        let category = self.catalogue.base(column.kind)?.category;
        let within = |kinds: &[char]| {
            table.constraints.iter().any(|c| kinds.contains(&c.kind) && c.columns.contains(&position))
        };
        let keyed = within(&['p', 'u', 'x']);
        let computed = column.default.as_deref().is_some_and(|default| default.contains('('));
        let checked = within(&['c']) || self.catalogue.types.get(&column.kind)?.kind == 'd';
        let drawn = computed || column.identity.is_some();
        if flavour.early() {
            match category {
                // Numbers that sequences give out only go up: what was there before A is below.
                'N' if keyed && !checked && (drawn || !column.fills_itself()) => {
                    return Some(format!("-{}", flavour.number));
                }
                'D' if computed => return shape(self.catalogue, table, column, flavour),
                _ => {}
            }
        }
        let copies = flavour.number % 8 == 5 && !keyed && !column.fills_itself();
        if copies { self.row_of_a(at, flavour)?.get(position)?.clone() } else { None }
    }
}

#[cfg(test)]
mod tests {
    use super::Flavour;

    #[test]
    fn only_a_crowd_is_early_and_half_of_it() {
        let early = |who, number| Flavour { who, world: 2, number, attempt: 0 }.early();
        assert_eq!((0..2400).filter(|number| early('c', *number)).count(), 1200);
        assert_eq!((0..2400).filter(|number| early('b', *number)).count(), 0);
        assert!([true, false].iter().all(|even| (0..24).any(|n| early('c', n) && (n % 2 == 0) == *even)));
    }
}
