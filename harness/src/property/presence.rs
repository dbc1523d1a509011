//! `presence`: absent, NULL, empty and zero do what the contract says.

use super::rows::judge_rows;
use super::support::{View, call_name, mismatch_words, verdict, views};
use super::{Judgement, Property, Violation};
use crate::case::{Case, Observation, Run, Start, Step};
use crate::generate::read::{partition_of, plain_query};
use crate::generate::{Generator, Wish};
use crate::tape::{Discard, Source};
use proofhouse_models::mapper::call::Key;
use proofhouse_models::mapper::expect::write::has_absent;
use proofhouse_models::mapper::expect::{self, Difference, Errors};
use proofhouse_models::mapper::{
    Call, Capabilities, Condition, Form, Model, Operand, Path, Query, Record, Scan, SortCondition, Write,
};
use proofhouse_models::value::AttributeValue;

/// Absent, null, empty and zero do what the contract says; an absent operand never removes, widens or
/// disappears silently.
pub struct Presence;

impl Property for Presence {
    fn id(&self) -> &'static str {
        "presence"
    }

    fn statement(&self) -> &'static str {
        "absent, NULL, empty and zero values do what the contract says"
    }

    fn needs(&self, target: &Capabilities) -> Result<(), String> {
        if ["update", "put", "create"].iter().any(|method| target.has(method)) {
            Ok(())
        } else {
            Err("the target offers no write of a record".to_owned())
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
            if view.step.call.is_write() {
                checked |= judge_write(target, &case.model, &view, &mut violations);
            } else {
                checked |= judge_rows(target, &case.model, &view, &mut violations);
            }
        }
        verdict(violations, checked, "the write was refused")
    }

    fn floors(&self, target: &Capabilities) -> Vec<(&'static str, u32)> {
        let mut floors = vec![("empty", 10)];
        if target.has("update")
            && target.update_forms.iter().any(|form| matches!(form, Form::Patch | Form::Named))
        {
            floors.push(("absent", 5));
        }
        floors
    }
}

fn judge_write(
    target: &Capabilities,
    model: &Model,
    view: &View<'_>,
    violations: &mut Vec<Violation>,
) -> bool {
    let Some(expected) = expect::expect(model, target, view.before, &view.step.call) else { return false };
    let name = call_name(&view.step.call);
    let done = view.seen.outcome.is_ok();
    if done && !expected.outcomes.ok && expected.outcomes.because == "refused" {
        violations.push(view.violation(
            format!("{name}: accepted what the contract refuses"),
            "a value that the contract says is an error was accepted",
            "no error",
            "an error",
        ));
        return true;
    }
    if done
        && !expected.outcomes.ok
        && expected.outcomes.because == "condition"
        && absent_condition(&view.step.call)
    {
        violations.push(view.violation(
            format!("{name}: absent operand of the condition disappeared"),
            "a condition with an absent operand was passed over",
            "the write happened",
            "an error, or a condition that no stored value meets",
        ));
        return true;
    }
    if !done {
        return expected.outcomes.errors != Errors::None;
    }
    if absent_condition(&view.step.call) {
        return true;
    }
    for found in expect::compare(model, &expected, view.before, &view.seen.after) {
        let of_presence =
            ["absent", "null", "empty", "zero", "left out"].iter().any(|how| found.how.starts_with(how));
        if found.difference == Difference::Named && of_presence {
            let title = format!("a field passed as {} is stored otherwise than the contract says", found.how);
            let identity = format!("{name}: {}", mismatch_words(model, &found));
            violations.push(view.violation(identity, title, found.observed, found.expected));
        }
    }
    true
}

fn absent_condition(call: &Call) -> bool {
    let condition = match call {
        Call::Create(write) | Call::Put(write) => write.condition.as_ref(),
        Call::Update(update) => update.condition.as_ref(),
        Call::Delete { condition, .. } => condition.as_ref(),
        _ => None,
    };
    condition.is_some_and(has_absent)
}

