//! Generators: data models, records, updates, conditions, reads and hostile text, within what a target
//! declares and what the protocol settles.
//!
//! | module | draws |
//! |---|---|
//! | [`text`] | strings and bytes: plain, hostile, of other planes, long |
//! | [`number`] | numbers at the edges of their types |
//! | [`name`] | names of fields, attributes and map keys |
//! | [`model`] | data models |
//! | [`value`] | values of a declared type |
//! | [`record`] | records with presence, starting items, keys |
//! | [`update`] | updates over all forms and operands |
//! | [`condition`] | condition trees |
//! | [`read`] | queries and scans |
//! | [`tenant`] | tenants, and keys that collide |
//!
//! All are methods of one [`Generator`], which knows the target, the kinds that this case leaves out
//! (swarm), and the values drawn so far: pools make values collide, near-duplicates make them differ little.
//! The simplest choice everywhere is what a person would write first: `id`, `a`, one field, one item.

pub mod condition;
pub mod model;
pub mod name;
pub mod number;
pub mod read;
pub mod record;
pub mod tenant;
pub mod text;
pub mod update;
pub mod value;

pub use model::Wish;

use crate::tape::Source;
use proofhouse_models::mapper::Capabilities;
use proofhouse_models::value::AttributeValue;
use std::collections::BTreeMap;

/// What a case may hold. Each case leaves out some kinds: what is left comes together more often.
#[derive(Clone, Copy, Debug, Default)]
pub struct Swarm {
    /// Text full of metacharacters.
    pub hostile_text: bool,
    /// Text outside ASCII.
    pub unicode: bool,
    /// Numbers at the limits of their types.
    pub boundaries: bool,
    /// Long text and long lists.
    pub long: bool,
    /// Empty strings, lists, maps, bytes.
    pub empties: bool,
    /// 0 and false.
    pub zeros: bool,
    /// NULL where the type takes it.
    pub nulls: bool,
    /// The language's "no value".
    pub absents: bool,
    /// Attributes that the model does not declare.
    pub extras: bool,
    /// Attributes that are called other than their fields.
    pub renames: bool,
    /// Lists of lists, structs in maps.
    pub nesting: bool,
    /// Values that DynamoDB cannot hold; only where a property asks for them.
    pub illegal: bool,
    /// Long marked values that must not appear in errors; only where a property asks for them.
    pub canaries: bool,
}

impl Swarm {
    /// Each kind in or out; the simplest is without all.
    pub fn draw(source: &mut Source) -> Self {
        source.span("swarm", |source| Self {
            hostile_text: source.chance(35),
            unicode: source.chance(25),
            boundaries: source.chance(45),
            long: source.chance(12),
            empties: source.chance(60),
            zeros: source.chance(60),
            nulls: source.chance(50),
            absents: source.chance(50),
            extras: source.chance(50),
            renames: source.chance(30),
            nesting: source.chance(40),
            illegal: false,
            canaries: false,
        })
    }
}

/// Draws the parts of one case.
pub struct Generator<'target> {
    /// The target for which the case is.
    pub target: &'target Capabilities,
    /// What the case may hold.
    pub swarm: Swarm,
    /// Whether names may be hostile.
    pub hostile_names: bool,
    /// What tenants and keys are made of, in a case with tenants.
    pub parts: Option<tenant::Parts>,
    pools: BTreeMap<&'static str, Vec<AttributeValue>>,
    budget: usize,
    keys_in_conditions: bool,
}

impl<'target> Generator<'target> {
    /// A generator for one case.
    pub fn new(target: &'target Capabilities, swarm: Swarm, hostile_names: bool) -> Self {
        let pools = BTreeMap::new();
        Self { target, swarm, hostile_names, parts: None, pools, budget: 400, keys_in_conditions: false }
    }

    /// A generator with a drawn swarm.
    pub fn draw(source: &mut Source, target: &'target Capabilities, hostile_names: bool) -> Self {
        let swarm = Swarm::draw(source);
        Self::new(target, swarm, hostile_names)
    }

    /// An earlier value of the kind now and then, or one that differs little from it, else a fresh one.
    fn pooled(
        &mut self,
        source: &mut Source,
        kind: &'static str,
        fresh: impl FnOnce(&mut Self, &mut Source) -> AttributeValue,
        near: impl FnOnce(&mut Self, &mut Source, &AttributeValue) -> AttributeValue,
    ) -> AttributeValue {
        let earlier = self.pools.get(kind).map_or(0, Vec::len);
        let choice = if earlier == 0 { 0 } else { source.below(100) };
        let value = if choice >= 60 {
            let index = source.below(earlier);
            self.pools[kind][index].clone()
        } else if choice >= 45 {
            let index = source.below(earlier);
            let value = self.pools[kind][index].clone();
            near(self, source, &value)
        } else {
            fresh(self, source)
        };
        let pool = self.pools.entry(kind).or_default();
        if pool.len() < 12 && !pool.contains(&value) {
            pool.push(value.clone());
        }
        value
    }

    /// Takes from the budget of values in a case; false once it is spent, so that nesting ends.
    fn spend(&mut self, amount: usize) -> bool {
        let enough = self.budget >= amount;
        self.budget = self.budget.saturating_sub(amount);
        enough
    }
}
