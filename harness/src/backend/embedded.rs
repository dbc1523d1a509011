//! The embedded engine: dynoxide, in memory and in this process.
//!
//! Dynoxide's own HTTP server turns a target header and a JSON body into one call of its library; this file does
//! the same without the socket. Two things stand between a request and the engine, because the engine keeps no
//! guard of its own: a request whose values or brackets nest far deeper than DynamoDB allows is refused here, as
//! AWS refuses it, and a panic becomes an answer of status 500.

use super::Backend;
use crate::wire::Reply;
use dynoxide::actions::get_item::GetItemRequest;
use dynoxide::actions::scan::ScanRequest;
use dynoxide::types::AttributeValue as Stored;
use dynoxide::{Database, DynoxideError};
use proofhouse_models::value::{AttributeValue, Item, Number};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{PoisonError, RwLock};

/// JSON levels that a request may have. DynamoDB's 32 levels of a value cost two JSON levels each, and the
/// deepest wrapper (a transaction's action) costs eight more. The engine's JSON reader stops at 127.
const MAX_JSON_DEPTH: usize = 120;

/// Brackets that an expression may have open at once. Each needs an operator of its own to be legal, and 300
/// operators is DynamoDB's limit; the engine's parser calls itself for each and overflows a stack at about 4,000.
const MAX_OPEN_BRACKETS: usize = 301;

/// What [`dispatch`] knows. Streams and vector search are left out: no data layer under test needs them.
const OPERATIONS: [&str; 23] = [
    "CreateTable",
    "DeleteTable",
    "DescribeTable",
    "UpdateTable",
    "ListTables",
    "PutItem",
    "GetItem",
    "DeleteItem",
    "UpdateItem",
    "Query",
    "Scan",
    "BatchGetItem",
    "BatchWriteItem",
    "TransactWriteItems",
    "TransactGetItems",
    "UpdateTimeToLive",
    "DescribeTimeToLive",
    "TagResource",
    "UntagResource",
    "ListTagsOfResource",
    "ExecuteStatement",
    "ExecuteTransaction",
    "BatchExecuteStatement",
];

/// The engine with its tables.
pub struct Embedded {
    database: RwLock<Option<Database>>,
}

impl Default for Embedded {
    fn default() -> Self {
        Self::new()
    }
}

impl Embedded {
    /// An engine without tables.
    pub fn new() -> Self {
        Self { database: RwLock::new(Database::memory().ok()) }
    }
}

impl Backend for Embedded {
    fn name(&self) -> String {
        "embedded".to_owned()
    }

    fn version(&self) -> String {
        "dynoxide-rs 3.2.0".to_owned()
    }

    fn call(&self, operation: &str, request: &Value) -> Reply {
        if !OPERATIONS.contains(&operation) {
            return Reply::error(400, "UnknownOperationException", "");
        }
        if let Some(why) = too_deep(request) {
            return Reply::error(400, "ValidationException", why);
        }
        let database = self.database.read().unwrap_or_else(PoisonError::into_inner).clone();
        let Some(database) = database else {
            return Reply::error(500, "InternalServerError", "the embedded engine did not open");
        };
        // The engine takes its own lock for each call, so nothing of ours is left half changed by a panic.
        let answer = catch_unwind(AssertUnwindSafe(|| dispatch(&database, operation, &request.to_string())));
        match answer {
            Ok(Ok(mut body)) => {
                if operation == "Query" && is_behind_the_only_item(request) {
                    end_of_query(&mut body);
                }
                // The engine keeps items in hash maps: their order would differ from run to run.
                body.sort_all_objects();
                Reply::ok(body)
            }
            Ok(Err(error)) => {
                let mut body = serde_json::from_str::<Value>(&error.to_json()).unwrap_or_default();
                body.sort_all_objects();
                Reply { status: error.status_code(), body }
            }
            Err(panic) => {
                Reply::error(500, "InternalServerError", &format!("panic: {}", panic_text(panic.as_ref())))
            }
        }
    }

    fn clear(&self) {
        *self.database.write().unwrap_or_else(PoisonError::into_inner) = Database::memory().ok();
    }

    fn stores_what_is_put(&self) -> bool {
        true
    }

    fn items(&self, table: &str) -> Option<Vec<Item>> {
        let database = self.database.read().unwrap_or_else(PoisonError::into_inner).clone()?;
        let request = ScanRequest { table_name: table.to_owned(), ..ScanRequest::default() };
        let answer = catch_unwind(AssertUnwindSafe(|| database.scan(request))).ok()?.ok()?;
        if answer.last_evaluated_key.is_some() {
            return None;
        }
        answer.items?.into_iter().map(item).collect()
    }

