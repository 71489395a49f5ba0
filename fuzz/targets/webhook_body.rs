//! A webhook post's body, split, looked at and read. What must hold: `graph_api::harness::webhook_body`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| graph_api::harness::webhook_body(bytes));
