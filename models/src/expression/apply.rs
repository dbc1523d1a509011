//! What an update makes of an item.
//!
//! Every operand is read from the item as it was, and every list index counts in the list as it was: `REMOVE a[0],
//! a[1]` removes the first two elements. So values are worked out first; then existing places are written, then
//! what stands past a list's end is appended in the order of its indexes, and removals come last, from the back.

use super::ast::{Path, SetValue, Step, UpdateOperand};
use super::evaluate::lookup;
use super::resolve::ResolvedUpdate;
use super::rule::Unspecified;
use crate::value::{ArithmeticError, AttributeValue, Item};

/// Why an update does not apply to an item. DynamoDB calls each a ValidationException.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UpdateError {
    /// The path leads through what is not there, or is no list or map.
    #[error("the document path is invalid for update: {0}")]
    Path(String),
    /// An operand names an attribute that is not there.
    #[error("the expression refers to an attribute that does not exist: {0}")]
    Missing(String),
    /// An operand, or the attribute that is added to, is of a type that the action does not take.
    #[error("an operand of the wrong type for {0}")]
    Type(&'static str),
    /// The exact result is no number that DynamoDB keeps.
    #[error(transparent)]
    Arithmetic(#[from] ArithmeticError),
    /// The sources disagree on whether this fails.
    #[error(transparent)]
    Unspecified(Unspecified),
}

/// An item after an update.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Updated {
    /// The new item.
    pub item: Item,
    /// What of it the sources leave open.
    pub unspecified: Option<Unspecified>,
}

/// Applies the update. For an item that does not exist yet, `item` holds its key and `exists` is false.
///
/// # Errors
/// [`UpdateError`] where DynamoDB refuses the update on this item.
pub fn apply_update(update: &ResolvedUpdate, item: &Item, exists: bool) -> Result<Updated, UpdateError> {
    let mut work = Work { item: item.clone(), appends: Vec::new() };
    let only_takes = update.set.is_empty() && update.add.is_empty();
    for (path, value) in &update.set {
        work.write(item, path, set_value(value, item)?)?;
    }
    for (path, value) in &update.add {
        let sum = match lookup(item, path) {
            None => value.clone(),
            Some(old) => add(old, value)?,
        };
        work.write(item, path, sum)?;
    }
    let mut removals = Vec::new();
    for (path, value) in &update.delete {
        let Some(old) = lookup(item, path) else {
            parent_takes(item, path, exists)?;
            continue;
        };
        match subtract(old, value)? {
            Some(rest) => work.write(item, path, rest)?,
            None => removals.push(path),
        }
    }
    for path in &update.remove {
        match lookup(item, path) {
            Some(_) => removals.push(path),
            None => parent_takes(item, path, exists)?,
        }
    }
    work.append();
    // From the back, so that an index still means what it meant.
    removals.sort();
    for path in removals.into_iter().rev() {
        work.remove(path);
    }
    let nothing = !exists && only_takes && (!update.remove.is_empty() || !update.delete.is_empty());
    let open = Unspecified("whether an update that only removes creates an item that does not exist");
    Ok(Updated { item: work.item, unspecified: nothing.then_some(open) })
}

struct Work<'update> {
    item: Item,
    appends: Vec<(&'update Path, AttributeValue)>,
}

impl<'update> Work<'update> {
    fn write(&mut self, old: &Item, path: &'update Path, value: AttributeValue) -> Result<(), UpdateError> {
        let invalid = || UpdateError::Path(path.to_string());
        match (path.0.split_last(), parent(old, path)) {
            (Some((Step::Name(name), [])), _) => {
                self.item.insert(name.clone(), value);
                Ok(())
            }
            (Some((Step::Index(index), _)), Some(AttributeValue::L(list))) if *index >= list.len() => {
                self.appends.push((path, value));
                Ok(())
            }
            (Some((last, parent)), Some(_)) => match (last, reach(&mut self.item, parent)) {
                (Step::Name(name), Some(AttributeValue::M(map))) => {
                    map.insert(name.clone(), value);
                    Ok(())
                }
                (Step::Index(index), Some(AttributeValue::L(list))) => {
                    *list.get_mut(*index).ok_or_else(invalid)? = value;
                    Ok(())
                }
                _ => Err(invalid()),
            },
            _ => Err(invalid()),
        }
    }

    fn append(&mut self) {
        let mut appends = std::mem::take(&mut self.appends);
        appends.sort_by_key(|(path, _)| *path);
        for (path, value) in appends {
            let parent = path.0.split_last().map_or(&[][..], |(_, parent)| parent);
            if let Some(AttributeValue::L(list)) = reach(&mut self.item, parent) {
                list.push(value);
            }
        }
    }