    fn item(&self, table: &str, key: &Item) -> Option<Option<Item>> {
        let database = self.database.read().unwrap_or_else(PoisonError::into_inner).clone()?;
        // Numbers have many texts, and whether the engine takes two of them for one key is not ours to say.
        let stored = |(name, value): (&String, &AttributeValue)| match value {
            AttributeValue::S(text) => Some((name.clone(), Stored::S(text.clone()))),
            AttributeValue::B(bytes) => Some((name.clone(), Stored::B(bytes.clone()))),
            _ => None,
        };
        let request = GetItemRequest {
            table_name: table.to_owned(),
            key: key.iter().map(stored).collect::<Option<_>>()?,
            consistent_read: Some(true),
            ..GetItemRequest::default()
        };
        match catch_unwind(AssertUnwindSafe(|| database.get_item(request))).ok()?.ok()?.item {
            Some(found) => item(found).map(Some),
            None => Some(None),
        }
    }
}

/// An item of the engine as ours; `None` where it holds what is no value.
fn item(stored: HashMap<String, Stored>) -> Option<Item> {
    stored.into_iter().map(|(name, value)| Some((name, attribute(value)?))).collect()
}

fn attribute(stored: Stored) -> Option<AttributeValue> {
    let number = |text: String| text.parse::<Number>().ok();
    Some(match stored {
        Stored::S(text) => AttributeValue::S(text),
        Stored::N(text) => AttributeValue::N(number(text)?),
        Stored::B(bytes) => AttributeValue::B(bytes),
        Stored::BOOL(truth) => AttributeValue::Bool(truth),
        Stored::NULL(true) => AttributeValue::Null,
        Stored::NULL(false) => return None,
        Stored::SS(members) => AttributeValue::Ss(members.into_iter().collect()),
        Stored::NS(members) => AttributeValue::Ns(members.into_iter().map(number).collect::<Option<_>>()?),
        Stored::BS(members) => AttributeValue::Bs(members.into_iter().collect()),
        Stored::L(list) => AttributeValue::L(list.into_iter().map(attribute).collect::<Option<_>>()?),
        Stored::M(map) => AttributeValue::M(item(map)?),
    })
}

/// Whether a query goes on behind the last item of a table without a sort key. A partition of such a table
/// holds one item, so nothing is behind it, whatever the engine remembers of the query.
fn is_behind_the_only_item(request: &Value) -> bool {
    let start = request.get("ExclusiveStartKey").and_then(Value::as_object);
    request.get("IndexName").is_none_or(Value::is_null) && start.is_some_and(|key| key.len() == 1)
}

/// Makes of a page the empty last one.
fn end_of_query(page: &mut Value) {
    let Some(page) = page.as_object_mut() else { return };
    page.remove("LastEvaluatedKey");
    for (name, value) in page.iter_mut() {
        match name.as_str() {
            "Items" => *value = Value::Array(Vec::new()),
            "Count" | "ScannedCount" => *value = Value::from(0),
            _ => {}
        }
    }
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("without a text")
}

/// Whether the request nests deeper than any legal one; walks without calling itself.
fn too_deep(request: &Value) -> Option<&'static str> {
    let mut open = vec![(request, 0_usize, false)];
    while let Some((value, depth, expression)) = open.pop() {
        if depth > MAX_JSON_DEPTH {
            return Some("Nesting Levels have exceeded supported limits");
        }
        match value {
            Value::Array(list) => open.extend(list.iter().map(|item| (item, depth + 1, expression))),
            Value::Object(map) => open.extend(
                map.iter()
                    .map(|(key, item)| (item, depth + 1, key.ends_with("Expression") || key == "Statement")),
            ),
            Value::String(text) if expression && nests(text) => {
                return Some("Invalid expression: the expression nests too deeply");
            }
            _ => {}
        }
    }
    None
}

