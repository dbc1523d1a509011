use super::*;
use proofhouse::backend::Embedded;
use proofhouse::engine::execute::table_request;
use proofhouse::target::CallError;
use proofhouse_models::mapper::ErrorKind;
use proofhouse_models::mapper::contract::*;

/// A mapper on a fresh engine, with the model of the tests defined and its table made.
struct Bench {
    wire: Arc<Wire>,
    mapper: Mapper,
    model: Model,
}

fn model() -> Value {
    json!({
        "name": "User", "table": "users", "partition_key": "id", "sort_key": "at",
        "indexes": [{"name": "by_org", "partition_key": "org", "sort_key": "at"}],
        "fields": [
            {"name": "id", "attribute": "pk", "type": "string"},
            {"name": "at", "attribute": "sk", "type": "string"},
            {"name": "org", "type": "string", "omit_empty": true},
            {"name": "name", "attribute": "n", "type": {"option": "string"}},
            {"name": "tags", "type": {"list": "string"}, "omit_empty": true},
            {"name": "roles", "type": {"set": "string"}, "default": {"SS": ["member"]}},
            {"name": "age", "type": "int8"},
            {"name": "score", "type": "float64"},
            {"name": "home", "type": {"struct": [
                {"name": "city", "attribute": "c", "type": "string", "omit_empty": true},
                {"name": "zip", "type": "string"}]}},
            {"name": "card", "type": "string", "encrypted": true},
        ]
    })
}

fn bench_of(options: Options, model: Value) -> Bench {
    let wire = Arc::new(Wire::new(Arc::new(Embedded::new())));
    let mut mapper = Mapper::new("test", options, None, &wire, 1);
    let model: Model = serde_json::from_value(model).expect("a model");
    let table = table_request(&model).expect("a table");
    assert_eq!(wire.backend().call("CreateTable", &table).status, 200);
    mapper.call("define", &json!({ "model": model })).expect("defined");
    Bench { wire, mapper, model }
}

fn bench(options: Options) -> Bench {
    bench_of(options, model())
}

fn versioned() -> Value {
    let mut model = model();
    model["version"] = json!("rev");
    model["fields"].as_array_mut().expect("fields").push(json!({"name": "rev", "type": "int32"}));
    model
}

fn key() -> Value {
    json!({"id": {"S": "a"}, "at": {"S": "1"}})
}

fn record(more: Value) -> Value {
    let mut record = key();
    for (name, value) in more.as_object().expect("fields") {
        record[name] = value.clone();
    }
    record
}

impl Bench {
    fn call(&mut self, method: &str, mut params: Value) -> Outcome {
        params["model"] = json!("User");
        self.mapper.call(method, &params)
    }

    fn ok(&mut self, method: &str, params: Value) -> Value {
        self.call(method, params).expect("an answer")
    }

    fn kind(&mut self, method: &str, params: Value) -> Option<ErrorKind> {
        self.call(method, params).err().and_then(|error| CallError::kind(&error))
    }

    fn update(&mut self, form: &str, mut params: Value) -> Outcome {
        params["key"] = key();
        params["form"] = json!(form);
        self.call("update", params)
    }

    /// The one stored item without its key.
    fn raw(&self) -> Value {
        let items = proofhouse::engine::execute::stored_items(self.wire.backend().as_ref(), &self.model);
        let mut item = items.first().map_or(Value::Null, item_to_json);
        if let Value::Object(item) = &mut item {
            item.remove("pk");
            item.remove("sk");
        }
        item
    }

    fn requests(&self) -> Vec<(String, Value)> {
        self.wire.take_exchanges().into_iter().map(|e| (e.operation, e.request)).collect()
    }
}

