//! The tape of the harness, and nothing else of it.

#[path = "../../../../harness/src/tape/mod.rs"]
pub mod tape;
