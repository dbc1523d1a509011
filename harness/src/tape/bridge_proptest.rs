//! Generators over a [`Source`] as proptest strategies whose values shrink on the tape.
//!
//! proptest asks a value for one simplification after the other and tells by the next question how the last one
//! went. The shrinker asks the other way round: it calls the test. So it runs on a thread of its own that does
//! nothing but wait for answers; exactly one of the two sides runs at any time, and the same answers give the same
//! questions. The generator stays on the caller's side: it need not be `Send`. Dropping the value ends the thread.

use super::shrink::{Budget, Runner, search};
use super::{Source, Tape};
use proptest::prelude::Rng;
use proptest::strategy::{NewTree, Strategy, ValueTree};
use proptest::test_runner::TestRunner;
use std::fmt::{self, Debug, Formatter};
use std::rc::Rc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

/// A strategy that draws its values with the generator and shrinks them on the tape.
pub fn strategy<T: Debug, F: Fn(&mut Source) -> T>(generate: F) -> TapeStrategy<F> {
    TapeStrategy { generate: Rc::new(generate) }
}

/// See [`strategy`].
pub struct TapeStrategy<F> {
    generate: Rc<F>,
}

impl<F> Clone for TapeStrategy<F> {
    fn clone(&self) -> Self {
        Self { generate: Rc::clone(&self.generate) }
    }
}

impl<F> Debug for TapeStrategy<F> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("TapeStrategy")
    }
}

impl<T: Debug, F: Fn(&mut Source) -> T> Strategy for TapeStrategy<F> {
    type Tree = TapeTree<F>;
    type Value = T;

    fn new_tree(&self, runner: &mut TestRunner) -> NewTree<Self> {
        let mut source = Source::seeded(runner.rng().next_u64());
        (self.generate)(&mut source);
        let tape = source.into_tape();
        Ok(TapeTree {
            generate: Rc::clone(&self.generate),
            best: tape.clone(),
            current: tape,
            shrinker: State::Idle,
        })
    }
}

/// A value of a [`TapeStrategy`] with the shrinker that works on it.
pub struct TapeTree<F> {
    generate: Rc<F>,
    /// The simplest tape that is known to fail.
    best: Tape,
    /// The tape of the present value.
    current: Tape,
    shrinker: State,
}

enum State {
    /// Nothing was asked yet.
    Idle,
    /// The shrinker waits for how `current` went.
    Waiting(Shrinker),
    /// There is nothing simpler to try.
    Done,
}

impl<F> Debug for TapeTree<F> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_struct("TapeTree").field("current", &self.current.to_hint()).finish_non_exhaustive()
    }
}

impl<T: Debug, F: Fn(&mut Source) -> T> TapeTree<F> {
    /// Answers how the present value went, and takes the next one to try.
    fn advance(&mut self, failed: bool) -> bool {
        let shrinker = match std::mem::replace(&mut self.shrinker, State::Done) {
            State::Idle => Shrinker::start(self.current.clone()),
            State::Waiting(shrinker) => {
                if failed && self.current.simplicity(&self.best).is_lt() {
                    self.best = self.current.clone();
                }
                shrinker.answer(self.current.clone(), failed);
                shrinker
            }
            State::Done => return false,
        };
        match shrinker.next() {
            Some(candidate) => {
                let mut source = Source::replay(candidate);
                (self.generate)(&mut source);
                self.current = source.into_tape();
                self.shrinker = State::Waiting(shrinker);
                true
            }
            None => {
                self.current = self.best.clone();
                false
            }
        }
    }
}

impl<T: Debug, F: Fn(&mut Source) -> T> ValueTree for TapeTree<F> {
    type Value = T;

    fn current(&self) -> T {
        (self.generate)(&mut Source::replay(self.current.clone()))
    }

    fn simplify(&mut self) -> bool {
        self.advance(true)
    }

    fn complicate(&mut self) -> bool {
        match self.shrinker {
            State::Idle => false,
            _ => self.advance(false),
        }
    }
}

/// The shrinker's thread, seen from outside.
struct Shrinker {
    candidates: Receiver<Tape>,
    answers: Option<Sender<(Tape, bool)>>,
    thread: Option<JoinHandle<()>>,
}

