//! The reference model against the embedded engine, operation by operation.
//!
//! Both get the same generated requests; the kind of outcome, the items, the counts and the cursors must agree.
//! Where the documents leave the answer open ([`Reference::call_and_judge`]), or a fact says that the engine differs
//! from AWS ([`KNOWN`]), the program ends: from there on the two hold different data.

use super::{Backend, Embedded, Reference};
use crate::tape::Source;
use crate::wire::Reply;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// Known differences of the engine from AWS, by the number of the fact.
const KNOWN: [(&str, Difference); 4] = [
    ("30: UPDATED_OLD gives the whole attribute of a nested path", |_, request, model, engine| {
        request["ReturnValues"] == "UPDATED_OLD" && model.status == 200 && engine.status == 200
    }),
    ("31: UPDATED_NEW of an append", |_, request, model, engine| {
        request["ReturnValues"] == "UPDATED_NEW" && model.status == 200 && engine.status == 200
    }),
    ("32: ALL_OLD of a created item", |operation, request, model, engine| {
        operation == "UpdateItem"
            && request["ReturnValues"] == "ALL_OLD"
            && engine.status == 200
            && model.status == 200
            && model.body.get("Attributes").is_none()
    }),
    // DynamoDB judges a request before it looks at an item; the engine judges operands, bounds, paths and values when
    // it comes to them, so that a false condition or a missing attribute hides them.
    ("36 38 40 69: what the engine checks late or never", |_, _, model, engine| {
        let message = model.body["message"].as_str().unwrap_or_default();
        let rules = ["operand_type", "operands_not_distinct", "conflicting_paths", "reversed_bounds"];
        let values = ["duplicate_set_member at :", "empty_set at :"];
        let late = rules.iter().chain(&values).any(|rule| message.starts_with(rule));
        late && engine.error_name() != model.error_name()
    }),
];

/// Of an operation with its request, what the model and what the engine answered.
type Difference = fn(&str, &Value, &Reply, &Reply) -> bool;

fn create_table() -> Value {
    json!({
        "TableName": "things",
        "AttributeDefinitions": [
            { "AttributeName": "pk", "AttributeType": "S" },
            { "AttributeName": "sk", "AttributeType": "N" },
            { "AttributeName": "g", "AttributeType": "S" },
            { "AttributeName": "l", "AttributeType": "N" },
        ],
        "KeySchema": [
            { "AttributeName": "pk", "KeyType": "HASH" }, { "AttributeName": "sk", "KeyType": "RANGE" },
        ],
        "BillingMode": "PAY_PER_REQUEST",
        "GlobalSecondaryIndexes": [{
            "IndexName": "by_g",
            "KeySchema": [{ "AttributeName": "g", "KeyType": "HASH" }, { "AttributeName": "sk", "KeyType": "RANGE" }],
            "Projection": { "ProjectionType": "INCLUDE", "NonKeyAttributes": ["a"] },
        }],
        "LocalSecondaryIndexes": [{
            "IndexName": "by_l",
            "KeySchema": [{ "AttributeName": "pk", "KeyType": "HASH" }, { "AttributeName": "l", "KeyType": "RANGE" }],
            "Projection": { "ProjectionType": "ALL" },
        }],
    })
}

fn scalar(source: &mut Source) -> Value {
    match source.below(8) {
        0..=2 => json!({ "N": *source.pick(&["0", "1", "2", "-1", "1.5", "1.0", "1E2", "100"]) }),
        3 | 4 => json!({ "S": *source.pick(&["", "a", "b", "ab", "é", "😀", "\u{ff5e}"]) }),
        5 => json!({ "B": *source.pick(&["", "AA==", "AAE="]) }),
        6 => json!({ "BOOL": source.chance(50) }),
        _ => json!({ "NULL": true }),
    }
}

