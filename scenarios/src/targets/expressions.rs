//! Conditions, keys and updates in the builders of `dynamodb-expression`.
//!
//! A group is written by `and`, `or` and `not`, as its documentation shows them; brackets that a caller would
//! have to ask for are not asked for.

use super::failure::{Result, invalid, unsupported};
use super::sdk::to_sdk;
use dynamodb_expression::condition::attribute_type::Type;
use dynamodb_expression::key::KeyCondition;
use dynamodb_expression::path::{Element, Name};
use dynamodb_expression::update::{AddValue, Update};
use dynamodb_expression::value::{List, Scalar, Set, Value};
use dynamodb_expression::{Num, Path, condition::Condition as Tree};
use proofhouse_models::mapper::{
    Comparator, Condition, FieldOrPath, Model, Operand, Path as FieldPath, PathPart, Query, SortCondition,
    call::Update as UpdateCall,
};
use proofhouse_models::value::AttributeValue;

/// A path of fields as the library's path of stored names.
pub fn path(model: &Model, path: &FieldPath) -> Result<Path> {
    if model.field(path.root()).is_none() {
        return Err(invalid("no field has this name"));
    }
    let mut elements: Vec<(String, Vec<usize>)> = Vec::new();
    for part in model.attribute_path(path).0 {
        match (part, elements.last_mut()) {
            (PathPart::Key(name), _) => elements.push((name, Vec::new())),
            (PathPart::Index(index), Some((_, indexes))) => indexes.push(index),
            (PathPart::Index(_), None) => return Err(invalid("a path begins with a field")),
        }
    }
    Ok(elements
        .into_iter()
        .map(|(name, indexes)| match indexes.is_empty() {
            true => Element::from(Name::from(name)),
            false => Element::new_indexed_field(name, indexes),
        })
        .collect())
}

fn field(model: &Model, name: &str) -> Result<Path> {
    path(model, &FieldPath::field(name))
}

fn value(operand: &Operand) -> Result<Value> {
    let value = operand.value().ok_or_else(|| unsupported("there is no absent value"))?;
    library_value(value)
}

fn library_value(value: &AttributeValue) -> Result<Value> {
    Value::try_from(to_sdk(value)).map_err(|_| invalid("a value of an unknown type"))
}

fn scalar(value: Value) -> Result<Scalar> {
    match value {
        Value::Scalar(scalar) => Ok(scalar),
        _ => Err(unsupported("operands of comparisons are scalars")),
    }
}

/// A condition tree, by the library's `and`, `or` and `not`.
pub fn condition(model: &Model, tree: &Condition) -> Result<Tree> {
    let joined = |list: &[Condition], join: fn(Tree, Tree) -> Tree| -> Result<Tree> {
        let mut trees =
            list.iter().map(|child| condition(model, child)).collect::<Result<Vec<_>>>()?.into_iter();
        let first = trees.next().ok_or_else(|| unsupported("an empty group"))?;
        Ok(trees.fold(first, join))
    };
    let at = tree.path().map(|at| path(model, at));
    let at = move || at.unwrap_or_else(|| Err(invalid("a condition without a path")));
    let operand = |operand: &Operand| scalar(value(operand)?);
    Ok(match tree {
        Condition::And(list) => joined(list, |left, right| left.and(right))?,
        Condition::Or(list) => joined(list, |left, right| left.or(right))?,
        Condition::Not(inner) => condition(model, inner)?.not(),
        Condition::Eq(_, v) => at()?.equal(operand(v)?),
        Condition::Ne(_, v) => at()?.not_equal(operand(v)?),
        Condition::Lt(_, v) => at()?.less_than(operand(v)?),
        Condition::Le(_, v) => at()?.less_than_or_equal(operand(v)?),
        Condition::Gt(_, v) => at()?.greater_than(operand(v)?),
        Condition::Ge(_, v) => at()?.greater_than_or_equal(operand(v)?),
        Condition::Between(_, low, high) => at()?.between(operand(low)?, operand(high)?),
        Condition::In(_, list) => at()?.in_(list.iter().map(operand).collect::<Result<Vec<_>>>()?),
        Condition::BeginsWith(_, v) => match v.value() {
            Some(AttributeValue::S(prefix)) => at()?.begins_with(prefix.clone()),
            _ => return Err(unsupported("begins_with takes text")),
        },
        Condition::Contains(_, v) => at()?.contains(value(v)?),
        Condition::Exists(_) => at()?.attribute_exists(),
        Condition::NotExists(_) => at()?.attribute_not_exists(),
        Condition::Type(_, name) => at()?.attribute_type(type_of(name)?),
        Condition::Size(_, comparator, bound) => {
            let (size, bound) = (at()?.size(), Num::new(*bound));
            match comparator {
                Comparator::Eq => size.equal(bound),
                Comparator::Ne => size.not_equal(bound),
                Comparator::Lt => size.less_than(bound),
                Comparator::Le => size.less_than_or_equal(bound),
                Comparator::Gt => size.greater_than(bound),
                Comparator::Ge => size.greater_than_or_equal(bound),
            }
            .into()
        }
    })
}

