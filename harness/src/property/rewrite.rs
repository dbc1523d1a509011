//! `rewrite`: read, then write back unchanged, leaves the item as it was.

use super::support::{View, call_name, needs_method, verdict, views};
use super::{Judgement, Property, Violation};
use crate::case::{Case, Observation, Run, Step};
use crate::generate::record::key_of;
use crate::generate::{Generator, Wish};
use crate::tape::{Discard, Source};
use proofhouse_models::mapper::contract::{EmptyInPartial, Encryption};
use proofhouse_models::mapper::expect::decode::record_from_json;
use proofhouse_models::mapper::expect::show::{show_name, show_option};
use proofhouse_models::mapper::expect::write::describe_value;
use proofhouse_models::mapper::expect::{encode, raw_key, stored_field, stored_key};
use proofhouse_models::mapper::{Call, Capabilities, Field, FieldType, Form, Model, Record, Update, Write};
use proofhouse_models::value::{AttributeValue, Item};

/// Read, then write back unchanged: the declared, unmanaged attributes of the raw item are identical, all
/// others too unless the form is `put`.
pub struct Rewrite;

impl Property for Rewrite {
    fn id(&self) -> &'static str {
        "rewrite"
    }

    fn statement(&self) -> &'static str {
        "an item that is read and written back unchanged stays as it was"
    }

    fn needs(&self, target: &Capabilities) -> Result<(), String> {
        needs_method(target, "get")?;
        if target.has("put") || target.update_forms.iter().any(|form| writes_records(*form)) {
            Ok(())
        } else {
            Err("the target offers no form that writes a record".to_owned())
        }
    }

    fn generate(&self, source: &mut Source, target: &Capabilities) -> Result<Case, Discard> {
        generate(source, target, false)
    }

    fn judge(&self, target: &Capabilities, case: &Case, observed: &Observation) -> Judgement {
        let mut violations = Vec::new();
        let mut checked = false;
        let mut read: Option<Item> = None;
        for view in views(case, observed) {
            if let Call::Get { .. } = view.step.call {
                let record = view.seen.outcome.as_ref().ok().and_then(|answer| answer.get("record"));
                read = record.and_then(|record| record_from_json(record).ok());
                continue;
            }
            if view.step.reuse.is_none() || view.seen.outcome.is_err() {
                continue;
            }
            if let Some(read) = &read {
                checked = true;
                judge_step(target, &case.model, &view, read, &mut violations);
            }
        }
        verdict(violations, checked, "the read or the write was refused")
    }

    fn floors(&self, _: &Capabilities) -> Vec<(&'static str, u32)> {
        vec![("written back", 80)]
    }
}

fn writes_records(form: Form) -> bool {
    matches!(form, Form::Whole | Form::Named | Form::Partial)
}

fn judge_step(
    target: &Capabilities,
    model: &Model,
    view: &View<'_>,
    read: &Item,
    violations: &mut Vec<Violation>,
) {
    let (key, put) = match &view.step.call {
        Call::Put(write) => {
            let values = write
                .record
                .iter()
                .filter_map(|(name, operand)| Some((name.clone(), operand.value()?.clone())));
            (values.collect(), true)
        }
        Call::Update(update) => (update.key.clone(), false),
        _ => return,
    };
    let key = raw_key(model, &stored_key(model, &target.contract, &key));
    let find = |items: &[Item]| items.iter().find(|item| raw_key(model, item) == key).cloned();
    let Some(before) = find(view.before) else { return };
    let after = find(&view.seen.after).unwrap_or_default();
    let name = call_name(&view.step.call);
    let random = target.contract.encryption != Some(Encryption::Deterministic);
    let names: std::collections::BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    for attribute in names {
        let field = model.field_of_attribute(attribute);
        let managed = target.contract.managed.contains(attribute)
            || field.is_some_and(|field| {
                model.version.as_ref() == Some(&field.name) || target.contract.managed.contains(&field.name)
            });
        let skipped = match field {
            Some(field) => field.encrypted && random,
            None => put,
        };
        let (old, new) = (before.get(attribute), after.get(attribute));
        if managed
            || skipped
            || old == new
            || field.is_some_and(|field| may_become(target, field, old, new, read))
        {
            continue;
        }
        let what = old.or(new).map_or_else(String::new, describe_value);
        let role = if field.is_some() { "" } else { "undeclared " };
        let happened = match (old, new) {
            (None, _) => "added",
            (_, None) => "lost",
            _ => "changed",
        };
        violations.push(view.violation(
            format!("{name}: {role}{what} {happened}"),
            "reading an item and writing it back changed it",
            format!("{} = {}", show_name(attribute), show_option(new)),
            format!("{} = {}", show_name(attribute), show_option(old)),
        ));
    }
}

