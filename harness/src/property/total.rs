//! `total`: every call is answered.

use super::support::{call_name, verdict, views};
use super::{Judgement, Property, Violation};
use crate::case::{Case, Observation, Run, Start, Step};
use crate::generate::{Generator, Wish};
use crate::tape::{Discard, Source};
use crate::target::CallError;
use proofhouse_models::mapper::call::Action;
use proofhouse_models::mapper::{Call, Capabilities, ErrorKind, FieldType, Model, Write};
use proofhouse_models::value::AttributeValue;

/// No crash, hang or non-answer for any legal stored item or any record of a declared type.
pub struct Total;

/// Error classes that say that the library's own code went wrong.
const CRASHES: [&str; 22] = [
    "typeerror",
    "attributeerror",
    "keyerror",
    "indexerror",
    "nameerror",
    "unboundlocalerror",
    "assertionerror",
    "recursionerror",
    "zerodivisionerror",
    "overflowerror",
    "memoryerror",
    "referenceerror",
    "rangeerror",
    "nullpointerexception",
    "classcastexception",
    "indexoutofboundsexception",
    "arrayindexoutofboundsexception",
    "stackoverflowerror",
    "nullreferenceexception",
    "runtime.error",
    "runtime error",
    "panic",
];

impl Property for Total {
    fn id(&self) -> &'static str {
        "total"
    }

    fn statement(&self) -> &'static str {
        "every call is answered, with a result or with an error of the library"
    }

    fn needs(&self, _: &Capabilities) -> Result<(), String> {
        Ok(())
    }

    fn generate(&self, source: &mut Source, target: &Capabilities) -> Result<Case, Discard> {
        generate(source, target)
    }

    fn judge(&self, _: &Capabilities, case: &Case, observed: &Observation) -> Judgement {
        let mut violations = Vec::new();
        let mut checked = false;
        for run in &observed.runs {
            let Some((method, broken @ CallError::Broken { how, detail })) = &run.broken else { continue };
            violations.push(Violation {
                identity: format!("{method}: {how}"),
                title: broken.unanswered().unwrap_or_default().to_owned(),
                run: run.of,
                step: 0,
                observed: format!("in `{method}`: {detail}"),
                expected: "a result or an error".to_owned(),
                hazard: None,
            });
        }
        for view in views(case, observed) {
            checked = true;
            let name = call_name(&view.step.call);
            match &view.seen.outcome {
                Ok(_) => {}
                Err(broken @ CallError::Broken { how, detail }) => violations.push(view.violation(
                    format!("{name}: {how}"),
                    broken.unanswered().unwrap_or_default(),
                    detail.clone(),
                    "a result or an error",
                )),
                Err(CallError::Reported { kind: ErrorKind::Internal, message, class, .. }) => {
                    let lower = class.to_lowercase();
                    let last = lower.rsplit(['.', ':']).next().unwrap_or_default();
                    let failed = view.seen.exchanges.iter().any(|exchange| exchange.reply.status != 200);
                    if !failed && (CRASHES.contains(&last) || CRASHES.contains(&lower.as_str())) {
                        violations.push(view.violation(
                            format!("{name}: {last}"),
                            "the library's own code failed",
                            format!("{class}: {message}"),
                            "a result or an error of the library",
                        ));
                    }
                }
                Err(CallError::Reported { .. }) => {}
            }
        }
        verdict(violations, checked, "no call was made")
    }

    fn is_passive(&self) -> bool {
        true
    }
}

/// Any method on any stored item, values of other types in declared attributes included.
fn generate(source: &mut Source, target: &Capabilities) -> Result<Case, Discard> {
    let hostile = target.features.hostile_names && source.chance(20);
    let mut generator = Generator::draw(source, target, hostile);
    generator.swarm.boundaries |= source.chance(50);
    generator.swarm.hostile_text |= source.chance(50);
    generator.swarm.unicode |= source.chance(30);
    generator.swarm.illegal = source.chance(25);
    let wish = Wish { version: true, sort_key: 30, defaults: true, indexes: true };
    let model = generator.model(source, wish)?;
    let mut starts = generator.starts(source, &model, 1..=3);
    if source.chance(40) {
        source.label("stored value of another type");
        for start in &mut starts {
            misfit(&mut generator, source, &model, start);
        }
    }
    let steps = source
        .list("step", 1..=3, |source| step(&mut generator, source, &model, &starts))
        .into_iter()
        .collect::<Result<Vec<Step>, Discard>>()?;
    for step in &steps {
        source.label(step.call.method());
    }
    Ok(Case { model, runs: vec![Run::new(starts, steps)], notes: Default::default() })
}

