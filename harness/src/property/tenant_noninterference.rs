//! `tenant_noninterference`: what tenant A observes does not depend on tenant B's items, and A leaves them alone.

use super::support::{call_name, verdict};
use super::tenants::{A, B, RawKey, changes, needs_tenants, owned_record, record_key, values, write};
use super::worlds::{Place, observation, revealing};
use super::{Judgement, Property, Violation};
use crate::case::{Case, Observation, Run, RunObservation, Start, Step, StepObservation};
use crate::generate::read::{partition_of, plain_query};
use crate::generate::{Generator, Wish};
use crate::tape::{Discard, Source};
use crate::target::CallError;
use proofhouse_models::mapper::call::{Action, Key};
use proofhouse_models::mapper::expect::show::show_item;
use proofhouse_models::mapper::expect::stored_key;
use proofhouse_models::mapper::{Call, Capabilities, Model, Operand, Record, Write};
use proofhouse_models::value::{AttributeValue, Item};
use serde_json::{Value, json};

/// Tenant A's program observes the same in two worlds that differ in B's items, and leaves B's items unchanged.
pub struct TenantNoninterference;

/// The note that says who A is: the tenant whose observations are compared.
const OBSERVER: &str = "observer";

impl Property for TenantNoninterference {
    fn id(&self) -> &'static str {
        "tenant_noninterference"
    }

    fn statement(&self) -> &'static str {
        "a tenant observes nothing of another's items, and leaves them as they are"
    }

    fn needs(&self, target: &Capabilities) -> Result<(), String> {
        needs_tenants(target)
    }

    fn generate(&self, source: &mut Source, target: &Capabilities) -> Result<Case, Discard> {
        let mut generator = Generator::draw(source, target, false);
        generator.swarm.long = false;
        generator.with_tenants(source);
        let wish = Wish { sort_key: 65, indexes: true, version: true, ..Wish::default() };
        let model = generator.model(source, wish)?;
        let tenants = generator.tenants(source, 2);
        let (a, b) = (tenants[0].as_str(), tenants[1].as_str());

        let own = items(&mut generator, source, &model, &[], A, 0..=3);
        let keys: Vec<Key> = own.iter().map(|record| record_key(&model, record)).collect();
        let few = items(&mut generator, source, &model, &keys, B, 1..=4);
        let (left, right) = worlds(&mut generator, source, &model, few);
        let mut all: Vec<Start> = own.iter().chain(&right).chain(&left).map(as_start).collect();
        if source.chance(20)
            && let Some(record) = right.first()
            && let Some(key) = generator.stored_form(&model, b, &record_key(&model, record))
        {
            // B's item by its stored key, as A would name it.
            source.label("stored key");
            let mut start = as_start(record);
            start.record.extend(key);
            all.extend([start.clone(), start]);
        }

        let mut program: Vec<Step> =
            write(target, source, &model, &own).into_iter().map(|call| Step::of(a, call)).collect();
        let drawn = source.list("step", 1..=4, |source| observe(&mut generator, source, &model, &all, a));
        for part in drawn {
            append(&mut program, part?);
        }
        let reads = if source.chance(30) { reads_of_b(source, target, &model, &all, b) } else { Vec::new() };
        // B is at work before A, or in the middle of it.
        let at = if source.chance(25) { source.below(program.len() + 1) } else { 0 };
        let mut world = |label: &str, records: &[Record]| {
            let writes = source.span("world", |source| write(target, source, &model, records));
            let writes = if records.is_empty() { Vec::new() } else { writes };
            let of_b: Vec<Step> = writes.into_iter().map(|call| Step::of(b, call)).collect();
            Run { label: label.to_owned(), ..Run::new(Vec::new(), join(&program, at, &of_b, &reads)) }
        };
        let (one, two) = (world("world 1", &left), world("world 2", &right));
        let again = Run { label: "world 1 again, as a mask for noise".to_owned(), ..one.clone() };
        let notes = [(OBSERVER.to_owned(), json!(a))].into_iter().collect();
        Ok(Case { model, runs: vec![one, two, again], notes })
    }

    fn judge(&self, _: &Capabilities, case: &Case, observed: &Observation) -> Judgement {
        let [one, two, again] = observed.runs.as_slice() else {
            return Judgement::Discarded("a world is missing");
        };
        if observed.runs.iter().any(|run| run.refused.is_some()) {
            return Judgement::Discarded("the model was refused");
        }
        let Some(observer) = case.notes.get(OBSERVER).and_then(Value::as_str) else {
            return Judgement::Discarded("the case does not say who observes");
        };
        let mut violations = Vec::new();
        for run in &observed.runs {
            violations.extend(touched(case, run, observer));
            violations.extend(unsettled(case, run, observer));
        }
        let steps = |run: &RunObservation| own_steps(case, run, observer);
        let (left, right, mask) = (steps(one), steps(two), steps(again));
        let mut checked = false;
        for ((mine, other), same) in left.iter().zip(&right).zip(&mask) {
            checked |= one.steps[*mine].outcome.is_ok();
            let (one, two) = (&one.steps[*mine], &two.steps[*other]);
            let places = revealing(&observation(one), &observation(two), &observation(&again.steps[*same]));
            let Some(channel) = places.iter().map(|place| Channel::of(place, one, two)).min() else {
                continue;
            };
            let step = &case.runs[1].program[*other];
            violations.push(Violation {
                identity: format!("{}: {}", step_name(step), channel.words()),
                title: format!("{} with another tenant's items", channel.title()),
                run: 1,
                step: *other,
                observed: format!("in world 2: {}", channel.show(two)),
                expected: format!("in world 1: {}", channel.show(one)),
                hazard: None,
            });
            // What follows may differ because of this.
            break;
        }
        verdict(violations, checked, "no step of the observer went through")
    }

    fn floors(&self, target: &Capabilities) -> Vec<(&'static str, u32)> {
        let mut floors = vec![("read", 50)];
        if target.has("query") {
            floors.push(("query", 20));
        }
        floors
    }
}

