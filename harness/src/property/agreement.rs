//! `agreement`: every way to write one intent leaves the same item.

use super::support::{call_name, verdict, views};
use super::{Judgement, Property, Violation};
use crate::case::{Case, Observation, Run, Start, Step};
use crate::generate::record::key_of;
use crate::generate::{Generator, Wish};
use crate::tape::{Discard, Source};
use proofhouse_models::mapper::call::{Action, Key};
use proofhouse_models::mapper::contract::{EmptyInPartial, UpdateMissing, ZeroInPartial};
use proofhouse_models::mapper::expect::show::{show_name, show_option};
use proofhouse_models::mapper::expect::write::{describe_value, is_empty_set};
use proofhouse_models::mapper::expect::{encode, raw_key, stored_field, stored_key};
use proofhouse_models::mapper::{
    Call, Capabilities, Field, FieldType, Form, Model, Operand, Record, Update, Write,
};
use proofhouse_models::value::{AttributeValue, Item};

/// All write forms of one intent leave the same raw item, attributes with a default and managed ones aside.
pub struct Agreement;

impl Property for Agreement {
    fn id(&self) -> &'static str {
        "agreement"
    }

    fn statement(&self) -> &'static str {
        "every way to write the same record leaves the same item"
    }

    fn needs(&self, target: &Capabilities) -> Result<(), String> {
        let forms =
            ["create", "put", "batch_put", "transact"].iter().filter(|method| target.has(method)).count();
        let forms = forms + if target.has("update") { target.update_forms.len() } else { 0 };
        if forms < 2 { Err("the target offers fewer than two ways to write".to_owned()) } else { Ok(()) }
    }

    fn generate(&self, source: &mut Source, target: &Capabilities) -> Result<Case, Discard> {
        generate(source, target, false)
    }

    fn judge(&self, target: &Capabilities, case: &Case, observed: &Observation) -> Judgement {
        let mut stored: Vec<Stored<'_>> = Vec::new();
        for view in views(case, observed) {
            let Some(intent) = intent_of(&view.step.call) else { continue };
            if view.seen.outcome.is_ok() && stored.iter().all(|known| known.run != view.run) {
                let key = raw_key(&case.model, &stored_key(&case.model, &target.contract, &intent.key));
                let item = view.seen.after.iter().find(|item| raw_key(&case.model, item) == key);
                let how = way_name(&view.step.call);
                stored.push(Stored { run: view.run, step: view.index, how, item, record: intent.record });
            }
        }
        verdict(
            disagreements(target, &case.model, &stored),
            stored.len() > 1,
            "fewer than two ways went through",
        )
    }

    fn floors(&self, _: &Capabilities) -> Vec<(&'static str, u32)> {
        vec![("two ways", 90)]
    }
}

struct Stored<'a> {
    run: usize,
    step: usize,
    how: String,
    item: Option<&'a Item>,
    record: Record,
}

struct Intent {
    key: Key,
    record: Record,
}

/// What a call of this property's cases means to store.
fn intent_of(call: &Call) -> Option<Intent> {
    let of_record = |record: &Record, key: &Key| Intent { key: key.clone(), record: record.clone() };
    match call {
        Call::Create(write) | Call::Put(write) => Some(of_record(&write.record, &values(&write.record))),
        Call::BatchPut { records, .. } => records.first().map(|record| of_record(record, &values(record))),
        Call::Update(update) => Some(of_update(update)),
        Call::Transact { actions } => match actions.first()? {
            Action::Put(write) => Some(of_record(&write.record, &values(&write.record))),
            Action::Update(update) => Some(of_update(update)),
            _ => None,
        },
        _ => None,
    }
}

fn of_update(update: &Update) -> Intent {
    let record = update.record.clone().unwrap_or_else(|| update.set.clone());
    Intent { key: update.key.clone(), record }
}

fn values(record: &Record) -> Key {
    record.iter().filter_map(|(name, operand)| Some((name.clone(), operand.value()?.clone()))).collect()
}

fn way_name(call: &Call) -> String {
    match call {
        Call::Transact { actions } => match actions.first() {
            Some(Action::Update(update)) => format!("transact update {}", update.form.name()),
            _ => "transact put".to_owned(),
        },
        call => call_name(call),
    }
}

