//! Which requests break which rule.

use super::*;

#[test]
fn conditions_and_filters_that_aws_refuses() {
    let s = json!({ ":v": { "S": "x" } });
    let cases = [
        (25, "_abc = :v", s.clone(), Rule::Syntax),
        (26, "a[00] = :v", s.clone(), Rule::Syntax),
        (36, "a < :v", json!({ ":v": { "L": [] } }), Rule::OperandType),
        (36, "a >= :v", json!({ ":v": { "BOOL": true } }), Rule::OperandType),
        (38, "a BETWEEN :v AND :w", json!({ ":v": { "N": "2" }, ":w": { "N": "1" } }), Rule::ReversedBounds),
        (40, "a = a", json!({}), Rule::SameOperand),
        (41, "contains(a, a)", json!({}), Rule::SameOperand),
        (48, "attribute_type(a, :v)", s.clone(), Rule::OperandType),
        (48, "attribute_type(a, :v)", json!({ ":v": { "N": "1" } }), Rule::OperandType),
        (49, "attribute_type(a, b)", json!({}), Rule::NotAValue),
        (54, "begins_with(a, :v)", json!({ ":v": { "N": "1" } }), Rule::OperandType),
        (0, "", json!({}), Rule::Empty),
        (0, "a = ", json!({}), Rule::Syntax),
        (0, "a = :v b", s.clone(), Rule::Syntax),
        (0, "status = :v", s.clone(), Rule::ReservedWord),
        (0, "a.Name = :v", s.clone(), Rule::ReservedWord),
        (0, "((a = :v))", s.clone(), Rule::RedundantParentheses),
        (0, "Contains(a, :v)", s.clone(), Rule::UnknownFunction),
        (0, "size(a)", json!({}), Rule::MisplacedFunction),
        (0, "if_not_exists(a, :v) = :v", s.clone(), Rule::MisplacedFunction),
        (0, "contains(a)", json!({}), Rule::OperandCount),
        (0, "attribute_exists(:v)", s.clone(), Rule::NotAPath),
        (0, "a = :w", s.clone(), Rule::UndefinedValue),
        (0, "#a = :v", s.clone(), Rule::UndefinedName),
        (0, "a = b", s.clone(), Rule::UnusedValue),
        (0, "size(:v) > :v", json!({ ":v": { "N": "1" } }), Rule::OperandType),
    ];
    for (fact, text, values, rule) in cases {
        let found = rules("PutItem", &request("ConditionExpression", text, values));
        assert!(found.contains(&rule), "fact {fact}: {text}: {found:?}");
    }
}

#[test]
fn conditions_that_aws_accepts() {
    let s = json!({ ":v": { "S": "x" } });
    let cases = [
        (39, "a BETWEEN b AND c", json!({})),
        (50, "size(:v) > a", s.clone()),
        (53, "begins_with(a, :v) AND contains(a, :v)", json!({ ":v": { "B": "AAAA" } })),
        (0, "NOT a = :v AND NOT (b = :v OR c = :v)", s.clone()),
        (0, "not not a = :v", s.clone()),
        (0, "(a) = :v", s.clone()),
        (0, "((a = :v) AND b = :v) OR (c = :v)", s.clone()),
        (0, "a[0].b[12] IN (:v)", s.clone()),
        (0, "a<>:v", s.clone()),
        (0, ":v = a", s),
    ];
    for (fact, text, values) in cases {
        assert_eq!(
            rules("PutItem", &request("ConditionExpression", text, values)),
            [],
            "fact {fact}: {text}"
        );
    }
}

#[test]
fn an_in_of_100_values_is_left_open_and_one_of_101_refused() {
    let of = |count: usize| {
        let names = (0..count).map(|n| format!(":v{n}")).collect::<Vec<_>>();
        let values = names.iter().map(|name| (name.clone(), json!({ "S": name }))).collect::<Map<_, _>>();
        let text = format!("a IN ({})", names.join(", "));
        rules("PutItem", &request("ConditionExpression", &text, Value::Object(values)))
    };
    assert_eq!(of(99), []);
    assert_eq!(of(100), [Rule::InOfExactly100], "fact 42");
    assert_eq!(of(101), [Rule::InOver100], "fact 43");
    assert!(Rule::InOfExactly100.is_unspecified());
}

