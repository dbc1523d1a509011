//! A look at a world in which B has thousands of rows, early in a run.
//!
//! A limit that comes before the filter on the tenant shows nothing while everyone's rows fit in it, and the stage of
//! rows in which they do not comes after all programs of the first stage: later than most runs end.

use super::{Options, Shared, followed, rebuild, trial};
use crate::isolate::bench::{Bench, Problem, Volume};
use crate::isolate::finding::Finding;
use crate::isolate::pair::{Pair, Stage};
use crate::isolate::program::{Changes, Kind, Program, Setting, systematic};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// The shortest run that makes a crowd: in a shorter one its rows would take too much of the time.
pub(super) const SHORTEST: Duration = Duration::from_secs(8);

/// When it begins: the first stage finds most of what there is to find in the time before.
pub(super) fn begins(time: Duration) -> Duration {
    time * 2 / 5
}

/// Which part of a run's time it takes at most, its rows not counted: a read takes milliseconds.
const PART: u32 = 8;

/// Runs a few programs of each kind on each object in a crowd, then brings the rows back.
pub(super) fn look(
    bench: &Bench,
    shared: &Shared,
    pair: &mut Pair<'_>,
    options: &Options,
    (parameters, deadline): (&BTreeMap<String, Vec<u32>>, Instant),
    found: &mut Vec<Finding>,
) -> Result<(), Problem> {
    let stage = pair.stage;
    let volumes = (Volume::Few, Volume::Crowd);
    rebuild(pair, Stage { base: 0, volumes, number: stage.number })?;
    let until = deadline.min(Instant::now() + options.time / PART);
    let pools = pair.pools();
    let (contract, catalogue, rules) = (&bench.contract, &bench.catalogue, &bench.rules);
    let setting = Setting { contract, catalogue, rules, pools: &pools, parameters };
    let programs = systematic(&setting, &[]);
    let mut changes = Changes::new(&setting);
    let enough = || options.fail_fast && shared.failed.load(std::sync::atomic::Ordering::Relaxed);
    let time_left = || Instant::now() < until && !enough();
    for program in some_of_each(&programs) {
        if !time_left() {
            break;
        }
        if let Some(next) = followed(bench, shared, pair, program, (options, &mut changes), found)? {
            found.extend(trial(bench, shared, pair, &next, options)?);
        }
    }
    // What A adds may find no place among the others', too.
    while let Some(program) = changes.later().filter(|_| time_left()) {
        found.extend(trial(bench, shared, pair, &program, options)?);
    }
    if !enough() {
        rebuild(pair, stage)?;
    }
    Ok(())
}

/// Programs that a limit may bear on, one of each kind on each object before the next of any. What takes values needs
/// more of them: most find none of A's rows, crowd or not. Changes come last: what they did is looked for among
/// thousands of rows, which costs as much as dozens of reads.
fn some_of_each(programs: &[Program]) -> Vec<&Program> {
    let mut counts = BTreeMap::<(&str, &str), usize>::new();
    let mut ranked = Vec::new();
    for program in programs.iter().filter(|program| program.kind == Kind::Requests && !program.unaligned) {
        let [step] = program.steps.as_slice() else { continue };
        let (changes, most) = match step.verb.as_str() {
            "function" | "statement" => (false, 16),
            "select" => (false, 3),
            "filter" | "aggregate" => (false, 1),
            "insert" | "upsert" => (true, 3),
            "update" | "delete" => (true, 1),
            _ => continue,
        };
        let count = counts.entry((&step.verb, &step.object)).or_default();
        *count += 1;
        if *count <= most {
            ranked.push(((changes, *count), program));
        }
    }
    ranked.sort_by_key(|(rank, _)| *rank);
    ranked.into_iter().map(|(_, program)| program).collect()
}

#[cfg(test)]
mod tests {
    use super::some_of_each;
    use crate::isolate::program::{Program, Step};

    #[test]
    fn each_object_has_its_turn_before_another_value_of_the_first() {
        let call = |object: &str, value: usize| {
            Program::one(Step::new("function", object, format!("SELECT * FROM {object}({value})")))
        };
        let join = Program::one(Step::new("join", "one", "SELECT"));
        let mut programs: Vec<Program> = (0..20).map(|value| call("one", value)).collect();
        let insert = Program::one(Step::new("insert", "one", "INSERT"));
        programs.splice(0..0, [insert]);
        programs.extend([join, call("two", 0), call("two", 1)]);
        let some: Vec<&str> = some_of_each(&programs).iter().map(|p| p.steps[0].sql.as_str()).collect();
        let begin = ["SELECT * FROM one(0)", "SELECT * FROM two(0)", "SELECT * FROM one(1)"];
        assert_eq!(some[..3], begin);
        assert_eq!(some.len(), 19, "sixteen of the first, two of the second, the insert, no join");
        assert_eq!(some.last(), Some(&"INSERT"));
    }
}
