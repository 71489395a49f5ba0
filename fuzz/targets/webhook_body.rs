//! Splits and parses the body of a webhook post. The checked properties: `graph_api::harness::webhook_body`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| graph_api::harness::webhook_body(bytes));
