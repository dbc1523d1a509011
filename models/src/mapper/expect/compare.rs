//! The items after a call beside what was expected.

use super::allowed::Allowed;
use super::encode::raw_key;
use super::show::{show_item, show_name, show_option};
use super::write::{After, Change, Expectation, ItemExpectation};
use crate::mapper::Model;
use crate::value::{AttributeValue, Item};
use std::collections::BTreeSet;

/// What kind of difference it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Difference {
    /// An attribute that the call does not name is other than before.
    Unnamed,
    /// An attribute that the call names is not what it may be.
    Named,
    /// An item that the call does not name is other than before, gone, or new.
    OtherItem,
    /// The item is missing.
    Missing,
    /// The item is still there.
    Remains,
}

/// One difference between the stored and the expected.
#[derive(Clone, Debug, PartialEq)]
pub struct Mismatch {
    /// What kind it is.
    pub difference: Difference,
    /// The attribute; empty for a whole item.
    pub attribute: String,
    /// What the caller passed for it, in stable words.
    pub how: String,
    /// What happened to it, in stable words: `removed`, `added`, `changed`.
    pub happened: &'static str,
    /// `tags = L[]`.
    pub observed: String,
    /// `tags = L["x"]`.
    pub expected: String,
    /// Whether it had to stay as it was.
    pub kept: bool,
    /// The contract's line that documents it.
    pub hazard: Option<&'static str>,
}

/// The differences after a success.
pub fn compare(model: &Model, expectation: &Expectation, before: &[Item], after: &[Item]) -> Vec<Mismatch> {
    let mut found = Vec::new();
    let touched: Vec<Vec<Option<AttributeValue>>> =
        expectation.changes.iter().map(|change| raw_key(model, &change.key)).collect();
    for (change, key) in expectation.changes.iter().zip(&touched) {
        let find = |items: &[Item]| items.iter().find(|item| raw_key(model, item) == *key).cloned();
        let (old, new) = (find(before), find(after));
        match &change.after {
            After::Any => {}
            After::Unchanged => {
                if old != new {
                    found.push(whole_item(Difference::OtherItem, old.as_ref(), new.as_ref()));
                }
            }
            After::Gone => {
                if let Some(item) = new {
                    let mut mismatch = whole_item(Difference::Remains, None, Some(&item));
                    mismatch.happened = "not deleted";
                    found.push(mismatch);
                }
            }
            After::Item(expected) => match new {
                Some(new) => attributes(expected, old.as_ref(), &new, &mut found),
                None => found.push(missing(change, expected)),
            },
        }
    }
    others(model, before, after, &touched, &mut found);
    found
}

/// The differences where nothing may have changed.
pub fn unchanged(model: &Model, before: &[Item], after: &[Item]) -> Vec<Mismatch> {
    let mut found = Vec::new();
    others(model, before, after, &[], &mut found);
    found
}

fn others(
    model: &Model,
    before: &[Item],
    after: &[Item],
    touched: &[Vec<Option<AttributeValue>>],
    found: &mut Vec<Mismatch>,
) {
    if before == after {
        return;
    }
    let keys: BTreeSet<_> = before.iter().chain(after).map(|item| raw_key(model, item)).collect();
    for key in keys.iter().filter(|key| !touched.contains(key)) {
        let find = |items: &[Item]| items.iter().find(|item| raw_key(model, item) == *key).cloned();
        let (old, new) = (find(before), find(after));
        if old != new {
            found.push(whole_item(Difference::OtherItem, old.as_ref(), new.as_ref()));
        }
    }
}

fn whole_item(difference: Difference, old: Option<&Item>, new: Option<&Item>) -> Mismatch {
    let happened = match (old, new) {
        (None, _) => "added",
        (_, None) => "removed",
        _ => "changed",
    };
    let text = |item: Option<&Item>| item.map_or_else(|| "no item".to_owned(), show_item);
    Mismatch {
        difference,
        attribute: String::new(),
        how: String::new(),
        happened,
        observed: text(new),
        expected: text(old),
        kept: difference_keeps(difference),
        hazard: None,
    }
}

fn difference_keeps(difference: Difference) -> bool {
    matches!(difference, Difference::OtherItem)
}

fn missing(change: &Change, expected: &ItemExpectation) -> Mismatch {
    let wanted = expected
        .attributes
        .iter()
        .map(|(name, attribute)| format!("{}: {}", show_name(name), attribute.allowed.describe()));
    Mismatch {
        difference: Difference::Missing,
        attribute: String::new(),
        how: String::new(),
        happened: "missing",
        observed: format!("no item {}", show_item(&change.key)),
        expected: format!("{{{}}}", wanted.collect::<Vec<_>>().join(", ")),
        kept: false,
        hazard: None,
    }
}

fn attributes(expected: &ItemExpectation, old: Option<&Item>, new: &Item, found: &mut Vec<Mismatch>) {
    let nothing = Item::new();
    let old = old.unwrap_or(&nothing);
    let line = |name: &str, text: String| format!("{} = {text}", show_name(name));
    let happened = |old: Option<&AttributeValue>, new: Option<&AttributeValue>| match (old, new) {
        (None, Some(_)) => "added",
        (_, None) => "removed",
        (Some(old), Some(new)) if old == new => "kept",
        _ => "changed",
    };
    for (name, attribute) in &expected.attributes {
        if attribute.allowed.admits(new.get(name)) {
            continue;
        }
        found.push(Mismatch {
            difference: Difference::Named,
            attribute: name.clone(),
            how: attribute.how.clone(),
            happened: happened(old.get(name), new.get(name)),
            observed: line(name, show_option(new.get(name))),
            expected: line(name, attribute.allowed.describe()),
            kept: attribute.allowed == Allowed::exactly(old.get(name)),
            hazard: None,
        });
    }
    if !expected.others_stay {
        return;
    }
    let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    for name in names {
        if expected.attributes.contains_key(name) || old.get(name) == new.get(name) {
            continue;
        }
        let is_default = expected.defaults.get(name).is_some_and(|default| new.get(name) == Some(default));
        if is_default && !expected.defaults_documented {
            continue;
        }
        found.push(Mismatch {
            difference: Difference::Unnamed,
            attribute: name.clone(),
            how: "not named".to_owned(),
            happened: happened(old.get(name), new.get(name)),
            observed: line(name, show_option(new.get(name))),
            expected: line(name, show_option(old.get(name))),
            kept: true,
            hazard: is_default.then_some("defaults_on_update: true"),
        });
    }
}