#[test]
fn a_record_lies_in_the_item_under_its_stored_names() {
    let mut bench = bench(Options::default());
    let written = json!({"name": {"NULL": true}, "tags": {"L": []}, "age": {"N": "0"},
        "home": {"M": {"city": {"S": ""}, "zip": {"S": ""}}}});
    bench.ok("put", json!({"record": record(written)}));
    assert_eq!(
        bench.raw(),
        json!({"age": {"N": "0"}, "home": {"M": {"zip": {"S": ""}}}, "n": {"NULL": true}})
    );
    let read = bench.ok("get", json!({"key": key()}));
    let expected = json!({"name": {"NULL": true}, "age": {"N": "0"}, "home": {"M": {"zip": {"S": ""}}}});
    assert_eq!(read["record"], record_sorted(expected));
}

fn record_sorted(more: Value) -> Value {
    let record: Item = serde_json::from_value(record(more)).expect("a record");
    item_to_json(&record)
}

#[test]
fn create_fills_defaults_and_refuses_a_second_item() {
    let mut bench = bench(Options::default());
    bench.ok("create", json!({"record": key()}));
    assert_eq!(bench.raw(), json!({"roles": {"SS": ["member"]}}));
    assert_eq!(bench.kind("create", json!({"record": key()})), Some(ErrorKind::Duplicate));
    let condition = json!({"exists": ["age"]});
    assert_eq!(
        bench.kind("create", json!({"record": key(), "if": condition})),
        Some(ErrorKind::Duplicate),
        "an item is there, whatever the condition says"
    );
    let other = json!({"record": {"id": {"S": "b"}, "at": {"S": "1"}}, "if": condition});
    assert_eq!(bench.kind("create", other), Some(ErrorKind::ConditionFailed));
    let mut bench = self::bench(Options { create_overwrites: true, ..Options::default() });
    bench.ok("create", json!({"record": key()}));
    bench.ok("create", json!({"record": record(json!({"age": {"N": "1"}}))}));
    assert_eq!(bench.raw()["age"], json!({"N": "1"}));
}

#[test]
fn what_does_not_fit_is_refused_before_any_request() {
    let mut bench = bench(Options::default());
    for (field, value) in [
        ("age", json!({"N": "128"})),
        ("age", json!({"S": "1"})),
        ("score", json!({"N": "0.10000000000000000001"})),
        ("roles", json!({"SS": []})),
        ("name", json!({"N": "1"})),
        ("tags", json!({"L": [{"NULL": true}]})),
        ("home", json!({"M": {"street": {"S": "x"}}})),
        ("nope", json!({"S": "x"})),
        ("id", json!({"S": ""})),
    ] {
        let mut record = key();
        record[field] = value;
        assert!(bench.call("put", json!({"record": record})).is_err(), "{field}");
    }
    assert!(bench.requests().is_empty());
}

#[test]
fn a_stored_value_that_does_not_fit_is_an_error() {
    let mut bench = bench(Options::default());
    for item in [json!({"age": {"N": "300"}}), json!({"tags": {"S": "x"}}), json!({"card": {"S": "clear"}})] {
        let mut raw = json!({"pk": {"S": "a"}, "sk": {"S": "1"}});
        for (name, value) in item.as_object().expect("an item") {
            raw[name] = value.clone();
        }
        assert_eq!(bench.kind("unmarshal", json!({"item": raw})), Some(ErrorKind::Decode));
    }
}

#[test]
fn the_forms_of_update_change_what_they_name() {
    let start = json!({"name": {"S": "n"}, "tags": {"L": [{"S": "x"}]}, "age": {"N": "1"}});
    let cases = [
        (
            "patch",
            json!({"set": {"age": {"N": "2"}}}),
            json!({"n": {"S": "n"}, "tags": {"L": [{"S": "x"}]}, "age": {"N": "2"}}),
        ),
        ("builder", json!({"set": {"tags": {"L": []}}}), json!({"n": {"S": "n"}, "age": {"N": "1"}})),
        (
            "named",
            json!({"record": record(json!({"age": {"N": "3"}})), "names": ["age", "name"]}),
            json!({"n": {"S": "n"}, "tags": {"L": [{"S": "x"}]}, "age": {"N": "3"}}),
        ),
        (
            "partial",
            json!({"record": {"age": {"N": "0"}, "tags": {"L": []}}}),
            json!({"n": {"S": "n"}, "tags": {"L": []}, "age": {"N": "0"}}),
        ),
        ("whole", json!({"record": record(json!({"age": {"N": "4"}}))}), json!({"age": {"N": "4"}})),
    ];
    for (form, params, expected) in cases {
        let mut bench = bench(Options::default());
        bench.ok("put", json!({"record": record(start.clone())}));
        bench.update(form, params).expect("updated");
        assert_eq!(sorted(bench.raw()), sorted(expected), "{form}");
    }
}

