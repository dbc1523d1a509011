//! The public shrinking challenge by three shrinkers: the tape, proptest's value trees, and hegeltest's engine.
//!
//! Same properties, equal generators, the same count: runs of the test from the first failing one on. For proptest
//! the usual limit of 1,024 shrinking steps is raised to 10,000, for the others nothing is changed.

#[expect(dead_code, reason = "the programs and the ceilings belong to the harness's own test")]
#[path = "../../../../harness/tests/challenge/mod.rs"]
mod challenge;
mod hegel_route;
#[expect(dead_code, reason = "not all that is measured has a column here")]
#[path = "../../../../harness/tests/measure/mod.rs"]
mod measure;
mod proptest_route;

use std::collections::BTreeMap;

/// The result of one seed: the counterexample, and the runs of the test.
type Outcome = (String, usize);

fn row(least: &str, mut outcomes: Vec<Outcome>) -> String {
    let mut results: BTreeMap<&str, usize> = BTreeMap::new();
    for (result, _) in &outcomes {
        *results.entry(result).or_default() += 1;
    }
    let share = results.get(least).copied().unwrap_or(0) * 100 / outcomes.len().max(1);
    let distinct = results.len();
    outcomes.sort_by_key(|(_, evaluations)| *evaluations);
    format!("{share:>5}% {distinct:>4} {:>7}", outcomes.get(outcomes.len() / 2).map_or(0, |(_, runs)| *runs))
}

fn main() {
    let seeds: u64 = std::env::var("SEEDS").ok().and_then(|text| text.parse().ok()).unwrap_or(100);
    // Failing cases are panics for hegeltest.
    std::panic::set_hook(Box::new(|_| {}));
    let head = format!("{:>6} {:>4} {:>7}", "least", "diff", "median");
    println!("{:<18} | {:<19} | {:<19} | {:<19}", "", "tape", "proptest", "hegeltest");
    println!("{:<18} | {head} | {head} | {head}", "challenge");
    for challenge in &challenge::CHALLENGES {
        let tape = measure::measure(challenge, seeds);
        let tape = format!(
            "{:>5}% {:>4} {:>7}",
            tape.at_least * 100 / seeds as usize,
            tape.results.len(),
            tape.median
        );
        let proptest =
            row(challenge.least, (0..seeds).map(|seed| proptest_route::run(challenge.name, seed)).collect());
        let hegel =
            row(challenge.least, (0..seeds).map(|seed| hegel_route::run(challenge.name, seed)).collect());
        println!("{:<18} | {tape} | {proptest} | {hegel}", challenge.name);
    }
}