/// Writes full of empty, zero, NULL and absent values, or a condition with an absent operand.
pub fn generate(source: &mut Source, target: &Capabilities, hostile: bool) -> Result<Case, Discard> {
    let mut generator = Generator::draw(source, target, hostile);
    generator.swarm.empties |= source.chance(70);
    generator.swarm.zeros |= source.chance(70);
    generator.swarm.nulls |= source.chance(80);
    generator.swarm.absents |= source.chance(60);
    let wish = Wish { version: false, sort_key: 25, defaults: true, indexes: false };
    let model = generator.model(source, wish)?;
    let starts = generator.starts(source, &model, 1..=2);
    let updates = target.has("update") && !target.update_forms.is_empty();
    let conditions = target.has_condition("eq");
    let choice = *source.weighted(&[
        (if updates { 60 } else { 0 }, 0),
        (if target.has("put") { 15 } else { 0 }, 1),
        (if target.has("create") { 15 } else { 0 }, 2),
        (if conditions { 25 } else { 0 }, 3),
    ]);
    let steps = match choice {
        0 => source
            .list("step", 1..=2, |source| {
                let mut update = generator.update(source, &model, &starts)?;
                // Some mappers take another way where a write is conditional.
                if target.has_if() && source.chance(25) {
                    update.condition = generator.condition(source, &model, &starts);
                }
                Ok(update)
            })
            .into_iter()
            .map(|update| update.map(|update| Step::from(Call::Update(Box::new(update)))))
            .collect::<Result<Vec<_>, _>>()?,
        1 | 2 => {
            let key = if choice == 1 {
                generator.key(source, &model, &starts)
            } else {
                generator.fresh_key(source, &model)
            };
            let record = generator.record(source, &model, &key, true);
            let conditional = choice == 1 && target.has_if() && source.chance(25);
            let condition = if conditional { generator.condition(source, &model, &starts) } else { None };
            let write = Write { model: model.name.clone(), record, condition };
            vec![if choice == 1 { Call::Put(write) } else { Call::Create(write) }.into()]
        }
        _ => vec![absent_step(&mut generator, source, &model, &starts)?],
    };
    for step in &steps {
        label(source, &step.call);
    }
    Ok(Case { model, runs: vec![Run::new(starts, steps)], notes: Default::default() })
}

fn label(source: &mut Source, call: &Call) {
    let records = match call {
        Call::Create(write) | Call::Put(write) => vec![&write.record],
        Call::Update(update) => update.record.iter().chain([&update.set]).collect(),
        _ => Vec::new(),
    };
    let operands: Vec<&Operand> = records.into_iter().flat_map(|record| record.values()).collect();
    let any =
        |test: fn(&AttributeValue) -> bool| operands.iter().any(|operand| operand.value().is_some_and(test));
    let (empty, zero, null) = (
        any(AttributeValue::is_empty),
        any(AttributeValue::is_zero),
        any(|value| *value == AttributeValue::Null),
    );
    let absent = operands.iter().any(|operand| operand.value().is_none());
    for (on, text) in [(empty, "empty"), (zero, "zero"), (null, "null"), (absent, "absent")] {
        if on {
            source.label(text);
        }
    }
}

/// A query whose partition, or an end of its sort condition, is no value or an empty text, which no row has.
fn absent_key(source: &mut Source, model: &Model, start: &Start) -> Option<Step> {
    let operand = |name: &String| start.record.get(name).cloned().map(Operand::Value);
    let mut partition = operand(&model.partition_key)?;
    let sort_key = model.sort_key.as_ref().filter(|_| source.chance(60));
    let sort = match sort_key {
        None => {
            let empty = match partition.value()? {
                AttributeValue::S(_) => Some(AttributeValue::S(String::new())),
                AttributeValue::B(_) => Some(AttributeValue::B(Vec::new())),
                _ => None,
            };
            partition = empty.filter(|_| source.chance(40)).map_or(Operand::Absent, Operand::Value);
            None
        }
        Some(name) => {
            use SortCondition::{BeginsWith, Between, Eq, Ge, Gt, Le, Lt};
            let stored = operand(name)?;
            let mut ways: Vec<SortCondition> = [Eq, Lt, Le, Gt, Ge].map(|way| way(Operand::Absent)).into();
            ways.push(Between(stored.clone(), Operand::Absent));
            ways.push(Between(Operand::Absent, stored.clone()));
            if matches!(stored.value(), Some(AttributeValue::S(_))) {
                ways.push(BeginsWith(Operand::Absent));
            }
            Some(source.pick(&ways).clone())
        }
    };
    source.label("absent key");
    let partition = Record::from([(model.partition_key.clone(), partition)]);
    Some(Call::Query(Box::new(Query { sort, ..plain_query(model, partition) })).into())
}

