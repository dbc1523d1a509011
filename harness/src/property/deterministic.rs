//! `deterministic`: the same intent gives the same request.

use super::support::{call_name, verdict};
use super::{Judgement, Property, Violation};
use crate::case::{Case, Observation, Run, Start, Step};
use crate::generate::{Generator, Wish};
use crate::tape::{Discard, Source, Tape};
use crate::wire::Reply;
use proofhouse_models::mapper::call::Action;
use proofhouse_models::mapper::contract::Encryption;
use proofhouse_models::mapper::{Call, Capabilities, Model, Write};
use serde_json::{Map, Value, json};

/// The same intent gives the same canonical request, twenty times and in fresh processes.
pub struct Deterministic;

/// How often one intent is built or sent in one process.
const TIMES: usize = 20;
/// How many fresh processes see one batch of intents.
const PROCESSES: usize = 5;
/// How often at most, once an intent gave another request by chance.
const MOST_TIMES: usize = 720;
/// How many fresh processes at most.
const MOST_PROCESSES: usize = 25;
/// The group of choices that make one call.
const CALL: &str = "call";

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
        let fresh = source.chance(8);
        let mut generator = Generator::draw(source, target, false);
        let wish = Wish { version: false, sort_key: 30, defaults: false, indexes: true };
        let model = generator.model(source, wish)?;
        let starts = generator.starts(source, &model, 1..=2);
        // A start of five processes costs as much as hundreds of intents: they see many. Both kinds of case ask for
        // the same choices, so that what fresh processes showed is tried in one process as it is.
        let (least, percent) = if fresh { (6, 97) } else { (1, 30) };
        let mut first = true;
        let calls = source
            .list("intent", least..=14, |source| {
                // Few intents are least, but a start of processes for few is waste.
                if !source.chance(if std::mem::take(&mut first) { 97 } else { percent }) {
                    return Ok(None);
                }
                source.span(CALL, |source| intent(source, target, &mut generator, &model, &starts)).map(Some)
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
        if calls.is_empty() {
            return Err(Discard("no intent"));
        }
        source.label("repeated");
        let steps = calls
            .into_iter()
            .flat_map(|call| vec![Step::from(built(target, call)); TIMES])
            .collect::<Vec<_>>();
        Ok(Case { model, runs: vec![Run::new(starts, steps)], notes: Default::default() })
    }

    fn judge(&self, target: &Capabilities, case: &Case, observed: &Observation) -> Judgement {
        let mut violations: Vec<Violation> = Vec::new();
        let mut compared = 0;
        let mut first: Vec<(Call, usize, Vec<Sent>)> = Vec::new();
        for seen in &observed.runs {
            let Some(run) = case.runs.get(seen.of) else { continue };
            for (index, (step, seen_step)) in run.program.iter().zip(&seen.steps).enumerate() {
                let sent = sent(target, &case.model, &step.call, seen_step);
                if sent.is_empty() {
                    continue;
                }
                // In one process the same call stands many times; in fresh ones the same step does.
                let position = if run.fresh { index } else { 0 };
                let known = first.iter().find(|(call, at, _)| *at == position && *call == step.call);
                match known {
                    None => first.push((step.call.clone(), position, sent)),
                    Some((_, _, known)) => {
                        compared += 1;
                        if let Some((left, right)) = other_request(known, &sent) {
                            let place = if run.fresh { "another process" } else { "the same process" };
                            violations.push(Violation {
                                identity: format!("{}: other request", intent_name(&step.call)),
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

    /// The one call that showed it: in one process where it was seen in several, else in as many.
    fn cheaper(&self, tape: &Tape, violation: &Violation) -> Vec<Tape> {
        let fresh = tape.choices.first().is_some_and(|fresh| !fresh.is_simplest());
        let call = if fresh { violation.step } else { violation.step / TIMES };
        let Some(alone) = tape.with_only(CALL, call) else { return Vec::new() };
        let mut here = alone.clone();
        here.choices[0].value = here.choices[0].simplest;
        if fresh { vec![here, alone] } else { vec![here] }
    }

    /// A map's order, or a clock, shows in a share of the tries only.
    fn surer(&self, case: &Case) -> Option<Case> {
        let mut surer = case.clone();
        for run in &mut surer.runs {
            if run.fresh {
                run.repeat *= 5;
            } else {
                run.program = run.program.iter().flat_map(|step| vec![step.clone(); 6]).collect();
            }
        }
        surer
            .runs
            .iter()
            .all(|run| if run.fresh { run.repeat <= MOST_PROCESSES } else { run.program.len() <= MOST_TIMES })
            .then_some(surer)
    }
}

/// A call of any kind that sends.
fn intent(
    source: &mut Source,
    target: &Capabilities,
    generator: &mut Generator<'_>,
    model: &Model,
    starts: &[Start],
) -> Result<Call, Discard> {
    let has = |method: &str, weight: u32| if target.has(method) { weight } else { 0 };
    let condition = |generator: &mut Generator<'_>, source: &mut Source| {
        if target.has_if() { generator.condition(source, model, starts) } else { None }
    };
    let write = |generator: &mut Generator<'_>, source: &mut Source| {
        let key = generator.key(source, model, starts);
        let record = generator.record(source, model, &key, false);
        Write { model: model.name.clone(), record, condition: None }
    };
    let updates = if target.update_forms.is_empty() { 0 } else { has("update", 40) };
    Ok(
        match *source.weighted(&[
            (has("put", 15), 0),
            (updates, 1),
            (has("query", 20), 2),
            (has("scan", 20), 3),
            (has("transact", 8), 4),
            (has("delete", 8), 5),
        ]) {
            0 => {
                let write = write(generator, source);
                Call::Put(Write { condition: condition(generator, source), ..write })
            }
            1 => Call::Update(Box::new(generator.update(source, model, starts)?)),
            2 => match generator.query(source, model, starts) {
                Some(query) => Call::Query(Box::new(query)),
                None => return Err(Discard("no query of the model")),
            },
            3 => Call::Scan(Box::new(generator.scan(source, model, starts))),
            4 => Call::Transact { actions: vec![Action::Put(write(generator, source))] },
            _ => {
                let key = generator.key(source, model, starts);
                Call::Delete { model: model.name.clone(), key, condition: condition(generator, source) }
            }
        },
    )
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

/// A request in canonical form, and what it was answered.
struct Sent {
    request: Value,
    reply: Option<Reply>,
}

/// What a step sent or built; empty where it did neither.
fn sent(target: &Capabilities, model: &Model, call: &Call, seen: &crate::case::StepObservation) -> Vec<Sent> {
    let mut masked: Vec<String> = target.contract.managed.clone();
    for field in &model.fields {
        let random = field.encrypted && target.contract.encryption != Some(Encryption::Deterministic);
        if random || target.contract.managed.contains(&field.name) {
            masked.push(field.attribute().to_owned());
        }
    }
    if let Call::Build { .. } = call {
        let built = seen.outcome.as_ref().ok().and_then(|outcome| outcome.get("request"));
        let built = built.map(|request| Sent { request: canonical(request, &masked), reply: None });
        return built.into_iter().collect();
    }
    seen.exchanges
        .iter()
        .map(|exchange| Sent {
            request: json!({ &exchange.operation: canonical(&exchange.request, &masked) }),
            reply: Some(exchange.reply.clone()),
        })
        .collect()
}

/// Where two calls of one intent differ, on both sides.
///
/// What follows another answer may be another request: a later page, or what was read to be changed.
fn other_request(known: &[Sent], sent: &[Sent]) -> Option<(String, String)> {
    for (one, other) in known.iter().zip(sent) {
        if one.request != other.request {
            return Some(difference(&one.request, &other.request));
        }
        if one.reply != other.reply {
            return None;
        }
    }
    let requests = |list: &[Sent]| format!("requests: {}", list.len());
    (known.len() != sent.len()).then(|| (requests(known), requests(sent)))
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
    fn a_request_may_follow_the_answer_before_it() {
        let sent = |request: i64, answer: i64| Sent {
            request: json!({ "Query": request }),
            reply: Some(Reply::ok(json!(answer))),
        };
        assert_eq!(other_request(&[sent(1, 1), sent(2, 1)], &[sent(1, 2), sent(3, 1)]), None);
        assert_eq!(other_request(&[sent(1, 1), sent(2, 1)], &[sent(1, 2)]), None);
        let differs = |known: &[Sent], sent: &[Sent]| other_request(known, sent).expect("they differ");
        assert_eq!(differs(&[sent(1, 1), sent(2, 1)], &[sent(1, 1), sent(3, 1)]).1, "Query: 3");
        assert_eq!(
            differs(&[sent(1, 1)], &[sent(1, 1), sent(3, 1)]),
            ("requests: 1".into(), "requests: 2".into())
        );
    }

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
