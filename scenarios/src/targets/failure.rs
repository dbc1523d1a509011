//! Errors of the AWS SDK and of adapters in the shape of the protocol.

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use proofhouse::target::CallError;
use proofhouse_models::mapper::ErrorKind;
use std::collections::BTreeMap;

/// The outcome of a step inside an adapter.
pub type Result<T> = std::result::Result<T, CallError>;

/// An error of a kind.
pub fn failed(kind: ErrorKind, class: &str, message: impl Into<String>) -> CallError {
    CallError::Reported { kind, message: message.into(), class: class.to_owned(), fields: BTreeMap::new() }
}

/// What the library has no call for.
pub fn unsupported(message: &str) -> CallError {
    failed(ErrorKind::Unsupported, "Unsupported", message)
}

/// A call that is wrong in itself.
pub fn invalid(message: &str) -> CallError {
    failed(ErrorKind::Validation, "Invalid", message)
}

/// An error of the SDK, its text unchanged.
pub fn of_sdk<E, R>(error: SdkError<E, R>) -> CallError
where
    E: ProvideErrorMetadata,
{
    let Some(service) = error.as_service_error() else {
        let kind = match &error {
            SdkError::ConstructionFailure(_) => ErrorKind::Validation,
            // The request was sent and no answer was read: nobody knows what became of it.
            _ => ErrorKind::Timeout,
        };
        return failed(kind, "SdkError", error.to_string());
    };
    let code = service.code().unwrap_or("Unknown");
    let kind = match code {
        "ConditionalCheckFailedException" => ErrorKind::ConditionFailed,
        "TransactionConflictException" => ErrorKind::Conflict,
        "TransactionCanceledException" => cancelled(service.message().unwrap_or_default()),
        "ValidationException" => ErrorKind::Validation,
        "ProvisionedThroughputExceededException" | "ThrottlingException" | "RequestLimitExceeded" => {
            ErrorKind::Throttled
        }
        _ => ErrorKind::Internal,
    };
    failed(kind, code, service.message().unwrap_or(code))
}

/// The kind of a cancelled transaction, whose message lists the codes of its reasons.
fn cancelled(message: &str) -> ErrorKind {
    let kinds = [
        ("ConditionalCheckFailed", ErrorKind::ConditionFailed),
        ("ValidationError", ErrorKind::Validation),
        ("Throttling", ErrorKind::Throttled),
    ];
    kinds.into_iter().find(|(code, _)| message.contains(code)).map_or(ErrorKind::Conflict, |(_, kind)| kind)
}