/// Stores values that do not fit their fields: legal items, written by another program.
pub fn misfit(generator: &mut Generator<'_>, source: &mut Source, model: &Model, start: &mut Start) {
    for field in &model.fields {
        if model.is_any_key(&field.name) {
            continue;
        }
        source.span("misfit", |source| {
            if source.chance(35) {
                let value = match source.below(6) {
                    0 => AttributeValue::Null,
                    1 => generator.value(source, &FieldType::Any, 1),
                    2 => AttributeValue::N(super::super::generate::number::parsed("1E125")),
                    _ => nearly(generator, source, &field.kind),
                };
                start.extra.insert(field.attribute().to_owned(), value);
            }
        });
    }
}

/// A value of the type's own tag that is none of the type, or that holds such a value below its top level.
fn nearly(generator: &mut Generator<'_>, source: &mut Source, kind: &FieldType) -> AttributeValue {
    match kind {
        FieldType::Option(inner) => nearly(generator, source, inner),
        FieldType::Bool => AttributeValue::number(1),
        FieldType::Timestamp => AttributeValue::S(generator.text(source)),
        FieldType::List(_) => AttributeValue::L(vec![AttributeValue::Null]),
        FieldType::Map(_) => AttributeValue::M([("k".to_owned(), AttributeValue::Null)].into()),
        FieldType::Struct(members) => {
            let mut value = generator.value(source, kind, 1);
            if let (AttributeValue::M(map), false) = (&mut value, members.is_empty()) {
                let member = &members[source.below(members.len())];
                let other = match source.chance(50) {
                    true => nearly(generator, source, &member.kind),
                    false => AttributeValue::Null,
                };
                map.insert(member.attribute().to_owned(), other);
            }
            value
        }
        kind if kind.is_number() => AttributeValue::number(*source.pick(&[200, -1, 40_000, 5_000_000_000])),
        _ => generator.value(source, &FieldType::Any, 1),
    }
}

/// One call of any method that the target offers.
///
/// # Errors
/// [`Discard`] where the target offers none.
pub fn step(
    generator: &mut Generator<'_>,
    source: &mut Source,
    model: &Model,
    starts: &[Start],
) -> Result<Step, Discard> {
    let target = generator.target;
    let has = |method: &str, weight: u32| if target.has(method) { weight } else { 0 };
    let updates = if target.update_forms.is_empty() { 0 } else { has("update", 25) };
    let name = model.name.clone();
    let choice = *source.weighted(&[
        (has("get", 20), 0),
        (has("put", 10), 1),
        (has("create", 10), 2),
        (updates, 3),
        (has("query", 12), 4),
        (has("scan", 12), 5),
        (has("delete", 4), 6),
        (has("batch_get", 5), 7),
        (has("batch_put", 5), 8),
        (has("transact", 5), 9),
        (has("unmarshal", 6), 10),
        (has("marshal", 6), 11),
        (has("batch_delete", 3), 12),
    ]);
    let key = generator.key(source, model, starts);
    let call = match choice {
        0 => Call::Get { model: name, key, consistent: None },
        1 | 2 => {
            let record = generator.record(source, model, &key, true);
            let condition = if target.has_if() && source.chance(40) {
                generator.condition(source, model, starts)
            } else {
                None
            };
            let write = Write { model: name, record, condition };
            if choice == 1 { Call::Put(write) } else { Call::Create(write) }
        }
        3 => {
            let mut update = generator.update(source, model, starts)?;
            if target.has_if() && source.chance(30) {
                update.condition = generator.condition(source, model, starts);
            }
            Call::Update(Box::new(update))
        }
        4 => match generator.query(source, model, starts) {
            Some(query) => Call::Query(Box::new(query)),
            None => Call::Get { model: name, key, consistent: None },
        },
        5 => Call::Scan(Box::new(generator.scan(source, model, starts))),
        6 => Call::Delete { model: name, key, condition: None },
        7 => Call::BatchGet { model: name, keys: vec![key] },
        8 => {
            let record = generator.record(source, model, &key, false);
            Call::BatchPut { model: name, records: vec![record] }
        }
        9 => {
            let record = generator.record(source, model, &key, false);
            Call::Transact { actions: vec![Action::Put(Write { model: name, record, condition: None })] }
        }
        10 => {
            let start = &starts[source.below(starts.len())];
            let mut item =
                proofhouse_models::mapper::expect::stored_item(model, &target.contract, &start.record);
            item.extend(start.extra.clone());
            let unencrypted = model.fields.iter().all(|field| !field.encrypted);
            if !unencrypted {
                return Ok(Call::Get { model: name, key, consistent: None }.into());
            }
            Call::Unmarshal { model: name, item, into: None }
        }
        11 => Call::Marshal { model: name, record: generator.record(source, model, &key, false) },
        12 => Call::BatchDelete { model: name, keys: vec![key] },
        _ => return Err(Discard("no method to call")),
    };
    Ok(call.into())
}
