//! Condition trees as trees of expressions.
//!
//! `grouped` writes the tree as given. The two readings that lose the caller's groups, `precedence` and
//! `left_to_right`, flatten it first and then write the documented reading with brackets.

use super::encode::Encoded;
use super::expression::{Node, Placeholders};
use super::failure::{Failure, Result};
use super::schema::{Place, plain};
use super::scope::Scope;
use crate::mutants::{Bug, tick};
use proofhouse_models::mapper::contract::ConditionCombination;
use proofhouse_models::mapper::{Comparator, Condition, FieldType, Operand, Path};
use proofhouse_models::value::AttributeValue;

/// Operands of one `IN`. DynamoDB's 100 counts the left side in some accounts of it.
const IN_OPERANDS: usize = 99;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Joint {
    And,
    Or,
}

impl Scope<'_> {
    /// Refuses the ends of a range in the wrong order, where the options say so, or of two types.
    ///
    /// # Errors
    /// `validation`.
    pub fn check_range(&self, low: &AttributeValue, high: &AttributeValue) -> Result<()> {
        if low.type_name() != high.type_name() || (self.options.checks_ranges && low > high) {
            return Err(Failure::validation("the ends of a range are of one type and in order"));
        }
        Ok(())
    }

    /// A caller's condition as one node, with its names and values behind placeholders.
    ///
    /// # Errors
    /// `validation` for what has no meaning, `unsupported` for an encrypted field.
    pub fn condition(&self, condition: &Condition, holders: &mut Placeholders) -> Result<Node> {
        let tree = self.tree(condition, holders)?;
        if self.has(Bug::GroupsLost) {
            return Ok(flat(&tree, by_precedence));
        }
        Ok(match self.options.condition_combination {
            ConditionCombination::Grouped => tree,
            ConditionCombination::Precedence => flat(&tree, by_precedence),
            ConditionCombination::LeftToRight => flat(&tree, from_the_left),
        })
    }

    fn tree(&self, condition: &Condition, holders: &mut Placeholders) -> Result<Node> {
        let mut group = |list: &[Condition]| -> Result<Vec<Node>> {
            if list.is_empty() {
                return Err(Failure::validation("an empty group"));
            }
            list.iter().map(|child| self.tree(child, holders)).collect()
        };
        match condition {
            Condition::And(list) => Ok(self.joined(group(list)?)),
            Condition::Or(list) => Ok(Node::Or(group(list)?)),
            Condition::Not(inner) => Ok(Node::Not(Box::new(self.tree(inner, holders)?))),
            leaf => self.leaf(leaf, holders),
        }
    }

    /// All of the nodes, as given.
    fn joined(&self, mut list: Vec<Node>) -> Node {
        if self.has(Bug::AndOrderFlips) && tick() % 2 == 1 {
            list.reverse();
        }
        if self.has(Bug::SecondOrLosesBrackets) {
            return without_second_group(list);
        }
        Node::And(list)
    }

    fn leaf(&self, condition: &Condition, holders: &mut Placeholders) -> Result<Node> {
        let path = condition.path().ok_or_else(|| Failure::validation("a condition without a path"))?;
        let place = self.condition_place(path)?;
        self.check_tenanted(&place, condition)?;
        let at = holders.path(&place.parts)?;
        let one = |text: String| Ok(Node::Leaf(text, 1));
        match condition {
            Condition::Eq(_, value) => self.compare(&place, &at, "=", value, holders),
            Condition::Ne(_, value) => self.compare(&place, &at, "<>", value, holders),
            Condition::Lt(_, value) => self.compare(&place, &at, "<", value, holders),
            Condition::Le(_, value) => self.compare(&place, &at, "<=", value, holders),
            Condition::Gt(_, value) => self.compare(&place, &at, ">", value, holders),
            Condition::Ge(_, value) => self.compare(&place, &at, ">=", value, holders),
            Condition::Between(_, low, high) => {
                let low = self.operand(&place, place.kind, low)?;
                let high = self.operand(&place, place.kind, high)?;
                check_ordered(&low)?;
                self.check_range(&low, &high)?;
                let (low, high) = (holders.value(low), holders.value(high));
                if self.has(Bug::BetweenHalfOpen) {
                    let ends = [format!("{at} >= {low}"), format!("{at} < {high}")];
                    return Ok(Node::And(ends.into_iter().map(|end| Node::Leaf(end, 1)).collect()));
                }
                Ok(Node::Leaf(format!("{at} BETWEEN {low} AND {high}"), 2))
            }
            Condition::In(_, list) => self.one_of(&place, &at, list, holders),
            Condition::BeginsWith(_, value) => {
                let value = self.operand(&place, place.kind, value)?;
                if !matches!(value, AttributeValue::S(_) | AttributeValue::B(_)) {
                    return Err(Failure::validation("begins_with takes a string or bytes"));
                }
                one(format!("begins_with({at}, {})", holders.value(value)))
            }
            Condition::Contains(_, value) => {
                let element = match place.kind.map(plain) {
                    Some(FieldType::List(inner)) => Some(&**inner),
                    _ => None,
                };
                let value = self.operand(&place, element, value)?;
                one(format!("contains({at}, {})", holders.value(value)))
            }
            Condition::Exists(_) => one(format!("attribute_exists({at})")),
            Condition::NotExists(_) => one(format!("attribute_not_exists({at})")),
            Condition::Type(_, name) => {
                if !["S", "N", "B", "BOOL", "NULL", "L", "M", "SS", "NS", "BS"].contains(&name.as_str()) {
                    return Err(Failure::validation("no type has this name"));
                }
                let name = holders.value(AttributeValue::S(name.clone()));
                one(format!("attribute_type({at}, {name})"))
            }
            Condition::Size(_, comparator, size) => {
                let size = AttributeValue::N(i128::from(*size).into());
                let (sign, size) = (sign(*comparator), holders.value(size));
                Ok(Node::Leaf(format!("size({at}) {sign} {size}"), 2))
            }
            Condition::And(_) | Condition::Or(_) | Condition::Not(_) => self.tree(condition, holders),
        }
    }

    /// The place of a condition's path.
    ///
    /// # Errors
    /// `validation` for an unknown field, `unsupported` for an encrypted one.
    fn condition_place(&self, path: &Path) -> Result<Place<'_>> {
        let place = self.schema.place(path)?;
        if place.field.encrypted {
            return Err(Failure::unsupported("a condition on an encrypted field"));
        }
        Ok(place)
    }

    /// Functions that look into a key would look into the tenant's name in front of it.
    fn check_tenanted(&self, place: &Place<'_>, condition: &Condition) -> Result<()> {
        let looks_inside = matches!(condition, Condition::Contains(..) | Condition::Size(..));
        if looks_inside && self.tenant.is_some() && self.carries_tenant(place.field) {
            return Err(Failure::unsupported("contains and size on a key that carries the tenant"));
        }
        Ok(())
    }

    fn compare(
        &self,
        place: &Place<'_>,
        at: &str,
        sign: &str,
        value: &Operand,
        holders: &mut Placeholders,
    ) -> Result<Node> {
        let value = self.operand(place, place.kind, value)?;
        if !matches!(sign, "=" | "<>") {
            check_ordered(&value)?;
        }
        Ok(Node::Leaf(format!("{at} {sign} {}", holders.value(value)), 1))
    }

    fn one_of(
        &self,
        place: &Place<'_>,
        at: &str,
        list: &[Operand],
        holders: &mut Placeholders,
    ) -> Result<Node> {
        if list.is_empty() {
            return Err(Failure::validation("an empty list for in"));
        }
        let mut parts = Vec::new();
        let list = if self.has(Bug::InForgetsRest) { &list[..list.len().min(IN_OPERANDS)] } else { list };
        for chunk in list.chunks(if self.has(Bug::InUnsplit) { usize::MAX } else { IN_OPERANDS }) {
            let mut values = Vec::new();
            for value in chunk {
                values.push(holders.value(self.operand(place, place.kind, value)?));
            }
            parts.push(format!("{at} IN ({})", values.join(", ")));
        }
        // Bracketed here, so that no reading of the tree takes the parts of one operator apart.
        let count = parts.len();
        let text = parts.join(" OR ");
        Ok(if count > 1 { Node::Leaf(format!("({text})"), 2 * count - 1) } else { Node::Leaf(text, 1) })
    }

    fn operand(
        &self,
        place: &Place<'_>,
        kind: Option<&FieldType>,
        operand: &Operand,
    ) -> Result<AttributeValue> {
        let value = operand.value().ok_or_else(|| Failure::validation("an operand is absent"))?;
        self.encode_operand(place, kind, value)
    }

    /// The stored form of a field's value under a path's place, for a write.
    ///
    /// # Errors
    /// `encode` for a value that does not fit or is not legal there.
    pub fn encode_at(&self, place: &Place<'_>, value: &AttributeValue) -> Result<Encoded> {
        if place.omit_empty && value.is_empty() {
            return Ok(Encoded::Omitted);
        }
        let name = &place.field.name;
        let stored = match place.kind {
            Some(kind) => super::encode::encode_value(name, kind, value)?,
            None => value.clone(),
        };
        super::legal::check(name, &stored, place.parts.len() - 1)?;
        if place.omit_empty && stored.is_empty() {
            return Ok(Encoded::Omitted);
        }
        Ok(Encoded::Stored(stored))
    }
}

