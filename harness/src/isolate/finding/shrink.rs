//! Shrinking: fewer steps, then fewer rows of B, then fewer rows of A.
//!
//! Steps are tried in the worlds as they are. Rows are tried in worlds that are made anew from exactly the rows
//! that are left, so what is saved is what was seen.

use super::Finding;
use crate::isolate::bench::{Bench, Problem};
use crate::isolate::data::{Made, Rule};
use crate::isolate::oracle::{self, Channel, Evidence, Leak, Marks};
use crate::isolate::pair::Pair;
use crate::isolate::program::{Actor, Kind, Program, Step};
use crate::isolate::verdict::by_accepted_key;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Shrinks a finding until the first deadline and replays it until the second. The pair's worlds are other ones
/// afterwards.
///
/// # Errors
/// A world fails.
pub fn shrink(
    bench: &Bench,
    pair: &mut Pair<'_>,
    finding: &mut Finding,
    (deadline, end): (Instant, Instant),
) -> Result<(), Problem> {
    let mut search = Search {
        bench,
        channel: finding.channel(),
        object: finding.object.clone(),
        runs: finding.shrink.2,
        deadline,
    };
    let before = finding.shrink.0.max(size(finding));
    if !rows(&mut search, pair, finding)? {
        // Rows that cannot be written out are made as they were.
        pair.rebuild(finding.stage)?;
    }
    finding.shrink = (before, size(finding), search.runs);
    replay(bench, pair, finding, end)
}

/// Runs a finding twenty times in the worlds as they are, or fewer where the deadline comes before that.
///
/// # Errors
/// A world fails.
pub fn replay(
    bench: &Bench,
    pair: &mut Pair<'_>,
    finding: &mut Finding,
    deadline: Instant,
) -> Result<(), Problem> {
    // What is left out is no replay that failed: the search itself knows no deadline.
    let never = deadline + Duration::from_secs(3600);
    let mut search = Search {
        bench,
        channel: finding.channel(),
        object: finding.object.clone(),
        runs: 0,
        deadline: never,
    };
    (finding.stable, finding.replays) = (0, 0);
    while finding.wants_replay(deadline) {
        finding.replays += 1;
        if let Some(leak) = search.holds(pair, &finding.program)? {
            finding.stable += 1;
            finding.seen = leak.seen;
            finding.step = leak.step;
        }
    }
    finding.shrink.2 += search.runs;
    Ok(())
}

