//! `key_injective`: different tuples of tenant and key never share a stored key.

use super::support::{View, verdict, views};
use super::tenants::{A, RawKey, changes, keys_of, needs_tenants, owned_record, sent_keys, values, write};
use super::{Judgement, Property, Violation};
use crate::case::{Case, Observation, Run, Step};
use crate::generate::{Generator, Wish};
use crate::tape::{Discard, Source};
use proofhouse_models::mapper::call::{Action, Key};
use proofhouse_models::mapper::expect::encode::same_double;
use proofhouse_models::mapper::expect::show::{show, show_item, show_name};
use proofhouse_models::mapper::expect::stored_key;
use proofhouse_models::mapper::{Call, Capabilities, FieldType, Model};
use proofhouse_models::value::{AttributeValue, Item};

/// Different (tenant, key) tuples never share a stored key, in the table and in its indexes.
pub struct KeyInjective;

impl Property for KeyInjective {
    fn id(&self) -> &'static str {
        "key_injective"
    }

    fn statement(&self) -> &'static str {
        "different tuples of tenant and key never share a stored key"
    }

    fn needs(&self, target: &Capabilities) -> Result<(), String> {
        needs_tenants(target)
    }

    fn generate(&self, source: &mut Source, target: &Capabilities) -> Result<Case, Discard> {
        let mut generator = Generator::draw(source, target, false);
        generator.swarm.long = false;
        generator.swarm.nesting = false;
        generator.with_tenants(source);
        let wish = Wish { sort_key: 55, indexes: true, ..Wish::default() };
        let model = generator.model(source, wish)?;
        let index = text_index(&model);
        let mut tuples: Vec<Drawn> = Vec::new();
        let steps = source.list("tuple", 2..=7, |source| {
            let mut drawn = draw(&mut generator, source, &model, index, &tuples);
            if source.chance(4)
                && let Some(value @ AttributeValue::S(_)) = drawn.key.values_mut().last()
            {
                *value = AttributeValue::S(String::new());
                source.label("empty part");
            }
            tuples.push(drawn.clone());
            let call = call(&mut generator, source, &model, drawn.key, index.zip(drawn.index))?;
            Ok(Step::of(drawn.tenant, call))
        });
        let steps = steps.into_iter().collect::<Result<Vec<Step>, Discard>>()?;
        let tenant = |step: &Step| step.tenant.clone();
        if steps.iter().any(|step| tenant(step) != tenant(&steps[0])) {
            source.label("two tenants");
        }
        Ok(Case { model, runs: vec![Run::new(Vec::new(), steps)], notes: Default::default() })
    }

    fn judge(&self, target: &Capabilities, case: &Case, observed: &Observation) -> Judgement {
        let model = &case.model;
        let mut violations = Vec::new();
        let mut known: Vec<(RawKey, Tuple)> = Vec::new();
        let mut of_indexes: Vec<(usize, RawKey, Tuple)> = Vec::new();
        for view in views(case, observed) {
            if view.index == 0 {
                known.clear();
                of_indexes.clear();
            }
            let keys = keys_of(model, &view.step.call);
            let (Some(tenant), [key]) = (&view.step.tenant, keys.as_slice()) else { continue };
            let tuple = Tuple { tenant: tenant.clone(), key: key.clone() };
            judge_key(target, model, &view, &tuple, &mut known, &mut violations);
            judge_indexes(target, model, &view, tenant, &mut of_indexes, &mut violations);
        }
        verdict(violations, known.len() > 1, "fewer than two keys were stored or sent")
    }

    fn floors(&self, _: &Capabilities) -> Vec<(&'static str, u32)> {
        vec![("two tenants", 60)]
    }
}

/// Whose key it is, as a caller writes it.
#[derive(Clone, Debug)]
struct Tuple {
    tenant: String,
    key: Key,
}

impl Tuple {
    fn show(&self) -> String {
        let item: Item = self.key.clone().into_iter().collect();
        format!("{} of tenant {}", show_item(&item), show_name(&self.tenant))
    }
}

