//! What time tells of B: information, never a finding.
//!
//! How long a statement takes depends on how much all tenants store almost everywhere, whatever the policies say. So a
//! run ends with a few statements of A measured in turn in both worlds, B having a few rows in one and thousands in the
//! other, and says how far the times lie apart: Cliff's delta, the chance that a time of world 2 is the longer one minus
//! the chance that it is the shorter one, from -1 to 1. The pages that a statement touches are the same on every
//! machine, and say why.

use super::bench::Problem;
use super::pair::{AT_WORK, Pair};
use super::program::{Kind, Program};
use serde::Serialize;
use std::collections::HashSet;
use std::time::{Duration, Instant};

/// Times of one statement in both worlds.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Timing {
    /// The statement, parameters as literals.
    pub statement: String,
    /// Microseconds in world 1, where B has a few rows: the median.
    pub median_1: f64,
    /// Microseconds in world 2, where B has thousands: the median.
    pub median_2: f64,
    /// Cliff's delta: 1 where every time of world 2 is longer, 0 where none can be told apart.
    pub delta: f64,
    /// Samples in each world.
    pub samples: usize,
    /// Pages touched in world 1 and in world 2; nothing for what cannot be explained.
    pub pages: Option<(u64, u64)>,
}

impl Timing {
    /// The size of the effect in a word (Romano and others, 2006).
    pub fn effect(&self) -> &'static str {
        match self.delta.abs() {
            size if size < 0.147 => "negligible",
            size if size < 0.33 => "small",
            size if size < 0.474 => "medium",
            _ => "large",
        }
    }
}

/// Samples of a statement in each world.
const SAMPLES: usize = 31;
/// Statements that are measured.
const STATEMENTS: usize = 10;

/// Measures statements of A in worlds whose rows differ in B's number, until the deadline.
///
/// # Errors
/// A world fails.
pub fn measure(pair: &mut Pair<'_>, programs: &[Program], deadline: Instant) -> Result<Vec<Timing>, Problem> {
    let mut timings = Vec::new();
    if !(pair.one.begin_timing()? && pair.two.begin_timing()?) {
        return Ok(timings);
    }
    for program in chosen(programs) {
        if Instant::now() > deadline {
            break;
        }
        let step = &program.steps[0];
        let (mut one, mut two) = (Vec::new(), Vec::new());
        // The first time is the cache's. Then in turn, so that what else the machine does meets both.
        for turn in 0..=SAMPLES {
            let (a, b) = if turn % 2 == 0 {
                let a = pair.one.time(step)?;
                (a, pair.two.time(step)?)
            } else {
                let b = pair.two.time(step)?;
                (pair.one.time(step)?, b)
            };
            let (Some(a), Some(b)) = (a, b) else { break };
            if turn > 0 {
                one.push(micros(a));
                two.push(micros(b));
            }
            if Instant::now() > deadline {
                break;
            }
        }
        if one.len() < SAMPLES {
            continue;
        }
        let pages = pair.one.pages(step)?.zip(pair.two.pages(step)?);
        timings.push(Timing {
            statement: step.inlined(),
            delta: delta(&one, &two),
            median_1: median(&mut one),
            median_2: median(&mut two),
            samples: SAMPLES,
            pages,
        });
    }
    pair.one.end_timing()?;
    pair.two.end_timing()?;
    timings.sort_by(|one, two| two.delta.abs().total_cmp(&one.delta.abs()));
    Ok(timings)
}

/// Reads of A, one an object: its own statements first.
fn chosen(programs: &[Program]) -> Vec<&Program> {
    let mut seen = HashSet::new();
    let reads = programs.iter().filter(|program| {
        program.kind == Kind::Requests
            && !program.unaligned
            && matches!(program.steps.as_slice(), [step] if step.sql.trim_start().starts_with("SELECT")
                && !step.sql.contains(AT_WORK)
                && matches!(step.verb.as_str(), "statement" | "aggregate" | "function"))
    });
    let mut reads: Vec<&Program> =
        reads.filter(|program| seen.insert((&program.steps[0].object, &program.steps[0].verb))).collect();
    reads.sort_by_key(|program| program.steps[0].verb != "statement");
    reads.truncate(STATEMENTS);
    reads
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

fn median(samples: &mut [f64]) -> f64 {
    samples.sort_by(f64::total_cmp);
    samples.get(samples.len() / 2).copied().unwrap_or(0.0)
}

/// The chance that a sample of the second list is greater, minus the chance that it is less.
fn delta(one: &[f64], two: &[f64]) -> f64 {
    let pairs = two.iter().flat_map(|b| one.iter().map(move |a| b.total_cmp(a) as i64));
    pairs.sum::<i64>() as f64 / (one.len() * two.len()).max(1) as f64
}

/// The timings as a person reads them; nothing where none was measured.
pub fn print(timings: &[Timing]) -> String {
    let Some(first) = timings.first() else { return String::new() };
    let mut out = format!(
        "timing, for information: B has a few rows in world 1 and thousands in world 2; {} samples each, in turn\n",
        first.samples
    );
    for timing in timings {
        let pages = timing.pages.map_or_else(String::new, |(one, two)| format!(" · pages {one} / {two}"));
        let mut statement: String = timing.statement.replace('\n', " ");
        if statement.chars().count() > 110 {
            statement = statement.chars().take(109).collect::<String>() + "…";
        }
        out.push_str(&format!(
            "  delta {:>5.2} {:<10} · median {:.0} / {:.0} µs{pages} · {statement}\n",
            timing.delta,
            timing.effect(),
            timing.median_1,
            timing.median_2
        ));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::{Timing, delta, median, print};

    #[test]
    fn the_effect_is_one_where_all_times_are_longer_and_nothing_where_they_are_alike() {
        assert_eq!(delta(&[1.0, 2.0, 3.0], &[4.0, 5.0, 6.0]), 1.0);
        assert_eq!(delta(&[4.0, 5.0], &[1.0, 2.0]), -1.0);
        assert_eq!(delta(&[1.0, 2.0, 3.0], &[1.0, 2.0, 3.0]), 0.0);
        assert_eq!(delta(&[], &[]), 0.0);
        assert_eq!(median(&mut [3.0, 1.0, 2.0]), 2.0);
    }

    #[test]
    fn a_timing_is_told_as_information_with_its_effect() {
        let timing = Timing {
            statement: "SELECT count(*) FROM items".to_owned(),
            median_1: 50.4,
            median_2: 410.0,
            delta: 0.98,
            samples: 31,
            pages: Some((2, 40)),
        };
        let text = print(&[timing]);
        assert!(text.starts_with("timing, for information"), "{text}");
        assert!(
            text.contains("delta  0.98 large") && text.contains("median 50 / 410 µs · pages 2 / 40"),
            "{text}"
        );
        assert_eq!(print(&[]), "");
    }
}
