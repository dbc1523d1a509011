//! The executable specification of the target protocol: given a model, what the target says of itself,
//! the stored items before and a call, what may the stored items be afterwards?
//!
//! | module | holds |
//! |---|---|
//! | [`encode`] | how a declared value lies in the raw item |
//! | [`allowed`] | what an attribute may be: one of some values, or anything |
//! | [`condition`] | condition trees on raw items, and the readings of a tree without brackets |
//! | [`mod@write`] | `create`, `put`, `delete`, batches and transactions |
//! | [`update`] | the forms and operands of `update` |
//! | [`mod@compare`] | the items after a call beside what was expected |
//! | [`decode`] | records as `get`, `query` and `scan` answer them |
//! | [`rows`] | which items a `query` or a `scan` reads |
//! | [`show`] | values as a person reads them |
//!
//! What the protocol leaves open is [`Allowed::Any`], an outcome that may be either, or `None` from a
//! condition: no finding may rest on it.

pub mod allowed;
pub mod compare;
pub mod condition;
pub mod decode;
pub mod encode;
pub mod rows;
pub mod show;
pub mod update;
pub mod write;

pub use allowed::{Allowed, Want};
pub use compare::{Difference, Mismatch, compare, unchanged};
pub use condition::{evaluate, reading};
pub use encode::{raw_key, stored_field, stored_item, stored_key, stored_value};
pub use write::{After, Attribute, Change, Errors, Expectation, ItemExpectation, Outcomes, expect};
