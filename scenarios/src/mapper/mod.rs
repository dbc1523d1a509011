//! A correct mapper, in process: the control that every property has to pass.
//!
//! It is written from the target protocol alone and shares nothing with the specification that judges
//! it. Each choice that the protocol leaves to a mapper is a switch of [`Options`]; [`variants`] names one
//! mapper for each. The same code carries the planted bugs of [`crate::mutants`].
//!
//! | module | holds |
//! |---|---|
//! | `options` | the switches, what a mapper says of itself, the named variants |
//! | `params` | parameters as they come from the protocol |
//! | `schema` | a defined model, paths into it |
//! | `scope` | what one call works with |
//! | `legal` | what DynamoDB takes as a value |
//! | `encode`, `decode` | records to items and back |
//! | `cipher`, `tenant` | encrypted fields, pooled tenants |
//! | `expression`, `condition` | placeholders, trees of conditions |
//! | `write`, `update`, `read`, `batch`, `transact` | the methods |
//! | `cursor` | pages |
//! | `send` | retries, the engine's errors as kinds |
//! | `failure` | errors that carry no value |

mod batch;
mod cipher;
mod condition;
mod cursor;
mod decode;
mod encode;
mod expression;
pub mod failure;
mod legal;
mod options;
pub mod params;
mod read;
mod schema;
mod scope;
mod send;
mod tenant;
#[cfg(test)]
mod tests;
mod transact;
mod update;
mod write;

pub use failure::Failure;
pub use options::{Options, variants};
pub use send::OnFailure;

use crate::mutants::{self, Bug};
use cipher::Cipher;
use failure::Result;
use proofhouse::target::{Launch, LaunchError, Outcome, Target};
use proofhouse::wire::Wire;
use proofhouse_models::mapper::call::{Action, Key};
use proofhouse_models::mapper::{Capabilities, Condition, Model, Query, Record, Scan, Update, Write};
use proofhouse_models::value::{AttributeValue, Item, item_to_json};
use schema::Schema;
use scope::Scope;
use send::{Prepared, Sender};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;
use tenant::Tenant;
use transact::Transaction;

/// A mapper at work.
pub struct Mapper {
    options: Options,
    bug: Option<Bug>,
    capabilities: Capabilities,
    wire: Arc<Wire>,
    cipher: Cipher,
    models: BTreeMap<String, Schema>,
    log: String,
    /// The tenant of the call before, which a planted bug remembers.
    last_tenant: RefCell<Option<String>>,
    /// What was read last under a key, which a planted bug answers to anyone.
    cache: BTreeMap<String, Value>,
}

#[derive(Deserialize)]
struct Define {
    model: Model,
}

#[derive(Deserialize)]
struct OfKey {
    key: Key,
    consistent: Option<bool>,
    #[serde(rename = "if")]
    condition: Option<Condition>,
}

#[derive(Deserialize)]
struct OfKeys {
    keys: Vec<Key>,
}

#[derive(Deserialize)]
struct OfRecords {
    records: Vec<Record>,
}

#[derive(Deserialize)]
struct OfRecord {
    record: Record,
}

#[derive(Deserialize)]
struct OfItem {
    item: Item,
}

#[derive(Deserialize)]
struct Build {
    kind: String,
    params: Value,
}

impl Mapper {
    /// A mapper in front of a wire.
    pub fn new(name: &str, options: Options, bug: Option<Bug>, wire: &Arc<Wire>, seed: u64) -> Self {
        let mut capabilities = options.capabilities(name);
        if let Some(bug) = bug {
            mutants::tamper_capabilities(bug, &mut capabilities);
        }
        let cipher = Cipher::new(options.encryption, seed);
        Self {
            options,
            bug,
            capabilities,
            wire: Arc::clone(wire),
            cipher,
            models: BTreeMap::new(),
            log: String::new(),
            last_tenant: RefCell::new(None),
            cache: BTreeMap::new(),
        }
    }

    fn run(&mut self, method: &str, params: &Value) -> Result<Value> {
        match method {
            "define" => self.define(params),
            "reset" => {
                self.cache.clear();
                Ok(json!({}))
            }
            "transact" => self.transact(params),
            _ => {
                let schema = self.schema(params)?;
                let tenant = self.tenant(schema, params)?;
                let sender = Sender::new(&self.wire, self.bug);
                self.scope(schema, tenant.as_ref()).perform(method, params, &sender)
            }
        }
    }

    fn define(&mut self, params: &Value) -> Result<Value> {
        let Define { model } = params::read(params)?;
        let schema = Schema::new(model, &self.options)?;
        self.models.insert(schema.model.name.clone(), schema);
        Ok(json!({}))
    }

