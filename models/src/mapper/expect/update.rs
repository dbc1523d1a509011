//! What an `update` may do, form by form and operand by operand.

use super::allowed::{Allowed, Want};
use super::condition::resolve;
use super::encode::{stored_value, to_double};
use super::write::{
    After, Attribute, Change, Errors, ItemExpectation, Outcomes, Table, describe_value, is_empty_set,
    is_storable,
};
use crate::mapper::contract::{AbsentInPatch, EmptyInPartial, UpdateMissing, ZeroInPartial};
use crate::mapper::{
    ErrorKind, Field, FieldOrPath, FieldType, Form, Operand, Path, PathPart, Record, Update,
};
use crate::value::{AttributeValue, Item, Number};
use std::collections::BTreeMap;

/// The outcomes of an update, and the item after a success.
pub(super) fn expect(table: &Table<'_>, update: &Update) -> (Outcomes, Change) {
    let key = table.key(&update.key);
    let item = table.find(&key);
    let mut work = Work {
        table,
        update,
        before: item.cloned().unwrap_or_default(),
        attributes: BTreeMap::new(),
        refused: false,
        may_fail: false,
    };
    work.record();
    work.operands();
    let empty = Record::new();
    let record = update.record.as_ref().unwrap_or(&empty);
    let version = match update.form {
        Form::Patch | Form::Builder => work.expected_version(item),
        Form::Named | Form::Partial | Form::Whole => table.version_fits(record, item),
    };
    let mut outcomes = table.checked(update.condition.as_ref(), version, item);
    if item.is_none() {
        outcomes = missing(table, outcomes);
    }
    if work.refused {
        outcomes = Outcomes::refused();
    } else if work.may_fail {
        outcomes.errors = Errors::Any;
    }
    let mut attributes = std::mem::take(&mut work.attributes);
    if item.is_none() {
        for (name, value) in &key {
            let allowed = Allowed::OneOf(vec![Want::Raw(value.clone())]);
            attributes.insert(name.clone(), Attribute { allowed, how: "key".to_owned() });
        }
    } else {
        for name in key.keys() {
            attributes.remove(name);
        }
    }
    for field in &table.model.fields {
        if table.is_managed(field) {
            let attribute = Attribute { allowed: Allowed::Any, how: "managed".to_owned() };
            attributes.insert(field.attribute().to_owned(), attribute);
        }
    }
    for name in &table.target.contract.managed {
        let attribute = Attribute { allowed: Allowed::Any, how: "managed".to_owned() };
        attributes.entry(name.clone()).or_insert(attribute);
    }
    let documented = table.target.contract.defaults_on_update;
    let defaults = match documented {
        Some(false) => BTreeMap::new(),
        _ => defaults(table, update),
    };
    let change = ItemExpectation {
        attributes,
        others_stay: true,
        defaults,
        defaults_documented: documented == Some(true),
    };
    // REMOVE alone on a missing item: sources disagree on whether an item comes to be.
    let after = if item.is_none() && creates_nothing(update) { After::Any } else { After::Item(change) };
    (outcomes, Change { key, after })
}

/// An update that sets nothing: on a missing item it may create an empty one, or none.
fn creates_nothing(update: &Update) -> bool {
    let fills = |record: &Record| record.values().any(|operand| operand.value().is_some());
    !(fills(&update.set)
        || fills(&update.add)
        || fills(&update.append)
        || fills(&update.prepend)
        || update.record.as_ref().is_some_and(fills))
}

fn missing(table: &Table<'_>, outcomes: Outcomes) -> Outcomes {
    match table.target.contract.update_missing {
        Some(UpdateMissing::Create) => outcomes,
        // Together with a version the protocol leaves it open.
        Some(UpdateMissing::NotFound) if table.model.version.is_some() => {
            Outcomes { errors: Errors::Any, ..outcomes }
        }
        Some(UpdateMissing::NotFound) => Outcomes::must_fail(
            &[ErrorKind::NotFound, ErrorKind::ConditionFailed, ErrorKind::Conflict],
            "missing",
        ),
        None => Outcomes { errors: Errors::Any, ..outcomes },
    }
}

