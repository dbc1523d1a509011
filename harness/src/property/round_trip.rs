//! `round_trip`: what was written is read back, or was refused.

use super::rows::{record_key, records, same_key_value};
use super::support::{View, blamed_field, call_name, needs_method, verdict, views};
use super::{Judgement, Property, Violation};
use crate::case::{Case, Observation, Run, Step};
use crate::generate::{Generator, Wish};
use crate::tape::{Discard, Source};
use proofhouse_models::mapper::call::{Action, Key};
use proofhouse_models::mapper::expect::decode::{Misread, misread, record_from_json};
use proofhouse_models::mapper::expect::show::show_item;
use proofhouse_models::mapper::expect::write::is_storable;
use proofhouse_models::mapper::expect::{raw_key, stored_field, stored_key};
use proofhouse_models::mapper::{Call, Capabilities, Model, Operand, Query, Record, Scan, Write};
use proofhouse_models::value::Item;
use serde_json::Value;

/// read(write(x)) = x up to what the contract declares, or the write is refused before any request.
pub struct RoundTrip;

impl Property for RoundTrip {
    fn id(&self) -> &'static str {
        "round_trip"
    }

    fn statement(&self) -> &'static str {
        "what was written is read back as it was written"
    }

    fn needs(&self, target: &Capabilities) -> Result<(), String> {
        if !["create", "put"].iter().any(|method| target.has(method)) {
            return Err("the target does not offer create or put".to_owned());
        }
        if ["query", "scan", "batch_get"].iter().any(|method| target.has(method)) {
            return Ok(());
        }
        needs_method(target, "get")
    }

    fn generate(&self, source: &mut Source, target: &Capabilities) -> Result<Case, Discard> {
        generate(source, target, false)
    }

    fn judge(&self, target: &Capabilities, case: &Case, observed: &Observation) -> Judgement {
        let mut violations = Vec::new();
        let mut checked = false;
        let mut written: Option<(&Record, bool, String)> = None;
        for view in views(case, observed) {
            if view.index == 0 {
                written = None;
            }
            match &view.step.call {
                Call::Create(write) | Call::Put(write) => {
                    let create = matches!(view.step.call, Call::Create(_));
                    written = view
                        .seen
                        .outcome
                        .is_ok()
                        .then(|| (&write.record, create, call_name(&view.step.call)));
                }
                Call::BatchPut { records, .. } => {
                    let all = view.seen.outcome.as_ref().is_ok_and(|answer| {
                        answer.get("unprocessed").and_then(Value::as_array).is_none_or(Vec::is_empty)
                    });
                    written =
                        records.last().filter(|_| all).map(|record| (record, false, "batch_put".to_owned()));
                }
                Call::Transact { actions } => {
                    written = match actions.first() {
                        Some(Action::Put(write)) if view.seen.outcome.is_ok() => {
                            Some((&write.record, false, "transact".to_owned()))
                        }
                        _ => None,
                    };
                }
                _ => {
                    if let Some((record, create, how)) = &written
                        && !view.says_nothing()
                    {
                        checked |=
                            judge_read(target, &case.model, &view, record, *create, how, &mut violations);
                    }
                }
            }
        }
        verdict(violations, checked, "the write or the read was refused")
    }

    fn floors(&self, _: &Capabilities) -> Vec<(&'static str, u32)> {
        vec![("read", 90)]
    }
}

