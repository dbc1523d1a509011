//! `deterministic`: the same intent gives the same request.

use super::support::{call_name, verdict};
use super::{Judgement, Property, Violation};
use crate::case::{Case, Observation, Run, Step};
use crate::generate::{Generator, Wish};
use crate::tape::{Discard, Source};
use proofhouse_models::mapper::contract::Encryption;
use proofhouse_models::mapper::{Call, Capabilities, Model};
use serde_json::{Map, Value, json};

/// The same intent gives the same canonical request, twenty times and in fresh processes.
pub struct Deterministic;

/// How often one intent is built or sent in one process.
const TIMES: usize = 20;
/// How many fresh processes see one batch of intents.
const PROCESSES: usize = 5;

impl Property for Deterministic {
    fn id(&self) -> &'static str {
        "deterministic"
    }

    fn statement(&self) -> &'static str {
        "the same intent gives the same request"
    }

    fn needs(&self, target: &Capabilities) -> Result<(), String> {
        let sends = ["put", "update", "query", "scan", "get"].iter().any(|method| target.has(method));
        if sends || target.has("build") {
            Ok(())
        } else {
            Err("the target sends and builds no request".to_owned())
        }
    }

    fn generate(&self, source: &mut Source, target: &Capabilities) -> Result<Case, Discard> {
        let mut generator = Generator::draw(source, target, false);
        let wish = Wish { version: false, sort_key: 30, defaults: false, indexes: true };
        let model = generator.model(source, wish)?;
        let starts = generator.starts(source, &model, 1..=2);
        let fresh = source.chance(8);
        // A start of five processes costs as much as hundreds of intents: they see many.
        let (least, most) = if fresh { (6, 14) } else { (1, 1) };
        let calls = source
            .list("intent", least..=most, |source| {
                // Few intents are least, but a start of processes for few is waste.
                if fresh && !source.chance(97) {
                    return Ok(None);
                }
                let has = |method: &str, weight: u32| if target.has(method) { weight } else { 0 };
                let updates = if target.update_forms.is_empty() { 0 } else { has("update", 40) };
                Ok(Some(
                    match *source.weighted(&[
                        (has("put", 15), 0),
                        (updates, 1),
                        (has("query", 20), 2),
                        (has("scan", 20), 3),
                        (has("transact", 8), 4),
                        (has("delete", 8), 5),
                    ]) {
                        0 => {
                            let key = generator.key(source, &model, &starts);
                            let record = generator.record(source, &model, &key, false);
                            let condition = if target.has_if() {
                                generator.condition(source, &model, &starts)
                            } else {
                                None
                            };
                            let write = proofhouse_models::mapper::Write {
                                model: model.name.clone(),
                                record,
                                condition,
                            };
                            Call::Put(write)
                        }
                        1 => Call::Update(Box::new(generator.update(source, &model, &starts)?)),
                        2 => match generator.query(source, &model, &starts) {
                            Some(query) => Call::Query(Box::new(query)),
                            None => return Err(Discard("no query of the model")),
                        },
                        3 => Call::Scan(Box::new(generator.scan(source, &model, &starts))),
                        4 => {
                            let key = generator.key(source, &model, &starts);
                            let record = generator.record(source, &model, &key, false);
                            let write = proofhouse_models::mapper::Write {
                                model: model.name.clone(),
                                record,
                                condition: None,
                            };
                            Call::Transact {
                                actions: vec![proofhouse_models::mapper::call::Action::Put(write)],
                            }
                        }
                        _ => {
                            let key = generator.key(source, &model, &starts);
                            let condition = if target.has_if() {
                                generator.condition(source, &model, &starts)
                            } else {
                                None
                            };
                            Call::Delete { model: model.name.clone(), key, condition }
                        }
                    },
                ))
            })
            .into_iter()
            .collect::<Result<Vec<Option<Call>>, Discard>>()?;
        let calls: Vec<Call> = calls.into_iter().flatten().collect();
        if fresh {
            source.label("fresh");
            let steps: Vec<Step> = calls.into_iter().map(|call| built(target, call).into()).collect();
            let run =
                Run { repeat: PROCESSES, fresh: true, label: "fresh".to_owned(), ..Run::new(starts, steps) };
            return Ok(Case { model, runs: vec![run], notes: Default::default() });
        }
        let call = calls.into_iter().next().ok_or(Discard("no intent"))?;
        source.label("repeated");
        let steps = vec![Step::from(built(target, call)); TIMES];
        Ok(Case { model, runs: vec![Run::new(starts, steps)], notes: Default::default() })
    }

    fn judge(&self, target: &Capabilities, case: &Case, observed: &Observation) -> Judgement {
        let mut violations: Vec<Violation> = Vec::new();
        let mut compared = 0;
        let mut first: Vec<(Call, usize, Value)> = Vec::new();
        for seen in &observed.runs {
            let Some(run) = case.runs.get(seen.of) else { continue };
            for (index, (step, seen_step)) in run.program.iter().zip(&seen.steps).enumerate() {
                let Some(request) = request(target, &case.model, &step.call, seen_step) else { continue };
                // In one process the same call stands many times; in fresh ones the same step does.
                let position = if run.fresh { index } else { 0 };
                let known = first.iter().find(|(call, at, _)| *at == position && *call == step.call);
                match known {
                    None => first.push((step.call.clone(), position, request)),
                    Some((_, _, known)) => {
                        compared += 1;
                        if *known != request {
                            let place = if run.fresh { "another process" } else { "the same process" };
                            let (left, right) = difference(known, &request);
                            violations.push(Violation {
                                identity: format!("{}: other request in {place}", intent_name(&step.call)),
                                title: format!("the same intent gave another request in {place}"),
                                run: seen.of,
                                step: index,
                                observed: right,
                                expected: left,
                                hazard: None,
                            });
                        }
                    }
                }
            }
        }
        verdict(violations, compared > 0, "no request twice")
    }

    fn floors(&self, _: &Capabilities) -> Vec<(&'static str, u32)> {
        vec![("repeated", 80)]
    }
}

