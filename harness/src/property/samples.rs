//! Items on which two readings of a condition may differ: each leaf's operands, values beside them, nothing.

use proofhouse_models::mapper::expect::condition::resolve;
use proofhouse_models::mapper::{Condition, FieldType, Model, Path, PathPart};
use proofhouse_models::value::{AttributeValue, Item, Number};
use std::collections::BTreeMap;

/// Most items for one condition.
const MOST: usize = 240;

/// Items around a condition's leaves: for each path the operands, near values, another type and nothing, all
/// combined as far as the bound allows. `base` gives the other attributes.
pub fn around(condition: Option<&Condition>, model: &Model, base: &Item) -> Vec<Item> {
    let mut places: BTreeMap<Path, Vec<Option<AttributeValue>>> = BTreeMap::new();
    if let Some(condition) = condition {
        collect(condition, model, &mut places);
    }
    let mut items = vec![base.clone()];
    let mut places: Vec<(Path, Vec<Option<AttributeValue>>)> = places.into_iter().collect();
    places.truncate(6);
    // The more places, the fewer values at each, so that every combination of a few is there.
    let most = match places.len() {
        0 | 1 => 24,
        2 => 12,
        3 => 6,
        4 => 4,
        _ => 3,
    };
    for (path, mut values) in places {
        values.truncate(most);
        let mut next = Vec::new();
        for item in &items {
            for value in &values {
                if let Some(item) = with(item, &path, value.as_ref())
                    && next.len() < MOST
                {
                    next.push(item);
                }
            }
        }
        if !next.is_empty() {
            items = next;
        }
    }
    items.push(base.clone());
    items
}

fn collect(condition: &Condition, model: &Model, places: &mut BTreeMap<Path, Vec<Option<AttributeValue>>>) {
    for child in condition.children() {
        collect(child, model, places);
    }
    let Some(path) = condition.path() else { return };
    let values = places.entry(model.attribute_path(path)).or_default();
    let mut add = |value: Option<AttributeValue>| {
        if !values.contains(&value) {
            values.push(value);
        }
    };
    let operands: Vec<&AttributeValue> =
        condition.operands().into_iter().filter_map(|operand| operand.value()).collect();
    for operand in operands.iter().rev().take(2).chain(operands.iter().take(2)) {
        add(Some((*operand).clone()));
    }
    match condition {
        Condition::Contains(_, operand) => {
            if let Some(operand) = operand.value() {
                holders(operand, model, path).into_iter().for_each(|value| add(Some(value)));
            }
        }
        Condition::Size(_, _, bound) => {
            sized(model, path, *bound).into_iter().for_each(|value| add(Some(value)))
        }
        Condition::Type(_, name) => add(of_type(name)),
        _ => {}
    }
    add(None);
    for operand in operands.iter().rev().take(2) {
        near(operand).into_iter().for_each(|value| add(Some(value)));
    }
    add(Some(AttributeValue::S("~".to_owned())));
    add(Some(AttributeValue::number(-1)));
    add(Some(AttributeValue::Null));
}

/// Values that differ little from an operand, on both sides of it.
fn near(operand: &AttributeValue) -> Vec<AttributeValue> {
    match operand {
        AttributeValue::S(text) => {
            let mut shorter = text.clone();
            shorter.pop();
            vec![
                AttributeValue::S(format!("{text}a")),
                AttributeValue::S(shorter),
                AttributeValue::S(text.to_uppercase()),
            ]
        }
        AttributeValue::N(number) => match number.to_i128() {
            Some(value) => vec![
                AttributeValue::N(Number::from(value.saturating_add(1))),
                AttributeValue::N(Number::from(value.saturating_sub(1))),
            ],
            None => vec![AttributeValue::number(0)],
        },
        AttributeValue::B(bytes) => {
            let mut longer = bytes.clone();
            longer.push(0);
            vec![AttributeValue::B(longer), AttributeValue::B(Vec::new())]
        }
        AttributeValue::Bool(value) => vec![AttributeValue::Bool(!value)],
        AttributeValue::L(list) => {
            let mut longer = list.clone();
            longer.push(AttributeValue::number(1));
            vec![AttributeValue::L(longer), AttributeValue::L(Vec::new())]
        }
        AttributeValue::M(_) => vec![AttributeValue::M(BTreeMap::new())],
        _ => Vec::new(),
    }
}