fn judge_read(
    target: &Capabilities,
    model: &Model,
    view: &View<'_>,
    written: &Record,
    create: bool,
    how: &str,
    violations: &mut Vec<Violation>,
) -> bool {
    let name = view.step.call.method();
    let key: Key = written
        .iter()
        .filter(|(name, _)| model.is_key(name))
        .filter_map(|(name, operand)| Some((name.clone(), operand.value()?.clone())))
        .collect();
    let raw = raw_key(model, &stored_key(model, &target.contract, &key));
    let Some(stored) = view.before.iter().find(|item| raw_key(model, item) == raw) else {
        violations.push(view.violation(
            format!("{how}: answered success, nothing stored"),
            "a record was written and is not in the table",
            "no item",
            written_text(written),
        ));
        return true;
    };
    let answer = match &view.seen.outcome {
        Ok(answer) => answer,
        Err(error) => {
            let text = match error {
                crate::target::CallError::Reported { kind, message, .. } => format!("{kind:?}: {message}"),
                crate::target::CallError::Broken { how, .. } => how.clone(),
            };
            let server = view.seen.exchanges.iter().any(|exchange| exchange.reply.status != 200);
            if !server {
                let refused = match blamed_field(model, &text) {
                    Some(field) => format!("the {} that", field.kind.kind_words()),
                    None => "what".to_owned(),
                };
                violations.push(view.violation(
                    format!("refuses {refused} was written"),
                    "what was written cannot be read",
                    text,
                    written_text(written),
                ));
            }
            return !server;
        }
    };
    let record = match &view.step.call {
        Call::Get { .. } | Call::Unmarshal { .. } => {
            answer.get("record").and_then(|record| record_from_json(record).ok())
        }
        _ => records(answer).and_then(|list| {
            list.into_iter().find(|record| record_key(model, target, record).as_ref() == Some(&raw))
        }),
    };
    let Some(record) = record else {
        if !model.key_fields().is_empty() && answers_nothing(answer) {
            violations.push(view.violation(
                format!("{name}: misses what {how} wrote"),
                "what was written is not read",
                "no record",
                written_text(written),
            ));
            return true;
        }
        return false;
    };
    for (found, writer) in differences(target, model, written, create, stored, &record) {
        let part = if writer { how } else { name };
        violations.push(view.violation(
            format!("{part}: {} {}", found.kind, found.happened),
            match writer {
                true => "a value was written as another one",
                false => "a value was read as another one",
            },
            found.observed,
            found.expected,
        ));
    }
    true
}

fn answers_nothing(answer: &Value) -> bool {
    answer.get("record").is_some_and(Value::is_null)
        || answer.get("records").and_then(Value::as_array).is_some_and(Vec::is_empty)
}

fn written_text(written: &Record) -> String {
    let item: Item =
        written.iter().filter_map(|(name, operand)| Some((name.clone(), operand.value()?.clone()))).collect();
    show_item(&item)
}

/// The fields that came back otherwise; true for those that were already stored otherwise.
fn differences(
    target: &Capabilities,
    model: &Model,
    written: &Record,
    create: bool,
    stored: &Item,
    record: &Item,
) -> Vec<(Misread, bool)> {
    let mut wanted = Item::new();
    let mut judged: Vec<&str> = Vec::new();
    for field in &model.fields {
        let managed = model.version.as_ref() == Some(&field.name)
            || target.contract.managed.iter().any(|name| *name == field.name || name == field.attribute());
        if managed || model.is_key(&field.name) {
            continue;
        }
        let operand = written.get(&field.name);
        match operand {
            Some(Operand::Value(value)) => {
                if !is_storable(&field.kind, value, field.omit_empty) && !illegal_numbers(value) {
                    continue;
                }
                if let Some(value) = stored_field(field, value) {
                    wanted.insert(field.attribute().to_owned(), value);
                }
            }
            _ if field.default.is_some() => {
                // `create` applies the default; with "no value" it is open.
                if operand.is_some() || !create {
                    continue;
                }
                if let Some(default) = &field.default {
                    wanted.insert(field.attribute().to_owned(), default.clone());
                }
            }
            _ => {}
        }
        judged.push(&field.name);
    }
    let mut open = model.clone();
    open.fields.iter_mut().for_each(|field| field.encrypted = false);
    let mut found = Vec::new();
    for misread_field in misread(&open, &wanted, record, &|name| judged.contains(&name)) {
        let field = model.field(&misread_field.field);
        let writer = field.is_some_and(|field| {
            !field.encrypted
                && match (wanted.get(field.attribute()), stored.get(field.attribute())) {
                    (None, stored) => stored.is_some(),
                    (Some(_), None) => true,
                    (Some(wanted), Some(stored)) => {
                        let model = Model { fields: vec![field.clone()], ..open.clone() };
                        let one = Item::from([(field.attribute().to_owned(), wanted.clone())]);
                        let declared =
                            proofhouse_models::mapper::expect::decode::declared_value(&field.kind, stored);
                        let read = Item::from([(field.name.clone(), declared)]);
                        !misread(&model, &one, &read, &|_| true).is_empty()
                    }
                }
        });
        found.push((misread_field, writer));
    }
    for name in model.key_fields() {
        let (Some(wanted), Some(read)) = (written.get(name).and_then(Operand::value), record.get(name))
        else {
            continue;
        };
        if !same_key_value(target, wanted, read) {
            let line = |value| format!("{name} = {}", proofhouse_models::mapper::expect::show::show(value));
            let misread = Misread {
                field: name.to_owned(),
                kind: "key".to_owned(),
                happened: "changed",
                observed: line(read),
                expected: line(wanted),
            };
            found.push((misread, false));
        }
    }
    found
}

