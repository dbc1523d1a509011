//! Programs as the product generates them: a data model, then operations on pooled keys with records, update forms
//! and condition trees; and bugs that need several of these together. The public challenge has small inputs; here
//! a failing tape has hundreds of choices, of which a handful matters.

use proofhouse::tape::{Pool, Source};
use std::fmt::{self, Debug, Formatter};

const FORMS: [&str; 4] = ["patch", "partial", "whole", "builder"];

#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Text,
    Number,
    List,
    Flag,
}

#[derive(Clone, Debug)]
struct Field {
    kind: Kind,
    omit_empty: bool,
}

#[derive(Clone, PartialEq)]
enum Value {
    Absent,
    Null,
    Text(String),
    Number(i64),
    List(Vec<Value>),
    Flag(bool),
}

impl Debug for Value {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Absent => write!(f, "-"),
            Self::Null => write!(f, "null"),
            Self::Text(text) => write!(f, "{text:?}"),
            Self::Number(number) => write!(f, "{number}"),
            Self::List(list) => write!(f, "{list:?}"),
            Self::Flag(flag) => write!(f, "{flag}"),
        }
    }
}

#[derive(Clone, PartialEq)]
enum Condition {
    Exists(usize),
    Equals(usize, Value),
    And(Vec<Condition>),
    Or(Vec<Condition>),
    Not(Box<Condition>),
}

impl Debug for Condition {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exists(field) => write!(f, "Exists({field})"),
            Self::Equals(field, value) => write!(f, "Equals({field}, {value:?})"),
            Self::And(operands) => write!(f, "And({operands:?})"),
            Self::Or(operands) => write!(f, "Or({operands:?})"),
            Self::Not(inner) => write!(f, "Not({inner:?})"),
        }
    }
}

#[derive(Clone, Debug)]
enum Step {
    Get { key: i64 },
    Put { key: i64, record: Vec<Value> },
    Update { key: i64, form: &'static str, record: Vec<Value>, condition: Option<Condition> },
    Delete { key: i64 },
    Query { condition: Condition },
}

#[derive(Clone)]
struct Program {
    fields: Vec<Field>,
    steps: Vec<Step>,
}

impl Debug for Program {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for field in &self.fields {
            write!(f, "{:?}{} ", field.kind, if field.omit_empty { "?" } else { "" })?;
        }
        write!(f, "| {:?}", self.steps)
    }
}

fn value(source: &mut Source, kind: Kind, depth: usize) -> Value {
    source.span("value", |source| match kind {
        Kind::Text => Value::Text(
            source
                .list("character", 0..=8, |source| *source.pick(&['a', 'b', 'é', '#', ':', '\'']))
                .into_iter()
                .collect(),
        ),
        Kind::Number => Value::Number(source.integer(i64::MIN..=i64::MAX)),
        Kind::Flag => Value::Flag(source.chance(50)),
        Kind::List => Value::List(source.list("member", 0..=5, |source| {
            let kinds = [Kind::Text, Kind::Number, Kind::Flag, Kind::List];
            let kind = source.pick(&kinds[..if depth == 0 { 3 } else { 4 }]);
            value(source, *kind, depth.saturating_sub(1))
        })),
    })
}

fn record(source: &mut Source, fields: &[Field]) -> Vec<Value> {
    fields
        .iter()
        .map(|field| {
            source.span("field", |source| match source.weighted(&[(3, 0), (6, 1), (1, 2)]) {
                0 => Value::Absent,
                1 => value(source, field.kind, 2),
                _ => Value::Null,
            })
        })
        .collect()
}

fn condition(source: &mut Source, fields: &[Field], depth: usize) -> Condition {
    source.span("condition", |source| {
        let field = |source: &mut Source| source.below(fields.len());
        match source.below(if depth == 0 { 2 } else { 5 }) {
            0 => Condition::Exists(field(source)),
            1 => {
                let field = field(source);
                Condition::Equals(field, value(source, fields[field].kind, 1))
            }
            2 => {
                Condition::And(source.list("conjunct", 1..=3, |source| condition(source, fields, depth - 1)))
            }
            3 => Condition::Or(source.list("disjunct", 1..=3, |source| condition(source, fields, depth - 1))),
            _ => Condition::Not(Box::new(condition(source, fields, depth - 1))),
        }
    })
}