/// Values that hold an operand: a longer text, a list or a set with it.
fn holders(operand: &AttributeValue, model: &Model, path: &Path) -> Vec<AttributeValue> {
    let kind = kind_of(model, path);
    match (operand, kind) {
        (AttributeValue::S(text), Some(FieldType::StringSet)) => {
            vec![AttributeValue::Ss([text.clone()].into())]
        }
        (AttributeValue::N(number), Some(FieldType::NumberSet)) => {
            vec![AttributeValue::Ns([number.clone()].into())]
        }
        (AttributeValue::B(bytes), Some(FieldType::BytesSet)) => {
            vec![AttributeValue::Bs([bytes.clone()].into())]
        }
        (AttributeValue::S(text), Some(FieldType::String)) => vec![AttributeValue::S(format!("x{text}y"))],
        (operand, _) => vec![AttributeValue::L(vec![AttributeValue::Null, operand.clone()])],
    }
}

fn sized(model: &Model, path: &Path, bound: u64) -> Vec<AttributeValue> {
    let bound = bound.min(50) as usize;
    let sizes = [bound, bound + 1, bound.saturating_sub(1)];
    let of = |size: usize| match kind_of(model, path) {
        Some(FieldType::List(_)) => AttributeValue::L(vec![AttributeValue::Null; size]),
        Some(FieldType::Map(_)) => {
            AttributeValue::M((0..size).map(|key| (key.to_string(), AttributeValue::Null)).collect())
        }
        Some(FieldType::StringSet) => {
            AttributeValue::Ss((0..size).map(|member| member.to_string()).collect())
        }
        Some(FieldType::NumberSet) => AttributeValue::Ns((0..size as i64).map(Number::from).collect()),
        Some(FieldType::Bytes) => AttributeValue::B(vec![1; size]),
        _ => AttributeValue::S("x".repeat(size)),
    };
    sizes
        .into_iter()
        .map(of)
        .filter(|value| !proofhouse_models::mapper::expect::write::is_empty_set(value))
        .collect()
}

fn of_type(name: &str) -> Option<AttributeValue> {
    Some(match name {
        "S" => AttributeValue::S("x".to_owned()),
        "N" => AttributeValue::number(1),
        "B" => AttributeValue::B(vec![1]),
        "BOOL" => AttributeValue::Bool(true),
        "NULL" => AttributeValue::Null,
        "L" => AttributeValue::L(Vec::new()),
        "M" => AttributeValue::M(BTreeMap::new()),
        "SS" => AttributeValue::Ss(["x".to_owned()].into()),
        "NS" => AttributeValue::Ns([Number::from(1_i64)].into()),
        _ => return None,
    })
}

fn kind_of<'model>(model: &'model Model, path: &Path) -> Option<&'model FieldType> {
    let field = model.field(path.root())?;
    let kind = proofhouse_models::mapper::expect::update::kind_at(&field.kind, path)?;
    Some(crate::generate::update::unwrapped(kind))
}

/// The item with a value at a path, or without one; nothing where the path leads nowhere.
fn with(item: &Item, path: &Path, value: Option<&AttributeValue>) -> Option<Item> {
    let mut item = item.clone();
    let (last, parents) = path.0.split_last()?;
    if parents.is_empty() {
        let PathPart::Key(name) = last else { return None };
        match value {
            Some(value) => item.insert(name.clone(), value.clone()),
            None => item.remove(name),
        };
        return Some(item);
    }
    let above = Path(parents.to_vec());
    if resolve(&item, &above).is_none() {
        // Make the way there: maps for keys, a list for an index.
        let holder = match last {
            PathPart::Key(_) => AttributeValue::M(BTreeMap::new()),
            PathPart::Index(index) => AttributeValue::L(vec![AttributeValue::Null; index + 1]),
        };
        item = with(&item, &above, Some(&holder))?;
    }
    let mut place = item.get_mut(above.root())?;
    for part in &parents[1..] {
        place = match (part, place) {
            (PathPart::Key(key), AttributeValue::M(map)) => map.get_mut(key)?,
            (PathPart::Index(index), AttributeValue::L(list)) => list.get_mut(*index)?,
            _ => return None,
        };
    }
    match (last, place, value) {
        (PathPart::Key(key), AttributeValue::M(map), Some(value)) => {
            map.insert(key.clone(), value.clone());
        }
        (PathPart::Key(key), AttributeValue::M(map), None) => {
            map.remove(key);
        }
        (PathPart::Index(index), AttributeValue::L(list), Some(value)) => {
            *list.get_mut(*index)? = value.clone()
        }
        (PathPart::Index(index), AttributeValue::L(list), None) => list.truncate(*index),
        _ => return None,
    }
    Some(item)
}