/// Numbers that DynamoDB cannot hold: a write of them that succeeds stores other numbers.
fn illegal_numbers(value: &proofhouse_models::value::AttributeValue) -> bool {
    use proofhouse_models::value::AttributeValue;
    match value {
        AttributeValue::N(number) => !number.is_legal(),
        AttributeValue::Ns(set) => set.iter().any(|number| !number.is_legal()),
        AttributeValue::L(list) => list.iter().any(illegal_numbers),
        AttributeValue::M(map) => map.values().any(illegal_numbers),
        _ => false,
    }
}

/// One record written, then read in one or two ways.
pub fn generate(source: &mut Source, target: &Capabilities, hostile: bool) -> Result<Case, Discard> {
    let mut generator = Generator::draw(source, target, hostile);
    generator.swarm.boundaries |= source.chance(50);
    generator.swarm.illegal = source.chance(12);
    let wish = Wish { version: true, sort_key: 25, defaults: true, indexes: false };
    let model = generator.model(source, wish)?;
    let key = generator.fresh_key(source, &model);
    let record = generator.record(source, &model, &key, false);
    let name = model.name.clone();
    let write = Write { model: name.clone(), record: record.clone(), condition: None };
    let has = |method: &str, weight: u32| if target.has(method) { weight } else { 0 };
    let unversioned = |weight: u32| if model.version.is_none() { weight } else { 0 };
    let choice = *source.weighted(&[
        (has("put", 40), 0),
        (has("create", 40), 1),
        (unversioned(has("batch_put", 10)), 2),
        (has("transact", 8), 3),
    ]);
    let mut steps: Vec<Step> = vec![
        match choice {
            0 => Call::Put(write),
            1 => Call::Create(write),
            2 => Call::BatchPut { model: name.clone(), records: vec![record] },
            _ => Call::Transact { actions: vec![Action::Put(write)] },
        }
        .into(),
    ];
    let reads = source.list("read", 1..=2, |source| {
        *source.weighted(&[
            (has("get", 60), "get"),
            (has("query", 12), "query"),
            (has("scan", 12), "scan"),
            (has("batch_get", 12), "batch_get"),
        ])
    });
    for read in reads {
        source.label("read");
        let model_name = name.clone();
        let key = key.clone();
        steps.push(
            match read {
                "get" => Call::Get { model: model_name, key, consistent: Some(true) },
                "batch_get" => Call::BatchGet { model: model_name, keys: vec![key] },
                "scan" => Call::Scan(Box::new(plain_scan(&model_name))),
                _ => Call::Query(Box::new(plain_query(&model, &key))),
            }
            .into(),
        );
    }
    Ok(Case { model, runs: vec![Run::new(Vec::new(), steps)], notes: Default::default() })
}

/// A scan of everything.
pub fn plain_scan(model: &str) -> Scan {
    Scan { model: model.to_owned(), index: None, filter: None, select: None, limit: None, page: None }
}

/// A query of a key's partition.
pub fn plain_query(model: &Model, key: &Key) -> Query {
    Query {
        model: model.name.clone(),
        index: None,
        partition: key
            .iter()
            .filter(|(name, _)| **name == model.partition_key)
            .map(|(n, v)| (n.clone(), v.clone()))
            .collect(),
        sort: None,
        filter: None,
        select: None,
        order: None,
        limit: None,
        page: None,
    }
}
