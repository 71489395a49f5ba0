//! Checks a signature header of a body. The checked properties: `graph_api::harness::signature`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| graph_api::harness::signature(bytes));
