//! The property `tenant_noninterference`, on the correct mapper with tenants or on what `PROOFHOUSE_TARGET` names.
#![no_main]

proofhouse_fuzz::property!("tenant_noninterference");
