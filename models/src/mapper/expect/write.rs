//! What a write may do: `create`, `put`, `delete`, batches and transactions; `update` is beside.

use super::allowed::{Allowed, Want};
use super::condition::{evaluate, reading};
use super::encode::{cased, raw_key, stored_key, stored_value};
use super::update;
use crate::mapper::call::{Action, Key};
use crate::mapper::{Call, Capabilities, Condition, ErrorKind, Field, Model, Operand, Record, Write};
use crate::value::{AttributeValue, Item};
use std::collections::BTreeMap;

/// Which errors a call may answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Errors {
    /// None: it has to succeed.
    None,
    /// Only these kinds.
    Only(Vec<ErrorKind>),
    /// Any kind.
    Any,
}

/// Which outcomes a call may have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcomes {
    /// Whether it may succeed.
    pub ok: bool,
    /// How it may fail.
    pub errors: Errors,
    /// What decides it, in stable words: `condition`, `version`, `duplicate`, `missing`.
    pub because: &'static str,
}

/// What one call may do to a table.
#[derive(Clone, Debug, PartialEq)]
pub struct Expectation {
    /// The outcomes that it may have.
    pub outcomes: Outcomes,
    /// What a success does to the items that it names; all others stay as they are.
    pub changes: Vec<Change>,
    /// Whether items may be changed although an error is answered: batches are not atomic.
    pub may_stop_half_way: bool,
}

/// What a success does to one item.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// The raw key attributes.
    pub key: Item,
    /// The item afterwards.
    pub after: After,
}

/// An item after a successful call.
#[derive(Clone, Debug, PartialEq)]
pub enum After {
    /// Not there.
    Gone,
    /// There, with these attributes.
    Item(ItemExpectation),
    /// As it was.
    Unchanged,
    /// The protocol leaves it open.
    Any,
}

/// The attributes of one item after a successful call.
#[derive(Clone, Debug, PartialEq)]
pub struct ItemExpectation {
    /// The attributes that the call names, with what they may be.
    pub attributes: BTreeMap<String, Attribute>,
    /// Whether attributes that it does not name stay as they were; else they are not judged.
    pub others_stay: bool,
    /// Defaults that the target may write into attributes that the call does not name.
    pub defaults: BTreeMap<String, AttributeValue>,
    /// Whether writing such a default is documented: a hazard, else it is not judged.
    pub defaults_documented: bool,
}

/// What one named attribute may be.
#[derive(Clone, Debug, PartialEq)]
pub struct Attribute {
    /// The values.
    pub allowed: Allowed,
    /// What the caller passed, in stable words: `value`, `empty list`, `absent`, `left out`, `add`.
    pub how: String,
}

/// What one condition says of a call.
pub(super) enum Guard {
    Holds,
    Fails,
    Open,
}

impl Outcomes {
    pub(super) fn must_succeed() -> Self {
        Self { ok: true, errors: Errors::None, because: "" }
    }

    pub(super) fn open() -> Self {
        Self { ok: true, errors: Errors::Any, because: "" }
    }

    pub(super) fn must_fail(kinds: &[ErrorKind], because: &'static str) -> Self {
        Self { ok: false, errors: Errors::Only(kinds.to_vec()), because }
    }

    pub(super) fn refused() -> Self {
        Self { ok: false, errors: Errors::Any, because: "refused" }
    }
}

/// The specification of one call on a table, or `None` for a call that is no write.
pub fn expect(model: &Model, target: &Capabilities, before: &[Item], call: &Call) -> Option<Expectation> {
    let table = Table { model, target, before };
    let (outcomes, changes, may_stop_half_way) = match call {
        Call::Create(write) => table.create(write),
        Call::Put(write) => table.put(write),
        Call::Update(update) => {
            let (outcomes, change) = update::expect(&table, update);
            (outcomes, vec![change], false)
        }
        Call::Delete { key, condition, .. } => table.delete(key, condition.as_ref()),
        Call::BatchPut { records, .. } => table.batch_put(records),
        Call::BatchDelete { keys, .. } => {
            let changes = keys.iter().map(|key| Change { key: table.key(key), after: After::Gone });
            (Outcomes::must_succeed(), changes.collect(), true)
        }
        Call::Transact { actions } => table.transact(actions),
        _ => return None,
    };
    Some(Expectation { outcomes, changes, may_stop_half_way })
}