    fn transact(&self, params: &Value) -> Result<Value> {
        let actions = params.get("actions").and_then(Value::as_array);
        let actions = actions.ok_or_else(|| Failure::validation("a transaction has actions"))?;
        let mut transaction = Transaction::default();
        for action in actions {
            let inner = action.as_object().and_then(|action| action.iter().next());
            let (name, inner) = inner.ok_or_else(|| Failure::validation("an action has one name"))?;
            let schema = self.schema(inner)?;
            let tenant = self.tenant(schema, params)?;
            // Read like the method of its name, so that nulls and absent members mean the same.
            let action: Action = match name.as_str() {
                "put" => Action::Put(params::read(inner)?),
                "update" => Action::Update(params::read(inner)?),
                _ => params::read(action)?,
            };
            self.scope(schema, tenant.as_ref()).transact(&action, &mut transaction)?;
        }
        transaction.send(&Sender::new(&self.wire, self.bug))
    }

    fn schema(&self, params: &Value) -> Result<&Schema> {
        let name = params.get("model").and_then(Value::as_str);
        let schema = name.and_then(|name| self.models.get(name));
        schema.ok_or_else(|| Failure::validation("no model has this name"))
    }

    /// The tenant of a call; none where mapper or model have no tenants. Fails closed.
    fn tenant(&self, schema: &Schema, params: &Value) -> Result<Option<Tenant>> {
        if !self.options.tenancy || !schema.has_tenants() {
            return Ok(None);
        }
        let name = params.get("tenant").and_then(Value::as_str).map(str::to_owned);
        let name = match (self.bug, name) {
            (Some(Bug::NoTenantAllowed), None) => return Ok(None),
            (Some(Bug::TransactWithoutTenant), Some(name)) if name.is_empty() => {
                return if params.get("actions").is_some() {
                    Ok(None)
                } else {
                    Tenant::new(None, None).map(Some)
                };
            }
            (Some(Bug::CursorBringsTenant), None) => tenant_in_cursor(schema, params),
            (Some(Bug::LastTenantRemembered), None) => self.last_tenant.borrow().clone(),
            (_, name) => name,
        };
        self.last_tenant.borrow_mut().clone_from(&name);
        Tenant::new(name.as_deref(), self.bug).map(Some)
    }

    /// [`Bug::CacheWithoutTenant`]: keeps what a get finds, and answers it where another finds nothing.
    fn cached(&mut self, params: &Value, answer: &mut Value) {
        let key = params["key"].to_string();
        if answer["record"].is_object() {
            self.cache.insert(key, answer.clone());
        } else if let Some(known) = self.cache.get(&key) {
            answer.clone_from(known);
        }
    }

    fn scope<'a>(&'a self, schema: &'a Schema, tenant: Option<&'a Tenant>) -> Scope<'a> {
        Scope { options: &self.options, bug: self.bug, schema, tenant, cipher: &self.cipher }
    }
}

