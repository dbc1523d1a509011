//! The shrinker: from an interesting tape to the least one that is still interesting.
//!
//! Each pass is a file with one function that tries one kind of change on the best tape. The search keeps whatever
//! is interesting and simpler, so the passes need no knowledge of each other. Passes run in turn until a whole round
//! changes nothing; one that succeeded is moved to the front of the next round.

mod cache;
mod delete_choices;
mod delete_columns;
mod delete_spans;
mod empty_spans;
mod exchange;
mod fold;
mod hoist;
mod lower;
mod lower_equal;
mod lower_length;
mod lower_pairs;
mod merge;
mod other_options;
mod redistribute;
mod search;
mod sort;
mod turn_off;

pub(crate) use search::{Runner, Search};

use super::{Source, Tape};
use std::time::Duration;

/// How much a search may cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// How often the test may be run.
    pub evaluations: usize,
    /// How long it may take; looked at between evaluations.
    pub time: Duration,
}

impl Default for Budget {
    /// 2,000 evaluations, one minute.
    fn default() -> Self {
        Self { evaluations: 2_000, time: Duration::from_secs(60) }
    }
}

/// Why a search ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stopped {
    /// No pass finds anything simpler.
    FixedPoint,
    /// The evaluations were used up.
    Evaluations,
    /// The time was used up.
    Time,
}

/// What a search came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shrunk {
    /// The least tape that was found.
    pub tape: Tape,
    /// How often the test was run.
    pub evaluations: usize,
    /// The passes that made the tape simpler, in the order of their first success.
    pub passes: Vec<&'static str>,
    /// Why the search ended.
    pub stopped: Stopped,
}

/// One kind of change.
struct Pass {
    name: &'static str,
    run: fn(&mut Search<'_>),
}

/// In the order in which they are tried first: from those that remove much to those that polish.
const PASSES: [Pass; 16] = [
    Pass { name: "delete spans", run: delete_spans::run },
    Pass { name: "delete columns", run: delete_columns::run },
    Pass { name: "empty spans", run: empty_spans::run },
    Pass { name: "hoist", run: hoist::run },
    Pass { name: "turn off", run: turn_off::run },
    Pass { name: "other options", run: other_options::run },
    Pass { name: "merge", run: merge::run },
    Pass { name: "sort", run: sort::run },
    Pass { name: "lower", run: lower::run },
    Pass { name: "lower length", run: lower_length::run },
    Pass { name: "lower equal", run: lower_equal::run },
    Pass { name: "lower pairs", run: lower_pairs::run },
    Pass { name: "redistribute", run: redistribute::run },
    Pass { name: "exchange", run: exchange::run },
    Pass { name: "fold", run: fold::run },
    Pass { name: "delete choices", run: delete_choices::run },
];

/// The least tape for which `test` says that it is still interesting.
///
/// `test` is given a source in replay mode and runs the generator on it; whatever it recorded is what is kept, so
/// the generator must ask for the same choices whenever it is given the same values. The tape itself is run first;
/// if it is not interesting, it comes back as it was.
pub fn shrink(tape: Tape, budget: &Budget, test: impl FnMut(&mut Source) -> bool) -> Shrunk {
    struct Direct<T>(T);
    impl<T: FnMut(&mut Source) -> bool> Runner for Direct<T> {
        fn run(&mut self, candidate: &Tape) -> Option<(Tape, bool)> {
            let mut source = Source::replay(candidate.clone());
            let interesting = (self.0)(&mut source);
            Some((source.into_tape(), interesting))
        }
    }
    search(tape, budget, &mut Direct(test))
}

/// [`shrink`] with whatever runs the candidates.
pub(crate) fn search(tape: Tape, budget: &Budget, runner: &mut dyn Runner) -> Shrunk {
    let mut search = Search::new(runner, *budget);
    let mut passes = Vec::new();
    if search.start(tape) {
        let mut order: Vec<&Pass> = PASSES.iter().collect();
        loop {
            let mut succeeded = Vec::new();
            for pass in &order {
                let before = search.best().clone();
                (pass.run)(&mut search);
                if *search.best() != before {
                    succeeded.push(pass.name);
                }
            }
            for name in &succeeded {
                if !passes.contains(name) {
                    passes.push(*name);
                }
            }
            if succeeded.is_empty() || search.is_over() {
                break;
            }
            order.sort_by_key(|pass| !succeeded.contains(&pass.name));
        }
    }
    let stopped = search.stopped.unwrap_or(Stopped::FixedPoint);
    Shrunk { evaluations: search.evaluations, passes, stopped, tape: search.into_best() }
}

#[cfg(test)]
mod tests;