/// Records whose stored keys differ, near the given keys.
fn items(
    generator: &mut Generator<'_>,
    source: &mut Source,
    model: &Model,
    keys: &[Key],
    owner: &str,
    count: std::ops::RangeInclusive<usize>,
) -> Vec<Record> {
    let mut known: Vec<Item> = Vec::new();
    let drawn = source.list("item", count, |source| {
        let key = generator.rival_key(source, model, keys);
        owned_record(generator, source, model, &key, owner)
    });
    let contract = &generator.target.contract;
    drawn
        .into_iter()
        .filter(|record| {
            let key = stored_key(model, contract, &record_key(model, record));
            let fresh = !known.contains(&key);
            known.push(key);
            fresh
        })
        .collect()
}

/// B's items in both worlds: none and few, few and others, none and many, few and many.
fn worlds(
    generator: &mut Generator<'_>,
    source: &mut Source,
    model: &Model,
    few: Vec<Record>,
) -> (Vec<Record>, Vec<Record>) {
    match *source.weighted(&[(55, 0), (30, 1), (6, 2), (9, 3)]) {
        0 => (Vec::new(), few),
        1 => {
            // The same keys with other values, or without some.
            let others = few
                .iter()
                .filter_map(|record| {
                    source.span("other", |source| {
                        let key = record_key(model, record);
                        (!source.chance(25)).then(|| owned_record(generator, source, model, &key, B))
                    })
                })
                .collect();
            (few, others)
        }
        2 => {
            let many = many(source, model, &few);
            (Vec::new(), many)
        }
        _ => {
            let many = many(source, model, &few);
            (few, many)
        }
    }
}

/// The records, and many more that differ from the first in a text of their key.
fn many(source: &mut Source, model: &Model, few: &[Record]) -> Vec<Record> {
    source.label("many");
    let mut many = few.to_vec();
    let Some(first) = few.first() else { return many };
    let last = model.key_fields().last().map_or("", |name| name).to_owned();
    for number in 0..*source.pick(&[8, 20, 40]) {
        let mut record = first.clone();
        let value = match record.get(&last).and_then(Operand::value) {
            Some(AttributeValue::S(text)) if model.field(&last).is_some_and(is_text) => {
                AttributeValue::S(format!("{text}{number:02}"))
            }
            Some(AttributeValue::N(_)) => AttributeValue::number(number + 50),
            Some(AttributeValue::B(bytes)) => {
                AttributeValue::B(bytes.iter().copied().chain([7, number as u8]).collect())
            }
            _ => break,
        };
        record.insert(last.clone(), Operand::Value(value));
        let key = record_key(model, &record);
        if !many.iter().any(|known| record_key(model, known) == key) {
            many.push(record);
        }
    }
    many
}

fn is_text(field: &proofhouse_models::mapper::Field) -> bool {
    field.kind == proofhouse_models::mapper::FieldType::String
}