fn defaults(table: &Table<'_>, update: &Update) -> BTreeMap<String, AttributeValue> {
    let fields = table.model.fields.iter().filter(|field| !update.key.contains_key(&field.name));
    fields
        .filter_map(|field| {
            let default = field.default.as_ref()?;
            Some((field.attribute().to_owned(), stored_value(&field.kind, default)))
        })
        .collect()
}

struct Work<'a> {
    table: &'a Table<'a>,
    update: &'a Update,
    before: Item,
    attributes: BTreeMap<String, Attribute>,
    refused: bool,
    may_fail: bool,
}

impl Work<'_> {
    fn put(&mut self, field: &Field, mut allowed: Allowed, how: impl Into<String>) {
        let how = how.into();
        // An update that writes the defaults of what it leaves out writes them for "no value" too.
        let defaults = self.table.target.contract.defaults_on_update != Some(false);
        if let (Allowed::OneOf(wants), Some(default)) = (&mut allowed, &field.default)
            && defaults
            && matches!(how.as_str(), "absent" | "left out")
        {
            wants.push(Want::Encoded(field.kind.clone(), default.clone()));
        }
        let allowed = if field.encrypted { Allowed::Any } else { allowed };
        self.attributes.insert(field.attribute().to_owned(), Attribute { allowed, how });
    }

    fn stored(&self, field: &Field) -> Option<&AttributeValue> {
        self.before.get(field.attribute())
    }

    fn expected_version(&self, item: Option<&Item>) -> Option<bool> {
        let Some(expected) = &self.update.expect_version else { return Some(true) };
        let field = self.table.model.field(self.table.model.version.as_deref()?)?;
        let expected = match expected {
            serde_json::Value::Number(number) => Number::from(number.as_i64()?),
            other => match AttributeValue::from_json(other).ok()? {
                AttributeValue::N(number) => number,
                _ => return None,
            },
        };
        match item {
            None => Some(false),
            Some(item) => Some(item.get(field.attribute())? == &AttributeValue::N(expected)),
        }
    }

    /// `set` of `patch` and `builder`, and the record of the other forms.
    fn record(&mut self) {
        let table = self.table;
        let update = self.update;
        let empty = Record::new();
        let record = update.record.as_ref().unwrap_or(&empty);
        for field in &table.model.fields {
            if table.model.is_key(&field.name) {
                continue;
            }
            let carried = record.get(&field.name);
            match update.form {
                Form::Patch | Form::Builder => {
                    if let Some(operand) = update.set.get(&field.name) {
                        self.mentioned(field, operand);
                    }
                }
                Form::Named => {
                    if update.names.iter().flatten().any(|name| *name == field.name) {
                        self.mentioned(field, carried.unwrap_or(&Operand::Absent));
                    }
                }
                Form::Partial => {
                    if let Some(operand) = carried {
                        self.filled(field, operand);
                    }
                }
                Form::Whole => {
                    let attribute = table.put_attribute(field, carried, false);
                    self.storable(field, carried.and_then(Operand::value));
                    self.put(field, attribute.allowed, attribute.how);
                }
            }
        }
    }

    fn storable(&mut self, field: &Field, value: Option<&AttributeValue>) {
        if value.is_some_and(|value| !is_storable(&field.kind, value, field.omit_empty)) {
            self.may_fail = true;
        }
    }

    fn mentioned(&mut self, field: &Field, operand: &Operand) {
        match operand {
            Operand::Value(value) => {
                let attribute = self.table.value_attribute(field, value);
                self.storable(field, Some(value));
                self.put(field, attribute.allowed, attribute.how);
            }
            Operand::Absent => {
                // The contract's key speaks of patches; the builder may as well refuse.
                self.may_fail |= self.update.form != Form::Patch;
                let allowed = self.absent(field);
                self.put(field, allowed, "absent");
            }
        }
    }

    fn absent(&mut self, field: &Field) -> Allowed {
        let stored = Allowed::exactly(self.stored(field));
        match self.table.target.contract.absent_in_patch {
            Some(AbsentInPatch::Keep) => stored,
            Some(AbsentInPatch::Remove) => Allowed::absent(),
            Some(AbsentInPatch::Null) if matches!(field.kind, FieldType::Option(_) | FieldType::Any) => {
                Allowed::OneOf(vec![Want::Raw(AttributeValue::Null)])
            }
            Some(AbsentInPatch::Error) => {
                self.refused |= self.update.form != Form::Builder;
                Allowed::Any
            }
            Some(AbsentInPatch::Null) | None => {
                self.may_fail = true;
                Allowed::Any
            }
        }
    }

    /// A field that a partial record carries.
    fn filled(&mut self, field: &Field, operand: &Operand) {
        let contract = &self.table.target.contract;
        let kept = self.stored(field).map_or(Want::Absent, |value| Want::Raw(value.clone()));
        let value = match operand {
            Operand::Value(value) => value,
            Operand::Absent => {
                let mut wants = vec![kept];
                match contract.absent_in_patch {
                    Some(AbsentInPatch::Remove) => wants.push(Want::Absent),
                    Some(AbsentInPatch::Null) => wants.push(Want::Raw(AttributeValue::Null)),
                    Some(AbsentInPatch::Error) => self.may_fail = true,
                    Some(AbsentInPatch::Keep) => {}
                    None => {
                        self.may_fail = true;
                        wants.extend([Want::Absent, Want::Raw(AttributeValue::Null)]);
                    }
                }
                self.put(field, Allowed::OneOf(wants), "absent");
                return;
            }
        };
        let how = describe_value(value);
        let plain = Want::Encoded(field.kind.clone(), value.clone());
        let stored = stored_value(&field.kind, value);
        if stored.is_empty() {
            self.may_fail |= is_empty_set(value);
            let allowed = match contract.empty_in_partial {
                // With `omit_empty` the two rules meet: stored as it is, or as no attribute.
                Some(EmptyInPartial::Set) if field.omit_empty || is_empty_set(value) => {
                    Allowed::OneOf(vec![plain, Want::Absent])
                }
                Some(EmptyInPartial::Set) => Allowed::OneOf(vec![plain]),
                Some(EmptyInPartial::Keep) => Allowed::OneOf(vec![kept]),
                Some(EmptyInPartial::Remove) => Allowed::absent(),
                Some(EmptyInPartial::Error) => {
                    self.refused = true;
                    Allowed::Any
                }
                None => {
                    self.may_fail = true;
                    Allowed::Any
                }
            };
            self.put(field, allowed, how);
        } else if stored.is_zero() {
            let allowed = match contract.zero_in_partial {
                Some(ZeroInPartial::Set) => Allowed::OneOf(vec![plain]),
                Some(ZeroInPartial::Keep) => Allowed::OneOf(vec![kept]),
                None => Allowed::OneOf(vec![plain, kept]),
            };
            self.put(field, allowed, how);
        } else if *value == AttributeValue::Null {
            self.put(field, Allowed::OneOf(vec![plain, kept]), how);
        } else {
            self.storable(field, Some(value));
            self.put(field, Allowed::OneOf(vec![plain]), how);
        }
    }

    /// The operands beside `set`: each touches fields of its own.
    fn operands(&mut self) {
        let update = self.update;
        let table = self.table;
        let field_of = |name: &str| table.model.field(name);
        for (name, operand) in &update.add {
            if let Some(field) = field_of(name) {
                let sum = operand.value().and_then(|value| add(field, self.stored(field), value));
                self.computed(field, sum, "add");
            }
        }
        for (name, operand) in &update.delete_from_set {
            if let Some(field) = field_of(name) {
                let rest = operand.value().and_then(|value| without(self.stored(field), value));
                self.computed(field, rest, "delete_from_set");
            }
        }
        for (list, front, how) in [(&update.append, false, "append"), (&update.prepend, true, "prepend")] {
            for (name, operand) in list {
                let Some(field) = field_of(name) else { continue };
                self.may_fail |= self.stored(field).is_none();
                let joined =
                    operand.value().and_then(|value| joined(field, self.stored(field), value, front));
                self.computed(field, joined, how);
            }
        }
        // What stands past a list's end is appended in the order of the indexes, not in that of the caller.
        let mut places: Vec<&(Path, Operand)> = update.set_path.iter().collect();
        places.sort_by(|(one, _), (other, _)| one.cmp(other));
        for (path, operand) in places {
            let Some(field) = field_of(path.root()) else { continue };
            let Some(value) = operand.value() else {
                self.may_fail = true;
                self.put(field, Allowed::Any, "set_path absent");
                continue;
            };
            let kind = kind_at(&field.kind, path);
            let value = kind.map_or_else(|| value.clone(), |kind| stored_value(kind, value));
            let changed = self.at_path(field, path, Some(value));
            self.computed(field, changed, "set_path");
        }
        // Every index counts in the list as it was: what is set comes first, then removals from the back.
        let mut removed: Vec<Path> = update.remove.iter().map(FieldOrPath::path).collect();
        removed.sort();
        for path in removed.iter().rev() {
            let Some(field) = field_of(path.root()) else { continue };
            if path.0.len() == 1 {
                self.put(field, Allowed::absent(), "remove");
                continue;
            }
            let changed = self.at_path(field, path, None);
            self.computed(field, changed, "remove path");
        }
    }

    /// An attribute that the update works out from the stored one; open where that has no plain answer.
    fn computed(&mut self, field: &Field, value: Option<Option<AttributeValue>>, how: &str) {
        match value {
            Some(value) => self.put(field, Allowed::exactly(value.as_ref()), how),
            None => {
                self.may_fail = true;
                self.put(field, Allowed::Any, how);
            }
        }
    }

    /// The attribute after one place in it was set or removed, on top of what this update did before.
    fn at_path(
        &self,
        field: &Field,
        path: &Path,
        value: Option<AttributeValue>,
    ) -> Option<Option<AttributeValue>> {
        let path = self.table.model.attribute_path(path);
        let name = field.attribute();
        let mut item = self.before.clone();
        match self.attributes.get(name).map(|attribute| &attribute.allowed) {
            Some(Allowed::OneOf(wants)) => {
                if let [Want::Raw(earlier)] = wants.as_slice() {
                    item.insert(name.to_owned(), earlier.clone());
                }
            }
            // What is open stays open.
            Some(_) => return None,
            None => {}
        }
        if value.is_none() && resolve(&item, &path).is_none() {
            return None;
        }
        let (last, parents) = path.0.split_last()?;
        let mut place = item.get_mut(name)?;
        for part in &parents[1..] {
            place = match (part, place) {
                (PathPart::Key(key), AttributeValue::M(map)) => map.get_mut(key)?,
                (PathPart::Index(index), AttributeValue::L(list)) => list.get_mut(*index)?,
                _ => return None,
            };
        }
        match (last, place, value) {
            (PathPart::Key(key), AttributeValue::M(map), Some(value)) => {
                map.insert(key.clone(), value);
            }
            (PathPart::Key(key), AttributeValue::M(map), None) => {
                map.remove(key);
            }
            (PathPart::Index(index), AttributeValue::L(list), Some(value)) => match list.get_mut(*index) {
                Some(element) => *element = value,
                None => list.push(value),
            },
            (PathPart::Index(index), AttributeValue::L(list), None) => {
                list.remove(*index);
            }
            _ => return None,
        }
        Some(item.get(name).cloned())
    }
}