fn sorted(value: Value) -> BTreeMap<String, Value> {
    serde_json::from_value(value).unwrap_or_default()
}

#[test]
fn each_operand_changes_its_place() {
    let mut bench = bench(Options::default());
    let start = json!({"tags": {"L": [{"S": "x"}]}, "age": {"N": "1"}, "roles": {"SS": ["a", "b"]},
        "home": {"M": {"city": {"S": "p"}, "zip": {"S": "1"}}}});
    bench.ok("put", json!({"record": record(start)}));
    let operands = json!({"append": {"tags": {"L": [{"S": "y"}]}}, "add": {"age": {"N": "2"}},
        "delete_from_set": {"roles": {"SS": ["a"]}}, "remove": [["home", "city"]],
        "set_path": [[["home", "zip"], {"S": "2"}]]});
    bench.update("patch", operands).expect("updated");
    let expected = json!({"tags": {"L": [{"S": "x"}, {"S": "y"}]}, "age": {"N": "3"}, "roles": {"SS": ["b"]},
        "home": {"M": {"zip": {"S": "2"}}}});
    assert_eq!(sorted(bench.raw()), sorted(expected));
    bench.update("builder", json!({"prepend": {"tags": {"L": [{"S": "w"}]}}})).expect("updated");
    assert_eq!(bench.raw()["tags"]["L"][0], json!({"S": "w"}));
    let twice = json!({"set": {"tags": {"L": []}}, "append": {"tags": {"L": [{"S": "y"}]}}});
    assert!(bench.update("patch", twice).is_err());
}

#[test]
fn every_choice_about_absent_empty_and_zero_matters() {
    let start = || json!({"record": record(json!({"name": {"S": "n"}, "tags": {"L": [{"S": "x"}]}, "age": {"N": "1"}}))});
    let after = |options: Options, form: &str, params: Value| {
        let mut bench = bench(options);
        bench.ok("put", start());
        bench.update(form, params).map(|_| bench.raw()).map_err(|error| error.kind())
    };
    let absent = || json!({"set": {"name": {"$absent": true}}});
    let with = |absent_in_patch| Options { absent_in_patch, ..Options::default() };
    let name = |choice| after(with(choice), "patch", absent()).map(|raw| raw["n"].clone());
    assert_eq!(name(AbsentInPatch::Keep), Ok(json!({"S": "n"})));
    assert_eq!(name(AbsentInPatch::Remove), Ok(Value::Null));
    assert_eq!(name(AbsentInPatch::Null), Ok(json!({"NULL": true})));
    assert_eq!(name(AbsentInPatch::Error), Err(Some(ErrorKind::Validation)));
    let with = |empty_in_partial| Options { empty_in_partial, ..Options::default() };
    let empty = || json!({"record": {"tags": {"L": []}}});
    let tags = |choice| after(with(choice), "partial", empty()).map(|raw| raw["tags"].clone());
    assert_eq!(tags(EmptyInPartial::Set), Ok(json!({"L": []})));
    assert_eq!(tags(EmptyInPartial::Keep), Ok(json!({"L": [{"S": "x"}]})));
    assert_eq!(tags(EmptyInPartial::Remove), Ok(Value::Null));
    assert_eq!(tags(EmptyInPartial::Error), Err(Some(ErrorKind::Validation)));
    let zero = || json!({"record": {"age": {"N": "0"}}});
    let with = |zero_in_partial| Options { zero_in_partial, ..Options::default() };
    let age = |choice| after(with(choice), "partial", zero()).map(|raw| raw["age"].clone());
    assert_eq!(age(ZeroInPartial::Set), Ok(json!({"N": "0"})));
    assert_eq!(age(ZeroInPartial::Keep), Ok(json!({"N": "1"})));
    let with = |defaults_on_update| Options { defaults_on_update, ..Options::default() };
    let roles = |choice| after(with(choice), "partial", zero()).map(|raw| raw["roles"].clone());
    assert_eq!(roles(false), Ok(Value::Null));
    assert_eq!(roles(true), Ok(json!({"SS": ["member"]})));
    let with = |managed| Options { managed, ..Options::default() };
    let count = |choice| after(with(choice), "partial", zero()).map(|raw| raw["updated"].clone());
    assert_eq!(count(false), Ok(Value::Null));
    assert_eq!(count(true), Ok(json!({"N": "2"})));
}

