//! Condition trees, as callers write them.

use super::record::{Operand, Path};
use serde::{Deserialize, Serialize};

/// A comparison, for `size`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Comparator {
    /// Equal.
    Eq,
    /// Not equal.
    Ne,
    /// Less than.
    Lt,
    /// At most.
    Le,
    /// Greater than.
    Gt,
    /// At least.
    Ge,
}

/// A condition over one item. Serialises to `{"eq":[path,value]}` and so on.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the variants are the operators of the protocol, under their names")]
pub enum Condition {
    And(Vec<Condition>),
    Or(Vec<Condition>),
    Not(Box<Condition>),
    Eq(Path, Operand),
    Ne(Path, Operand),
    Lt(Path, Operand),
    Le(Path, Operand),
    Gt(Path, Operand),
    Ge(Path, Operand),
    Between(Path, Operand, Operand),
    In(Path, Vec<Operand>),
    BeginsWith(Path, Operand),
    Contains(Path, Operand),
    Exists(Path),
    NotExists(Path),
    Type(Path, String),
    Size(Path, Comparator, u64),
}

impl Condition {
    /// The operator's name in the protocol.
    pub fn operator(&self) -> &'static str {
        match self {
            Self::And(_) => "and",
            Self::Or(_) => "or",
            Self::Not(_) => "not",
            Self::Eq(..) => "eq",
            Self::Ne(..) => "ne",
            Self::Lt(..) => "lt",
            Self::Le(..) => "le",
            Self::Gt(..) => "gt",
            Self::Ge(..) => "ge",
            Self::Between(..) => "between",
            Self::In(..) => "in",
            Self::BeginsWith(..) => "begins_with",
            Self::Contains(..) => "contains",
            Self::Exists(_) => "exists",
            Self::NotExists(_) => "not_exists",
            Self::Type(..) => "type",
            Self::Size(..) => "size",
        }
    }

    /// The path of a leaf.
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::And(_) | Self::Or(_) | Self::Not(_) => None,
            Self::Eq(path, _)
            | Self::Ne(path, _)
            | Self::Lt(path, _)
            | Self::Le(path, _)
            | Self::Gt(path, _)
            | Self::Ge(path, _)
            | Self::Between(path, ..)
            | Self::In(path, _)
            | Self::BeginsWith(path, _)
            | Self::Contains(path, _)
            | Self::Exists(path)
            | Self::NotExists(path)
            | Self::Type(path, _)
            | Self::Size(path, ..) => Some(path),
        }
    }

    /// The operands of a leaf, in order.
    pub fn operands(&self) -> Vec<&Operand> {
        match self {
            Self::Eq(_, v)
            | Self::Ne(_, v)
            | Self::Lt(_, v)
            | Self::Le(_, v)
            | Self::Gt(_, v)
            | Self::Ge(_, v)
            | Self::BeginsWith(_, v)
            | Self::Contains(_, v) => vec![v],
            Self::Between(_, low, high) => vec![low, high],
            Self::In(_, list) => list.iter().collect(),
            _ => Vec::new(),
        }
    }

    /// The sub-conditions of `and`, `or`, `not`.
    pub fn children(&self) -> &[Condition] {
        match self {
            Self::And(list) | Self::Or(list) => list,
            Self::Not(inner) => std::slice::from_ref(inner),
            _ => &[],
        }
    }
}
