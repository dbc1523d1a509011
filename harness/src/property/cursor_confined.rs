//! `cursor_confined`: a cursor opens nothing but its own tenant's rows.

use super::support::{verdict, views};
use super::tenants::{A, B, keys_of, needs_tenants, owned_record, owner_of, shown, write};
use super::{Judgement, Property};
use crate::case::{Case, CursorEncoding, Edit, Observation, Run, Step};
use crate::generate::record::key_of;
use crate::generate::{Generator, Wish};
use crate::tape::{Discard, Source};
use proofhouse_models::mapper::call::{Key, Page};
use proofhouse_models::mapper::expect::show::show_item;
use proofhouse_models::mapper::{Call, Capabilities, Model, Operand, Query, Record, Scan};
use proofhouse_models::value::Item;

/// A cursor that was issued to another tenant, or edited, gives an error or the caller's own rows.
pub struct CursorConfined;

impl Property for CursorConfined {
    fn id(&self) -> &'static str {
        "cursor_confined"
    }

    fn statement(&self) -> &'static str {
        "a cursor of another tenant, or an edited one, opens only the caller's own rows"
    }

    fn needs(&self, target: &Capabilities) -> Result<(), String> {
        needs_tenants(target)?;
        if target.has("query") || target.has("scan") {
            Ok(())
        } else {
            Err("the target offers neither query nor scan, so it issues no cursor".to_owned())
        }
    }

    fn generate(&self, source: &mut Source, target: &Capabilities) -> Result<Case, Discard> {
        let mut generator = Generator::draw(source, target, false);
        generator.swarm.long = false;
        generator.swarm.nesting = false;
        generator.with_tenants(source);
        let wish = Wish { sort_key: 85, indexes: true, ..Wish::default() };
        let model = generator.model(source, wish)?;
        let tenants = generator.tenants(source, 2);
        let (a, b) = (&tenants[0], &tenants[1]);
        let mut steps: Vec<Step> = Vec::new();
        let rows_of_b = rows(&mut generator, source, &model, &[], B, 2..=4);
        for call in write(target, source, &model, &rows_of_b) {
            steps.push(Step::of(b, call));
        }
        let rows_of_a = rows(&mut generator, source, &model, &rows_of_b, A, 1..=4);
        for call in write(target, source, &model, &rows_of_a) {
            steps.push(Step::of(a, call));
        }
        let read = read(source, target, &model, &rows_of_b)?;
        source.label(if index_of(&read).is_some() { "index" } else { read.method() });
        let of_b = steps.len();
        steps.push(Step::of(b, read.clone()));
        let own = steps.len();
        steps.push(Step::of(a, read.clone()));
        let attacks = source.list("attack", 1..=3, |source| attack(source, a, b, of_b, own));
        for (from, edit) in attacks {
            source.label(if edit.is_some() { "edited" } else { "of another tenant" });
            let call = if source.chance(10) {
                self::read(source, target, &model, &rows_of_b)?
            } else {
                read.clone()
            };
            steps.push(Step { reuse: Some(from), edit, ..Step::of(a, call) });
        }
        Ok(Case { model, runs: vec![Run::new(Vec::new(), steps)], notes: Default::default() })
    }

    fn judge(&self, _: &Capabilities, case: &Case, observed: &Observation) -> Judgement {
        let model = &case.model;
        let mut violations = Vec::new();
        let mut checked = false;
        let mut written: Vec<(&str, Key)> = Vec::new();
        let program = |view: &super::support::View<'_>| &case.runs[view.run].program;
        for view in views(case, observed) {
            if view.index == 0 {
                written.clear();
            }
            // Whoever presents cursors is A.
            let caller = program(&view).iter().rev().find(|step| step.reuse.is_some());
            let of_b = caller.is_none_or(|caller| caller.tenant != view.step.tenant);
            if view.step.call.is_write() {
                let owner = if of_b { B } else { A };
                written.extend(keys_of(model, &view.step.call).into_iter().map(|key| (owner, key)));
            }
            let Some(from) = view.step.reuse else { continue };
            if view.says_nothing() || of_b {
                continue;
            }
            checked = true;
            let Ok(answer) = &view.seen.outcome else { continue };
            let foreign = shown(answer).into_iter().find(|row| owner_of(model, row, &written) == Some(B));
            let Some(row) = foreign else { continue };
            let issued = program(&view).get(from).is_some_and(|step| step.tenant == view.step.tenant);
            let cursor = match (&view.step.edit, issued) {
                (None, false) => "another tenant's cursor",
                (None, true) => "an own cursor",
                (Some(Edit::Forge { .. }), _) => "a made-up cursor",
                (Some(_), _) => "an edited cursor",
            };
            let name = view.step.call.method();
            let index = if index_of(&view.step.call).is_some() { " of an index" } else { "" };
            violations.push(view.violation(
                format!("{name}{index}: {cursor} opens another tenant's rows"),
                format!("{cursor} opens another tenant's rows"),
                show_item(&row),
                "an error, or rows of the caller",
            ));
        }
        verdict(violations, checked, "no cursor was issued, or the edit found no place in it")
    }

    fn floors(&self, _: &Capabilities) -> Vec<(&'static str, u32)> {
        vec![("of another tenant", 40), ("edited", 40)]
    }
}