#[test]
fn a_missing_item_is_made_or_not_found() {
    let set = || json!({"set": {"age": {"N": "2"}}});
    let mut bench = bench(Options::default());
    bench.update("patch", set()).expect("created");
    assert_eq!(bench.raw(), json!({"age": {"N": "2"}}));
    let mut bench = self::bench(Options { update_missing: UpdateMissing::NotFound, ..Options::default() });
    let error = bench.update("patch", set()).expect_err("not found");
    assert_eq!(error.kind(), Some(ErrorKind::NotFound));
    bench.ok("put", json!({"record": key()}));
    let mut guarded = set();
    guarded["if"] = json!({"eq": [["age"], {"N": "9"}]});
    let error = bench.update("patch", guarded).expect_err("refused");
    assert_eq!(error.kind(), Some(ErrorKind::ConditionFailed));
}

#[test]
fn versions_let_one_of_two_writers_through() {
    let mut bench = bench_of(Options::default(), versioned());
    bench.ok("put", json!({"record": key()}));
    assert_eq!(bench.raw(), json!({"rev": {"N": "1"}}));
    assert_eq!(bench.kind("put", json!({"record": key()})), Some(ErrorKind::ConditionFailed));
    bench.ok("put", json!({"record": record(json!({"rev": {"N": "1"}}))}));
    let carried = json!({"record": record(json!({"rev": {"N": "2"}, "age": {"N": "1"}}))});
    bench.update("whole", carried.clone()).expect("updated");
    assert!(bench.update("whole", carried).is_err());
    bench.update("patch", json!({"set": {"age": {"N": "2"}}})).expect("unchecked");
    assert_eq!(bench.raw()["rev"], json!({"N": "4"}));
    bench.update("builder", json!({"expect_version": 4, "set": {"age": {"N": "3"}}})).expect("checked");
    let stale = json!({"expect_version": {"N": "4"}, "set": {"age": {"N": "3"}}});
    assert!(bench.update("builder", stale).is_err());
    assert_eq!(bench.kind("batch_put", json!({"records": [key()]})), Some(ErrorKind::Unsupported));
}

#[test]
fn conditions_are_written_in_the_documented_reading() {
    let tree = json!({"and": [{"or": [{"exists": ["age"]}, {"exists": ["tags"]}]},
        {"not": {"or": [{"exists": ["org"]}, {"not": {"not": {"exists": ["name"]}}}]}}]});
    let written = |condition_combination| {
        let mut bench = bench(Options { condition_combination, ..Options::default() });
        let params = json!({"kind": "delete", "params": {"key": key(), "if": tree}});
        bench.ok("build", params)["request"]["ConditionExpression"].clone()
    };
    let name = |n: usize| format!("attribute_exists(#n{n})");
    let not = format!("NOT ({} OR NOT (NOT {}))", name(2), name(3));
    assert_eq!(
        written(ConditionCombination::Grouped),
        json!(format!("({} OR {}) AND {not}", name(0), name(1)))
    );
    assert_eq!(
        written(ConditionCombination::Precedence),
        json!(format!("{} OR ({} AND {not})", name(0), name(1)))
    );
    assert_eq!(
        written(ConditionCombination::LeftToRight),
        json!(format!("({} OR {}) AND {not}", name(0), name(1)))
    );
}