/// What is no difference: other digits of the same double, the zero value of a field that was not stored, a
/// NULL that the record does not tell from "not there".
fn may_become(
    target: &Capabilities,
    field: &Field,
    old: Option<&AttributeValue>,
    new: Option<&AttributeValue>,
    read: &Item,
) -> bool {
    match (old, new) {
        (Some(old), Some(new)) => {
            let declared = proofhouse_models::mapper::expect::decode::declared_value(&field.kind, old);
            holds_double(&field.kind) && encode::fits(&field.kind, &declared, new)
        }
        (None, Some(new)) => {
            encode::is_nothing(&field.kind, new)
                || (field.default.as_ref() == Some(new) && target.contract.defaults_on_update != Some(false))
        }
        // A field that is left away where it is nothing may lose its NULL, if the record does not show it.
        (Some(AttributeValue::Null), None) => {
            field.omit_empty && read.get(&field.name) != Some(&AttributeValue::Null)
        }
        _ => false,
    }
}

fn holds_double(kind: &FieldType) -> bool {
    match kind {
        FieldType::Float64 => true,
        FieldType::List(inner) | FieldType::Map(inner) | FieldType::Option(inner) => holds_double(inner),
        FieldType::Struct(members) => members.iter().any(|member| holds_double(&member.kind)),
        _ => false,
    }
}

/// A stored item that is read, then written back in one or two forms.
pub fn generate(source: &mut Source, target: &Capabilities, hostile: bool) -> Result<Case, Discard> {
    let mut generator = Generator::draw(source, target, hostile);
    generator.swarm.boundaries |= source.chance(50);
    let wish = Wish { version: true, sort_key: 20, defaults: true, indexes: false };
    let model = generator.model(source, wish)?;
    let starts = generator.starts(source, &model, 1..=2);
    let start = &starts[source.below(starts.len())];
    let key = key_of(&model, &start.record);
    let forms = source.list("form", 1..=2, |source| {
        let mut ways: Vec<Option<Form>> = Vec::new();
        if target.has("put") {
            ways.push(None);
        }
        let empties =
            matches!(target.contract.empty_in_partial, Some(EmptyInPartial::Set | EmptyInPartial::Keep));
        if target.has("update") {
            let forms = target.update_forms.iter().filter(|form| writes_records(**form));
            ways.extend(forms.filter(|form| **form != Form::Partial || empties).map(|form| Some(*form)));
        }
        if ways.is_empty() { None } else { Some(*source.pick(&ways)) }
    });
    let mut steps: Vec<Step> = Vec::new();
    for form in forms {
        let Some(form) = form else { return Err(Discard("no form writes a record")) };
        let read = steps.len();
        steps.push(Call::Get { model: model.name.clone(), key: key.clone(), consistent: Some(true) }.into());
        // The record is put in when the case runs; the key stands for it here.
        let record: Record = key.iter().map(|(name, value)| (name.clone(), value.clone().into())).collect();
        let call = match form {
            None => Call::Put(Write { model: model.name.clone(), record, condition: None }),
            Some(form) => {
                let mut update = Update::new(&model.name, key.clone(), form);
                update.record = Some(record);
                if form == Form::Named {
                    let stored = |field: &&Field| {
                        let value = start.record.get(&field.name);
                        value.is_some_and(|value| stored_field(field, value).is_some())
                    };
                    let names: Vec<String> = model
                        .fields
                        .iter()
                        .filter(|field| generator.is_free(&model, field))
                        .filter(stored)
                        .map(|field| field.name.clone())
                        .collect();
                    if names.is_empty() {
                        return Err(Discard("nothing to name"));
                    }
                    update.names = Some(names);
                }
                Call::Update(Box::new(update))
            }
        };
        source.label("written back");
        steps.push(Step::reusing(call, read));
    }
    Ok(Case { model, runs: vec![Run::new(starts, steps)], notes: Default::default() })
}
