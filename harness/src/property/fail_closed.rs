//! `fail_closed`: without a tenant nothing is done, and a lost tenant is never replaced by another.

use super::support::{View, call_name, verdict, views};
use super::tenants::{A, B, changes, keys_of, needs_tenants, owned_record, owner_of, shown, write};
use super::{Judgement, Property};
use crate::case::{Case, Observation, Run, Start, Step};
use crate::generate::{Generator, Wish};
use crate::tape::{Discard, Source};
use proofhouse_models::mapper::call::{Action, Key, Page};
use proofhouse_models::mapper::expect::show::show_item;
use proofhouse_models::mapper::{Call, Capabilities, Model, Record, Write};
use serde_json::{Value, json};

/// No tenant, an empty tenant, a lost tenant context: an error, never everyone's data.
pub struct FailClosed;

/// The note that names A and B.
const TENANTS: &str = "tenants";

impl Property for FailClosed {
    fn id(&self) -> &'static str {
        "fail_closed"
    }

    fn statement(&self) -> &'static str {
        "a call without a tenant is refused, whatever was called before"
    }

    fn needs(&self, target: &Capabilities) -> Result<(), String> {
        needs_tenants(target)
    }

    fn generate(&self, source: &mut Source, target: &Capabilities) -> Result<Case, Discard> {
        let mut generator = Generator::draw(source, target, false);
        generator.swarm.long = false;
        generator.swarm.nesting = false;
        generator.with_tenants(source);
        let wish = Wish { sort_key: 60, indexes: true, ..Wish::default() };
        let model = generator.model(source, wish)?;
        let tenants = generator.tenants(source, 2);
        let mut steps: Vec<Step> = Vec::new();
        let mut records: Vec<Record> = Vec::new();
        // A named call comes first: whoever remembers a tenant then remembers the same one in every replay.
        for (tenant, owner, least) in [(&tenants[1], B, 1), (&tenants[0], A, 0)] {
            let keys: Vec<Key> =
                records.iter().map(|record| super::tenants::record_key(&model, record)).collect();
            let drawn = source.list("row", least..=2, |source| {
                let key = generator.rival_key(source, &model, &keys);
                owned_record(&mut generator, source, &model, &key, owner)
            });
            for record in drawn {
                for call in write(target, source, &model, std::slice::from_ref(&record)) {
                    steps.push(Step::of(tenant, call));
                }
                records.push(record);
            }
        }
        let items: Vec<Start> = records
            .iter()
            .map(|record| Start { record: super::tenants::values(record), ..Start::default() })
            .collect();
        let drawn = source.list("step", 1..=4, |source| {
            // The simplest is a call of nobody.
            let who = *source.weighted(&[(45, 0), (25, 1), (15, 2), (15, 3)]);
            let tenant = match who {
                0 => None,
                1 => Some(String::new()),
                who => Some(tenants[who - 2].clone()),
            };
            let owner = if who == 3 { B } else { A };
            let call = call(&mut generator, source, &model, &items, owner)?;
            Ok((tenant, call, source.chance(40)))
        });
        for part in drawn {
            let (tenant, call, again) = part?;
            source.label(match tenant.as_deref() {
                None => "no tenant",
                Some("") => "empty tenant",
                Some(_) => "switched",
            });
            let paged = match &call {
                Call::Query(query) => query.page.is_some(),
                Call::Scan(scan) => scan.page.is_some(),
                _ => false,
            };
            let named = tenant.as_ref().is_some_and(|tenant| !tenant.is_empty());
            steps.push(Step { tenant, ..Step::from(call.clone()) });
            if paged && named {
                // The cursor of a tenant in the hands of nobody.
                let nobody = if again { None } else { Some(String::new()) };
                steps.push(Step { tenant: nobody, ..Step::reusing(call, steps.len() - 1) });
            }
        }
        let nameless = |step: &Step| step.tenant.as_ref().is_none_or(String::is_empty);
        if !steps.iter().any(nameless) {
            let call = call(&mut generator, source, &model, &items, A)?;
            source.label("no tenant");
            steps.push(call.into());
        }
        let notes = [(TENANTS.to_owned(), json!(tenants))].into_iter().collect();
        Ok(Case { model, runs: vec![Run::new(Vec::new(), steps)], notes })
    }

    fn judge(&self, _: &Capabilities, case: &Case, observed: &Observation) -> Judgement {
        let model = &case.model;
        let named = |at: usize| {
            case.notes.get(TENANTS).and_then(|list| list.get(at)).and_then(Value::as_str).unwrap_or_default()
        };
        let (a, b) = (named(0).to_owned(), named(1).to_owned());
        let mut violations = Vec::new();
        let mut checked = false;
        let mut written: Vec<(&str, Key)> = Vec::new();
        for view in views(case, observed) {
            if view.index == 0 {
                written.clear();
            }
            let tenant = view.step.tenant.as_deref().unwrap_or_default();
            let owner = match tenant {
                "" => None,
                tenant if tenant == a => Some(A),
                tenant if tenant == b => Some(B),
                _ => continue,
            };
            match owner {
                Some(owner) => {
                    if view.step.call.is_write() {
                        written.extend(keys_of(model, &view.step.call).into_iter().map(|key| (owner, key)));
                    }
                    judge_named(model, &view, owner, &written, &mut violations);
                }
                None => {
                    checked |= !view.says_nothing();
                    judge_nameless(model, &view, &mut violations);
                }
            }
        }
        verdict(violations, checked, "no call without a tenant was answered")
    }

    fn floors(&self, _: &Capabilities) -> Vec<(&'static str, u32)> {
        vec![("no tenant", 50), ("empty tenant", 20)]
    }
}

