//! What `serde_dynamo` writes and reads again, over the AWS SDK.
#![no_main]

proofhouse_fuzz::property!("round_trip", "serde_dynamo");
