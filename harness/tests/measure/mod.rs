//! Measures one challenge over some seeds.

use crate::challenge::Challenge;
use proofhouse::tape::{Budget, Source, shrink};
use std::collections::BTreeMap;

/// What was measured.
pub struct Measured {
    /// How many seeds ended at the least counterexample.
    pub at_least: usize,
    /// Each distinct result with its count and first seed.
    pub results: BTreeMap<String, (usize, u64)>,
    /// Median of the evaluations.
    pub median: usize,
    /// Most evaluations.
    pub most: usize,
    /// Median of the random cases until one failed.
    pub cases: usize,
}

/// Draws cases from each seed until one fails, and shrinks it.
pub fn measure(challenge: &Challenge, seeds: u64) -> Measured {
    let (mut evaluations, mut cases) = (Vec::new(), Vec::new());
    let mut results: BTreeMap<String, (usize, u64)> = BTreeMap::new();
    for seed in 0..seeds {
        let (count, tape) = (0..)
            .find_map(|case| {
                let mut source = Source::seeded(seed << 32 | case);
                (challenge.fails)(&mut source).map(|_| (case + 1, source.into_tape()))
            })
            .expect("every challenge can be failed");
        cases.push(count as usize);
        let shrunk = shrink(tape, &Budget::default(), |source| (challenge.fails)(source).is_some());
        evaluations.push(shrunk.evaluations);
        let result = (challenge.fails)(&mut Source::replay(shrunk.tape)).expect("the result still fails");
        results.entry(result).or_insert((0, seed)).0 += 1;
    }
    evaluations.sort_unstable();
    cases.sort_unstable();
    Measured {
        at_least: results.get(challenge.least).map_or(0, |(count, _)| *count),
        results,
        median: evaluations[evaluations.len() / 2],
        most: evaluations[evaluations.len() - 1],
        cases: cases[cases.len() / 2],
    }
}
