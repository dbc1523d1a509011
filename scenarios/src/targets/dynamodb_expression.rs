//! The target `dynamodb-expression`: the AWS SDK with all expressions built by that library.
//!
//! It builds expressions and maps nothing, so values go to the SDK as they are.

use super::expressions::{condition, key_condition, update};
use super::failure::{Result, failed, invalid, of_sdk, unsupported};
use super::sdk::{
    Sdk, SdkItem, attribute, item_from_sdk, item_to_sdk, key_to_sdk, record_from_sdk, record_to_sdk,
};
use crate::mapper::params;
use dynamodb_expression::path::Name;
use dynamodb_expression::{Expression, Path};
use proofhouse::target::{Launch, LaunchError, Outcome, Target};
use proofhouse::wire::Wire;
use proofhouse_models::mapper::call::{Action, Key, Order, Page, Update};
use proofhouse_models::mapper::contract::{ConditionCombination, Contract, Features, Library, UpdateMissing};
use proofhouse_models::mapper::{
    Call, Capabilities, Condition, ErrorKind, FieldOrPath, Form, Model, Query, Record, Scan, Write,
};
use proofhouse_models::value::{Item, item_from_json, item_to_json};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Starts the target.
pub struct LaunchDynamodbExpression;

impl Launch for LaunchDynamodbExpression {
    fn name(&self) -> String {
        "dynamodb-expression".to_owned()
    }

    fn launch(&self, wire: &Arc<Wire>, _: u64) -> std::result::Result<Box<dyn Target>, LaunchError> {
        Ok(Box::new(Adapter { sdk: Sdk::new(wire)?, capabilities: capabilities(), models: BTreeMap::new() }))
    }
}

struct Adapter {
    sdk: Sdk,
    capabilities: Capabilities,
    models: BTreeMap<String, Model>,
}

fn capabilities() -> Capabilities {
    let names = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
    Capabilities {
        name: "dynamodb-expression".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        language: "rust".to_owned(),
        library: Library { name: "dynamodb-expression".to_owned(), version: "0.2.0-beta.11".to_owned() },
        role: "mapper".to_owned(),
        methods: names("define create put get update delete query scan transact build reset"),
        update_forms: vec![Form::Patch, Form::Builder],
        types: names("string bool bytes int64 decimal any list map set option")
            .into_iter()
            .map(Value::from)
            .collect(),
        conditions: names(
            "and or not eq ne lt le gt ge between in begins_with contains exists not_exists type size",
        ),
        update_operands: Some(names("set remove add delete_from_set append prepend set_path")),
        features: Features {
            hostile_names: true,
            indexes: true,
            default: Some(false),
            omit_empty: Some(false),
            if_: Some(true),
            ..Features::default()
        },
        models: None,
        learned: Default::default(),
        contract: Contract {
            create_overwrites: Some(false),
            silent_scan: Some(false),
            condition_combination: Some(ConditionCombination::Grouped),
            update_missing: Some(UpdateMissing::Create),
            ..Contract::default()
        },
    }
}

impl Target for Adapter {
    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    fn call(&mut self, method: &str, params: &Value) -> Outcome {
        let whole = json!({ "method": method, "params": params });
        let call: Call = params::read_call(&whole).map_err(crate::mapper::Failure::reported)?;
        match call {
            Call::Define { model } => {
                self.models.insert(model.name.clone(), model);
                Ok(json!({}))
            }
            Call::Reset {} => Ok(json!({})),
            call => self.run(call),
        }
    }
}

impl Adapter {
    fn model(&self, name: &str) -> Result<&Model> {
        self.models.get(name).ok_or_else(|| invalid("no model has this name"))
    }

