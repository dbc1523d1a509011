//! `guard`: a write happens exactly if its condition holds.

use super::rows::key_in;
use super::support::{View, call_name, condition_words, verdict, views};
use super::{Judgement, Property, Violation};
use crate::case::{Case, Observation, Run, Start, Step};
use crate::generate::{Generator, Wish};
use crate::tape::{Discard, Source};
use proofhouse_models::mapper::call::{Action, Key};
use proofhouse_models::mapper::expect::show::show_name;
use proofhouse_models::mapper::expect::{self, Difference, Errors, Expectation};
use proofhouse_models::mapper::{Call, Capabilities, Condition, ErrorKind, Model, Path, Write};
use proofhouse_models::value::{AttributeValue, Item};

/// A write whose condition is false on the stored item changes nothing and says `condition_failed`; one
/// whose condition is true happens.
pub struct Guard;

impl Property for Guard {
    fn id(&self) -> &'static str {
        "guard"
    }

    fn statement(&self) -> &'static str {
        "a write happens exactly if its condition holds"
    }

    fn needs(&self, target: &Capabilities) -> Result<(), String> {
        if !target.has_if() {
            return Err("the target has no conditional writes".to_owned());
        }
        if ["put", "create", "update", "delete"].iter().any(|method| target.has(method)) {
            Ok(())
        } else {
            Err("the target offers no write".to_owned())
        }
    }

    fn generate(&self, source: &mut Source, target: &Capabilities) -> Result<Case, Discard> {
        generate(source, target, false)
    }

    fn judge(&self, target: &Capabilities, case: &Case, observed: &Observation) -> Judgement {
        let mut violations = Vec::new();
        let mut checked = false;
        for view in views(case, observed) {
            if view.says_nothing() {
                continue;
            }
            if view.seen.outcome.is_ok() {
                violations.extend(stale_version(target, &case.model, &view));
            }
            if let Some(expected) = expect::expect(&case.model, target, view.before, &view.step.call) {
                checked |= judge_step(&case.model, &view, &expected, &mut violations);
            }
        }
        verdict(violations, checked, "the specification leaves the outcome open")
    }

    fn floors(&self, _: &Capabilities) -> Vec<(&'static str, u32)> {
        vec![("true", 15), ("false", 15)]
    }
}

/// A write that happened and left the version as it was: the next writer's check holds although it should not.
fn stale_version(target: &Capabilities, model: &Model, view: &View<'_>) -> Option<Violation> {
    let attribute = model.field(model.version.as_deref()?)?.attribute();
    let written: Vec<Key> = match &view.step.call {
        Call::Put(write) => vec![key_in(model, &write.record)],
        Call::Update(update) => vec![update.key.clone()],
        Call::Transact { actions } => {
            let written = actions.iter().filter_map(|action| match action {
                Action::Put(write) => Some(key_in(model, &write.record)),
                Action::Update(update) => Some(update.key.clone()),
                _ => None,
            });
            written.collect()
        }
        _ => Vec::new(),
    };
    written.into_iter().find_map(|key| {
        let key = expect::raw_key(model, &expect::stored_key(model, &target.contract, &key));
        let version = |items: &[Item]| {
            let item = items.iter().find(|item| expect::raw_key(model, item) == key)?;
            match item.get(attribute) {
                Some(AttributeValue::N(number)) => Some(number.clone()),
                _ => None,
            }
        };
        let (before, after) = (version(view.before)?, version(&view.seen.after)?);
        (after <= before).then(|| {
            view.violation(
                format!("{}: version does not grow", call_name(&view.step.call)),
                "a write left the version as it was",
                format!("{} = {after}", show_name(attribute)),
                format!("more than {before}"),
            )
        })
    })
}

