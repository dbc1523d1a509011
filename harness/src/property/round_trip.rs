//! `round_trip`: what was written is read back, or was refused.

use super::rows::{RawKey, key_in, record_key, records, same_key_value};
use super::support::{View, blamed_field, call_name, needs_method, verdict, views};
use super::{Judgement, Property, Violation};
use crate::case::{Case, Observation, Run, Step};
use crate::generate::read::{partition_of, plain_query, plain_scan};
use crate::generate::record::other_keys;
use crate::generate::{Generator, Wish};
use crate::tape::{Discard, Source};
use proofhouse_models::mapper::call::{Action, Key};
use proofhouse_models::mapper::expect::decode::{Misread, misread, record_from_json};
use proofhouse_models::mapper::expect::show::show_item;
use proofhouse_models::mapper::expect::write::is_storable;
use proofhouse_models::mapper::expect::{raw_key, stored_field, stored_key};
use proofhouse_models::mapper::{
    Call, Capabilities, FieldOrPath, Model, Operand, Query, Record, Scan, Write,
};
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
        let mut written: Vec<Written<'_>> = Vec::new();
        for view in views(case, observed) {
            if view.index == 0 {
                written.clear();
            }
            match written_by(target, &case.model, &view) {
                Some(now) => written = now,
                None if !view.says_nothing() => {
                    checked |= judge_read(target, &case.model, &view, &written, &mut violations);
                }
                None => {}
            }
        }
        verdict(violations, checked, "the write or the read was refused")
    }

    fn floors(&self, _: &Capabilities) -> Vec<(&'static str, u32)> {
        vec![("read", 90)]
    }
}

/// A record that a call wrote.
struct Written<'a> {
    record: &'a Record,
    key: RawKey,
    create: bool,
    how: String,
}

/// The records that a write leaves, of several under one key the last; `None` for a read.
fn written_by<'a>(target: &Capabilities, model: &Model, view: &View<'a>) -> Option<Vec<Written<'a>>> {
    let mut create = false;
    let records: Vec<&Record> = match &view.step.call {
        Call::Create(write) => {
            create = true;
            vec![&write.record]
        }
        Call::Put(write) => vec![&write.record],
        Call::BatchPut { records, .. } => records.iter().collect(),
        Call::Transact { actions } => actions.iter().filter_map(put_record).collect(),
        _ => return None,
    };
    let left_over = |answer: &Value| answer.get("unprocessed").and_then(Value::as_array).map_or(0, Vec::len);
    if !view.seen.outcome.as_ref().is_ok_and(|answer| left_over(answer) == 0) {
        return Some(Vec::new());
    }
    let mut written: Vec<Written<'a>> = Vec::new();
    for record in records {
        let key = raw_key(model, &stored_key(model, &target.contract, &key_in(model, record)));
        written.retain(|earlier| earlier.key != key);
        written.push(Written { record, key, create, how: call_name(&view.step.call) });
    }
    Some(written)
}

fn put_record(action: &Action) -> Option<&Record> {
    match action {
        Action::Put(write) => Some(&write.record),
        _ => None,
    }
}

/// Judges what a read answered of each record that it asks for.
fn judge_read(
    target: &Capabilities,
    model: &Model,
    view: &View<'_>,
    written: &[Written<'_>],
    violations: &mut Vec<Violation>,
) -> bool {
    let raw = |key: &Key| raw_key(model, &stored_key(model, &target.contract, key));
    let asked: Vec<&Written<'_>> = match &view.step.call {
        Call::Get { key, .. } => written.iter().filter(|one| one.key == raw(key)).collect(),
        Call::BatchGet { keys, .. } => {
            let keys: Vec<RawKey> = keys.iter().map(raw).collect();
            written.iter().filter(|one| keys.contains(&one.key)).collect()
        }
        Call::Query(query) => {
            let in_partition = |one: &&Written<'_>| {
                let key = key_in(model, one.record);
                key.get(&model.partition_key)
                    == query.partition.get(&model.partition_key).and_then(Operand::value)
            };
            written.iter().filter(in_partition).collect()
        }
        _ => written.iter().collect(),
    };
    let mut checked = false;
    for one in &asked {
        checked |= judge_record(target, model, view, one, asked.len(), violations);
    }
    checked
}

