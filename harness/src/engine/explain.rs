//! Which parts of the least case matter: vary each remaining choice and see whether the finding stays.

use super::finding::Explanation;
use super::minimise::{Effort, show_case};
use super::prune::{Part, without};
use super::worker::Worker;
use crate::case::Case;
use crate::property::Property;
use crate::tape::{Source, Tape};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

/// Runs that one explanation may take.
const RUNS: usize = 120;

/// Other values that are tried for a choice.
const TRIES: usize = 3;

/// Varies the choices of the least case one by one.
///
/// A part of the case (a leaf of its JSON) *matters* where some other value makes the finding go away, and
/// *may be anything* where every tried value kept it. Choices that change the case's shape say nothing.
/// The tape leads to the case before `parts` of it were taken away. `surer` is how often the property's more tries were
/// asked for until the finding was stable.
pub fn explain(
    generator: &dyn Property,
    judge: &dyn Property,
    identity: &str,
    worker: &mut Worker,
    (tape, case, parts, surer): (&Tape, &Case, &[Part], usize),
    effort: Effort,
) -> Explanation {
    let begin = Instant::now();
    let cost = worker.cost();
    let surely = |mut case: Case| {
        // Replays that were all lucky do not make each varied case so.
        for _ in 0..surer.max(1) {
            case = generator.surer(&case).unwrap_or(case);
        }
        case
    };
    let least = leaves(case);
    let mut kept: BTreeSet<String> = BTreeSet::new();
    let mut lost: BTreeSet<String> = BTreeSet::new();
    let mut runs = 0;
    let capabilities = worker.capabilities().clone();
    for position in 0..tape.choices.len() {
        for value in others(tape, position) {
            if runs >= RUNS || begin.elapsed() > effort.time || worker.cost() - cost > effort.cost {
                break;
            }
            let mut varied = tape.clone();
            varied.choices[position].value = value;
            let Ok(other) = generator.generate(&mut Source::replay(varied), &capabilities) else {
                continue;
            };
            let left = parts.iter().try_fold(other, |left, part| without(&left, *part));
            let Some(other) = left else { continue };
            let changed = match changed(&least, &leaves(&other)) {
                Some(changed) if !changed.is_empty() && changed.len() <= 2 => changed,
                _ => continue,
            };
            runs += 1;
            let stays = show_case(judge, identity, worker, surely(other)).is_some();
            if stays { &mut kept } else { &mut lost }.extend(changed);
        }
    }
    let any = kept.difference(&lost).cloned().collect();
    Explanation { matters: lost.into_iter().collect(), any }
}

/// Other values for a choice: its neighbours and its ends.
pub(super) fn others(tape: &Tape, position: usize) -> Vec<i64> {
    let choice = tape.choices[position];
    let mut list = Vec::new();
    for value in [
        choice.value.saturating_add(1),
        choice.simplest,
        choice.max,
        choice.min,
        choice.value.saturating_sub(1),
    ] {
        if value != choice.value && (choice.min..=choice.max).contains(&value) && !list.contains(&value) {
            list.push(value);
        }
    }
    list.truncate(TRIES);
    list
}

/// The leaves of a case's program and starting data by a name that a person reads: `b`, `update.set.b`.
fn leaves(case: &Case) -> BTreeMap<String, Value> {
    let mut leaves = BTreeMap::new();
    let value = serde_json::to_value(case).unwrap_or_default();
    for (number, run) in value["runs"].as_array().into_iter().flatten().enumerate() {
        let prefix = if case.runs.len() > 1 { format!("run {} ", number + 1) } else { String::new() };
        for (item, start) in run["start"].as_array().into_iter().flatten().enumerate() {
            walk(&mut leaves, format!("{prefix}item {}", item + 1), start);
        }
        for (step, call) in run["program"].as_array().into_iter().flatten().enumerate() {
            walk(&mut leaves, format!("{prefix}step {}", step + 1), &call["params"]);
        }
    }
    leaves
}

fn walk(leaves: &mut BTreeMap<String, Value>, name: String, value: &Value) {
    match value {
        Value::Object(object) => {
            for (key, inner) in object {
                let name = match key.as_str() {
                    // The type key of a value and the wrapper of a record say nothing to a reader.
                    "S" | "N" | "B" | "BOOL" | "NULL" | "L" | "M" | "SS" | "NS" | "BS" | "record" | "set"
                    | "extra" => name.clone(),
                    key => format!("{name}.{key}"),
                };
                walk(leaves, name, inner);
            }
        }
        Value::Array(list) => {
            for (index, inner) in list.iter().enumerate() {
                walk(leaves, format!("{name}[{index}]"), inner);
            }
            leaves.insert(format!("{name}#"), Value::from(list.len()));
        }
        leaf => {
            leaves.insert(name, leaf.clone());
        }
    }
}

/// Names of leaves with other values; nothing where the shape differs.
fn changed(left: &BTreeMap<String, Value>, right: &BTreeMap<String, Value>) -> Option<Vec<String>> {
    if left.len() != right.len() || !left.keys().eq(right.keys()) {
        return None;
    }
    Some(
        left.iter()
            .filter(|(name, value)| right.get(*name) != Some(value))
            .map(|(name, _)| name.clone())
            .collect(),
    )
}
