use super::*;
use crate::mapper::Mapper;
use proofhouse::backend::Embedded;
use proofhouse::engine::execute::table_request;
use proofhouse::target::{Outcome, Target};
use proofhouse::wire::Wire;
use proofhouse_models::mapper::Model;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

#[test]
fn every_property_has_three_mutants_and_one_is_hard() {
    let mut by_property: BTreeMap<&str, Vec<&Mutant>> = BTreeMap::new();
    for mutant in MUTANTS {
        by_property.entry(mutant.property).or_default().push(mutant);
    }
    assert_eq!(by_property.len(), 18);
    for (property, mutants) in by_property {
        assert!(mutants.len() >= 3, "{property}");
        assert!(mutants.iter().any(|mutant| mutant.hard), "{property}");
    }
}

#[test]
fn names_are_unique() {
    let names: BTreeSet<&str> = MUTANTS.iter().map(|mutant| mutant.name).collect();
    assert_eq!(names.len(), MUTANTS.len());
}

/// What the calls answer, and what was sent, with the bug or without.
fn seen(bug: Option<Bug>, options: &Options, calls: &[(&str, Value)]) -> (Vec<Outcome>, Vec<Value>) {
    let wire = Arc::new(Wire::new(Arc::new(Embedded::new())));
    let mut mapper = Mapper::new("test", options.clone(), bug, &wire, 1);
    let model: Model = serde_json::from_value(json!({
        "name": "M", "table": "items", "partition_key": "id", "sort_key": "at",
        "indexes": [{"name": "by_org", "partition_key": "org"}],
        "fields": [
            {"name": "id", "type": "string"}, {"name": "at", "type": "string"}, {"name": "org", "type": "string"},
            {"name": "name", "type": {"option": "string"}}, {"name": "n", "type": "int64"},
            {"name": "list", "type": {"list": "any"}}, {"name": "map", "type": {"map": "any"}},
            {"name": "any", "type": "any"}],
    }))
    .expect("a model");
    let table = table_request(&model).expect("a table");
    assert_eq!(wire.backend().call("CreateTable", &table).status, 200);
    mapper.call("define", &json!({ "model": model })).expect("defined");
    let mut answers = Vec::new();
    for (method, params) in calls {
        let mut params = params.clone();
        params["model"] = json!("M");
        answers.push(mapper.call(method, &params));
    }
    (answers, wire.take_exchanges().into_iter().map(|exchange| exchange.request).collect())
}

fn key() -> Value {
    json!({"id": {"S": "a"}, "at": {"S": "1"}})
}

fn put(more: Value) -> (&'static str, Value) {
    let mut record = key();
    record["org"] = json!({"S": "o"});
    for (name, value) in more.as_object().expect("fields") {
        record[name] = value.clone();
    }
    ("put", json!({ "record": record }))
}

fn get() -> (&'static str, Value) {
    ("get", json!({ "key": key() }))
}

/// The bug shows in what the calls answer or send.
fn shows(bug: Bug, calls: &[(&str, Value)]) {
    let options = Options::default();
    let correct = seen(None, &options, calls);
    assert_eq!(correct, seen(None, &options, calls), "the control answers alike");
    assert_ne!(correct, seen(Some(bug), &options, calls), "{bug:?}");
}

