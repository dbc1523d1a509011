use super::*;
use proofhouse::backend::Embedded;
use proofhouse::engine::execute::table_request;
use proofhouse::target::{CallError, Launch, Target};
use proofhouse::wire::Wire;
use proofhouse_models::mapper::{ErrorKind, Model};
use serde_json::{Value, json};
use std::sync::Arc;

fn started(launch: &dyn Launch, more: Value) -> (Arc<Wire>, Box<dyn Target>) {
    let wire = Arc::new(Wire::new(Arc::new(Embedded::new())));
    let mut fields = vec![
        json!({"name": "id", "attribute": "pk", "type": "string"}),
        json!({"name": "n", "type": "int64"}),
        json!({"name": "tags", "type": {"list": "string"}}),
        json!({"name": "note", "type": {"option": "string"}}),
        json!({"name": "roles", "type": {"set": "string"}}),
    ];
    fields.extend(more.as_array().cloned().unwrap_or_default());
    let model = json!({"name": "User", "table": "users", "partition_key": "id", "fields": fields});
    let model: Model = serde_json::from_value(model).expect("a model");
    let table = table_request(&model).expect("a table");
    assert_eq!(wire.backend().call("CreateTable", &table).status, 200);
    let mut target = launch.launch(&wire, 1).expect("it starts");
    target.call("define", &json!({ "model": model })).expect("defined");
    (wire, target)
}

#[test]
fn a_record_comes_back_through_serde_dynamo() {
    let more = json!([
        {"name": "big", "type": "uint64"},
        {"name": "raw", "type": "bytes"},
        {"name": "home", "type": {"struct": [{"name": "city", "attribute": "c", "type": "string"}]}},
        {"name": "parts", "type": {"set": "bytes"}},
    ]);
    let (wire, mut target) = started(&LaunchSerdeDynamo, more);
    let record = json!({"big": {"N": "18446744073709551615"}, "home": {"M": {"city": {"S": "x"}}},
        "id": {"S": "a"}, "n": {"N": "-1"}, "note": {"NULL": true}, "parts": {"BS": ["AQ=="]},
        "raw": {"B": ""}, "roles": {"SS": ["r"]}, "tags": {"L": []}});
    target.call("put", &json!({"model": "User", "record": record})).expect("put");
    let sent = wire.take_exchanges();
    assert_eq!(sent[0].request["Item"]["home"], json!({"M": {"c": {"S": "x"}}}));
    let read = target.call("get", &json!({"model": "User", "key": {"id": {"S": "a"}}})).expect("read");
    assert_eq!(read["record"], record);
    let again = target.call("create", &json!({"model": "User", "record": record}));
    assert_eq!(again.err().and_then(|error| CallError::kind(&error)), Some(ErrorKind::Duplicate));
    let set = json!({"model": "User", "key": {"id": {"S": "a"}}, "form": "patch",
        "set": {"n": {"N": "2"}, "note": {"$absent": true}}, "remove": ["tags"]});
    target.call("update", &set).expect("updated");
    let rows =
        target.call("query", &json!({"model": "User", "partition": {"id": {"S": "a"}}})).expect("rows");
    assert_eq!(rows["records"][0]["n"], json!({"N": "2"}));
    assert_eq!(rows["records"][0]["note"], json!({"NULL": true}));
    assert_eq!(rows["records"][0]["tags"], Value::Null);
}

#[test]
fn what_rust_cannot_hold_is_refused() {
    let (wire, mut target) = started(&LaunchSerdeDynamo, json!([]));
    let record = json!({"id": {"S": "a"}, "n": {"N": "9223372036854775808"}});
    let error = target.call("put", &json!({"model": "User", "record": record})).expect_err("refused");
    assert_eq!(error.kind(), Some(ErrorKind::Encode));
    assert!(wire.take_exchanges().is_empty());
}

#[test]
fn groups_lose_their_brackets_as_callers_of_dynamodb_expression_see_it() {
    let (_, mut target) = started(&LaunchDynamodbExpression, json!([]));
    let filter = json!({"and": [{"or": [{"exists": ["n"]}, {"exists": ["tags"]}]}, {"exists": ["note"]}]});
    let built = target.call("build", &json!({"model": "User", "kind": "scan", "params": {"filter": filter}}));
    let text = built.expect("built")["request"]["FilterExpression"].as_str().unwrap_or_default().to_owned();
    assert!(text.contains(" OR ") && text.contains(" AND "), "{text}");
    assert!(!text.contains("(attribute_exists"), "the group has no brackets: {text}");
}

#[test]
fn the_operands_of_an_update_go_through_dynamodb_expression() {
    let (wire, mut target) = started(&LaunchDynamodbExpression, json!([]));
    let record =
        json!({"id": {"S": "a"}, "n": {"N": "1"}, "tags": {"L": [{"S": "x"}]}, "roles": {"SS": ["a", "b"]}});
    target.call("create", &json!({"model": "User", "record": record})).expect("created");
    let update = json!({"model": "User", "key": {"id": {"S": "a"}}, "form": "builder", "set": {"note": {"NULL": true}},
        "add": {"n": {"N": "2"}}, "append": {"tags": {"L": [{"S": "y"}]}}, "delete_from_set": {"roles": {"SS": ["a"]}},
        "if": {"eq": [["tags", 0], {"S": "x"}]}});
    target.call("update", &update).expect("updated");
    let read = target.call("get", &json!({"model": "User", "key": {"id": {"S": "a"}}})).expect("read");
    let expected = json!({"id": {"S": "a"}, "n": {"N": "3"}, "note": {"NULL": true}, "roles": {"SS": ["b"]},
        "tags": {"L": [{"S": "x"}, {"S": "y"}]}});
    assert_eq!(read["record"], expected);
    let failing = json!({"model": "User", "key": {"id": {"S": "a"}}, "if": {"lt": [["n"], {"N": "3"}]}});
    let error = target.call("delete", &failing).expect_err("refused");
    assert_eq!(error.kind(), Some(ErrorKind::ConditionFailed));
    assert!(wire.take_exchanges().len() >= 4);
}
