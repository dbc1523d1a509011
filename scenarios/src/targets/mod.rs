//! Released Rust libraries as targets in this process.
//!
//! An adapter only translates: one call of the protocol becomes the calls that a user of the library would
//! write, in their plainest form. What a library has no natural call for is not offered.

mod dynamodb_expression;
mod expressions;
mod failure;
mod sdk;
mod serde_dynamo;
mod typed;

pub use dynamodb_expression::LaunchDynamodbExpression;
pub use serde_dynamo::LaunchSerdeDynamo;

#[cfg(test)]
mod tests;
