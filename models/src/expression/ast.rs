//! Expressions as trees.
//!
//! Each tree comes in two forms: as written, with placeholders ([`RawPath`], [`ValueName`]), and resolved, with
//! real paths and values ([`Path`], [`AttributeValue`](crate::value::AttributeValue)). `map` leads from one to the other.

use std::fmt;

/// A path as written: its first step is a name.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RawPath {
    /// The steps.
    pub steps: Vec<RawStep>,
    /// The byte at which it begins.
    pub at: usize,
}

/// A step of a path as written.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum RawStep {
    /// A bare name.
    Bare(String),
    /// A placeholder, with its `#`.
    Placeholder(String),
    /// `[n]`
    Index(usize),
}

/// A placeholder of a value, with its `:`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ValueName {
    /// The placeholder.
    pub name: String,
    /// The byte at which it stands.
    pub at: usize,
}

/// A step of a resolved path.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Step {
    /// An attribute of an item or a map.
    Name(String),
    /// An element of a list.
    Index(usize),
}

/// A resolved path; its first step is an attribute's name.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Path(pub Vec<Step>);

impl Path {
    /// A path to an attribute of the item.
    pub fn attribute(name: &str) -> Self {
        Self(vec![Step::Name(name.to_owned())])
    }

    /// The attribute of the item that the path begins with.
    pub fn root(&self) -> &str {
        match self.0.first() {
            Some(Step::Name(name)) => name,
            _ => "",
        }
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, step) in self.0.iter().enumerate() {
            match step {
                Step::Name(name) if position == 0 => f.write_str(name)?,
                Step::Name(name) => write!(f, ".{name}")?,
                Step::Index(index) => write!(f, "[{index}]")?,
            }
        }
        Ok(())
    }
}

/// An operand of a condition.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Operand<P, V> {
    /// A path.
    Path(P),
    /// A value.
    Value(V),
    /// `size(…)` of a path or a value.
    Size(Box<Operand<P, V>>),
}

/// A comparison sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Comparator {
    /// `=`
    Eq,
    /// `<>`
    Ne,
    /// `<`
    Lt,
    /// `<=`
    Le,
    /// `>`
    Gt,
    /// `>=`
    Ge,
}

impl Comparator {
    /// The sign.
    pub fn sign(self) -> &'static str {
        match self {
            Self::Eq => "=",
            Self::Ne => "<>",
            Self::Lt => "<",
            Self::Le => "<=",
            Self::Gt => ">",
            Self::Ge => ">=",
        }
    }

    /// The comparison with its sides exchanged.
    pub fn flipped(self) -> Self {
        match self {
            Self::Eq | Self::Ne => self,
            Self::Lt => Self::Gt,
            Self::Le => Self::Ge,
            Self::Gt => Self::Lt,
            Self::Ge => Self::Le,
        }
    }
}

/// A condition, filter or key condition.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Condition<P, V> {
    /// All of them; two or more.
    And(Vec<Condition<P, V>>),
    /// One of them at least; two or more.
    Or(Vec<Condition<P, V>>),
    /// Not so.
    Not(Box<Condition<P, V>>),
    /// `left sign right`
    Compare(Operand<P, V>, Comparator, Operand<P, V>),
    /// `value BETWEEN low AND high`
    Between(Operand<P, V>, Operand<P, V>, Operand<P, V>),
    /// `value IN (…)`
    In(Operand<P, V>, Vec<Operand<P, V>>),
    /// `attribute_exists(path)`
    Exists(P),
    /// `attribute_not_exists(path)`
    NotExists(P),
    /// `attribute_type(path, :type)`
    Type(P, V),
    /// `begins_with(value, prefix)`
    BeginsWith(Operand<P, V>, Operand<P, V>),
    /// `contains(value, member)`
    Contains(Operand<P, V>, Operand<P, V>),
}

/// What an update sets an attribute to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum SetValue<P, V> {
    /// One operand.
    Operand(UpdateOperand<P, V>),
    /// `a + b`
    Plus(UpdateOperand<P, V>, UpdateOperand<P, V>),
    /// `a - b`
    Minus(UpdateOperand<P, V>, UpdateOperand<P, V>),
}

/// An operand of `SET`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum UpdateOperand<P, V> {
    /// A path.
    Path(P),
    /// A value.
    Value(V),
    /// `if_not_exists(path, value)`
    IfNotExists(P, Box<UpdateOperand<P, V>>),
    /// `list_append(first, second)`
    ListAppend(Box<UpdateOperand<P, V>>, Box<UpdateOperand<P, V>>),
}

