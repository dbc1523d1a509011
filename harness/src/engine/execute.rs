//! Runs a case: for each run a fresh table, the model, the starting items, then the program.
//!
//! The table is read behind the wire, straight from the backend, so that what a property sees is the
//! stored item itself and the target's requests stay the only ones on record.

use super::cursor;
use crate::backend::Backend;
use crate::case::{Case, Edit, Observation, Run, RunObservation, Start, Step, StepObservation};
use crate::target::{CallError, LaunchError, OWN_CLASS, Outcome, Target};
use crate::wire::{Exchange, Wire};
use proofhouse_models::mapper::{Call, ErrorKind, Model, Projection, expect};
use proofhouse_models::value::{AttributeValue, Item, item_from_json};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Starts the target anew, for runs that ask for a fresh process.
pub type Relaunch<'a> = Option<&'a dyn Fn() -> Result<Box<dyn Target>, LaunchError>>;

/// Runs every run of the case, repetitions included, each on a fresh table that is dropped afterwards.
///
/// A run that asks for a fresh target is refused where `relaunch` is `None` or fails.
pub fn execute(
    target: &mut Box<dyn Target>,
    wire: &Arc<Wire>,
    case: &Case,
    relaunch: Relaunch<'_>,
) -> Observation {
    let mut runs = Vec::new();
    let set_up = SetUp::new(&case.model);
    for (of, run) in case.runs.iter().enumerate() {
        for _ in 0..run.repeat.max(1) {
            if run.fresh {
                match relaunch.map(|launch| launch()) {
                    Some(Ok(fresh)) => *target = fresh,
                    Some(Err(error)) => {
                        runs.push(refused(of, error.to_string()));
                        continue;
                    }
                    None => {
                        runs.push(refused(of, "the target cannot be started anew".to_owned()));
                        continue;
                    }
                }
            }
            runs.push(execute_run(target.as_mut(), wire, &set_up, of, run));
        }
    }
    Observation { runs }
}

fn refused(of: usize, why: impl Into<Refusal>) -> RunObservation {
    let Refusal { why, broken } = why.into();
    RunObservation { of, refused: Some(why), broken, start: Vec::new(), steps: Vec::new() }
}

/// Why a run did not get to its program, and the call that the target did not answer, if that is why.
struct Refusal {
    why: String,
    broken: Option<(&'static str, CallError)>,
}

impl From<String> for Refusal {
    fn from(why: String) -> Self {
        Self { why, broken: None }
    }
}

impl Refusal {
    fn of(method: &'static str, error: CallError) -> Self {
        match &error {
            CallError::Reported { kind, message, .. } => Self::from(format!("{method}: {kind:?}: {message}")),
            CallError::Broken { how, detail } => {
                Self { why: format!("{method}: {how}: {detail}"), broken: Some((method, error)) }
            }
        }
    }
}

fn execute_run(
    target: &mut dyn Target,
    wire: &Arc<Wire>,
    set_up: &SetUp<'_>,
    of: usize,
    run: &Run,
) -> RunObservation {
    let (backend, model) = (wire.backend().as_ref(), set_up.model);
    let created = set_up.table.as_ref().map_err(Clone::clone).and_then(|request| create(backend, request));
    if let Err(why) = created {
        return refused(of, why);
    }
    wire.begin_run();
    let observed = match set_up.apply(target, backend, run) {
        Err(why) => refused(of, why),
        Ok(put) => {
            // A target may have written while it defined and marshaled; then the table says what is there.
            let alone = wire.overflow() == 0 && wire.take_exchanges().iter().all(Exchange::is_read);
            let start = match put {
                Some(put) if alone && backend.stores_what_is_put() => {
                    // In tests alone: elsewhere a late request of a target would end the run.
                    #[cfg(test)]
                    assert_eq!(
                        put,
                        stored_items(backend, model),
                        "the engine stores something else than was put"
                    );
                    put
                }
                _ => stored_items(backend, model),
            };
            target.take_log();
            wire.begin_run();
            let mut steps: Vec<StepObservation> = Vec::new();
            for step in &run.program {
                wire.begin_step();
                let outcome = call(target, step, &steps);
                let exchanges = wire.take_exchanges();
                // Where nothing was sent that writes, the table is as it was.
                let same = wire.overflow() == 0 && exchanges.iter().all(Exchange::is_read);
                let before = steps.last().map_or(&start, |last| &last.after);
                let after = if same {
                    before.clone()
                } else {
                    let known = (wire.overflow() == 0).then_some(exchanges.as_slice());
                    known
                        .and_then(|exchanges| written_items(backend, model, before, exchanges))
                        .unwrap_or_else(|| stored_items(backend, model))
                };
                steps.push(StepObservation { outcome, exchanges, after, log: target.take_log() });
            }
            RunObservation { of, refused: None, broken: None, start, steps }
        }
    };
    backend.call("DeleteTable", &json!({ "TableName": model.table }));
    observed
}

/// What comes before each run of a case, made once for all of them.
struct SetUp<'a> {
    model: &'a Model,
    /// The `CreateTable` request, or why there is none.
    table: Result<Value, String>,
    define: Value,
}

