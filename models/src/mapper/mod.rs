//! The target protocol's data, as types: what a mapper is asked, and what it says of itself.
//!
//! | module | holds |
//! |---|---|
//! | [`model`] | data models: fields, types, keys, indexes |
//! | [`record`] | records with presence, paths |
//! | [`condition`] | condition trees |
//! | [`call`] | the methods and their parameters |
//! | [`contract`] | the answer to `initialize`: capabilities, contract, error kinds |
//! | [`expect`] | the executable specification: what may be stored and answered after a call |
//!
//! Names and shapes are those of the target protocol, version 1, and serialise to it.

pub mod call;
pub mod condition;
pub mod contract;
pub mod expect;
pub mod model;
pub mod record;

pub use call::{Call, Form, Query, Scan, SortCondition, Update, Write};
pub use condition::{Comparator, Condition};
pub use contract::{Capabilities, Contract, ErrorKind};
pub use model::{Field, FieldType, Index, Model, Projection};
pub use record::{FieldOrPath, Operand, Path, PathPart, Record};