fn judge_step(
    model: &Model,
    view: &View<'_>,
    expected: &Expectation,
    violations: &mut Vec<Violation>,
) -> bool {
    let name = call_name(&view.step.call);
    let outcomes = &expected.outcomes;
    let words = condition_of(&view.step.call).map_or("", condition_words);
    let because = match outcomes.because {
        "" | "condition" => format!("condition{words}"),
        because => because.to_owned(),
    };
    let because = because.as_str();
    match (&view.seen.outcome, outcomes.ok) {
        (Ok(_), false) if outcomes.because != "refused" => {
            violations.push(view.violation(
                format!("{name}: {because} false, written all the same"),
                match because {
                    "duplicate" => "a create replaced an item that exists",
                    "missing" => "an update of a missing item succeeded",
                    "version" => "a write with an outdated version happened",
                    _ => "a write happened although its condition is false",
                },
                "no error",
                kinds(&outcomes.errors),
            ));
            true
        }
        (Ok(_), true) => {
            if outcomes.errors == Errors::Any {
                return false;
            }
            let lost =
                expect::compare(model, expected, view.before, &view.seen.after).into_iter().find(|found| {
                    match found.difference {
                        Difference::Missing | Difference::Remains => true,
                        Difference::Named => found.happened == "kept",
                        _ => false,
                    }
                });
            if let Some(found) = lost {
                violations.push(view.violation(
                    format!("{name}: answered success, not written"),
                    "a write whose condition is true did not happen",
                    found.observed,
                    found.expected,
                ));
            }
            true
        }
        (Err(_), _) => judge_refusal(model, view, expected, &name, because, violations),
        (Ok(_), false) => false,
    }
}

/// The condition of a write.
fn condition_of(call: &Call) -> Option<&Condition> {
    match call {
        Call::Create(write) | Call::Put(write) => write.condition.as_ref(),
        Call::Update(update) => update.condition.as_ref(),
        Call::Delete { condition, .. } => condition.as_ref(),
        Call::Transact { actions } => match actions.first()? {
            Action::Put(write) => write.condition.as_ref(),
            Action::Update(update) => update.condition.as_ref(),
            Action::Delete { condition, .. } => condition.as_ref(),
            Action::Check { condition, .. } => Some(condition),
        },
        _ => None,
    }
}

fn judge_refusal(
    model: &Model,
    view: &View<'_>,
    expected: &Expectation,
    name: &str,
    because: &str,
    violations: &mut Vec<Violation>,
) -> bool {
    let Some(kind) = view.kind() else { return false };
    let words = condition_of(&view.step.call).map_or("", condition_words);
    let outcomes = &expected.outcomes;
    let guarding = matches!(
        kind,
        ErrorKind::ConditionFailed | ErrorKind::Duplicate | ErrorKind::NotFound | ErrorKind::Conflict
    );
    if outcomes.ok {
        if outcomes.errors == Errors::None && guarding {
            violations.push(view.violation(
                format!("{name}: condition{words} true, refused"),
                "a write was refused although its condition is true",
                word(kind),
                "success",
            ));
            return true;
        }
        return false;
    }
    let mut checked = false;
    if let Errors::Only(allowed) = &outcomes.errors {
        if !allowed.contains(&kind) && (guarding || kind == ErrorKind::Internal) {
            violations.push(view.violation(
                format!("{name}: {because} false, says {}", word(kind)),
                "a refused write says the wrong kind of error",
                word(kind),
                kinds(&outcomes.errors),
            ));
        }
        checked = guarding;
    }
    if guarding && !expected.may_stop_half_way {
        let changed = expect::unchanged(model, view.before, &view.seen.after).into_iter().next();
        if let Some(found) = changed {
            violations.push(view.violation(
                format!("{name}: {because} false, changed all the same"),
                "a write that was refused changed the table",
                found.observed,
                found.expected,
            ));
        }
    }
    checked
}

fn word(kind: ErrorKind) -> String {
    serde_json::to_value(kind).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}

fn kinds(errors: &Errors) -> String {
    match errors {
        Errors::Only(kinds) => {
            let mut words: Vec<String> = kinds.iter().map(|kind| word(*kind)).collect();
            words.dedup();
            words.join(" or ")
        }
        _ => "an error".to_owned(),
    }
}

/// A table with a few items and conditional writes on them.
pub fn generate(source: &mut Source, target: &Capabilities, hostile: bool) -> Result<Case, Discard> {
    let mut generator = Generator::draw(source, target, hostile);
    generator.swarm.absents = false;
    let wish = Wish { version: true, sort_key: 20, defaults: false, indexes: false };
    let model = generator.model(source, wish)?;
    let starts = generator.starts(source, &model, 1..=3);
    let steps = source
        .list("step", 1..=2, |source| step(&mut generator, source, &model, &starts))
        .into_iter()
        .collect::<Result<Vec<Step>, _>>()?;
    label(source, target, &model, &starts, &steps);
    Ok(Case { model, runs: vec![Run::new(starts, steps)], notes: Default::default() })
}

