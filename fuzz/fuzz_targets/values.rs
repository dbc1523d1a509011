//! Attribute values on any JSON.
#![no_main]

proofhouse_fuzz::text!(proofhouse::fuzz::models::value);