/// Refuses a constant that DynamoDB cannot order.
fn check_ordered(value: &AttributeValue) -> Result<()> {
    match value {
        AttributeValue::S(_) | AttributeValue::N(_) | AttributeValue::B(_) => Ok(()),
        _ => Err(Failure::validation("only strings, numbers and bytes are ordered")),
    }
}

fn sign(comparator: Comparator) -> &'static str {
    match comparator {
        Comparator::Eq => "=",
        Comparator::Ne => "<>",
        Comparator::Lt => "<",
        Comparator::Le => "<=",
        Comparator::Gt => ">",
        Comparator::Ge => ">=",
    }
}

/// [`Bug::SecondOrLosesBrackets`]: the second group of `or` among the nodes is written without brackets.
fn without_second_group(list: Vec<Node>) -> Node {
    let mut terms = Vec::new();
    let mut groups = 0;
    for node in list {
        match node {
            Node::Or(inner) if inner.len() > 1 => {
                groups += 1;
                if groups < 2 {
                    terms.push((Joint::And, Node::Or(inner)));
                    continue;
                }
                let inner = inner.into_iter().enumerate();
                terms.extend(inner.map(|(n, node)| (if n == 0 { Joint::And } else { Joint::Or }, node)));
            }
            node => terms.push((Joint::And, node)),
        }
    }
    by_precedence(terms)
}

