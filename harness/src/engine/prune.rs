//! Items and steps that the tape cannot drop, because what stands behind them was drawn from their values or needs them.
//!
//! Without its first item the tape of a program that compares with that item's text leads to another text. So the case
//! that the shrinker leaves is tried once more without each of its items and steps, all else as it stands.

use super::explain::others;
use super::minimise::{Effort, Shown, show_case};
use super::worker::Worker;
use crate::case::{Case, Step};
use crate::property::Property;
use crate::tape::{Budget, Source, Tape, shrink};
use std::time::Instant;

/// Runs that pruning one case may take.
const RUNS: u64 = 60;

/// Cases one choice away that are tried on an empty table.
const NEIGHBOURS: usize = 160;

/// Up to so many options of a choice all are tried.
const MOST_OPTIONS: u64 = 15;

/// A part of a case that has one run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// A starting item, by its index.
    Item(usize),
    /// A step that no other one refers to, by its index.
    Step(usize),
}

/// What is left of a case that was pruned.
pub struct Pruned {
    /// What the least case showed.
    pub shown: Shown,
    /// What was taken away, each by its index in what the ones before it had left.
    pub parts: Vec<Part>,
    /// Runs that it took.
    pub runs: u64,
}

/// The case without a part of it.
///
/// `None` where the part is not there or others need it, and for a case of several runs, which have to stay alike.
pub fn without(case: &Case, part: Part) -> Option<Case> {
    let [run] = case.runs.as_slice() else { return None };
    if run.repeat > 1 || run.fresh {
        return None;
    }
    let mut least = case.clone();
    match part {
        Part::Item(at) if at < run.start.len() => {
            least.runs[0].start.remove(at);
        }
        Part::Step(at) if at < run.program.len() && run.program.len() > 1 => {
            // A changed cursor names the steps that it is made of.
            if run.program.iter().any(|step| step.reuse == Some(at) || step.edit.is_some()) {
                return None;
            }
            let program = &mut least.runs[0].program;
            program.remove(at);
            for reuse in program.iter_mut().filter_map(|step| step.reuse.as_mut()) {
                *reuse -= usize::from(*reuse > at);
            }
        }
        _ => return None,
    }
    Some(least)
}

/// Takes away each item and each step, the last ones first, without which the same shows.
pub fn prune(
    judge: &dyn Property,
    identity: &str,
    worker: &mut Worker,
    mut shown: Shown,
    effort: Effort,
) -> Pruned {
    let begin = Instant::now();
    let cost = worker.cost();
    let (mut parts, mut runs) = (Vec::new(), 0);
    let candidates = |case: &Case| -> Vec<Part> {
        let Some(run) = case.runs.first() else { return Vec::new() };
        let items = (0..run.start.len()).rev().map(Part::Item);
        items.chain((0..run.program.len()).rev().map(Part::Step)).collect()
    };
    for part in candidates(&shown.case) {
        let spent = begin.elapsed() > effort.time || worker.cost() - cost > effort.cost;
        if runs >= RUNS || spent {
            break;
        }
        let Some(least) = without(&shown.case, part) else { continue };
        runs += 1;
        if let Some(still) = show_case(judge, identity, worker, least) {
            shown = still;
            parts.push(part);
        }
    }
    Pruned { shown, parts, runs }
}

/// The case without any starting item, and what was taken away for it; nothing where it has none.
fn empty_table(case: &Case) -> Option<(Case, Vec<Part>)> {
    let items = case.runs.first()?.start.len();
    let parts = vec![Part::Item(0); items];
    let left = parts.iter().try_fold(case.clone(), |left, part| without(&left, *part))?;
    (items > 0).then_some((left, parts))
}

