//! Condition trees on raw items, straight from the protocol: an evaluator that knows no expression text.

use crate::mapper::contract::ConditionCombination;
use crate::mapper::{Comparator, Condition, Model, Operand, Path, PathPart};
use crate::value::{AttributeValue, Item};

/// The value of a condition on an item; `None` where the specification leaves it open.
///
/// Paths begin with field names; struct members go by their declared names. A comparison with a missing
/// attribute is false, but for `ne`, which is true. An absent operand compares like a value that no
/// present attribute equals.
pub fn evaluate(condition: &Condition, model: &Model, item: &Item) -> Option<bool> {
    match condition {
        Condition::And(list) => {
            if list.is_empty() {
                return None;
            }
            fold(list, model, item, false)
        }
        Condition::Or(list) => {
            if list.is_empty() {
                return None;
            }
            fold(list, model, item, true)
        }
        Condition::Not(inner) => evaluate(inner, model, item).map(|value| !value),
        leaf => {
            let path = leaf.path()?;
            if model.field(path.root()).is_none_or(|field| field.encrypted) {
                return None;
            }
            let found = resolve(item, &model.attribute_path(path));
            if leaf.operands().iter().any(|operand| operand.value().is_none()) {
                return absent_operand(leaf, found);
            }
            evaluate_leaf(leaf, found)
        }
    }
}

/// `and` stops at false, `or` at true; one open part leaves the rest open unless another decides.
fn fold(list: &[Condition], model: &Model, item: &Item, decides: bool) -> Option<bool> {
    let mut open = false;
    for part in list {
        match evaluate(part, model, item) {
            Some(value) if value == decides => return Some(decides),
            Some(_) => {}
            None => open = true,
        }
    }
    if open { None } else { Some(!decides) }
}

/// The value at a path of stored names.
pub fn resolve<'item>(item: &'item Item, path: &Path) -> Option<&'item AttributeValue> {
    let mut parts = path.0.iter();
    let PathPart::Key(first) = parts.next()? else { return None };
    let mut value = item.get(first)?;
    for part in parts {
        value = match (part, value) {
            (PathPart::Key(key), AttributeValue::M(map)) => map.get(key)?,
            (PathPart::Index(index), AttributeValue::L(list)) => list.get(*index)?,
            _ => return None,
        };
    }
    Some(value)
}

/// With an absent operand a positive comparison holds for no present value, in every reading (a missing
/// value, NULL, an impossible one); everything else is open.
fn absent_operand(leaf: &Condition, found: Option<&AttributeValue>) -> Option<bool> {
    let present = found.is_some_and(|value| *value != AttributeValue::Null);
    match leaf {
        Condition::Eq(..)
        | Condition::Lt(..)
        | Condition::Le(..)
        | Condition::Gt(..)
        | Condition::Ge(..)
        | Condition::BeginsWith(..)
        | Condition::Contains(..)
        | Condition::Between(..)
            if present =>
        {
            Some(false)
        }
        Condition::In(_, operands) if present => {
            let values = operands.iter().filter_map(Operand::value);
            Some(values.into_iter().any(|value| Some(value) == found))
        }
        _ => None,
    }
}

