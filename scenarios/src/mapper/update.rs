//! The five forms of `update`, as one plan of changes.
//!
//! `patch`, `builder` and `named` change what they mention, `partial` what its record fills, `whole` all
//! declared fields. The plan is checked (no two changes of one place, no key) before it becomes text.

use super::encode::Encoded;
use super::expression::{Node, Placeholders, check_limits};
use super::failure::{Failure, Result};
use super::schema::{Place, plain};
use super::scope::Scope;
use super::send::{OnFailure, Prepared};
use super::write::{finish_conditional, must_exist, next_version};
use crate::mutants::Bug;
use proofhouse_models::mapper::call::Update;
use proofhouse_models::mapper::contract::{AbsentInPatch, EmptyInPartial, ZeroInPartial};
use proofhouse_models::mapper::{Field, FieldOrPath, FieldType, Form, Operand, Path, PathPart, Record};
use proofhouse_models::value::{AttributeValue, Item, Number, item_to_json};
use serde_json::{Map, Value, json};

/// One change of one place.
#[derive(Clone, Debug)]
enum Change {
    Set(AttributeValue),
    Remove,
    Add(AttributeValue),
    DeleteFromSet(AttributeValue),
    Append(AttributeValue),
    Prepend(AttributeValue),
    /// One more than stored, 1 where nothing is.
    Count,
}

/// The changes of one update, in the order in which they are written.
struct Plan<'a> {
    scope: &'a Scope<'a>,
    key: Item,
    changes: Vec<(Vec<PathPart>, Change)>,
    /// What an absent operand does.
    absent: AbsentInPatch,
}

impl Scope<'_> {
    /// An update as one request.
    ///
    /// # Errors
    /// As encoding and conditions do; `validation` for changes that contradict each other.
    pub fn update(&self, update: &Update) -> Result<Prepared> {
        let key = self.encode_key(&update.key)?;
        let absent = self.absent_in_patch(update.condition.is_some());
        let mut plan = Plan { scope: self, key: key.clone(), changes: Vec::new(), absent };
        match update.form {
            Form::Patch | Form::Builder => plan.patch(&update.set)?,
            Form::Named => plan.named(record_of(update)?, update.names.as_deref().unwrap_or_default())?,
            Form::Partial => plan.partial(record_of(update)?)?,
            Form::Whole => plan.whole(record_of(update)?)?,
        }
        plan.operands(update)?;
        if self.options.defaults_on_update {
            plan.defaults()?;
        }
        let mut holders = Placeholders::default();
        let (mut nodes, found) = self.update_guards(update, &mut plan, &mut holders)?;
        if let Some(attribute) = self.schema.managed(self.options) {
            plan.push_attribute(attribute, Change::Count);
        }
        if let Some(condition) = &update.condition {
            nodes.push(self.condition(condition, &mut holders)?);
        }
        plan.check_apart()?;
        let mut body = Map::new();
        body.insert("TableName".to_owned(), json!(self.table()));
        body.insert("Key".to_owned(), item_to_json(&key));
        if let Some(text) = plan.write(&mut holders)? {
            body.insert("UpdateExpression".to_owned(), json!(text));
        }
        finish_conditional(&mut body, nodes, holders, found)?;
        Ok(Prepared { operation: "UpdateItem", body, on_failure: found })
    }

    fn absent_in_patch(&self, guarded: bool) -> AbsentInPatch {
        match self.bug {
            Some(Bug::AbsentBecomesNull) => AbsentInPatch::Null,
            Some(Bug::AbsentRemovesWithIf) if guarded => AbsentInPatch::Remove,
            _ => self.options.absent_in_patch,
        }
    }

    /// The version's check and growth, and whether the item must be there.
    fn update_guards(
        &self,
        update: &Update,
        plan: &mut Plan<'_>,
        holders: &mut Placeholders,
    ) -> Result<(Vec<Node>, OnFailure)> {
        let mut nodes = Vec::new();
        let mut must_be_new = false;
        let expected = update.expect_version.as_ref().map(expected_version).transpose()?;
        if let Some(name) = &self.schema.model.version {
            let attribute = self.schema.field(name)?.attribute();
            let unchecked = matches!(update.form, Form::Patch | Form::Builder) && expected.is_none();
            if unchecked {
                if !(self.has(Bug::VersionStaysOnRemove) && plan.only_removes()) {
                    plan.push_attribute(attribute, Change::Count);
                }
            } else {
                let carried = match (expected, &update.record) {
                    (Some(version), _) => Some(version),
                    (None, Some(record)) => self.carried_version(record)?,
                    (None, None) => None,
                };
                must_be_new = carried.is_none();
                nodes.push(self.version_check(carried.as_ref(), &plan.key, holders)?);
                let field = self.schema.field(name)?;
                let next = self.encode_present(field, &next_version(carried.as_ref())?, &plan.key)?;
                plan.push_attribute(attribute, Change::Set(next));
            }
        } else if expected.is_some() {
            return Err(Failure::validation("the model has no version to expect"));
        }
        if must_exist(self.options) && !must_be_new {
            nodes.push(self.stored(&plan.key, holders)?);
            return Ok((nodes, OnFailure::Missing));
        }
        Ok((nodes, OnFailure::Condition))
    }
}

