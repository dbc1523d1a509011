//! The property `fail_closed`, on the correct mapper with tenants or on what `PROOFHOUSE_TARGET` names.
#![no_main]

proofhouse_fuzz::property!("fail_closed");