fn evaluate_leaf(leaf: &Condition, found: Option<&AttributeValue>) -> Option<bool> {
    let compare = |operand: &Operand, test: fn(std::cmp::Ordering) -> bool| -> Option<bool> {
        let right = operand.value()?;
        if !is_ordered(right) {
            return None;
        }
        Some(found.is_some_and(|left| order(left, right).is_some_and(test)))
    };
    match leaf {
        Condition::Eq(_, operand) => Some(found == Some(operand.value()?)),
        Condition::Ne(_, operand) => Some(found != Some(operand.value()?)),
        Condition::Lt(_, operand) => compare(operand, std::cmp::Ordering::is_lt),
        Condition::Le(_, operand) => compare(operand, std::cmp::Ordering::is_le),
        Condition::Gt(_, operand) => compare(operand, std::cmp::Ordering::is_gt),
        Condition::Ge(_, operand) => compare(operand, std::cmp::Ordering::is_ge),
        Condition::Between(_, low, high) => {
            // Reversed or mixed ends may be refused.
            if order(low.value()?, high.value()?)?.is_gt() {
                return None;
            }
            Some(compare(low, std::cmp::Ordering::is_ge)? && compare(high, std::cmp::Ordering::is_le)?)
        }
        Condition::In(_, operands) => {
            if operands.is_empty() {
                return None;
            }
            Some(operands.iter().any(|operand| operand.value().is_some() && operand.value() == found))
        }
        Condition::BeginsWith(_, operand) => match (found, operand.value()?) {
            (Some(AttributeValue::S(text)), AttributeValue::S(prefix)) => {
                Some(text.starts_with(prefix.as_str()))
            }
            (Some(AttributeValue::B(bytes)), AttributeValue::B(prefix)) => Some(bytes.starts_with(prefix)),
            (_, AttributeValue::S(_) | AttributeValue::B(_)) => Some(false),
            _ => None,
        },
        Condition::Contains(_, operand) => Some(contains(found, operand.value()?)),
        Condition::Exists(_) => Some(found.is_some()),
        Condition::NotExists(_) => Some(found.is_none()),
        Condition::Type(_, name) => Some(found.is_some_and(|value| value.type_name() == name)),
        Condition::Size(_, comparator, bound) => {
            let size = found.map(size);
            match (size, comparator) {
                (None | Some(None), Comparator::Ne) => None,
                (None, _) => Some(false),
                // The size of a number, a truth value or NULL is no size; of other planes: sources differ.
                (Some(None), _) => None,
                (Some(Some(size)), comparator) => Some(holds(*comparator, size.cmp(bound))),
            }
        }
        Condition::And(_) | Condition::Or(_) | Condition::Not(_) => None,
    }
}

fn holds(comparator: Comparator, order: std::cmp::Ordering) -> bool {
    match comparator {
        Comparator::Eq => order.is_eq(),
        Comparator::Ne => order.is_ne(),
        Comparator::Lt => order.is_lt(),
        Comparator::Le => order.is_le(),
        Comparator::Gt => order.is_gt(),
        Comparator::Ge => order.is_ge(),
    }
}

fn is_ordered(value: &AttributeValue) -> bool {
    matches!(value, AttributeValue::S(_) | AttributeValue::N(_) | AttributeValue::B(_))
}

/// The order of two values of one ordered type: text by its UTF-8 bytes, numbers by value.
pub fn order(left: &AttributeValue, right: &AttributeValue) -> Option<std::cmp::Ordering> {
    match (left, right) {
        (AttributeValue::S(left), AttributeValue::S(right)) => Some(left.as_bytes().cmp(right.as_bytes())),
        (AttributeValue::N(left), AttributeValue::N(right)) => Some(left.cmp(right)),
        (AttributeValue::B(left), AttributeValue::B(right)) => Some(left.cmp(right)),
        _ => None,
    }
}

fn contains(found: Option<&AttributeValue>, operand: &AttributeValue) -> bool {
    match (found, operand) {
        (Some(AttributeValue::S(text)), AttributeValue::S(part)) => text.contains(part.as_str()),
        (Some(AttributeValue::B(bytes)), AttributeValue::B(part)) => {
            part.is_empty() || bytes.windows(part.len()).any(|window| window == part.as_slice())
        }
        (Some(AttributeValue::L(list)), operand) => list.contains(operand),
        (Some(AttributeValue::Ss(set)), AttributeValue::S(member)) => set.contains(member),
        (Some(AttributeValue::Ns(set)), AttributeValue::N(member)) => set.contains(member),
        (Some(AttributeValue::Bs(set)), AttributeValue::B(member)) => set.contains(member),
        _ => false,
    }
}

fn size(value: &AttributeValue) -> Option<u64> {
    let size = match value {
        AttributeValue::S(text) => {
            if text.chars().any(|c| c.len_utf16() > 1 || !c.is_ascii()) {
                return None;
            }
            text.len()
        }
        AttributeValue::B(bytes) => bytes.len(),
        AttributeValue::L(list) => list.len(),
        AttributeValue::M(map) => map.len(),
        AttributeValue::Ss(set) => set.len(),
        AttributeValue::Ns(set) => set.len(),
        AttributeValue::Bs(set) => set.len(),
        AttributeValue::N(_) | AttributeValue::Bool(_) | AttributeValue::Null => return None,
    };
    Some(size as u64)
}

/// The tree that a target means: as given, or as its flat text is read. `None` where the target does not
/// say and the readings differ.
pub fn reading(condition: &Condition, combination: Option<ConditionCombination>) -> Option<Condition> {
    match combination {
        Some(ConditionCombination::Grouped) => Some(condition.clone()),
        Some(ConditionCombination::Precedence) => Some(by_precedence(&flat(condition, false))),
        Some(ConditionCombination::LeftToRight) => Some(from_the_left(&flat(condition, true))),
        None => {
            let grouped = simplified(condition);
            let same = simplified(&by_precedence(&flat(condition, false))) == grouped
                && simplified(&from_the_left(&flat(condition, true))) == grouped;
            same.then(|| condition.clone())
        }
    }
}

