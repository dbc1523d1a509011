//! One request of a target and the answer that it was given.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What a DynamoDB endpoint answers: an HTTP status and a JSON body.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reply {
    /// 200, 400 or 500.
    pub status: u16,
    /// The answer, or `{"__type": "…#Name", "message": …}`.
    pub body: Value,
}

impl Reply {
    /// A success.
    pub fn ok(body: Value) -> Self {
        Self { status: 200, body }
    }

    /// An error with the short name of its type, such as `ValidationException`.
    pub fn error(status: u16, name: &str, message: &str) -> Self {
        let kind = format!("com.amazonaws.dynamodb.v20120810#{name}");
        Self { status, body: serde_json::json!({ "__type": kind, "message": message }) }
    }

    /// The short name of the error's type, where it is one.
    pub fn error_name(&self) -> Option<&str> {
        if self.status == 200 {
            return None;
        }
        let name = self.body.get("__type").and_then(Value::as_str).unwrap_or("Unknown");
        Some(name.rsplit_once('#').map_or(name, |(_, short)| short))
    }
}

/// What changes nothing, whatever it is asked.
const READS: [&str; 8] = [
    "GetItem",
    "BatchGetItem",
    "TransactGetItems",
    "Query",
    "Scan",
    "DescribeTable",
    "DescribeTimeToLive",
    "ListTables",
];

/// A request on the wire with its answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exchange {
    /// `PutItem`, `UpdateItem`, … from the `X-Amz-Target` header.
    pub operation: String,
    /// The request's JSON; `Null` where it was none.
    pub request: Value,
    /// What the target was answered.
    pub reply: Reply,
    /// Position in the run, from 0: the order in which requests arrived.
    pub sequence: u64,
    /// Microseconds since the step began; for reports and `backoff` only, never for a verdict on data.
    pub at_micros: u64,
}

impl Exchange {
    /// Whether the request cannot have changed an item.
    pub fn is_read(&self) -> bool {
        READS.contains(&self.operation.as_str())
    }
}