#[test]
fn rare_bugs_show_in_a_case_that_has_what_they_take() {
    let long: Vec<Value> = (0..120).map(|n| json!({"N": n.to_string()})).collect();
    let scan = |filter: Value| ("scan", json!({ "filter": filter }));
    let patch = |more: Value| {
        let mut params = json!({"key": key(), "form": "patch"});
        for (name, value) in more.as_object().expect("operands") {
            params[name] = value.clone();
        }
        ("update", params)
    };
    let named = put(json!({"name": {"S": "x"}, "n": {"N": "1"}}));
    let absent = json!({"set": {"name": {"$absent": true}}, "if": {"exists": ["n"]}});
    shows(Bug::AbsentRemovesWithIf, &[named.clone(), patch(absent)]);
    shows(Bug::InUnsplit, &[scan(json!({"in": [["n"], long]}))]);
    shows(Bug::InForgetsRest, &[scan(json!({"in": [["n"], long]}))]);
    shows(Bug::LiteralNames, &[scan(json!({"exists": ["name"]}))]);
    let query =
        json!({"index": "by_org", "partition": {"org": {"S": "o"}}, "limit": 5, "filter": {"exists": ["n"]}});
    shows(Bug::FilterLostWithIndexAndLimit, &[named.clone(), ("query", query)]);
    shows(Bug::DotsInMapKeys, &[put(json!({"map": {"M": {"a.b": {"S": "x"}}}})), get()]);
    shows(Bug::EmptySetNested, &[put(json!({"list": {"L": [{"SS": []}]}}))]);
    shows(Bug::NullInMapCrashes, &[put(json!({"map": {"M": {"a": {"NULL": true}}}})), get()]);
    shows(Bug::CutInsideCharacter, &[put(json!({"name": {"S": "1234567890123456789é"}}))]);
    shows(Bug::NullLostOnRead, &[put(json!({"name": {"NULL": true}})), get()]);
    shows(Bug::SetOfOneUnpacked, &[put(json!({"any": {"SS": ["x"]}})), get()]);
    let many = json!({"set": {"name": {"S": "x"}, "n": {"N": "1"}, "list": {"L": []}, "map": {"M": {}}, "any": {"N": "2"}}});
    let updates: Vec<_> = (0..2).map(|_| patch(many.clone())).collect();
    shows(Bug::HashOrder, &updates);
    shows(Bug::BetweenHalfOpen, &[scan(json!({"between": [["n"], {"N": "1"}, {"N": "2"}]}))]);
}

#[test]
fn bugs_about_tenants_show_between_two_tenants() {
    let options = Options { tenancy: true, ..Options::default() };
    let of = |tenant: &str, (method, mut params): (&'static str, Value)| {
        params["tenant"] = json!(tenant);
        (method, params)
    };
    let row = || put(json!({}));
    let rows = || ("query", json!({"index": "by_org", "partition": {"org": {"S": "o"}}}));
    let reads_row = |bug: Bug, calls: &[(&str, Value)]| {
        let found = |answers: Vec<Outcome>| match answers.last() {
            Some(Ok(answer)) => {
                answer["record"].is_object()
                    || answer["records"].as_array().is_some_and(|rows| !rows.is_empty())
            }
            _ => false,
        };
        assert!(!found(seen(None, &options, calls).0), "the control shows nothing");
        assert!(found(seen(Some(bug), &options, calls).0), "{bug:?}");
    };
    reads_row(Bug::TenantLowercased, &[of("B", row()), of("b", get())]);
    let shifted = ("get", json!({"key": {"id": {"S": "b#a"}, "at": {"S": "1"}}}));
    reads_row(Bug::TenantUnescaped, &[of("a#b", row()), of("a", shifted.clone())]);
    let twice = ("get", json!({"key": {"id": {"S": "c#a"}, "at": {"S": "1"}}}));
    reads_row(Bug::TenantEscapedOnce, &[of("a#b#c", row()), of("a%23b", twice.clone()), of("a#b", twice)]);
    reads_row(Bug::TenantTrimmed, &[of("b ", row()), of("b", get())]);
    reads_row(Bug::TenantComposed, &[of("e\u{301}", row()), of("é", get())]);
    let in_index = |org: &str| ("query", json!({"index": "by_org", "partition": {"org": {"S": org}}}));
    let refused = |bug| {
        let calls = [of("a#b", row()), of("a", in_index("b#o"))];
        seen(bug, &options, &calls).0[1].is_err()
    };
    assert!(
        !refused(None) && refused(Some(Bug::IndexTenantUnescaped)),
        "another tenant's row is in the partition"
    );
    reads_row(Bug::CacheWithoutTenant, &[of("b", row()), of("b", get()), of("a", get())]);
    let scanned = |bug| seen(bug, &options, &[of("b", row()), of("a", in_index("o"))]).1[1].to_string();
    assert!(
        !scanned(None).contains("begins_with") && scanned(Some(Bug::IndexFiltered)).contains("begins_with")
    );
    let moved = ("transact", json!({"tenant": "", "actions": [{"put": {"model": "M", "record": key()}}]}));
    let done = |bug| seen(bug, &options, std::slice::from_ref(&moved)).0[0].is_ok();
    assert!(!done(None) && done(Some(Bug::TransactWithoutTenant)));
    reads_row(Bug::IndexWithoutTenant, &[of("b", row()), of("a", rows())]);
    reads_row(Bug::ScanOfEveryone, &[of("b", row()), of("a", ("scan", json!({})))]);
    let scanned = seen(Some(Bug::ScanOffered), &options, &[of("b", row()), of("a", ("scan", json!({})))]);
    assert!(scanned.0.iter().all(Result::is_ok), "{scanned:?}");
    reads_row(Bug::LastTenantRemembered, &[of("b", row()), get()]);
    let empty = |bug| seen(bug, &options, &[of("", get())]).0[0].is_ok();
    assert!(!empty(None) && empty(Some(Bug::EmptyTenantAllowed)));
    let none = |bug| seen(bug, &options, &[get()]).0[0].is_ok();
    assert!(!none(None) && none(Some(Bug::NoTenantAllowed)));
}

