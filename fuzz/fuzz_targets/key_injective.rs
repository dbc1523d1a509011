//! The property `key_injective`, on the correct mapper with tenants or on what `PROOFHOUSE_TARGET` names.
#![no_main]

proofhouse_fuzz::property!("key_injective");