#[test]
fn a_request_takes_25_writes_100_keys_and_100_actions() {
    let entries = |count: usize| vec![json!({ "PutRequest": { "Item": { "id": { "S": "a" } } } }); count];
    let writes = |count| rules("BatchWriteItem", &json!({ "RequestItems": { "users": entries(count) } }));
    assert_eq!(writes(25), []);
    assert_eq!(writes(26), [Rule::BatchSize]);
    let two = json!({ "RequestItems": { "users": entries(20), "others": entries(6) } });
    assert_eq!(rules("BatchWriteItem", &two), [Rule::BatchSize]);
    let keys = |count| json!({ "RequestItems": { "users": { "Keys": vec![json!({ "id": { "S": "a" } }); count] } } });
    assert_eq!(rules("BatchGetItem", &keys(100)), []);
    assert_eq!(rules("BatchGetItem", &keys(101)), [Rule::BatchSize]);
    let actions =
        |count| json!({ "TransactItems": vec![json!({ "Put": { "Item": { "id": { "S": "a" } } } }); count] });
    assert_eq!(rules("TransactWriteItems", &actions(100)), []);
    assert_eq!(rules("TransactWriteItems", &actions(101)), [Rule::BatchSize]);
}

#[test]
fn limits_of_expressions_hold_at_their_edge() {
    // 151 comparisons and 150 ANDs are 301 operators.
    let long = |count: usize| vec!["a=:v"; count].join(" AND ");
    let v = json!({ ":v": { "S": "x" } });
    let broken = |text: &str| rules("PutItem", &request("ConditionExpression", text, v.clone()));
    assert_eq!(broken(&long(150)), []);
    assert_eq!(broken(&long(151)), [Rule::TooManyOperators], "fact 44");
    let wide = |spaces: usize| format!("a =:v{}", " ".repeat(spaces));
    assert_eq!(broken(&wide(4_096 - 5)), []);
    assert_eq!(broken(&wide(4_097 - 5)), [Rule::TooLong], "fact 45");
    assert_eq!(
        broken(&format!("{}a=:v{}", "(".repeat(2_000), ")".repeat(2_000))),
        [Rule::TooDeep],
        "fact 46"
    );
    assert_eq!(broken(&format!("{}a=:v", "not ".repeat(1_000))), [Rule::TooManyOperators], "fact 47");
}

#[test]
fn limits_of_placeholders_hold_at_their_edge() {
    let with = |length: usize| {
        let name = format!(":{}", "v".repeat(length - 1));
        let mut values = Map::new();
        values.insert(name.clone(), json!({ "S": "x" }));
        rules("PutItem", &request("ConditionExpression", &format!("a = {name}"), Value::Object(values)))
    };
    assert_eq!(with(255), []);
    assert_eq!(with(256), [Rule::PlaceholderLength], "fact 76");
    let sized = |bytes: usize| {
        rules(
            "PutItem",
            &request("ConditionExpression", "a = :v", json!({ ":v": { "S": "x".repeat(bytes) } })),
        )
    };
    assert_eq!(sized(2 * 1024 * 1024 - 2), []);
    assert_eq!(sized(2 * 1024 * 1024), [Rule::SubstitutionSize], "fact 77");
    let named = |names: Value| {
        rules(
            "PutItem",
            &json!({ "ConditionExpression": "attribute_exists(#a)", "ExpressionAttributeNames": names }),
        )
    };
    assert_eq!(named(json!({ "#a": "x" })), []);
    assert_eq!(named(json!({ "#a": "x", "#b": "y" })), [Rule::UnusedName]);
    assert!(named(json!({ "#a": "x", "#b-c": "y" })).contains(&Rule::PlaceholderSyntax));
    assert!(named(json!({ "a": "x" })).contains(&Rule::PlaceholderSyntax));
    assert!(named(json!({})).contains(&Rule::EmptySubstitutions));
    assert_eq!(named(json!({ "#a": "" })), [Rule::AttributeName]);
    let alone = json!({ "ExpressionAttributeNames": { "#a": "x" } });
    assert_eq!(rules("PutItem", &alone), [Rule::MixedParameters]);
    let legacy = json!({ "ConditionExpression": "attribute_exists(a)", "Expected": {} });
    assert_eq!(rules("PutItem", &legacy), [Rule::MixedParameters]);
}