    fn run(&self, call: Call) -> Outcome {
        match call {
            Call::Create(write) => self.create(&write),
            Call::Put(write) => {
                let model = self.model(&write.model)?;
                let condition = write.condition.as_ref().map(|tree| condition(model, tree)).transpose()?;
                self.put(model, &write.record, condition)
            }
            Call::Get { model, key, consistent } => {
                let model = self.model(&model)?;
                let request = self.sdk.client.get_item().table_name(&model.table);
                let request = request.set_key(Some(key_to_sdk(model, &key)?)).set_consistent_read(consistent);
                let answer = self.sdk.run(request.send()).map_err(of_sdk)?;
                let record = answer.item.map(|item| record_from_sdk(model, &item)).transpose()?;
                Ok(json!({ "record": record.as_ref().map(item_to_json) }))
            }
            Call::Update(update) => {
                let model = self.model(&update.model)?;
                let request = update_expression(model, &update)?.update_item(&self.sdk.client);
                let request = request.table_name(&model.table).set_key(Some(key_to_sdk(model, &update.key)?));
                self.sdk.run(request.send()).map_err(of_sdk)?;
                Ok(json!({}))
            }
            Call::Delete { model, key, condition } => {
                let model = self.model(&model)?;
                let request = guard(model, condition.as_ref())?.delete_item(&self.sdk.client);
                let request = request.table_name(&model.table).set_key(Some(key_to_sdk(model, &key)?));
                self.sdk.run(request.send()).map_err(of_sdk)?;
                Ok(json!({}))
            }
            Call::Query(query) => self.query(&query),
            Call::Scan(scan) => self.scan(&scan),
            Call::Transact { actions } => self.transact(&actions),
            Call::Build { model, kind, params } => self.build(&model, &kind, &params),
            _ => Err(unsupported("the library has no call for this")),
        }
    }

    fn create(&self, write: &Write) -> Outcome {
        let model = self.model(&write.model)?;
        let partition = attribute(model, &model.partition_key)?;
        let mut guard = Path::new_name(partition).attribute_not_exists();
        if let Some(tree) = &write.condition {
            guard = guard.and(condition(model, tree)?);
        }
        self.put(model, &write.record, Some(guard)).map_err(|error| match error.kind() {
            Some(ErrorKind::ConditionFailed) if write.condition.is_none() => failed(
                ErrorKind::Duplicate,
                "ConditionalCheckFailedException",
                "The conditional request failed",
            ),
            _ => error,
        })
    }

    fn put(
        &self,
        model: &Model,
        record: &Record,
        condition: Option<dynamodb_expression::condition::Condition>,
    ) -> Outcome {
        let mut builder = Expression::builder();
        if let Some(condition) = condition {
            builder = builder.with_condition(condition);
        }
        let request = builder.build().put_item(&self.sdk.client).table_name(&model.table);
        let request = request.set_item(Some(record_to_sdk(model, record)?));
        self.sdk.run(request.send()).map_err(of_sdk)?;
        Ok(json!({}))
    }

    fn query(&self, query: &Query) -> Outcome {
        let model = self.model(&query.model)?;
        let expression = query_expression(model, query)?;
        let request = expression.query(&self.sdk.client).table_name(&model.table);
        let request = request.set_index_name(query.index.clone());
        let request = request.set_scan_index_forward(query.order.map(|order| order == Order::Asc));
        let (size, start) = page(query.page.as_ref(), query.limit)?;
        let request = request.set_limit(size).set_exclusive_start_key(start);
        if query.page.is_some() {
            let answer = self.sdk.run(request.send()).map_err(of_sdk)?;
            return rows(model, answer.items.unwrap_or_default(), answer.last_evaluated_key);
        }
        let limit = query.limit.map_or(usize::MAX, |limit| usize::try_from(limit).unwrap_or(usize::MAX));
        let items = self.sdk.run(async {
            let mut stream = request.into_paginator().items().send();
            let mut items = Vec::new();
            while items.len() < limit
                && let Some(item) = stream.next().await
            {
                items.push(item.map_err(of_sdk)?);
            }
            Ok(items)
        })?;
        rows(model, items, None)
    }