/// A constant that has an order, most of the time.
fn ordered(source: &mut Source) -> Value {
    if source.chance(3) {
        return scalar(source);
    }
    match source.below(4) {
        0 | 1 => json!({ "N": *source.pick(&["0", "1", "2", "-1", "1.50", "100"]) }),
        2 => json!({ "S": *source.pick(&["", "a", "ab", "é", "\u{ff5e}"]) }),
        _ => json!({ "B": *source.pick(&["", "AA==", "AAE="]) }),
    }
}

fn value(source: &mut Source, levels: usize) -> Value {
    if levels == 0 || source.chance(50) {
        return scalar(source);
    }
    match source.below(5) {
        0 => json!({ "L": source.list("element", 0..=3, |source| value(source, levels - 1)) }),
        1 => {
            let names = source.list("name", 0..=2, |source| *source.pick(&["b", "c", "d"]));
            let members = names.into_iter().map(|name| (name.to_owned(), value(source, levels - 1)));
            json!({ "M": members.collect::<Map<_, _>>() })
        }
        2 => json!({ "SS": *source.pick(&[&["a"][..], &["a", "b"], &["b", "a"], &["a", "a"], &[]]) }),
        3 => json!({ "NS": *source.pick(&[&["1"][..], &["1", "2"], &["2", "1.0"], &["1", "1.0"]]) }),
        _ => json!({ "BS": *source.pick(&[&["AA=="][..], &["AA==", "AQ=="]]) }),
    }
}

fn key(source: &mut Source) -> Value {
    json!({
        "pk": { "S": *source.pick(&["a", "b"]) },
        "sk": { "N": *source.pick(&["0", "1", "2", "1.0", "-3"]) },
    })
}

fn item(source: &mut Source) -> Value {
    let mut item = key(source);
    for name in ["a", "b", "c"] {
        if source.chance(60) {
            item[name] = value(source, 2);
        }
    }
    if source.chance(60) {
        item["g"] = json!({ "S": *source.pick(&["x", "y"]) });
    }
    if source.chance(60) {
        item["l"] = json!({ "N": *source.pick(&["1", "2"]) });
    }
    item
}

/// Collects values and gives their placeholders.
#[derive(Default)]
struct Values(Map<String, Value>);

impl Values {
    fn add(&mut self, value: Value) -> String {
        let name = format!(":v{}", self.0.len());
        self.0.insert(name.clone(), value);
        name
    }

    fn into_request(self, request: &mut Value) {
        if !self.0.is_empty() {
            request["ExpressionAttributeValues"] = Value::Object(self.0);
        }
    }
}

fn path(source: &mut Source) -> &'static str {
    const PATHS: [&str; 9] = ["a", "b", "c", "a.b", "a[0]", "b.c", "c[1]", "b.c[0]", "a[0].d"];
    PATHS[source.below(PATHS.len())]
}

fn condition(source: &mut Source, values: &mut Values, levels: usize) -> String {
    if levels > 0 && source.chance(35) {
        let (left, right) = (condition(source, values, levels - 1), condition(source, values, levels - 1));
        return match source.below(3) {
            0 => format!("({left} AND {right})"),
            1 => format!("({left} OR {right})"),
            _ => format!("NOT ({left}) AND {right}"),
        }
        .replace("((", "( (")
        .replace("))", ") )");
    }
    let subject = path(source);
    match source.below(9) {
        0..=2 => {
            let sign = *source.pick(&["=", "<>", "<", "<=", ">", ">="]);
            let other = if source.chance(20) { path(source).to_owned() } else { values.add(ordered(source)) };
            format!("{subject} {sign} {other}")
        }
        3 => {
            let (low, high) = (values.add(json!({ "N": "0" })), values.add(ordered(source)));
            format!("{subject} BETWEEN {low} AND {high}")
        }
        4 => format!("{subject} IN ({}, {})", values.add(scalar(source)), values.add(value(source, 1))),
        5 => format!("attribute_exists({subject})"),
        6 => format!("attribute_not_exists({subject})"),
        7 => {
            format!("size({subject}) {} {}", source.pick(&["=", ">", "<="]), values.add(json!({ "N": "1" })))
        }
        _ => match source.below(3) {
            0 => format!(
                "begins_with({subject}, {})",
                values.add(json!({ "S": *source.pick(&["", "a", "é"]) }))
            ),
            1 => format!("contains({subject}, {})", values.add(scalar(source))),
            _ => format!(
                "attribute_type({subject}, {})",
                values.add(json!({ "S": *source.pick(&["S", "N", "L", "M"]) }))
            ),
        },
    }
}

