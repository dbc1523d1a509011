//! The form of key conditions: an equality, and at most one condition on the sort key.
//!
//! The text is that of a condition; what a condition may say and a key condition may not is refused afterwards.

use super::condition::{RawCondition, parse_condition};
use crate::expression::ast::{Comparator, Condition, Operand, RawPath, RawStep, ValueName};
use crate::expression::rule::{ExpressionError, Rule};

/// A key condition: tests of different key attributes, all of which hold.
pub type KeyCondition<P, V> = Vec<(P, KeyTest<V>)>;

/// A test of one key attribute.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum KeyTest<V> {
    /// `= < <= > >=`
    Compare(Comparator, V),
    /// `BETWEEN`
    Between(V, V),
    /// `begins_with`
    BeginsWith(V),
}

/// Reads a key condition. More than two tests are read: an index may have keys of several attributes.
///
/// # Errors
/// The first rule that it breaks, with its place.
pub fn parse_key_condition(text: &str) -> Result<KeyCondition<RawPath, ValueName>, ExpressionError> {
    let tests = match parse_condition(text)? {
        Condition::And(list) => list.into_iter().flat_map(flat).collect(),
        single => vec![single],
    };
    let tests = tests.into_iter().map(test).collect::<Result<Vec<_>, _>>()?;
    for (position, (path, _)) in tests.iter().enumerate() {
        if path.steps.len() > 1 {
            return Err(form(path.at, "a nested path"));
        }
        let twice = |(other, _): &&(RawPath, KeyTest<ValueName>)| {
            matches!((&other.steps[..], &path.steps[..]), ([RawStep::Bare(a)], [RawStep::Bare(b)]) if a == b)
                || other.steps == path.steps
        };
        if tests[..position].iter().any(|other| twice(&other)) {
            return Err(form(path.at, "one attribute twice"));
        }
    }
    if !tests.iter().any(|(_, test)| matches!(test, KeyTest::Compare(Comparator::Eq, _))) {
        return Err(form(0, "no equality"));
    }
    Ok(tests)
}

/// Brackets around a conjunction leave an AND within an AND.
fn flat(condition: RawCondition) -> Vec<RawCondition> {
    match condition {
        Condition::And(list) => list.into_iter().flat_map(flat).collect(),
        other => vec![other],
    }
}

fn test(condition: RawCondition) -> Result<(RawPath, KeyTest<ValueName>), ExpressionError> {
    match condition {
        Condition::Compare(Operand::Path(path), sign, Operand::Value(value)) if sign != Comparator::Ne => {
            Ok((path, KeyTest::Compare(sign, value)))
        }
        Condition::Compare(Operand::Value(value), sign, Operand::Path(path)) if sign != Comparator::Ne => {
            Ok((path, KeyTest::Compare(sign.flipped(), value)))
        }
        Condition::Between(Operand::Path(path), Operand::Value(low), Operand::Value(high)) => {
            Ok((path, KeyTest::Between(low, high)))
        }
        Condition::BeginsWith(Operand::Path(path), Operand::Value(prefix)) => {
            Ok((path, KeyTest::BeginsWith(prefix)))
        }
        _ => Err(form(0, "an operator that key conditions do not have")),
    }
}

fn form(at: usize, detail: &str) -> ExpressionError {
    ExpressionError::new(Rule::KeyConditionForm, at, detail)
}