    fn remove(&mut self, path: &Path) {
        match path.0.split_last() {
            Some((Step::Name(name), [])) => {
                self.item.remove(name);
            }
            Some((last, parent)) => match (last, reach(&mut self.item, parent)) {
                (Step::Name(name), Some(AttributeValue::M(map))) => {
                    map.remove(name);
                }
                (Step::Index(index), Some(AttributeValue::L(list))) if *index < list.len() => {
                    list.remove(*index);
                }
                _ => {}
            },
            None => {}
        }
    }
}

fn parent<'item>(item: &'item Item, path: &Path) -> Option<&'item AttributeValue> {
    let (_, parent) = path.0.split_last()?;
    lookup(item, &Path(parent.to_vec()))
}

/// A removal of nothing is fine where the parent could hold it.
fn parent_takes(item: &Item, path: &Path, exists: bool) -> Result<(), UpdateError> {
    match (path.0.split_last(), parent(item, path)) {
        (Some((_, [])), _)
        | (Some((Step::Name(_), _)), Some(AttributeValue::M(_)))
        | (Some((Step::Index(_), _)), Some(AttributeValue::L(_))) => Ok(()),
        _ if !exists => {
            Err(UpdateError::Unspecified(Unspecified("a removal within an item that does not exist")))
        }
        _ => Err(UpdateError::Path(path.to_string())),
    }
}

fn reach<'item>(item: &'item mut Item, steps: &[Step]) -> Option<&'item mut AttributeValue> {
    let (Step::Name(root), rest) = steps.split_first()? else { return None };
    rest.iter().try_fold(item.get_mut(root)?, |value, step| match (value, step) {
        (AttributeValue::M(map), Step::Name(name)) => map.get_mut(name),
        (AttributeValue::L(list), Step::Index(index)) => list.get_mut(*index),
        _ => None,
    })
}

fn set_value(value: &SetValue<Path, AttributeValue>, item: &Item) -> Result<AttributeValue, UpdateError> {
    let number = |operand| match operand_value(operand, item)? {
        AttributeValue::N(number) => Ok(number),
        _ => Err(UpdateError::Type("arithmetic")),
    };
    match value {
        SetValue::Operand(operand) => operand_value(operand, item),
        SetValue::Plus(left, right) => Ok(AttributeValue::N(number(left)?.add(&number(right)?)?)),
        SetValue::Minus(left, right) => Ok(AttributeValue::N(number(left)?.subtract(&number(right)?)?)),
    }
}

fn operand_value(
    operand: &UpdateOperand<Path, AttributeValue>,
    item: &Item,
) -> Result<AttributeValue, UpdateError> {
    match operand {
        UpdateOperand::Value(value) => Ok(value.clone()),
        UpdateOperand::Path(path) => {
            lookup(item, path).cloned().ok_or_else(|| UpdateError::Missing(path.to_string()))
        }
        UpdateOperand::IfNotExists(path, value) => match lookup(item, path) {
            Some(old) => Ok(old.clone()),
            None => operand_value(value, item),
        },
        UpdateOperand::ListAppend(first, second) => {
            match (operand_value(first, item)?, operand_value(second, item)?) {
                (AttributeValue::L(mut list), AttributeValue::L(more)) => {
                    list.extend(more);
                    Ok(AttributeValue::L(list))
                }
                _ => Err(UpdateError::Type("list_append")),
            }
        }
    }
}

fn add(old: &AttributeValue, value: &AttributeValue) -> Result<AttributeValue, UpdateError> {
    use AttributeValue::{Bs, N, Ns, Ss};
    Ok(match (old, value) {
        (N(old), N(value)) => N(old.add(value)?),
        (Ss(old), Ss(value)) => Ss(old | value),
        (Ns(old), Ns(value)) => Ns(old | value),
        (Bs(old), Bs(value)) => Bs(old | value),
        _ => return Err(UpdateError::Type("ADD")),
    })
}

/// What is left of a set; none where nothing is.
fn subtract(old: &AttributeValue, value: &AttributeValue) -> Result<Option<AttributeValue>, UpdateError> {
    use AttributeValue::{Bs, Ns, Ss};
    let rest = match (old, value) {
        (Ss(old), Ss(value)) => Ss(old - value),
        (Ns(old), Ns(value)) => Ns(old - value),
        (Bs(old), Bs(value)) => Bs(old - value),
        _ => return Err(UpdateError::Type("DELETE")),
    };
    Ok(Some(rest).filter(|rest| !rest.is_empty()))
}