/// A table before a call.
pub(super) struct Table<'a> {
    pub model: &'a Model,
    pub target: &'a Capabilities,
    pub before: &'a [Item],
}

type Parts = (Outcomes, Vec<Change>, bool);

impl Table<'_> {
    pub(super) fn key(&self, key: &Key) -> Item {
        stored_key(self.model, &self.target.contract, key)
    }

    pub(super) fn find(&self, key: &Item) -> Option<&Item> {
        let key = raw_key(self.model, key);
        self.before.iter().find(|item| raw_key(self.model, item) == key)
    }

    /// The condition of a call on the stored item, or on no item.
    pub(super) fn guard(&self, condition: Option<&Condition>, item: Option<&Item>) -> Guard {
        let Some(condition) = condition else { return Guard::Holds };
        let Some(condition) = reading(condition, self.target.contract.condition_combination) else {
            return Guard::Open;
        };
        match evaluate(&condition, self.model, item.unwrap_or(&Item::new())) {
            Some(true) if has_absent(&condition) => Guard::Open,
            Some(true) => Guard::Holds,
            Some(false) => Guard::Fails,
            None => Guard::Open,
        }
    }

    /// Whether the version that a record carries fits the stored item; `None` where it is open.
    pub(super) fn version_fits(&self, record: &Record, item: Option<&Item>) -> Option<bool> {
        let Some(version) = self.model.version.as_deref() else { return Some(true) };
        let field = self.model.field(version)?;
        let carried = record.get(version).and_then(Operand::value);
        match (carried, item) {
            (None, item) => Some(item.is_none()),
            (Some(_), None) => Some(false),
            (Some(carried), Some(item)) => item.get(field.attribute()).map(|stored| stored == carried),
        }
    }

    fn create(&self, write: &Write) -> Parts {
        let (key, change) = self.put_change(&write.record, true);
        let item = self.find(&key);
        let guard = self.guard(write.condition.as_ref(), item);
        let versioned = self.model.version.is_some();
        let outcomes = match (item, self.target.contract.create_overwrites, guard) {
            (Some(_), Some(false), _) if write.condition.is_none() => {
                Outcomes::must_fail(&[ErrorKind::Duplicate], "duplicate")
            }
            (Some(_), Some(false), _) => {
                Outcomes::must_fail(&[ErrorKind::Duplicate, ErrorKind::ConditionFailed], "duplicate")
            }
            (_, _, Guard::Fails) => Outcomes::must_fail(
                if item.is_some() {
                    &[ErrorKind::ConditionFailed, ErrorKind::Duplicate]
                } else {
                    &[ErrorKind::ConditionFailed]
                },
                "condition",
            ),
            (Some(_), None, _) | (_, _, Guard::Open) => Outcomes::open(),
            (Some(_), Some(true), Guard::Holds) if versioned => Outcomes::open(),
            _ => self.if_storable(&write.record, Outcomes::must_succeed()),
        };
        let carries_version =
            self.model.version.as_ref().is_some_and(|version| write.record.contains_key(version));
        let outcomes = if carries_version && outcomes.ok { Outcomes::open() } else { outcomes };
        (outcomes, vec![change], false)
    }

    fn put(&self, write: &Write) -> Parts {
        let (key, change) = self.put_change(&write.record, false);
        let item = self.find(&key);
        let outcomes = self.checked(write.condition.as_ref(), self.version_fits(&write.record, item), item);
        (self.if_storable(&write.record, outcomes), vec![change], false)
    }

    fn delete(&self, key: &Key, condition: Option<&Condition>) -> Parts {
        let key = self.key(key);
        let item = self.find(&key);
        let mut outcomes = self.checked(condition, Some(true), item);
        if item.is_none() {
            match &mut outcomes.errors {
                Errors::Only(kinds) => kinds.push(ErrorKind::NotFound),
                errors => *errors = Errors::Any,
            }
        }
        (outcomes, vec![Change { key, after: After::Gone }], false)
    }

    /// The outcomes of a write with a condition and a version.
    pub(super) fn checked(
        &self,
        condition: Option<&Condition>,
        version: Option<bool>,
        item: Option<&Item>,
    ) -> Outcomes {
        let failed = [ErrorKind::ConditionFailed];
        let conflict = [ErrorKind::ConditionFailed, ErrorKind::Conflict];
        let versioned = self.model.version.is_some();
        match (self.guard(condition, item), version) {
            (Guard::Fails, _) => {
                Outcomes::must_fail(if versioned { &conflict } else { &failed }, "condition")
            }
            (_, Some(false)) => Outcomes::must_fail(&conflict, "version"),
            (Guard::Open, _) | (_, None) => Outcomes::open(),
            (Guard::Holds, Some(true)) => Outcomes::must_succeed(),
        }
    }

    /// A record that DynamoDB cannot hold may be refused, whatever else is said of the call.
    pub(super) fn if_storable(&self, record: &Record, outcomes: Outcomes) -> Outcomes {
        let plain = record.iter().all(|(name, operand)| {
            let Some(field) = self.model.field(name) else { return false };
            operand.value().is_none_or(|value| is_storable(&field.kind, value, field.omit_empty))
        });
        match (plain, outcomes.ok) {
            (true, _) => outcomes,
            (false, true) => Outcomes::open(),
            (false, false) => Outcomes { errors: Errors::Any, ..outcomes },
        }
    }

    fn put_change(&self, record: &Record, create: bool) -> (Item, Change) {
        let key: Key = record
            .iter()
            .filter(|(name, _)| self.model.is_key(name))
            .filter_map(|(name, operand)| Some((name.clone(), operand.value()?.clone())))
            .collect();
        let key = self.key(&key);
        let mut attributes = BTreeMap::new();
        for field in &self.model.fields {
            let attribute = if self.is_managed(field) {
                Attribute { allowed: Allowed::Any, how: "managed".to_owned() }
            } else {
                self.put_attribute(field, record.get(&field.name), create)
            };
            attributes.insert(field.attribute().to_owned(), attribute);
        }
        let item = ItemExpectation {
            attributes,
            others_stay: false,
            defaults: BTreeMap::new(),
            defaults_documented: false,
        };
        (key.clone(), Change { key, after: After::Item(item) })
    }

    /// What a whole record's field may be in the stored item.
    pub(super) fn put_attribute(&self, field: &Field, operand: Option<&Operand>, create: bool) -> Attribute {
        match (operand, &field.default) {
            (None, Some(default)) if create => Attribute {
                allowed: Allowed::OneOf(vec![Want::Encoded(field.kind.clone(), default.clone())]),
                how: "default".to_owned(),
            },
            (Some(Operand::Absent), Some(_)) if create => {
                Attribute { allowed: Allowed::Any, how: "absent".to_owned() }
            }
            // The zero value of a static type, encrypted: what it stands for cannot be seen.
            (None | Some(Operand::Absent), _) if field.encrypted && !field.omit_empty => {
                Attribute { allowed: Allowed::Any, how: "left out".to_owned() }
            }
            (None, _) => {
                let mut wants = vec![Want::Absent];
                if !field.omit_empty {
                    wants.push(Want::Nothing(field.kind.clone()));
                }
                Attribute { allowed: Allowed::OneOf(wants), how: "left out".to_owned() }
            }
            // The contract speaks of absent operands of a patch only: whether a whole record stores NULL is open.
            (Some(Operand::Absent), _) => Attribute {
                allowed: Allowed::OneOf(vec![
                    Want::Absent,
                    Want::Raw(AttributeValue::Null),
                    Want::Nothing(field.kind.clone()),
                ]),
                how: "absent".to_owned(),
            },
            (Some(Operand::Value(value)), _) => self.value_attribute(field, value),
        }
    }

    /// What a field may be after a value was stored into it, in every form but `partial`.
    pub(super) fn value_attribute(&self, field: &Field, value: &AttributeValue) -> Attribute {
        let how = describe_value(value);
        if field.encrypted {
            return Attribute { allowed: Allowed::Any, how };
        }
        let value =
            if self.model.is_key(&field.name) { cased(&self.target.contract, value) } else { value.clone() };
        let empty = stored_value(&field.kind, &value).is_empty();
        let allowed = if empty && field.omit_empty || is_empty_set(&value) {
            Allowed::absent()
        } else {
            Allowed::OneOf(vec![Want::Encoded(field.kind.clone(), value)])
        };
        Attribute { allowed, how }
    }

    /// Whether the library writes the field on its own.
    pub(super) fn is_managed(&self, field: &Field) -> bool {
        let managed = &self.target.contract.managed;
        self.model.version.as_ref() == Some(&field.name)
            || managed.iter().any(|name| *name == field.name || name == field.attribute())
    }

    fn batch_put(&self, records: &[Record]) -> Parts {
        let mut changes: Vec<Change> = Vec::new();
        let mut twice = false;
        for record in records {
            let (key, change) = self.put_change(record, false);
            let before = changes.len();
            changes.retain(|change| change.key != key);
            twice |= changes.len() < before;
            changes.push(change);
        }
        let mut outcomes = Outcomes::must_succeed();
        if twice || self.model.version.is_some() {
            outcomes = Outcomes::open();
        }
        for record in records {
            outcomes = self.if_storable(record, outcomes);
        }
        (outcomes, changes, true)
    }

    fn transact(&self, actions: &[Action]) -> Parts {
        let mut outcomes = Outcomes::must_succeed();
        let mut changes: Vec<Change> = Vec::new();
        for action in actions {
            let (one, mut change) = match action {
                Action::Put(write) => {
                    let (outcomes, changes, _) = self.put(write);
                    (outcomes, changes)
                }
                Action::Update(update) => {
                    let (outcomes, change) = update::expect(self, update);
                    (outcomes, vec![change])
                }
                Action::Delete { key, condition, .. } => {
                    let (outcomes, changes, _) = self.delete(key, condition.as_ref());
                    (outcomes, changes)
                }
                Action::Check { key, condition, .. } => {
                    let key = self.key(key);
                    let outcomes = self.checked(Some(condition), Some(true), self.find(&key));
                    (outcomes, vec![Change { key, after: After::Unchanged }])
                }
            };
            // Of several actions on one item, the first alone meets it as it is.
            if !changes.iter().any(|known| change.iter().any(|change| change.key == known.key)) {
                outcomes = both(outcomes, one);
            }
            changes.append(&mut change);
        }
        if let Errors::Only(kinds) = &mut outcomes.errors {
            kinds.extend([ErrorKind::ConditionFailed, ErrorKind::Conflict]);
        }
        let mut keys: Vec<&Item> = changes.iter().map(|change| &change.key).collect();
        keys.sort();
        if keys.windows(2).any(|pair| pair[0] == pair[1]) {
            outcomes = match outcomes.ok {
                true => Outcomes::open(),
                false => Outcomes { errors: Errors::Any, ..outcomes },
            };
            changes.iter_mut().for_each(|change| change.after = After::Any);
        }
        (outcomes, changes, false)
    }
}

