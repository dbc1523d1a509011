//! From placeholders to names and values, and the rules that show only then: types of constants, paths that are
//! the same under two placeholders, paths that overlap.

use super::ast::ValueName;
use super::ast::{
    Comparator, Condition, Mapping, Operand, Path, RawPath, RawStep, SetValue, Step, Update, UpdateOperand,
};
use super::parse::{KeyCondition, KeyTest};
use super::rule::{ExpressionError, Rule};
use crate::value::{AttributeValue, order};
use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;

/// What placeholders stand for. The keys carry their `#` or `:`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Substitutions {
    /// Attribute names by `#name`.
    pub names: BTreeMap<String, String>,
    /// Values by `:value`.
    pub values: BTreeMap<String, AttributeValue>,
}

/// A condition or filter with real paths and values.
pub type ResolvedCondition = Condition<Path, AttributeValue>;
/// An update with real paths and values.
pub type ResolvedUpdate = Update<Path, AttributeValue>;
/// A key condition with attribute names and real values.
pub type ResolvedKeyCondition = KeyCondition<Path, AttributeValue>;

/// Resolves the expressions of one request and remembers which placeholders they use.
#[derive(Debug)]
pub struct Resolver<'a> {
    substitutions: &'a Substitutions,
    names: BTreeSet<String>,
    values: BTreeSet<String>,
    errors: Vec<ExpressionError>,
    notes: Vec<ExpressionError>,
}

impl<'a> Resolver<'a> {
    /// A resolver for one request.
    pub fn new(substitutions: &'a Substitutions) -> Self {
        Self {
            substitutions,
            names: BTreeSet::new(),
            values: BTreeSet::new(),
            errors: Vec::new(),
            notes: Vec::new(),
        }
    }

    /// The `#name`s that were used so far.
    pub fn used_names(&self) -> &BTreeSet<String> {
        &self.names
    }

    /// The `:value`s that were used so far.
    pub fn used_values(&self) -> &BTreeSet<String> {
        &self.values
    }

    /// What was found so far that AWS may or may not refuse.
    pub fn take_notes(&mut self) -> Vec<ExpressionError> {
        std::mem::take(&mut self.notes)
    }

    /// A condition or filter with real paths and values.
    ///
    /// # Errors
    /// Every undefined placeholder; without one, every operand that breaks a rule.
    pub fn condition(
        &mut self,
        raw: &Condition<RawPath, ValueName>,
    ) -> Result<ResolvedCondition, Vec<ExpressionError>> {
        let Ok(condition) = raw.map(self);
        self.finish(condition, check_condition)
    }

    /// An update with real paths and values.
    ///
    /// # Errors
    /// As for [`Resolver::condition`].
    pub fn update(
        &mut self,
        raw: &Update<RawPath, ValueName>,
    ) -> Result<ResolvedUpdate, Vec<ExpressionError>> {
        let Ok(update) = raw.map(self);
        self.finish(update, check_update)
    }

    /// A projection with real paths.
    ///
    /// # Errors
    /// As for [`Resolver::condition`].
    pub fn projection(&mut self, raw: &[RawPath]) -> Result<Vec<Path>, Vec<ExpressionError>> {
        let paths = raw.iter().map(|path| match Mapping::<RawPath, ValueName>::path(self, path) {
            Ok(path) => path,
        });
        let paths = paths.collect::<Vec<_>>();
        self.finish(paths, |paths, errors| check_overlap(&paths.iter().collect::<Vec<_>>(), errors))
    }

    /// A key condition with real names and values.
    ///
    /// # Errors
    /// As for [`Resolver::condition`].
    pub fn key_condition(
        &mut self,
        raw: &KeyCondition<RawPath, ValueName>,
    ) -> Result<ResolvedKeyCondition, Vec<ExpressionError>> {
        let mut tests = Vec::new();
        for (path, test) in raw {
            let Ok(path) = Mapping::<RawPath, ValueName>::path(self, path);
            let Ok(test) = match test {
                KeyTest::Compare(sign, value) => {
                    self.value(value).map(|value| KeyTest::Compare(*sign, value))
                }
                KeyTest::Between(low, high) => {
                    self.value(low).and_then(|low| Ok(KeyTest::Between(low, self.value(high)?)))
                }
                KeyTest::BeginsWith(prefix) => self.value(prefix).map(KeyTest::BeginsWith),
            };
            tests.push((path, test));
        }
        self.finish(tests, |tests, errors| {
            for (position, (path, test)) in tests.iter().enumerate() {
                if tests[..position].iter().any(|(other, _)| other == path) {
                    errors.push(ExpressionError::new(Rule::KeyConditionForm, 0, format!("{path} twice")));
                }
                match test {
                    KeyTest::Compare(_, value) => ordered_constant("a comparison", value, errors),
                    KeyTest::Between(low, high) => bounds(low, high, errors),
                    KeyTest::BeginsWith(prefix) => prefix_constant(prefix, errors),
                }
            }
        })
    }

