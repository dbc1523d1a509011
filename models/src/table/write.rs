//! One write: read the action, judge it against the stored item, apply it.
//!
//! Judging changes nothing, so a transaction judges all its actions before it applies the first.

use super::request::{Answer, Fields};
use super::schema::Key;
use super::{ApiError, Tables, consumed, write_units};
use crate::expression::{
    Path, ResolvedCondition, ResolvedUpdate, Step, UpdateError, apply_update, evaluate, project,
};
use crate::value::{Item, MAX_ITEM_SIZE, MAX_NESTING, item_size, item_to_json, nesting};
use serde_json::{Value, json};

/// What a write does to its item.
#[derive(Clone, Debug)]
pub(super) enum Effect {
    Put(Item),
    Update(ResolvedUpdate),
    Delete,
    Check,
}

/// A write, read from its request.
#[derive(Clone, Debug)]
pub(super) struct Write {
    pub table: String,
    pub key: Key,
    pub effect: Effect,
    condition: Option<ResolvedCondition>,
    old_on_failure: bool,
}

/// What a write would make of its item.
#[derive(Clone, Debug)]
pub(super) struct Judged {
    pub old: Option<Item>,
    pub new: Option<Item>,
}

/// Why a write does not happen.
#[derive(Clone, Debug)]
pub(super) enum Refused {
    /// Its condition does not hold; with the stored item where it was asked for.
    Condition(Option<Item>),
    /// It does not fit the stored item.
    Invalid { message: String, unspecified: bool },
}

impl Tables {
    pub(super) fn write_item(&mut self, operation: &str, fields: Fields<'_>) -> Answer<Value> {
        let kind = operation.trim_end_matches("Item");
        let returned = match kind {
            "Update" => &["NONE", "ALL_OLD", "UPDATED_OLD", "ALL_NEW", "UPDATED_NEW"][..],
            _ => &["NONE", "ALL_OLD"],
        };
        let returned = fields.option("ReturnValues", returned)?;
        let write = self.read_write(operation, kind, fields)?;
        let judged = self.judge(&write).map_err(|refused| match refused {
            Refused::Condition(item) => {
                let error =
                    ApiError::new("ConditionalCheckFailedException", "The conditional request failed");
                match item {
                    Some(item) => error.with("Item", item_to_json(&item)),
                    None => error,
                }
            }
            Refused::Invalid { message, unspecified } => {
                let error = ApiError::validation(message);
                if unspecified { error.open() } else { error }
            }
        })?;
        let mut answer = json!({});
        if let Some(attributes) = self.returned(returned, &write, &judged) {
            answer["Attributes"] = item_to_json(&attributes);
        }
        let bytes = [&judged.old, &judged.new].into_iter().flatten().map(item_size).max().unwrap_or(0);
        consumed(fields, &mut answer, &[(&write.table, write_units(bytes))], false)?;
        self.apply(write, judged);
        Ok(answer)
    }

    /// Reads an action of kind `Put`, `Update`, `Delete` or `ConditionCheck`.
    pub(super) fn read_write(&mut self, operation: &str, kind: &str, fields: Fields<'_>) -> Answer<Write> {
        let table = fields.table_name()?.to_owned();
        let on_failure = fields.option("ReturnValuesOnConditionCheckFailure", &["NONE", "ALL_OLD"])?;
        let names = self.tables.get(&table).map(|table| table.schema.key.clone());
        let names = names.iter().flat_map(|key| key.names()).collect::<Vec<_>>();
        let allowed = ["ConditionExpression", "UpdateExpression"];
        let allowed = if kind == "Update" { &allowed[..] } else { &allowed[..1] };
        let prepared = self.prepared(operation, fields, allowed, &names)?;
        let item = fields.item(if kind == "Put" { "Item" } else { "Key" })?;
        let schema = &self.table(&table)?.schema;
        let (key, effect) = match kind {
            "Put" => (schema.key_of_item(&item)?, Effect::Put(item)),
            "Update" => (schema.key_alone(&item)?, Effect::Update(prepared.update.unwrap_or_default())),
            "Delete" => (schema.key_alone(&item)?, Effect::Delete),
            _ => (schema.key_alone(&item)?, Effect::Check),
        };
        if matches!(effect, Effect::Check) && prepared.condition.is_none() {
            return Err(ApiError::validation("ConditionExpression must not be null"));
        }
        Ok(Write {
            table,
            key,
            effect,
            condition: prepared.condition,
            old_on_failure: on_failure == "ALL_OLD",
        })
    }

