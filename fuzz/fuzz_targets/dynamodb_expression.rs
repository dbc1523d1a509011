//! The expressions that `dynamodb-expression` builds, and what they mean on an item.
#![no_main]

proofhouse_fuzz::property!("meaning", "dynamodb-expression");
