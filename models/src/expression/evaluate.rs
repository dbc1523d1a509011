//! Whether a condition holds on an item.
//!
//! A missing attribute equals nothing, not even another missing one, so `<>` holds. Between different types no
//! order holds. `<>` on the size of what has none is left open by the documents; it makes an answer unspecified
//! only where the rest of the condition does not decide it.

use super::ast::{Comparator, Condition, Operand, Path, Step};
use super::parse::KeyTest;
use super::resolve::{ResolvedCondition, ResolvedKeyCondition};
use super::rule::Unspecified;
use crate::value::{AttributeValue, Item, Number, begins_with, contains, order, size_of};
use std::borrow::Cow;
use std::cmp::Ordering;

const SIZE_NE: Unspecified = Unspecified("`<>` on the size of an attribute that is missing or has no size");

/// Whether the condition holds on the item; a missing item is an empty one.
///
/// # Errors
/// [`Unspecified`] where the answer rests on what the documents leave open.
pub fn evaluate(condition: &ResolvedCondition, item: &Item) -> Result<bool, Unspecified> {
    match condition {
        Condition::And(list) => all(list.iter().map(|inner| evaluate(inner, item)), false),
        Condition::Or(list) => all(list.iter().map(|inner| evaluate(inner, item)), true),
        Condition::Not(inner) => evaluate(inner, item).map(|holds| !holds),
        Condition::Compare(left, sign, right) => {
            let open = |operand: &Operand<Path, AttributeValue>| {
                matches!(operand, Operand::Size(_)) && operand_value(operand, item).is_none()
            };
            if *sign == Comparator::Ne && (open(left) || open(right)) {
                return Err(SIZE_NE);
            }
            Ok(compare(operand_value(left, item).as_deref(), *sign, operand_value(right, item).as_deref()))
        }
        Condition::Between(value, low, high) => {
            let value = operand_value(value, item);
            let (low, high) = (operand_value(low, item), operand_value(high, item));
            Ok(compare(value.as_deref(), Comparator::Ge, low.as_deref())
                && compare(value.as_deref(), Comparator::Le, high.as_deref()))
        }
        Condition::In(value, list) => {
            let value = operand_value(value, item);
            Ok(list.iter().any(|member| {
                compare(value.as_deref(), Comparator::Eq, operand_value(member, item).as_deref())
            }))
        }
        Condition::Exists(path) => Ok(lookup(item, path).is_some()),
        Condition::NotExists(path) => Ok(lookup(item, path).is_none()),
        Condition::Type(path, kind) => Ok(lookup(item, path)
            .is_some_and(|value| matches!(kind, AttributeValue::S(kind) if kind == value.type_name()))),
        Condition::BeginsWith(value, prefix) => Ok(both(value, prefix, item, begins_with)),
        Condition::Contains(value, member) => Ok(both(value, member, item, contains)),
    }
}

/// Whether a key condition holds on an item.
pub fn matches_key(condition: &ResolvedKeyCondition, item: &Item) -> bool {
    condition.iter().all(|(path, test)| {
        let value = lookup(item, path);
        match test {
            KeyTest::Compare(sign, other) => compare(value, *sign, Some(other)),
            KeyTest::Between(low, high) => {
                compare(value, Comparator::Ge, Some(low)) && compare(value, Comparator::Le, Some(high))
            }
            KeyTest::BeginsWith(prefix) => value.is_some_and(|value| begins_with(value, prefix)),
        }
    })
}

/// The value at a path, where there is one.
pub fn lookup<'item>(item: &'item Item, path: &Path) -> Option<&'item AttributeValue> {
    let (Step::Name(root), rest) = path.0.split_first()? else { return None };
    rest.iter().try_fold(item.get(root)?, |value, step| match (value, step) {
        (AttributeValue::M(map), Step::Name(name)) => map.get(name),
        (AttributeValue::L(list), Step::Index(index)) => list.get(*index),
        _ => None,
    })
}

/// Conjunction, or disjunction where `decides` is true: one deciding member outweighs an unspecified one.
fn all(list: impl Iterator<Item = Result<bool, Unspecified>>, decides: bool) -> Result<bool, Unspecified> {
    let mut open = None;
    for member in list {
        match member {
            Ok(holds) if holds == decides => return Ok(decides),
            Ok(_) => {}
            Err(unspecified) => open = Some(unspecified),
        }
    }
    open.map_or(Ok(!decides), Err)
}

fn operand_value<'tree>(
    operand: &'tree Operand<Path, AttributeValue>,
    item: &'tree Item,
) -> Option<Cow<'tree, AttributeValue>> {
    match operand {
        Operand::Path(path) => lookup(item, path).map(Cow::Borrowed),
        Operand::Value(value) => Some(Cow::Borrowed(value)),
        Operand::Size(inner) => {
            let size = size_of(&*operand_value(inner, item)?)?;
            Some(Cow::Owned(AttributeValue::N(Number::from(size as i128))))
        }
    }
}

fn both(
    left: &Operand<Path, AttributeValue>,
    right: &Operand<Path, AttributeValue>,
    item: &Item,
    test: fn(&AttributeValue, &AttributeValue) -> bool,
) -> bool {
    match (operand_value(left, item), operand_value(right, item)) {
        (Some(left), Some(right)) => test(&left, &right),
        _ => false,
    }
}

fn compare(left: Option<&AttributeValue>, sign: Comparator, right: Option<&AttributeValue>) -> bool {
    let equal = left.is_some() && left == right;
    let order = || left.zip(right).and_then(|(left, right)| order(left, right));
    match sign {
        Comparator::Eq => equal,
        Comparator::Ne => !equal,
        Comparator::Lt => order() == Some(Ordering::Less),
        Comparator::Le => matches!(order(), Some(Ordering::Less | Ordering::Equal)),
        Comparator::Gt => order() == Some(Ordering::Greater),
        Comparator::Ge => matches!(order(), Some(Ordering::Greater | Ordering::Equal)),
    }
}