    /// What the write would do now.
    pub(super) fn judge(&mut self, write: &Write) -> Result<Judged, Refused> {
        let invalid = |message: String| Refused::Invalid { message, unspecified: false };
        let table = self.table(&write.table).map_err(|error| invalid(error.message))?;
        let old = table.items.get(&write.key).cloned();
        let mut notes = Vec::new();
        if let Some(condition) = &write.condition {
            let empty = Item::new();
            let holds = evaluate(condition, old.as_ref().unwrap_or(&empty));
            if let Err(open) = holds {
                notes.push(open.to_string());
            }
            if !holds.unwrap_or(true) {
                return Err(Refused::Condition(old.filter(|_| write.old_on_failure)));
            }
        }
        let new = match &write.effect {
            Effect::Put(item) => Some(item.clone()),
            Effect::Delete => None,
            Effect::Check => old.clone(),
            Effect::Update(update) => {
                let start = old.clone().unwrap_or_else(|| {
                    table.schema.key.names().map(str::to_owned).zip(write.key.iter().cloned()).collect()
                });
                let updated =
                    apply_update(update, &start, old.is_some()).map_err(|error| Refused::Invalid {
                        unspecified: matches!(error, UpdateError::Unspecified(_)),
                        message: error.to_string(),
                    })?;
                notes.extend(updated.unspecified.map(|open| open.to_string()));
                let item = updated.item;
                if item_size(&item) > MAX_ITEM_SIZE {
                    return Err(invalid(
                        "Item size to update has exceeded the maximum allowed size".to_owned(),
                    ));
                }
                if item.values().map(nesting).max() > Some(MAX_NESTING) {
                    return Err(invalid("Nesting Levels have exceeded supported limits".to_owned()));
                }
                table.schema.check_index_keys(&item).map_err(|error| invalid(error.message))?;
                Some(item)
            }
        };
        self.notes.extend(notes);
        Ok(Judged { old, new })
    }

    /// Does what was judged.
    pub(super) fn apply(&mut self, write: Write, judged: Judged) {
        let Some(table) = self.tables.get_mut(&write.table) else { return };
        match (write.effect, judged.new) {
            (Effect::Check, _) => {}
            (_, Some(item)) => {
                table.items.insert(write.key, item);
            }
            (_, None) => {
                table.items.remove(&write.key);
            }
        }
    }

    fn returned(&mut self, kind: &str, write: &Write, judged: &Judged) -> Option<Item> {
        let targets = match &write.effect {
            Effect::Update(update) => update.targets().collect::<Vec<_>>(),
            _ => Vec::new(),
        };
        let part = |item: &Option<Item>, targets: &[&Path]| {
            let part = project(item.as_ref()?, targets.iter().copied());
            Some(part).filter(|part| !part.is_empty())
        };
        match kind {
            "ALL_OLD" => judged.old.clone(),
            "ALL_NEW" => judged.new.clone(),
            "UPDATED_OLD" => part(&judged.old, &targets),
            "UPDATED_NEW" => {
                let Effect::Update(update) = &write.effect else { return None };
                // An element that moved, or that was appended, has another index than the one written.
                let by_index = |path: &&Path| path.0.iter().any(|step| matches!(step, Step::Index(_)));
                if update.remove.iter().any(|path| by_index(&path)) {
                    self.note("UPDATED_NEW after the removal of a list's element");
                }
                let kept = targets.into_iter().filter(|path| !update.remove.contains(path));
                part(&judged.new, &kept.collect::<Vec<_>>())
            }
            _ => None,
        }
    }
}
