//! What a projection leaves of an item.
//!
//! Lists are compacted: of `a[2], a[0]` the answer is a list of the first and the third element, in their order.

use super::ast::{Path, Step};
use crate::value::{AttributeValue, Item};
use std::collections::BTreeMap;

/// The paths as a tree; a node without children takes all of its value.
#[derive(Default)]
struct Node(BTreeMap<Step, Node>);

/// The parts of the item at the paths, in the shape that they have there.
pub fn project<'path>(item: &Item, paths: impl IntoIterator<Item = &'path Path>) -> Item {
    let mut root = Node::default();
    for path in paths {
        let mut node = &mut root;
        for step in &path.0 {
            node = node.0.entry(step.clone()).or_default();
        }
    }
    let attributes = root.0.iter().filter_map(|(step, node)| {
        let Step::Name(name) = step else { return None };
        Some((name.clone(), take(item.get(name)?, node)?))
    });
    attributes.collect()
}

fn take(value: &AttributeValue, node: &Node) -> Option<AttributeValue> {
    if node.0.is_empty() {
        return Some(value.clone());
    }
    match value {
        AttributeValue::M(map) => {
            let parts = node.0.iter().filter_map(|(step, node)| {
                let Step::Name(name) = step else { return None };
                Some((name.clone(), take(map.get(name)?, node)?))
            });
            Some(parts.collect::<BTreeMap<_, _>>()).filter(|map| !map.is_empty()).map(AttributeValue::M)
        }
        AttributeValue::L(list) => {
            let parts = node.0.iter().filter_map(|(step, node)| {
                let Step::Index(index) = step else { return None };
                take(list.get(*index)?, node)
            });
            Some(parts.collect::<Vec<_>>()).filter(|list| !list.is_empty()).map(AttributeValue::L)
        }
        _ => None,
    }
}
