//! The facts of AWS that tables decide, each by the number that it has in the collection of facts.

use super::*;

fn create(tables: &mut Tables) {
    let request = json!({
        "TableName": "things",
        "AttributeDefinitions": [
            { "AttributeName": "pk", "AttributeType": "S" }, { "AttributeName": "sk", "AttributeType": "N" },
            { "AttributeName": "g", "AttributeType": "S" },
        ],
        "KeySchema": [
            { "AttributeName": "pk", "KeyType": "HASH" }, { "AttributeName": "sk", "KeyType": "RANGE" },
        ],
        "GlobalSecondaryIndexes": [{
            "IndexName": "by_g", "KeySchema": [{ "AttributeName": "g", "KeyType": "HASH" }],
            "Projection": { "ProjectionType": "KEYS_ONLY" },
        }],
        "BillingMode": "PAY_PER_REQUEST",
    });
    tables.call("CreateTable", &request).expect("a table");
}

fn tables() -> Tables {
    let mut tables = Tables::new();
    create(&mut tables);
    tables
}

fn key(sk: &str) -> Value {
    json!({ "pk": { "S": "a" }, "sk": { "N": sk } })
}

fn with(base: &Value, more: Value) -> Value {
    let mut all = base.clone();
    for (name, value) in more.as_object().expect("an object") {
        all[name] = value.clone();
    }
    all
}

fn put(tables: &mut Tables, sk: &str, more: Value) {
    let request = json!({ "TableName": "things", "Item": with(&key(sk), more) });
    tables.call("PutItem", &request).expect("stored");
}

fn error(tables: &mut Tables, operation: &str, request: Value) -> &'static str {
    let with_table = if request.get("TransactItems").is_some() || request.get("RequestItems").is_some() {
        request
    } else {
        with(&json!({ "TableName": "things" }), request)
    };
    tables.call(operation, &with_table).expect_err("an error").name
}

#[test]
fn updates_return_what_aws_returns() {
    let n = |n: &str| json!({ "N": n });
    let cases = [
        (29, "SET a.b = :v", "UPDATED_NEW", json!({ "a": { "M": { "b": n("9") } } })),
        (30, "SET c[1] = :v", "UPDATED_OLD", json!({ "c": { "L": [n("2")] } })),
        (31, "SET c[100] = :v", "UPDATED_NEW", Value::Null),
        (0, "SET d = :v", "UPDATED_NEW", json!({ "d": n("9") })),
        (0, "SET d = :v", "UPDATED_OLD", Value::Null),
    ];
    for (fact, update, returned, expected) in cases {
        let mut tables = tables();
        put(
            &mut tables,
            "1",
            json!({ "a": { "M": { "b": n("1"), "x": n("2") } }, "c": { "L": [n("1"), n("2")] } }),
        );
        let request = json!({
            "TableName": "things", "Key": key("1"), "UpdateExpression": update, "ReturnValues": returned,
            "ExpressionAttributeValues": { ":v": { "N": "9" } },
        });
        let answer = tables.call("UpdateItem", &request).expect("an answer");
        assert_eq!(answer["Attributes"], expected, "fact {fact}: {update} {returned}");
    }
    let mut tables = tables();
    let request = json!({ "TableName": "things", "Key": key("1"), "ReturnValues": "ALL_OLD" });
    assert_eq!(tables.call("UpdateItem", &request), Ok(json!({})), "facts 32, 33");
    let stored =
        tables.call("GetItem", &json!({ "TableName": "things", "Key": key("1") })).expect("an answer");
    assert_eq!(stored["Item"], key("1"), "fact 33: an update without an expression creates the item");
}

#[test]
fn an_update_that_only_removes_from_nothing_is_marked() {
    let mut tables = tables();
    let request = |text: &str| json!({ "TableName": "things", "Key": key("1"), "UpdateExpression": text });
    tables.call("UpdateItem", &request("SET a = pk")).expect("an answer");
    assert_eq!(tables.unspecified().len(), 0);
    let other = json!({ "TableName": "things", "Key": key("2"), "UpdateExpression": "REMOVE a" });
    tables.call("UpdateItem", &other).expect("an answer");
    assert_eq!(tables.unspecified().len(), 1, "fact 27");
    let nested = json!({ "TableName": "things", "Key": key("3"), "UpdateExpression": "REMOVE a.b" });
    assert!(tables.call("UpdateItem", &nested).expect_err("an error").unspecified, "fact 28");
}

