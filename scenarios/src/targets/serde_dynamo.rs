//! The target `serde_dynamo`: the AWS SDK with records through that library.
//!
//! It serialises and builds no expressions. The few that stand here are those of the SDK's own examples: a
//! `SET` for each attribute of a patch, and the key condition of a query.

use super::failure::{Result, failed, invalid, of_sdk, unsupported};
use super::sdk::{Sdk, SdkItem, attribute, item_from_sdk, item_to_sdk};
use super::typed::{RecordSeed, Typed, TypedRecord};
use crate::mapper::params;
use ::serde_dynamo::{AttributeValue as DynamoValue, Deserializer, to_attribute_value, to_item};
use aws_sdk_dynamodb::types::AttributeValue as SdkValue;
use proofhouse::target::{Launch, LaunchError, Outcome, Target};
use proofhouse::wire::Wire;
use proofhouse_models::mapper::call::{Key, Order, Update};
use proofhouse_models::mapper::contract::{AbsentInPatch, Contract, Features, Library, UpdateMissing};
use proofhouse_models::mapper::{
    Call, Capabilities, ErrorKind, FieldOrPath, FieldType, Form, Model, Operand, Query, Record, SortCondition,
};
use proofhouse_models::value::{AttributeValue, Item, item_to_json};
use serde::de::DeserializeSeed;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// Starts the target.
pub struct LaunchSerdeDynamo;

