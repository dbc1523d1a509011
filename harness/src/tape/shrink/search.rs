//! The state that all passes share: the least tape so far, what was run already, and what is left of the budget.

use super::cache::Cache;
use super::{Budget, Stopped};
use crate::tape::{Choice, Tape};
use std::cmp::Ordering;
use std::time::Instant;

/// Runs a candidate: what it recorded, and whether it is still interesting. `None` ends the search.
pub(crate) trait Runner {
    fn run(&mut self, candidate: &Tape) -> Option<(Tape, bool)>;
}

/// The search for the least tape.
pub(crate) struct Search<'runner> {
    runner: &'runner mut dyn Runner,
    budget: Budget,
    started: Instant,
    cache: Cache,
    best: Tape,
    pub(super) evaluations: usize,
    pub(super) stopped: Option<Stopped>,
}

impl<'runner> Search<'runner> {
    pub(super) fn new(runner: &'runner mut dyn Runner, budget: Budget) -> Self {
        Self {
            runner,
            budget,
            started: Instant::now(),
            cache: Cache::default(),
            best: Tape::default(),
            evaluations: 0,
            stopped: None,
        }
    }

    /// Runs the first tape. False if it is not interesting: there is nothing to shrink.
    pub(super) fn start(&mut self, tape: Tape) -> bool {
        match self.evaluate(&tape) {
            Some((recorded, true)) => {
                self.best = recorded;
                true
            }
            _ => {
                self.best = tape;
                false
            }
        }
    }

    /// The least tape so far.
    pub(super) fn best(&self) -> &Tape {
        &self.best
    }

    pub(super) fn into_best(self) -> Tape {
        self.best
    }

    /// Whether the budget is used up; then nothing is considered any more.
    pub(super) fn is_over(&self) -> bool {
        self.stopped.is_some()
    }

    /// Tries a candidate. True if it is interesting and simpler than the best, which it then replaces.
    pub(super) fn consider(&mut self, candidate: Tape) -> bool {
        // What was run before is either not interesting or not simpler than the best of that time.
        if self.is_over() || self.cache.get(&candidate).is_some() {
            return false;
        }
        match self.evaluate(&candidate) {
            Some((recorded, true)) if recorded.simplicity(&self.best) == Ordering::Less => {
                self.best = recorded;
                true
            }
            _ => false,
        }
    }

    /// Tries the best tape with other values at some positions.
    pub(super) fn consider_values(&mut self, values: &[(usize, i64)]) -> bool {
        let candidate = self.best.with(values);
        self.consider(candidate)
    }

    fn evaluate(&mut self, candidate: &Tape) -> Option<(Tape, bool)> {
        if self.evaluations >= self.budget.evaluations {
            self.stopped = Some(Stopped::Evaluations);
        } else if self.started.elapsed() >= self.budget.time {
            self.stopped = Some(Stopped::Time);
        }
        if self.is_over() {
            return None;
        }
        let Some((recorded, interesting)) = self.runner.run(candidate) else {
            self.stopped = Some(Stopped::Evaluations);
            return None;
        };
        self.evaluations += 1;
        self.cache.insert(&recorded, interesting);
        Some((recorded, interesting))
    }

    /// By how many choices a candidate that was considered before came out shorter than the best.
    pub(super) fn shorter_by(&self, candidate: &Tape) -> usize {
        let length = self.cache.get(candidate).map_or(usize::MAX, |(_, length)| length);
        self.best.choices.len().saturating_sub(length)
    }

    /// Positions of the best tape whose value could be simpler.
    pub(super) fn improvable(&self) -> Vec<usize> {
        positions(&self.best, |choice| !choice.is_simplest())
    }
}

/// Positions of the choices of a kind.
pub(super) fn positions(tape: &Tape, is: impl Fn(&Choice) -> bool) -> Vec<usize> {
    (0..tape.choices.len()).filter(|&at| is(&tape.choices[at])).collect()
}

/// The largest step for which `works` holds, up to `most`, where a step that works mostly means that all smaller ones
/// do: doubles while it succeeds, then bisects. A long way costs a logarithm, a short one little.
pub(super) fn grow(most: u64, mut works: impl FnMut(u64) -> bool) -> u64 {
    if most == 0 || !works(1) {
        return 0;
    }
    let (mut good, mut bad) = (1, most.saturating_add(1));
    while good < most {
        let next = good.saturating_mul(2).min(most);
        if works(next) {
            good = next;
        } else {
            bad = next;
            break;
        }
    }
    while bad - good > 1 {
        let middle = good + (bad - good) / 2;
        if works(middle) { good = middle } else { bad = middle }
    }
    good
}
