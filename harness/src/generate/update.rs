//! Updates over all forms and operands.

use super::Generator;
use crate::case::Start;
use crate::tape::{Discard, Source};
use proofhouse_models::mapper::call::Key;
use proofhouse_models::mapper::{
    Field, FieldOrPath, FieldType, Form, Model, Operand, Path, PathPart, Record, Update,
};
use proofhouse_models::value::{AttributeValue, Item, Number};

impl Generator<'_> {
    /// One of the update forms that the target offers.
    ///
    /// # Errors
    /// [`Discard`] where it offers none.
    pub fn form(&mut self, source: &mut Source) -> Result<Form, Discard> {
        let forms = &self.target.update_forms;
        if forms.is_empty() || !self.target.has("update") {
            return Err(Discard("no update form"));
        }
        Ok(*source.pick(forms))
    }

    /// An update of an item of the table, or of none.
    ///
    /// # Errors
    /// [`Discard`] where no form is offered or no field can be updated.
    pub fn update(&mut self, source: &mut Source, model: &Model, items: &[Start]) -> Result<Update, Discard> {
        let form = self.form(source)?;
        let key = self.key(source, model, items);
        self.update_of(source, model, items, form, key)
    }

    /// An update of the given form and key.
    ///
    /// # Errors
    /// [`Discard`] where no field can be updated.
    pub fn update_of(
        &mut self,
        source: &mut Source,
        model: &Model,
        items: &[Start],
        form: Form,
        key: Key,
    ) -> Result<Update, Discard> {
        let free: Vec<&Field> = model.fields.iter().filter(|field| self.is_free(model, field)).collect();
        if free.is_empty() {
            return Err(Discard("no field to update"));
        }
        let stored = stored_record(model, items, &key);
        let mut update = Update::new(&model.name, key.clone(), form);
        match form {
            Form::Patch | Form::Builder => {
                // An update that sets nothing takes another way through many mappers.
                let sets_nothing = source.chance(12);
                for field in &free {
                    source.span("mention", |source| {
                        if !source.chance(45) {
                            return;
                        }
                        if sets_nothing || source.chance(45) {
                            // Operands beside `set` that DynamoDB cannot hold are open.
                            let illegal = std::mem::take(&mut self.swarm.illegal);
                            let done = self.operation(source, model, field, stored, &mut update);
                            self.swarm.illegal = illegal;
                            if done || sets_nothing {
                                return;
                            }
                        }
                        let operand = self.operand(source, model, field);
                        update.set.insert(field.name.clone(), operand);
                    });
                }
                if is_empty(&update) {
                    let field = free[source.below(free.len())];
                    let operand = self.operand(source, model, field);
                    update.set.insert(field.name.clone(), operand);
                }
                if let (Some(version), true) = (&model.version, source.chance(40)) {
                    let current = stored.and_then(|record| record.get(version));
                    let number = match current {
                        Some(AttributeValue::N(number)) if !source.chance(30) => {
                            number.to_i128().unwrap_or(1)
                        }
                        _ => i128::from(source.integer_towards(1..=3, 1)),
                    };
                    update.expect_version = Some(serde_json::json!(number as i64));
                }
            }
            Form::Named => {
                let mut record = self.record(source, model, &key, self.swarm.absents);
                self.carry_version(source, model, stored, &mut record);
                let mut names: Vec<String> = Vec::new();
                for field in &free {
                    let left_out = !record.contains_key(&field.name);
                    if source.chance(if left_out { 15 } else { 50 }) && (!left_out || self.swarm.absents) {
                        names.push(field.name.clone());
                    }
                }
                if names.is_empty() {
                    let field = free[source.below(free.len())];
                    let operand = self.operand(source, model, field);
                    record.insert(field.name.clone(), operand);
                    names.push(field.name.clone());
                }
                update.record = Some(record);
                update.names = Some(names);
            }
            Form::Partial => {
                let mut record: Record = if source.chance(50) {
                    key.iter().map(|(name, value)| (name.clone(), Operand::Value(value.clone()))).collect()
                } else {
                    Record::new()
                };
                self.carry_version(source, model, stored, &mut record);
                let mut filled = false;
                for field in &free {
                    source.span("fill", |source| {
                        if source.chance(45) {
                            record.insert(field.name.clone(), self.operand(source, model, field));
                            filled = true;
                        }
                    });
                }
                if !filled {
                    let field = free[source.below(free.len())];
                    record.insert(field.name.clone(), self.operand(source, model, field));
                }
                update.record = Some(record);
            }
            Form::Whole => {
                let mut record = self.record(source, model, &key, self.swarm.absents);
                self.carry_version(source, model, stored, &mut record);
                update.record = Some(record);
            }
        }
        Ok(update)
    }

    /// The version that a record carries: the stored one mostly, else another, or none.
    pub fn carry_version(
        &mut self,
        source: &mut Source,
        model: &Model,
        stored: Option<&Item>,
        record: &mut Record,
    ) {
        let Some(version) = &model.version else { return };
        let current = stored.and_then(|record| record.get(version));
        let value = match (current, source.below(10)) {
            (Some(value), 0..=6) => Some(value.clone()),
            (None, 0..=6) => None,
            (_, 7 | 8) => Some(AttributeValue::number(source.integer_towards(1..=4, 1))),
            _ => None,
        };
        if let Some(value) = value {
            record.insert(version.clone(), Operand::Value(value));
        }
    }

    /// An operand beside `set` that suits the field; false where none does.
    fn operation(
        &mut self,
        source: &mut Source,
        model: &Model,
        field: &Field,
        stored: Option<&Item>,
        update: &mut Update,
    ) -> bool {
        if field.encrypted {
            return false;
        }
        let name = field.name.clone();
        let has = |operand: &str| self.target.has_update_operand(operand);
        let kind = unwrapped(&field.kind).clone();
        let index_key = model.is_any_key(&name);
        let stored =
            stored.and_then(|record| record.get(&name)).filter(|value| **value != AttributeValue::Null);
        let is_set = matches!(kind, FieldType::StringSet | FieldType::NumberSet | FieldType::BytesSet);
        let null_stored = stored.is_none() && matches!(field.kind, FieldType::Option(_));
        let mut choices: Vec<&'static str> = Vec::new();
        if has("remove") {
            choices.push("remove");
        }
        if has("add") && (kind.is_number() || is_set) && !index_key && !null_stored {
            choices.push("add");
        }
        if has("delete_from_set") && is_set && !null_stored {
            choices.push("delete_from_set");
        }
        let is_list = matches!(kind, FieldType::List(_));
        if is_list && !null_stored {
            let lists = ["append", "prepend", "append", "prepend"];
            choices.extend(lists.iter().filter(|operand| has(operand)).copied());
        }
        let below =
            stored.map(|value| self.paths_below(&kind, value, &Path::field(&name))).unwrap_or_default();
        if !below.is_empty() {
            if has("set_path") {
                choices.extend(["set_path", "set_path"]);
            }
            if has("remove") {
                choices.push("remove_path");
            }
        }
        if choices.is_empty() {
            return false;
        }
        match *source.pick(&choices) {
            "remove" => update.remove.push(FieldOrPath::Field(name)),
            "add" if is_set => {
                let Some(value) = self.some_set(source, &kind, stored) else { return false };
                update.add.insert(name, Operand::Value(value));
            }
            "add" => {
                let amount = source.integer_towards(
                    if matches!(stored, Some(AttributeValue::N(n)) if !n.is_zero()) { -3..=5 } else { 1..=5 },
                    1,
                );
                if amount == 0 {
                    return false;
                }
                // Exact where the field is a decimal; binary fractions are the mapper's own affair.
                let number = match kind == FieldType::Decimal && source.chance(50) {
                    true => super::number::parsed(if amount < 0 { "-0.5" } else { "0.25" }),
                    false => Number::from(amount),
                };
                update.add.insert(name, Operand::Value(AttributeValue::N(number)));
            }
            "delete_from_set" => {
                let Some(value) = self.some_set(source, &kind, stored) else { return false };
                update.delete_from_set.insert(name, Operand::Value(value));
            }
            operand @ ("append" | "prepend") => {
                let FieldType::List(inner) = &kind else { return false };
                let list = source.list("element", 1..=3, |source| self.value(source, inner, 1));
                let map = if operand == "append" { &mut update.append } else { &mut update.prepend };
                map.insert(name, Operand::Value(AttributeValue::L(list)));
            }
            "remove_path" => {
                let (path, _) = source.pick(&below).clone();
                self.beside(source, &below, &path, update);
                update.remove.push(FieldOrPath::Path(path));
            }
            _ => {
                let (path, kind) = source.pick(&below).clone();
                let value = self.value(source, &kind, 1);
                let path = match (&kind_above(&field.kind, &path), source.chance(25)) {
                    // Beside the stored entry: a new one of the map.
                    (Some(FieldType::Map(_)), true) => {
                        let mut parts = path.0;
                        parts.pop();
                        parts.push(PathPart::Key(self.map_key(source)));
                        Path(parts)
                    }
                    _ => path,
                };
                self.beside(source, &below, &path, update);
                update.set_path.push((path, Operand::Value(value)));
            }
        }
        true
    }

    /// Now and then a second place of the same field, set or removed, neither of them within the other.
    fn beside(&mut self, source: &mut Source, below: &[(Path, FieldType)], path: &Path, update: &mut Update) {
        let apart = |other: &Path| !other.0.starts_with(&path.0) && !path.0.starts_with(&other.0);
        let others: Vec<&(Path, FieldType)> = below.iter().filter(|(other, _)| apart(other)).collect();
        if others.is_empty() || !source.chance(30) {
            return;
        }
        let (other, kind) = (*source.pick(&others)).clone();
        let sets = self.target.has_update_operand("set_path");
        if self.target.has_update_operand("remove") && (!sets || source.chance(50)) {
            update.remove.push(FieldOrPath::Path(other));
        } else if sets {
            let value = self.value(source, &kind, 1);
            update.set_path.push((other, Operand::Value(value)));
        }
    }

    /// A set of the kind that shares members with the stored one.
    fn some_set(
        &mut self,
        source: &mut Source,
        kind: &FieldType,
        stored: Option<&AttributeValue>,
    ) -> Option<AttributeValue> {
        let value = self.value(source, kind, 1);
        let mixed = match (value, stored) {
            (AttributeValue::Ss(mut set), Some(AttributeValue::Ss(stored))) if source.chance(60) => {
                set.extend(stored.iter().take(1 + source.below(2)).cloned());
                AttributeValue::Ss(set)
            }
            (AttributeValue::Ns(mut set), Some(AttributeValue::Ns(stored))) if source.chance(60) => {
                set.extend(stored.iter().take(1 + source.below(2)).cloned());
                AttributeValue::Ns(set)
            }
            (AttributeValue::Bs(mut set), Some(AttributeValue::Bs(stored))) if source.chance(60) => {
                set.extend(stored.iter().take(1 + source.below(2)).cloned());
                AttributeValue::Bs(set)
            }
            (value, _) => value,
        };
        (!mixed.is_empty()).then_some(mixed)
    }

    /// Paths below a stored value, each with the declared type of what is there.
    pub fn paths_below(
        &self,
        kind: &FieldType,
        value: &AttributeValue,
        path: &Path,
    ) -> Vec<(Path, FieldType)> {
        let mut found = Vec::new();
        match (unwrapped(kind), value) {
            (FieldType::List(inner), AttributeValue::L(list)) => {
                for (index, value) in list.iter().enumerate().take(3) {
                    let path = path.join(PathPart::Index(index));
                    found.push((path.clone(), (**inner).clone()));
                    found.extend(self.paths_below(inner, value, &path));
                }
            }
            (FieldType::Map(inner), AttributeValue::M(map)) => {
                for (key, value) in map {
                    let path = path.join(PathPart::Key(key.clone()));
                    found.push((path.clone(), (**inner).clone()));
                    found.extend(self.paths_below(inner, value, &path));
                }
            }
            (FieldType::Struct(members), AttributeValue::M(map)) => {
                for member in members {
                    // A member that is empty and omitted is not stored: nothing is below it.
                    let Some(value) = map.get(&member.name).filter(|value| !value.is_empty()) else {
                        continue;
                    };
                    if member.omit_empty {
                        continue;
                    }
                    let path = path.join(PathPart::Key(member.name.clone()));
                    found.push((path.clone(), member.kind.clone()));
                    found.extend(self.paths_below(&member.kind, value, &path));
                }
            }
            _ => {}
        }
        found
    }
}

/// The type inside options.
pub fn unwrapped(kind: &FieldType) -> &FieldType {
    match kind {
        FieldType::Option(inner) => unwrapped(inner),
        kind => kind,
    }
}

fn kind_above(kind: &FieldType, path: &Path) -> Option<FieldType> {
    let mut parts = path.0.clone();
    parts.pop();
    proofhouse_models::mapper::expect::update::kind_at(kind, &Path(parts)).map(|kind| unwrapped(kind).clone())
}

/// The starting record under a key.
pub fn stored_record<'items>(model: &Model, items: &'items [Start], key: &Key) -> Option<&'items Item> {
    items.iter().map(|start| &start.record).find(|record| super::record::key_of(model, record) == *key)
}

fn is_empty(update: &Update) -> bool {
    update.set.is_empty()
        && update.remove.is_empty()
        && update.add.is_empty()
        && update.delete_from_set.is_empty()
        && update.append.is_empty()
        && update.prepend.is_empty()
        && update.set_path.is_empty()
}
