//! The kept seeds of the fuzz targets (`fuzz/seeds/`), as plain tests: whole, cut short, and with single bits
//! turned.

use std::fs;
use std::path::Path;

/// Runs one target over its seeds and over what is near them.
fn over_the_seeds(target: &str, run: fn(&[u8]), at_least: usize) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/seeds").join(target);
    let mut seeds: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    seeds.sort();
    assert!(seeds.len() >= at_least, "only {} seeds", seeds.len());
    for seed in seeds {
        let bytes = fs::read(&seed).unwrap();
        run(&bytes);
        for at in (0..bytes.len()).step_by(7) {
            run(&bytes[..at]);
            let mut turned = bytes.clone();
            turned[at] ^= 1 << (at % 8);
            run(&turned);
        }
    }
}

#[test]
fn every_seed_of_the_webhook_body_holds() {
    over_the_seeds("webhook_body", super::webhook_body, 20);
}

#[test]
fn every_seed_of_the_signature_holds() {
    over_the_seeds("signature", super::signature, 8);
}

#[test]
fn every_seed_of_graphs_answers_holds() {
    over_the_seeds("graph_answer", super::graph_answer, 15);
}
