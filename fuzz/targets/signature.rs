//! The signature header over a body. What must hold: `graph_api::harness::signature`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| graph_api::harness::signature(bytes));
