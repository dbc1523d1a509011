//! The property `never_broader`, on the correct mapper or on what `PROOFHOUSE_TARGET` names.
#![no_main]

proofhouse_fuzz::property!("never_broader");
