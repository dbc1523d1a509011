//! Faults that are built in: throttling, and answers that get lost.

use super::{After, Before, Reply, Tamper};
use serde_json::Value;

/// Answers the first `times` requests with a throttle; the backend never sees them.
#[derive(Clone, Copy, Debug)]
pub struct Throttle {
    /// How many requests are still to be throttled.
    pub times: u64,
}

impl Tamper for Throttle {
    fn before(&mut self, _operation: &str, _request: &Value, _sequence: u64) -> Before {
        if self.times == 0 {
            return Before::Pass;
        }
        self.times -= 1;
        let message = "The level of configured provisioned throughput for the table was exceeded.";
        Before::Answer(Reply::error(400, "ProvisionedThroughputExceededException", message))
    }
}

/// Loses the answer to one request after it was applied: the target cannot know whether it was.
#[derive(Clone, Copy, Debug)]
pub struct LoseResponse {
    /// How many matching requests are answered first.
    pub skip: u64,
    /// Only requests that write count.
    pub writes_only: bool,
    done: bool,
}

impl LoseResponse {
    /// Loses the answer to the first write.
    pub fn of_first_write() -> Self {
        Self { skip: 0, writes_only: true, done: false }
    }

    /// Loses the answer to the request that comes after `skip` others.
    pub fn after(skip: u64) -> Self {
        Self { skip, writes_only: false, done: false }
    }
}

impl Tamper for LoseResponse {
    fn after(&mut self, operation: &str, _request: &Value, reply: Reply) -> After {
        if self.done || (self.writes_only && !is_write(operation)) {
            return After::Deliver(reply);
        }
        if self.skip > 0 {
            self.skip -= 1;
            return After::Deliver(reply);
        }
        self.done = true;
        After::Lose
    }
}

/// Whether an operation of DynamoDB changes items.
pub fn is_write(operation: &str) -> bool {
    matches!(operation, "PutItem" | "UpdateItem" | "DeleteItem" | "BatchWriteItem" | "TransactWriteItems")
}