/// The call as one that builds only, where the target builds it.
fn built(target: &Capabilities, call: Call) -> Call {
    let (kind, model) = match &call {
        Call::Put(write) => ("put", write.model.clone()),
        Call::Update(update) => ("update", update.model.clone()),
        Call::Query(query) => ("query", query.model.clone()),
        Call::Scan(scan) => ("scan", scan.model.clone()),
        Call::Delete { model, .. } => ("delete", model.clone()),
        _ => return call,
    };
    if !target.has("build") {
        return call;
    }
    Call::Build { model, kind: kind.to_owned(), params: call.params() }
}

fn intent_name(call: &Call) -> String {
    match call {
        Call::Build { kind, params, .. } => match params.get("form").and_then(Value::as_str) {
            Some(form) => format!("{kind} {form}"),
            None => kind.clone(),
        },
        call => call_name(call),
    }
}

/// What a step sent or built, in canonical form; nothing where it did neither.
fn request(
    target: &Capabilities,
    model: &Model,
    call: &Call,
    seen: &crate::case::StepObservation,
) -> Option<Value> {
    let mut masked: Vec<String> = target.contract.managed.clone();
    for field in &model.fields {
        let random = field.encrypted && target.contract.encryption != Some(Encryption::Deterministic);
        if random || target.contract.managed.contains(&field.name) {
            masked.push(field.attribute().to_owned());
        }
    }
    if let Call::Build { .. } = call {
        return Some(canonical(seen.outcome.as_ref().ok()?.get("request")?, &masked));
    }
    let list: Vec<Value> = seen
        .exchanges
        .iter()
        .map(|exchange| json!({ &exchange.operation: canonical(&exchange.request, &masked) }))
        .collect();
    (!list.is_empty()).then_some(Value::Array(list))
}

