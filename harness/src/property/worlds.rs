//! What a tenant observes of one step, and where two worlds differ in it.
//!
//! An observation is a JSON value: the answer, and what the wire shows of the step's data requests. Two worlds are
//! compared place by place. A second run of the first world is the mask: places that differ between equal worlds
//! (random cipher texts, times, ids) say nothing. The mask goes down to words inside texts, so that an error text with
//! a request id in it still tells its other words.
//!
//! What has no order by itself has none here: rows, sets, parallel requests, placeholders. What the control plane
//! answers (the item count in `DescribeTable`) is the mapper's own business and no tenant's.

use super::deterministic::canonical;
use crate::case::StepObservation;
use crate::target::{CallError, OWN_CLASS};
use serde_json::{Map, Value, json};

/// Requests on data; all others are left out.
const DATA: [&str; 13] = [
    "GetItem",
    "BatchGetItem",
    "Query",
    "Scan",
    "PutItem",
    "UpdateItem",
    "DeleteItem",
    "BatchWriteItem",
    "TransactWriteItems",
    "TransactGetItems",
    "ExecuteStatement",
    "BatchExecuteStatement",
    "ExecuteTransaction",
];

/// A place in an observation, from the outside in.
pub type Place = Vec<String>;

/// What a tenant observes of a step.
pub fn observation(step: &StepObservation) -> Value {
    let answer = match &step.outcome {
        Ok(answer) => json!({ "ok": sorted(canonical(answer, &[]), &["records", "unprocessed"]) }),
        // Nothing was called: an earlier answer had no cursor.
        Err(CallError::Reported { class, .. }) if class == OWN_CLASS => json!({ "error": class }),
        Err(CallError::Reported { kind, message, class, fields }) => {
            json!({ "error": { "kind": kind, "message": message, "class": class, "fields": fields } })
        }
        Err(CallError::Broken { how, .. }) => json!({ "error": { "kind": how } }),
    };
    let data = step.exchanges.iter().filter(|exchange| DATA.contains(&exchange.operation.as_str()));
    let mut wire: Vec<Value> = data
        .map(|exchange| {
            json!({
                "operation": exchange.operation,
                "request": intent(&exchange.request),
                "status": exchange.reply.status,
                "reply": reply(&exchange.reply.body),
            })
        })
        .collect();
    wire.sort_by_cached_key(Value::to_string);
    json!({ "answer": answer, "wire": wire })
}

/// What a request asks for, without the texts of its expressions and the names of its placeholders.
fn intent(request: &Value) -> Value {
    let Value::Object(object) = canonical(request, &[]) else { return request.clone() };
    let mut shape = Map::new();
    for (name, value) in object {
        let value = match (name.as_str(), value) {
            ("ExpressionAttributeNames" | "ExpressionAttributeValues", Value::Object(holders)) => {
                bag(holders.into_iter().map(|(_, value)| value).collect())
            }
            ("RequestItems", Value::Object(tables)) => tables
                .into_iter()
                .map(|(table, entries)| (table, sorted_entries(entries)))
                .collect::<Map<String, Value>>()
                .into(),
            ("TransactItems", Value::Array(actions)) => actions.iter().map(of_action).collect(),
            (text, _) if text.ends_with("Expression") => continue,
            (_, value) => value,
        };
        shape.insert(name, value);
    }
    Value::Object(shape)
}

fn of_action(action: &Value) -> Value {
    let Value::Object(action) = action else { return action.clone() };
    action.iter().map(|(name, inner)| (name.clone(), intent(inner))).collect::<Map<String, Value>>().into()
}

fn sorted_entries(entries: Value) -> Value {
    match entries {
        Value::Array(list) => bag(list),
        other => sorted(other, &["Keys"]),
    }
}

fn reply(body: &Value) -> Value {
    let mut body = sorted(canonical(body, &[]), &["Items"]);
    for part in ["Responses", "UnprocessedKeys", "UnprocessedItems"] {
        if let Some(Value::Object(tables)) = body.get_mut(part) {
            for entries in tables.values_mut() {
                *entries = sorted_entries(entries.take());
            }
        }
    }
    body
}

fn sorted(mut value: Value, lists: &[&str]) -> Value {
    for name in lists {
        if let Some(list) = value.get_mut(*name)
            && let Value::Array(members) = list.take()
        {
            *list = bag(members);
        }
    }
    value
}

/// Members without an order. Noise in one moves it among the others, so they are compared as one, their number apart.
fn bag(mut members: Vec<Value>) -> Value {
    members.sort_by_cached_key(Value::to_string);
    json!({ COUNT: members.len(), MEMBERS: members })
}

/// The names of a bag's parts, which no item and no answer uses together.
const COUNT: &str = "count of the bag";
const MEMBERS: &str = "members of the bag";

/// The places in which two observations differ, outermost first. A list of another length or an object with other
/// keys differs as a whole.
pub fn differences(left: &Value, right: &Value) -> Vec<Place> {
    let mut found = Vec::new();
    walk(left, right, &mut Vec::new(), &mut found);
    found
}

fn walk(left: &Value, right: &Value, place: &mut Place, found: &mut Vec<Place>) {
    match (left, right) {
        (Value::Object(one), Value::Object(other)) if same_names(one, other) => {
            for (name, value) in one {
                place.push(name.clone());
                match name.as_str() {
                    MEMBERS if *value != other[name] => found.push(place.clone()),
                    MEMBERS => {}
                    _ => walk(value, &other[name], place, found),
                }
                place.pop();
            }
        }
        (Value::Array(one), Value::Array(other)) if one.len() == other.len() => {
            for (at, (one, other)) in one.iter().zip(other).enumerate() {
                place.push(at.to_string());
                walk(one, other, place, found);
                place.pop();
            }
        }
        (Value::String(one), Value::String(other)) if one != other => {
            let (one, other) = (words(one), words(other));
            if one.len() != other.len() {
                found.push(place.clone());
                return;
            }
            for (at, _) in one.iter().zip(&other).enumerate().filter(|(_, (one, other))| one != other) {
                place.push(format!("word {at}"));
                found.push(place.clone());
                place.pop();
            }
        }
        _ if left != right => found.push(place.clone()),
        _ => {}
    }
}