fn judge_record(
    target: &Capabilities,
    model: &Model,
    view: &View<'_>,
    written: &Written<'_>,
    asked: usize,
    violations: &mut Vec<Violation>,
) -> bool {
    let name = view.step.call.method();
    let how = &written.how;
    let Some(stored) = view.before.iter().find(|item| raw_key(model, item) == written.key) else {
        violations.push(view.violation(
            format!("{how}: answered success, nothing stored"),
            "a record was written and is not in the table",
            "no item",
            written_text(written.record),
        ));
        return true;
    };
    let select = selected(&view.step.call);
    let answer = match &view.seen.outcome {
        Ok(answer) => answer,
        // Whether a mapper makes an object of a part of the record is its own affair.
        Err(_) if select.is_some() => return false,
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
                    written_text(written.record),
                ));
            }
            return !server;
        }
    };
    let answered = match &view.step.call {
        Call::Get { .. } | Call::Unmarshal { .. } => {
            answer.get("record").map(|record| record_from_json(record).ok().into_iter().collect())
        }
        _ => records(answer),
    };
    let Some(answered) = answered else { return false };
    // Alone, a record is the one that was asked for, whatever became of its key.
    let record = match answered.as_slice() {
        [record] if asked == 1 => Some(record),
        all => all.iter().find(|record| record_key(model, target, record).as_ref() == Some(&written.key)),
    };
    let Some(record) = record else {
        let unread = answer.get("unprocessed").and_then(Value::as_array).is_some_and(|left| !left.is_empty());
        if !model.key_fields().is_empty() && answered.len() < asked && !unread {
            violations.push(view.violation(
                format!("{name}: misses what {how} wrote"),
                "what was written is not read",
                if answered.is_empty() {
                    "no record".to_owned()
                } else {
                    format!("{} of {asked} records", answered.len())
                },
                written_text(written.record),
            ));
            return true;
        }
        return false;
    };
    for (found, writer) in differences(target, model, written, select, stored, record) {
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

/// The fields that a read asks for; `None`: all of them.
fn selected(call: &Call) -> Option<&[FieldOrPath]> {
    match call {
        Call::Query(query) => query.select.as_deref(),
        Call::Scan(scan) => scan.select.as_deref(),
        _ => None,
    }
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
    written: &Written<'_>,
    select: Option<&[FieldOrPath]>,
    stored: &Item,
    record: &Item,
) -> Vec<(Misread, bool)> {
    let Written { record: written, create, .. } = written;
    let mut wanted = Item::new();
    let mut judged: Vec<&str> = Vec::new();
    for field in &model.fields {
        let managed = model.version.as_ref() == Some(&field.name)
            || target.contract.managed.iter().any(|name| *name == field.name || name == field.attribute());
        let left_out = select.is_some_and(|select| select.iter().all(|entry| entry.root() != field.name));
        if managed || left_out || model.is_key(&field.name) {
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
                if operand.is_some() || !*create {
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
    let wish = Wish { version: true, sort_key: 30, defaults: true, indexes: false };
    let model = generator.model(source, wish)?;
    let name = model.name.clone();
    let has = |method: &str, weight: u32| if target.has(method) { weight } else { 0 };
    let unversioned = |weight: u32| if model.version.is_none() { weight } else { 0 };
    let choice = *source.weighted(&[
        (has("put", 40), 0),
        (has("create", 40), 1),
        (unversioned(has("batch_put", 14)), 2),
        (has("transact", 10), 3),
    ]);
    let most = if choice < 2 { 1 } else { 3 };
    let records = several(&mut generator, source, &model, most);
    let keys: Vec<Key> = records.iter().map(|record| key_in(&model, record)).collect();
    let many = choice == 2 && source.chance(10);
    let write = |record: &Record| Write { model: name.clone(), record: record.clone(), condition: None };
    let mut steps: Vec<Step> = vec![
        match choice {
            0 => Call::Put(write(&records[0])),
            1 => Call::Create(write(&records[0])),
            2 if many => {
                // More than one request holds, and what is read comes last.
                let others = other_keys(&model, &keys[0], 25);
                let others =
                    others.map(|key| key.into_iter().map(|(name, value)| (name, value.into())).collect());
                Call::BatchPut { model: name.clone(), records: others.chain(records.clone()).collect() }
            }
            2 => Call::BatchPut { model: name.clone(), records: records.clone() },
            _ => {
                Call::Transact { actions: records.iter().map(|record| Action::Put(write(record))).collect() }
            }
        }
        .into(),
    ];
    let reads = source.list("read", 1..=2, |source| {
        let way = *source.weighted(&[
            (has("get", 60), "get"),
            (has("query", 12), "query"),
            (has("scan", 12), "scan"),
            (has("batch_get", if keys.len() > 1 { 60 } else { 12 }), "batch_get"),
        ]);
        read(&mut generator, source, &model, &keys, way)
    });
    for read in reads {
        source.label("read");
        steps.push(read.into());
    }
    Ok(Case { model, runs: vec![Run::new(Vec::new(), steps)], notes: Default::default() })
}

/// Up to so many records, their keys often alike: a batch may mix them up.
fn several(generator: &mut Generator<'_>, source: &mut Source, model: &Model, most: usize) -> Vec<Record> {
    let mut twins = match most {
        1 => None,
        _ => generator.joined_twins(source, model, 30),
    }
    .into_iter()
    .flatten();
    // Both of two alike, where there are such.
    let least = if twins.clone().count() > 0 { 2 } else { 1 };
    source.list("record", least..=most, |source| {
        let key = twins.next().unwrap_or_else(|| generator.fresh_key(source, model));
        generator.record(source, model, &key, false)
    })
}

fn read(generator: &mut Generator<'_>, source: &mut Source, model: &Model, keys: &[Key], way: &str) -> Call {
    let name = model.name.clone();
    let key = source.pick(keys).clone();
    match way {
        "get" => Call::Get { model: name, key, consistent: Some(true) },
        "batch_get" => {
            // All that were written, at times one that was not, or one of them twice.
            let mut wanted = keys.to_vec();
            match source.below(10) {
                8 => wanted.push(generator.fresh_key(source, model)),
                9 => wanted.push(key),
                _ => {}
            }
            Call::BatchGet { model: name, keys: wanted }
        }
        "scan" => {
            let select = generator.select(source, model, None, 25);
            Call::Scan(Box::new(Scan { select, ..plain_scan(&name) }))
        }
        _ => {
            let select = generator.select(source, model, None, 25);
            Call::Query(Box::new(Query { select, ..plain_query(model, partition_of(model, &key)) }))
        }
    }
}