fn type_of(name: &str) -> Result<Type> {
    Ok(match name {
        "S" => Type::String,
        "SS" => Type::StringSet,
        "N" => Type::Number,
        "NS" => Type::NumberSet,
        "B" => Type::Binary,
        "BS" => Type::BinarySet,
        "BOOL" => Type::Boolean,
        "NULL" => Type::Null,
        "L" => Type::List,
        "M" => Type::Map,
        _ => return Err(invalid("no type has this name")),
    })
}

/// The key condition of a query.
pub fn key_condition(model: &Model, query: &Query) -> Result<KeyCondition> {
    let sort_key = match query.index.as_deref() {
        None => model.sort_key.as_deref(),
        Some(name) => model.index(name).ok_or_else(|| invalid("no index has this name"))?.sort_key.as_deref(),
    };
    let mut entries = query.partition.iter();
    let (Some((name, partition)), None) = (entries.next(), entries.next()) else {
        return Err(invalid("a query has one partition key"));
    };
    let partition = field(model, name)?.key().equal(scalar(value(partition)?)?);
    let Some(sort) = &query.sort else { return Ok(partition) };
    let sort_key = sort_key.ok_or_else(|| invalid("there is no sort key"))?;
    let key = field(model, sort_key)?.key();
    let operand = |operand: &Operand| scalar(value(operand)?);
    Ok(partition.and(match sort {
        SortCondition::Eq(v) => key.equal(operand(v)?),
        SortCondition::Lt(v) => key.less_than(operand(v)?),
        SortCondition::Le(v) => key.less_than_or_equal(operand(v)?),
        SortCondition::Gt(v) => key.greater_than(operand(v)?),
        SortCondition::Ge(v) => key.greater_than_or_equal(operand(v)?),
        SortCondition::BeginsWith(Operand::Value(AttributeValue::S(prefix))) => {
            key.begins_with(prefix.clone())
        }
        SortCondition::BeginsWith(_) => return Err(unsupported("begins_with takes text")),
        SortCondition::Between(low, high) => key.between(operand(low)?, operand(high)?),
    }))
}

/// The changes of an update; nothing where it changes nothing.
pub fn update(model: &Model, call: &UpdateCall) -> Result<Option<Update>> {
    let mut parts: Vec<Update> = Vec::new();
    for (name, operand) in &call.set {
        parts.push(field(model, name)?.set(value(operand)?).into());
    }
    for (at, operand) in &call.set_path {
        parts.push(path(model, at)?.set(value(operand)?).into());
    }
    for (name, operand) in &call.append {
        parts.push(field(model, name)?.list_append().after().list(list(operand)?).into());
    }
    for (name, operand) in &call.prepend {
        parts.push(field(model, name)?.list_append().before().list(list(operand)?).into());
    }
    for entry in &call.remove {
        let at = match entry {
            FieldOrPath::Field(name) => field(model, name)?,
            FieldOrPath::Path(at) => path(model, at)?,
        };
        parts.push(at.remove().into());
    }
    for (name, operand) in &call.add {
        let operand = match value(operand)? {
            Value::Scalar(Scalar::Num(number)) => AddValue::from(number),
            other => AddValue::from(set(other)?),
        };
        parts.push(field(model, name)?.add(operand).into());
    }
    for (name, operand) in &call.delete_from_set {
        parts.push(field(model, name)?.delete(set(value(operand)?)?).into());
    }
    Ok(parts.into_iter().reduce(|all, part| all.and(part)))
}

fn list(operand: &Operand) -> Result<List> {
    match value(operand)? {
        Value::List(list) => Ok(list),
        _ => Err(invalid("the operand is no list")),
    }
}

fn set(value: Value) -> Result<Set> {
    match value {
        Value::Set(set) => Ok(set),
        _ => Err(invalid("the operand is no set")),
    }
}