#[test]
fn updates_that_aws_refuses() {
    let v = json!({ ":v": { "N": "1" } });
    let l = json!({ ":v": { "L": [] } });
    let cases = [
        (22, "SET a = :v + :v + :v", v.clone(), Rule::Syntax),
        (23, "SET a = list_append(list_append(a, :v), :v)", l.clone(), Rule::MisplacedFunction),
        (24, "SET a = LIST_APPEND(a, :v)", l, Rule::UnknownFunction),
        (0, "SET a = :v SET b = :v", v.clone(), Rule::RepeatedClause),
        (0, "SET a = :v, a.b = :v", v.clone(), Rule::OverlappingPaths),
        (0, "SET a = :v REMOVE a", v.clone(), Rule::OverlappingPaths),
        (0, "SET a.b = :v, a[1] = :v", v.clone(), Rule::ConflictingPaths),
        (0, "SET pk = :v", v.clone(), Rule::KeyInUpdate),
        (0, "SET a = list_append(a, :v)", v.clone(), Rule::OperandType),
        (0, "SET a = a + :v", json!({ ":v": { "S": "1" } }), Rule::OperandType),
        (0, "ADD a :v", json!({ ":v": { "S": "1" } }), Rule::OperandType),
        (0, "DELETE a :v", v.clone(), Rule::OperandType),
        (0, "ADD a b", json!({}), Rule::NotAValue),
        (0, "SET a = attribute_exists(b)", json!({}), Rule::MisplacedFunction),
        (0, "SET a = if_not_exists(:v, :v)", v.clone(), Rule::NotAPath),
        (0, "SET a = if_not_exists(a)", json!({}), Rule::OperandCount),
        (0, "SET a = :v,", v.clone(), Rule::Syntax),
        (0, "PUT a = :v", v.clone(), Rule::Syntax),
        (0, "SET set = :v", v, Rule::ReservedWord),
    ];
    for (fact, text, values, rule) in cases {
        let found = rules("UpdateItem", &request("UpdateExpression", text, values));
        assert!(found.contains(&rule), "fact {fact}: {text}: {found:?}");
    }
    let ok = "set a = if_not_exists(a, :v) + :v, b[0] = (c - :v) remove d.e, f[1] add g :v";
    assert_eq!(rules("UpdateItem", &request("UpdateExpression", ok, json!({ ":v": { "N": "1" } }))), []);
}

#[test]
fn projections_that_aws_refuses() {
    let deep = vec!["a"; 33].join(".");
    let cases = [
        (68, "a, a.b", Rule::OverlappingPaths),
        (69, "a.b, a[1]", Rule::ConflictingPaths),
        (71, deep.as_str(), Rule::PathDepth),
        (72, "a[99999999999999]", Rule::IndexRange),
        (0, "a, a", Rule::OverlappingPaths),
        (0, "a b", Rule::Syntax),
        (0, "a[-1]", Rule::Syntax),
        (0, "a,", Rule::Syntax),
        (0, "size", Rule::ReservedWord),
    ];
    for (fact, text, rule) in cases {
        let found = rules("GetItem", &request("ProjectionExpression", text, json!({})));
        assert_eq!(found, [rule], "fact {fact}: {text}");
    }
    assert_eq!(
        rules("GetItem", &request("ProjectionExpression", "a[2], a[0], b.c", json!({}))),
        [],
        "fact 70"
    );
}

#[test]
fn key_conditions_have_one_form() {
    let values = json!({ ":v": { "S": "a" }, ":w": { "S": "b" } });
    let broken = |text: &str| {
        let mut found = rules("Query", &request("KeyConditionExpression", text, values.clone()));
        found.retain(|rule| *rule != Rule::UnusedValue);
        found
    };
    for text in [
        "pk = :v",
        "sk BETWEEN :v AND :w AND pk = :v",
        "(pk = :v) AND (begins_with(sk, :w))",
        "(pk = :v AND sk > :w)",
        "pk = :v AND sk = :w",
    ] {
        assert_eq!(broken(text), [], "{text}");
    }
    for text in [
        "pk > :v",
        "pk = :v OR sk = :w",
        "NOT pk = :v",
        "pk = :v AND contains(sk, :w)",
        "pk = :v AND pk = :w",
        "pk.a = :v",
        "pk = sk",
        "pk = :v AND sk <> :w",
        "pk = :v AND sk = :w AND a = :v",
    ] {
        assert_eq!(broken(text), [Rule::KeyConditionForm], "{text}");
    }
    assert_eq!(broken("pk = :v AND sk BETWEEN :w AND :v"), [Rule::ReversedBounds], "fact 62");
    let filter = json!({
        "KeyConditionExpression": "pk = :v", "FilterExpression": "sk = :v",
        "ExpressionAttributeValues": { ":v": { "S": "a" } },
    });
    assert_eq!(rules("Query", &filter), [Rule::KeyInFilter], "fact 58");
    assert_eq!(rules("Scan", &request("FilterExpression", "sk = :v", json!({ ":v": { "S": "a" } }))), []);
}

#[test]
fn every_action_of_a_transaction_is_checked_by_itself() {
    let request = json!({ "TransactItems": [
        { "Put": { "Item": {} } },
        { "Update": { "UpdateExpression": "SET status = :v", "ExpressionAttributeValues": { ":v": { "S": "" } } } },
    ] });
    let found = check_request("TransactWriteItems", &request);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].field, "TransactItems/1/Update/UpdateExpression");
    assert_eq!((found[0].rule, found[0].at), (Rule::ReservedWord, Some(4)));
}

#[test]
fn names_of_rules_are_unique() {
    let names = Rule::ALL.iter().map(|rule| rule.name()).collect::<std::collections::BTreeSet<_>>();
    assert_eq!(names.len(), Rule::ALL.len());
}
