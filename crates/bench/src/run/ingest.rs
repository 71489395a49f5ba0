//! Events per second that the product acknowledges and stores, and the ceiling: the signature check alone.

use serde::{Deserialize, Serialize};

use super::database::Engine;
use super::machine::load_average;
use super::product::ProductConfig;
use super::rate_search::{Durations, SustainedRate};
use super::rig::Rig;
use super::stored_rows::StoredRows;
use super::test_bed::{TestBed, remove_sqlite};
use crate::progress::log_progress;

/// Numbers that the load is for; all of them are live.
pub(crate) const NUMBERS: usize = 20;

/// Events per second over one engine in one form.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Ingest {
    pub(crate) engine: Engine,
    /// Milliseconds that every fsync is slowed down by.
    pub(crate) fsync_added_ms: u32,
    /// Load average before the measurement.
    pub(crate) load_average: String,
    pub(crate) sustained: SustainedRate,
    pub(crate) rows: StoredRows,
}

/// Measures the rate of the signature check alone, with this number of changes in each post.
pub(crate) async fn ceiling(rig: &Rig, changes: usize) -> anyhow::Result<SustainedRate> {
    log_progress(&format!("ceiling, {changes} per post (load average {})", load_average()));
    let file = rig.folder.join("ceiling.db");
    let config = ProductConfig::new(&format!("sqlite://{}", file.display()), "http://127.0.0.1:9", &rig.folder)?;
    let server = config.serve_ceiling(&rig.programs).await?;
    let mut loader = rig.loader(&config, changes, vec!["106000000000001:102000000000001".to_owned()]);
    let sustained = loader.highest(Durations { half: 0.0, ..rig.durations }, &server)?;
    drop(server);
    remove_sqlite(&file);
    Ok(sustained)
}

/// Measures the rate that the product stores over one engine.
pub(crate) async fn measure(rig: &Rig, engine: Engine, changes: usize, fsync_added_ms: u32) -> anyhow::Result<Ingest> {
    let load_average = load_average();
    log_progress(&format!("{engine}, {changes} per post, fsync +{fsync_added_ms} ms (load average {load_average})"));
    let mut test_bed = TestBed::open(rig, engine, fsync_added_ms, NUMBERS).await?;
    test_bed.loader.changes = changes;
    let sustained = test_bed.loader.highest(rig.durations, &test_bed.server)?;
    let rows = test_bed.end().await?;
    log_progress(&format!("    rows: {rows:?}"));
    Ok(Ingest { engine, fsync_added_ms, load_average, sustained, rows })
}