/// Whose item it is, its key, and its value in the first index.
#[derive(Clone)]
struct Drawn {
    tenant: String,
    key: Key,
    index: Option<String>,
}

/// The partition key of the first index, where it is a string of its own.
fn text_index(model: &Model) -> Option<&str> {
    let name = model.indexes.first()?.partition_key.as_str();
    let text = model.field(name).is_some_and(|field| field.kind == FieldType::String);
    (text && !model.is_key(name)).then_some(name)
}

/// A tuple of which the earlier ones are likely neighbours.
fn draw(
    generator: &mut Generator<'_>,
    source: &mut Source,
    model: &Model,
    index: Option<&str>,
    tuples: &[Drawn],
) -> Drawn {
    source.span("part", |source| {
        let value = index.map(|_| generator.part(source));
        if tuples.is_empty() {
            let tenant = generator.part(source);
            return Drawn { tenant, key: generator.fresh_key(source, model), index: value };
        }
        let earlier = tuples[source.below(tuples.len())].clone();
        let Drawn { tenant, key, index } = earlier;
        match source.below(12) {
            0..=1 => Drawn { tenant: generator.twin(source, &tenant), key, index },
            2..=5 => {
                let (tenant, key) = generator.shifted(source, model, &tenant, &key);
                Drawn { tenant, key, index: value }
            }
            6 => {
                let key = generator.rival_key(source, model, std::slice::from_ref(&key));
                Drawn { tenant, key, index }
            }
            7 => Drawn { tenant: generator.part(source), key, index: value },
            10 => {
                // The stored key itself, in the hands of another tenant.
                let key = generator.stored_form(model, &tenant, &key).unwrap_or(key);
                Drawn { tenant: generator.twin(source, &tenant), key, index: value }
            }
            8..=9 if index.is_some() => {
                let texts: Vec<String> = std::iter::once(tenant).chain(index).collect();
                let mut texts = generator.cut_elsewhere(source, &texts).into_iter();
                let tenant = texts.next().unwrap_or_default();
                Drawn { tenant, key: generator.fresh_key(source, model), index: texts.next() }
            }
            _ => {
                let tenant = generator.part(source);
                Drawn { tenant, key: generator.fresh_key(source, model), index: value }
            }
        }
    })
}

/// A call on one key.
fn call(
    generator: &mut Generator<'_>,
    source: &mut Source,
    model: &Model,
    key: Key,
    index: Option<(&str, String)>,
) -> Result<Call, Discard> {
    let has = |method: &str, weight: u32| if generator.target.has(method) { weight } else { 0 };
    let updates = if generator.target.update_forms.is_empty() { 0 } else { has("update", 8) };
    let name = model.name.clone();
    let choice = *source.weighted(&[
        (60, 0),
        (has("get", 12), 1),
        (updates, 2),
        (has("delete", 8), 3),
        (has("batch_get", 6), 4),
        (has("batch_delete", 4), 5),
    ]);
    Ok(match choice {
        0 => {
            let mut record = owned_record(generator, source, model, &key, A);
            if let Some((name, text)) = index {
                record.insert(name.to_owned(), AttributeValue::S(text).into());
            }
            let mut calls = write(generator.target, source, model, &[record]);
            calls.pop().ok_or(Discard("no write"))?
        }
        1 => Call::Get { model: name, key, consistent: None },
        2 => {
            let form = generator.form(source)?;
            Call::Update(Box::new(generator.update_of(source, model, &[], form, key)?))
        }
        3 => Call::Delete { model: name, key, condition: None },
        4 => Call::BatchGet { model: name, keys: vec![key] },
        _ => Call::BatchDelete { model: name, keys: vec![key] },
    })
}