#[test]
fn what_dynamodb_would_refuse_in_a_condition_is_refused() {
    let mut bench = bench(Options::default());
    for condition in [
        json!({"and": []}),
        json!({"in": [["age"], []]}),
        json!({"eq": [["age"], {"$absent": true}]}),
        json!({"lt": [["tags"], {"L": []}]}),
        json!({"between": [["age"], {"N": "2"}, {"N": "1"}]}),
        json!({"begins_with": [["age"], {"N": "2"}]}),
        json!({"type": [["age"], "X"]}),
        json!({"eq": [["card"], {"S": "x"}]}),
        json!({"exists": ["nope"]}),
    ] {
        let params = json!({"kind": "scan", "params": {"filter": condition}});
        assert!(bench.call("build", params).is_err(), "{condition}");
    }
    let many: Vec<Value> = (0..150).map(|n| json!({"N": n.to_string()})).collect();
    let params = json!({"kind": "scan", "params": {"filter": {"in": [["age"], many]}}});
    let text = bench.ok("build", params)["request"]["FilterExpression"].to_string();
    assert_eq!(text.matches(" IN ").count(), 2);
}

fn fill(bench: &mut Bench, count: usize) {
    for n in 0..count {
        let record = json!({"id": {"S": "a"}, "at": {"S": format!("{n:02}")}, "org": {"S": "o"},
            "age": {"N": (n % 3).to_string()}});
        bench.ok("put", json!({"record": record}));
    }
}

#[test]
fn pages_joined_are_the_whole_answer() {
    let mut bench = bench(Options::default());
    fill(&mut bench, 10);
    let base = json!({"partition": {"org": {"S": "o"}}, "index": "by_org",
        "filter": {"ne": [["age"], {"N": "1"}]}, "select": ["age"], "order": "desc"});
    let all = bench.ok("query", base.clone())["records"].as_array().expect("rows").clone();
    assert_eq!(all.len(), 7);
    for (size, limit) in [(1, None), (3, None), (4, Some(1)), (10, Some(3))] {
        let mut joined = Vec::new();
        let mut cursor = Value::Null;
        for _ in 0..30 {
            let mut params = base.clone();
            params["page"] = json!({"size": size, "cursor": cursor});
            params["limit"] = json!(limit);
            let answer = bench.ok("query", params);
            joined.extend(answer["records"].as_array().expect("rows").iter().cloned());
            cursor = answer["cursor"].clone();
            if cursor.is_null() {
                break;
            }
        }
        assert_eq!(joined, all, "size {size} limit {limit:?}");
    }
    let mut limited = base.clone();
    limited["limit"] = json!(2);
    assert_eq!(bench.ok("query", limited)["records"].as_array().map(Vec::len), Some(2));
}

#[test]
fn a_query_is_one_partition_and_its_filter_speaks_of_no_key() {
    let mut bench = bench(Options::default());
    fill(&mut bench, 3);
    let by_age = json!({"partition": {"age": {"N": "1"}}});
    assert_eq!(bench.kind("query", by_age.clone()), Some(ErrorKind::Validation));
    let on_key = json!({"partition": {"id": {"S": "a"}}, "filter": {"exists": ["at"]}});
    assert_eq!(bench.kind("query", on_key), Some(ErrorKind::Validation));
    let absent = json!({"partition": {"id": {"$absent": true}}});
    assert_eq!(bench.kind("query", absent), Some(ErrorKind::Validation));
    let absent =
        json!({"partition": {"id": {"S": "a"}}, "sort": {"between": [{"S": "01"}, {"$absent": true}]}});
    assert_eq!(bench.kind("query", absent), Some(ErrorKind::Validation));
    let mut bench = self::bench(Options { silent_scan: true, ..Options::default() });
    fill(&mut bench, 3);
    assert_eq!(bench.ok("query", by_age)["records"].as_array().map(Vec::len), Some(1));
    assert!(bench.requests().iter().any(|(operation, _)| operation == "Scan"));
}

