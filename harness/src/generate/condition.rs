//! Condition trees over fields that a condition may speak of.

use super::Generator;
use super::text::near;
use super::update::unwrapped;
use crate::case::Start;
use crate::tape::Source;
use proofhouse_models::mapper::contract::KeyCase;
use proofhouse_models::mapper::expect::write::is_storable;
use proofhouse_models::mapper::{Comparator, Condition, Field, FieldType, Model, Operand, Path};
use proofhouse_models::value::{AttributeValue, Item};

/// A place of which a condition may speak: its path, its type, and a value that is stored there.
struct Place {
    path: Path,
    kind: FieldType,
    stored: Option<AttributeValue>,
}

impl Generator<'_> {
    /// A condition tree, or nothing where the target declares no operator that suits the model.
    pub fn condition(&mut self, source: &mut Source, model: &Model, items: &[Start]) -> Option<Condition> {
        source.span("condition", |source| self.tree(source, model, items, 0))
    }

    /// As [`Self::condition`], of key fields too: where the stored key is what the caller wrote.
    pub fn condition_on_any(
        &mut self,
        source: &mut Source,
        model: &Model,
        items: &[Start],
    ) -> Option<Condition> {
        self.keys_in_conditions = true;
        let condition = self.condition(source, model, items);
        self.keys_in_conditions = false;
        condition
    }

    fn tree(
        &mut self,
        source: &mut Source,
        model: &Model,
        items: &[Start],
        depth: usize,
    ) -> Option<Condition> {
        let has = |operator: &str| self.target.has_condition(operator);
        let weight = |operator: &str, weight: u32| if depth < 3 && has(operator) { weight } else { 0 };
        let base = if depth == 0 { 14 } else { 10 };
        let choice = *source.weighted(&[
            (25, 0),
            (weight("and", base), 1),
            (weight("or", base), 2),
            (weight("not", 6), 3),
        ]);
        match choice {
            1 | 2 => {
                let parts: Vec<Condition> = source
                    .list("part", 2..=3, |source| self.tree(source, model, items, depth + 1))
                    .into_iter()
                    .flatten()
                    .collect();
                if parts.len() < 2 {
                    return parts.into_iter().next();
                }
                Some(if choice == 1 { Condition::And(parts) } else { Condition::Or(parts) })
            }
            3 => Some(Condition::Not(Box::new(self.tree(source, model, items, depth + 1)?))),
            _ => self.leaf(source, model, items),
        }
    }

    fn places(&self, source: &mut Source, model: &Model, items: &[Start]) -> Vec<Place> {
        let item: Option<&Item> =
            if items.is_empty() { None } else { Some(&items[source.below(items.len())].record) };
        let mut places = Vec::new();
        for field in model.fields.iter().filter(|field| self.may_condition(model, field)) {
            let stored = item
                .and_then(|item| item.get(&field.name))
                .filter(|value| !(field.omit_empty && value.is_empty()));
            let path = Path::field(&field.name);
            if let Some(value) = stored {
                let below = self.paths_below(&field.kind, value, &path);
                for (path, kind) in below.into_iter().take(4) {
                    let stored = value_at(value, &path);
                    places.push(Place { path, kind, stored });
                }
            }
            places.insert(0, Place { path, kind: field.kind.clone(), stored: stored.cloned() });
        }
        places
    }

    /// Whether conditions may speak of the field: free or a key where keys are asked for, and not encrypted.
    pub fn may_condition(&self, model: &Model, field: &Field) -> bool {
        if field.encrypted {
            return false;
        }
        if model.is_any_key(&field.name) {
            let plain = matches!(self.target.contract.key_case, None | Some(KeyCase::Preserve));
            return self.keys_in_conditions && plain && !self.has_tenants() && !self.is_managed(field);
        }
        self.is_free(model, field)
    }

    fn leaf(&mut self, source: &mut Source, model: &Model, items: &[Start]) -> Option<Condition> {
        source.span("leaf", |source| {
            let places = self.places(source, model, items);
            if places.is_empty() {
                return None;
            }
            let place = &places[source.below(places.len())];
            let operators: Vec<&'static str> = self.operators(&unwrapped(&place.kind).clone());
            if operators.is_empty() {
                return None;
            }
            let operator = *source.pick(&operators);
            self.leaf_of(source, place, operator)
        })
    }

    /// The declared operators that suit a type, simple ones first.
    fn operators(&self, kind: &FieldType) -> Vec<&'static str> {
        let plain = is_comparable(kind);
        let ordered = kind.key_type().is_some();
        let set = matches!(kind, FieldType::StringSet | FieldType::NumberSet | FieldType::BytesSet);
        let list = matches!(kind, FieldType::List(inner) if is_comparable(inner));
        let text = matches!(kind, FieldType::String | FieldType::Bytes);
        let sized = text || set || matches!(kind, FieldType::List(_) | FieldType::Map(_));
        let mut operators = Vec::new();
        let mut offer = |suits: bool, names: &[&'static str]| {
            if suits {
                operators.extend(names.iter().filter(|name| self.target.has_condition(name)));
            }
        };
        offer(plain, &["eq", "ne"]);
        offer(ordered, &["lt", "le", "gt", "ge", "between"]);
        offer(plain, &["in"]);
        offer(text || *kind == FieldType::Timestamp, &["begins_with"]);
        offer(*kind == FieldType::String || set || list, &["contains"]);
        offer(true, &["exists", "not_exists", "type"]);
        offer(sized, &["size"]);
        operators
    }

    fn leaf_of(&mut self, source: &mut Source, place: &Place, operator: &str) -> Option<Condition> {
        let path = place.path.clone();
        let kind = unwrapped(&place.kind).clone();
        let value = |this: &mut Self, source: &mut Source| -> Option<AttributeValue> {
            this.comparable(source, &kind, place.stored.as_ref())
        };
        Some(match operator {
            "eq" => Condition::Eq(path, value(self, source)?.into()),
            "ne" => Condition::Ne(path, value(self, source)?.into()),
            "lt" => Condition::Lt(path, value(self, source)?.into()),
            "le" => Condition::Le(path, value(self, source)?.into()),
            "gt" => Condition::Gt(path, value(self, source)?.into()),
            "ge" => Condition::Ge(path, value(self, source)?.into()),
            "between" => {
                let (low, high) = (value(self, source)?, value(self, source)?);
                let ordered = proofhouse_models::mapper::expect::condition::order(&low, &high)?;
                let (low, high) = if ordered.is_gt() { (high, low) } else { (low, high) };
                Condition::Between(path, low.into(), high.into())
            }
            "in" => {
                let many = kind == FieldType::String && source.chance(if self.swarm.long { 45 } else { 8 });
                if many {
                    // Around the limit of 100 operands; what is beyond is split or refused.
                    let count: usize = *source.pick(&[99, 101, 120]);
                    let operands = (0..count).map(|n| AttributeValue::S(format!("in{n}")).into());
                    let mut operands: Vec<Operand> = operands.collect();
                    operands[count - 1] = value(self, source)?.into();
                    return Some(Condition::In(path, operands));
                }
                let drawn = source.list("operand", 1..=3, |source| value(self, source));
                let mut operands: Vec<Operand> = Vec::new();
                for operand in drawn.into_iter().flatten().map(Operand::Value) {
                    if !operands.contains(&operand) {
                        operands.push(operand);
                    }
                }
                if operands.is_empty() {
                    return None;
                }
                Condition::In(path, operands)
            }
            "begins_with" => {
                let prefix = match value(self, source)? {
                    AttributeValue::S(text) => {
                        let count = text.chars().count();
                        let keep = if count > 1 { 1 + source.below(count) } else { count };
                        AttributeValue::S(text.chars().take(keep).collect())
                    }
                    AttributeValue::B(bytes) => {
                        let keep = if bytes.len() > 1 { 1 + source.below(bytes.len()) } else { bytes.len() };
                        AttributeValue::B(bytes[..keep].to_vec())
                    }
                    _ => return None,
                };
                if prefix.is_empty() {
                    return None;
                }
                Condition::BeginsWith(path, prefix.into())
            }
            "contains" => {
                let operand = self.member(source, &kind, place.stored.as_ref())?;
                if matches!(&operand, AttributeValue::S(text) if text.is_empty()) {
                    return None;
                }
                Condition::Contains(path, operand.into())
            }
            "exists" => Condition::Exists(path),
            "not_exists" => Condition::NotExists(path),
            "type" => {
                let own = place.stored.as_ref().map(AttributeValue::type_name);
                let names = [own.unwrap_or("S"), "S", "N", "L", "M", "NULL", "BOOL", "B", "SS", "NS"];
                Condition::Type(path, (*source.pick(&names)).to_owned())
            }
            "size" => {
                use Comparator::{Eq, Ge, Gt, Le, Lt, Ne};
                let comparator = *source.pick(&[Eq, Lt, Le, Gt, Ge, Ne]);
                Condition::Size(path, comparator, source.below(4) as u64)
            }
            _ => return None,
        })
    }

    /// A value to compare with: the stored one, one that differs little, or another of the type.
    fn comparable(
        &mut self,
        source: &mut Source,
        kind: &FieldType,
        stored: Option<&AttributeValue>,
    ) -> Option<AttributeValue> {
        let stored = stored.filter(|value| **value != AttributeValue::Null);
        let value = match (stored, source.below(10)) {
            (Some(stored), 0..=4) => stored.clone(),
            (Some(AttributeValue::S(text)), 5 | 6) if *kind == FieldType::String => {
                AttributeValue::S(near(source, text))
            }
            _ => {
                // NULL as an operand, and operands that DynamoDB cannot hold, are open.
                let swarm = self.swarm;
                self.swarm.nulls = false;
                self.swarm.illegal = false;
                let value = self.value(source, kind, 2);
                self.swarm = swarm;
                value
            }
        };
        // A long operand would only test the limit of an expression's size; an illegal one is open.
        (weight(&value) < 5_000 && is_storable(kind, &value, false)).then_some(value)
    }

    fn member(
        &mut self,
        source: &mut Source,
        kind: &FieldType,
        stored: Option<&AttributeValue>,
    ) -> Option<AttributeValue> {
        let own = match stored {
            Some(AttributeValue::Ss(set)) => set.iter().next().cloned().map(AttributeValue::S),
            Some(AttributeValue::Ns(set)) => set.iter().next().cloned().map(AttributeValue::N),
            Some(AttributeValue::Bs(set)) => set.iter().next().cloned().map(AttributeValue::B),
            Some(AttributeValue::L(list)) => list.last().cloned(),
            Some(AttributeValue::S(text)) => {
                text.chars().last().map(|last| AttributeValue::S(last.to_string()))
            }
            _ => None,
        };
        let own = own.filter(|value| *value != AttributeValue::Null);
        let inner = match kind {
            FieldType::StringSet | FieldType::String => FieldType::String,
            FieldType::NumberSet => FieldType::Decimal,
            FieldType::BytesSet => FieldType::Bytes,
            FieldType::List(inner) => unwrapped(inner).clone(),
            _ => return None,
        };
        self.comparable(source, &inner, own.as_ref())
    }
}