/// A call of a tenant shows no row of the other, whatever came before.
fn judge_named(
    model: &Model,
    view: &View<'_>,
    owner: &str,
    written: &[(&str, Key)],
    violations: &mut Vec<super::Violation>,
) {
    let Ok(answer) = &view.seen.outcome else { return };
    let rows = shown(answer);
    let foreign = rows.iter().find(|row| owner_of(model, row, written).is_some_and(|other| other != owner));
    if let Some(row) = foreign {
        violations.push(view.violation(
            format!("{}: another tenant's row", call_name(&view.step.call)),
            "a tenant is shown another tenant's row",
            show_item(row),
            "rows of the caller",
        ));
    }
}

/// A call without a tenant is an error and changes nothing.
fn judge_nameless(model: &Model, view: &View<'_>, violations: &mut Vec<super::Violation>) {
    let name = call_name(&view.step.call);
    let how = if view.step.tenant.is_some() { "an empty tenant" } else { "no tenant" };
    let how = match view.step.reuse {
        Some(_) => format!("{how} and a tenant's cursor"),
        None => how.to_owned(),
    };
    let changed = changes(model, view.before, &view.seen.after);
    if let Some((_, was, now)) = changed.first() {
        violations.push(view.violation(
            format!("{name} with {how}: writes"),
            format!("a call with {how} writes"),
            now.map_or_else(|| "no item".to_owned(), show_item),
            was.map_or_else(|| "an error, and no item".to_owned(), show_item),
        ));
        return;
    }
    let Ok(answer) = &view.seen.outcome else { return };
    let (does, title) = match shown(answer).is_empty() {
        true => ("answers", "is answered"),
        false => ("shows rows", "shows rows of a tenant"),
    };
    violations.push(view.violation(
        format!("{name} with {how}: {does}"),
        format!("a call with {how} {title}"),
        answer.to_string(),
        "an error",
    ));
}

/// Any operation on data.
fn call(
    generator: &mut Generator<'_>,
    source: &mut Source,
    model: &Model,
    items: &[Start],
    owner: &str,
) -> Result<Call, Discard> {
    let target = generator.target;
    let has = |method: &str, weight: u32| if target.has(method) { weight } else { 0 };
    let updates = if target.update_forms.is_empty() { 0 } else { has("update", 10) };
    let unversioned = |weight: u32| if model.version.is_none() { weight } else { 0 };
    let choice = *source.weighted(&[
        (has("get", 16), 0),
        (has("query", 26), 1),
        (has("scan", 8), 2),
        (has("batch_get", 10), 3),
        (has("put", 8), 4),
        (has("create", 10), 5),
        (updates, 6),
        (has("delete", 8), 7),
        (has("transact", 10), 8),
        (unversioned(has("batch_put", 5)), 9),
        (has("batch_delete", 5), 10),
    ]);
    let name = model.name.clone();
    let key = generator.key(source, model, items);
    Ok(match choice {
        0 => Call::Get { model: name, key, consistent: None },
        1 => {
            let mut query = generator.query(source, model, items).ok_or(Discard("no query of the model"))?;
            query.filter = None;
            query.sort = None;
            if source.chance(30) {
                query.limit = None;
                query.page = Some(Page { size: Some(1), cursor: None });
            }
            Call::Query(Box::new(query))
        }
        2 => Call::Scan(Box::new(generator.scan(source, model, items))),
        3 => Call::BatchGet { model: name, keys: vec![key] },
        6 => {
            let form = generator.form(source)?;
            Call::Update(Box::new(generator.update_of(source, model, items, form, key)?))
        }
        7 => {
            let failing = target.has_if() && source.chance(40);
            let condition = if failing { generator.condition(source, model, items) } else { None };
            Call::Delete { model: name, key, condition }
        }
        10 => Call::BatchDelete { model: name, keys: vec![key] },
        choice => {
            let record = owned_record(generator, source, model, &key, owner);
            match choice {
                4 => Call::Put(Write { model: name, record, condition: None }),
                5 => Call::Create(Write { model: name, record, condition: None }),
                8 => {
                    let write = Write { model: name, record, condition: None };
                    Call::Transact { actions: vec![Action::Put(write)] }
                }
                _ => Call::BatchPut { model: name, records: vec![record] },
            }
        }
    })
}
