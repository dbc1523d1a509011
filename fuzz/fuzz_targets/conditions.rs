//! Conditions on items, by the evaluator.
#![no_main]

proofhouse_fuzz::text!(proofhouse::fuzz::models::condition);