/// One leaf or `not` of a flat text, with the connective before it.
struct Term {
    and: bool,
    condition: Condition,
}

/// The tree without brackets; a `not` keeps its group, whose inside is flat again.
fn flat(condition: &Condition, left: bool) -> Vec<Term> {
    let join = |list: &[Condition], and: bool| {
        let mut terms: Vec<Term> = Vec::new();
        for part in list {
            let mut inner = flat(part, left);
            if let Some(first) = inner.first_mut() {
                first.and = and;
            }
            terms.extend(inner);
        }
        terms
    };
    match condition {
        Condition::And(list) => join(list, true),
        Condition::Or(list) => join(list, false),
        Condition::Not(inner) => {
            let inner = flat(inner, left);
            let inner = if left { from_the_left(&inner) } else { by_precedence(&inner) };
            vec![Term { and: true, condition: Condition::Not(Box::new(inner)) }]
        }
        leaf => vec![Term { and: true, condition: leaf.clone() }],
    }
}

fn by_precedence(terms: &[Term]) -> Condition {
    let mut groups: Vec<Vec<Condition>> = Vec::new();
    for (position, term) in terms.iter().enumerate() {
        match groups.last_mut() {
            Some(group) if term.and && position > 0 => group.push(term.condition.clone()),
            _ => groups.push(vec![term.condition.clone()]),
        }
    }
    let mut parts: Vec<Condition> = groups.into_iter().map(|group| one_or(group, Condition::And)).collect();
    if parts.len() == 1 { parts.remove(0) } else { Condition::Or(parts) }
}

fn from_the_left(terms: &[Term]) -> Condition {
    let mut terms = terms.iter();
    let Some(first) = terms.next() else { return Condition::And(Vec::new()) };
    terms.fold(first.condition.clone(), |left, term| {
        let pair = vec![left, term.condition.clone()];
        if term.and { Condition::And(pair) } else { Condition::Or(pair) }
    })
}

fn one_or(mut list: Vec<Condition>, wrap: fn(Vec<Condition>) -> Condition) -> Condition {
    if list.len() == 1 { list.remove(0) } else { wrap(list) }
}

/// Nested groups of one connective joined, so that equal meanings compare equal.
fn simplified(condition: &Condition) -> Condition {
    let joined = |list: &[Condition], and: bool| -> Vec<Condition> {
        list.iter()
            .map(simplified)
            .flat_map(|part| match part {
                Condition::And(inner) if and => inner,
                Condition::Or(inner) if !and => inner,
                other => vec![other],
            })
            .collect()
    };
    match condition {
        Condition::And(list) => one_or(joined(list, true), Condition::And),
        Condition::Or(list) => one_or(joined(list, false), Condition::Or),
        Condition::Not(inner) => Condition::Not(Box::new(simplified(inner))),
        leaf => leaf.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leaf(name: &str) -> Condition {
        Condition::Exists(Path::field(name))
    }

    #[test]
    fn a_group_of_or_inside_and_loses_its_brackets_in_a_flat_reading() {
        let tree = Condition::And(vec![Condition::Or(vec![leaf("a"), leaf("b")]), leaf("c")]);
        let precedence = reading(&tree, Some(ConditionCombination::Precedence));
        let expected = Condition::Or(vec![leaf("a"), Condition::And(vec![leaf("b"), leaf("c")])]);
        assert_eq!(precedence, Some(expected));
        let left = reading(&tree, Some(ConditionCombination::LeftToRight));
        assert_eq!(left, Some(tree.clone()));
        assert_eq!(reading(&tree, None), None);
        let plain = Condition::And(vec![leaf("a"), Condition::And(vec![leaf("b"), leaf("c")])]);
        assert_eq!(reading(&plain, None), Some(plain.clone()));
    }

    #[test]
    fn a_not_keeps_its_group() {
        let tree = Condition::And(vec![
            leaf("a"),
            Condition::Not(Box::new(Condition::Or(vec![leaf("b"), leaf("c")]))),
        ]);
        assert_eq!(reading(&tree, Some(ConditionCombination::Precedence)), Some(tree.clone()));
        assert_eq!(reading(&tree, Some(ConditionCombination::LeftToRight)), Some(tree));
    }
}
