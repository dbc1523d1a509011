//! The property `guard`, on the correct mapper or on what `PROOFHOUSE_TARGET` names.
#![no_main]

proofhouse_fuzz::property!("guard");
