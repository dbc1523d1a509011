//! Proofhouse: property-based and fuzz testing of data layers over real engines.

pub mod backend;
pub mod case;
pub mod cli;
pub mod engine;
pub mod fuzz;
pub mod generate;
pub mod isolate;
pub mod property;
pub mod report;
pub mod store;
pub mod tape;
pub mod target;
pub mod wire;

pub use engine::check::{Check, check};
