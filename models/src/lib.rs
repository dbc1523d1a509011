//! Executable specifications: what is right, without I/O.
//!
//! | module | holds |
//! |---|---|
//! | [`value`] | attribute values, numbers of 38 digits, item size |
//! | [`mapper`] | the target protocol's data: models, calls, conditions, contracts |
//!
//! Nothing here opens a socket, reads a clock or knows the harness.

pub mod mapper;
pub mod value;
