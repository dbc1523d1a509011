//! From a leak to a finding: whether it is new, whether the contract accepts it, what may explain it.

use super::bench::Bench;
use super::catalogue::Hint;
use super::contract::Contract;
use super::finding::Finding;
use super::oracle::{Channel, Leak};
use super::pair::Pair;
use super::program::{Program, column_of};
use std::collections::BTreeSet;

/// Whether the leak says something that is not known: who reads an object's rows learns how many they are, too.
pub fn is_new(bench: &Bench, known: &mut BTreeSet<(Channel, String)>, leak: &Leak) -> bool {
    let read = (Channel::Read, leak.object.clone());
    let implied = matches!(leak.channel(), Channel::Existence | Channel::Count)
        && known.contains(&read)
        && accepted(bench, Channel::Read, &leak.object, "").is_none();
    !implied && known.insert(leak.identity())
}

/// The reason for which the contract accepts a channel on an object, which a statement may know by another name.
pub fn accepted(bench: &Bench, channel: Channel, object: &str, addressed: &str) -> Option<String> {
    let names = |what: &str| {
        what == object || what.rsplit('.').next() == Some(object) || what == addressed || {
            // A column stands for the constraints that hold it.
            column_of(&bench.catalogue, what).is_some_and(|(table, column)| {
                bench.catalogue.tables[table]
                    .constraints
                    .iter()
                    .any(|c| c.name == object && c.columns.contains(&column))
            })
        }
    };
    let fits = |key: &str| match key.split_once('@') {
        None => key == channel.name(),
        Some((name, what)) => name == channel.name() && names(what),
    };
    bench.contract.allow.iter().find(|(key, _)| fits(key)).map(|(_, reason)| reason.clone())
}

/// Names a leak by its key where the contract accepts that: ON CONFLICT meets the key without an error that names it.
pub fn by_accepted_key(contract: &Contract, program: &Program, leak: &mut Leak) {
    let Some(step) = program.steps.get(leak.step).filter(|step| step.object == leak.object) else { return };
    let channel = leak.channel();
    let accepted = |key: &String| {
        contract.allow.keys().any(|name| {
            name.split_once('@').is_some_and(|(name, what)| {
                name == channel.name() && what.rsplit('.').next() == Some(key.as_str())
            })
        })
    };
    // Each of them alone may be what it met.
    if step.keys.iter().all(accepted)
        && let Some(key) = step.keys.first()
    {
        leak.object.clone_from(key);
    }
}

/// The finding of a leak, not shrunk.
pub fn finding_of(
    bench: &Bench,
    pair: &Pair<'_>,
    program: &Program,
    leak: &Leak,
    (tests, ms): (usize, u128),
) -> Finding {
    let object = leak.object.clone();
    let addressed = program.steps.get(leak.step).map_or("", |step| step.object.as_str());
    let accepted = accepted(bench, leak.channel(), &object, addressed);
    let base = pair.two.base();
    Finding {
        channels: leak.channels.clone(),
        hint: hint(bench, program, &object),
        object,
        program: program.clone(),
        step: leak.step,
        seen: leak.seen.clone(),
        base,
        base_rows: bench.base_rows[base].clone(),
        rows: (pair.one.made.clone(), pair.two.made.clone()),
        stage: pair.stage,
        shrink: (0, 0, 0),
        stable: 0,
        replays: 0,
        tests,
        ms,
        accepted,
    }
}

/// A fact about the object, or about one that the program names.
fn hint(bench: &Bench, program: &Program, object: &str) -> Option<Hint> {
    let hints = &bench.catalogue.hints;
    let general = hints.iter().find(|hint| hint.about.is_empty());
    let exact = hints.iter().find(|hint| hint.is_about(object));
    if bench.catalogue.tables.iter().any(|t| t.constraints.iter().any(|c| c.name == object)) {
        return general.or(exact).cloned();
    }
    let near = hints.iter().find(|Hint { about, .. }| {
        !about.is_empty()
            && program
                .steps
                .iter()
                .any(|step| step.object == *about || step.sql.contains(&format!("{about}(")))
    });
    general.or(exact).or(near).cloned()
}