#[test]
fn requests_that_aws_refuses_are_refused_by_type() {
    let mut tables = tables();
    put(&mut tables, "1", json!({}));
    let v = "ValidationException";
    let keyed = json!({ "KeyConditionExpression": "pk = :p AND sk = :s" });
    let cases = [
        (
            63,
            "Query",
            with(&keyed, json!({ "ExpressionAttributeValues": { ":p": { "S": "a" }, ":s": { "S": "1" } } })),
            v,
        ),
        (64, "Scan", json!({ "Limit": 0 }), v),
        (
            67,
            "Query",
            json!({
                "KeyConditionExpression": "pk = :p", "ExpressionAttributeValues": { ":p": { "S": "b" } },
                "ExclusiveStartKey": key("1"),
            }),
            v,
        ),
        (
            0,
            "Query",
            json!({ "KeyConditionExpression": "sk = :s", "ExpressionAttributeValues": { ":s": { "N": "1" } } }),
            v,
        ),
        (0, "PutItem", json!({ "Item": { "pk": { "S": "a" } } }), v),
        (0, "PutItem", json!({ "Item": { "pk": { "S": "" }, "sk": { "N": "1" } } }), v),
        (0, "PutItem", json!({ "Item": with(&key("1"), json!({ "g": { "N": "1" } })) }), v),
        (
            0,
            "PutItem",
            json!({ "Item": with(&key("1"), json!({ "a": { "N": 1 } })) }),
            "SerializationException",
        ),
        (0, "GetItem", json!({ "Key": with(&key("1"), json!({ "x": { "S": "" } })) }), v),
        (0, "GetItem", json!({ "Key": key("1"), "TableName": "other" }), "ResourceNotFoundException"),
        (0, "GetItem", json!({ "Key": key("1"), "TableName": "no" }), v),
        (0, "Nonsense", json!({}), "UnknownOperationException"),
        (0, "PutItem", json!({ "Item": key("1"), "ReturnValues": "ALL_NEW" }), v),
        (
            0,
            "PutItem",
            json!({ "Item": key("1"), "ConditionExpression": "attribute_not_exists(pk)" }),
            "ConditionalCheckFailedException",
        ),
        (0, "Scan", json!({ "IndexName": "by_g", "ConsistentRead": true }), v),
        (0, "Scan", json!({ "IndexName": "by_g", "ProjectionExpression": "a" }), v),
        (0, "Scan", json!({ "Segment": 1 }), v),
        (
            84,
            "TransactGetItems",
            json!({ "TransactItems": vec![json!({ "Get": { "TableName": "things", "Key": key("1") } }); 2] }),
            v,
        ),
        (
            83,
            "TransactWriteItems",
            json!({ "TransactItems": [
            { "Delete": { "TableName": "things", "Key": key("5") } },
            { "Delete": { "TableName": "things", "Key": key("5.0") } },
        ] }),
            v,
        ),
        (
            85,
            "BatchWriteItem",
            json!({ "RequestItems": { "things": vec![json!({ "DeleteRequest": { "Key": key("1") } }); 2] } }),
            v,
        ),
        (
            85,
            "BatchWriteItem",
            json!({ "RequestItems": { "things": (0..26).map(|n| json!({ "DeleteRequest": { "Key": key(&n.to_string()) } })).collect::<Vec<_>>() } }),
            v,
        ),
    ];
    for (fact, operation, request, name) in cases {
        let shown = request.to_string();
        assert_eq!(error(&mut tables, operation, request), name, "fact {fact}: {operation} {shown}");
    }
}