    fn scan(&self, scan: &Scan) -> Outcome {
        let model = self.model(&scan.model)?;
        let request = scan_expression(model, scan)?.scan(&self.sdk.client).table_name(&model.table);
        let request = request.set_index_name(scan.index.clone());
        let (size, start) = page(scan.page.as_ref(), scan.limit)?;
        let request = request.set_limit(size).set_exclusive_start_key(start);
        if scan.page.is_some() {
            let answer = self.sdk.run(request.send()).map_err(of_sdk)?;
            return rows(model, answer.items.unwrap_or_default(), answer.last_evaluated_key);
        }
        let limit = scan.limit.map_or(usize::MAX, |limit| usize::try_from(limit).unwrap_or(usize::MAX));
        let items = self.sdk.run(async {
            let mut stream = request.into_paginator().items().send();
            let mut items = Vec::new();
            while items.len() < limit
                && let Some(item) = stream.next().await
            {
                items.push(item.map_err(of_sdk)?);
            }
            Ok(items)
        })?;
        rows(model, items, None)
    }

    fn transact(&self, actions: &[Action]) -> Outcome {
        use aws_sdk_dynamodb::types::TransactWriteItem;
        let built = |error: aws_sdk_dynamodb::error::BuildError| {
            failed(ErrorKind::Validation, "BuildError", error.to_string())
        };
        let mut request = self.sdk.client.transact_write_items();
        for action in actions {
            let item = TransactWriteItem::builder();
            let item = match action {
                Action::Put(write) => {
                    let model = self.model(&write.model)?;
                    let put = guard(model, write.condition.as_ref())?.to_put_builder();
                    let put =
                        put.table_name(&model.table).set_item(Some(record_to_sdk(model, &write.record)?));
                    item.put(put.build().map_err(built)?)
                }
                Action::Update(update) => {
                    let model = self.model(&update.model)?;
                    let built_update = update_expression(model, update)?.to_update_builder();
                    let built_update = built_update.table_name(&model.table);
                    let built_update = built_update.set_key(Some(key_to_sdk(model, &update.key)?));
                    item.update(built_update.build().map_err(built)?)
                }
                Action::Delete { model, key, condition } => {
                    let model = self.model(model)?;
                    let delete = guard(model, condition.as_ref())?.to_delete_builder();
                    let delete = delete.table_name(&model.table).set_key(Some(key_to_sdk(model, key)?));
                    item.delete(delete.build().map_err(built)?)
                }
                Action::Check { model, key, condition } => {
                    let model = self.model(model)?;
                    let check = guard(model, Some(condition))?.to_condition_check_builder();
                    let check = check.table_name(&model.table).set_key(Some(key_to_sdk(model, key)?));
                    item.condition_check(check.build().map_err(built)?)
                }
            };
            request = request.transact_items(item.build());
        }
        self.sdk.run(request.send()).map_err(of_sdk)?;
        Ok(json!({}))
    }

    fn build(&self, model: &str, kind: &str, inner: &Value) -> Outcome {
        let model = self.model(model)?;
        let mut inner = inner.clone();
        inner["model"] = json!(model.name);
        let mut request = Map::new();
        request.insert("TableName".to_owned(), json!(model.table));
        let whole = json!({ "method": kind, "params": inner });
        let call: Call = params::read_call(&whole).map_err(crate::mapper::Failure::reported)?;
        let expression = match &call {
            Call::Put(write) => {
                let item = item_from_sdk(&record_to_sdk(model, &write.record)?)?;
                request.insert("Item".to_owned(), item_to_json(&item));
                guard(model, write.condition.as_ref())?
            }
            Call::Update(update) => {
                request.insert("Key".to_owned(), key_json(model, &update.key)?);
                update_expression(model, update)?
            }
            Call::Delete { key, condition, .. } => {
                request.insert("Key".to_owned(), key_json(model, key)?);
                guard(model, condition.as_ref())?
            }
            Call::Query(query) => {
                request.extend(query.index.iter().map(|index| ("IndexName".to_owned(), json!(index))));
                query_expression(model, query)?
            }
            Call::Scan(scan) => {
                request.extend(scan.index.iter().map(|index| ("IndexName".to_owned(), json!(index))));
                scan_expression(model, scan)?
            }
            _ => return Err(unsupported("this kind is not built")),
        };
        write_expression(&mut request, expression)?;
        Ok(json!({ "request": request }))
    }
}

fn guard(model: &Model, tree: Option<&Condition>) -> Result<Expression> {
    let mut builder = Expression::builder();
    if let Some(tree) = tree {
        builder = builder.with_condition(condition(model, tree)?);
    }
    Ok(builder.build())
}

