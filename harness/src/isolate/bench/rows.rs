//! Rows of A, of everyone and of B: which are made, how many, in which order.

use super::Problem;
use crate::backend::postgres::quote_text;
use crate::isolate::data::{Made, Maker, Rule, Who};

/// Rows of A and of everyone, and B's rows that everyone may read.
pub(super) fn base_of(maker: &mut Maker<'_>, generation: usize) -> Result<(Vec<Made>, Vec<String>), Problem> {
    let mut made = Vec::new();
    let mut empty = Vec::new();
    let order = Maker::order(maker.catalogue, maker.rules);
    for table in order {
        let Some(rule) = maker.rules.tables[table].clone() else { continue };
        if !rule.made {
            continue;
        }
        let label = maker.catalogue.tables[table].label();
        let mut count = 0;
        let (who, letter) = match rule.rule {
            Rule::Shared => (Who::Everyone, 's'),
            Rule::Closed => (Who::Closed, 's'),
            Rule::Fixed(tenant) if tenant > 0 => continue,
            _ => (Who::Tenant(0), 'a'),
        };
        for _ in 0..3 {
            let rows = make_with_referrer(maker, table, who, 0, letter)?;
            count += usize::from(!rows.is_empty());
            made.extend(rows);
        }
        if let (Rule::Columns(columns, _), true) = (&rule.rule, generation > 0)
            && columns.iter().all(|c| !maker.catalogue.tables[table].columns[*c].required)
        {
            made.extend(maker.make(table, Who::Everyone, 0, 's')?);
        }
        if let Some(condition) = &rule.public {
            for _ in 0..3 {
                let rows = make_with_referrer(maker, table, Who::Tenant(1), 0, 'b')?;
                made.extend(rows);
            }
            drop_rows(maker, table, &format!("NOT coalesce(({condition}), false)"), &mut made)?;
        }
        if count == 0 && maker.rows.tables[table].is_empty() {
            empty.push(label);
        }
    }
    // A row of A to which none of its own refers, so that it can be deleted: those that refer come first.
    for table in Maker::order(maker.catalogue, maker.rules).into_iter().rev() {
        let Some(rule) = &maker.rules.tables[table] else { continue };
        if rule.made && rule.public.is_none() && matches!(rule.rule, Rule::Columns(..) | Rule::Via(..)) {
            made.extend(maker.make(table, Who::Tenant(0), 0, 'a')?);
        }
    }
    Ok((made, empty))
}

/// Deletes rows of B that were made in this round and fit a condition.
fn drop_rows(
    maker: &mut Maker<'_>,
    table: usize,
    condition: &str,
    made: &mut Vec<Made>,
) -> Result<(), Problem> {
    let name = maker.catalogue.tables[table].sql();
    let fits = maker.connection.run(&format!("SELECT * FROM {name} WHERE {condition}")).unwrap_or_default();
    let gone: Vec<_> = made
        .iter()
        .filter(|row| row.table == table && row.owner.is_foreign() && fits.contains(&row.cells))
        .map(|row| row.cells.clone())
        .collect();
    for cells in gone {
        let parts: Vec<String> = maker.catalogue.tables[table]
            .columns
            .iter()
            .zip(&cells)
            .map(|(column, cell)| match cell {
                Some(value) => format!("{}::text = {}", column.sql(), quote_text(value)),
                None => format!("{} IS NULL", column.sql()),
            })
            .collect();
        let _ = maker.connection.run(&format!("DELETE FROM {name} WHERE {}", parts.join(" AND ")));
        if let Some(at) = maker.rows.tables[table].iter().position(|row| *row == cells) {
            maker.rows.tables[table].remove(at);
            maker.owners[table].remove(at);
        }
        made.retain(|row| row.table != table || row.cells != cells);
    }
    Ok(())
}

