//! The protocol's methods as typed calls.

use super::condition::Condition;
use super::model::Model;
use super::record::{FieldOrPath, Operand, Path, Record};
use crate::value::{AttributeValue, Item};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// Values by field name, none of them absent: a key.
pub type Key = BTreeMap<String, AttributeValue>;

/// The form of an update.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Form {
    /// Only the mentioned fields are passed.
    Patch,
    /// A whole record and a list of names.
    Named,
    /// A record of which only some fields are filled.
    Partial,
    /// The record is saved back.
    Whole,
    /// The library's update builder.
    Builder,
}

impl Form {
    /// The name in the protocol.
    pub fn name(self) -> &'static str {
        match self {
            Self::Patch => "patch",
            Self::Named => "named",
            Self::Partial => "partial",
            Self::Whole => "whole",
            Self::Builder => "builder",
        }
    }
}

/// Parameters of `create` and `put`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Write {
    /// The model's name.
    pub model: String,
    /// The record.
    pub record: Record,
    /// The condition on the stored item.
    #[serde(rename = "if", default, skip_serializing_if = "Option::is_none")]
    pub condition: Option<Condition>,
}

/// Parameters of `update`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the parameters of the protocol, under their names")]
pub struct Update {
    pub model: String,
    pub key: Key,
    pub form: Form,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub record: Option<Record>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub names: Option<Vec<String>>,
    #[serde(default, skip_serializing_if = "Record::is_empty")]
    pub set: Record,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub remove: Vec<FieldOrPath>,
    #[serde(default, skip_serializing_if = "Record::is_empty")]
    pub add: Record,
    #[serde(default, skip_serializing_if = "Record::is_empty")]
    pub delete_from_set: Record,
    #[serde(default, skip_serializing_if = "Record::is_empty")]
    pub append: Record,
    #[serde(default, skip_serializing_if = "Record::is_empty")]
    pub prepend: Record,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub set_path: Vec<(Path, Operand)>,
    #[serde(rename = "if", default, skip_serializing_if = "Option::is_none")]
    pub condition: Option<Condition>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expect_version: Option<Value>,
}

impl Update {
    /// An update of the form that mentions nothing.
    pub fn new(model: impl Into<String>, key: Key, form: Form) -> Self {
        Self {
            model: model.into(),
            key,
            form,
            record: None,
            names: None,
            set: Record::new(),
            remove: Vec::new(),
            add: Record::new(),
            delete_from_set: Record::new(),
            append: Record::new(),
            prepend: Record::new(),
            set_path: Vec::new(),
            condition: None,
            expect_version: None,
        }
    }
}

/// The sort key condition of a query.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the operators of the protocol, under their names")]
pub enum SortCondition {
    Eq(Operand),
    Lt(Operand),
    Le(Operand),
    Gt(Operand),
    Ge(Operand),
    BeginsWith(Operand),
    Between(Operand, Operand),
}

impl SortCondition {
    /// What the sort key is compared with: one operand, or the two ends of a range.
    pub fn operands(&self) -> Vec<&Operand> {
        match self {
            Self::Eq(v) | Self::Lt(v) | Self::Le(v) | Self::Gt(v) | Self::Ge(v) | Self::BeginsWith(v) => {
                vec![v]
            }
            Self::Between(low, high) => vec![low, high],
        }
    }
}

/// The order of a query.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// By rising sort key.
    Asc,
    /// By falling sort key.
    Desc,
}

/// One page of a read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Page {
    /// Rows before the filter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// The cursor of an earlier answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}

/// Parameters of `query`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the parameters of the protocol, under their names")]
pub struct Query {
    pub model: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub index: Option<String>,
    pub partition: Record,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sort: Option<SortCondition>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filter: Option<Condition>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub select: Option<Vec<FieldOrPath>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order: Option<Order>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page: Option<Page>,
}

/// Parameters of `scan`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the parameters of the protocol, under their names")]
pub struct Scan {
    pub model: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub index: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filter: Option<Condition>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub select: Option<Vec<FieldOrPath>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page: Option<Page>,
}

impl Query {
    /// Whether the caller passes the language's "no value" for the partition or in the sort condition.
    pub fn has_absent_key(&self) -> bool {
        let sort = self.sort.iter().flat_map(SortCondition::operands);
        self.partition.values().chain(sort).any(|operand| operand.value().is_none())
    }
}

/// One action of `transact`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the actions of the protocol, under their names")]
pub enum Action {
    Put(Write),
    Update(Box<Update>),
    Delete {
        model: String,
        key: Key,
        #[serde(rename = "if", default, skip_serializing_if = "Option::is_none")]
        condition: Option<Condition>,
    },
    Check {
        model: String,
        key: Key,
        #[serde(rename = "if")]
        condition: Condition,
    },
}

/// One call of a target, in the shape of the protocol: `{"method": …, "params": …}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "method", content = "params", rename_all = "snake_case")]
#[expect(missing_docs, reason = "the methods of the protocol, under their names")]
pub enum Call {
    Define {
        model: Model,
    },
    Create(Write),
    Put(Write),
    Get {
        model: String,
        key: Key,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        consistent: Option<bool>,
    },
    Update(Box<Update>),
    Delete {
        model: String,
        key: Key,
        #[serde(rename = "if", default, skip_serializing_if = "Option::is_none")]
        condition: Option<Condition>,
    },
    Query(Box<Query>),
    Scan(Box<Scan>),
    BatchGet {
        model: String,
        keys: Vec<Key>,
    },
    BatchPut {
        model: String,
        records: Vec<Record>,
    },
    BatchDelete {
        model: String,
        keys: Vec<Key>,
    },
    Transact {
        actions: Vec<Action>,
    },
    Marshal {
        model: String,
        record: Record,
    },
    Unmarshal {
        model: String,
        item: Item,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        into: Option<Record>,
    },
    Build {
        model: String,
        kind: String,
        params: Value,
    },
    Reset {},
}

impl Call {
    /// The method's name in the protocol.
    pub fn method(&self) -> &'static str {
        match self {
            Self::Define { .. } => "define",
            Self::Create(_) => "create",
            Self::Put(_) => "put",
            Self::Get { .. } => "get",
            Self::Update(_) => "update",
            Self::Delete { .. } => "delete",
            Self::Query(_) => "query",
            Self::Scan(_) => "scan",
            Self::BatchGet { .. } => "batch_get",
            Self::BatchPut { .. } => "batch_put",
            Self::BatchDelete { .. } => "batch_delete",
            Self::Transact { .. } => "transact",
            Self::Marshal { .. } => "marshal",
            Self::Unmarshal { .. } => "unmarshal",
            Self::Build { .. } => "build",
            Self::Reset {} => "reset",
        }
    }

    /// The parameters as the protocol writes them.
    pub fn params(&self) -> Value {
        let mut whole = serde_json::to_value(self).unwrap_or_default();
        whole.get_mut("params").map(Value::take).unwrap_or_else(|| Value::Object(serde_json::Map::new()))
    }

    /// Whether the call may change data.
    pub fn is_write(&self) -> bool {
        matches!(
            self,
            Self::Create(_)
                | Self::Put(_)
                | Self::Update(_)
                | Self::Delete { .. }
                | Self::BatchPut { .. }
                | Self::BatchDelete { .. }
                | Self::Transact { .. }
        )
    }
}
