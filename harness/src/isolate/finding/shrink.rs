//! Shrinking: fewer steps, then fewer rows of B, then fewer rows of A.
//!
//! Steps are tried in the worlds as they are. Rows are tried in worlds that are made anew from exactly the rows
//! that are left, so what is saved is what was seen.

use super::Finding;
use crate::isolate::bench::{Bench, Problem};
use crate::isolate::data::Made;
use crate::isolate::oracle::{self, Channel, Evidence, Leak, Marks};
use crate::isolate::program::{Actor, Program};
use crate::isolate::run::Pair;
use crate::isolate::world::Rows;
use std::time::Instant;

/// Shrinks a finding until the deadline. The pair's worlds are other ones afterwards.
///
/// # Errors
/// A world fails.
pub fn shrink(
    bench: &Bench,
    pair: &mut Pair<'_>,
    finding: &mut Finding,
    deadline: Instant,
) -> Result<(), Problem> {
    let mut search = Search {
        bench,
        channel: finding.channel(),
        object: finding.object.clone(),
        runs: finding.shrink.2,
        deadline,
    };
    let before = finding.shrink.0.max(size(finding));
    rows(&mut search, pair, finding)?;
    finding.stable = 0;
    for _ in 0..20 {
        search.deadline = Instant::now() + std::time::Duration::from_secs(5);
        if let Some(leak) = search.holds(pair, &finding.program)? {
            finding.stable += 1;
            finding.seen = leak.seen;
            finding.step = leak.step;
        }
    }
    finding.shrink = (before, size(finding), search.runs);
    Ok(())
}

/// Leaves out steps, in the worlds as they are: a few milliseconds a try.
///
/// # Errors
/// A world fails.
pub fn fewer_steps(bench: &Bench, pair: &mut Pair<'_>, finding: &mut Finding) -> Result<(), Problem> {
    finding.shrink.0 = size(finding);
    let deadline = Instant::now() + std::time::Duration::from_secs(3);
    let mut search =
        Search { bench, channel: finding.channel(), object: finding.object.clone(), runs: 0, deadline };
    let mut at = finding.program.steps.len();
    while at > 0 {
        at -= 1;
        let mut fewer = finding.program.clone();
        let removed = fewer.steps.remove(at);
        if fewer.steps.is_empty() || !matches!(removed.actor, Actor::A | Actor::Before) {
            continue;
        }
        if let Some(leak) = search.holds(pair, &fewer)? {
            finding.program = fewer;
            finding.step = leak.step;
            finding.seen = leak.seen;
        }
    }
    finding.shrink.2 = search.runs;
    Ok(())
}

fn size(finding: &Finding) -> usize {
    finding.program.steps.iter().filter(|step| step.actor == Actor::A).count()
        + finding.rows.0.len()
        + finding.rows.1.len()
}

struct Search<'bench> {
    bench: &'bench Bench,
    channel: Channel,
    object: String,
    runs: usize,
    deadline: Instant,
}

impl Search<'_> {
    fn holds(&mut self, pair: &mut Pair<'_>, program: &Program) -> Result<Option<Leak>, Problem> {
        if Instant::now() > self.deadline {
            return Ok(None);
        }
        self.runs += 1;
        Ok(pair
            .leaks(program)?
            .into_iter()
            .find(|leak| leak.channel() == self.channel && leak.object == self.object))
    }

    /// Whether the program leaks in worlds with exactly these rows.
    fn holds_with(
        &mut self,
        pair: &mut Pair<'_>,
        finding: &Finding,
        try_rows: &Try,
    ) -> Result<Option<Leak>, Problem> {
        if Instant::now() > self.deadline {
            return Ok(None);
        }
        for (world, own) in [(&mut pair.one, &try_rows.one), (&mut pair.two, &try_rows.two)] {
            let rows = Rows::Exactly { base: try_rows.base.clone(), own: own.clone() };
            match world.build(finding_base(world), &rows) {
                Ok(()) => {}
                Err(Problem::Harness(_)) => return Ok(None),
                Err(other) => return Err(other),
            }
        }
        pair.learn()?;
        self.holds(pair, &finding.program)
    }
}

fn finding_base(world: &crate::isolate::world::World<'_>) -> usize {
    world.base()
}

#[derive(Clone)]
struct Try {
    base: Option<Vec<Made>>,
    one: Vec<Made>,
    two: Vec<Made>,
}