/// Whether values of the type have one plain equality: how a mapper compares structs, and what it makes of a free value
/// inside another, is its own affair.
fn is_comparable(kind: &FieldType) -> bool {
    !kind.holds_struct() && !kind.holds(&|kind| *kind == FieldType::Any)
}

fn value_at(value: &AttributeValue, path: &Path) -> Option<AttributeValue> {
    use proofhouse_models::mapper::PathPart;
    let mut value = value;
    for part in path.0.iter().skip(1) {
        value = match (part, value) {
            (PathPart::Key(key), AttributeValue::M(map)) => map.get(key)?,
            (PathPart::Index(index), AttributeValue::L(list)) => list.get(*index)?,
            _ => return None,
        };
    }
    Some(value.clone())
}

/// Roughly how many bytes a value takes.
pub fn weight(value: &AttributeValue) -> usize {
    match value {
        AttributeValue::S(text) => text.len(),
        AttributeValue::B(bytes) => bytes.len(),
        AttributeValue::L(list) => list.iter().map(weight).sum::<usize>() + list.len(),
        AttributeValue::M(map) => map.iter().map(|(key, value)| key.len() + weight(value)).sum(),
        AttributeValue::Ss(set) => set.iter().map(String::len).sum(),
        AttributeValue::Bs(set) => set.iter().map(Vec::len).sum(),
        AttributeValue::Ns(set) => set.len() * 20,
        _ => 20,
    }
}