/// A tape that differs from the least one in one choice, and whose case shows the same on an empty table.
///
/// A generator that needs an item to speak of leads to no such case: a condition that holds where nothing is stored is
/// one choice away from the condition that the item meets. What is found is shrunk further, always without its items.
pub fn on_an_empty_table(
    generator: &dyn Property,
    judge: &dyn Property,
    identity: &str,
    worker: &mut Worker,
    (tape, case): (&Tape, &Case),
    effort: Effort,
) -> Option<(Tape, Pruned)> {
    let (mut runs, cost, begin) = (0, worker.cost(), Instant::now());
    let capabilities = worker.capabilities().clone();
    let mut show = |worker: &mut Worker, source: &mut Source| -> Option<(Shown, Vec<Part>)> {
        let (least, parts) = empty_table(&generator.generate(source, &capabilities).ok()?)?;
        runs += 1;
        Some((show_case(judge, identity, worker, least)?, parts))
    };
    empty_table(case)?;
    let near = |tape: &Tape, position: usize| -> Vec<i64> {
        let choice = tape.choices[position];
        match choice.max.abs_diff(choice.min) {
            0..=MOST_OPTIONS => (choice.min..=choice.max).filter(|value| *value != choice.value).collect(),
            _ => others(tape, position),
        }
    };
    // The program is drawn last, and there the near misses are.
    let places = (0..tape.choices.len())
        .rev()
        .flat_map(|position| near(tape, position).into_iter().map(move |value| (position, value)));
    let mut found = None;
    for (tried, (position, value)) in places.enumerate() {
        if tried >= NEIGHBOURS || begin.elapsed() > effort.time || worker.cost() - cost > effort.cost {
            return None;
        }
        let mut varied = tape.clone();
        varied.choices[position].value = value;
        let mut source = Source::replay(varied);
        if show(worker, &mut source).is_some() {
            found = Some(source.into_tape());
            break;
        }
    }
    let budget = Budget { evaluations: effort.evaluations / 4, time: effort.time };
    let shrunk = shrink(found?, &budget, |source| {
        worker.cost() - cost <= effort.cost && show(worker, source).is_some()
    });
    let (shown, parts) = show(worker, &mut Source::replay(shrunk.tape.clone()))?;
    Some((shrunk.tape, Pruned { shown, parts, runs }))
}

/// Whether the case is what is left of another one from which items and steps were taken away.
pub fn is_part_of(case: &Case, whole: &Case) -> bool {
    let ([run], [of]) = (case.runs.as_slice(), whole.runs.as_slice()) else { return case == whole };
    let call = |step: &Step| Step { reuse: None, ..step.clone() };
    let mut parts = missing(&run.start, &of.start, |item, other| item == other, Part::Item);
    parts.extend(missing(&run.program, &of.program, |step, other| call(step) == call(other), Part::Step));
    let left = parts.into_iter().try_fold(whole.clone(), |left, part| without(&left, part));
    left.as_ref() == Some(case)
}

/// The places of those that are not among the kept, the last ones first.
fn missing<T>(kept: &[T], all: &[T], same: impl Fn(&T, &T) -> bool, part: fn(usize) -> Part) -> Vec<Part> {
    let mut kept = kept.iter().rev().peekable();
    let places = all.iter().enumerate().rev();
    places.filter(|(_, one)| kept.next_if(|next| same(next, one)).is_none()).map(|(at, _)| part(at)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn case() -> Case {
        let read = |id: &str| json!({ "method": "get", "params": { "model": "User", "key": { "id": { "S": id } } } });
        let mut again = read("c");
        again["reuse"] = json!(1);
        let case = json!({
            "model": {
                "name": "User", "table": "users", "partition_key": "id",
                "fields": [{ "name": "id", "attribute": "id", "type": "string" }],
            },
            "runs": [{
                "start": [{ "record": { "id": { "S": "a" } } }, { "record": { "id": { "S": "b" } } }],
                "program": [read("a"), read("b"), again],
            }],
        });
        serde_json::from_value(case).expect("a case")
    }

    #[test]
    fn a_step_that_another_one_takes_up_stays_and_places_move_up() {
        let case = case();
        assert_eq!(without(&case, Part::Step(1)), None);
        let left = without(&case, Part::Step(0)).expect("nobody needs the first");
        assert_eq!(left.runs[0].program[1].reuse, Some(0));
        assert_eq!(without(&case, Part::Item(2)), None);
        assert_eq!(without(&case, Part::Item(0)).expect("an item").runs[0].start.len(), 1);
    }

    #[test]
    fn what_has_to_stay_alike_is_left_alone() {
        let mut case = case();
        case.runs[0].repeat = 2;
        assert_eq!(without(&case, Part::Item(0)), None);
        case.runs[0].repeat = 1;
        case.runs.push(case.runs[0].clone());
        assert_eq!(without(&case, Part::Item(0)), None);
    }

    #[test]
    fn what_is_left_is_known_as_a_part() {
        let whole = case();
        let left = without(&whole, Part::Item(0)).and_then(|left| without(&left, Part::Step(0)));
        let left = left.expect("both can go");
        assert!(is_part_of(&left, &whole) && is_part_of(&whole, &whole));
        assert!(!is_part_of(&whole, &left));
        let mut edited = left;
        edited.runs[0].start[0].record.clear();
        assert!(!is_part_of(&edited, &whole));
    }
}
