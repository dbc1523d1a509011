//! `well_formed`: every expression on the wire is legal by the strict grammar.

use super::support::{condition_words, filter_of, verdict, views};
use super::{Judgement, Property};
use crate::case::{Case, Observation, Run};
use crate::generate::record::other_keys;
use crate::generate::{Generator, Wish};
use crate::tape::{Discard, Source};
use proofhouse_models::expression::{Rule, check_request_with_keys};
use proofhouse_models::mapper::call::Key;
use proofhouse_models::mapper::{Call, Capabilities, Condition, Model};
use serde_json::Value;

/// Every expression on the wire parses by the strict grammar, every placeholder is defined once and used,
/// and all documented limits are kept.
pub struct WellFormed;

impl Property for WellFormed {
    fn id(&self) -> &'static str {
        "well_formed"
    }

    fn statement(&self) -> &'static str {
        "every expression on the wire is legal, every placeholder is defined and used"
    }

    fn needs(&self, target: &Capabilities) -> Result<(), String> {
        needs_requests(target)
    }

    fn generate(&self, source: &mut Source, target: &Capabilities) -> Result<Case, Discard> {
        let hostile = target.features.hostile_names && source.chance(50);
        let batches = BATCHES.iter().filter(|method| target.has(method)).count();
        if batches > 0 && source.chance(4) {
            return beyond_a_batch(source, target, hostile);
        }
        super::meaning::generate(source, target, hostile)
    }

    fn judge(&self, _: &Capabilities, case: &Case, observed: &Observation) -> Judgement {
        let mut violations = Vec::new();
        let mut checked = false;
        for view in views(case, observed) {
            let words = filter_of(&view.step.call).map_or("", |filter| condition_words(&filter));
            for (operation, request) in requests(&view.step.call, view.seen) {
                checked |= has_expression(request) || operation.starts_with("Batch");
                let keys = key_attributes(&case.model, request);
                let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
                for broken in check_request_with_keys(operation, request, &keys) {
                    // What a value may be is the matter of `valid_values`.
                    if broken.rule.is_unspecified() || matches!(broken.rule, Rule::IllegalValue) {
                        continue;
                    }
                    // What an absent operand is passed on as, and whether DynamoDB takes it there, is open.
                    if matches!(broken.rule, Rule::OperandType) && has_absent_operand(&view.step.call) {
                        continue;
                    }
                    // A caller who passes megabytes is refused whatever the expression.
                    if matches!(broken.rule, Rule::SubstitutionSize) {
                        continue;
                    }
                    let field = broken.field.rsplit('/').next().unwrap_or_default();
                    let expected = match broken.rule {
                        Rule::BatchSize => {
                            "requests of as many entries as DynamoDB takes, or an error before any"
                        }
                        _ => "an expression that DynamoDB's grammar knows",
                    };
                    // One fault of a builder shows in every operation that uses it: the place says more.
                    violations.push(view.violation(
                        format!("{} in {}{words}", broken.rule.name(), place(field)),
                        format!("a request breaks the rule {}", broken.rule.name()),
                        format!("{broken}\n{}", text_of(request, field)),
                        expected,
                    ));
                }
            }
        }
        verdict(violations, checked, "no expression was sent")
    }

    fn is_passive(&self) -> bool {
        true
    }
}

const BATCHES: [&str; 3] = ["batch_put", "batch_delete", "batch_get"];