/// A write or a read whose condition has an absent operand, on a field that is stored.
fn absent_step(
    generator: &mut Generator<'_>,
    source: &mut Source,
    model: &Model,
    starts: &[Start],
) -> Result<Step, Discard> {
    let target = generator.target;
    let start = &starts[source.below(starts.len())];
    if target.has("query")
        && source.chance(30)
        && let Some(step) = absent_key(source, model, start)
    {
        return Ok(step);
    }
    let fields: Vec<_> = model
        .fields
        .iter()
        .filter(|field| generator.may_condition(model, field) && field.kind.key_type().is_some())
        .filter(|field| start.record.get(&field.name).is_some_and(|value| !value.is_empty()))
        .collect();
    if fields.is_empty() {
        return Err(Discard("no stored field for a condition"));
    }
    let field = fields[source.below(fields.len())];
    let path = Path::field(&field.name);
    let value = Operand::Value(start.record[&field.name].clone());
    let absent = || Operand::Absent;
    let text = matches!(value.value(), Some(AttributeValue::S(_)));
    let leaves = [
        Condition::Eq(path.clone(), absent()),
        Condition::Lt(path.clone(), absent()),
        Condition::Ge(path.clone(), absent()),
        Condition::Between(path.clone(), value.clone(), absent()),
        Condition::Between(path.clone(), absent(), value.clone()),
        Condition::In(path.clone(), vec![absent()]),
        Condition::BeginsWith(path.clone(), absent()),
        Condition::Contains(path.clone(), absent()),
        Condition::Le(path.clone(), absent()),
        Condition::Gt(path.clone(), absent()),
    ];
    let leaves: Vec<&Condition> = leaves
        .iter()
        .filter(|leaf| target.has_condition(leaf.operator()))
        .filter(|leaf| text || !matches!(leaf, Condition::BeginsWith(..) | Condition::Contains(..)))
        .collect();
    let mut condition = (*source.pick(&leaves)).clone();
    if target.has_condition("and") && source.chance(40) {
        let holds = Condition::Eq(path, value);
        let pair = if source.chance(50) { vec![condition, holds] } else { vec![holds, condition] };
        condition = Condition::And(pair);
    }
    source.label("absent operand");
    let key: Key = crate::generate::record::key_of(model, &start.record);
    let name = model.name.clone();
    let mut calls = Vec::new();
    if target.has_if() {
        if target.has("delete") {
            calls.push(Call::Delete {
                model: name.clone(),
                key: key.clone(),
                condition: Some(condition.clone()),
            });
        }
        if target.has("put") {
            let record =
                start.record.iter().map(|(name, value)| (name.clone(), Operand::Value(value.clone())));
            let write =
                Write { model: name.clone(), record: record.collect(), condition: Some(condition.clone()) };
            calls.push(Call::Put(write));
        }
    }
    if target.has("scan") {
        calls.push(Call::Scan(Box::new(Scan {
            model: name.clone(),
            index: None,
            filter: Some(condition.clone()),
            select: None,
            limit: None,
            page: None,
        })));
    }
    if target.has("query") {
        let query = plain_query(model, partition_of(model, &key));
        calls.push(Call::Query(Box::new(Query { filter: Some(condition), ..query })));
    }
    if calls.is_empty() {
        return Err(Discard("no call takes a condition"));
    }
    Ok(calls.remove(source.below(calls.len())).into())
}