/// The declared type of the value at a path below a field.
pub fn kind_at<'kind>(kind: &'kind FieldType, path: &Path) -> Option<&'kind FieldType> {
    let mut kind = kind;
    for part in path.0.iter().skip(1) {
        while let FieldType::Option(inner) = kind {
            kind = inner;
        }
        kind = match (kind, part) {
            (FieldType::Struct(members), PathPart::Key(name)) => {
                &members.iter().find(|member| member.name == *name)?.kind
            }
            (FieldType::Map(inner), PathPart::Key(_)) | (FieldType::List(inner), PathPart::Index(_)) => inner,
            (FieldType::Any, _) => return Some(&FieldType::Any),
            _ => return None,
        };
    }
    Some(kind)
}

fn add(
    field: &Field,
    stored: Option<&AttributeValue>,
    operand: &AttributeValue,
) -> Option<Option<AttributeValue>> {
    let sum = match (stored, operand) {
        (None, AttributeValue::N(number)) => AttributeValue::N(number.clone()),
        (None, value) if !value.is_empty() => value.clone(),
        (Some(AttributeValue::N(left)), AttributeValue::N(right)) => {
            let sum = Number::from(left.to_i128()?.checked_add(right.to_i128()?)?);
            let mut kind = &field.kind;
            while let FieldType::Option(inner) = kind {
                kind = inner;
            }
            let fits = match kind.integer_bounds() {
                Some((low, high)) => sum.to_i128().is_some_and(|sum| (low..=high).contains(&sum)),
                None if *kind == FieldType::Float64 => {
                    sum.to_i128().is_some_and(|sum| sum.unsigned_abs() < 1 << 53) && to_double(&sum).is_some()
                }
                None => true,
            };
            if !fits || !sum.is_legal() {
                return None;
            }
            AttributeValue::N(sum)
        }
        (Some(AttributeValue::Ss(left)), AttributeValue::Ss(right)) => {
            AttributeValue::Ss(left.union(right).cloned().collect())
        }
        (Some(AttributeValue::Ns(left)), AttributeValue::Ns(right)) => {
            AttributeValue::Ns(left.union(right).cloned().collect())
        }
        (Some(AttributeValue::Bs(left)), AttributeValue::Bs(right)) => {
            AttributeValue::Bs(left.union(right).cloned().collect())
        }
        _ => return None,
    };
    Some(Some(sum))
}