fn update(source: &mut Source, values: &mut Values) -> String {
    let mut set = Vec::new();
    let mut others = Vec::new();
    for _ in 0..source.integer(1..=3) {
        let target = path(source);
        match source.below(8) {
            0..=2 => set.push(format!("{target} = {}", values.add(value(source, 2)))),
            3 => set.push(format!(
                "{target} = {} {} {}",
                path(source),
                source.pick(&["+", "-"]),
                values.add(json!({ "N": "1" }))
            )),
            4 => set.push(format!(
                "{target} = if_not_exists({}, {})",
                path(source),
                values.add(scalar(source))
            )),
            5 => set.push(format!(
                "{target} = list_append({}, {})",
                path(source),
                values.add(json!({ "L": [scalar(source)] }))
            )),
            6 => others.push(format!("REMOVE {target}")),
            _ if source.chance(50) => others.push(format!("ADD {target} {}", values.add(value(source, 1)))),
            _ => others.push(format!("DELETE {target} {}", values.add(json!({ "SS": ["a"] })))),
        }
    }
    others.sort();
    others.dedup_by_key(|clause| clause.split(' ').next().map(str::to_owned));
    let set = if set.is_empty() { String::new() } else { format!("SET {} ", set.join(", ")) };
    format!("{set}{}", others.join(" "))
}

fn operation(source: &mut Source) -> (&'static str, Value) {
    let mut values = Values::default();
    let mut request = json!({ "TableName": "things" });
    let conditional = |source: &mut Source, request: &mut Value, values: &mut Values| {
        if source.chance(40) {
            request["ConditionExpression"] = condition(source, values, 2).into();
            if source.chance(50) {
                request["ReturnValuesOnConditionCheckFailure"] = "ALL_OLD".into();
            }
        }
    };
    let name = match source.below(20) {
        0..=4 => {
            request["Item"] = item(source);
            conditional(source, &mut request, &mut values);
            request["ReturnValues"] = (*source.pick(&["NONE", "ALL_OLD"])).into();
            "PutItem"
        }
        5..=9 => {
            request["Key"] = key(source);
            request["UpdateExpression"] = update(source, &mut values).into();
            conditional(source, &mut request, &mut values);
            let kinds = ["ALL_NEW", "NONE", "ALL_OLD", "UPDATED_OLD", "UPDATED_NEW"];
            request["ReturnValues"] = (*source.pick(&kinds)).into();
            "UpdateItem"
        }
        10 => {
            request["Key"] = key(source);
            conditional(source, &mut request, &mut values);
            "DeleteItem"
        }
        11 => {
            request["Key"] = key(source);
            if source.chance(50) {
                request["ProjectionExpression"] = format!("{}, {}", path(source), path(source)).into();
            }
            "GetItem"
        }
        12..=15 => {
            let (partition, sort, options) = match source.below(3) {
                0 => ("pk", "sk", ["a", "b"]),
                1 => {
                    request["IndexName"] = "by_g".into();
                    ("g", "sk", ["x", "y"])
                }
                _ => {
                    request["IndexName"] = "by_l".into();
                    ("pk", "l", ["a", "b"])
                }
            };
            let mut text = format!("{partition} = {}", values.add(json!({ "S": *source.pick(&options) })));
            let number = |source: &mut Source| json!({ "N": *source.pick(&["0", "1", "2"]) });
            if source.chance(50) {
                text += &match source.below(2) {
                    0 => format!(
                        " AND {sort} {} {}",
                        source.pick(&["=", "<", "<=", ">", ">="]),
                        values.add(number(source))
                    ),
                    _ => format!(
                        " AND {sort} BETWEEN {} AND {}",
                        values.add(number(source)),
                        values.add(number(source))
                    ),
                };
            }
            request["KeyConditionExpression"] = text.into();
            request["ScanIndexForward"] = source.chance(60).into();
            page(source, &mut request, &mut values);
            "Query"
        }
        16 => {
            page(source, &mut request, &mut values);
            "Scan"
        }
        17 => {
            let keys = source.list("key", 1..=4, key);
            request = json!({ "RequestItems": { "things": { "Keys": keys } } });
            "BatchGetItem"
        }
        18 => {
            let writes = source.list("write", 1..=4, |source| match source.chance(70) {
                true => json!({ "PutRequest": { "Item": item(source) } }),
                false => json!({ "DeleteRequest": { "Key": key(source) } }),
            });
            request = json!({ "RequestItems": { "things": writes } });
            "BatchWriteItem"
        }
        _ => {
            let actions = source.list("action", 1..=3, |source| {
                let mut values = Values::default();
                let mut body = json!({ "TableName": "things" });
                let kind = *source.pick(&["Put", "Update", "Delete", "ConditionCheck"]);
                match kind {
                    "Put" => body["Item"] = item(source),
                    _ => body["Key"] = key(source),
                }
                if kind == "Update" {
                    body["UpdateExpression"] = update(source, &mut values).into();
                }
                if kind == "ConditionCheck" || source.chance(30) {
                    body["ConditionExpression"] = condition(source, &mut values, 1).into();
                }
                values.into_request(&mut body);
                json!({ kind: body })
            });
            return ("TransactWriteItems", json!({ "TransactItems": actions }));
        }
    };
    values.into_request(&mut request);
    (name, request)
}