/// One batch around the number of entries that a request takes: 25 writes, 100 keys.
fn beyond_a_batch(source: &mut Source, target: &Capabilities, hostile: bool) -> Result<Case, Discard> {
    let mut generator = Generator::draw(source, target, hostile);
    generator.swarm.long = false;
    let model =
        generator.model(source, Wish { version: false, sort_key: 20, defaults: false, indexes: false })?;
    let offered: Vec<&str> = BATCHES.into_iter().filter(|method| target.has(method)).collect();
    let method = *source.pick(&offered);
    let own = generator.fresh_key(source, &model);
    let most = if method == "batch_get" { 100 } else { 25 };
    let others = other_keys(&model, &own, most - i64::from(source.chance(10)));
    let keys: Vec<Key> = std::iter::once(own.clone()).chain(others).collect();
    let name = model.name.clone();
    let call = match method {
        "batch_get" => Call::BatchGet { model: name, keys },
        "batch_delete" => Call::BatchDelete { model: name, keys },
        _ => {
            let records =
                keys.into_iter().map(|key| key.into_iter().map(|(name, v)| (name, v.into())).collect());
            Call::BatchPut { model: name, records: records.collect() }
        }
    };
    source.label("long batch");
    Ok(Case { model, runs: vec![Run::new(Vec::new(), vec![call.into()])], notes: Default::default() })
}

/// A part of a request in the words of identities.
fn place(field: &str) -> &'static str {
    match field {
        "UpdateExpression" => "an update",
        "ConditionExpression" => "a condition",
        "FilterExpression" => "a filter",
        "KeyConditionExpression" => "a key condition",
        "ProjectionExpression" => "a projection",
        "ExpressionAttributeNames" => "the names",
        "ExpressionAttributeValues" => "the values",
        _ => "a request",
    }
}

/// An error unless the target sends or builds requests of its own.
///
/// # Errors
/// The reason for *not applicable*.
pub fn needs_requests(target: &Capabilities) -> Result<(), String> {
    let methods = ["build", "update", "query", "scan", "put", "delete", "create"];
    if methods.iter().any(|method| target.has(method)) {
        Ok(())
    } else {
        Err("the target sends and builds no request".to_owned())
    }
}

/// The requests of a step: what was sent, or what was built.
pub fn requests<'a>(call: &'a Call, seen: &'a crate::case::StepObservation) -> Vec<(&'a str, &'a Value)> {
    let mut found: Vec<(&str, &Value)> =
        seen.exchanges.iter().map(|exchange| (exchange.operation.as_str(), &exchange.request)).collect();
    if let (Call::Build { kind, .. }, Ok(answer)) = (call, &seen.outcome)
        && let Some(request) = answer.get("request").filter(|request| request.is_object())
    {
        found.push((operation_of(kind), request));
    }
    found
}

/// The operation that a kind of `build` means.
pub fn operation_of(kind: &str) -> &'static str {
    match kind {
        "update" => "UpdateItem",
        "query" => "Query",
        "scan" => "Scan",
        "delete" => "DeleteItem",
        _ => "PutItem",
    }
}

/// The key attributes that a request must not update or filter on.
pub fn key_attributes(model: &Model, request: &Value) -> Vec<String> {
    let index = request.get("IndexName").and_then(Value::as_str).and_then(|name| model.index(name));
    let names: Vec<&str> = match index {
        Some(index) => {
            std::iter::once(index.partition_key.as_str()).chain(index.sort_key.as_deref()).collect()
        }
        None => model.key_fields(),
    };
    names.into_iter().filter_map(|name| model.field(name)).map(|field| field.attribute().to_owned()).collect()
}

/// Whether a condition or filter of the call has an absent operand.
fn has_absent_operand(call: &Call) -> bool {
    fn within(tree: &Condition) -> bool {
        tree.operands().iter().any(|operand| operand.value().is_none()) || tree.children().iter().any(within)
    }
    let tree = match call {
        Call::Create(write) | Call::Put(write) => write.condition.as_ref(),
        Call::Update(update) => update.condition.as_ref(),
        Call::Delete { condition, .. } => condition.as_ref(),
        Call::Query(query) => query.filter.as_ref(),
        Call::Scan(scan) => scan.filter.as_ref(),
        _ => None,
    };
    tree.is_some_and(within)
}

fn has_expression(request: &Value) -> bool {
    match request {
        Value::Object(object) => {
            object.iter().any(|(name, value)| name.ends_with("Expression") || has_expression(value))
        }
        Value::Array(list) => list.iter().any(has_expression),
        _ => false,
    }
}

fn text_of(request: &Value, field: &str) -> String {
    request.get(field).map(|text| format!("{field}: {text}")).unwrap_or_default()
}
