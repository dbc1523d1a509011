//! Sending requests: bounded retries, and the engine's errors as kinds of the protocol.
//!
//! A throttled request was not applied and is sent again. After a 5xx a read is sent again; what became of a
//! write is unknown, and it is said so. The engine's text is never passed on, since it may quote values.

use super::failure::{Failure, Result};
use super::options::{MAX_REQUESTS, RETRIES};
use crate::mutants::{self, Bug};
use proofhouse::wire::{Reply, Wire};
use proofhouse_models::mapper::ErrorKind;
use serde_json::{Map, Value};
use std::cell::Cell;

/// What a failed condition means for the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnFailure {
    /// The caller's condition, or the version.
    Condition,
    /// The item exists already where there is one, else the caller's condition.
    Duplicate,
    /// The item is missing where there is none, else the caller's condition.
    Missing,
}

impl OnFailure {
    /// The error for a failed condition, given whether an item is stored.
    pub fn failure(self, stored: bool) -> Failure {
        match self {
            Self::Duplicate if stored => Failure::new(ErrorKind::Duplicate, "the item exists already"),
            Self::Missing if !stored => Failure::new(ErrorKind::NotFound, "there is no such item"),
            _ => Failure::new(ErrorKind::ConditionFailed, "the condition does not hold"),
        }
    }
}

/// A request that is ready to be sent.
#[derive(Clone, Debug)]
pub struct Prepared {
    /// `PutItem` and so on.
    pub operation: &'static str,
    /// The JSON of the request.
    pub body: Map<String, Value>,
    /// What a failed condition means.
    pub on_failure: OnFailure,
}

/// The requests of one operation of the mapper.
pub struct Sender<'a> {
    wire: &'a Wire,
    bug: Option<Bug>,
    sent: Cell<u64>,
}

impl<'a> Sender<'a> {
    /// A sender for one operation.
    pub fn new(wire: &'a Wire, bug: Option<Bug>) -> Self {
        Self { wire, bug, sent: Cell::new(0) }
    }

    /// Sends a request and gives the answer's body.
    ///
    /// # Errors
    /// The engine's refusal as a kind of the protocol.
    pub fn send(&self, request: Prepared) -> Result<Value> {
        let Prepared { operation, body, on_failure } = request;
        let mut body = Value::Object(body);
        if let Some(bug) = self.bug {
            mutants::tamper_request(bug, operation, &mut body);
        }
        let mut left = RETRIES;
        loop {
            if self.sent.get() >= MAX_REQUESTS {
                return Err(Failure::new(
                    ErrorKind::Internal,
                    "gave up: too many requests for one operation",
                ));
            }
            self.sent.set(self.sent.get() + 1);
            let reply = self.wire.handle(operation, &body);
            if reply.status == 200 {
                return Ok(reply.body);
            }
            if left > 0 && may_repeat(operation, &reply) {
                left -= 1;
                continue;
            }
            let failure = classify(operation, &reply, on_failure);
            return Err(match self.bug {
                Some(bug) => mutants::tamper_failure(bug, failure, &body, &reply),
                None => failure,
            });
        }
    }
}

fn is_throttle(name: &str) -> bool {
    matches!(
        name,
        "ProvisionedThroughputExceededException"
            | "ThrottlingException"
            | "Throttling"
            | "RequestLimitExceeded"
            | "LimitExceededException"
    )
}

fn is_read(operation: &str) -> bool {
    matches!(operation, "GetItem" | "Query" | "Scan" | "BatchGetItem")
}

fn may_repeat(operation: &str, reply: &Reply) -> bool {
    let throttled = reply.status == 400 && reply.error_name().is_some_and(is_throttle);
    throttled || (reply.status != 400 && is_read(operation))
}

fn classify(operation: &str, reply: &Reply, on_failure: OnFailure) -> Failure {
    let name = reply.error_name().unwrap_or_default();
    match name {
        "ConditionalCheckFailedException" => on_failure.failure(reply.body.get("Item").is_some()),
        "TransactionConflictException" => Failure::new(ErrorKind::Conflict, "another transaction is at work"),
        "ValidationException" | "ItemCollectionSizeLimitExceededException" => {
            Failure::validation("the engine refused the request")
        }
        name if is_throttle(name) => Failure::new(ErrorKind::Throttled, "throttled, and still after retries"),
        // `transact` reads the reasons itself.
        "TransactionCanceledException" => {
            Failure::new(ErrorKind::Conflict, "cancelled").with("reasons", &codes(&reply.body).join(" "))
        }
        _ if reply.status == 400 => Failure::new(ErrorKind::Internal, "the engine refused the request"),
        _ if is_read(operation) => Failure::new(ErrorKind::Internal, "the engine failed"),
        _ => Failure::new(ErrorKind::Timeout, "the engine failed: whether the write happened is unknown"),
    }
}

/// The code of each action of a cancelled transaction, with `+` where an item was stored.
fn codes(body: &Value) -> Vec<String> {
    let reasons = body.get("CancellationReasons").and_then(Value::as_array);
    let reasons = reasons.map(Vec::as_slice).unwrap_or_default();
    reasons
        .iter()
        .map(|reason| {
            let code = reason.get("Code").and_then(Value::as_str).unwrap_or("None");
            let stored = reason.get("Item").is_some_and(|item| !item.is_null());
            format!("{code}{}", if stored { "+" } else { "" })
        })
        .collect()
}
