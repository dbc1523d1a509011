//! What conditions, updates and projections mean.

use super::*;
use crate::value::item_to_json;

fn holds(text: &str, values: Value, stored: Value) -> Result<bool, Unspecified> {
    let condition = prepared("FilterExpression", text, values).filter.expect("a filter");
    evaluate(&condition, &item(stored))
}

#[test]
fn conditions_mean_what_aws_means() {
    let none = json!({});
    let cases = [
        (
            12,
            "a = :v",
            json!({ ":v": { "L": [{ "N": "1.0" }] } }),
            json!({ "a": { "L": [{ "N": "1" }] } }),
            true,
        ),
        (
            13,
            "a = :v",
            json!({ ":v": { "M": { "s": { "NS": ["2", "1.0"] } } } }),
            json!({ "a": { "M": { "s": { "NS": ["1", "2"] } } } }),
            true,
        ),
        (34, "q <> z", none.clone(), none.clone(), true),
        (35, "q = z", none.clone(), none.clone(), false),
        (37, "a < :v", json!({ ":v": { "S": "x" } }), json!({ "a": { "N": "1" } }), false),
        (
            39,
            "a BETWEEN b AND c",
            none.clone(),
            json!({ "a": { "N": "2" }, "b": { "N": "3" }, "c": { "N": "1" } }),
            false,
        ),
        (50, "size(:v) = :n", json!({ ":v": { "S": "xyz" }, ":n": { "N": "3" } }), none.clone(), true),
        (51, "size(a) = :v", json!({ ":v": { "N": "1" } }), json!({ "a": { "N": "1" } }), false),
        (52, "size(a) = :v", json!({ ":v": { "N": "2" } }), json!({ "a": { "S": "😀" } }), true),
        (
            53,
            "begins_with(a, :v)",
            json!({ ":v": { "B": "AAAA" } }),
            json!({ "a": { "B": "AAAAAQ==" } }),
            true,
        ),
        (53, "contains(a, :v)", json!({ ":v": { "B": "AQ==" } }), json!({ "a": { "B": "AAAAAQ==" } }), true),
        (55, "contains(a, :v)", json!({ ":v": { "L": [] } }), json!({ "a": { "L": [{ "L": [] }] } }), true),
        (56, "a < :v", json!({ ":v": { "S": "😀" } }), json!({ "a": { "S": "\u{ff5e}" } }), true),
        (59, "i = j", none.clone(), json!({ "i": { "S": "x" } }), false),
        (60, "begins_with(a, :v)", json!({ ":v": { "S": "ab" } }), json!({ "a": { "S": "ABC" } }), false),
        (61, "begins_with(a, :v)", json!({ ":v": { "S": "a_" } }), json!({ "a": { "S": "ab1" } }), false),
        (0, "a <> :v", json!({ ":v": { "S": "x" } }), none.clone(), true),
        (0, "NOT a = :v", json!({ ":v": { "S": "x" } }), none.clone(), true),
        (0, "NOT a < :v", json!({ ":v": { "S": "x" } }), none.clone(), true),
        (0, "a = :v", json!({ ":v": { "N": "10" } }), json!({ "a": { "N": "1E1" } }), true),
        (
            0,
            "a.b[1] = :v",
            json!({ ":v": { "S": "y" } }),
            json!({ "a": { "M": { "b": { "L": [{ "S": "x" }, { "S": "y" }] } } } }),
            true,
        ),
        (
            0,
            "attribute_type(a, :v)",
            json!({ ":v": { "S": "NULL" } }),
            json!({ "a": { "NULL": true } }),
            true,
        ),
        (0, "attribute_exists(a)", none.clone(), json!({ "a": { "NULL": true } }), true),
        (0, "contains(a, :v)", json!({ ":v": { "N": "1" } }), json!({ "a": { "S": "1" } }), false),
        (0, "contains(a, :v)", json!({ ":v": { "N": "1" } }), json!({ "a": { "NS": ["1.0"] } }), true),
        (0, "a = :x OR b = :x AND c = :x", json!({ ":x": { "S": "x" } }), json!({ "a": { "S": "x" } }), true),
        (0, "NOT a = :x AND b = :x", json!({ ":x": { "S": "x" } }), json!({ "a": { "S": "x" } }), false),
    ];
    for (fact, text, values, stored, expected) in cases {
        assert_eq!(holds(text, values, stored), Ok(expected), "fact {fact}: {text}");
    }
}

#[test]
fn the_size_of_nothing_is_left_open_only_where_it_decides() {
    let n = json!({ ":v": { "N": "1" } });
    assert!(holds("size(a) <> :v", n.clone(), json!({})).is_err());
    assert!(holds("NOT size(a) <> :v", n.clone(), json!({})).is_err());
    assert_eq!(holds("size(a) <> :v AND b = :v", n.clone(), json!({})), Ok(false));
    assert_eq!(holds("size(a) <> :v OR b <> :v", n.clone(), json!({})), Ok(true));
    assert_eq!(holds("size(a) = :v", n, json!({})), Ok(false));
}

fn updated(text: &str, values: Value, stored: Value) -> Result<Value, UpdateError> {
    let update = prepared("UpdateExpression", text, values).update.expect("an update");
    apply_update(&update, &item(stored), true).map(|updated| item_to_json(&updated.item))
}

fn numbers(list: &[i64]) -> Value {
    json!({ "L": list.iter().map(|n| json!({ "N": n.to_string() })).collect::<Vec<_>>() })
}