/// A request with sorted keys and sets, without the idempotency token and without what differs by contract.
pub fn canonical(request: &Value, masked: &[String]) -> Value {
    match request {
        Value::Object(object) => {
            let placeholders = masked_placeholders(object, masked);
            let mut entries: Vec<(&String, &Value)> = object.iter().collect();
            entries.sort_by_key(|(name, _)| name.as_str());
            let mut sorted = Map::new();
            for (name, value) in entries {
                if name == "ClientRequestToken" || masked.contains(name) || placeholders.contains(name) {
                    sorted.insert(name.clone(), json!("masked"));
                } else if name == "ExpressionAttributeValues" {
                    let mut values = value.clone();
                    if let Some(values) = values.as_object_mut() {
                        for placeholder in &placeholders {
                            values.insert(placeholder.clone(), json!("masked"));
                        }
                    }
                    sorted.insert(name.clone(), canonical(&values, masked));
                } else if matches!(name.as_str(), "SS" | "NS" | "BS") && value.is_array() {
                    let mut members: Vec<Value> = value.as_array().cloned().unwrap_or_default();
                    members.sort_by_key(Value::to_string);
                    sorted.insert(name.clone(), Value::Array(members));
                } else {
                    sorted.insert(name.clone(), canonical(value, masked));
                }
            }
            Value::Object(sorted)
        }
        Value::Array(list) => Value::Array(list.iter().map(|value| canonical(value, masked)).collect()),
        other => other.clone(),
    }
}

/// The value placeholders that an update assigns to an attribute which differs by contract.
fn masked_placeholders(request: &Map<String, Value>, masked: &[String]) -> Vec<String> {
    let mut found = Vec::new();
    let Some(update) = request.get("UpdateExpression").and_then(Value::as_str) else { return found };
    let names = request.get("ExpressionAttributeNames").and_then(Value::as_object);
    for part in &parts(update) {
        // `SET path = value`, and `ADD path value`.
        let (left, right) = match part.split_once('=') {
            Some((left, right)) => (left.split_whitespace().last().unwrap_or_default(), right),
            None => {
                let mut words = part.split_whitespace().rev();
                let (Some(value), Some(path)) = (words.next(), words.next()) else { continue };
                (path, value)
            }
        };
        let name = names.and_then(|names| names.get(left)).and_then(Value::as_str).unwrap_or(left);
        if masked.iter().any(|masked| masked == name) {
            let words = right.split(|c: char| !(c.is_alphanumeric() || matches!(c, ':' | '_')));
            found.extend(words.filter(|word| word.starts_with(':')).map(str::to_owned));
        }
    }
    found
}

/// The actions of an update: what stands between its clauses, and between commas outside of brackets.
fn parts(update: &str) -> Vec<String> {
    let (mut parts, mut depth) = (vec![String::new()], 0_i32);
    for word in update.split_whitespace() {
        // Reserved words, so no attribute is called so without a placeholder.
        if ["SET", "ADD", "REMOVE", "DELETE"].iter().any(|clause| word.eq_ignore_ascii_case(clause)) {
            parts.push(String::new());
            continue;
        }
        for letter in word.chars().chain([' ']) {
            depth += i32::from(letter == '(') - i32::from(letter == ')');
            match parts.last_mut() {
                Some(part) if letter != ',' || depth > 0 => part.push(letter),
                _ => parts.push(String::new()),
            }
        }
    }
    parts
}

/// The first place in which two requests differ, on both sides.
fn difference(left: &Value, right: &Value) -> (String, String) {
    match (left, right) {
        (Value::Object(one), Value::Object(other)) if one.keys().eq(other.keys()) => {
            for (name, value) in one {
                if other.get(name) != Some(value) {
                    let (left, right) = difference(value, &other[name]);
                    return (format!("{name}: {left}"), format!("{name}: {right}"));
                }
            }
            (left.to_string(), right.to_string())
        }
        (Value::Array(one), Value::Array(other)) if one.len() == other.len() => {
            match one.iter().zip(other).find(|(one, other)| one != other) {
                Some((one, other)) => difference(one, other),
                None => (left.to_string(), right.to_string()),
            }
        }
        _ => (left.to_string(), right.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_update_gives_a_managed_attribute_is_masked_in_any_clause() {
        let request = json!({
            "UpdateExpression": "SET #c = if_not_exists(#c, :now), #n = :n ADD #h :one, other :two REMOVE #gone",
            "ExpressionAttributeNames": {"#c": "created", "#n": "name", "#h": "hits", "#gone": "gone"},
        });
        let masked = ["created".to_owned(), "hits".to_owned()];
        let request = request.as_object().expect("an object");
        assert_eq!(masked_placeholders(request, &masked), [":now", ":one"]);
    }
}
