//! Executable specifications: what is right, without I/O.
//!
//! | module | holds |
//! |---|---|
//! | [`value`] | attribute values, exact numbers of 38 digits, item size, what DynamoDB accepts |
//! | [`expression`] | conditions, filters, key conditions, projections, updates: grammar, rules, meaning |
//! | [`table`] | an endpoint in memory: tables, indexes, pages, batches, transactions |
//! | [`mapper`] | the target protocol's data: models, calls, conditions, contracts |
//!
//! Nothing here opens a socket, reads a clock or knows the harness.

pub mod expression;
pub mod mapper;
pub mod table;
pub mod value;