fn program(source: &mut Source) -> Program {
    let fields = source.list("declared", 1..=6, |source| Field {
        kind: *source.pick(&[Kind::Text, Kind::Number, Kind::List, Kind::Flag]),
        omit_empty: source.chance(30),
    });
    let mut keys = Pool::new();
    let steps = source.list("step", 1..=20, |source| {
        let kind = *source.weighted(&[(2, 0), (5, 1), (5, 2), (2, 3), (2, 4)]);
        if kind == 4 {
            return Step::Query { condition: condition(source, &fields, 3) };
        }
        let key = source.span("key", |source| keys.draw(source, 50, |source| source.integer(0..=4095)));
        match kind {
            0 => Step::Get { key },
            1 => Step::Put { key, record: record(source, &fields) },
            2 => Step::Update {
                key,
                form: FORMS[source.below(FORMS.len())],
                record: record(source, &fields),
                condition: source.chance(30).then(|| condition(source, &fields, 2)),
            },
            _ => Step::Delete { key },
        }
    });
    Program { fields, steps }
}

fn found(source: &mut Source, fails: impl Fn(&Program) -> bool) -> Option<String> {
    let program = program(source);
    fails(&program).then(|| format!("{program:?}"))
}

fn stored(steps: &[Step], wanted: i64) -> Option<&[Value]> {
    steps.iter().rev().find_map(|step| match step {
        Step::Put { key, record } if *key == wanted => Some(Some(record.as_slice())),
        Step::Delete { key } if *key == wanted => Some(None),
        _ => None,
    })?
}

/// A partial update with an empty list clobbers a list that is stored.
pub fn clobber(source: &mut Source) -> Option<String> {
    found(source, |program| {
        (0..program.steps.len()).any(|at| match &program.steps[at] {
            Step::Update { key, form: "partial", record, .. } => stored(&program.steps[..at], *key)
                .is_some_and(|old| {
                    old.iter().zip(record).any(|(old, new)| {
                        matches!(old, Value::List(list) if !list.is_empty())
                            && *new == Value::List(Vec::new())
                    })
                }),
            _ => false,
        })
    })
}

/// An item that was put again after a delete keeps a number beyond 2^53 only as a double.
pub fn revived(source: &mut Source) -> Option<String> {
    found(source, |program| {
        (0..program.steps.len()).any(|at| match &program.steps[at] {
            Step::Put { key, record } => {
                let mut before = program.steps[..at].iter();
                let put = before.any(|step| matches!(step, Step::Put { key: other, .. } if other == key));
                let deleted = before.any(|step| matches!(step, Step::Delete { key: other } if other == key));
                let large =
                    |value: &Value| matches!(value, Value::Number(number) if number.unsigned_abs() > 1 << 53);
                put && deleted && record.iter().any(large)
            }
            _ => false,
        })
    })
}

/// An `or` below an `and` loses its brackets when the `and` has another operand.
pub fn grouping(source: &mut Source) -> Option<String> {
    fn loses(condition: &Condition) -> bool {
        let is_or = |inner: &Condition| matches!(inner, Condition::Or(operands) if operands.len() > 1);
        match condition {
            Condition::And(operands) => {
                operands.len() > 1 && operands.iter().any(is_or) || operands.iter().any(loses)
            }
            Condition::Or(operands) => operands.iter().any(loses),
            Condition::Not(inner) => loses(inner),
            Condition::Exists(_) | Condition::Equals(..) => false,
        }
    }
    found(source, |program| {
        program.steps.iter().any(|step| match step {
            Step::Query { condition } | Step::Update { condition: Some(condition), .. } => loses(condition),
            _ => false,
        })
    })
}

/// Two items with keys that differ in one bit above the lowest eight are confused by an update of the later one.
pub fn confused(source: &mut Source) -> Option<String> {
    found(source, |program| {
        (0..program.steps.len()).any(|at| {
            match &program.steps[at] {
            Step::Update { key, .. } => program.steps[..at].iter().any(|step| {
                matches!(step, Step::Put { key: other, .. } if other != key && other % 256 == key % 256)
            }),
            _ => false,
        }
        })
    })
}

/// A text with a quote, in a list in a list, in the third field or later, is cut.
pub fn quoted(source: &mut Source) -> Option<String> {
    fn quotes(value: &Value, depth: usize) -> bool {
        match value {
            Value::Text(text) => depth == 0 && text.contains('\''),
            Value::List(list) => depth > 0 && list.iter().any(|inner| quotes(inner, depth - 1)),
            _ => false,
        }
    }
    found(source, |program| {
        program.steps.iter().any(|step| match step {
            Step::Put { record, .. } => record.iter().skip(2).any(|value| quotes(value, 2)),
            _ => false,
        })
    })
}

/// The third of three reads of one key after a put answers the record before it.
pub fn stale(source: &mut Source) -> Option<String> {
    found(source, |program| {
        (0..program.steps.len()).any(|at| match &program.steps[at] {
            Step::Put { key, .. } => {
                let reads = |step: &&Step| matches!(step, Step::Get { key: other } if other == key);
                program.steps[at..].iter().filter(reads).count() >= 3
            }
            _ => false,
        })
    })
}
