//! An answer of Graph's, through every reader of one. What must hold: `graph_api::harness::graph_answer`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| graph_api::harness::graph_answer(bytes));