#[test]
fn a_failed_transaction_gives_its_reasons_in_order_and_changes_nothing() {
    let mut tables = tables();
    put(&mut tables, "1", json!({ "a": { "S": "x" } }));
    let check = |sk: &str, condition: &str| json!({ "ConditionCheck": { "TableName": "things", "Key": key(sk), "ConditionExpression": condition } });
    let refused = json!({ "Put": {
        "TableName": "things", "Item": key("1"), "ConditionExpression": "attribute_not_exists(pk)",
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
    } });
    let request = json!({ "TransactItems": [
        { "Put": { "TableName": "things", "Item": key("7") } }, check("2", "attribute_exists(pk)"),
        check("3", "attribute_not_exists(pk)"), refused,
        { "Update": { "TableName": "things", "Key": key("4"), "UpdateExpression": "SET a.b = pk" } },
    ] });
    let failed = tables.call("TransactWriteItems", &request).expect_err("an error");
    assert_eq!(failed.name, "TransactionCanceledException");
    let reasons = failed.extra["CancellationReasons"].as_array().expect("reasons");
    let codes = reasons.iter().map(|reason| reason["Code"].as_str().unwrap_or_default()).collect::<Vec<_>>();
    let expected = ["None", "ConditionalCheckFailed", "None", "ConditionalCheckFailed", "ValidationError"];
    assert_eq!(codes, expected, "facts 78, 82");
    assert_eq!(reasons[3]["Item"]["a"], json!({ "S": "x" }), "fact 87");
    assert_eq!(reasons[1].get("Item"), None);
    assert_eq!(tables.call("GetItem", &json!({ "TableName": "things", "Key": key("7") })), Ok(json!({})));
}

#[test]
fn a_transaction_with_a_token_is_applied_once() {
    let mut tables = tables();
    let add = |by: &str, token: &str| {
        json!({ "ClientRequestToken": token, "TransactItems": [{ "Update": {
        "TableName": "things", "Key": key("1"), "UpdateExpression": "ADD n :v",
        "ExpressionAttributeValues": { ":v": { "N": by } },
    } }] })
    };
    tables.call("TransactWriteItems", &add("1", "t")).expect("applied");
    tables.call("TransactWriteItems", &add("1", "t")).expect("known");
    let stored =
        tables.call("GetItem", &json!({ "TableName": "things", "Key": key("1") })).expect("an answer");
    assert_eq!(stored["Item"]["n"], json!({ "N": "1" }), "fact 79");
    assert_eq!(
        error(&mut tables, "TransactWriteItems", add("2", "t")),
        "IdempotentParameterMismatchException",
        "fact 80"
    );
    let many = (0..100).map(|n| json!({ "Put": { "TableName": "things", "Item": key(&n.to_string()) } }));
    let request = json!({ "TransactItems": many.collect::<Vec<_>>() });
    tables.call("TransactWriteItems", &request).expect("fact 81");
}

#[test]
fn pages_join_to_the_whole_answer() {
    let mut tables = tables();
    for n in 0..7 {
        put(&mut tables, &n.to_string(), json!({ "g": { "S": "x" }, "a": { "N": (n % 2).to_string() } }));
    }
    let base = json!({
        "TableName": "things", "KeyConditionExpression": "g = :g", "IndexName": "by_g", "Limit": 2,
        "ExpressionAttributeValues": { ":g": { "S": "x" } },
    });
    for forward in [true, false] {
        let mut request = with(&base, json!({ "ScanIndexForward": forward }));
        let mut found = Vec::new();
        loop {
            let answer = tables.call("Query", &request).expect("a page");
            found.extend(answer["Items"].as_array().expect("items").clone());
            assert_eq!(answer["ScannedCount"], answer["Items"].as_array().map(Vec::len).expect("items"));
            match answer.get("LastEvaluatedKey") {
                Some(last) => request["ExclusiveStartKey"] = last.clone(),
                None => break,
            }
        }
        let mut sort = found.iter().map(|item| item["sk"]["N"].to_string()).collect::<Vec<_>>();
        assert!(found.iter().all(|item| item.get("a").is_none()), "the index holds keys only");
        if !forward {
            sort.reverse();
        }
        assert_eq!(sort, (0..7).map(|n| format!("\"{n}\"")).collect::<Vec<_>>());
    }
    let filtered = json!({
        "TableName": "things", "FilterExpression": "a = :v", "ExpressionAttributeValues": { ":v": { "N": "1.0" } },
        "Select": "COUNT",
    });
    assert_eq!(tables.call("Scan", &filtered), Ok(json!({ "Count": 3, "ScannedCount": 7 })));
    let segments = (0..3).map(|segment| {
        let request = json!({ "TableName": "things", "Segment": segment, "TotalSegments": 3 });
        tables.call("Scan", &request).expect("a segment")["Count"].as_u64().expect("a count")
    });
    assert_eq!(segments.sum::<u64>(), 7);
}