fn label(source: &mut Source, target: &Capabilities, model: &Model, starts: &[Start], steps: &[Step]) {
    let before: Vec<_> =
        starts.iter().map(|start| expect::stored_item(model, &target.contract, &start.record)).collect();
    if let Some(step) = steps.first()
        && let Some(expected) = expect::expect(model, target, &before, &step.call)
    {
        source.label(match (expected.outcomes.ok, expected.outcomes.errors) {
            (true, Errors::None) => "true",
            (true, _) => "open",
            (false, _) => "false",
        });
    }
}

/// One conditional write.
///
/// # Errors
/// [`Discard`] where the model leaves nothing to write.
pub fn step(
    generator: &mut Generator<'_>,
    source: &mut Source,
    model: &Model,
    starts: &[Start],
) -> Result<Step, Discard> {
    let target = generator.target;
    let has = |method: &str, weight: u32| if target.has(method) { weight } else { 0 };
    let updates = if target.update_forms.is_empty() { 0 } else { has("update", 40) };
    let choice = *source.weighted(&[
        (has("put", 25), 0),
        (updates, 1),
        (has("delete", 20), 2),
        (has("create", 12), 3),
        (has("transact", 20), 4),
    ]);
    if choice == 4 {
        return transaction(generator, source, model, starts);
    }
    single(generator, source, model, starts, choice).map(Step::from)
}

fn single(
    generator: &mut Generator<'_>,
    source: &mut Source,
    model: &Model,
    starts: &[Start],
    choice: u32,
) -> Result<Call, Discard> {
    let key = generator.key(source, model, starts);
    // An update of an item that is there can itself be the guard: the version, or the item's absence.
    let condition = if source.chance(85) { condition(generator, source, model, starts) } else { None };
    Ok(match choice {
        1 => {
            let form = generator.form(source)?;
            let mut update = generator.update_of(source, model, starts, form, key)?;
            update.condition = condition;
            Call::Update(Box::new(update))
        }
        2 => Call::Delete { model: model.name.clone(), key, condition },
        choice => {
            let mut record = generator.record(source, model, &key, false);
            if choice != 3 {
                let stored = crate::generate::update::stored_record(model, starts, &key);
                generator.carry_version(source, model, stored, &mut record);
            }
            let write = Write { model: model.name.clone(), record, condition };
            if choice == 3 { Call::Create(write) } else { Call::Put(write) }
        }
    })
}

fn condition(
    generator: &mut Generator<'_>,
    source: &mut Source,
    model: &Model,
    starts: &[Start],
) -> Option<Condition> {
    let target = generator.target;
    if source.chance(10) {
        let path = Path::field(&model.partition_key);
        let leaves = [Condition::Exists(path.clone()), Condition::NotExists(path)];
        let leaf = source.pick(&leaves).clone();
        if target.has_condition(leaf.operator()) {
            return Some(leaf);
        }
    }
    generator.condition_on_any(source, model, starts)
}

fn transaction(
    generator: &mut Generator<'_>,
    source: &mut Source,
    model: &Model,
    starts: &[Start],
) -> Result<Step, Discard> {
    let mut actions: Vec<Action> = Vec::new();
    let mut keys = Vec::new();
    let drawn = source.list("action", 1..=3, |source| {
        let choice = *source.pick(&[0, 1, 2, 5, 5]);
        let call = match choice {
            1 if generator.target.update_forms.is_empty() => single(generator, source, model, starts, 0),
            5 => single(generator, source, model, starts, 2),
            choice => single(generator, source, model, starts, choice),
        };
        // DynamoDB takes each item once; a mapper refuses, too, and drops no action.
        (choice, call, source.chance(10))
    });
    for (choice, call, again) in drawn {
        let (key, action) = match (choice, call?) {
            (5, Call::Delete { model, key, condition: Some(condition) }) => {
                (key.clone(), Action::Check { model, key, condition })
            }
            (_, Call::Delete { model, key, condition }) => {
                (key.clone(), Action::Delete { model, key, condition })
            }
            (_, Call::Update(update)) => (update.key.clone(), Action::Update(update)),
            (_, Call::Put(write)) => (key_in(model, &write.record), Action::Put(write)),
            _ => continue,
        };
        let key = expect::stored_key(model, &generator.target.contract, &key);
        if again || !keys.contains(&key) {
            keys.push(key);
            actions.push(action);
        }
    }
    if actions.is_empty() {
        return Err(Discard("no action"));
    }
    Ok(Call::Transact { actions }.into())
}