fn rows(search: &mut Search<'_>, pair: &mut Pair<'_>, finding: &mut Finding) -> Result<(), Problem> {
    let mut best = Try { base: None, one: finding.rows.0.clone(), two: finding.rows.1.clone() };
    let mut good = false;
    // World 1 without B, then world 2 with one row and what it needs.
    let mut attempts: Vec<Try> = Vec::new();
    for made in ordered(search.bench, finding) {
        attempts.push(Try { base: None, one: Vec::new(), two: with_parents(&finding.rows.1, &made) });
    }
    attempts.truncate(8);
    attempts.insert(0, Try { base: None, one: Vec::new(), two: Vec::new() });
    for attempt in attempts {
        if let Some(leak) = search.holds_with(pair, finding, &attempt)? {
            finding.seen = leak.seen;
            finding.step = leak.step;
            best = attempt;
            good = true;
            break;
        }
    }
    if !good {
        let mut chunk = (best.one.len() + best.two.len()).div_ceil(2);
        while chunk > 0 && Instant::now() < search.deadline {
            let mut at = 0;
            while at < best.one.len() + best.two.len() {
                let mut fewer = best.clone();
                let all = best.one.len();
                let keep = |position: usize| position < at || position >= at + chunk;
                fewer.one =
                    best.one.iter().enumerate().filter(|(p, _)| keep(*p)).map(|(_, m)| m.clone()).collect();
                fewer.two = best
                    .two
                    .iter()
                    .enumerate()
                    .filter(|(p, _)| keep(*p + all))
                    .map(|(_, m)| m.clone())
                    .collect();
                if let Some(leak) = search.holds_with(pair, finding, &fewer)? {
                    finding.seen = leak.seen;
                    best = fewer;
                } else {
                    at += chunk;
                }
                if Instant::now() > search.deadline {
                    break;
                }
            }
            chunk /= 2;
        }
    }
    // Rows of A and of everyone: none, then only those of tables that the program names.
    let named = |made: &Made| {
        let label = search.bench.catalogue.tables[made.table].label();
        finding.program.steps.iter().any(|step| step.sql.contains(&label))
    };
    let all = finding.base_rows.clone();
    let some: Vec<Made> = all.iter().filter(|made| named(made)).cloned().collect();
    let one: Vec<Made> = some.iter().take(1).cloned().collect();
    for base in [Vec::new(), one, some] {
        let attempt = Try { base: Some(base.clone()), ..best.clone() };
        if let Some(leak) = search.holds_with(pair, finding, &attempt)? {
            finding.seen = leak.seen;
            finding.base_rows = base;
            best = attempt;
            break;
        }
    }
    // The worlds must be those that are saved.
    let saved = search.deadline;
    search.deadline = Instant::now() + std::time::Duration::from_secs(5);
    let shown = search.holds_with(pair, finding, &best)?;
    search.deadline = saved;
    if shown.is_some() {
        finding.rows = (best.one, best.two);
    }
    Ok(())
}

/// B's rows of world 2, those of tables that the program names first.
fn ordered(bench: &Bench, finding: &Finding) -> Vec<Made> {
    let mut rows = finding.rows.1.clone();
    let text = oracle::sent(&finding.program);
    rows.sort_by_key(|made| {
        let values =
            made.cells.iter().flatten().filter(|cell| cell.len() > 3 && text.contains(cell.as_str())).count();
        let label = bench.catalogue.tables[made.table].label();
        std::cmp::Reverse((values, label == finding.object, text.contains(&label)))
    });
    rows
}

/// A row with those rows of B, made before it, whose values it holds.
fn with_parents(all: &[Made], row: &Made) -> Vec<Made> {
    let mut keep = vec![row.clone()];
    let position = all.iter().position(|made| made == row).unwrap_or(0);
    for earlier in all[..position].iter().rev() {
        let needed = keep.iter().any(|made| {
            made.table != earlier.table
                && earlier
                    .cells
                    .iter()
                    .flatten()
                    .any(|cell| cell.len() > 3 && made.cells.iter().flatten().any(|c| c == cell))
        });
        if needed {
            keep.push(earlier.clone());
        }
    }
    keep.reverse();
    keep
}

impl Pair<'_> {
    /// The stable leaks of a program: two runs in each world.
    ///
    /// # Errors
    /// A world fails.
    pub fn leaks(&mut self, program: &Program) -> Result<Vec<Leak>, Problem> {
        let one = self.one.run(program)?;
        let two = self.two.run(program)?;
        let marks: (&Marks, &Marks) = (&self.marks.0, &self.marks.1);
        if !oracle::suspicious(program, &one, &two, marks) {
            return Ok(Vec::new());
        }
        let one_again = self.one.run(program)?;
        let two_again = self.two.run(program)?;
        let evidence = Evidence { one: (&one, &one_again), two: (&two, &two_again), marks };
        Ok(oracle::judge(self.catalogue, program, &evidence))
    }
}