fn without(stored: Option<&AttributeValue>, operand: &AttributeValue) -> Option<Option<AttributeValue>> {
    let rest = match (stored, operand) {
        (None, _) => return Some(None),
        (Some(AttributeValue::Ss(left)), AttributeValue::Ss(right)) => {
            AttributeValue::Ss(left.difference(right).cloned().collect())
        }
        (Some(AttributeValue::Ns(left)), AttributeValue::Ns(right)) => {
            AttributeValue::Ns(left.difference(right).cloned().collect())
        }
        (Some(AttributeValue::Bs(left)), AttributeValue::Bs(right)) => {
            AttributeValue::Bs(left.difference(right).cloned().collect())
        }
        _ => return None,
    };
    Some((!rest.is_empty()).then_some(rest))
}

fn joined(
    field: &Field,
    stored: Option<&AttributeValue>,
    operand: &AttributeValue,
    front: bool,
) -> Option<Option<AttributeValue>> {
    let AttributeValue::L(mut more) = stored_value(&field.kind, operand) else { return None };
    let list = match stored {
        None => more,
        Some(AttributeValue::L(list)) => {
            let mut list = list.clone();
            if front {
                more.append(&mut list);
                more
            } else {
                list.append(&mut more);
                list
            }
        }
        _ => return None,
    };
    Some(Some(AttributeValue::L(list)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mapper::expect::expect;
    use crate::mapper::{Call, Capabilities, Model};
    use serde_json::json;

    /// What an update of a list `[0, 1, 2, 3]` in field `a` leaves there, by the specification.
    fn list_after(operands: serde_json::Value) -> serde_json::Value {
        let target: Capabilities =
            serde_json::from_value(json!({ "name": "t", "methods": ["update"], "update_forms": ["patch"] }))
                .expect("an answer to initialize");
        let model: Model = serde_json::from_value(json!({
            "name": "User", "table": "users", "partition_key": "id",
            "fields": [{ "name": "id", "type": "string" }, { "name": "a", "type": { "list": "int64" } }]
        }))
        .expect("a model of the protocol");
        let mut params = json!({ "model": "User", "key": { "id": { "S": "x" } }, "form": "patch" });
        for (name, value) in operands.as_object().expect("operands") {
            params[name] = value.clone();
        }
        let update: Call = serde_json::from_value(json!({ "method": "update", "params": params }))
            .expect("a call of the protocol");
        let numbers: Vec<_> = (0..4).map(|n| json!({ "N": n.to_string() })).collect();
        let stored = json!({ "id": { "S": "x" }, "a": { "L": numbers } });
        let stored = crate::value::item_from_json(&stored).expect("an item");
        let expected = expect(&model, &target, &[stored], &update).expect("a call that is specified");
        let After::Item(item) = &expected.changes[0].after else { panic!("an item is left") };
        let Allowed::OneOf(wants) = &item.attributes["a"].allowed else { return json!("open") };
        match wants.as_slice() {
            [Want::Raw(AttributeValue::L(list))] => list.iter().map(|n| n.to_json()["N"].clone()).collect(),
            _ => json!("open"),
        }
    }

    #[test]
    fn every_index_of_an_update_counts_in_the_list_as_it_was() {
        let two = json!({ "remove": [["a", 0], ["a", 2]] });
        assert_eq!(list_after(two), json!(["1", "3"]));
        let both = json!({ "remove": [["a", 1]], "set_path": [[["a", 2], { "N": "9" }]] });
        assert_eq!(list_after(both), json!(["0", "9", "3"]));
        let beyond = json!({ "set_path": [[["a", 6], { "N": "8" }], [["a", 4], { "N": "9" }]] });
        assert_eq!(list_after(beyond), json!(["0", "1", "2", "3", "9", "8"]));
        // An absent operand is open, whatever else happens to the list.
        let absent = json!({ "remove": [["a", 1]], "set_path": [[["a", 2], { "$absent": true }]] });
        assert_eq!(list_after(absent), json!("open"));
    }

    #[test]
    fn whether_an_update_of_a_missing_item_is_refused_is_open_beside_a_version() {
        let target: Capabilities = serde_json::from_value(json!({
            "name": "t", "methods": ["update"], "update_forms": ["patch"], "types": ["string", "int64"],
            "contract": { "update_missing": "not_found" }
        }))
        .expect("an answer to initialize");
        let model = |version: Option<&str>| -> Model {
            serde_json::from_value(json!({
                "name": "User", "table": "users", "partition_key": "id", "version": version,
                "fields": [
                    { "name": "id", "type": "string" },
                    { "name": "a", "type": "string" },
                    { "name": "rev", "type": "int64" }
                ]
            }))
            .expect("a model of the protocol")
        };
        let update: Call = serde_json::from_value(json!({
            "method": "update",
            "params": { "model": "User", "key": { "id": { "S": "x" } }, "form": "patch", "set": { "a": { "S": "y" } } }
        }))
        .expect("a call of the protocol");
        let may_succeed = |version| {
            let expected = expect(&model(version), &target, &[], &update).expect("a call that is specified");
            expected.outcomes.ok
        };
        assert!(!may_succeed(None));
        assert!(may_succeed(Some("rev")));
    }
}
