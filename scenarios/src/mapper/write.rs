//! `create`, `put` and `delete`.

use super::expression::{Node, Placeholders};
use super::failure::{Failure, Result};
use super::options::Options;
use super::scope::Scope;
use super::send::{OnFailure, Prepared};
use crate::mutants::Bug;
use proofhouse_models::mapper::call::Key;
use proofhouse_models::mapper::{Condition, Operand, Record};
use proofhouse_models::value::{AttributeValue, Item, Number, item_to_json};
use serde_json::{Map, Value, json};

impl Scope<'_> {
    /// A new item: with the defaults, and refused where one is stored unless `create` overwrites.
    ///
    /// # Errors
    /// As encoding and conditions do.
    pub fn create(&self, record: &Record, condition: Option<&Condition>) -> Result<Prepared> {
        let mut record = record.clone();
        if let Some(version) = &self.schema.model.version {
            record.insert(version.clone(), AttributeValue::number(1).into());
        }
        let (item, key) = self.encode_keyed(&record, true)?;
        let mut holders = Placeholders::default();
        let mut nodes = Vec::new();
        if !self.options.create_overwrites && !self.has(Bug::CreateOverwrites) {
            nodes.push(self.missing(&key, &mut holders)?);
        }
        if let Some(condition) = condition {
            nodes.push(self.condition(condition, &mut holders)?);
        }
        let failing =
            if self.options.create_overwrites { OnFailure::Condition } else { OnFailure::Duplicate };
        self.put_item(item, nodes, holders, failing)
    }

    /// An item in place of what is stored. A versioned record checks the version that it carries.
    ///
    /// # Errors
    /// As encoding and conditions do.
    pub fn put(&self, record: &Record, condition: Option<&Condition>) -> Result<Prepared> {
        let mut holders = Placeholders::default();
        let mut nodes = Vec::new();
        let mut record = record.clone();
        if let Some(name) = &self.schema.model.version {
            let carried = self.carried_version(&record)?;
            record.insert(name.clone(), next_version(carried.as_ref())?.into());
            nodes.push(Node::Leaf(String::new(), 0));
            let (item, key) = self.encode_keyed(&record, false)?;
            nodes[0] = self.version_check(carried.as_ref(), &key, &mut holders)?;
            if let Some(condition) = condition {
                nodes.push(self.condition(condition, &mut holders)?);
            }
            return self.put_item(item, nodes, holders, OnFailure::Condition);
        }
        let (item, _) = self.encode_keyed(&record, false)?;
        if let Some(condition) = condition {
            nodes.push(self.condition(condition, &mut holders)?);
        }
        self.put_item(item, nodes, holders, OnFailure::Condition)
    }

    fn put_item(
        &self,
        mut item: Item,
        nodes: Vec<Node>,
        holders: Placeholders,
        on_failure: OnFailure,
    ) -> Result<Prepared> {
        self.stamp(&mut item);
        let mut body = Map::new();
        body.insert("TableName".to_owned(), json!(self.table()));
        body.insert("Item".to_owned(), item_to_json(&item));
        finish_conditional(&mut body, nodes, holders, on_failure)?;
        Ok(Prepared { operation: "PutItem", body, on_failure })
    }

    /// Sets the managed counter of an item that is written whole.
    pub fn stamp(&self, item: &mut Item) {
        if let Some(attribute) = self.schema.managed(self.options) {
            item.insert(attribute.to_owned(), AttributeValue::number(1));
        }
    }

    /// Deletes by key.
    ///
    /// # Errors
    /// As encoding and conditions do.
    pub fn delete(&self, key: &Key, condition: Option<&Condition>) -> Result<Prepared> {
        let key = self.encode_key(key)?;
        let mut holders = Placeholders::default();
        let node = condition.map(|condition| self.condition(condition, &mut holders)).transpose()?;
        let mut body = Map::new();
        body.insert("TableName".to_owned(), json!(self.table()));
        body.insert("Key".to_owned(), item_to_json(&key));
        finish_conditional(&mut body, node.into_iter().collect(), holders, OnFailure::Condition)?;
        Ok(Prepared { operation: "DeleteItem", body, on_failure: OnFailure::Condition })
    }

    /// That no item is stored under the key.
    ///
    /// # Errors
    /// None on a checked key.
    pub fn missing(&self, key: &Item, holders: &mut Placeholders) -> Result<Node> {
        let attribute = self.partition_attribute(key)?;
        Ok(Node::Leaf(format!("attribute_not_exists({})", holders.name(attribute)), 1))
    }

    /// That an item is stored under the key.
    ///
    /// # Errors
    /// None on a checked key.
    pub fn stored(&self, key: &Item, holders: &mut Placeholders) -> Result<Node> {
        let attribute = self.partition_attribute(key)?;
        Ok(Node::Leaf(format!("attribute_exists({})", holders.name(attribute)), 1))
    }

    fn partition_attribute(&self, key: &Item) -> Result<&str> {
        let attribute = self.schema.field(&self.schema.model.partition_key)?.attribute();
        debug_assert!(key.contains_key(attribute), "a checked key holds the partition key");
        Ok(attribute)
    }

    /// The version that a record carries.
    ///
    /// # Errors
    /// `validation` where it is no number.
    pub fn carried_version(&self, record: &Record) -> Result<Option<Number>> {
        let Some(name) = &self.schema.model.version else { return Ok(None) };
        match record.get(name) {
            None | Some(Operand::Absent) => Ok(None),
            Some(Operand::Value(AttributeValue::N(number))) if number.to_i128().is_some() => {
                Ok(Some(number.clone()))
            }
            Some(Operand::Value(_)) => Err(Failure::validation("a version is an integer")),
        }
    }

    /// That the stored version is the one carried, or that no item is stored where none is.
    ///
    /// # Errors
    /// None on a checked model.
    pub fn version_check(
        &self,
        carried: Option<&Number>,
        key: &Item,
        holders: &mut Placeholders,
    ) -> Result<Node> {
        let (Some(version), Some(name)) = (carried, &self.schema.model.version) else {
            return self.missing(key, holders);
        };
        let at = holders.name(self.schema.field(name)?.attribute());
        let version = holders.value(AttributeValue::N(version.clone()));
        Ok(Node::Leaf(format!("{at} = {version}"), 1))
    }
}

/// The version after the one carried; the first is 1.
///
/// # Errors
/// `validation` where there is none.
pub fn next_version(carried: Option<&Number>) -> Result<AttributeValue> {
    let version = carried.and_then(Number::to_i128).unwrap_or(0);
    let next =
        version.checked_add(1).ok_or_else(|| Failure::validation("no version comes after this one"))?;
    Ok(AttributeValue::N(Number::from(next)))
}

/// Puts condition, names and values into a request.
///
/// # Errors
/// `validation` beyond DynamoDB's limits.
pub fn finish_conditional(
    body: &mut Map<String, Value>,
    nodes: Vec<Node>,
    holders: Placeholders,
    on_failure: OnFailure,
) -> Result<()> {
    if let Some(node) = Node::all(nodes) {
        body.insert("ConditionExpression".to_owned(), json!(node.render()?));
        if on_failure != OnFailure::Condition {
            body.insert("ReturnValuesOnConditionCheckFailure".to_owned(), json!("ALL_OLD"));
        }
    }
    holders.finish(body)
}

/// Whether the mapper's options ask an update to find its item.
pub fn must_exist(options: &Options) -> bool {
    options.update_missing == proofhouse_models::mapper::contract::UpdateMissing::NotFound
}