impl Scope<'_> {
    fn perform(&self, method: &str, params: &Value, sender: &Sender<'_>) -> Result<Value> {
        match method {
            "create" | "put" | "delete" | "update" => {
                sender.send(self.prepare(method, params)?)?;
                Ok(json!({}))
            }
            "get" => {
                let of: OfKey = params::read(params)?;
                let answer = sender.send(self.get(&of.key, of.consistent.unwrap_or(false))?)?;
                let record = match answer.get("Item").filter(|item| item.is_object()) {
                    Some(item) => item_to_json(&self.decode_json(item)?),
                    None => Value::Null,
                };
                Ok(json!({ "record": record }))
            }
            "query" | "scan" => {
                let listing = match method {
                    "query" => self.query(&params::read::<Query>(params)?)?,
                    _ => self.scan(&params::read::<Scan>(params)?)?,
                };
                let rows = self.list(listing, sender)?;
                let mut answer = Map::new();
                answer.insert("records".to_owned(), rows.records.iter().map(item_to_json).collect());
                if let Some(cursor) = rows.cursor {
                    answer.insert("cursor".to_owned(), json!(cursor));
                }
                Ok(Value::Object(answer))
            }
            "batch_get" => self.batch_get(&params::read::<OfKeys>(params)?.keys, sender),
            "batch_put" => self.batch_put(&params::read::<OfRecords>(params)?.records, sender),
            "batch_delete" => self.batch_delete(&params::read::<OfKeys>(params)?.keys, sender),
            "marshal" => {
                let record = params::read::<OfRecord>(params)?.record;
                Ok(json!({ "item": item_to_json(&self.encode_record(&record, false)?) }))
            }
            "unmarshal" => {
                // Decoded anew: what `into` held does not matter.
                let item = params::read::<OfItem>(params)?.item;
                Ok(json!({ "record": item_to_json(&self.decode_item(&item)?) }))
            }
            "build" => self.build(params),
            _ => Err(Failure::unsupported("this method is not offered")),
        }
    }

    fn prepare(&self, method: &str, params: &Value) -> Result<Prepared> {
        match method {
            "create" => {
                let write: Write = params::read(params)?;
                self.create(&write.record, write.condition.as_ref())
            }
            "put" => {
                let write: Write = params::read(params)?;
                self.put(&write.record, write.condition.as_ref())
            }
            "delete" => {
                let of: OfKey = params::read(params)?;
                self.delete(&of.key, of.condition.as_ref())
            }
            _ => self.update(&params::read::<Update>(params)?),
        }
    }

    /// The request that a call would send first.
    fn build(&self, params: &Value) -> Result<Value> {
        let Build { kind, params: mut inner } = params::read(params)?;
        if let (Value::Object(inner), Some(model)) = (&mut inner, params.get("model")) {
            inner.insert("model".to_owned(), model.clone());
        }
        let body: Map<String, Value> = match kind.as_str() {
            "query" => self.query(&params::read::<Query>(&inner)?)?.into(),
            "scan" => self.scan(&params::read::<Scan>(&inner)?)?.into(),
            "put" | "update" | "delete" => self.prepare(&kind, &inner)?.body,
            _ => return Err(Failure::unsupported("this kind is not built")),
        };
        let mut request = Value::Object(body);
        if let Some(bug) = self.bug {
            mutants::tamper_request(bug, operation_of(&kind), &mut request);
        }
        Ok(json!({ "request": request }))
    }
}

/// [`Bug::CursorBringsTenant`]: the tenant whose stored key a cursor holds.
fn tenant_in_cursor(schema: &Schema, params: &Value) -> Option<String> {
    let mut key = cursor::key_in(params.pointer("/page/cursor")?.as_str()?)?;
    let partition = schema.model.field(&schema.model.partition_key)?;
    match key.remove(partition.attribute())? {
        AttributeValue::S(text) => Tenant::of_stored(&text),
        _ => None,
    }
}

fn operation_of(kind: &str) -> &'static str {
    match kind {
        "query" => "Query",
        "scan" => "Scan",
        "put" => "PutItem",
        "delete" => "DeleteItem",
        _ => "UpdateItem",
    }
}

impl Target for Mapper {
    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    fn call(&mut self, method: &str, params: &Value) -> Outcome {
        let Some(bug) = self.bug else {
            return self.run(method, params).map_err(Failure::reported);
        };
        let mut params = params.clone();
        // A transaction names its models action by action.
        let action = params.pointer("/actions/0").and_then(Value::as_object).and_then(|a| a.values().next());
        let schema = self.schema(action.unwrap_or(&params)).ok().map(|schema| schema.model.clone());
        let mut method = method.to_owned();
        if let Some(broken) = mutants::tamper_call(bug, &mut method, &mut params, schema.as_ref()) {
            return Err(broken);
        }
        let mut answer = self.run(&method, &params);
        if let (Bug::CacheWithoutTenant, "get", Ok(answer)) = (bug, method.as_str(), &mut answer) {
            self.cached(&params, answer);
        }
        if bug == Bug::RecordInLog && answer.is_err() {
            self.log.push_str(&params.to_string());
        }
        mutants::tamper_answer(bug, &method, &params, schema.as_ref(), answer.map_err(Failure::reported))
    }

    fn take_log(&mut self) -> String {
        std::mem::take(&mut self.log)
    }
}

/// Starts a mapper.
pub struct LaunchMapper {
    name: String,
    options: Options,
    bug: Option<Bug>,
}

impl LaunchMapper {
    /// A mapper by this name, with a planted bug where there is one.
    pub fn new(name: impl Into<String>, options: Options, bug: Option<Bug>) -> Self {
        Self { name: name.into(), options, bug }
    }
}

impl Launch for LaunchMapper {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn is_shipped(&self) -> bool {
        false
    }

    fn launch(&self, wire: &Arc<Wire>, seed: u64) -> std::result::Result<Box<dyn Target>, LaunchError> {
        Ok(Box::new(Mapper::new(&self.name, self.options.clone(), self.bug, wire, seed)))
    }
}
