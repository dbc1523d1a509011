//! The property `valid_values`, on the correct mapper or on what `PROOFHOUSE_TARGET` names.
#![no_main]

proofhouse_fuzz::property!("valid_values");
