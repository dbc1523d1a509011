//! The four expression grammars on any text: an error or a tree, never a panic or a stack overflow.
#![no_main]

use libfuzzer_sys::fuzz_target;
use proofhouse_models::expression::{
    parse_condition, parse_key_condition, parse_projection, parse_update,
};

fuzz_target!(|text: &str| {
    let _ = parse_condition(text);
    let _ = parse_key_condition(text);
    let _ = parse_projection(text);
    let _ = parse_update(text);
});
