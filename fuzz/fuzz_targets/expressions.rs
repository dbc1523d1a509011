//! The four expression grammars on any text.
#![no_main]

proofhouse_fuzz::text!(proofhouse::fuzz::models::expressions);