#[test]
fn a_cursor_of_another_read_or_an_edited_one_is_refused() {
    let mut bench = bench(Options::default());
    fill(&mut bench, 4);
    let mut read = json!({"partition": {"id": {"S": "a"}}, "page": {"size": 1}});
    let cursor = bench.ok("query", read.clone())["cursor"].as_str().expect("a cursor").to_owned();
    read["page"]["cursor"] = json!(cursor);
    assert_eq!(bench.ok("query", read.clone())["records"][0]["at"], json!({"S": "01"}));
    let other = json!({"partition": {"id": {"S": "b"}}, "page": {"size": 1, "cursor": cursor}});
    assert_eq!(bench.kind("query", other), Some(ErrorKind::Validation));
    read["page"]["cursor"] = json!(cursor.replacen(&cursor[30..31], "_", 1));
    assert_eq!(bench.kind("query", read), Some(ErrorKind::Validation));
}

#[test]
fn batches_are_split_and_a_key_is_sent_once() {
    let mut bench = bench(Options::default());
    let key = |n: usize| json!({"id": {"S": n.to_string()}, "at": {"S": "1"}});
    let mut records: Vec<Value> = (0..60).map(key).collect();
    records.push(json!({"id": {"S": "0"}, "at": {"S": "1"}, "age": {"N": "7"}}));
    bench.ok("batch_put", json!({"records": records}));
    assert_eq!(bench.requests().len(), 3);
    let mut keys: Vec<Value> = (0..120).map(key).collect();
    keys.push(key(0));
    let answer = bench.ok("batch_get", json!({"keys": keys}));
    assert_eq!(answer["records"].as_array().map(Vec::len), Some(60));
    assert_eq!(answer["records"][0]["age"], json!({"N": "7"}), "of two records with one key the last wins");
    assert_eq!(bench.requests().len(), 2);
    bench.ok("batch_delete", json!({"keys": keys}));
    assert_eq!(bench.raw(), Value::Null);
}

#[test]
fn a_transaction_is_all_or_nothing_and_says_why() {
    let mut bench = bench(Options::default());
    let put = |n: &str| json!({"put": {"model": "User", "record": {"id": {"S": n}, "at": {"S": "1"}}}});
    let check = |n: &str| json!({"check": {"model": "User", "key": {"id": {"S": n}, "at": {"S": "1"}}, "if": {"exists": ["id"]}}});
    let actions = json!({"actions": [put("a"), check("zz")]});
    let error = bench.mapper.call("transact", &actions).expect_err("cancelled");
    assert_eq!(error.kind(), Some(ErrorKind::ConditionFailed));
    assert_eq!(bench.raw(), Value::Null);
    let same = json!({"actions": [put("a"), check("a")]});
    assert!(bench.mapper.call("transact", &same).is_err());
    bench.mapper.call("transact", &json!({"actions": [put("a"), put("b")]})).expect("done");
    let update = json!({"update": {"model": "User", "key": key(), "form": "patch",
        "set": {"home": {"M": {"city": {"$absent": true}, "zip": {"S": "1"}}}}, "remove": null}});
    bench.mapper.call("transact", &json!({"actions": [update, check("b")]})).expect("done");
    assert_eq!(bench.raw(), json!({"home": {"M": {"zip": {"S": "1"}}}}));
}

#[test]
fn cipher_texts_hide_the_value_and_stay_with_their_item() {
    for encryption in [Encryption::Deterministic, Encryption::Random] {
        let mut bench = bench(Options { encryption, ..Options::default() });
        bench.ok("put", json!({"record": record(json!({"card": {"S": "secret"}}))}));
        let first = bench.raw();
        bench.update("patch", json!({"set": {"card": {"S": "secret"}}})).expect("updated");
        assert_eq!(bench.raw() == first, encryption == Encryption::Deterministic);
        assert!(bench.requests().iter().all(|(_, request)| !request.to_string().contains("secret")));
        assert_eq!(bench.ok("get", json!({"key": key()}))["record"]["card"], json!({"S": "secret"}));
        let selected = bench.ok("query", json!({"partition": {"id": {"S": "a"}}, "select": ["card"]}));
        assert_eq!(selected["records"], json!([{"card": {"S": "secret"}}]));
        let moved = json!({"pk": {"S": "b"}, "sk": {"S": "1"}, "card": first["card"]});
        assert_eq!(bench.kind("unmarshal", json!({"item": moved})), Some(ErrorKind::Decode));
    }
}