fn as_start(record: &Record) -> Start {
    Start { record: values(record), ..Start::default() }
}

/// Appends steps whose `reuse` counts from the first of them.
fn append(program: &mut Vec<Step>, part: Vec<Step>) {
    let from = program.len();
    program.extend(part.into_iter().map(|step| Step { reuse: step.reuse.map(|reuse| reuse + from), ..step }));
}

/// A's program with B's steps at a place in it, and B's reads behind both.
fn join(program: &[Step], at: usize, of_b: &[Step], reads: &[Step]) -> Vec<Step> {
    let behind = of_b.len() + reads.len();
    let moved = |step: &Step| {
        let reuse = step.reuse.map(|reuse| if reuse < at { reuse } else { reuse + behind });
        Step { reuse, ..step.clone() }
    };
    let (before, after) = program.split_at(at);
    let before = before.iter().cloned();
    before
        .chain(of_b.iter().cloned())
        .chain(reads.iter().cloned())
        .chain(after.iter().map(moved))
        .chain(reads.iter().cloned())
        .collect()
}

/// One step of A that may observe something, with its next page where it is paged.
fn observe(
    generator: &mut Generator<'_>,
    source: &mut Source,
    model: &Model,
    items: &[Start],
    tenant: &str,
) -> Result<Vec<Step>, Discard> {
    let target = generator.target;
    let has = |method: &str, weight: u32| if target.has(method) { weight } else { 0 };
    let updates = if target.update_forms.is_empty() { 0 } else { has("update", 12) };
    let unversioned = |weight: u32| if model.version.is_none() { weight } else { 0 };
    let choices = [
        (has("query", 30), 0),
        (has("get", 12), 1),
        (has("scan", 14), 2),
        (has("batch_get", 10), 3),
        (has("create", 10), 4),
        (has("put", 8), 5),
        (updates, 6),
        (has("delete", 8), 7),
        (has("transact", 12), 8),
        (unversioned(has("batch_put", 3)), 9),
        (has("batch_delete", 3), 10),
    ];
    if choices.iter().all(|(weight, _)| *weight == 0) {
        return Err(Discard("nothing to observe"));
    }
    let choice = *source.weighted(&choices);
    let name = model.name.clone();
    let guard = |generator: &mut Generator<'_>, source: &mut Source| {
        let wanted = target.has_if() && source.chance(35);
        if wanted { generator.condition(source, model, items) } else { None }
    };
    if choice <= 3 {
        source.label("read");
    }
    let call = match choice {
        0 => {
            source.label("query");
            let query = generator.query(source, model, items).ok_or(Discard("no query of the model"))?;
            Call::Query(Box::new(query))
        }
        1 => Call::Get { model: name, key: generator.key(source, model, items), consistent: None },
        2 => Call::Scan(Box::new(generator.scan(source, model, items))),
        3 => {
            let keys = source.list("key", 1..=3, |source| generator.key(source, model, items));
            Call::BatchGet { model: name, keys }
        }
        4 | 5 => {
            let key = generator.key(source, model, items);
            let record = owned_record(generator, source, model, &key, A);
            let write = Write { model: name, record, condition: guard(generator, source) };
            if choice == 4 { Call::Create(write) } else { Call::Put(write) }
        }
        6 => Call::Update(Box::new(generator.update(source, model, items)?)),
        7 => {
            let key = generator.key(source, model, items);
            Call::Delete { model: name, key, condition: guard(generator, source) }
        }
        8 => transaction(generator, source, model, items)?,
        9 => {
            let key = generator.key(source, model, items);
            let record = owned_record(generator, source, model, &key, A);
            Call::BatchPut { model: name, records: vec![record] }
        }
        _ => Call::BatchDelete { model: name, keys: vec![generator.key(source, model, items)] },
    };
    let paged = match &call {
        Call::Query(query) => query.page.is_some(),
        Call::Scan(scan) => scan.page.is_some(),
        _ => false,
    };
    let mut steps = vec![Step::of(tenant, call.clone())];
    if paged && source.chance(50) {
        steps.push(Step { reuse: Some(0), ..Step::of(tenant, call) });
    }
    Ok(steps)
}

