//! `meaning`: what is on the wire means what the caller said, by the reference evaluator.

use super::rows::key_in;
use super::samples::around;
use super::support::{View, condition_words, verdict, views};
use super::well_formed::{key_attributes, needs_requests, operation_of, requests};
use super::{Judgement, Property, Violation};
use crate::case::{Case, Observation, Run, Start, Step};
use crate::generate::{Generator, Wish};
use crate::tape::{Discard, Source};
use proofhouse_models::expression::{
    self, Condition as WireCondition, Operand as WireOperand, Path as WirePath, Prepared, ResolvedCondition,
    Step as WireStep, apply_update, matches_key, prepare,
};
use proofhouse_models::mapper::expect::show::show_item;
use proofhouse_models::mapper::expect::write::has_absent;
use proofhouse_models::mapper::expect::{self, Difference, Errors, evaluate, reading, stored_key};
use proofhouse_models::mapper::{
    Call, Capabilities, Condition, Field, Model, Operand, Query, SortCondition, Write,
};
use proofhouse_models::value::Item;
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

/// The emitted condition, filter, key condition and update mean what the caller said, on random items and
/// on those at the condition's edges.
pub struct Meaning;

impl Property for Meaning {
    fn id(&self) -> &'static str {
        "meaning"
    }

    fn statement(&self) -> &'static str {
        "the expressions on the wire mean what the caller said"
    }

    fn needs(&self, target: &Capabilities) -> Result<(), String> {
        needs_requests(target)
    }

    fn generate(&self, source: &mut Source, target: &Capabilities) -> Result<Case, Discard> {
        generate(source, target, false)
    }

    fn judge(&self, target: &Capabilities, case: &Case, observed: &Observation) -> Judgement {
        let mut violations = Vec::new();
        let mut checked = false;
        for view in views(case, observed) {
            let Some(call) = intent(&view.step.call) else { continue };
            checked |= Judge { target, model: &case.model, view: &view, call: &call }.step(&mut violations);
        }
        verdict(violations, checked, "no expression to read")
    }

    fn floors(&self, target: &Capabilities) -> Vec<(&'static str, u32)> {
        if target.conditions.is_empty() { Vec::new() } else { vec![("condition", 40)] }
    }
}

/// The call that a step means: itself, or what it builds.
fn intent(call: &Call) -> Option<Call> {
    match call {
        Call::Build { kind, params, .. } => {
            serde_json::from_value(json!({ "method": kind, "params": params })).ok()
        }
        call => Some(call.clone()),
    }
}

struct Judge<'a> {
    target: &'a Capabilities,
    model: &'a Model,
    view: &'a View<'a>,
    call: &'a Call,
}

