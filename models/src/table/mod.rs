//! DynamoDB's tables as an executable specification: an endpoint in memory, without I/O and without a clock.
//!
//! [`Tables::call`] takes an operation and its JSON and answers as the endpoint does. What AWS refuses is refused
//! with the type of error that AWS gives; the wording of messages is free. Where the documents leave the answer
//! open, an error is marked, and a success leaves a note: [`Tables::unspecified`].
//!
//! | file | holds |
//! |---|---|
//! | `schema` | tables, keys and indexes |
//! | `write` | put, update, delete and condition checks: read, judge, apply |
//! | `read` | get, query and scan |
//! | `batch`, `transact` | several at once |
//! | `request`, `error` | typed access to JSON, the shape of errors |
//!
//! Left out: streams, time to live, PartiQL, backups (`UnknownOperationException`), and the parameters that
//! expressions replaced in 2014 (`Expected`, `AttributeUpdates`, `KeyConditions`, …), which give an unspecified
//! `ValidationException`.

mod batch;
mod error;
mod read;
mod request;
mod schema;
mod transact;
mod write;

pub use error::ApiError;

use crate::expression::{Prepared, prepare};
use crate::value::{Item, item_size};
use request::{Answer, Fields, check_depth, check_values};
use schema::{Key, Schema};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// Tables in memory.
#[derive(Clone, Debug, Default)]
pub struct Tables {
    tables: BTreeMap<String, Table>,
    /// The request and answer of each transaction that carried a token.
    tokens: BTreeMap<String, (Value, Value)>,
    notes: Vec<String>,
}

#[derive(Clone, Debug)]
struct Table {
    schema: Schema,
    items: BTreeMap<Key, Item>,
}

impl Tables {
    /// No tables.
    pub fn new() -> Self {
        Self::default()
    }

    /// Runs one operation. A failing one changes nothing.
    ///
    /// # Errors
    /// [`ApiError`], as the endpoint would answer it.
    pub fn call(&mut self, operation: &str, request: &Value) -> Result<Value, ApiError> {
        self.notes.clear();
        check_depth(request)?;
        let fields = Fields::of(request)?;
        match operation {
            "CreateTable" => self.create_table(fields),
            "DeleteTable" => self.delete_table(fields),
            "DescribeTable" => self.describe_table(fields),
            "ListTables" => self.list_tables(fields),
            "PutItem" | "UpdateItem" | "DeleteItem" => self.write_item(operation, fields),
            "GetItem" => self.get_item(fields),
            "Query" | "Scan" => self.read_page(operation, fields),
            "BatchGetItem" => self.batch_get(fields),
            "BatchWriteItem" => self.batch_write(fields),
            "TransactWriteItems" => self.transact_write(fields),
            "TransactGetItems" => self.transact_get(fields),
            _ => Err(ApiError::new("UnknownOperationException", format!("no operation {operation}"))),
        }
    }

    /// What of the last answer the documents leave open; empty: it is as documented.
    pub fn unspecified(&self) -> &[String] {
        &self.notes
    }

    fn note(&mut self, text: impl Into<String>) {
        self.notes.push(text.into());
    }

    fn table(&self, name: &str) -> Answer<&Table> {
        self.tables.get(name).ok_or_else(|| ApiError::no_table(name))
    }

    fn create_table(&mut self, fields: Fields<'_>) -> Answer<Value> {
        let schema = Schema::read(fields)?;
        if self.tables.contains_key(&schema.name) {
            return Err(ApiError::new(
                "ResourceInUseException",
                format!("Table already exists: {}", schema.name),
            ));
        }
        let answer = json!({ "TableDescription": schema.describe(0, 0) });
        self.tables.insert(schema.name.clone(), Table { schema, items: BTreeMap::new() });
        Ok(answer)
    }

    fn delete_table(&mut self, fields: Fields<'_>) -> Answer<Value> {
        let name = fields.table_name()?;
        let table = self.tables.remove(name).ok_or_else(|| ApiError::no_table(name))?;
        let mut description = table.schema.describe(0, 0);
        description["TableStatus"] = "DELETING".into();
        Ok(json!({ "TableDescription": description }))
    }

