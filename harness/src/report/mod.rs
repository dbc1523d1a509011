//! Reports: one file a format.

pub mod jsonl;
pub mod show;
pub mod terminal;