/// Leaves out steps until the deadline, in the worlds as they are: a few milliseconds a try.
///
/// # Errors
/// A world fails.
pub fn fewer_steps(
    bench: &Bench,
    pair: &mut Pair<'_>,
    finding: &mut Finding,
    deadline: Instant,
) -> Result<(), Problem> {
    finding.shrink.0 = size(finding);
    let deadline = deadline.min(Instant::now() + Duration::from_secs(3));
    let mut search =
        Search { bench, channel: finding.channel(), object: finding.object.clone(), runs: 0, deadline };
    let mut at = finding.program.steps.len();
    while at > 0 {
        at -= 1;
        let mut fewer = finding.program.clone();
        let removed = fewer.steps.remove(at);
        if fewer.steps.is_empty() || !may_go(&finding.program, &removed) {
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

/// Steps of A and of B may be left out; entering only where it is a second time.
fn may_go(program: &Program, step: &Step) -> bool {
    match step.actor {
        Actor::A | Actor::Before => true,
        Actor::Enter(_) => program.kind != Kind::Session,
        Actor::Beside => program.kind == Kind::Session,
        Actor::Leave(_) => false,
    }
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
        match pair.rebuild_exactly(finding.base, try_rows.base.as_ref(), (&try_rows.one, &try_rows.two)) {
            Ok(()) => {}
            Err(Problem::Harness(_)) => return Ok(None),
            Err(other) => return Err(other),
        }
        self.holds(pair, &finding.program)
    }
}

#[derive(Clone)]
struct Try {
    base: Option<Vec<Made>>,
    one: Vec<Made>,
    two: Vec<Made>,
}

/// Whether the worlds hold the rows that are left, and show the leak.
fn rows(search: &mut Search<'_>, pair: &mut Pair<'_>, finding: &mut Finding) -> Result<bool, Problem> {
    let mut best = Try { base: None, one: finding.rows.0.clone(), two: finding.rows.1.clone() };
    let mut good = false;
    // World 1 without B, then world 2 with one row and what it needs.
    let mut attempts: Vec<Try> = Vec::new();
    let crowd = finding.rows.1.len() > CROWD;
    // What a crowd shows, few rows do not: they were there before it.
    for made in ordered(search.bench, finding).into_iter().take(if crowd { 0 } else { 8 }) {
        attempts.push(Try {
            base: None,
            one: Vec::new(),
            two: with_parents(search.bench, &finding.rows.1, &made),
        });
    }
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
    if !good && crowd {
        best = first_rows(search, pair, finding)?.unwrap_or(best);
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
    // The worlds must be those that are saved; where they stand already this costs one run.
    search.deadline = Instant::now() + Duration::from_secs(5);
    let holds = search.holds_with(pair, finding, &best)?.is_some();
    if holds {
        finding.rows = (best.one, best.two);
    }
    Ok(holds)
}

/// Rows of B that are a crowd: to make so many for each try takes longer than a finding's share of the time.
pub(crate) const CROWD: usize = 300;

/// Of a crowd those rows of each table that were made first, as few as do: four times as many each time until they do,
/// then halfway between what did and what did not.
fn first_rows(
    search: &mut Search<'_>,
    pair: &mut Pair<'_>,
    finding: &mut Finding,
) -> Result<Option<Try>, Problem> {
    let mut best = None;
    let (mut too_few, mut enough) = (0, finding.rows.1.len());
    let mut count = 32;
    while too_few + too_few / 8 + 1 < enough && Instant::now() < search.deadline {
        let two = first_of_each(search.bench, &finding.rows.1, count);
        if two.len() == finding.rows.1.len() {
            break;
        }
        let attempt = Try { base: None, one: Vec::new(), two };
        if let Some(leak) = search.holds_with(pair, finding, &attempt)? {
            finding.seen = leak.seen;
            finding.step = leak.step;
            (best, enough) = (Some(attempt), count);
        } else {
            too_few = count;
        }
        count = if best.is_some() { usize::midpoint(too_few, enough) } else { count * 4 };
    }
    Ok(best)
}

/// The first rows of each table, and what they refer to.
fn first_of_each(bench: &Bench, all: &[Made], count: usize) -> Vec<Made> {
    let mut made = BTreeMap::<usize, usize>::new();
    let mut keep: Vec<bool> = all
        .iter()
        .map(|row| {
            let before = made.entry(row.table).or_default();
            *before += 1;
            *before <= count
        })
        .collect();
    for at in (0..all.len()).rev() {
        if keep[at] {
            for earlier in 0..at {
                keep[earlier] = keep[earlier] || refers(bench, &all[at], &all[earlier]);
            }
        }
    }
    all.iter().zip(keep).filter(|(_, keep)| *keep).map(|(row, _)| row.clone()).collect()
}

/// B's rows of world 2, those of tables that the program names first.
fn ordered(bench: &Bench, finding: &Finding) -> Vec<Made> {
    let mut rows = finding.rows.1.clone();
    let text = oracle::sent(&finding.program);
    let seen = &finding.seen.1;
    rows.sort_by_key(|made| {
        let within = |text: &str| {
            made.cells.iter().flatten().filter(|cell| cell.len() > 3 && text.contains(cell.as_str())).count()
        };
        let label = bench.catalogue.tables[made.table].label();
        std::cmp::Reverse((within(&text), label == finding.object, within(seen), text.contains(&label)))
    });
    rows
}

/// A row with those rows of B, made before it, that it refers to, and those that these refer to.
fn with_parents(bench: &Bench, all: &[Made], row: &Made) -> Vec<Made> {
    let mut keep = vec![row.clone()];
    let position = all.iter().position(|made| made == row).unwrap_or(0);
    for earlier in all[..position].iter().rev() {
        if keep.iter().any(|made| refers(bench, made, earlier)) {
            keep.push(earlier.clone());
        }
    }
    keep.reverse();
    keep
}

/// Whether a foreign key or the contract leads from a row to another.
fn refers(bench: &Bench, from: &Made, to: &Made) -> bool {
    let holds = |own: usize, far: usize| {
        let cell = from.cells.get(own).cloned().flatten();
        cell.is_some() && cell == to.cells.get(far).cloned().flatten()
    };
    let tables = &bench.catalogue.tables;
    let by_key = tables[from.table].constraints.iter().any(|c| {
        c.kind == 'f'
            && c.target == tables[to.table].oid
            && c.columns.iter().zip(&c.target_columns).all(|(own, far)| holds(*own, *far))
    });
    by_key
        || match bench.rules.tables[from.table].as_ref().map(|rule| &rule.rule) {
            Some(Rule::Via(own, table, far)) => *table == to.table && holds(*own, *far),
            _ => false,
        }
}

impl Pair<'_> {
    /// The stable leaks of a program: two runs in each world. Where sequences stand as each world's rows left them,
    /// what goes away when they stand alike is theirs.
    ///
    /// # Errors
    /// A world fails.
    pub fn leaks(&mut self, program: &Program) -> Result<Vec<Leak>, Problem> {
        let mut leaks = self.leaks_as_they_stand(program)?;
        if program.unaligned && !leaks.is_empty() {
            let aligned = self.leaks_as_they_stand(&Program { unaligned: false, ..program.clone() })?;
            leaks.retain(|leak| leak.direct || !aligned.iter().any(|other| other.step == leak.step));
            for leak in leaks.iter_mut().filter(|leak| !leak.direct) {
                leak.channels = vec![Channel::Sequence];
            }
        }
        for leak in &mut leaks {
            by_accepted_key(self.contract(), program, leak);
        }
        Ok(leaks)
    }

    fn leaks_as_they_stand(&mut self, program: &Program) -> Result<Vec<Leak>, Problem> {
        let one = self.one.run(program)?;
        if self.one.was_slow() > 0 {
            return Ok(Vec::new());
        }
        let two = self.two.run(program)?;
        if self.two.was_slow() > 0 {
            return Ok(Vec::new());
        }
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