impl<'a> SetUp<'a> {
    fn new(model: &'a Model) -> Self {
        Self { model, table: table_request(model), define: json!({ "model": model }) }
    }

    /// Defines the model and puts the starting items. Gives what was put, sorted by key, unless an item does not read
    /// as one.
    fn apply(
        &self,
        target: &mut dyn Target,
        backend: &dyn Backend,
        run: &Run,
    ) -> Result<Option<Vec<Item>>, Refusal> {
        if target.capabilities().has("reset") {
            target.call("reset", &json!({})).map_err(|e| Refusal::of("reset", e))?;
        }
        target.call("define", &self.define).map_err(|e| Refusal::of("define", e))?;
        let mut put = Some(BTreeMap::new());
        for start in &run.start {
            let mut item = starting_item(target, self.model, start).map_err(|e| Refusal::of("marshal", e))?;
            item.extend(start.extra.iter().map(|(name, value)| (name.clone(), value.to_json())));
            let mut request = json!({ "TableName": self.model.table, "Item": null });
            request["Item"] = Value::Object(item);
            let reply = backend.call("PutItem", &request);
            if reply.status != 200 {
                return Err(format!("starting item: {}", reply.body).into());
            }
            put = put.zip(item_from_json(&request["Item"]).ok()).map(|(mut put, item)| {
                put.insert(expect::raw_key(self.model, &item), item);
                put
            });
        }
        Ok(put.map(|put| put.into_values().collect()))
    }
}

/// The item of a starting record as DynamoDB JSON.
fn starting_item(
    target: &mut dyn Target,
    model: &Model,
    start: &Start,
) -> Result<Map<String, Value>, CallError> {
    if !target.capabilities().has("marshal") {
        let item = expect::stored_item(model, &target.capabilities().contract, &start.record);
        return Ok(item.iter().map(|(name, value)| (name.clone(), value.to_json())).collect());
    }
    let mut params = json!({ "model": model.name, "record": start.record });
    if let Some(tenant) = &start.tenant {
        params["tenant"] = json!(tenant);
    }
    match target.call("marshal", &params)?.get_mut("item").map(Value::take) {
        // Whether it is an item is for the engine to say.
        Some(Value::Object(item)) => Ok(item),
        other => Err(CallError::Reported {
            kind: ErrorKind::Internal,
            message: format!("marshal answered no item: {}", other.unwrap_or_default()),
            class: String::new(),
            fields: Default::default(),
        }),
    }
}

/// One step: its parameters with the tenant and what it takes up of an earlier answer.
fn call(target: &mut dyn Target, step: &Step, earlier: &[StepObservation]) -> Outcome {
    let mut params = step.call.params();
    if let Some(tenant) = &step.tenant {
        params["tenant"] = json!(tenant);
    }
    if let Some(index) = step.reuse {
        let answer = earlier.get(index).and_then(|step| step.outcome.as_ref().ok());
        let taken = take_up(&step.call, &mut params, answer.unwrap_or(&Value::Null));
        if !taken || !step.edit.as_ref().is_none_or(|edit| edit_cursor(edit, &mut params, index, earlier)) {
            return Err(CallError::Reported {
                kind: ErrorKind::Unsupported,
                message: format!("step {} gave nothing to take up", index + 1),
                class: OWN_CLASS.to_owned(),
                fields: Default::default(),
            });
        }
    }
    target.call(step.call.method(), &params)
}