type Reading = fn(Vec<(Joint, Node)>) -> Node;

/// The tree without its groups, read anew. A `not` keeps what it stands before.
fn flat(tree: &Node, reading: Reading) -> Node {
    let mut terms = Vec::new();
    flatten(tree, Joint::And, reading, &mut terms);
    reading(terms)
}

fn flatten(tree: &Node, before: Joint, reading: Reading, terms: &mut Vec<(Joint, Node)>) {
    let (list, own) = match tree {
        Node::Leaf(..) => return terms.push((before, tree.clone())),
        Node::Not(inner) => {
            return terms.push((before, Node::Not(Box::new(flat(inner, reading)))));
        }
        Node::And(list) => (list, Joint::And),
        Node::Or(list) => (list, Joint::Or),
    };
    for (position, node) in list.iter().enumerate() {
        flatten(node, if position == 0 { before } else { own }, reading, terms);
    }
}

/// `and` binds before `or`.
fn by_precedence(terms: Vec<(Joint, Node)>) -> Node {
    let mut groups: Vec<Vec<Node>> = Vec::new();
    for (joint, node) in terms {
        match groups.last_mut() {
            Some(group) if joint == Joint::And => group.push(node),
            _ => groups.push(vec![node]),
        }
    }
    Node::Or(groups.into_iter().map(Node::And).collect())
}

/// Each term joins all that stands before it.
fn from_the_left(terms: Vec<(Joint, Node)>) -> Node {
    let mut terms = terms.into_iter();
    let first = terms.next().map_or(Node::And(Vec::new()), |(_, node)| node);
    terms.fold(first, |left, (joint, right)| {
        let mut list = match (joint, left) {
            (Joint::And, Node::And(list)) | (Joint::Or, Node::Or(list)) => list,
            (_, left) => vec![left],
        };
        list.push(right);
        if joint == Joint::And { Node::And(list) } else { Node::Or(list) }
    })
}