/// A transaction of one or two actions on keys that differ.
fn transaction(
    generator: &mut Generator<'_>,
    source: &mut Source,
    model: &Model,
    items: &[Start],
) -> Result<Call, Discard> {
    let checks = generator.target.has_if();
    let mut keys: Vec<Item> = Vec::new();
    let drawn = source.list("action", 1..=2, |source| {
        let key = generator.key(source, model, items);
        let stored = stored_key(model, &generator.target.contract, &key);
        if keys.contains(&stored) {
            return None;
        }
        keys.push(stored);
        let condition =
            if checks && source.chance(60) { generator.condition(source, model, items) } else { None };
        let name = model.name.clone();
        Some(match (source.below(3), condition) {
            (0, Some(condition)) => Action::Check { model: name, key, condition },
            (1, condition) => Action::Delete { model: name, key, condition },
            (_, condition) => {
                let record = owned_record(generator, source, model, &key, A);
                Action::Put(Write { model: name, record, condition })
            }
        })
    });
    let actions: Vec<Action> = drawn.into_iter().flatten().collect();
    if actions.is_empty() { Err(Discard("no action")) } else { Ok(Call::Transact { actions }) }
}

/// What B reads before and after A is at work: the keys that both speak of.
fn reads_of_b(
    source: &mut Source,
    target: &Capabilities,
    model: &Model,
    items: &[Start],
    tenant: &str,
) -> Vec<Step> {
    let mut reads = Vec::new();
    if items.is_empty() {
        return reads;
    }
    let drawn = source.list("read", 1..=2, |source| items[source.below(items.len())].record.clone());
    for record in drawn {
        let key = crate::generate::record::key_of(model, &record);
        if target.has("get") {
            reads
                .push(Step::of(tenant, Call::Get { model: model.name.clone(), key, consistent: Some(true) }));
        } else if target.has("query") {
            reads
                .push(Step::of(tenant, Call::Query(Box::new(plain_query(model, partition_of(model, &key))))));
        }
    }
    reads.dedup();
    reads
}

/// The indexes of the observer's steps.
fn own_steps(case: &Case, run: &RunObservation, observer: &str) -> Vec<usize> {
    let program = case.runs.get(run.of).map(|run| run.program.as_slice()).unwrap_or_default();
    let steps = program.iter().zip(&run.steps).enumerate();
    steps.filter(|(_, (step, _))| step.tenant.as_deref() == Some(observer)).map(|(at, _)| at).collect()
}

/// Steps that changed an item which another tenant wrote last.
fn touched(case: &Case, run: &RunObservation, observer: &str) -> Vec<Violation> {
    let Some(of) = case.runs.get(run.of) else { return Vec::new() };
    let mut owners: Vec<(RawKey, String)> = Vec::new();
    let mut before: &[Item] = &run.start;
    for (index, (step, seen)) in of.program.iter().zip(&run.steps).enumerate() {
        let Some(tenant) = &step.tenant else { continue };
        for (key, was, now) in changes(&case.model, before, &seen.after) {
            let owner = owners.iter().position(|(known, _)| *known == key);
            if let Some(at) = owner
                && owners[at].1 != *tenant
                && let Some(was) = was
            {
                let who = if tenant == observer { "a tenant" } else { "the other tenant" };
                return vec![Violation {
                    identity: format!("{}: another tenant's item changed", step_name(step)),
                    title: format!("{who} changed another tenant's item"),
                    run: run.of,
                    step: index,
                    observed: now.map_or_else(|| "no item".to_owned(), show_item),
                    expected: show_item(was),
                    hazard: None,
                }];
            }
            match owner {
                Some(at) if now.is_none() => drop(owners.remove(at)),
                Some(at) => owners[at].1.clone_from(tenant),
                None => owners.push((key, tenant.clone())),
            }
        }
        before = &seen.after;
    }
    Vec::new()
}

/// Reads of B that answer otherwise once A was at work: B gained, lost or sees something of A.
fn unsettled(case: &Case, run: &RunObservation, observer: &str) -> Vec<Violation> {
    let Some(of) = case.runs.get(run.of) else { return Vec::new() };
    let rows = |seen: &StepObservation| {
        let answer = seen.outcome.as_ref().ok()?;
        answer.get("record").or(answer.get("records")).cloned()
    };
    let reads = |step: &Step| !step.call.is_write() && step.tenant.as_deref() != Some(observer);
    let mut known: Vec<(&Call, Value)> = Vec::new();
    for (index, (step, seen)) in of.program.iter().zip(&run.steps).enumerate() {
        if !reads(step) {
            continue;
        }
        let Some(rows) = rows(seen) else { continue };
        let Some((_, before)) = known.iter().find(|(call, _)| **call == step.call) else {
            known.push((&step.call, rows));
            continue;
        };
        if *before != rows {
            return vec![Violation {
                identity: format!("{}: answers otherwise after another tenant's program", step_name(step)),
                title: "a tenant reads otherwise after another tenant was at work".to_owned(),
                run: run.of,
                step: index,
                observed: rows.to_string(),
                expected: before.to_string(),
                hazard: None,
            }];
        }
    }
    Vec::new()
}