fn update_expression(model: &Model, call: &Update) -> Result<Expression> {
    if call.record.is_some() {
        return Err(unsupported("the library knows no records"));
    }
    let mut builder = Expression::builder();
    if let Some(changes) = update(model, call)? {
        builder = builder.with_update(changes);
    }
    if let Some(tree) = &call.condition {
        builder = builder.with_condition(condition(model, tree)?);
    }
    Ok(builder.build())
}

fn query_expression(model: &Model, query: &Query) -> Result<Expression> {
    let mut builder = Expression::builder().with_key_condition(key_condition(model, query)?);
    if let Some(filter) = &query.filter {
        builder = builder.with_filter(condition(model, filter)?);
    }
    if let Some(select) = &query.select {
        builder = builder.with_projection(selected(model, select)?);
    }
    Ok(builder.build())
}

fn scan_expression(model: &Model, scan: &Scan) -> Result<Expression> {
    let mut builder = Expression::builder();
    if let Some(filter) = &scan.filter {
        builder = builder.with_filter(condition(model, filter)?);
    }
    if let Some(select) = &scan.select {
        builder = builder.with_projection(selected(model, select)?);
    }
    Ok(builder.build())
}

/// The library projects whole attributes only.
fn selected(model: &Model, select: &[FieldOrPath]) -> Result<Vec<Name>> {
    let names = select.iter().map(|entry| match entry {
        FieldOrPath::Field(name) => Ok(Name::from(attribute(model, name)?)),
        FieldOrPath::Path(path) if path.0.len() == 1 => Ok(Name::from(attribute(model, path.root())?)),
        FieldOrPath::Path(_) => Err(unsupported("only whole attributes are projected")),
    });
    names.collect()
}

/// Page size and start of one page. The SDK's limit counts rows before the filter: there is no other.
fn page(page: Option<&Page>, limit: Option<u64>) -> Result<(Option<i32>, Option<SdkItem>)> {
    let Some(page) = page else { return Ok((None, None)) };
    if limit.is_some() {
        return Err(unsupported("a limit within a page"));
    }
    let start = page.cursor.as_deref().map(|cursor| {
        let key: Value = serde_json::from_str(cursor).map_err(|_| invalid("not a cursor"))?;
        item_from_json(&key).map(|key| item_to_sdk(&key)).map_err(|_| invalid("not a cursor"))
    });
    let size = page.size.map(|size| i32::try_from(size).unwrap_or(i32::MAX));
    Ok((size, start.transpose()?))
}

fn rows(model: &Model, items: Vec<SdkItem>, last: Option<SdkItem>) -> Outcome {
    let records = items.iter().map(|item| record_from_sdk(model, item)).collect::<Result<Vec<Item>>>()?;
    let mut answer = Map::new();
    answer.insert("records".to_owned(), records.iter().map(item_to_json).collect());
    if let Some(last) = last {
        answer.insert("cursor".to_owned(), json!(item_to_json(&item_from_sdk(&last)?).to_string()));
    }
    Ok(Value::Object(answer))
}

fn key_json(model: &Model, key: &Key) -> Result<Value> {
    Ok(item_to_json(&item_from_sdk(&key_to_sdk(model, key)?)?))
}

fn write_expression(request: &mut Map<String, Value>, expression: Expression) -> Result<()> {
    let texts = [
        ("ConditionExpression", expression.condition_expression),
        ("KeyConditionExpression", expression.key_condition_expression),
        ("UpdateExpression", expression.update_expression),
        ("FilterExpression", expression.filter_expression),
        ("ProjectionExpression", expression.projection_expression),
    ];
    for (name, text) in texts {
        request.extend(text.map(|text| (name.to_owned(), json!(text))));
    }
    if let Some(names) = expression.expression_attribute_names {
        let names: BTreeMap<_, _> = names.into_iter().collect();
        request.insert("ExpressionAttributeNames".to_owned(), json!(names));
    }
    if let Some(values) = expression.expression_attribute_values {
        request.insert("ExpressionAttributeValues".to_owned(), item_to_json(&item_from_sdk(&values)?));
    }
    Ok(())
}
