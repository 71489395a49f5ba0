//! Parses an answer of Graph with every parser. The checked properties: `graph_api::harness::graph_answer`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| graph_api::harness::graph_answer(bytes));