#[test]
fn a_page_ends_at_a_megabyte() {
    let mut tables = tables();
    for n in 0..5 {
        put(&mut tables, &n.to_string(), json!({ "a": { "S": "x".repeat(300_000) } }));
    }
    let answer = tables.call("Scan", &json!({ "TableName": "things" })).expect("a page");
    assert!(answer.get("LastEvaluatedKey").is_some(), "fact 66");
}

#[test]
fn one_number_key_in_two_ways_in_a_batch_of_reads_is_marked() {
    let mut tables = tables();
    let request = |keys: Value| json!({ "RequestItems": { "things": { "Keys": keys } } });
    tables.call("BatchGetItem", &request(json!([key("1000"), key("1e3")]))).expect("an answer");
    assert_eq!(tables.unspecified().len(), 1, "fact 86");
    assert!(tables.call("BatchGetItem", &request(json!([key("1"), key("1")]))).is_err());
}

#[test]
fn legacy_parameters_are_refused_as_unspecified() {
    let mut tables = tables();
    let request = json!({ "TableName": "things", "Key": key("1"), "AttributeUpdates": {} });
    let error = tables.call("UpdateItem", &request).expect_err("an error");
    assert_eq!((error.name, error.unspecified), ("ValidationException", true));
}

/// JSON out of the words that requests are made of.
fn soup() -> impl proptest::strategy::Strategy<Value = Value> {
    use proptest::prelude::*;
    let texts = [
        "",
        "things",
        "by_g",
        "a",
        "1",
        "1E999",
        "pk = :v",
        "SET a = :v",
        "ALL_OLD",
        "COUNT",
        "a, b[0]",
        "TOTAL",
    ];
    let keys = [
        "TableName",
        "IndexName",
        "Item",
        "Key",
        "Keys",
        "TransactItems",
        "Put",
        "Update",
        "Get",
        "RequestItems",
        "things",
        "PutRequest",
        "KeyConditionExpression",
        "FilterExpression",
        "UpdateExpression",
        "ExpressionAttributeValues",
        ":v",
        "Limit",
        "Segment",
        "TotalSegments",
        "ExclusiveStartKey",
        "Select",
        "pk",
        "sk",
        "g",
        "S",
        "N",
        "L",
        "M",
        "SS",
        "KeySchema",
        "AttributeDefinitions",
        "Projection",
        "ReturnConsumedCapacity",
        "ClientRequestToken",
    ];
    let leaf = prop_oneof![
        proptest::sample::select(texts.to_vec()).prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<bool>().prop_map(Value::from),
        Just(Value::Null),
    ];
    leaf.prop_recursive(6, 60, 5, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::vec((proptest::sample::select(keys.to_vec()), inner), 0..6).prop_map(
                |members| members.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
            ),
        ]
    })
}

proptest::proptest! {
    #[test]
    fn any_request_is_answered_or_refused(request in soup(), fits in proptest::bool::ANY) {
        let mut tables = tables();
        put(&mut tables, "1", json!({ "g": { "S": "x" } }));
        let mut request = request;
        if fits && let Some(members) = request.as_object_mut() {
            members.insert("TableName".to_owned(), "things".into());
        }
        for operation in [
            "CreateTable", "DescribeTable", "ListTables", "PutItem", "GetItem", "UpdateItem", "DeleteItem", "Query", "Scan",
            "BatchGetItem", "BatchWriteItem", "TransactWriteItems", "TransactGetItems", "DeleteTable", "Nonsense",
        ] {
            let _ = tables.call(operation, &request);
            crate::expression::check_request(operation, &request);
        }
    }
}