/// A row, and where its tenant is that of referring rows, one of those too.
fn make_with_referrer(
    maker: &mut Maker<'_>,
    table: usize,
    who: Who,
    world: usize,
    letter: char,
) -> Result<Vec<Made>, Problem> {
    let Some(rule) = maker.rules.tables[table].clone() else { return Ok(Vec::new()) };
    if let Rule::Referred(_, by, _) = rule.rule
        && maker.rules.tables[by].as_ref().is_some_and(|rule| !rule.made)
    {
        return Ok(Vec::new());
    }
    Ok(maker.make(table, who, world, letter)?.into_iter().collect())
}

/// How many rows B has in a world.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Volume {
    /// Only what `create` made.
    None,
    /// About three a table.
    #[default]
    Few,
    /// A few more, with other contents.
    Other,
    /// Enough to change plans, and to leave A no place within a limit over everyone's rows.
    Many,
    /// The same, made in less time.
    Crowd,
}

/// How many rows B has in a table where it has many, as far as the time goes. Half of them come before A's and half
/// after: more than a thousand each, the largest limit that is common.
const THOUSANDS: usize = 2400;

/// How long B's rows are made in a world at most.
const FILLING: std::time::Duration = std::time::Duration::from_secs(8);

/// How long a crowd is made in the midst of a run at most.
const CROWDING: std::time::Duration = std::time::Duration::from_secs(3);

/// Makes B's rows in a world.
///
/// # Errors
/// The connection is lost.
pub fn neighbour_rows(maker: &mut Maker<'_>, world: usize, volume: Volume) -> Result<Vec<Made>, Problem> {
    let count = match volume {
        Volume::None => return Ok(Vec::new()),
        Volume::Few => 3,
        Volume::Other => 5,
        Volume::Many | Volume::Crowd => 20,
    };
    let mut made = Vec::new();
    let filling = if volume == Volume::Crowd { CROWDING } else { FILLING };
    let deadline = std::time::Instant::now() + filling;
    let order = Maker::order(maker.catalogue, maker.rules);
    let tables = order.len();
    for (position, table) in order.into_iter().enumerate() {
        let Some(rule) = maker.rules.tables[table].clone() else { continue };
        let tenants: Vec<usize> = match rule.rule {
            Rule::Shared | Rule::Closed => continue,
            Rule::Fixed(0) => continue,
            Rule::Fixed(tenant) => vec![tenant],
            _ => (1..maker.contract.ids().len()).collect(),
        };
        if !rule.made || rule.public.as_deref() == Some("true") {
            continue;
        }
        let mut refused = 0;
        let start = made.len();
        for turn in 0..count {
            let tenant = if turn < 2 { tenants[0] } else { tenants[turn % tenants.len()] };
            let rows = make_with_referrer(maker, table, Who::Tenant(tenant), world, 'b')?;
            refused += usize::from(rows.is_empty());
            made.extend(rows);
            if refused > 2 || std::time::Instant::now() > deadline {
                break;
            }
        }
        if matches!(volume, Volume::Many | Volume::Crowd) && refused < 3 {
            // Each table has its part of the time.
            let now = std::time::Instant::now();
            let until = now + deadline.saturating_duration_since(now) / (tables - position) as u32;
            let who = Who::Tenant(tenants[0]);
            made.extend(maker.make_many(table, who, (world, 'c'), THOUSANDS, until)?);
        }
        if let Some(condition) = &rule.public {
            let mut mine = made.split_off(start);
            drop_rows(maker, table, &format!("({condition})"), &mut mine)?;
            made.extend(mine);
        }
    }
    // Rows to which nothing refers: B can delete them, until A refers to them.
    for table in Maker::order(maker.catalogue, maker.rules) {
        let Some(rule) = maker.rules.tables[table].clone() else { continue };
        if rule.made && rule.public.is_none() && matches!(rule.rule, Rule::Columns(..) | Rule::Via(..)) {
            made.extend(maker.make(table, Who::Tenant(1), world, 'b')?);
        }
    }
    Ok(made)
}