    fn finish<T>(
        &mut self,
        tree: T,
        check: impl FnOnce(&T, &mut Vec<ExpressionError>),
    ) -> Result<T, Vec<ExpressionError>> {
        let mut errors = std::mem::take(&mut self.errors);
        if errors.is_empty() {
            check(&tree, &mut errors);
        }
        let open = |error: &ExpressionError| error.rule.is_unspecified();
        self.notes.extend(errors.iter().filter(|error| open(error)).cloned());
        errors.retain(|error| !open(error));
        if errors.is_empty() { Ok(tree) } else { Err(errors) }
    }
}

impl Mapping<RawPath, ValueName> for Resolver<'_> {
    type Path = Path;
    type Value = AttributeValue;
    type Error = Infallible;

    fn path(&mut self, raw: &RawPath) -> Result<Path, Infallible> {
        let steps = raw.steps.iter().map(|step| match step {
            RawStep::Bare(name) => Step::Name(name.clone()),
            RawStep::Index(index) => Step::Index(*index),
            RawStep::Placeholder(placeholder) => {
                self.names.insert(placeholder.clone());
                let name = self.substitutions.names.get(placeholder).unwrap_or_else(|| {
                    self.errors.push(ExpressionError::new(Rule::UndefinedName, raw.at, placeholder.clone()));
                    placeholder
                });
                Step::Name(name.clone())
            }
        });
        Ok(Path(steps.collect()))
    }

    fn value(&mut self, raw: &ValueName) -> Result<AttributeValue, Infallible> {
        self.values.insert(raw.name.clone());
        Ok(self.substitutions.values.get(&raw.name).cloned().unwrap_or_else(|| {
            self.errors.push(ExpressionError::new(Rule::UndefinedValue, raw.at, raw.name.clone()));
            AttributeValue::Null
        }))
    }
}

type ResolvedOperand = Operand<Path, AttributeValue>;

fn broken(rule: Rule, detail: impl Into<String>) -> ExpressionError {
    ExpressionError::new(rule, 0, detail)
}

fn check_condition(condition: &ResolvedCondition, errors: &mut Vec<ExpressionError>) {
    match condition {
        Condition::And(list) | Condition::Or(list) => {
            list.iter().for_each(|inner| check_condition(inner, errors))
        }
        Condition::Not(inner) => check_condition(inner, errors),
        Condition::Compare(left, sign, right) => {
            distinct(left, [right], errors);
            for operand in [left, right] {
                sized(operand, errors);
                if let (Operand::Value(value), false) =
                    (operand, matches!(sign, Comparator::Eq | Comparator::Ne))
                {
                    ordered_constant(sign.sign(), value, errors);
                }
            }
        }
        Condition::Between(value, low, high) => {
            distinct(value, [low, high], errors);
            [value, low, high].into_iter().for_each(|operand| sized(operand, errors));
            match (low, high) {
                (Operand::Value(low), Operand::Value(high)) => bounds(low, high, errors),
                (Operand::Value(bound), _) | (_, Operand::Value(bound)) => {
                    ordered_constant("BETWEEN", bound, errors)
                }
                _ => {}
            }
        }
        Condition::In(value, list) => {
            distinct(value, list, errors);
            sized(value, errors);
            list.iter().for_each(|operand| sized(operand, errors));
            if list.len() == super::parse::MAX_IN {
                errors.push(broken(Rule::InOfExactly100, "IN"));
            }
        }
        Condition::Exists(_) | Condition::NotExists(_) => {}
        Condition::Type(_, kind) => {
            let known = ["S", "N", "B", "BOOL", "NULL", "L", "M", "SS", "NS", "BS"];
            if !matches!(kind, AttributeValue::S(kind) if known.contains(&kind.as_str())) {
                errors.push(broken(Rule::OperandType, "attribute_type"));
            }
        }
        Condition::BeginsWith(value, prefix) => {
            distinct(value, [prefix], errors);
            for operand in [value, prefix] {
                sized(operand, errors);
                if let Operand::Value(value) = operand {
                    prefix_constant(value, errors);
                }
            }
        }
        Condition::Contains(value, member) => {
            distinct(value, [member], errors);
            [value, member].into_iter().for_each(|operand| sized(operand, errors));
        }
    }
}