fn both(left: Outcomes, right: Outcomes) -> Outcomes {
    let ok = left.ok && right.ok;
    let because = if left.ok { right.because } else { left.because };
    let errors = match (left.errors, right.errors) {
        (Errors::Any, _) | (_, Errors::Any) => Errors::Any,
        (Errors::None, errors) | (errors, Errors::None) => errors,
        (Errors::Only(mut kinds), Errors::Only(more)) => {
            kinds.extend(more);
            Errors::Only(kinds)
        }
    };
    Outcomes { ok, errors, because }
}

/// Whether an operand anywhere in the tree is absent.
pub fn has_absent(condition: &Condition) -> bool {
    condition.operands().iter().any(|operand| operand.value().is_none())
        || condition.children().iter().any(has_absent)
}

/// A set without members: DynamoDB has none.
pub fn is_empty_set(value: &AttributeValue) -> bool {
    value.is_empty() && matches!(value, AttributeValue::Ss(_) | AttributeValue::Ns(_) | AttributeValue::Bs(_))
}

/// Whether DynamoDB can hold the value where it stands, so that there is no reason to refuse it.
pub fn is_storable(kind: &crate::mapper::FieldType, value: &AttributeValue, omit_empty: bool) -> bool {
    fn deep(value: &AttributeValue) -> bool {
        match value {
            AttributeValue::N(number) => number.is_legal(),
            AttributeValue::Ns(set) => !set.is_empty() && set.iter().all(|number| number.is_legal()),
            AttributeValue::Ss(set) => !set.is_empty(),
            AttributeValue::Bs(set) => !set.is_empty(),
            AttributeValue::L(list) => list.iter().all(deep),
            AttributeValue::M(map) => map.values().all(deep),
            _ => true,
        }
    }
    let value = stored_value(kind, value);
    if omit_empty && value.is_empty() {
        return true;
    }
    deep(&value)
}