fn disagreements(target: &Capabilities, model: &Model, stored: &[Stored<'_>]) -> Vec<Violation> {
    let mut found = Vec::new();
    let random =
        target.contract.encryption != Some(proofhouse_models::mapper::contract::Encryption::Deterministic);
    for field in &model.fields {
        let managed = model.version.as_ref() == Some(&field.name)
            || target.contract.managed.iter().any(|name| *name == field.name || name == field.attribute());
        if managed || field.default.is_some() || (field.encrypted && random) || model.is_key(&field.name) {
            continue;
        }
        let seen: Vec<(&Stored<'_>, Option<&AttributeValue>)> =
            stored.iter().map(|one| (one, one.item.and_then(|item| item.get(field.attribute())))).collect();
        let Some((first, value)) = seen.first() else { continue };
        if seen.iter().all(|(_, other)| same(field, first, *value, *other)) {
            continue;
        }
        // The ways that store what the specification says are right; without one, those that most agree on.
        let wanted = first.record.get(&field.name).and_then(Operand::value);
        let plain = |value: Option<&AttributeValue>| match wanted {
            Some(wanted) => match stored_field(field, wanted) {
                Some(_) => value.is_some_and(|value| encode::fits(&field.kind, wanted, value)),
                None => value.is_none(),
            },
            None => value.is_none(),
        };
        let votes = |value: Option<&AttributeValue>| seen.iter().filter(|(_, other)| *other == value).count();
        let Some((right, right_value)) = seen.iter().max_by_key(|(_, value)| (plain(*value), votes(*value)))
        else {
            continue;
        };
        for (wrong, wrong_value) in &seen {
            if same(field, right, *right_value, *wrong_value) {
                continue;
            }
            let what = wanted.map_or_else(|| "left out field".to_owned(), describe_value);
            found.push(Violation {
                identity: format!("{}: {what} stored otherwise", wrong.how),
                title: format!("{} stores a record otherwise than {}", wrong.how, right.how),
                run: wrong.run,
                step: wrong.step,
                observed: format!("{} = {}", show_name(field.attribute()), show_option(*wrong_value)),
                expected: format!(
                    "{} = {} (by {})",
                    show_name(field.attribute()),
                    show_option(*right_value),
                    right.how
                ),
                hazard: None,
            });
        }
    }
    found
}

/// Whether two ways stored the same: equal, or both a fitting form of one double.
fn same(
    field: &Field,
    one: &Stored<'_>,
    left: Option<&AttributeValue>,
    right: Option<&AttributeValue>,
) -> bool {
    if left == right {
        return true;
    }
    let (Some(left), Some(right)) = (left, right) else { return false };
    let wanted = one.record.get(&field.name).and_then(Operand::value);
    wanted.is_some_and(|wanted| {
        encode::fits(&field.kind, wanted, left) && encode::fits(&field.kind, wanted, right)
    }) && holds_double(&field.kind)
}

fn holds_double(kind: &FieldType) -> bool {
    match kind {
        FieldType::Float64 => true,
        FieldType::List(inner) | FieldType::Map(inner) | FieldType::Option(inner) => holds_double(inner),
        FieldType::Struct(members) => members.iter().any(|member| holds_double(&member.kind)),
        _ => false,
    }
}

/// One record, written in two or more ways, each on a table of its own.
pub fn generate(source: &mut Source, target: &Capabilities, hostile: bool) -> Result<Case, Discard> {
    let mut generator = Generator::draw(source, target, hostile);
    generator.swarm.absents = false;
    let wish = Wish { version: true, sort_key: 20, defaults: true, indexes: false };
    let model = generator.model(source, wish)?;
    // An item is there, or not, where the target has two ways to write it; where either will do, by chance.
    let existing = match [true, false].map(|existing| has_two_ways(target, &model, existing)) {
        [true, false] => true,
        [false, true] => false,
        _ => source.chance(40),
    };
    let starts = if existing { generator.starts(source, &model, 1..=1) } else { Vec::new() };
    let starts: Vec<Start> = starts.into_iter().map(|start| Start { extra: Item::new(), ..start }).collect();
    let key = match starts.first() {
        Some(start) => key_of(&model, &start.record),
        None => generator.fresh_key(source, &model),
    };
    let partly = source.chance(20);
    let mut record: Record =
        key.iter().map(|(name, value)| (name.clone(), Operand::Value(value.clone()))).collect();
    for field in &model.fields {
        if !generator.is_free(&model, field) {
            continue;
        }
        source.span("field", |source| {
            if partly && source.chance(40) {
                return;
            }
            let operand = generator.operand(source, &model, field);
            if !operand.value().is_none_or(is_empty_set) {
                record.insert(field.name.clone(), operand);
            }
        });
    }
    let whole = model
        .fields
        .iter()
        .all(|field| !generator.is_free(&model, field) || record.contains_key(&field.name));
    let version = starts.first().and_then(|start| {
        let version = model.version.as_ref()?;
        Some((version.clone(), Operand::Value(start.record.get(version)?.clone())))
    });
    let mut ways = ways(target, &model, &key, &record, whole, existing);
    if let Some((name, value)) = version {
        for way in &mut ways {
            carry(way, &name, &value);
        }
    }
    if ways.len() < 2 {
        return Err(Discard("fewer than two ways to write the record"));
    }
    // Each number means the same way whatever else is drawn, so that each can be deleted alone.
    let mut chosen = vec![source.below(ways.len())];
    for index in source.list("way", 1..=3, |source| source.below(ways.len())) {
        let free = (index..ways.len()).chain(0..index).find(|index| !chosen.contains(index));
        chosen.extend(free);
    }
    let runs = chosen.into_iter().map(|index| run(&starts, ways[index].clone())).collect();
    source.label("two ways");
    Ok(Case { model, runs, notes: Default::default() })
}

fn run(starts: &[Start], call: Call) -> Run {
    let label = way_name(&call);
    Run { label, ..Run::new(starts.to_vec(), vec![Step::from(call)]) }
}

/// Whether the target has two ways to write a whole record of plain values.
fn has_two_ways(target: &Capabilities, model: &Model, existing: bool) -> bool {
    let fields = model.fields.iter().filter(|field| !model.is_any_key(&field.name));
    let plain = |field: &Field| (field.name.clone(), Operand::Value(AttributeValue::number(1)));
    ways(target, model, &Key::new(), &fields.map(plain).collect(), true, existing).len() > 1
}

/// The calls that mean to store this record, in the order from plain to odd.
fn ways(
    target: &Capabilities,
    model: &Model,
    key: &Key,
    record: &Record,
    whole: bool,
    existing: bool,
) -> Vec<Call> {
    let write = || Write { model: model.name.clone(), record: record.clone(), condition: None };
    let mut ways = Vec::new();
    if target.has("put") {
        ways.push(Call::Put(write()));
    }
    let upserts = existing || target.contract.update_missing == Some(UpdateMissing::Create);
    let forms = if target.has("update") && upserts { target.update_forms.as_slice() } else { &[] };
    let mut updates = Vec::new();
    for form in forms {
        let mut update = Update::new(&model.name, key.clone(), *form);
        let fields: Record = record
            .iter()
            .filter(|(name, _)| !model.is_key(name))
            .map(|(n, v)| (n.clone(), v.clone()))
            .collect();
        // A call that mentions nothing of the record has no plain meaning on a missing item.
        if fields.is_empty() {
            continue;
        }
        match form {
            Form::Patch | Form::Builder if whole => update.set = fields,
            Form::Named if whole => {
                update.names = Some(fields.keys().cloned().collect());
                update.record = Some(record.clone());
            }
            Form::Partial if whole && partial_is_plain(target, model, &fields) => {
                update.record = Some(record.clone())
            }
            Form::Whole => update.record = Some(record.clone()),
            _ => continue,
        }
        updates.push(update);
    }
    ways.extend(updates.iter().map(|update| Call::Update(Box::new(update.clone()))));
    if target.has("batch_put") && model.version.is_none() {
        ways.push(Call::BatchPut { model: model.name.clone(), records: vec![record.clone()] });
    }
    if target.has("transact") {
        ways.push(Call::Transact { actions: vec![Action::Put(write())] });
        let actions = updates.into_iter().map(|update| vec![Action::Update(Box::new(update))]);
        ways.extend(actions.map(|actions| Call::Transact { actions }));
    }
    // Last, so that the others keep their places where the item is there.
    if target.has("create") && !existing {
        ways.push(Call::Create(write()));
    }
    ways
}

/// Whether a partial record says the same as a whole one: nothing in it that the contract treats apart.
fn partial_is_plain(target: &Capabilities, model: &Model, fields: &Record) -> bool {
    fields.iter().all(|(name, operand)| {
        let (Some(field), Some(value)) = (model.field(name), operand.value()) else { return false };
        let stored = encode::stored_value(&field.kind, value);
        if stored.is_empty() {
            return !field.omit_empty && target.contract.empty_in_partial == Some(EmptyInPartial::Set);
        }
        if stored.is_zero() {
            return target.contract.zero_in_partial == Some(ZeroInPartial::Set);
        }
        stored != AttributeValue::Null
    })
}

/// Puts the stored version into the records that a versioned write checks.
fn carry(call: &mut Call, name: &str, value: &Operand) {
    let into = |record: &mut Record| {
        record.insert(name.to_owned(), value.clone());
    };
    let into_update = |update: &mut Update| {
        if let Some(record) = &mut update.record {
            record.insert(name.to_owned(), value.clone());
        }
    };
    match call {
        Call::Put(write) => into(&mut write.record),
        Call::Update(update) => into_update(update),
        Call::Transact { actions } => {
            for action in actions {
                match action {
                    Action::Put(write) => into(&mut write.record),
                    Action::Update(update) => into_update(update),
                    _ => {}
                }
            }
        }
        _ => {}
    }
}