fn distinct<'list>(
    first: &ResolvedOperand,
    rest: impl IntoIterator<Item = &'list ResolvedOperand>,
    errors: &mut Vec<ExpressionError>,
) {
    if let Operand::Path(path) = first
        && rest.into_iter().any(|operand| operand == first)
    {
        errors.push(broken(Rule::SameOperand, path.to_string()));
    }
}

/// `size` of a constant takes what has a size.
fn sized(operand: &ResolvedOperand, errors: &mut Vec<ExpressionError>) {
    if let Operand::Size(inner) = operand
        && let Operand::Value(value) = &**inner
        && crate::value::size_of(value).is_none()
    {
        errors.push(broken(Rule::OperandType, format!("size of {}", value.type_name())));
    }
}

fn ordered_constant(operator: &str, value: &AttributeValue, errors: &mut Vec<ExpressionError>) {
    if !matches!(value, AttributeValue::S(_) | AttributeValue::N(_) | AttributeValue::B(_)) {
        errors.push(broken(Rule::OperandType, format!("{operator} with {}", value.type_name())));
    }
}

fn prefix_constant(value: &AttributeValue, errors: &mut Vec<ExpressionError>) {
    if !matches!(value, AttributeValue::S(_) | AttributeValue::B(_)) {
        errors.push(broken(Rule::OperandType, format!("begins_with with {}", value.type_name())));
    }
}

fn bounds(low: &AttributeValue, high: &AttributeValue, errors: &mut Vec<ExpressionError>) {
    match order(low, high) {
        Some(Ordering::Greater) => errors.push(broken(Rule::ReversedBounds, "BETWEEN")),
        Some(_) => {}
        None => errors
            .push(broken(Rule::OperandType, format!("BETWEEN {} AND {}", low.type_name(), high.type_name()))),
    }
}

fn check_update(update: &ResolvedUpdate, errors: &mut Vec<ExpressionError>) {
    check_overlap(&update.targets().collect::<Vec<_>>(), errors);
    for (_, value) in &update.set {
        match value {
            SetValue::Operand(operand) => check_operand(operand, errors),
            SetValue::Plus(left, right) | SetValue::Minus(left, right) => {
                for operand in [left, right] {
                    check_operand(operand, errors);
                    match operand {
                        UpdateOperand::Value(AttributeValue::N(_)) => {}
                        UpdateOperand::Value(value) => {
                            errors.push(broken(
                                Rule::OperandType,
                                format!("arithmetic with {}", value.type_name()),
                            ));
                        }
                        UpdateOperand::ListAppend(..) => {
                            errors.push(broken(Rule::OperandType, "arithmetic with L"));
                        }
                        UpdateOperand::Path(_) | UpdateOperand::IfNotExists(..) => {}
                    }
                }
            }
        }
    }
    for (_, value) in &update.add {
        use AttributeValue::{Bs, N, Ns, Ss};
        if !matches!(value, N(_) | Ss(_) | Ns(_) | Bs(_)) {
            errors.push(broken(Rule::OperandType, format!("ADD with {}", value.type_name())));
        }
    }
    for (_, value) in &update.delete {
        if !matches!(value, AttributeValue::Ss(_) | AttributeValue::Ns(_) | AttributeValue::Bs(_)) {
            errors.push(broken(Rule::OperandType, format!("DELETE with {}", value.type_name())));
        }
    }
}

fn check_operand(operand: &UpdateOperand<Path, AttributeValue>, errors: &mut Vec<ExpressionError>) {
    match operand {
        UpdateOperand::Path(_) | UpdateOperand::Value(_) => {}
        UpdateOperand::IfNotExists(_, value) => check_operand(value, errors),
        UpdateOperand::ListAppend(first, second) => {
            for operand in [first, second] {
                check_operand(operand, errors);
                if let UpdateOperand::Value(value) = &**operand
                    && !matches!(value, AttributeValue::L(_))
                {
                    errors.push(broken(Rule::OperandType, format!("list_append with {}", value.type_name())));
                }
            }
        }
    }
}

/// No path may hold another, and none may take for a list what another takes for a map.
fn check_overlap(paths: &[&Path], errors: &mut Vec<ExpressionError>) {
    for (position, path) in paths.iter().enumerate() {
        for other in &paths[..position] {
            let differ = path.0.iter().zip(&other.0).find(|(left, right)| left != right);
            let rule = match differ {
                None => Rule::OverlappingPaths,
                Some((Step::Name(_), Step::Index(_)) | (Step::Index(_), Step::Name(_))) => {
                    Rule::ConflictingPaths
                }
                Some(_) => continue,
            };
            errors.push(broken(rule, format!("{other}, {path}")));
        }
    }
}