fn record_of(update: &Update) -> Result<&Record> {
    update.record.as_ref().ok_or_else(|| Failure::validation("this form takes a record"))
}

fn expected_version(value: &Value) -> Result<Number> {
    let text = match value {
        Value::Number(number) => number.to_string(),
        other => other.get("N").and_then(Value::as_str).unwrap_or_default().to_owned(),
    };
    let number = text.parse::<Number>().ok().filter(|number| number.to_i128().is_some());
    number.ok_or_else(|| Failure::validation("a version is an integer"))
}

impl<'a> Plan<'a> {
    fn push(&mut self, place: &Place<'_>, change: Change) {
        self.changes.push((place.parts.clone(), change));
    }

    fn push_attribute(&mut self, attribute: &str, change: Change) {
        self.changes.push((vec![PathPart::Key(attribute.to_owned())], change));
    }

    fn only_removes(&self) -> bool {
        self.changes.iter().all(|(_, change)| matches!(change, Change::Remove))
    }

    fn field(&self, name: &str) -> Result<Place<'a>> {
        self.scope.schema.place(&Path::field(name))
    }

    /// A field that the caller may change: no key, no version.
    fn changeable(&self, place: Place<'a>) -> Result<Place<'a>> {
        let model = &self.scope.schema.model;
        if model.is_key(&place.field.name) {
            return Err(Failure::validation("a key cannot be changed"));
        }
        if model.version.as_ref() == Some(&place.field.name) {
            return Err(Failure::validation("the version is managed"));
        }
        if place.field.encrypted && !place.is_field() {
            return Err(Failure::unsupported("a change inside an encrypted field"));
        }
        Ok(place)
    }

    fn patch(&mut self, set: &Record) -> Result<()> {
        for (name, operand) in set {
            let place = self.changeable(self.field(name)?)?;
            self.assign(&place, operand)?;
        }
        Ok(())
    }

    fn named(&mut self, record: &Record, names: &[String]) -> Result<()> {
        self.check_record(record)?;
        let mut seen = Vec::new();
        for name in names {
            let place = self.field(name)?;
            if self.is_own(place.field) || seen.contains(&name) {
                continue;
            }
            seen.push(name);
            self.assign(&place, record.get(name).unwrap_or(&Operand::Absent))?;
        }
        Ok(())
    }

    fn partial(&mut self, record: &Record) -> Result<()> {
        self.check_record(record)?;
        let options = self.scope.options;
        for (name, operand) in record {
            let (place, Some(value)) = (self.field(name)?, operand.value()) else { continue };
            if self.is_own(place.field) {
                continue;
            }
            if value.is_zero() && options.zero_in_partial == ZeroInPartial::Keep {
                continue;
            }
            if value.is_empty() || self.is_empty_struct(place.field, value)? {
                match options.empty_in_partial {
                    EmptyInPartial::Keep => continue,
                    EmptyInPartial::Remove => {
                        self.push(&place, Change::Remove);
                        continue;
                    }
                    EmptyInPartial::Error => {
                        return Err(Failure::validation("an empty value in a partial update"));
                    }
                    EmptyInPartial::Set => {}
                }
            }
            let stored = self.scope.encode_present(place.field, value, &self.key)?;
            self.push(&place, Change::Set(stored));
        }
        Ok(())
    }

    fn whole(&mut self, record: &Record) -> Result<()> {
        self.check_record(record)?;
        let schema = self.scope.schema;
        for field in &schema.model.fields {
            let place = self.field(&field.name)?;
            if self.is_own(field) {
                continue;
            }
            let value = record.get(&field.name).and_then(Operand::value);
            let default = self.scope.options.defaults_on_update && field.default.is_some();
            match value {
                Some(value) => self.store(&place, value)?,
                None if default && !record.contains_key(&field.name) => {}
                None => self.push(&place, Change::Remove),
            }
        }
        Ok(())
    }

    /// A record beside a key: its fields are declared, and a key in it is the key.
    fn check_record(&self, record: &Record) -> Result<()> {
        for (name, operand) in record {
            let field = self.scope.schema.field(name)?;
            if !self.scope.schema.model.is_key(name) {
                continue;
            }
            let Some(value) = operand.value() else { continue };
            let stored = self.scope.encode_key_value(field, value)?;
            if self.key.get(field.attribute()) != Some(&stored) {
                return Err(Failure::validation("the record has another key"));
            }
        }
        Ok(())
    }

    /// A field that a record carries along and no form writes: a key, the version, the counter.
    fn is_own(&self, field: &Field) -> bool {
        let schema = self.scope.schema;
        schema.model.is_key(&field.name) || schema.is_managed(self.scope.options, field)
    }

    fn is_empty_struct(&self, field: &Field, value: &AttributeValue) -> Result<bool> {
        if !matches!(plain(&field.kind), FieldType::Struct(_)) {
            return Ok(false);
        }
        Ok(super::encode::encode_value(&field.name, &field.kind, value)?.is_empty())
    }

    /// An operand of `set`: a value, or the language's "no value" by the contract.
    fn assign(&mut self, place: &Place<'_>, operand: &Operand) -> Result<()> {
        if self.scope.schema.is_managed(self.scope.options, place.field) {
            return Ok(());
        }
        let Some(value) = operand.value() else {
            match self.absent {
                AbsentInPatch::Keep => {}
                AbsentInPatch::Remove => self.push(place, Change::Remove),
                AbsentInPatch::Null if self.scope.schema.model.is_any_key(&place.field.name) => {
                    return Err(Failure::encode(&place.field.name, "a key is never NULL"));
                }
                AbsentInPatch::Null => {
                    let mut null = AttributeValue::Null;
                    if place.field.encrypted {
                        let at = self.scope.seal_place(&self.key, place.field.attribute());
                        null = self.scope.cipher.seal(&at, &null);
                    }
                    self.push(place, Change::Set(null));
                }
                AbsentInPatch::Error => return Err(Failure::validation("an operand is absent")),
            }
            return Ok(());
        };
        self.store(place, value)
    }

    fn store(&mut self, place: &Place<'_>, value: &AttributeValue) -> Result<()> {
        let encoded = if place.is_field() {
            self.scope.encode_field(place.field, value, &self.key)?
        } else {
            self.scope.encode_at(place, value)?
        };
        match encoded {
            Encoded::Stored(stored) => self.push(place, Change::Set(stored)),
            Encoded::Omitted => self.push(place, Change::Remove),
        }
        Ok(())
    }

    fn operands(&mut self, update: &Update) -> Result<()> {
        for target in &update.remove {
            let place = match target {
                FieldOrPath::Field(name) => self.field(name)?,
                FieldOrPath::Path(path) => self.scope.schema.place(path)?,
            };
            let place = self.changeable(place)?;
            self.push(&place, Change::Remove);
        }
        for (path, operand) in &update.set_path {
            let place = self.changeable(self.scope.schema.place(path)?)?;
            self.assign(&place, operand)?;
        }
        for (name, operand) in &update.add {
            let (place, value) = self.operand(name, operand)?;
            self.add(&place, value)?;
        }
        for (name, operand) in &update.delete_from_set {
            let (place, value) = self.operand(name, operand)?;
            let value = self.set_operand(&place, value)?;
            self.push(&place, Change::DeleteFromSet(value));
        }
        for (name, operand) in &update.append {
            self.extend(name, operand, Change::Append)?;
        }
        for (name, operand) in &update.prepend {
            self.extend(name, operand, Change::Prepend)?;
        }
        Ok(())
    }

    /// A field and the operand for it. An absent operand of a computing change is refused: it would vanish.
    fn operand<'v>(&self, name: &str, operand: &'v Operand) -> Result<(Place<'a>, &'v AttributeValue)> {
        let place = self.changeable(self.field(name)?)?;
        if place.field.encrypted {
            return Err(Failure::unsupported("a computed change of an encrypted field"));
        }
        if self.scope.schema.is_managed(self.scope.options, place.field) {
            return Err(Failure::validation("the field is managed"));
        }
        let value = operand.value().ok_or_else(|| Failure::validation("an operand is absent"))?;
        Ok((place, value))
    }

    fn add(&mut self, place: &Place<'_>, value: &AttributeValue) -> Result<()> {
        let kind = plain(&place.field.kind);
        let takes_number = match value {
            AttributeValue::N(number) => match kind {
                FieldType::Float64 | FieldType::Decimal | FieldType::Any => true,
                kind => kind.integer_bounds().is_some() && number.to_i128().is_some(),
            },
            _ => false,
        };
        let value = if takes_number {
            super::legal::check(&place.field.name, value, 0)?;
            value.clone()
        } else {
            self.set_operand(place, value)?
        };
        self.push(place, Change::Add(value));
        Ok(())
    }

    /// A set, not empty, of the field's type.
    fn set_operand(&self, place: &Place<'_>, value: &AttributeValue) -> Result<AttributeValue> {
        let name = &place.field.name;
        let is_set = matches!(value, AttributeValue::Ss(_) | AttributeValue::Ns(_) | AttributeValue::Bs(_));
        if !is_set {
            return Err(Failure::encode(name, "the operand does not fit the field"));
        }
        let stored = super::encode::encode_value(name, &place.field.kind, value)?;
        super::legal::check(name, &stored, 0)?;
        Ok(stored)
    }

    fn extend(&mut self, name: &str, operand: &Operand, change: fn(AttributeValue) -> Change) -> Result<()> {
        let (place, value) = self.operand(name, operand)?;
        if !matches!(value, AttributeValue::L(_)) {
            return Err(Failure::encode(name, "the operand is no list"));
        }
        let stored = super::encode::encode_value(name, &place.field.kind, value)?;
        super::legal::check(name, &stored, 0)?;
        if place.omit_empty && stored.is_empty() {
            // Nothing to add, and a list that is not there must not become an empty one.
            return Ok(());
        }
        self.push(&place, change(stored));
        Ok(())
    }

    fn defaults(&mut self) -> Result<()> {
        for field in &self.scope.schema.model.fields {
            let Some(default) = &field.default else { continue };
            let place = self.field(&field.name)?;
            let mentioned = self.changes.iter().any(|(parts, _)| parts.first() == place.parts.first());
            if !mentioned && !self.is_own(field) {
                self.store(&place, default)?;
            }
        }
        Ok(())
    }

    /// Refuses two changes of one place, as DynamoDB would.
    fn check_apart(&self) -> Result<()> {
        for (position, (left, _)) in self.changes.iter().enumerate() {
            for (right, _) in &self.changes[..position] {
                let differing = left.iter().zip(right).find(|(left, right)| left != right);
                let apart = differing.is_some_and(|pair| {
                    matches!(
                        pair,
                        (PathPart::Key(_), PathPart::Key(_)) | (PathPart::Index(_), PathPart::Index(_))
                    )
                });
                if !apart {
                    return Err(Failure::validation("two changes of one place"));
                }
            }
        }
        let size: usize = self
            .changes
            .iter()
            .map(|(_, change)| match change {
                Change::Set(value)
                | Change::Add(value)
                | Change::DeleteFromSet(value)
                | Change::Append(value)
                | Change::Prepend(value) => super::legal::size(value),
                Change::Remove | Change::Count => 0,
            })
            .sum();
        if size > super::legal::ITEM_BYTES {
            return Err(Failure::validation("the item is larger than 400 KB"));
        }
        Ok(())
    }

    /// The update expression; nothing where there is no change.
    fn write(&self, holders: &mut Placeholders) -> Result<Option<String>> {
        let mut clauses: [(&str, Vec<String>); 4] =
            [("SET", Vec::new()), ("REMOVE", Vec::new()), ("ADD", Vec::new()), ("DELETE", Vec::new())];
        let mut operators = 0;
        for (parts, change) in &self.changes {
            let at = holders.path(parts)?;
            let empty = AttributeValue::L(Vec::new());
            operators += 1;
            let (clause, text) = match change {
                Change::Set(value) => (0, format!("{at} = {}", holders.value(value.clone()))),
                Change::Append(value) => {
                    operators += 2;
                    let (empty, value) = (holders.value(empty), holders.value(value.clone()));
                    (0, format!("{at} = list_append(if_not_exists({at}, {empty}), {value})"))
                }
                Change::Prepend(value) => {
                    operators += 2;
                    let (value, empty) = (holders.value(value.clone()), holders.value(empty));
                    (0, format!("{at} = list_append({value}, if_not_exists({at}, {empty}))"))
                }
                Change::Count => {
                    operators += 2;
                    let zero = holders.value(AttributeValue::number(0));
                    let one = holders.value(AttributeValue::number(1));
                    (0, format!("{at} = if_not_exists({at}, {zero}) + {one}"))
                }
                Change::Remove => (1, at),
                Change::Add(value) => (2, format!("{at} {}", holders.value(value.clone()))),
                Change::DeleteFromSet(value) => (3, format!("{at} {}", holders.value(value.clone()))),
            };
            clauses[clause].1.push(text);
        }
        let clauses = clauses.iter().filter(|(_, list)| !list.is_empty());
        let text = clauses.map(|(word, list)| format!("{word} {}", list.join(", "))).collect::<Vec<_>>();
        if text.is_empty() {
            return Ok(None);
        }
        let text = text.join(" ");
        check_limits(&text, operators)?;
        Ok(Some(text))
    }
}
