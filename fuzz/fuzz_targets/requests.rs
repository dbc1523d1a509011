//! Requests to the reference model of the tables.
#![no_main]

proofhouse_fuzz::text!(proofhouse::fuzz::models::requests);