impl Launch for LaunchSerdeDynamo {
    fn name(&self) -> String {
        "serde_dynamo".to_owned()
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
    let types = "string bool bytes int8 int16 int32 int64 uint8 uint16 uint32 uint64 float64 list map set option struct";
    Capabilities {
        name: "serde_dynamo".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        language: "rust".to_owned(),
        library: Library { name: "serde_dynamo".to_owned(), version: "4.3.0".to_owned() },
        role: "mapper".to_owned(),
        methods: names("define create put get update delete query scan marshal unmarshal reset"),
        update_forms: vec![Form::Patch],
        types: names(types).into_iter().map(Value::from).collect(),
        conditions: Vec::new(),
        update_operands: Some(names("set remove")),
        features: Features {
            hostile_names: true,
            indexes: true,
            default: Some(false),
            omit_empty: Some(true),
            if_: Some(false),
            ..Features::default()
        },
        models: None,
        learned: Default::default(),
        contract: Contract {
            absent_in_patch: Some(AbsentInPatch::Keep),
            create_overwrites: Some(false),
            silent_scan: Some(false),
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
        let client = &self.sdk.client;
        match call {
            Call::Create(write) if write.condition.is_none() => {
                let model = self.model(&write.model)?;
                let partition = attribute(model, &model.partition_key)?;
                let request = client.put_item().table_name(&model.table);
                let request = request.condition_expression("attribute_not_exists(#pk)");
                let request = request.expression_attribute_names("#pk", partition);
                let request = request.set_item(Some(serialized(model, &write.record)?));
                let answer = self.sdk.run(request.send()).map_err(of_sdk);
                answer.map(|_| json!({})).map_err(|error| match error.kind() {
                    Some(ErrorKind::ConditionFailed) => {
                        let text = "The conditional request failed";
                        failed(ErrorKind::Duplicate, "ConditionalCheckFailedException", text)
                    }
                    _ => error,
                })
            }
            Call::Put(write) if write.condition.is_none() => {
                let model = self.model(&write.model)?;
                let request = client.put_item().table_name(&model.table);
                let request = request.set_item(Some(serialized(model, &write.record)?));
                self.sdk.run(request.send()).map_err(of_sdk)?;
                Ok(json!({}))
            }
            Call::Get { model, key, consistent } => {
                let model = self.model(&model)?;
                let request = client.get_item().table_name(&model.table).set_consistent_read(consistent);
                let request = request.set_key(Some(typed_key(model, &key)?));
                let answer = self.sdk.run(request.send()).map_err(of_sdk)?;
                let record = answer.item.map(|item| deserialized(model, item)).transpose()?;
                Ok(json!({ "record": record.as_ref().map(item_to_json) }))
            }
            Call::Delete { model, key, condition: None } => {
                let model = self.model(&model)?;
                let request = client.delete_item().table_name(&model.table);
                let request = request.set_key(Some(typed_key(model, &key)?));
                self.sdk.run(request.send()).map_err(of_sdk)?;
                Ok(json!({}))
            }
            Call::Update(update) if update.condition.is_none() => self.patch(&update),
            Call::Query(query) if query.filter.is_none() => self.query(&query),
            Call::Scan(scan) if scan.filter.is_none() && scan.select.is_none() && scan.page.is_none() => {
                let model = self.model(&scan.model)?;
                let request = client.scan().table_name(&model.table).set_index_name(scan.index);
                let items = self
                    .sdk
                    .run(request.into_paginator().items().send().collect::<std::result::Result<Vec<_>, _>>());
                rows(model, items.map_err(of_sdk)?, scan.limit)
            }
            Call::Marshal { model, record } => {
                let item = serialized(self.model(&model)?, &record)?;
                Ok(json!({ "item": item_to_json(&item_from_sdk(&item)?) }))
            }
            Call::Unmarshal { model, item, .. } => {
                let record = deserialized(self.model(&model)?, item_to_sdk(&item))?;
                Ok(json!({ "record": item_to_json(&record) }))
            }
            _ => Err(unsupported("the library has no call for this")),
        }
    }

    /// `SET` and `REMOVE` for each attribute that a patch mentions; `None` is left alone.
    fn patch(&self, update: &Update) -> Outcome {
        let model = self.model(&update.model)?;
        if update.form != Form::Patch {
            return Err(unsupported("only a patch"));
        }
        let (mut sets, mut removes) = (Vec::new(), Vec::new());
        let (mut names, mut values) = (HashMap::new(), HashMap::new());
        for (name, operand) in &update.set {
            let Some(value) = operand.value() else { continue };
            let field = model.field(name).ok_or_else(|| invalid("no field has this name"))?;
            let one = Record::from([(name.clone(), Operand::Value(value.clone()))]);
            let number = names.len();
            names.insert(format!("#n{number}"), field.attribute().to_owned());
            match serialized(model, &one)?.remove(field.attribute()) {
                Some(value) => {
                    sets.push(format!("#n{number} = :v{number}"));
                    values.insert(format!(":v{number}"), value);
                }
                None => removes.push(format!("#n{number}")),
            }
        }
        for entry in &update.remove {
            let name = match entry {
                FieldOrPath::Field(name) => name.as_str(),
                FieldOrPath::Path(path) if path.0.len() == 1 => path.root(),
                FieldOrPath::Path(_) => return Err(unsupported("only whole attributes are removed")),
            };
            let number = names.len();
            names.insert(format!("#n{number}"), attribute(model, name)?.to_owned());
            removes.push(format!("#n{number}"));
        }
        let clauses = [("SET", sets), ("REMOVE", removes)];
        let clauses = clauses.iter().filter(|(_, parts)| !parts.is_empty());
        let text = clauses.map(|(word, parts)| format!("{word} {}", parts.join(", "))).collect::<Vec<_>>();
        let text = (!text.is_empty()).then(|| text.join(" "));
        let request = self.sdk.client.update_item().table_name(&model.table).set_update_expression(text);
        let request = request.set_key(Some(typed_key(model, &update.key)?));
        let request = request.set_expression_attribute_names((!names.is_empty()).then_some(names));
        let request = request.set_expression_attribute_values((!values.is_empty()).then_some(values));
        self.sdk.run(request.send()).map_err(of_sdk)?;
        Ok(json!({}))
    }

    fn query(&self, query: &Query) -> Outcome {
        let model = self.model(&query.model)?;
        if query.select.is_some() || query.page.is_some() {
            return Err(unsupported("whole records, all pages"));
        }
        let sort_key = match query.index.as_deref() {
            None => model.sort_key.as_deref(),
            Some(index) => model.index(index).and_then(|index| index.sort_key.as_deref()),
        };
        let mut request = self.sdk.client.query().table_name(&model.table);
        let mut texts = Vec::new();
        for (name, value) in &query.partition {
            texts.push("#pk = :pk".to_owned());
            request = request.expression_attribute_names("#pk", attribute(model, name)?);
            request = request.expression_attribute_values(":pk", typed_field(model, name, value_of(value)?)?);
        }
        if let Some(sort) = &query.sort {
            let name = sort_key.ok_or_else(|| invalid("there is no sort key"))?;
            let (text, operands) = match sort {
                SortCondition::Eq(v) => ("#sk = :a", vec![v]),
                SortCondition::Lt(v) => ("#sk < :a", vec![v]),
                SortCondition::Le(v) => ("#sk <= :a", vec![v]),
                SortCondition::Gt(v) => ("#sk > :a", vec![v]),
                SortCondition::Ge(v) => ("#sk >= :a", vec![v]),
                SortCondition::BeginsWith(v) => ("begins_with(#sk, :a)", vec![v]),
                SortCondition::Between(low, high) => ("#sk BETWEEN :a AND :b", vec![low, high]),
            };
            texts.push(text.to_owned());
            request = request.expression_attribute_names("#sk", attribute(model, name)?);
            for (holder, value) in [":a", ":b"].into_iter().zip(operands) {
                request =
                    request.expression_attribute_values(holder, typed_field(model, name, value_of(value)?)?);
            }
        }
        let request =
            request.key_condition_expression(texts.join(" AND ")).set_index_name(query.index.clone());
        let request = request.set_scan_index_forward(query.order.map(|order| order == Order::Asc));
        let items = request.into_paginator().items().send().collect::<std::result::Result<Vec<_>, _>>();
        rows(model, self.sdk.run(items).map_err(of_sdk)?, query.limit)
    }
}

/// `String` and the like have no way to say "no value".
fn value_of(operand: &Operand) -> Result<&AttributeValue> {
    operand.value().ok_or_else(|| unsupported("a key is a value"))
}

fn rows(model: &Model, mut items: Vec<SdkItem>, limit: Option<u64>) -> Outcome {
    items.truncate(limit.map_or(usize::MAX, |limit| usize::try_from(limit).unwrap_or(usize::MAX)));
    let records = items.into_iter().map(|item| deserialized(model, item)).collect::<Result<Vec<Item>>>()?;
    let mut answer = Map::new();
    answer.insert("records".to_owned(), records.iter().map(item_to_json).collect());
    Ok(Value::Object(answer))
}

fn encode_error(error: ::serde_dynamo::Error) -> proofhouse::target::CallError {
    failed(ErrorKind::Encode, "serde_dynamo::Error", error.to_string())
}

fn decode_error(error: ::serde_dynamo::Error) -> proofhouse::target::CallError {
    failed(ErrorKind::Decode, "serde_dynamo::Error", error.to_string())
}

/// A record through the library's serializer.
fn serialized(model: &Model, record: &Record) -> Result<SdkItem> {
    to_item(TypedRecord { model, record }).map_err(encode_error)
}

/// An item through the library's deserializer.
fn deserialized(model: &Model, item: SdkItem) -> Result<Item> {
    let value = DynamoValue::M(item.into_iter().map(|(name, value)| (name, value.into())).collect());
    RecordSeed(model).deserialize(Deserializer::from_attribute_value(value)).map_err(decode_error)
}

fn typed_key(model: &Model, key: &Key) -> Result<SdkItem> {
    key.iter()
        .map(|(name, value)| Ok((attribute(model, name)?.to_owned(), typed_field(model, name, value)?)))
        .collect()
}

fn typed_field(model: &Model, name: &str, value: &AttributeValue) -> Result<SdkValue> {
    let field = model.field(name).ok_or_else(|| invalid("no field has this name"))?;
    let kind: &FieldType = &field.kind;
    to_attribute_value(Typed { kind, value }).map_err(encode_error)
}
