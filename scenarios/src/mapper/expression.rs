//! Expressions: placeholders for every name and value, trees of conditions, and DynamoDB's limits.
//!
//! No caller's text ever stands in an expression. Brackets are written where a group stands inside another
//! group and nowhere else: DynamoDB refuses redundant ones.

use super::failure::{Failure, Result};
use super::legal;
use proofhouse_models::mapper::PathPart;
use proofhouse_models::value::AttributeValue;
use serde_json::{Map, Value};
use std::fmt::Write as _;

/// Bytes of the longest expression.
const EXPRESSION_BYTES: usize = 4096;
/// Operators and functions in one expression.
const OPERATORS: usize = 300;
/// Bytes of all names and values behind placeholders.
const SUBSTITUTED_BYTES: usize = 2 * 1024 * 1024;
/// The largest index into a list.
const LAST_INDEX: usize = 65_535;

/// Names and values of one request, numbered in the order of their first use.
#[derive(Debug, Default)]
pub struct Placeholders {
    names: Vec<String>,
    values: Vec<AttributeValue>,
}

impl Placeholders {
    /// The placeholder of an attribute name or map key; one name has one placeholder.
    pub fn name(&mut self, name: &str) -> String {
        let position = self.names.iter().position(|known| known == name).unwrap_or_else(|| {
            self.names.push(name.to_owned());
            self.names.len() - 1
        });
        format!("#n{position}")
    }

    /// The placeholder of a value.
    pub fn value(&mut self, value: AttributeValue) -> String {
        self.values.push(value);
        format!(":v{}", self.values.len() - 1)
    }

    /// A path in stored names.
    ///
    /// # Errors
    /// `validation` for an empty name or an index out of range.
    pub fn path(&mut self, parts: &[PathPart]) -> Result<String> {
        if parts.len() > 32 {
            return Err(Failure::validation("a path is deeper than 32 levels"));
        }
        let mut text = String::new();
        for part in parts {
            match part {
                PathPart::Index(index) if *index > LAST_INDEX => {
                    return Err(Failure::validation("a list index is out of range"));
                }
                PathPart::Index(index) => {
                    let _ = write!(text, "[{index}]");
                }
                PathPart::Key(name) => {
                    legal::check_name("path", name)?;
                    if !text.is_empty() {
                        text.push('.');
                    }
                    text.push_str(&self.name(name));
                }
            }
        }
        Ok(text)
    }

    /// Puts names and values into a request, where there are any.
    ///
    /// # Errors
    /// `validation` where they are larger than DynamoDB takes.
    pub fn finish(self, request: &mut Map<String, Value>) -> Result<()> {
        let names: usize = self.names.iter().map(String::len).sum();
        let values: usize = self.values.iter().map(legal::size).sum();
        if names + values > SUBSTITUTED_BYTES || values > legal::ITEM_BYTES * 4 {
            return Err(Failure::validation("the operands are larger than 2 MB"));
        }
        if !self.names.is_empty() {
            let names = self.names.into_iter().enumerate();
            let names = names.map(|(n, name)| (format!("#n{n}"), Value::String(name))).collect();
            request.insert("ExpressionAttributeNames".to_owned(), Value::Object(names));
        }
        if !self.values.is_empty() {
            let values = self.values.iter().enumerate();
            let values = values.map(|(n, value)| (format!(":v{n}"), value.to_json())).collect();
            request.insert("ExpressionAttributeValues".to_owned(), Value::Object(values));
        }
        Ok(())
    }
}

/// A tree of conditions whose leaves are text already.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Node {
    /// A comparison or function, and how many operators it counts for.
    Leaf(String, usize),
    /// All of them.
    And(Vec<Node>),
    /// Any of them.
    Or(Vec<Node>),
    /// Not this.
    Not(Box<Node>),
}

impl Node {
    /// All of the nodes; one alone stands for itself, none for nothing.
    pub fn all(mut nodes: Vec<Node>) -> Option<Node> {
        if nodes.len() > 1 { Some(Self::And(nodes)) } else { nodes.pop() }
    }

    /// The node without groups of one.
    fn core(&self) -> &Node {
        match self {
            Self::And(list) | Self::Or(list) if list.len() == 1 => list[0].core(),
            node => node,
        }
    }

    fn operators(&self) -> usize {
        match self {
            Self::Leaf(_, operators) => *operators,
            Self::And(list) | Self::Or(list) => {
                list.iter().map(Self::operators).sum::<usize>() + list.len().saturating_sub(1)
            }
            Self::Not(inner) => 1 + inner.operators(),
        }
    }

    fn write(&self, text: &mut String) {
        let (list, word) = match self.core() {
            Self::Leaf(leaf, _) => return text.push_str(leaf),
            Self::Not(inner) => {
                text.push_str("NOT ");
                return inner.write_inside(text);
            }
            Self::And(list) => (list, " AND "),
            Self::Or(list) => (list, " OR "),
        };
        for (position, node) in list.iter().enumerate() {
            if position > 0 {
                text.push_str(word);
            }
            node.write_inside(text);
        }
    }

    /// Writes a node that stands inside another: a group in brackets, and a `NOT` behind a `NOT`.
    fn write_inside(&self, text: &mut String) {
        let bracketed = match self.core() {
            Self::Leaf(..) => false,
            Self::Not(_) => text.ends_with("NOT "),
            Self::And(_) | Self::Or(_) => true,
        };
        if bracketed {
            text.push('(');
            self.write(text);
            text.push(')');
        } else {
            self.write(text);
        }
    }

    /// The text of the whole expression.
    ///
    /// # Errors
    /// `validation` where it is longer than DynamoDB takes.
    pub fn render(&self) -> Result<String> {
        let mut text = String::new();
        self.write(&mut text);
        check_limits(&text, self.operators())?;
        Ok(text)
    }
}

/// Refuses an expression beyond DynamoDB's limits.
///
/// # Errors
/// `validation`, naming the limit.
pub fn check_limits(text: &str, operators: usize) -> Result<()> {
    if text.len() > EXPRESSION_BYTES {
        return Err(Failure::validation("an expression is longer than 4 KB"));
    }
    if operators > OPERATORS {
        return Err(Failure::validation("an expression has more than 300 operators"));
    }
    Ok(())
}
