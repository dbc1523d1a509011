//! `valid_values`: whatever is sent is legal for DynamoDB.

use super::support::{View, verdict, views};
use super::well_formed::{needs_requests, requests};
use super::{Judgement, Property, Violation};
use crate::case::{Case, Observation, Run, Step};
use crate::generate::{Generator, Wish};
use crate::tape::{Discard, Source};
use proofhouse_models::mapper::{Call, Capabilities, Model, Write};
use proofhouse_models::value::{AttributeValue, ValueRule, check, check_item, check_key};
use serde_json::Value;

/// Whatever is sent is legal for DynamoDB: numbers, sets, nesting, sizes, empties.
pub struct ValidValues;

impl Property for ValidValues {
    fn id(&self) -> &'static str {
        "valid_values"
    }

    fn statement(&self) -> &'static str {
        "every value on the wire is one that DynamoDB takes"
    }

    fn needs(&self, target: &Capabilities) -> Result<(), String> {
        needs_requests(target).or_else(|reason| if target.has("marshal") { Ok(()) } else { Err(reason) })
    }

    fn generate(&self, source: &mut Source, target: &Capabilities) -> Result<Case, Discard> {
        generate(source, target)
    }

    fn judge(&self, _: &Capabilities, case: &Case, observed: &Observation) -> Judgement {
        let mut violations = Vec::new();
        let mut checked = false;
        for view in views(case, observed) {
            for (operation, request) in requests(&view.step.call, view.seen) {
                checked = true;
                judge_request(&case.model, &view, operation, request, &mut violations);
            }
            if let (Call::Marshal { .. }, Ok(answer)) = (&view.step.call, &view.seen.outcome)
                && let Some(item) = answer.get("item")
            {
                checked = true;
                judge_item(&view, "marshal", item, &mut violations);
            }
        }
        verdict(violations, checked, "nothing was sent")
    }

    fn is_passive(&self) -> bool {
        true
    }

    fn floors(&self, _: &Capabilities) -> Vec<(&'static str, u32)> {
        vec![("written", 60)]
    }
}

fn judge_request(
    model: &Model,
    view: &View<'_>,
    operation: &str,
    request: &Value,
    violations: &mut Vec<Violation>,
) {
    if let Some(item) = request.get("Item") {
        judge_item(view, operation, item, violations);
        judge_keys(model, view, operation, item, violations);
    }
    if let Some(values) = request.get("ExpressionAttributeValues").and_then(Value::as_object) {
        for (name, value) in values {
            for broken in check(value) {
                push(
                    view,
                    operation,
                    broken.rule.name(),
                    &format!("{name}{}: {value}", broken.path),
                    violations,
                );
            }
        }
    }
    for key in ["Key", "ExclusiveStartKey"] {
        if let Some(key) = request.get(key) {
            judge_item(view, operation, key, violations);
            judge_keys(model, view, operation, key, violations);
        }
    }
    match operation {
        "BatchWriteItem" | "BatchGetItem" => {
            let tables = request.get("RequestItems").and_then(Value::as_object);
            for entry in tables.into_iter().flat_map(|tables| tables.values()) {
                let writes =
                    entry.as_array().into_iter().flatten().flat_map(|write| write.as_object()).flatten();
                for (_, write) in writes {
                    judge_request(model, view, operation, write, violations);
                }
                for key in entry.get("Keys").and_then(Value::as_array).into_iter().flatten() {
                    judge_item(view, operation, key, violations);
                    judge_keys(model, view, operation, key, violations);
                }
            }
        }
        "TransactWriteItems" | "TransactGetItems" => {
            for action in request.get("TransactItems").and_then(Value::as_array).into_iter().flatten() {
                for inner in action.as_object().into_iter().flat_map(|action| action.values()) {
                    // An action is judged like the request of its own operation.
                    judge_request(model, view, "transaction", inner, violations);
                }
            }
        }
        _ => {}
    }
}

fn judge_item(view: &View<'_>, operation: &str, item: &Value, violations: &mut Vec<Violation>) {
    // Whether a mapper weighs a whole item before it sends it is open: the service refuses what is too large.
    for broken in check_item(item).into_iter().filter(|broken| broken.rule != ValueRule::ItemSize) {
        let root = broken.path.trim_start_matches('/').split('/').next().unwrap_or_default();
        let shown =
            item.get(root).map_or_else(|| broken.path.clone(), |value| format!("{}: {value}", broken.path));
        push(view, operation, broken.rule.name(), &shown, violations);
    }
}

fn judge_keys(
    model: &Model,
    view: &View<'_>,
    operation: &str,
    item: &Value,
    violations: &mut Vec<Violation>,
) {
    for name in model.key_fields() {
        let Some(field) = model.field(name) else { continue };
        let Some(value) = item.get(field.attribute()) else { continue };
        let Ok(value) = AttributeValue::from_json(value) else { continue };
        if let Some(rule) = check_key(&value, model.sort_key.as_deref() == Some(name)) {
            push(view, operation, rule.name(), name, violations);
        }
    }
}

fn push(view: &View<'_>, operation: &str, rule: &str, shown: &str, violations: &mut Vec<Violation>) {
    let shown: String = if shown.chars().count() > 200 {
        let head: String = shown.chars().take(200).collect();
        format!("{head}…")
    } else {
        shown.to_owned()
    };
    violations.push(view.violation(
        format!("{operation}: {rule}"),
        format!("a value was sent that DynamoDB refuses: {rule}"),
        shown,
        "a legal value, or an error before any request",
    ));
}

/// Writes of records at the edges of what DynamoDB holds, and beyond.
fn generate(source: &mut Source, target: &Capabilities) -> Result<Case, Discard> {
    let mut generator = Generator::draw(source, target, false);
    generator.swarm.boundaries |= source.chance(70);
    generator.swarm.empties |= source.chance(60);
    generator.swarm.illegal = source.chance(60);
    let wish = Wish { version: true, sort_key: 25, defaults: true, indexes: false };
    let model = generator.model(source, wish)?;
    let starts = generator.starts(source, &model, 1..=1);
    let has = |method: &str, weight: u32| if target.has(method) { weight } else { 0 };
    let updates = if target.update_forms.is_empty() { 0 } else { has("update", 35) };
    let steps = source.list("step", 1..=2, |source| -> Result<Step, Discard> {
        let choice = *source.weighted(&[
            (has("put", 25), 0),
            (has("create", 20), 1),
            (updates, 2),
            (has("marshal", 10), 3),
            (has("scan", 10), 4),
            (has("batch_put", 8), 5),
            (1, 6),
        ]);
        let key = generator.key(source, &model, &starts);
        source.label(if choice == 4 { "read" } else { "written" });
        let name = model.name.clone();
        Ok(match choice {
            0 | 1 => {
                let record = generator.record(source, &model, &key, false);
                let write = Write { model: name, record, condition: None };
                if choice == 0 { Call::Put(write) } else { Call::Create(write) }
            }
            2 => Call::Update(Box::new(generator.update(source, &model, &starts)?)),
            3 => Call::Marshal { model: name, record: generator.record(source, &model, &key, false) },
            4 => Call::Scan(Box::new(generator.scan(source, &model, &starts))),
            5 => Call::BatchPut { model: name, records: vec![generator.record(source, &model, &key, false)] },
            _ => Call::Get { model: name, key, consistent: None },
        }
        .into())
    });
    let steps = steps.into_iter().collect::<Result<Vec<Step>, Discard>>()?;
    Ok(Case { model, runs: vec![Run::new(starts, steps)], notes: Default::default() })
}
