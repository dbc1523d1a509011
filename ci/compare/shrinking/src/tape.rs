//! The tape of the harness, and nothing else of it.

#[expect(dead_code, reason = "the harness uses more of it")]
#[path = "../../../../harness/src/tape/mod.rs"]
pub mod tape;