/// An update, its actions in the order in which they are written within each clause.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Update<P, V> {
    /// `SET path = value`
    pub set: Vec<(P, SetValue<P, V>)>,
    /// `REMOVE path`
    pub remove: Vec<P>,
    /// `ADD path :value`
    pub add: Vec<(P, V)>,
    /// `DELETE path :value`
    pub delete: Vec<(P, V)>,
}

impl<P, V> Default for Update<P, V> {
    fn default() -> Self {
        Self { set: Vec::new(), remove: Vec::new(), add: Vec::new(), delete: Vec::new() }
    }
}

impl<P, V> Update<P, V> {
    /// The paths that the update writes, clause by clause.
    pub fn targets(&self) -> impl Iterator<Item = &P> {
        let set = self.set.iter().map(|(path, _)| path);
        let add = self.add.iter().chain(&self.delete).map(|(path, _)| path);
        set.chain(&self.remove).chain(add)
    }
}

/// Turns paths and values of one form into those of another.
pub(super) trait Mapping<P, V> {
    type Path;
    type Value;
    type Error;
    fn path(&mut self, path: &P) -> Result<Self::Path, Self::Error>;
    fn value(&mut self, value: &V) -> Result<Self::Value, Self::Error>;
}

impl<P, V> Operand<P, V> {
    pub(super) fn map<M: Mapping<P, V>>(&self, map: &mut M) -> Result<Operand<M::Path, M::Value>, M::Error> {
        Ok(match self {
            Self::Path(path) => Operand::Path(map.path(path)?),
            Self::Value(value) => Operand::Value(map.value(value)?),
            Self::Size(inner) => Operand::Size(Box::new(inner.map(map)?)),
        })
    }
}

impl<P, V> Condition<P, V> {
    pub(super) fn map<M: Mapping<P, V>>(
        &self,
        map: &mut M,
    ) -> Result<Condition<M::Path, M::Value>, M::Error> {
        Ok(match self {
            Self::And(list) => {
                Condition::And(list.iter().map(|inner| inner.map(map)).collect::<Result<_, _>>()?)
            }
            Self::Or(list) => {
                Condition::Or(list.iter().map(|inner| inner.map(map)).collect::<Result<_, _>>()?)
            }
            Self::Not(inner) => Condition::Not(Box::new(inner.map(map)?)),
            Self::Compare(left, sign, right) => Condition::Compare(left.map(map)?, *sign, right.map(map)?),
            Self::Between(value, low, high) => {
                Condition::Between(value.map(map)?, low.map(map)?, high.map(map)?)
            }
            Self::In(value, list) => {
                let value = value.map(map)?;
                Condition::In(value, list.iter().map(|member| member.map(map)).collect::<Result<_, _>>()?)
            }
            Self::Exists(path) => Condition::Exists(map.path(path)?),
            Self::NotExists(path) => Condition::NotExists(map.path(path)?),
            Self::Type(path, kind) => Condition::Type(map.path(path)?, map.value(kind)?),
            Self::BeginsWith(value, prefix) => Condition::BeginsWith(value.map(map)?, prefix.map(map)?),
            Self::Contains(value, member) => Condition::Contains(value.map(map)?, member.map(map)?),
        })
    }
}

impl<P, V> UpdateOperand<P, V> {
    fn map<M: Mapping<P, V>>(&self, map: &mut M) -> Result<UpdateOperand<M::Path, M::Value>, M::Error> {
        Ok(match self {
            Self::Path(path) => UpdateOperand::Path(map.path(path)?),
            Self::Value(value) => UpdateOperand::Value(map.value(value)?),
            Self::IfNotExists(path, value) => {
                UpdateOperand::IfNotExists(map.path(path)?, Box::new(value.map(map)?))
            }
            Self::ListAppend(first, second) => {
                UpdateOperand::ListAppend(Box::new(first.map(map)?), Box::new(second.map(map)?))
            }
        })
    }
}

impl<P, V> Update<P, V> {
    pub(super) fn map<M: Mapping<P, V>>(&self, map: &mut M) -> Result<Update<M::Path, M::Value>, M::Error> {
        let mut update = Update::default();
        for (path, value) in &self.set {
            let path = map.path(path)?;
            let value = match value {
                SetValue::Operand(operand) => SetValue::Operand(operand.map(map)?),
                SetValue::Plus(left, right) => SetValue::Plus(left.map(map)?, right.map(map)?),
                SetValue::Minus(left, right) => SetValue::Minus(left.map(map)?, right.map(map)?),
            };
            update.set.push((path, value));
        }
        for path in &self.remove {
            update.remove.push(map.path(path)?);
        }
        for (path, value) in &self.add {
            update.add.push((map.path(path)?, map.value(value)?));
        }
        for (path, value) in &self.delete {
            update.delete.push((map.path(path)?, map.value(value)?));
        }
        Ok(update)
    }
}