#[test]
fn keys_are_cased_where_the_contract_says_so() {
    for (key_case, stored) in [(KeyCase::Preserve, "aB"), (KeyCase::Lower, "ab"), (KeyCase::Upper, "AB")] {
        let mut bench = bench(Options { key_case, ..Options::default() });
        let key = json!({"id": {"S": "aB"}, "at": {"S": "x"}});
        bench.ok("put", json!({"record": key}));
        assert_eq!(bench.ok("get", json!({"key": key}))["record"]["id"], json!({"S": stored}));
    }
}

#[test]
fn options_refuse_models_that_are_not_offered() {
    let defined = |options: Options, model: Value| {
        let wire = Arc::new(Wire::new(Arc::new(Embedded::new())));
        let mut mapper = Mapper::new("test", options, None, &wire, 1);
        mapper.call("define", &json!({ "model": model })).is_ok()
    };
    let mut hostile = model();
    hostile["fields"][2]["attribute"] = json!("a.b");
    assert!(defined(Options::default(), versioned()));
    assert!(defined(Options::default(), hostile.clone()));
    assert!(!defined(Options { version: false, ..Options::default() }, versioned()));
    assert!(!defined(Options { indexes: false, ..Options::default() }, model()));
    assert!(!defined(Options { hostile_names: false, ..Options::default() }, hostile));
    assert!(!defined(Options { refused_types: &["struct"], ..Options::default() }, model()));
}

#[test]
fn tenants_share_a_table_and_see_their_own_items_only() {
    let mut bench = bench(Options { tenancy: true, ..Options::default() });
    let of = |tenant: &str, mut params: Value| {
        params["tenant"] = json!(tenant);
        params
    };
    for tenant in ["a", "a#", "b"] {
        let record = record(json!({"org": {"S": "o"}, "name": {"S": tenant}}));
        bench.ok("create", of(tenant, json!({"record": record})));
    }
    for query in [
        json!({"partition": {"id": {"S": "a"}}}),
        json!({"partition": {"org": {"S": "o"}}, "index": "by_org"}),
    ] {
        let rows = bench.ok("query", of("a#", query))["records"].clone();
        assert_eq!(rows.as_array().map(Vec::len), Some(1));
        assert_eq!(rows[0]["name"], json!({"S": "a#"}));
        assert_eq!(rows[0]["id"], json!({"S": "a"}));
    }
    for params in
        [json!({"key": key()}), of("", json!({"key": key()})), json!({"key": key(), "tenant": null})]
    {
        assert_eq!(bench.kind("get", params), Some(ErrorKind::Validation));
    }
    assert_eq!(bench.kind("scan", of("a", json!({}))), Some(ErrorKind::Unsupported));
    let shifted = json!({"key": {"id": {"S": "#a"}, "at": {"S": "1"}}});
    assert_eq!(bench.ok("get", of("a", shifted))["record"], Value::Null);
}

#[test]
fn the_same_intent_gives_the_same_request() {
    for (name, options) in variants() {
        if options.encryption == Encryption::Random || options.tenancy {
            continue;
        }
        let params = json!({"kind": "update", "params": {"key": key(), "form": "patch",
            "set": {"name": {"S": "n"}, "age": {"N": "1"}}, "add": {"score": {"N": "1"}}}});
        let mut plain = model();
        if name == "control-few-types" {
            continue;
        }
        if !options.indexes {
            plain["indexes"] = json!([]);
        }
        let mut bench = bench_of(options, plain);
        let first = bench.ok("build", params.clone()).to_string();
        for _ in 0..20 {
            assert_eq!(bench.ok("build", params.clone()).to_string(), first, "{name}");
        }
    }
}