fn page(source: &mut Source, request: &mut Value, values: &mut Values) {
    if source.chance(40) {
        request["FilterExpression"] = condition(source, values, 2).into();
    }
    if source.chance(40) {
        request["Limit"] = source.integer(1..=3).into();
    }
    if source.chance(20) {
        request["Select"] = "COUNT".into();
    }
}

/// What both must agree on. A scan's order is the engine's own, so its items are compared as a bag.
fn essence(operation: &str, reply: &Reply) -> Value {
    if let Some(name) = reply.error_name() {
        let reasons = reply.body["CancellationReasons"].as_array().map(|reasons| {
            reasons
                .iter()
                .map(|reason| json!({ "Code": reason["Code"], "Item": plain(&reason["Item"]) }))
                .collect::<Vec<_>>()
        });
        return json!({ "error": name, "reasons": reasons, "item": plain(&reply.body["Item"]) });
    }
    let mut body = reply.body.clone();
    body.sort_all_objects();
    sort_sets(&mut body);
    let unordered = match operation {
        "Scan" => body.get_mut("Items"),
        "BatchGetItem" => body["Responses"].get_mut("things"),
        _ => None,
    };
    if let Some(Value::Array(items)) = unordered {
        items.sort_by_key(Value::to_string);
    }
    body
}

/// A value in the order that comparison needs.
fn plain(value: &Value) -> Value {
    let mut value = value.clone();
    sort_sets(&mut value);
    value
}

/// Sets have no order.
fn sort_sets(value: &mut Value) {
    match value {
        Value::Array(list) => list.iter_mut().for_each(sort_sets),
        Value::Object(map) => {
            for (key, inner) in map {
                match inner {
                    Value::Array(members) if matches!(key.as_str(), "SS" | "NS" | "BS") => {
                        members.sort_by_key(Value::to_string);
                    }
                    inner => sort_sets(inner),
                }
            }
        }
        _ => {}
    }
}