impl Judge<'_> {
    fn step(&self, violations: &mut Vec<Violation>) -> bool {
        let requests = requests(&self.view.step.call, self.view.seen);
        let operation = operation_of(self.call.method());
        let Some((_, request)) = requests.iter().find(|(name, _)| *name == operation) else { return false };
        let Some(request) = request.as_object() else { return false };
        let keys = key_attributes(self.model, &Value::Object(request.clone()));
        let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
        let mut breaks = Vec::new();
        let prepared = prepare(operation, "", request, &keys, &mut breaks);
        if !breaks.is_empty() {
            // `well_formed` names what is broken.
            return false;
        }
        match self.call {
            Call::Put(write) => {
                self.condition("put", write.condition.as_ref(), request, &prepared, violations)
            }
            Call::Delete { condition, .. } => {
                self.condition("delete", condition.as_ref(), request, &prepared, violations)
            }
            Call::Update(update) => {
                let name = format!("update {}", update.form.name());
                let judged = self.condition(&name, update.condition.as_ref(), request, &prepared, violations);
                self.update(&name, requests.len(), &prepared, violations) || judged
            }
            Call::Query(query) => {
                let judged = self.filter(
                    "query",
                    query.filter.as_ref(),
                    query.index.as_deref(),
                    &prepared,
                    violations,
                );
                self.key_condition(query, &prepared, violations) || judged
            }
            Call::Scan(scan) => {
                self.filter("scan", scan.filter.as_ref(), scan.index.as_deref(), &prepared, violations)
            }
            _ => false,
        }
    }

    /// The base items: those of the table, and one with nothing but a key.
    fn bases(&self) -> Vec<Item> {
        let mut bases: Vec<Item> = self.view.before.iter().take(2).cloned().collect();
        if bases.is_empty() {
            bases.push(self.key());
        }
        bases
    }

    /// Key attributes that any item has.
    fn key(&self) -> Item {
        let key = match self.call {
            Call::Put(write) => key_in(self.model, &write.record),
            Call::Update(update) => update.key.clone(),
            Call::Delete { key, .. } => key.clone(),
            _ => Default::default(),
        };
        stored_key(self.model, &self.target.contract, &key)
    }

    fn condition(
        &self,
        name: &str,
        said: Option<&Condition>,
        request: &Map<String, Value>,
        prepared: &Prepared,
        violations: &mut Vec<Violation>,
    ) -> bool {
        let Some(said) = said else { return false };
        match &prepared.condition {
            // A lookup of the library's own, a read before the write, adds its condition too.
            Some(emitted) => self.same(name, "condition", said, emitted, request, violations),
            None => {
                violations.push(self.view.violation(
                    format!("{name}: condition not sent"),
                    "the condition of a write is not on the wire",
                    "no ConditionExpression",
                    shown(said),
                ));
                true
            }
        }
    }

    fn filter(
        &self,
        name: &str,
        said: Option<&Condition>,
        _index: Option<&str>,
        prepared: &Prepared,
        violations: &mut Vec<Violation>,
    ) -> bool {
        let (Some(said), Some(emitted)) = (said, &prepared.filter) else { return false };
        self.same(name, "filter", said, emitted, &Map::new(), violations)
    }

    /// Compares what was said with what was emitted, on items at the edges of what was said.
    fn same(
        &self,
        name: &str,
        what: &str,
        said: &Condition,
        emitted: &ResolvedCondition,
        request: &Map<String, Value>,
        violations: &mut Vec<Violation>,
    ) -> bool {
        if has_absent(said) {
            return false;
        }
        let Some(read) = reading(said, self.target.contract.condition_combination) else { return false };
        let mut roots = BTreeSet::new();
        wire_roots(emitted, &mut roots);
        let known =
            |root: &String| self.model.field_of_attribute(root).is_some() || self.model.field(root).is_some();
        if !roots.iter().all(known) {
            // The library looks at an attribute of its own.
            return false;
        }
        let mut compared = false;
        for base in self.bases() {
            for item in around(Some(said), self.model, &base) {
                // No stored item lacks its key, which a library may add to a condition.
                if loses_key(self.model, &base, &item) {
                    continue;
                }
                let (Some(wanted), Ok(got)) =
                    (evaluate(&read, self.model, &item), expression::evaluate(emitted, &item))
                else {
                    continue;
                };
                compared = true;
                // A version adds a condition of the library's own: it may narrow what was said, never widen it.
                let narrowed = self.model.version.is_some() && wanted && !got;
                if wanted != got && !narrowed {
                    let text = request.get("ConditionExpression").and_then(Value::as_str).unwrap_or_default();
                    violations.push(self.view.violation(
                        format!("{name}: {what}{} means something else", condition_words(said)),
                        format!("the {what} on the wire means something else than the caller said"),
                        format!("{got} on {} {text}", show_item(&item)).trim_end().to_owned(),
                        format!("{wanted}, for {}", shown(said)),
                    ));
                    return true;
                }
            }
        }
        compared
    }

    fn key_condition(&self, query: &Query, prepared: &Prepared, violations: &mut Vec<Violation>) -> bool {
        let Some(emitted) = &prepared.key_condition else { return false };
        let plain = Query { filter: None, ..query.clone() };
        let sort = match query.index.as_deref().and_then(|name| self.model.index(name)) {
            Some(index) => index.sort_key.as_deref(),
            None => self.model.sort_key.as_deref(),
        };
        let wants_sort = sort.and_then(|name| self.model.field(name)).map(|field| field.attribute());
        let mut compared = false;
        for item in key_samples(self.model, query, self.view.before) {
            let Some(rows) =
                expect::rows::query_rows(self.model, self.target, std::slice::from_ref(&item), &plain)
            else {
                continue;
            };
            // An item without the index's sort key is not in it, whatever the condition says.
            if wants_sort.is_some_and(|attribute| !item.contains_key(attribute)) {
                continue;
            }
            compared = true;
            let (wanted, got) = (!rows.certain.is_empty(), matches_key(emitted, &item));
            if wanted != got {
                violations.push(self.view.violation(
                    "query: key condition means something else",
                    "the key condition on the wire means something else than the caller said",
                    format!("{got} on {}", show_item(&item)),
                    format!("{wanted}, for {}", serde_json::to_value(&query.sort).unwrap_or_default()),
                ));
                return true;
            }
        }
        compared
    }

    fn update(&self, name: &str, sent: usize, prepared: &Prepared, violations: &mut Vec<Violation>) -> bool {
        let Some(emitted) = &prepared.update else { return false };
        // A read before the write may have gone into it: then its text alone means nothing.
        if sent != 1 {
            return false;
        }
        let Call::Update(update) = self.call else { return false };
        let unguarded = Call::Update(Box::new(proofhouse_models::mapper::Update {
            condition: None,
            ..(**update).clone()
        }));
        let mut compared = false;
        let key = self.key();
        let mut bases: Vec<Item> = self.view.before.to_vec();
        bases.push(Item::new());
        for mut item in bases {
            item.extend(key.clone());
            let before = std::slice::from_ref(&item);
            let Some(expected) = expect::expect(self.model, self.target, before, &unguarded) else {
                continue;
            };
            if !expected.outcomes.ok || expected.outcomes.errors != Errors::None {
                continue;
            }
            let Ok(updated) = apply_update(emitted, &item, true) else { continue };
            if updated.unspecified.is_some() {
                continue;
            }
            compared = true;
            let after = std::slice::from_ref(&updated.item);
            let found = expect::compare(self.model, &expected, before, after);
            let found = found
                .into_iter()
                .find(|found| found.hazard.is_none() && found.difference != Difference::OtherItem);
            if let Some(found) = found {
                violations.push(self.view.violation(
                    // One misuse of a placeholder shows in many ways: the kind of difference is no identity.
                    format!("{name}: means something else"),
                    "the update on the wire means something else than the caller said",
                    format!("{} on {}", found.observed, show_item(&item)),
                    found.expected,
                ));
                return true;
            }
        }
        compared
    }
}