/// The key on the wire beside those of earlier calls, and the items that a write touched beside those who own them.
fn judge_key(
    target: &Capabilities,
    model: &Model,
    view: &View<'_>,
    tuple: &Tuple,
    known: &mut Vec<(RawKey, Tuple)>,
    violations: &mut Vec<Violation>,
) {
    let mut stored: Vec<RawKey> = sent_keys(model, &view.seen.exchanges);
    if stored.len() != 1 {
        // Which of several is the item's own, or of none that is named: what the table shows.
        stored = changes(model, view.before, &view.seen.after).into_iter().map(|(key, ..)| key).collect();
        if stored.len() != 1 {
            return;
        }
    }
    let Some(stored) = stored.pop() else { return };
    for (_, other) in known.iter().filter(|(key, _)| *key == stored) {
        if same(target, model, tuple, other) {
            continue;
        }
        let who = if tuple.tenant == other.tenant { "two keys of one tenant" } else { "two tenants" };
        violations.push(view.violation(
            format!("{who} share a stored key"),
            format!("{who} share a stored key"),
            format!("{} and {} are both {}", other.show(), tuple.show(), show_key(&stored)),
            "stored keys that differ",
        ));
        return;
    }
    known.push((stored, tuple.clone()));
}

/// The index keys of the item that a write stored, beside those of earlier writes.
fn judge_indexes(
    target: &Capabilities,
    model: &Model,
    view: &View<'_>,
    tenant: &str,
    known: &mut Vec<(usize, RawKey, Tuple)>,
    violations: &mut Vec<Violation>,
) {
    let record = match &view.step.call {
        Call::Create(write) | Call::Put(write) => &write.record,
        Call::BatchPut { records, .. } if records.len() == 1 => &records[0],
        Call::Transact { actions } => match actions.as_slice() {
            [Action::Put(write)] => &write.record,
            _ => return,
        },
        _ => return,
    };
    let values = values(record);
    let changed = changes(model, view.before, &view.seen.after);
    let [(_, _, Some(item))] = changed.as_slice() else { return };
    for (number, index) in model.indexes.iter().enumerate() {
        let names: Vec<&str> =
            std::iter::once(index.partition_key.as_str()).chain(index.sort_key.as_deref()).collect();
        let attribute = |name: &str| model.field(name).map_or("", |field| field.attribute()).to_owned();
        let stored: RawKey = names.iter().map(|name| item.get(&attribute(name)).cloned()).collect();
        let declared: Option<Key> =
            names.iter().map(|name| Some(((*name).to_owned(), values.get(*name)?.clone()))).collect();
        let (Some(key), true) = (declared, stored.iter().all(Option::is_some)) else { continue };
        let tuple = Tuple { tenant: tenant.to_owned(), key };
        let earlier = known.iter().filter(|(of, raw, _)| *of == number && *raw == stored);
        for (_, _, other) in earlier {
            if same(target, model, &tuple, other) {
                continue;
            }
            let who = if tuple.tenant == other.tenant { "two keys of one tenant" } else { "two tenants" };
            violations.push(view.violation(
                format!("{who} share a key of an index"),
                format!("{who} share a key of an index"),
                format!("{} and {} are both {}", other.show(), tuple.show(), show_key(&stored)),
                "index keys that differ",
            ));
            return;
        }
        known.push((number, stored, tuple));
    }
}

/// Whether two tuples are one: values that the contract's key case or a double's digits make equal count as equal.
fn same(target: &Capabilities, model: &Model, left: &Tuple, right: &Tuple) -> bool {
    if left.tenant != right.tenant || left.key.len() != right.key.len() {
        return false;
    }
    if left.key == right.key {
        return true;
    }
    let table = model.key_fields().into_iter().all(|name| left.key.contains_key(name));
    if table
        && stored_key(model, &target.contract, &left.key) == stored_key(model, &target.contract, &right.key)
    {
        return true;
    }
    left.key.iter().all(|(name, value)| match (value, right.key.get(name)) {
        (AttributeValue::N(one), Some(AttributeValue::N(other))) => {
            let double = model.field(name).is_some_and(|field| field.kind == FieldType::Float64);
            one == other || (double && same_double(one, other))
        }
        (one, other) => Some(one) == other,
    })
}

fn show_key(key: &RawKey) -> String {
    key.iter().flatten().map(show).collect::<Vec<_>>().join(", ")
}