/// Runs a program on both; the difference, or how many operations agreed.
fn run(seed: u64, engine: &dyn Backend, statistics: &mut Statistics) -> Result<(), (String, String)> {
    let mut source = Source::seeded(seed);
    let model = Reference::new();
    engine.clear();
    model.call("CreateTable", &create_table());
    engine.call("CreateTable", &create_table());
    let mut history = Vec::new();
    for _ in 0..12 {
        let (name, mut request) = operation(&mut source);
        // The order of a scan's pages is each engine's own.
        if name == "Scan" && request.get("Limit").is_some() {
            request["Limit"] = 100.into();
        }
        loop {
            history.push(format!("{name} {request}"));
            let (expected, open) = model.call_and_judge(name, &request);
            let found = engine.call(name, &request);
            let (left, right) = (essence(name, &expected), essence(name, &found));
            statistics.calls += 1;
            statistics.refused += usize::from(expected.status != 200);
            if left != right {
                if open {
                    statistics.open += 1;
                    return Ok(());
                }
                if let Some((fact, _)) =
                    KNOWN.iter().find(|(_, known)| known(name, &request, &expected, &found))
                {
                    *statistics.known.entry(fact).or_insert(0) += 1;
                    return Ok(());
                }
                let said = |reply: &Reply| match reply.error_name() {
                    Some(name) => format!("{name} {}", reply.body["message"]).chars().take(90).collect(),
                    None => "ok".to_owned(),
                };
                let kind = format!("{name}: model {}; engine {}", said(&expected), said(&found));
                let text = format!(
                    "seed {seed}\n{}\n  model  {left}\n  engine {right}\n  model says {}\n  engine says {}",
                    history[history.len().saturating_sub(3)..].join("\n"),
                    expected.body,
                    found.body,
                );
                return Err((kind, text));
            }
            // Read on where the page ended.
            match expected.body.get("LastEvaluatedKey") {
                Some(last) if name == "Query" => request["ExclusiveStartKey"] = last.clone(),
                _ => break,
            }
        }
    }
    Ok(())
}

#[derive(Debug, Default)]
struct Statistics {
    calls: usize,
    refused: usize,
    open: usize,
    known: BTreeMap<&'static str, usize>,
}

#[test]
fn the_reference_model_and_the_embedded_engine_agree() {
    let engine = Embedded::new();
    let mut statistics = Statistics::default();
    let count =
        std::env::var("PROOFHOUSE_DIFFERENTIAL").ok().and_then(|count| count.parse().ok()).unwrap_or(500);
    let mut kinds = BTreeMap::new();
    for seed in 0..count {
        if let Err((kind, text)) = run(seed, &engine, &mut statistics) {
            kinds.entry(kind).or_insert((0, text)).0 += 1;
        }
    }
    println!("{statistics:?}");
    let shown = kinds.iter().map(|(kind, (count, text))| format!("{count} x {kind}\n{text}"));
    let shown = shown.collect::<Vec<_>>();
    assert!(kinds.is_empty(), "{} kinds of difference\n{}", kinds.len(), shown.join("\n\n"));
    // Programs that are cut short, or refused throughout, would compare nothing.
    assert!(statistics.calls > count as usize * 6, "{statistics:?}");
    assert!(statistics.refused * 10 < statistics.calls * 6, "{statistics:?}");
}

/// An engine that forgets a condition.
struct Careless(Embedded);

impl Backend for Careless {
    fn name(&self) -> String {
        "careless".to_owned()
    }

    fn version(&self) -> String {
        self.0.version()
    }

    fn call(&self, operation: &str, request: &Value) -> Reply {
        let mut request = request.clone();
        if let Value::Object(members) = &mut request
            && operation == "DeleteItem"
        {
            members.remove("ConditionExpression");
            members.remove("ExpressionAttributeValues");
        }
        self.0.call(operation, &request)
    }

    fn clear(&self) {
        self.0.clear();
    }
}

#[test]
fn an_engine_that_forgets_the_condition_of_a_delete_is_told_apart() {
    let engine = Careless(Embedded::new());
    let found = (0..200).find_map(|seed| run(seed, &engine, &mut Statistics::default()).err());
    assert!(found.is_some_and(|(kind, _)| kind.starts_with("DeleteItem")));
}