    fn describe_table(&self, fields: Fields<'_>) -> Answer<Value> {
        let table = self.table(fields.table_name()?)?;
        let bytes = table.items.values().map(item_size).sum();
        Ok(json!({ "Table": table.schema.describe(table.items.len(), bytes) }))
    }

    fn list_tables(&self, fields: Fields<'_>) -> Answer<Value> {
        let limit = fields.count("Limit")?.unwrap_or(100);
        if !(1..=100).contains(&limit) {
            return Err(ApiError::validation("Limit is 1 to 100"));
        }
        let start = fields.text("ExclusiveStartTableName")?;
        let after = self.tables.keys().filter(|name| start.is_none_or(|start| name.as_str() > start));
        let names = after.take(limit as usize + 1).collect::<Vec<_>>();
        let page = &names[..names.len().min(limit as usize)];
        let mut answer = json!({ "TableNames": page });
        if let (true, Some(last)) = (names.len() > page.len(), page.last()) {
            answer["LastEvaluatedTableName"] = last.as_str().into();
        }
        Ok(answer)
    }

    /// Reads the expressions of one action; the first break that the documents decide is the error.
    fn prepared(
        &mut self,
        operation: &str,
        fields: Fields<'_>,
        allowed: &[&str],
        keys: &[&str],
    ) -> Answer<Prepared> {
        const EXPRESSIONS: [&str; 5] = [
            "ConditionExpression",
            "FilterExpression",
            "KeyConditionExpression",
            "ProjectionExpression",
            "UpdateExpression",
        ];
        const LEGACY: [&str; 7] = [
            "Expected",
            "AttributeUpdates",
            "KeyConditions",
            "QueryFilter",
            "ScanFilter",
            "AttributesToGet",
            "ConditionalOperator",
        ];
        check_values(fields)?;
        // Members that an operation does not have are skipped, as AWS skips them.
        let of_operation = |(name, _): &(&String, &Value)| {
            allowed.contains(&name.as_str()) || !EXPRESSIONS.contains(&name.as_str())
        };
        let members = fields.0.iter().filter(of_operation).filter(|(_, value)| !value.is_null());
        let members: Map<_, _> = members
            .filter(|(name, _)| {
                EXPRESSIONS.contains(&name.as_str())
                    || name.starts_with("Expression")
                    || *name == "IndexName"
                    || LEGACY.contains(&name.as_str())
            })
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        let mut breaks = Vec::new();
        let prepared = prepare(operation, "", &members, keys, &mut breaks);
        for broken in breaks {
            if !broken.rule.is_unspecified() {
                return Err(ApiError::validation(broken.to_string()));
            }
            self.note(broken.to_string());
        }
        if let Some(parameter) = LEGACY.iter().find(|name| fields.get(name).is_some()) {
            let message = format!("the reference model does not know the legacy parameter {parameter}");
            return Err(ApiError::validation(message).open());
        }
        Ok(prepared)
    }
}

/// Capacity as asked for by `ReturnConsumedCapacity`.
fn consumed(fields: Fields<'_>, answer: &mut Value, parts: &[(&str, f64)], list: bool) -> Answer<()> {
    let kind = fields.option("ReturnConsumedCapacity", &["NONE", "TOTAL", "INDEXES"])?;
    if kind == "NONE" {
        return Ok(());
    }
    let part = |(table, units): &(&str, f64)| {
        let mut part = json!({ "TableName": table, "CapacityUnits": units });
        if kind == "INDEXES" {
            part["Table"] = json!({ "CapacityUnits": units });
        }
        part
    };
    let all = parts.iter().map(part).collect::<Vec<_>>();
    answer["ConsumedCapacity"] = if list { all.into() } else { all.into_iter().next().unwrap_or_default() };
    Ok(())
}

/// Units of a write of so many bytes.
fn write_units(bytes: usize) -> f64 {
    bytes.div_ceil(1_024).max(1) as f64
}

/// Units of a read of so many bytes.
fn read_units(bytes: usize, consistent: bool) -> f64 {
    bytes.div_ceil(4_096).max(1) as f64 * if consistent { 1.0 } else { 0.5 }
}

#[cfg(test)]
mod tests;
