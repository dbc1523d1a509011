//! Which choices of a least tape matter, and which may be anything.
//!
//! Shrinking leaves the simplest values behind, and a reader cannot see whether a 0 is part of the bug or just what
//! was left. So each choice is given other values: near ones, the middle, both ends. If the tape stays interesting
//! with all of them, the choice is free.

use super::{Choice, Source, Tape};

/// Other values that are tried for one choice.
const VALUES: usize = 4;

/// Runs of the test for one tape.
const EVALUATIONS: usize = 200;

/// What a choice does for the outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Influence {
    /// Some other value makes the case uninteresting.
    Matters,
    /// All other values that were tried leave it interesting.
    Free,
    /// There is no other value, or the budget ended before it was tried.
    Untried,
}

/// What was found out about a tape.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// One for each choice of the tape.
    pub choices: Vec<Influence>,
    /// Whether the tape also stays interesting when all free choices are changed at the same time.
    pub together: bool,
    /// How often the test was run.
    pub evaluations: usize,
}

/// Varies each choice of an interesting tape, within 200 runs of the test.
pub fn explain(tape: &Tape, mut test: impl FnMut(&mut Source) -> bool) -> Explanation {
    let mut evaluations = 0;
    let mut run = |values: &[(usize, i64)]| {
        evaluations += 1;
        test(&mut Source::replay(tape.with(values)))
    };
    let mut left = EVALUATIONS - VALUES;
    let mut choices = Vec::with_capacity(tape.choices.len());
    for (at, choice) in tape.choices.iter().enumerate() {
        let others = others(choice);
        choices.push(if others.is_empty() || others.len() > left {
            Influence::Untried
        } else if others.iter().all(|value| {
            left -= 1;
            run(&[(at, *value)])
        }) {
            Influence::Free
        } else {
            Influence::Matters
        });
    }
    let free: Vec<usize> = (0..choices.len()).filter(|&at| choices[at] == Influence::Free).collect();
    let together = (0..if free.is_empty() { 0 } else { VALUES }).all(|turn| {
        let values: Vec<_> = free
            .iter()
            .map(|&at| {
                let others = others(&tape.choices[at]);
                (at, others[(turn + at) % others.len()])
            })
            .collect();
        run(&values)
    });
    Explanation { choices, together, evaluations }
}

/// Other values of the range, without the present one: its neighbours in the order, the middle, the far end, the
/// simplest.
fn others(choice: &Choice) -> Vec<i64> {
    let (rank, last) = (choice.rank(), choice.last_rank());
    let mut ranks = Vec::with_capacity(VALUES);
    for other in [last, 0, rank.saturating_add(1), last / 2, rank.saturating_sub(1), 1, 2] {
        if other <= last && other != rank && !ranks.contains(&other) && ranks.len() < VALUES {
            ranks.push(other);
        }
    }
    ranks.into_iter().map(|rank| choice.at_rank(rank)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tape<R>(generate: impl Fn(&mut Source) -> R) -> Tape {
        let mut source = Source::replay(Tape::default());
        generate(&mut source);
        source.into_tape()
    }

    #[test]
    fn a_choice_that_nobody_looks_at_is_free_and_one_that_decides_matters() {
        let test = |source: &mut Source| {
            let (key, _name) = (source.integer(0..=100), source.integer(0..=1_000_000));
            source.integer(7..=7);
            key < 50
        };
        let explanation = explain(&tape(test), test);
        assert_eq!(explanation.choices, [Influence::Matters, Influence::Free, Influence::Untried]);
        assert!(explanation.together);
    }

    #[test]
    fn choices_that_are_free_one_by_one_need_not_be_free_together() {
        let test = |source: &mut Source| !(source.integer(0..=9) > 0 && source.integer(0..=9) > 0);
        let two = |source: &mut Source| {
            let (a, b) = (source.integer(0..=9), source.integer(0..=9));
            a == 0 || b == 0
        };
        let explanation = explain(&tape(two), two);
        assert_eq!(explanation.choices, [Influence::Free, Influence::Free]);
        assert!(!explanation.together);
        assert!(explain(&tape(test), test).together);
    }

    #[test]
    fn a_long_tape_is_explained_within_its_budget() {
        let long = |source: &mut Source| {
            for _ in 0..1000 {
                source.integer(0..=1000);
            }
            true
        };
        let explanation = explain(&tape(long), long);
        assert!(explanation.evaluations <= 200, "{}", explanation.evaluations);
        assert_eq!(explanation.choices.len(), 1000);
        assert_eq!(explanation.choices[999], Influence::Untried);
    }
}