/// Changes the cursor in the parameters, which came from the step `index`; false where the change finds no place.
fn edit_cursor(edit: &Edit, params: &mut Value, index: usize, earlier: &[StepObservation]) -> bool {
    let edited = params["page"]["cursor"].as_str().and_then(|text| cursor::edit(text, edit, index, earlier));
    let Some(edited) = edited else { return false };
    params["page"]["cursor"] = Value::String(edited);
    true
}

/// Puts the record or the cursor of an earlier answer into the parameters; false where there is none.
fn take_up(call: &Call, params: &mut Value, answer: &Value) -> bool {
    if let Call::Query(_) | Call::Scan(_) = call {
        let Some(cursor) = answer.get("cursor").filter(|cursor| cursor.is_string()) else { return false };
        params["page"]["cursor"] = cursor.clone();
        return true;
    }
    let Some(record) = answer.get("record").and_then(Value::as_object) else { return false };
    let mut record = record.clone();
    match call {
        Call::Update(update) => {
            use proofhouse_models::mapper::Form;
            if matches!(update.form, Form::Patch | Form::Builder) {
                record.retain(|field, _| !update.key.contains_key(field));
                params["set"] = Value::Object(record);
            } else {
                params["record"] = Value::Object(record);
            }
        }
        _ => params["record"] = Value::Object(record),
    }
    true
}

/// Creates the model's table with its indexes; an older table of that name is dropped first.
///
/// # Errors
/// What the engine refuses, in words.
pub(super) fn create_table(backend: &dyn Backend, model: &Model) -> Result<(), String> {
    create(backend, &table_request(model)?)
}

fn create(backend: &dyn Backend, request: &Value) -> Result<(), String> {
    let mut reply = backend.call("CreateTable", request);
    if reply.error_name() == Some("ResourceInUseException") {
        backend.call("DeleteTable", &json!({ "TableName": request["TableName"] }));
        reply = backend.call("CreateTable", request);
    }
    if reply.status == 200 { Ok(()) } else { Err(format!("CreateTable: {}", reply.body)) }
}

