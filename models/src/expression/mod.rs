//! The four expression languages of DynamoDB, by the strict letter of its documents.
//!
//! Text becomes a tree with placeholders ([`parse_condition`], [`parse_update`], [`parse_projection`],
//! [`parse_key_condition`]); a [`Resolver`] puts names and values in and checks what only shows then; the result is
//! run by [`evaluate`], [`matches_key`], [`apply_update`] and [`project`]. [`check_request`] does all but the last
//! for every expression of a request and names every rule that is broken.
//!
//! Each rule is a [`Rule`] with a stable name. Nothing here panics, whatever the text; nesting is bounded.

mod apply;
mod ast;
mod check;
mod evaluate;
mod lex;
mod parse;
mod project;
mod reserved;
mod resolve;
mod rule;

pub use apply::{UpdateError, Updated, apply_update};
pub use ast::{
    Comparator, Condition, Operand, Path, RawPath, RawStep, SetValue, Step, Update, UpdateOperand, ValueName,
};
pub use check::{Prepared, check_request, check_request_with_keys, prepare};
pub use evaluate::{evaluate, lookup, matches_key};
pub use parse::{
    KeyCondition, KeyTest, MAX_EXPRESSION, MAX_IN, MAX_OPERATORS, MAX_PATH, parse_condition,
    parse_key_condition, parse_projection, parse_update,
};
pub use project::project;
pub use reserved::{is_reserved, reserved_words};
pub use resolve::{ResolvedCondition, ResolvedKeyCondition, ResolvedUpdate, Resolver, Substitutions};
pub use rule::{ExpressionError, Rule, RuleBreak, Unspecified};

#[cfg(test)]
mod tests;
