//! What rows of B have in common with A's: numbers and keys on which look-ups without the tenant meet both.

use super::make::Maker;
use super::owner::Rule;
use super::snapshot::Cells;
use super::value::Flavour;

impl Maker<'_> {
    /// Many rows of B hold numbers and keys that A has too, so that look-ups without the tenant meet both. Its other
    /// texts keep B's mark.
    pub(super) fn like_a(&self, at: usize, position: usize, flavour: Flavour) -> Option<String> {
        let meets = match flavour.number % 3 {
            1 => true,
            0 => (flavour.number / 3).is_multiple_of(2),
            _ => false,
        };
        if flavour.who != 'b' || !meets || flavour.attempt > 2 {
            return None;
        }
        let table = &self.catalogue.tables[at];
        let number =
            self.catalogue.base(table.columns[position].kind).is_some_and(|kind| kind.category == 'N');
        let keyed =
            table.constraints.iter().any(|c| matches!(c.kind, 'p' | 'u') && c.columns.contains(&position));
        if !(number || keyed) || flavour.attempt > 0 && keyed {
            return None;
        }
        // Where a tenant has one row it would be A's again: a maximum over everyone's would be the same without B.
        if number && !keyed && self.one_row_each(at) {
            return None;
        }
        self.row_of_a(at, flavour)?.get(position)?.clone()
    }

    /// A word that policies and functions compare the column with, in some rows of B: what such a word opens is there.
    pub(super) fn compared(&self, at: usize, position: usize, flavour: Flavour) -> Option<String> {
        if flavour.who != 'b' || flavour.number % 6 != 2 || flavour.attempt > 0 {
            return None;
        }
        let column = &self.catalogue.tables[at].columns[position];
        let base = self.catalogue.base(column.kind)?;
        let element = self.catalogue.types.get(&base.element).map(|element| element.category);
        let list = base.category == 'A' && element == Some('S');
        if base.category != 'S' && !list {
            return None;
        }
        let words = self.catalogue.words_beside(&column.name);
        let word = words.get(flavour.number / 6 % words.len().max(1))?;
        Some(if list { format!("{{{word}}}") } else { word.clone() })
    }

    /// Whether a key holds nothing but the tenant.
    fn one_row_each(&self, at: usize) -> bool {
        let Some(Rule::Columns(tenant, _)) = self.rules.tables[at].as_ref().map(|rule| &rule.rule) else {
            return false;
        };
        let constraints = &self.catalogue.tables[at].constraints;
        let mut keys = constraints.iter().filter(|c| matches!(c.kind, 'p' | 'u') && !c.columns.is_empty());
        keys.any(|c| c.columns.iter().all(|column| tenant.contains(column)))
    }

    /// One of A's rows, another one for each number.
    pub(super) fn row_of_a(&self, at: usize, flavour: Flavour) -> Option<&Cells> {
        let rows = self.rows.tables[at].iter().zip(&self.owners[at]);
        let of_a: Vec<&Cells> = rows.filter(|(_, owner)| owner.is_a()).map(|(row, _)| row).collect();
        of_a.get(flavour.number / 3 % of_a.len().max(1)).copied()
    }

    /// Some rows of B have the drawn key of a row of A, where the key holds the tenant too and the application may
    /// choose it: what finds rows without the tenant meets both.
    pub(super) fn same_key(
        &self,
        at: usize,
        tenant: &[usize],
        flavour: Flavour,
        cells: &mut [Option<Option<String>>],
    ) {
        if flavour.who == 'c' || flavour.attempt > 0 || flavour.number % 3 != 1 {
            return;
        }
        let table = &self.catalogue.tables[at];
        let Some(row) = self.row_of_a(at, flavour) else { return };
        let keys = table.constraints.iter().filter(|c| matches!(c.kind, 'p' | 'u'));
        let held: Vec<usize> = keys
            .clone()
            .filter(|c| tenant.iter().any(|column| c.columns.contains(column)))
            .flat_map(|c| c.columns.iter().copied())
            .collect();
        let alone = |column: usize| {
            keys.clone().any(|c| c.columns.contains(&column) && !tenant.iter().any(|t| c.columns.contains(t)))
        };
        for column in held {
            let facts = &table.columns[column];
            let default = facts.default.as_deref().unwrap_or_default();
            let drawn = default.contains('(') && !default.contains("nextval(") && facts.identity.is_none();
            let chosen = table.rights.contains('I') || facts.rights.contains('I');
            if drawn && chosen && facts.settable() && cells[column].is_none() && !alone(column) {
                cells[column] = Some(row[column].clone());
            }
        }
    }
}

/// A number that follows from both without a pattern that others share.
pub(super) fn mixed(number: usize, position: usize) -> usize {
    let product = (number as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15)
        ^ (position as u64 + 1).wrapping_mul(0xC2B2_AE3D_27D4_EB4F);
    (product.wrapping_mul(0xFF51_AFD7_ED55_8CCD) >> 40) as usize
}