/// The call in the words of identities, with whether it reads an index.
fn step_name(step: &Step) -> String {
    let index = match &step.call {
        Call::Query(query) => query.index.is_some(),
        Call::Scan(scan) => scan.index.is_some(),
        _ => false,
    };
    format!("{}{}", call_name(&step.call), if index { " of an index" } else { "" })
}

/// What tells the worlds apart, worst first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Channel {
    Rows,
    Outcome,
    ErrorKind,
    ErrorText,
    Cursor,
    Answer,
    Reasons,
    Counts,
    Requests,
    Reply,
}

impl Channel {
    fn of(place: &Place, one: &StepObservation, other: &StepObservation) -> Self {
        let part = |at: usize| place.get(at).map_or("", String::as_str);
        match (part(0), part(1)) {
            ("answer", _) if one.outcome.is_ok() != other.outcome.is_ok() => Self::Outcome,
            ("answer", "error") if part(2) == "kind" => Self::ErrorKind,
            ("answer", "error") => Self::ErrorText,
            ("answer", "ok") => match part(2) {
                "records" | "record" => Self::Rows,
                "cursor" => Self::Cursor,
                // An object with other keys: a cursor that is there or not.
                "" => Self::Cursor,
                _ => Self::Answer,
            },
            _ => match (part(2), part(3)) {
                ("reply", "CancellationReasons") => Self::Reasons,
                ("reply", "Count" | "ScannedCount" | "Items" | "LastEvaluatedKey") => Self::Counts,
                ("reply", "") => Self::Counts,
                ("request" | "operation" | "", _) => Self::Requests,
                _ => Self::Reply,
            },
        }
    }

    fn words(self) -> &'static str {
        match self {
            Self::Rows => "other rows",
            Self::Outcome => "answers in one world and fails in the other",
            Self::ErrorKind => "another kind of error",
            Self::ErrorText => "another error text",
            Self::Cursor => "another cursor",
            Self::Answer => "another answer",
            Self::Reasons => "other cancellation reasons on the wire",
            Self::Counts => "other rows or counts on the wire",
            Self::Requests => "other requests on the wire",
            Self::Reply => "another reply on the wire",
        }
    }

    fn title(self) -> &'static str {
        match self {
            Self::Rows => "a tenant reads other rows",
            Self::Outcome => "a tenant's call succeeds or fails",
            Self::ErrorKind => "a tenant is told another kind of error",
            Self::ErrorText => "a tenant is told another error text",
            Self::Cursor => "a tenant is given another cursor",
            Self::Answer => "a tenant is answered otherwise",
            Self::Reasons => "a tenant's transaction is cancelled for other reasons",
            Self::Counts => "a tenant's requests read other rows or counts",
            Self::Requests => "a tenant's call sends other requests",
            Self::Reply => "a tenant's requests are replied otherwise",
        }
    }

    /// What was observed, as far as the channel goes.
    fn show(self, step: &StepObservation) -> String {
        match self {
            Self::Reasons | Self::Counts | Self::Requests | Self::Reply => {
                let exchanges = step.exchanges.iter().take(3).map(|exchange| {
                    let body = match self {
                        Self::Requests => &exchange.request,
                        _ => &exchange.reply.body,
                    };
                    format!("{} {}", exchange.operation, shortened(&body.to_string()))
                });
                let mut lines: Vec<String> = exchanges.collect();
                if step.exchanges.len() > 3 || lines.is_empty() {
                    lines.push(format!("{} requests in all", step.exchanges.len()));
                }
                lines.join("\n")
            }
            _ => match &step.outcome {
                Ok(answer) => shortened(&answer.to_string()),
                Err(CallError::Reported { kind, message, fields, .. }) => {
                    let fields = if fields.is_empty() { String::new() } else { format!(" {fields:?}") };
                    shortened(&format!("{kind:?}: {message}{fields}"))
                }
                Err(CallError::Broken { how, .. }) => how.clone(),
            },
        }
    }
}

fn shortened(text: &str) -> String {
    const LONGEST: usize = 240;
    if text.chars().count() <= LONGEST {
        return text.to_owned();
    }
    text.chars().take(LONGEST).chain("…".chars()).collect()
}
