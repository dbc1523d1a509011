//! All rows of a database, and cheap evidence that they changed.

use crate::backend::postgres::client::{ClientError, Connection, Result};
use crate::isolate::catalogue::Catalogue;

/// The cells of a row, as text.
pub type Cells = Vec<Option<String>>;

/// All rows of all tables, by position of the table in the catalogue.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// Rows in no particular order.
    pub tables: Vec<Vec<Cells>>,
}

fn stored(catalogue: &Catalogue) -> impl Iterator<Item = (usize, String)> {
    catalogue.tables.iter().enumerate().filter(|(_, table)| table.stores() && !table.partition).map(
        |(at, table)| {
            let only = if table.kind == 'r' { "ONLY " } else { "" };
            (at, format!("{only}{}", table.sql()))
        },
    )
}

impl Snapshot {
    /// Reads every table.
    ///
    /// # Errors
    /// The connection is lost.
    pub fn take(catalogue: &Catalogue, connection: &mut Connection) -> Result<Self> {
        let all: Vec<usize> = stored(catalogue).map(|(at, _)| at).collect();
        Self::take_some(catalogue, connection, &all)
    }

    /// Reads some tables; the others stay empty.
    ///
    /// # Errors
    /// The connection is lost.
    pub fn take_some(catalogue: &Catalogue, connection: &mut Connection, some: &[usize]) -> Result<Self> {
        let mut tables = vec![Vec::new(); catalogue.tables.len()];
        let wanted: Vec<(usize, String)> = stored(catalogue).filter(|(at, _)| some.contains(at)).collect();
        for chunk in wanted.chunks(20) {
            let texts: Vec<String> = chunk.iter().map(|(_, name)| format!("SELECT * FROM {name}")).collect();
            for ((at, _), answers) in chunk.iter().zip(connection.pipeline(&texts)?) {
                for answer in answers {
                    if let Some(error) = answer.error {
                        return Err(ClientError::Statement(texts.join("; "), error));
                    }
                    tables[*at].extend(answer.rows);
                }
            }
        }
        Ok(Self { tables })
    }

    /// Rows that are here and not there, and there and not here.
    pub fn changes(here: &[Cells], there: &[Cells]) -> (Vec<Cells>, Vec<Cells>) {
        let mut counts = std::collections::HashMap::<&Cells, i64>::new();
        for row in here {
            *counts.entry(row).or_default() += 1;
        }
        for row in there {
            *counts.entry(row).or_default() -= 1;
        }
        let (mut gone, mut new) = (Vec::new(), Vec::new());
        let mut sorted: Vec<_> = counts.into_iter().filter(|(_, count)| *count != 0).collect();
        sorted.sort();
        for (row, count) in sorted {
            let list = if count > 0 { &mut gone } else { &mut new };
            list.extend(std::iter::repeat_n(row.clone(), count.unsigned_abs() as usize));
        }
        (gone, new)
    }
}

/// The statement whose answer changes when rows change; one row for each wanted table that stores rows.
pub fn digest(catalogue: &Catalogue, wanted: &dyn Fn(usize) -> bool) -> String {
    let parts: Vec<String> = stored(catalogue)
        .filter(|(at, _)| wanted(*at))
        .map(|(at, name)| {
            format!(
                "SELECT {at}, pg_catalog.count(*), \
                 pg_catalog.sum(pg_catalog.hashtextextended(t::pg_catalog.text, 0)::pg_catalog.numeric) FROM {name} t"
            )
        })
        .collect();
    if parts.is_empty() { "SELECT 0, 0, 0 WHERE false".to_owned() } else { parts.join(" UNION ALL ") }
}

#[cfg(test)]
mod tests {
    use super::Snapshot;

    #[test]
    fn a_row_that_stands_twice_and_then_once_is_gone_once() {
        let row = vec![Some("x".to_owned())];
        let (gone, new) = Snapshot::changes(&[row.clone(), row.clone()], std::slice::from_ref(&row));
        assert_eq!((gone, new), (vec![row], vec![]));
    }
}