#[test]
fn updates_mean_what_aws_means() {
    let v = |n: &str| json!({ ":v": { "N": n } });
    let cases = [
        (
            19,
            "REMOVE a[0], a[1]",
            json!({}),
            json!({ "a": numbers(&[0, 1, 2]) }),
            json!({ "a": numbers(&[2]) }),
        ),
        (
            20,
            "REMOVE a[1] SET a[3] = :v",
            v("17"),
            json!({ "a": numbers(&[2, 3, 4, 5, 6, 7]) }),
            json!({ "a": numbers(&[2, 4, 17, 6, 7]) }),
        ),
        (
            21,
            "SET a[9] = :v, a[5] = :w",
            json!({ ":v": { "N": "9" }, ":w": { "N": "5" } }),
            json!({ "a": numbers(&[1]) }),
            json!({ "a": numbers(&[1, 5, 9]) }),
        ),
        (
            0,
            "REMOVE a[1], a[7] SET a[9] = :v",
            v("9"),
            json!({ "a": numbers(&[0, 1]) }),
            json!({ "a": numbers(&[0, 9]) }),
        ),
        (
            0,
            "SET a = b, b = a",
            json!({}),
            json!({ "a": { "N": "1" }, "b": { "N": "2" } }),
            json!({ "a": { "N": "2" }, "b": { "N": "1" } }),
        ),
        (0, "SET a = if_not_exists(a, :v) + :v", v("2"), json!({}), json!({ "a": { "N": "4" } })),
        (0, "SET a = a - :v", v("2"), json!({ "a": { "N": "1" } }), json!({ "a": { "N": "-1" } })),
        (
            0,
            "SET a = list_append(:v, a)",
            json!({ ":v": numbers(&[0]) }),
            json!({ "a": numbers(&[1]) }),
            json!({ "a": numbers(&[0, 1]) }),
        ),
        (0, "ADD a :v", v("0.1"), json!({ "a": { "N": "0.2" } }), json!({ "a": { "N": "0.3" } })),
        (
            0,
            "ADD a :v",
            json!({ ":v": { "NS": ["1.0", "2"] } }),
            json!({ "a": { "NS": ["1"] } }),
            json!({ "a": { "NS": ["1", "2"] } }),
        ),
        (0, "DELETE a :v", json!({ ":v": { "SS": ["x"] } }), json!({ "a": { "SS": ["x"] } }), json!({})),
        (0, "DELETE a :v", json!({ ":v": { "SS": ["x"] } }), json!({}), json!({})),
        (
            0,
            "REMOVE a.b, c",
            json!({}),
            json!({ "a": { "M": { "b": { "S": "" } } } }),
            json!({ "a": { "M": {} } }),
        ),
        (
            0,
            "SET a.b.c = :v",
            v("1"),
            json!({ "a": { "M": { "b": { "M": {} } } } }),
            json!({ "a": { "M": { "b": { "M": { "c": { "N": "1" } } } } } }),
        ),
    ];
    for (fact, text, values, stored, expected) in cases {
        assert_eq!(updated(text, values, stored), Ok(expected), "fact {fact}: {text}");
    }
}

#[test]
fn updates_that_do_not_fit_the_item_fail() {
    let v = json!({ ":v": { "N": "1" } });
    let broad = json!({ "a": { "N": "1E37" } });
    let cases = [
        (
            8,
            "SET a = a + :v",
            json!({ ":v": { "N": "0.1" } }),
            broad,
            UpdateError::Arithmetic(crate::value::ArithmeticError::Digits),
        ),
        (0, "SET a.b = :v", v.clone(), json!({}), UpdateError::Path("a.b".to_owned())),
        (0, "SET a[0] = :v", v.clone(), json!({ "a": { "M": {} } }), UpdateError::Path("a[0]".to_owned())),
        (0, "SET a = b", json!({}), json!({}), UpdateError::Missing("b".to_owned())),
        (0, "SET a = a + :v", v.clone(), json!({ "a": { "S": "1" } }), UpdateError::Type("arithmetic")),
        (0, "ADD a :v", v, json!({ "a": { "SS": ["x"] } }), UpdateError::Type("ADD")),
        (0, "REMOVE a.b", json!({}), json!({ "a": { "S": "" } }), UpdateError::Path("a.b".to_owned())),
    ];
    for (fact, text, values, stored, error) in cases {
        assert_eq!(updated(text, values, stored), Err(error), "fact {fact}: {text}");
    }
}

#[test]
fn removals_from_an_item_that_does_not_exist_are_left_open() {
    let apply = |text: &str| {
        let update = prepared("UpdateExpression", text, json!({})).update.expect("an update");
        apply_update(&update, &item(json!({ "pk": { "S": "a" } })), false)
    };
    assert!(apply("REMOVE a").expect("an item").unspecified.is_some(), "fact 27");
    assert!(matches!(apply("REMOVE a.b"), Err(UpdateError::Unspecified(_))), "fact 28");
}

#[test]
fn projections_keep_the_shape_and_compact_lists() {
    let stored = json!({ "a": numbers(&[0, 1, 2]), "m": { "M": { "x": { "S": "1" }, "y": { "S": "2" } } } });
    for (fact, text, expected) in [
        (70, "a[2], a[0]", json!({ "a": numbers(&[0, 2]) })),
        (0, "m.x, z, m.q", json!({ "m": { "M": { "x": { "S": "1" } } } })),
        (0, "m.q", json!({})),
        (0, "m[0]", json!({})),
    ] {
        let paths = prepared("ProjectionExpression", text, json!({})).projection.expect("paths");
        assert_eq!(item_to_json(&project(&item(stored.clone()), &paths)), expected, "fact {fact}: {text}");
    }
}