/// Whether an expression opens too many brackets, or negates too often, for a parser that calls itself.
fn nests(text: &str) -> bool {
    let mut depth = 0_usize;
    for byte in text.bytes() {
        match byte {
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > MAX_OPEN_BRACKETS {
            return true;
        }
    }
    text.split_ascii_whitespace().filter(|word| word.eq_ignore_ascii_case("not")).count() > 300
}

fn dispatch(database: &Database, operation: &str, body: &str) -> Result<Value, DynoxideError> {
    match operation {
        "CreateTable" => run(body, |request| database.create_table(request)),
        "DeleteTable" => run(body, |request| database.delete_table(request)),
        "DescribeTable" => run(body, |request| database.describe_table(request)),
        "UpdateTable" => run(body, |request| database.update_table(request)),
        "ListTables" => run(body, |request| database.list_tables(request)),
        "PutItem" => run(body, |request| database.put_item(request)),
        "GetItem" => run(body, |request| database.get_item(request)),
        "DeleteItem" => run(body, |request| database.delete_item(request)),
        "UpdateItem" => run(body, |request| database.update_item(request)),
        "Query" => run(body, |request| database.query(request)),
        "Scan" => run(body, |request| database.scan(request)),
        "BatchGetItem" => run(body, |request| database.batch_get_item(request)),
        "BatchWriteItem" => run(body, |request| database.batch_write_item(request)),
        "TransactWriteItems" => run(body, |request| database.transact_write_items(request)),
        "TransactGetItems" => run(body, |request| database.transact_get_items(request)),
        "UpdateTimeToLive" => run(body, |request| database.update_time_to_live(request)),
        "DescribeTimeToLive" => run(body, |request| database.describe_time_to_live(request)),
        "TagResource" => run(body, |request| database.tag_resource(request)),
        "UntagResource" => run(body, |request| database.untag_resource(request)),
        "ListTagsOfResource" => run(body, |request| database.list_tags_of_resource(request)),
        "ExecuteStatement" => run(body, |request| database.execute_statement(request)),
        "ExecuteTransaction" => run(body, |request| database.execute_transaction(request)),
        "BatchExecuteStatement" => run(body, |request| database.batch_execute_statement(request)),
        _ => Err(DynoxideError::UnsupportedCapability(operation.to_owned())),
    }
}

fn run<Q: DeserializeOwned, A: Serialize>(
    body: &str,
    call: impl FnOnce(Q) -> Result<A, DynoxideError>,
) -> Result<Value, DynoxideError> {
    let request = serde_json::from_str(body).map_err(|error| unreadable(&error.to_string()))?;
    let answer = call(request)?;
    serde_json::to_value(answer).map_err(|error| DynoxideError::InternalServerError(error.to_string()))
}

/// The error of a body that does not read as the operation's request. The engine marks what DynamoDB calls a
/// validation error by a prefix of the reader's message; a wrong JSON type is a serialization error.
fn unreadable(message: &str) -> DynoxideError {
    for mark in ["VALIDATION_REQUEST:", "VALIDATION_AS_READ:", "VALIDATION:"] {
        if let Some(rest) = message.strip_prefix(mark) {
            return DynoxideError::ValidationException(rest.to_owned());
        }
    }
    for mark in ["SERIALIZATION_AS_READ:", "SERIALIZATION:"] {
        if let Some(rest) = message.strip_prefix(mark) {
            return DynoxideError::SerializationException(rest.to_owned());
        }
    }
    let validation = [
        "missing field",
        "unknown variant",
        "invalid type: null",
        "empty AttributeValue",
        "Supplied AttributeValue",
        "recursion limit",
    ];
    if validation.iter().any(|part| message.contains(part)) {
        DynoxideError::ValidationException(message.to_owned())
    } else {
        DynoxideError::SerializationException(message.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn with_table() -> Embedded {
        let engine = Embedded::new();
        let reply = engine.call(
            "CreateTable",
            &json!({
                "TableName": "users",
                "AttributeDefinitions": [{ "AttributeName": "id", "AttributeType": "S" }],
                "KeySchema": [{ "AttributeName": "id", "KeyType": "HASH" }],
                "BillingMode": "PAY_PER_REQUEST",
            }),
        );
        assert_eq!(reply.status, 200, "{reply:?}");
        engine
    }

    #[test]
    fn a_stored_item_is_read_back() {
        let engine = with_table();
        let item = json!({ "id": { "S": "a" }, "n": { "N": "1" } });
        assert_eq!(engine.call("PutItem", &json!({ "TableName": "users", "Item": item })).status, 200);
        let request = json!({ "TableName": "users", "Key": { "id": { "S": "a" } } });
        assert_eq!(engine.call("GetItem", &request).body["Item"], item);
    }

    #[test]
    fn items_are_what_a_scan_answers() {
        let engine = with_table();
        let item = json!({
            "id": { "S": "a" }, "n": { "N": "12.50E+1" }, "b": { "B": "AP8=" }, "t": { "BOOL": true }, "z": { "NULL": true },
            "ss": { "SS": ["y", "x"] }, "ns": { "NS": ["2", "1.0"] }, "bs": { "BS": ["AQ==", "AA=="] },
            "l": { "L": [{ "M": { "k": { "L": [] } } }, { "S": "" }] },
        });
        for id in ["a", "b"] {
            let mut item = item.clone();
            item["id"]["S"] = json!(id);
            assert_eq!(engine.call("PutItem", &json!({ "TableName": "users", "Item": item })).status, 200);
        }
        let scanned = engine.call("Scan", &json!({ "TableName": "users" })).body;
        let read = |row: &Value| proofhouse_models::value::item_from_json(row).expect("an item");
        let mut scanned: Vec<Item> = scanned["Items"].as_array().expect("rows").iter().map(read).collect();
        let mut items = engine.items("users").expect("this way is there");
        scanned.sort();
        items.sort();
        assert_eq!(items, scanned);
        assert_eq!(items[0], read(&item), "stored as it was put");
        assert_eq!(engine.items("other"), None);
    }

    #[test]
    fn a_new_table_is_active_at_once() {
        let engine = with_table();
        let reply = engine.call("DescribeTable", &json!({ "TableName": "users" }));
        assert_eq!(reply.body["Table"]["TableStatus"], "ACTIVE");
    }

    #[test]
    fn clear_forgets_the_tables() {
        let engine = with_table();
        engine.clear();
        let reply = engine.call("DescribeTable", &json!({ "TableName": "users" }));
        assert_eq!(reply.error_name(), Some("ResourceNotFoundException"));
    }

    #[test]
    fn errors_carry_their_short_name() {
        let engine = with_table();
        let request = json!({
            "TableName": "users", "Item": { "id": { "S": "a" } }, "ConditionExpression": "attribute_exists(id)",
        });
        assert_eq!(engine.call("PutItem", &request).error_name(), Some("ConditionalCheckFailedException"));
        let request = json!({ "TableName": "users", "Item": { "id": { "S": "a", "N": "1" } } });
        assert_eq!(engine.call("PutItem", &request).error_name(), Some("ValidationException"));
        let request = json!({ "TableName": "users", "Item": { "id": { "S": 1 } } });
        assert_eq!(engine.call("PutItem", &request).error_name(), Some("SerializationException"));
        assert_eq!(engine.call("Nonsense", &json!({})).error_name(), Some("UnknownOperationException"));
    }

    #[test]
    fn a_query_behind_the_only_item_of_a_partition_ends() {
        let engine = with_table();
        let item = json!({ "id": { "S": "a" }, "n": { "N": "1" } });
        assert_eq!(engine.call("PutItem", &json!({ "TableName": "users", "Item": item })).status, 200);
        let mut request = json!({
            "TableName": "users", "Limit": 1, "KeyConditionExpression": "id = :id",
            "ExpressionAttributeValues": { ":id": { "S": "a" } },
        });
        let first = engine.call("Query", &request).body;
        assert_eq!(first["Items"], json!([item]));
        assert_eq!(first["LastEvaluatedKey"], json!({ "id": { "S": "a" } }));
        request["ExclusiveStartKey"] = first["LastEvaluatedKey"].clone();
        let second = engine.call("Query", &request).body;
        assert_eq!(second["Items"], json!([]), "{second}");
        assert_eq!(second["ScannedCount"], 0);
        assert_eq!(second.get("LastEvaluatedKey"), None);
    }

    #[test]
    fn ten_thousand_brackets_are_refused_and_the_process_lives() {
        let engine = with_table();
        let deep = format!("{}a = :v{}", "(".repeat(10_000), ")".repeat(10_000));
        let request = json!({
            "TableName": "users", "FilterExpression": deep, "ExpressionAttributeValues": { ":v": { "S": "" } },
        });
        assert_eq!(engine.call("Scan", &request).error_name(), Some("ValidationException"));
        let nots = format!("{}a = :v", "not ".repeat(1_000));
        let request = json!({
            "TableName": "users", "FilterExpression": nots, "ExpressionAttributeValues": { ":v": { "S": "" } },
        });
        assert_eq!(engine.call("Scan", &request).error_name(), Some("ValidationException"));
    }

    #[test]
    fn a_value_of_three_hundred_levels_is_refused_and_the_process_lives() {
        let engine = with_table();
        let mut value = json!({ "S": "x" });
        for _ in 0..300 {
            value = json!({ "L": [value] });
        }
        let request = json!({ "TableName": "users", "Item": { "id": { "S": "a" }, "v": value } });
        assert_eq!(engine.call("PutItem", &request).error_name(), Some("ValidationException"));
    }
}