/// The `CreateTable` request of a model: key types by the fields' types, indexes with their projections.
///
/// # Errors
/// The name of a key field that is not declared or whose type is no key.
pub fn table_request(model: &Model) -> Result<Value, String> {
    let mut defined: Vec<(String, &'static str)> = Vec::new();
    let mut schema = |partition: &str, sort: Option<&str>| -> Result<Value, String> {
        let mut keys = Vec::new();
        for (name, role) in std::iter::once((partition, "HASH")).chain(sort.map(|name| (name, "RANGE"))) {
            let field = model.field(name).ok_or_else(|| format!("key field {name} is not declared"))?;
            let kind = match &field.kind {
                proofhouse_models::mapper::FieldType::Option(inner) => inner.key_type(),
                kind => kind.key_type(),
            };
            let kind = kind.ok_or_else(|| format!("the type of {name} is no key"))?;
            if !defined.iter().any(|(known, _)| known == field.attribute()) {
                defined.push((field.attribute().to_owned(), kind));
            }
            keys.push(json!({ "AttributeName": field.attribute(), "KeyType": role }));
        }
        Ok(Value::Array(keys))
    };
    let mut request = json!({
        "TableName": model.table,
        "KeySchema": schema(&model.partition_key, model.sort_key.as_deref())?,
        "BillingMode": "PAY_PER_REQUEST",
    });
    let mut indexes = Vec::new();
    for index in &model.indexes {
        let projection = match &index.projection {
            Projection::All => json!({ "ProjectionType": "ALL" }),
            Projection::Keys => json!({ "ProjectionType": "KEYS_ONLY" }),
            Projection::Fields(fields) => {
                let names =
                    fields.iter().map(|name| model.field(name).map_or(name.as_str(), |f| f.attribute()));
                json!({ "ProjectionType": "INCLUDE", "NonKeyAttributes": names.collect::<Vec<_>>() })
            }
        };
        indexes.push(json!({
            "IndexName": index.name,
            "KeySchema": schema(&index.partition_key, index.sort_key.as_deref())?,
            "Projection": projection,
        }));
    }
    if !indexes.is_empty() {
        request["GlobalSecondaryIndexes"] = Value::Array(indexes);
    }
    let attributes =
        defined.iter().map(|(name, kind)| json!({ "AttributeName": name, "AttributeType": kind }));
    request["AttributeDefinitions"] = attributes.collect();
    Ok(request)
}

/// Every raw item of the model's table, sorted by key.
pub fn stored_items(backend: &dyn Backend, model: &Model) -> Vec<Item> {
    let mut items = backend.items(&model.table).unwrap_or_else(|| scanned_items(backend, &model.table));
    items.sort_by_cached_key(|item| expect::raw_key(model, item));
    items
}

/// The table after requests each of which can have changed the item of one key and no other, read by these keys where
/// the engine has a cheap way: no item else is read again. `None` where the table has to be read as a whole.
fn written_items(
    backend: &dyn Backend,
    model: &Model,
    before: &[Item],
    exchanges: &[Exchange],
) -> Option<Vec<Item>> {
    let mut items = before.to_vec();
    for exchange in exchanges.iter().filter(|exchange| !exchange.is_read()) {
        if exchange.request["TableName"] != *model.table {
            return None;
        }
        let written = match exchange.operation.as_str() {
            "PutItem" => &exchange.request["Item"],
            "UpdateItem" | "DeleteItem" => &exchange.request["Key"],
            _ => return None,
        };
        let mut key = Item::new();
        for field in model.key_fields() {
            let attribute = model.field(field)?.attribute();
            key.insert(attribute.to_owned(), AttributeValue::from_json(written.get(attribute)?).ok()?);
        }
        let now = backend.item(&model.table, &key)?;
        items.retain(|item| !key.iter().all(|(name, value)| item.get(name) == Some(value)));
        items.extend(now);
    }
    items.sort_by_cached_key(|item| expect::raw_key(model, item));
    // As for what was put: elsewhere a late request of a target would end the run.
    #[cfg(test)]
    assert_eq!(items, stored_items(backend, model), "a request changed another item than that of its key");
    Some(items)
}

fn scanned_items(backend: &dyn Backend, table: &str) -> Vec<Item> {
    let mut items = Vec::new();
    let mut from: Option<Value> = None;
    loop {
        let mut request = json!({ "TableName": table, "ConsistentRead": true });
        if let Some(key) = from {
            request["ExclusiveStartKey"] = key;
        }
        let reply = backend.call("Scan", &request);
        let rows = reply.body.get("Items").and_then(Value::as_array);
        items.extend(rows.into_iter().flatten().filter_map(|row| item_from_json(row).ok()));
        from = reply.body.get("LastEvaluatedKey").filter(|key| key.is_object()).cloned();
        if from.is_none() {
            return items;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::Embedded;
    use proofhouse_models::mapper::Capabilities;

    /// Writes an item of its own through the wire while it marshals another.
    struct Busy(Arc<Wire>, Capabilities);

    impl Target for Busy {
        fn capabilities(&self) -> &Capabilities {
            &self.1
        }

        fn call(&mut self, method: &str, _params: &Value) -> Outcome {
            if method != "marshal" {
                return Ok(json!({}));
            }
            self.0.handle("PutItem", &json!({ "TableName": "users", "Item": { "id": { "S": "own" } } }));
            Ok(json!({ "item": { "id": { "S": "a" } } }))
        }
    }

    #[test]
    fn what_a_target_writes_while_it_marshals_is_there_at_the_start() {
        let wire = Arc::new(Wire::new(Arc::new(Embedded::new())));
        let methods = ["define", "marshal"].map(str::to_owned).into();
        let capabilities = Capabilities { methods, ..Capabilities::default() };
        let mut target: Box<dyn Target> = Box::new(Busy(Arc::clone(&wire), capabilities));
        let case: Case = serde_json::from_value(json!({
            "model": { "name": "User", "table": "users", "partition_key": "id", "fields": [{ "name": "id", "type": "string" }] },
            "runs": [{ "start": [{ "record": { "id": { "S": "a" } } }], "program": [] }],
        }))
        .expect("a case");
        let observed = execute(&mut target, &wire, &case, None);
        assert_eq!(observed.runs[0].refused, None);
        assert_eq!(observed.runs[0].start.len(), 2, "{:?}", observed.runs[0].start);
    }

    /// Sends what a call's record holds, as it stands: the operation and its request.
    struct Sending(Arc<Wire>, Capabilities);

    impl Target for Sending {
        fn capabilities(&self) -> &Capabilities {
            &self.1
        }

        fn call(&mut self, method: &str, params: &Value) -> Outcome {
            if method == "put" {
                for request in params["record"]["requests"]["L"].as_array().into_iter().flatten() {
                    let request: Value = serde_json::from_str(request["S"].as_str().unwrap_or_default())
                        .expect("the test writes JSON");
                    self.0.handle(request[0].as_str().unwrap_or_default(), &request[1]);
                }
            }
            Ok(json!({}))
        }
    }

    #[test]
    fn the_table_after_a_write_is_what_a_scan_says() {
        let wire = Arc::new(Wire::new(Arc::new(Embedded::new())));
        let methods = ["define", "put"].map(str::to_owned).into();
        let capabilities = Capabilities { methods, ..Capabilities::default() };
        let mut target: Box<dyn Target> = Box::new(Sending(Arc::clone(&wire), capabilities));
        let key = |id: &str| json!({ "id": { "S": id } });
        let steps = [
            json!([["PutItem", { "TableName": "users", "Item": { "id": { "S": "b" }, "n": { "N": "1.0" } } }]]),
            json!([["UpdateItem", { "TableName": "users", "Key": key("a"), "UpdateExpression": "SET n = :n",
                "ExpressionAttributeValues": { ":n": { "N": "2" } } }]]),
            // Refused: nothing changes.
            json!([["PutItem", { "TableName": "users", "Item": key("c"), "ConditionExpression": "attribute_exists(id)" }]]),
            json!([["PutItem", { "TableName": "other", "Item": key("c") }]]),
            json!([
                ["DeleteItem", { "TableName": "users", "Key": key("a") }],
                ["PutItem", { "TableName": "users", "Item": key("0") }],
                ["DeleteItem", { "TableName": "users", "Key": key("none") }],
            ]),
            json!([["BatchWriteItem", { "RequestItems": { "users": [
                { "PutRequest": { "Item": key("d") } }, { "DeleteRequest": { "Key": key("0") } }] } }]]),
        ];
        let program = steps.map(|step| {
            let requests = step.as_array().into_iter().flatten();
            let requests: Vec<_> = requests.map(|request| json!({ "S": request.to_string() })).collect();
            let record = json!({ "requests": { "L": requests } });
            json!({ "method": "put", "params": { "model": "User", "record": record } })
        });
        let case: Case = serde_json::from_value(json!({
            "model": { "name": "User", "table": "users", "partition_key": "id", "fields": [{ "name": "id", "type": "string" }] },
            "runs": [{ "start": [{ "record": { "id": { "S": "a" } } }], "program": program }],
        }))
        .expect("a case");
        let observed = execute(&mut target, &wire, &case, None);
        assert_eq!(observed.runs[0].refused, None);
        let ids = |step: &StepObservation| -> Vec<String> {
            step.after
                .iter()
                .map(|item| item["id"].to_json()["S"].as_str().unwrap_or("?").to_owned())
                .collect()
        };
        let after: Vec<_> = observed.runs[0].steps.iter().map(ids).collect();
        assert_eq!(
            after,
            [vec!["a", "b"], vec!["a", "b"], vec!["a", "b"], vec!["a", "b"], vec!["0", "b"], vec!["b", "d"]]
        );
        let n = &observed.runs[0].steps[1].after[0]["n"];
        assert_eq!(*n, AttributeValue::number(2), "the update was read");
    }
}