fn shown(condition: &Condition) -> String {
    serde_json::to_string(condition).unwrap_or_default()
}

/// The attributes of which an emitted condition speaks.
fn wire_roots(condition: &ResolvedCondition, roots: &mut BTreeSet<String>) {
    fn path(path: &WirePath, roots: &mut BTreeSet<String>) {
        if let Some(WireStep::Name(name)) = path.0.first() {
            roots.insert(name.clone());
        }
    }
    let operand = operand_of;
    match condition {
        WireCondition::And(list) | WireCondition::Or(list) => {
            list.iter().for_each(|part| wire_roots(part, roots))
        }
        WireCondition::Not(inner) => wire_roots(inner, roots),
        WireCondition::Compare(left, _, right)
        | WireCondition::BeginsWith(left, right)
        | WireCondition::Contains(left, right) => {
            operand(left, roots);
            operand(right, roots);
        }
        WireCondition::Between(value, low, high) => {
            [value, low, high].into_iter().for_each(|part| operand(part, roots));
        }
        WireCondition::In(value, list) => {
            operand(value, roots);
            list.iter().for_each(|part| operand(part, roots));
        }
        WireCondition::Exists(found) | WireCondition::NotExists(found) | WireCondition::Type(found, _) => {
            path(found, roots);
        }
    }
}

fn operand_of<V>(operand: &WireOperand<WirePath, V>, roots: &mut BTreeSet<String>) {
    match operand {
        WireOperand::Path(path) => {
            roots.insert(path.root().to_owned());
        }
        WireOperand::Size(inner) => operand_of(inner, roots),
        WireOperand::Value(_) => {}
    }
}

fn loses_key(model: &Model, base: &Item, item: &Item) -> bool {
    let mut keys = model.key_fields().into_iter().filter_map(|name| model.field(name)).map(Field::attribute);
    keys.any(|key| base.contains_key(key) && !item.contains_key(key))
}