#[test]
fn a_cursor_that_names_the_partition_reads_the_other_tenants_rows() {
    let options = Options { tenancy: true, ..Options::default() };
    for (bug, index) in [
        (Bug::CursorUnsealed, None),
        (Bug::CursorWithoutTenant, None),
        (Bug::IndexCursorUnsealed, Some("by_org")),
        (Bug::CursorBringsTenant, None),
    ] {
        let wire = Arc::new(Wire::new(Arc::new(Embedded::new())));
        let read = |mapper: &mut Mapper, tenant: Option<&str>, cursor: Option<&str>| {
            let partition =
                if index.is_some() { json!({"org": {"S": "o"}}) } else { json!({"id": {"S": "a"}}) };
            let page = json!({"size": 1, "cursor": cursor});
            let query =
                json!({"model": "M", "tenant": tenant, "index": index, "partition": partition, "page": page});
            mapper.call("query", &query)
        };
        let model = json!({"name": "M", "table": "items", "partition_key": "id", "sort_key": "at",
            "indexes": [{"name": "by_org", "partition_key": "org", "sort_key": "at"}],
            "fields": [{"name": "id", "type": "string"}, {"name": "at", "type": "string"},
                {"name": "org", "type": "string"}]});
        let typed: Model = serde_json::from_value(model.clone()).expect("a model");
        wire.backend().call("CreateTable", &table_request(&typed).expect("a table"));
        for planted in [None, Some(bug)] {
            let mut mapper = Mapper::new("test", options.clone(), planted, &wire, 1);
            mapper.call("define", &json!({ "model": model })).expect("defined");
            for at in ["1", "2", "3"] {
                let record = json!({"id": {"S": "a"}, "at": {"S": at}, "org": {"S": "o"}});
                mapper.call("put", &json!({"model": "M", "tenant": "b", "record": record})).expect("put");
            }
            let cursor = read(&mut mapper, Some("b"), None).expect("a page")["cursor"].clone();
            let thief = if bug == Bug::CursorBringsTenant { None } else { Some("a") };
            let stolen = read(&mut mapper, thief, cursor.as_str());
            let shown = stolen.is_ok_and(|answer| answer["records"] != json!([]));
            assert_eq!(shown, planted.is_some(), "{bug:?}");
        }
    }
}
