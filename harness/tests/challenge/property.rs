//! The properties on plain values: true means that the value is a counterexample.

use std::collections::BTreeSet;
use std::fmt::{self, Display, Formatter};

fn wrapping_sum(list: &[i16]) -> i16 {
    list.iter().fold(0, |sum, value| sum.wrapping_add(*value))
}

/// Five lists, each with a wrapping sum below 256: the wrapping sum of all is below 1,280.
pub fn bound5(lists: &[Vec<i16>]) -> bool {
    lists.iter().all(|list| wrapping_sum(list) < 256) && wrapping_sum(&lists.concat()) >= 5 * 256
}

/// The lists together hold at most four distinct integers.
pub fn large_union_list(lists: &[Vec<i64>]) -> bool {
    lists.iter().flatten().collect::<BTreeSet<_>>().len() > 4
}

/// The maximum is below 900.
pub fn length_list(list: &[i64]) -> bool {
    list.iter().any(|value| *value >= 900)
}

/// A list equals its reverse.
pub fn reverse(list: &[i64]) -> bool {
    !list.iter().eq(list.iter().rev())
}

/// After removing the first occurrence of an element it is gone.
pub fn deletion(list: &[i64], element: i64) -> bool {
    list.iter().filter(|value| **value == element).count() > 1
}

/// A list has fewer than three distinct values.
pub fn distinct(list: &[i64]) -> bool {
    list.iter().collect::<BTreeSet<_>>().len() >= 3
}

/// The lengths of the inner lists add up to at most 10.
pub fn nested_lists(lists: &[Vec<i64>]) -> bool {
    lists.iter().map(Vec::len).sum::<usize>() > 10
}

/// No two places of a list of its own indexes point at each other.
pub fn coupling(list: &[usize]) -> bool {
    (0..list.len()).any(|at| list[at] != at && list[list[at]] == at)
}

/// The first number is below 10, or the difference is not a bad one.
pub fn difference(a: i64, b: i64, bad: fn(i64) -> bool) -> bool {
    a >= 10 && bad((a - b).abs())
}

/// A heap: no value below that of its parent.
#[derive(Clone, Debug)]
pub struct Heap {
    pub value: i64,
    pub left: Option<Box<Heap>>,
    pub right: Option<Box<Heap>>,
}

/// A heap as text, with the children of a leaf left out.
pub fn show(heap: Option<&Heap>) -> String {
    match heap {
        None => "None".to_owned(),
        Some(Heap { value, left: None, right: None }) => format!("({value})"),
        Some(Heap { value, left, right }) => {
            format!("({value}, {}, {})", show(left.as_deref()), show(right.as_deref()))
        }
    }
}

fn merge(one: Option<&Heap>, other: Option<&Heap>) -> Option<Box<Heap>> {
    let (Some(a), Some(b)) = (one, other) else { return one.or(other).map(|heap| Box::new(heap.clone())) };
    let (least, rest) = if a.value <= b.value { (a, b) } else { (b, a) };
    Some(Box::new(Heap {
        value: least.value,
        left: merge(least.right.as_deref(), Some(rest)),
        right: least.left.clone(),
    }))
}

fn values(heap: Option<&Heap>) -> Vec<i64> {
    let mut values = Vec::new();
    let mut stack = vec![heap];
    while let Some(next) = stack.pop() {
        if let Some(heap) = next {
            values.push(heap.value);
            stack.push(heap.left.as_deref());
            stack.push(heap.right.as_deref());
        }
    }
    values
}

/// The wrong conversion to a sorted list, which merges once only, gives the sorted values.
pub fn binary_heap(heap: Option<&Heap>) -> bool {
    let mut sorted = values(heap);
    sorted.sort_unstable();
    let wrong = heap.map_or(Vec::new(), |heap| {
        let mut all = vec![heap.value];
        all.extend(values(merge(heap.left.as_deref(), heap.right.as_deref()).as_deref()));
        all
    });
    wrong != sorted
}

/// An arithmetic expression.
#[derive(Clone, Debug)]
pub enum Expression {
    Literal(i64),
    Add(Box<Expression>, Box<Expression>),
    Divide(Box<Expression>, Box<Expression>),
}

impl Expression {
    fn divides_by_a_literal_zero(&self) -> bool {
        match self {
            Self::Literal(_) => false,
            Self::Divide(_, by) if matches!(**by, Self::Literal(0)) => true,
            Self::Add(a, b) | Self::Divide(a, b) => {
                a.divides_by_a_literal_zero() || b.divides_by_a_literal_zero()
            }
        }
    }

    fn evaluate(&self) -> Option<i64> {
        match self {
            Self::Literal(value) => Some(*value),
            Self::Add(a, b) => Some(a.evaluate()?.wrapping_add(b.evaluate()?)),
            Self::Divide(a, b) => a.evaluate()?.checked_div_euclid(b.evaluate()?),
        }
    }
}

impl Display for Expression {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let operand = |expression: &Self| match expression {
            Self::Literal(_) => expression.to_string(),
            _ => format!("({expression})"),
        };
        match self {
            Self::Literal(value) => write!(f, "{value}"),
            Self::Add(a, b) => write!(f, "{} + {}", operand(a), operand(b)),
            Self::Divide(a, b) => write!(f, "{} / {}", operand(a), operand(b)),
        }
    }
}

/// An expression without a division by a literal zero evaluates.
pub fn calculator(expression: &Expression) -> bool {
    !expression.divides_by_a_literal_zero() && expression.evaluate().is_none()
}