/// Items at the edges of a key condition: the sort key at, below and above each bound, another partition.
fn key_samples(model: &Model, query: &Query, before: &[Item]) -> Vec<Item> {
    let mut items: Vec<Item> = before.to_vec();
    let (partition, sort) = match query.index.as_deref().and_then(|name| model.index(name)) {
        Some(index) => (index.partition_key.as_str(), index.sort_key.as_deref()),
        None => (model.partition_key.as_str(), model.sort_key.as_deref()),
    };
    let (Some(field), Some(value)) =
        (model.field(partition), query.partition.get(partition).and_then(Operand::value))
    else {
        return items;
    };
    let base = Item::from([(field.attribute().to_owned(), value.clone())]);
    let Some(sort) = sort.and_then(|name| model.field(name)) else {
        items.push(base);
        return items;
    };
    let bounds = query.sort.iter().flat_map(SortCondition::operands).cloned();
    let path = proofhouse_models::mapper::Path::field(&sort.name);
    let leaves: Vec<Condition> = bounds.map(|bound| Condition::Le(path.clone(), bound)).collect();
    for leaf in &leaves {
        let around = around(Some(leaf), model, &base);
        let wanted = sort.kind.key_type();
        items.extend(around.into_iter().filter(|item| {
            item.get(sort.attribute())
                .is_some_and(|value| Some(value.type_name()) == wanted && !value.is_empty())
        }));
    }
    items
}

/// Conditions, filters, key conditions and updates, sent or only built.
pub fn generate(source: &mut Source, target: &Capabilities, hostile: bool) -> Result<Case, Discard> {
    let mut generator = Generator::draw(source, target, hostile);
    generator.swarm.absents = false;
    generator.swarm.long &= source.chance(60);
    let wish = Wish { version: source.chance(40), sort_key: 40, defaults: false, indexes: true };
    let model = generator.model(source, wish)?;
    let starts = generator.starts(source, &model, 1..=2);
    let steps = source
        .list("step", 1..=2, |source| step(&mut generator, source, &model, &starts))
        .into_iter()
        .collect::<Result<Vec<Step>, Discard>>()?;
    Ok(Case { model, runs: vec![Run::new(starts, steps)], notes: Default::default() })
}

fn step(
    generator: &mut Generator<'_>,
    source: &mut Source,
    model: &Model,
    starts: &[Start],
) -> Result<Step, Discard> {
    let target = generator.target;
    let has = |method: &str, weight: u32| if target.has(method) || target.has("build") { weight } else { 0 };
    let guarded = |method: &str, weight: u32| if target.has_if() { has(method, weight) } else { 0 };
    let updates = if target.update_forms.is_empty() { 0 } else { has("update", 35) };
    let choice = *source.weighted(&[
        (has("scan", 20), 0),
        (has("query", 25), 1),
        (updates, 2),
        (guarded("put", 10), 3),
        (guarded("delete", 10), 4),
        (1, 5),
    ]);
    let key = generator.key(source, model, starts);
    let condition = |generator: &mut Generator<'_>, source: &mut Source| {
        let condition = generator.condition_on_any(source, model, starts);
        if condition.is_some() {
            source.label("condition");
        }
        condition
    };
    let call = match choice {
        0 => {
            let mut scan = generator.scan(source, model, starts);
            if scan.index.is_none() && scan.filter.is_none() {
                scan.filter = condition(generator, source);
            } else if scan.filter.is_some() {
                source.label("condition");
            }
            Call::Scan(Box::new(scan))
        }
        1 => {
            let query = generator.query(source, model, starts).ok_or(Discard("no query of the model"))?;
            if query.filter.is_some() || query.sort.is_some() {
                source.label("condition");
            }
            Call::Query(Box::new(query))
        }
        2 => {
            let form = *source.pick(&target.update_forms);
            let mut update = generator.update_of(source, model, starts, form, key)?;
            if target.has_if() && source.chance(60) {
                update.condition = condition(generator, source);
            }
            Call::Update(Box::new(update))
        }
        3 => {
            let record = generator.record(source, model, &key, false);
            Call::Put(Write { model: model.name.clone(), record, condition: condition(generator, source) })
        }
        4 => Call::Delete { model: model.name.clone(), key, condition: condition(generator, source) },
        _ => Call::Get { model: model.name.clone(), key, consistent: None },
    };
    let kind = call.method();
    let builds = target.has("build") && kind != "get";
    if builds && (!target.has(kind) || source.chance(30)) {
        let params = call.params();
        return Ok(Call::Build { model: model.name.clone(), kind: kind.to_owned(), params }.into());
    }
    Ok(call.into())
}
