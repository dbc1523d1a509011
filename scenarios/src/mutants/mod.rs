//! Planted bugs: what each property has to find.

use crate::mapper::Failure;
use proofhouse::target::{CallError, Outcome};
use proofhouse::wire::Reply;
use proofhouse_models::mapper::{Capabilities, Model};
use serde_json::Value;

/// A planted bug.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Bug {
    /// Only the first hundred operands of `in` are sent.
    InForgetsRest,
    /// A cursor is taken without its seal.
    CursorUnsealed,
    /// The seal of a cursor leaves the tenant out.
    CursorWithoutTenant,
}

/// Changes what the mapper says of itself.
pub fn tamper_capabilities(bug: Bug, capabilities: &mut Capabilities) {
    let _ = (bug, capabilities);
}

/// Changes a call before the mapper sees it; an error stands for a crash.
pub fn tamper_call(bug: Bug, method: &str, params: &mut Value, model: Option<&Model>) -> Option<CallError> {
    let _ = (bug, method, params, model);
    None
}

/// Changes a request before it is sent.
pub fn tamper_request(bug: Bug, operation: &str, request: &mut Value) {
    let _ = (bug, operation, request);
}

/// Changes an error before it is reported.
pub fn tamper_failure(
    bug: Bug,
    failure: Failure,
    operation: &str,
    request: &Value,
    reply: &Reply,
) -> Failure {
    let _ = (bug, operation, request, reply);
    failure
}

/// Changes an answer.
pub fn tamper_answer(
    bug: Bug,
    method: &str,
    params: &Value,
    model: Option<&Model>,
    answer: Outcome,
) -> Outcome {
    let _ = (bug, method, params, model);
    answer
}