fn same_names(one: &Map<String, Value>, other: &Map<String, Value>) -> bool {
    one.len() == other.len() && one.keys().all(|name| other.contains_key(name))
}

/// Runs of letters and digits, and what stands between them.
fn words(text: &str) -> Vec<&str> {
    let mut words = Vec::new();
    let mut from = 0;
    let mut inside = None;
    for (at, char) in text.char_indices() {
        let word = char.is_alphanumeric();
        if inside.is_some_and(|inside| inside != word) {
            words.push(&text[from..at]);
            from = at;
        }
        inside = Some(word);
    }
    words.push(&text[from..]);
    words
}

/// The places that differ between two worlds and not between two runs of one.
pub fn revealing(one: &Value, other: &Value, again: &Value) -> Vec<Place> {
    let mask = differences(one, again);
    let masked = |place: &Place| mask.iter().any(|noise| place.starts_with(noise));
    differences(one, other).into_iter().filter(|place| !masked(place)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{Exchange, Reply};

    fn step(answer: Value, exchanges: Vec<(&str, Value, Value)>) -> Value {
        let exchanges = exchanges.into_iter().map(|(operation, request, reply)| Exchange {
            operation: operation.to_owned(),
            request,
            reply: Reply::ok(reply),
            sequence: 0,
            at_micros: 0,
        });
        let exchanges = exchanges.collect();
        observation(&StepObservation {
            outcome: Ok(answer),
            exchanges,
            after: Vec::new(),
            log: String::new(),
        })
    }

    fn failed(message: &str) -> Value {
        let outcome = Err(CallError::Reported {
            kind: proofhouse_models::mapper::ErrorKind::Internal,
            message: message.to_owned(),
            class: String::new(),
            fields: Default::default(),
        });
        observation(&StepObservation {
            outcome,
            exchanges: Vec::new(),
            after: Vec::new(),
            log: String::new(),
        })
    }

    #[test]
    fn a_count_on_the_wire_tells_worlds_apart() {
        let world = |scanned: u32| {
            step(
                json!({"records": []}),
                vec![("Scan", json!({"TableName": "t"}), json!({"ScannedCount": scanned}))],
            )
        };
        assert_eq!(revealing(&world(0), &world(2), &world(0)), [["wire", "0", "reply", "ScannedCount"]]);
        assert!(revealing(&world(1), &world(1), &world(1)).is_empty());
    }

    #[test]
    fn what_differs_between_equal_worlds_says_nothing() {
        let at = |time: &str| step(json!({"record": {"at": {"S": time}, "a": {"S": "x"}}}), Vec::new());
        assert!(revealing(&at("10:00"), &at("10:01"), &at("10:02")).is_empty());
        let other = step(json!({"record": {"at": {"S": "10:01"}, "a": {"S": "y"}}}), Vec::new());
        assert_eq!(revealing(&at("10:00"), &other, &at("10:02")).len(), 1);
    }

    #[test]
    fn noise_that_moves_a_member_hides_the_members_and_not_their_number() {
        let world = |cipher: &str, more: &[&str]| {
            let texts = std::iter::once(&cipher).chain(more).enumerate();
            let values: Map<String, Value> =
                texts.map(|(at, text)| (format!(":{at}"), json!({ "S": text }))).collect();
            step(json!({}), vec![("UpdateItem", json!({"ExpressionAttributeValues": values}), json!({}))])
        };
        assert!(revealing(&world("c", &["m"]), &world("x", &["m"]), &world("d", &["m"])).is_empty());
        assert_eq!(revealing(&world("c", &["m"]), &world("x", &["m", "n"]), &world("d", &["m"])).len(), 1);
    }

    #[test]
    fn a_request_id_in_an_error_hides_only_itself() {
        let (one, again) = (failed("no item (request a1f0)"), failed("no item (request 77c2)"));
        assert!(revealing(&one, &failed("no item (request b33d)"), &again).is_empty());
        assert_eq!(revealing(&one, &failed("no right (request b33d)"), &again).len(), 1);
    }

    #[test]
    fn order_and_placeholders_are_no_difference() {
        let request = |first: &str, second: &str| {
            let expression = format!("{first} = :x AND {second} = :y");
            json!({"TableName": "t", "FilterExpression": expression,
                   "ExpressionAttributeNames": {first: "a", second: "b"},
                   "ExpressionAttributeValues": {":x": {"S": "1"}, ":y": {"SS": ["2", "3"]}}})
        };
        let rows = |list: Value| json!({ "Items": list, "Count": 2 });
        let one = step(json!({"records": [1, 2]}), vec![("Scan", request("#0", "#1"), rows(json!([1, 2])))]);
        let other =
            step(json!({"records": [2, 1]}), vec![("Scan", request("#n7", "#n8"), rows(json!([2, 1])))]);
        assert_eq!(one, other);
    }

    #[test]
    fn the_control_plane_is_no_tenants_business() {
        let world = |count: u32| {
            step(json!({}), vec![("DescribeTable", json!({}), json!({"Table": {"ItemCount": count}}))])
        };
        assert_eq!(world(0), world(9));
    }
}