/// What a value is, in stable words for identities: `empty list`, `zero`, `null`, `value`.
pub fn describe_value(value: &AttributeValue) -> String {
    let kind = match value {
        AttributeValue::S(_) => "string",
        AttributeValue::B(_) => "bytes",
        AttributeValue::L(_) => "list",
        AttributeValue::M(_) => "map",
        AttributeValue::Ss(_) | AttributeValue::Ns(_) | AttributeValue::Bs(_) => "set",
        AttributeValue::N(_) => "number",
        AttributeValue::Bool(_) => "bool",
        AttributeValue::Null => return "null".to_owned(),
    };
    if value.is_empty() {
        format!("empty {kind}")
    } else if value.is_zero() {
        format!("zero {kind}")
    } else {
        kind.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// Whether a transaction of two deletes of one item, the first under this condition, may succeed.
    fn may_delete_twice(condition: serde_json::Value) -> bool {
        let target: Capabilities =
            serde_json::from_value(json!({ "name": "t", "methods": ["transact"] })).expect("capabilities");
        let model: Model = serde_json::from_value(json!({
            "name": "User", "table": "users", "partition_key": "id",
            "fields": [{ "name": "id", "type": "string" }, { "name": "a", "type": "string" }]
        }))
        .expect("a model");
        let delete = |more: serde_json::Value| {
            let mut params = json!({ "model": "User", "key": { "id": { "S": "x" } } });
            if more.is_object() {
                params["if"] = more;
            }
            json!({ "delete": params })
        };
        let actions = [delete(condition), delete(serde_json::Value::Null)];
        let call = json!({ "method": "transact", "params": { "actions": actions } });
        let call: Call = serde_json::from_value(call).expect("a call");
        let item = json!({ "id": { "S": "x" }, "a": { "S": "y" } });
        let item = crate::value::item_from_json(&item).expect("an item");
        expect(&model, &target, &[item], &call).expect("a call that is specified").outcomes.ok
    }

    #[test]
    fn two_actions_on_one_item_never_pass_the_first_ones_condition_over() {
        assert!(!may_delete_twice(json!({ "eq": [["a"], { "S": "z" }] })));
        assert!(may_delete_twice(json!({ "eq": [["a"], { "S": "y" }] })), "open, where it holds");
    }
}