/// Where the cursor comes from and what is done to it.
fn attack(source: &mut Source, a: &str, b: &str, of_b: usize, own: usize) -> (usize, Option<Edit>) {
    let tenant = |from: &str, to: &str| Edit::Tenant { from: from.to_owned(), to: to.to_owned() };
    match *source.weighted(&[(40, 0), (20, 1), (8, 2), (6, 3), (8, 4), (10, 5), (4, 6), (4, 7)]) {
        0 => (of_b, None),
        1 => (own, Some(Edit::Key { of: of_b })),
        2 => (own, Some(tenant(a, b))),
        3 => (of_b, Some(tenant(b, a))),
        4 => (own, Some(Edit::Splice { with: of_b, at: *source.pick(&[16, 32, 8, 20, 64, 4, 12, 24]) })),
        5 => {
            let encodings =
                [CursorEncoding::Base64, CursorEncoding::UrlSafe, CursorEncoding::Plain, CursorEncoding::Hex];
            (own, Some(Edit::Forge { of: of_b, encoding: *source.pick(&encodings) }))
        }
        6 => (*source.pick(&[of_b, own]), Some(Edit::Flip(source.below(512)))),
        _ => (of_b, Some(Edit::Cut(source.below(64)))),
    }
}

/// Rows of one partition mostly, so that a page of it does not hold them all.
fn rows(
    generator: &mut Generator<'_>,
    source: &mut Source,
    model: &Model,
    others: &[Record],
    owner: &str,
    count: std::ops::RangeInclusive<usize>,
) -> Vec<Record> {
    let mut rows: Vec<Record> = Vec::new();
    let contract = &generator.target.contract.clone();
    let drawn = source.list("row", count, |source| {
        let mut key = generator.fresh_key(source, model);
        let first = rows.first().or(others.first()).cloned();
        let apart = source.chance(15);
        if let (Some(first), true, false) = (&first, model.sort_key.is_some(), apart) {
            share(&mut key, first, &model.partition_key);
        }
        let mut record = owned_record(generator, source, model, &key, owner);
        for index in &model.indexes {
            let field = model.field(&index.partition_key).map(|field| field.kind.clone());
            if let (Some(kind), false) = (field, model.is_key(&index.partition_key)) {
                let value = match first.as_ref().and_then(|first| first.get(&index.partition_key)) {
                    Some(value) if !apart => value.clone(),
                    _ => Operand::Value(generator.key_value(source, &kind)),
                };
                record.insert(index.partition_key.clone(), value);
            }
        }
        rows.push(record.clone());
        record
    });
    let mut kept: Vec<Record> = Vec::new();
    let mut keys: Vec<Item> = Vec::new();
    for record in drawn {
        let key = key_of(model, &super::tenants::values(&record));
        let stored = proofhouse_models::mapper::expect::stored_key(model, contract, &key);
        if !keys.contains(&stored) {
            keys.push(stored);
            kept.push(record);
        }
    }
    kept
}

fn share(key: &mut Key, record: &Record, name: &str) {
    if let Some(Operand::Value(value)) = record.get(name) {
        key.insert(name.to_owned(), value.clone());
    }
}

/// A read of one row a page, of the partition in which the rows are.
fn read(source: &mut Source, target: &Capabilities, model: &Model, rows: &[Record]) -> Result<Call, Discard> {
    let page = Some(Page { size: Some(if source.chance(20) { 2 } else { 1 }), cursor: None });
    let query = if target.has("query") { 85 } else { 0 };
    let scan = if target.has("scan") { 15 } else { 0 };
    let index = (!model.indexes.is_empty() && source.chance(45)).then(|| &model.indexes[0]);
    if *source.weighted(&[(query, false), (scan, true)]) {
        let index = index.map(|index| index.name.clone());
        let name = model.name.clone();
        return Ok(Call::Scan(Box::new(Scan {
            model: name,
            index,
            filter: None,
            select: None,
            limit: None,
            page,
        })));
    }
    let partition = index.map_or(&model.partition_key, |index| &index.partition_key);
    let value = rows.first().and_then(|row| row.get(partition)).and_then(Operand::value);
    let value = value.ok_or(Discard("no partition to read"))?;
    Ok(Call::Query(Box::new(Query {
        model: model.name.clone(),
        index: index.map(|index| index.name.clone()),
        partition: Record::from([(partition.clone(), value.clone().into())]),
        sort: None,
        filter: None,
        select: None,
        order: None,
        limit: None,
        page,
    })))
}

fn index_of(call: &Call) -> Option<&str> {
    match call {
        Call::Query(query) => query.index.as_deref(),
        Call::Scan(scan) => scan.index.as_deref(),
        _ => None,
    }
}
