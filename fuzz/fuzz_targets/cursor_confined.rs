//! The property `cursor_confined`, on the correct mapper with tenants or on what `PROOFHOUSE_TARGET` names.
#![no_main]

proofhouse_fuzz::property!("cursor_confined");