impl Shrinker {
    /// Starts on a tape that is known to fail.
    fn start(tape: Tape) -> Self {
        let (ask, candidates) = channel();
        let (answers, answered) = channel();
        let thread = std::thread::spawn(move || {
            let mut remote = Remote { first: Some(tape.clone()), ask, answered };
            // proptest has its own limits of steps and time.
            search(tape, &Budget { time: Duration::MAX, ..Budget::default() }, &mut remote);
        });
        Self { candidates, answers: Some(answers), thread: Some(thread) }
    }

    /// The next candidate; none at the end.
    fn next(&self) -> Option<Tape> {
        self.candidates.recv().ok()
    }

    fn answer(&self, recorded: Tape, failed: bool) {
        if let Some(answers) = &self.answers {
            // The shrinker may have ended: then the next question tells.
            let _ = answers.send((recorded, failed));
        }
    }
}

impl Drop for Shrinker {
    fn drop(&mut self) {
        // Nobody answers any more: the search ends at its next question.
        self.answers = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// The caller's side, seen from the shrinker.
struct Remote {
    /// The failing tape, whose run needs no question.
    first: Option<Tape>,
    ask: Sender<Tape>,
    answered: Receiver<(Tape, bool)>,
}

impl Runner for Remote {
    fn run(&mut self, candidate: &Tape) -> Option<(Tape, bool)> {
        if let Some(first) = self.first.take() {
            return Some((first, true));
        }
        self.ask.send(candidate.clone()).ok()?;
        self.answered.recv().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::test_runner::{Config, TestCaseError, TestError};

    fn list(source: &mut Source) -> Vec<i64> {
        source.list("list", 0..=50, |source| source.integer(0..=1_000_000))
    }

    /// The least value that the runner finds, and the steps.
    fn least(config: Config) -> (Vec<i64>, usize) {
        let steps = std::cell::Cell::new(0);
        let mut runner = TestRunner::new_with_rng(
            Config { failure_persistence: None, ..config },
            proptest::test_runner::TestRng::deterministic_rng(proptest::test_runner::RngAlgorithm::ChaCha),
        );
        let result = runner.run(&strategy(list), |list| {
            steps.set(steps.get() + 1);
            let bad = list.iter().filter(|value| **value > 1000).count() >= 2;
            if bad { Err(TestCaseError::fail("two large ones")) } else { Ok(()) }
        });
        match result {
            Err(TestError::Fail(_, value)) => (value, steps.get()),
            other => panic!("no failure: {other:?}"),
        }
    }

    #[test]
    fn a_failing_value_shrinks_to_the_least_under_proptest() {
        assert_eq!(least(Config::default()).0, [1001, 1001]);
    }

    #[test]
    fn the_same_seed_takes_the_same_steps() {
        assert_eq!(least(Config::default()), least(Config::default()));
    }

    #[test]
    fn a_limit_of_steps_leaves_a_value_that_fails() {
        let (value, _) = least(Config { max_shrink_iters: 3, ..Config::default() });
        assert!(value.iter().filter(|value| **value > 1000).count() >= 2, "{value:?}");
    }

    #[test]
    fn a_value_that_is_dropped_half_way_leaves_no_thread_behind() {
        struct Counted(std::sync::Arc<()>);
        let alive = std::sync::Arc::new(());
        let counted = Counted(std::sync::Arc::clone(&alive));
        let generate = move |source: &mut Source| {
            let _ = &counted.0;
            list(source)
        };
        let mut tree = strategy(generate).new_tree(&mut TestRunner::deterministic()).expect("a value");
        while tree.current().is_empty() {
            tree = tree_of(&tree);
        }
        assert!(tree.simplify());
        // Dropping joins the thread: a thread that did not end would hang the test.
        drop(tree);
        assert_eq!(std::sync::Arc::strong_count(&alive), 1);
    }

    fn tree_of<F: Fn(&mut Source) -> Vec<i64>>(tree: &TapeTree<F>) -> TapeTree<F> {
        let again = TapeStrategy { generate: Rc::clone(&tree.generate) };
        again.new_tree(&mut TestRunner::default()).expect("a value")
    }
}
