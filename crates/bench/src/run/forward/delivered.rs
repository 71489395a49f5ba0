//! Forwarding to one endpoint: the highest rate that it keeps up with, and the delivery times at half of it.

use serde::{Deserialize, Serialize};

use super::forwarding_rig::{ForwardingRig, LoadResult};
use crate::progress::log_progress;
use crate::run::database::Engine;
use crate::run::machine::load_average;
use crate::run::rate_search::{MAX_ATTEMPTS, STEP, narrow};
use crate::run::rig::Rig;
use crate::run::stored_rows::StoredRows;

/// The results over one engine.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Delivered {
    pub(crate) engine: Engine,
    load_average: String,
    /// Posts as fast as they are answered.
    pub(crate) flood: LoadResult,
    /// At the highest rate that forwarding keeps up with; `None` if it kept up with none.
    pub(crate) sustained: Option<LoadResult>,
    /// At half of that rate, or at the rate that was given.
    pub(crate) half: Option<LoadResult>,
    /// At half of the rate that is stored without forwarding, if that was measured.
    pub(crate) half_of_ingest: Option<LoadResult>,
    /// Rows in the database afterwards.
    pub(crate) rows: StoredRows,
}

/// Measures over one engine; `rate` replaces half of the sustained rate, `ingest` is the rate that is stored.
pub(crate) async fn measure(
    rig: &Rig,
    engine: Engine,
    rate: Option<f64>,
    ingest: Option<f64>,
) -> anyhow::Result<Delivered> {
    let load_average = load_average();
    log_progress(&format!("delivered, {engine} (load average {load_average})"));
    let durations = rig.durations;
    let mut forwarding = ForwardingRig::with_endpoints(rig, engine, 1).await?;
    let flood = forwarding.run_load(0.0, durations.probe, 1)?;
    let mut sustained = None;
    if rate.is_none() {
        let mut from =
            narrow(flood.received.per_second(), |rate| Ok(forwarding.run_load(rate, durations.probe, 1)?.keeps_up()))?;
        for _ in 0..MAX_ATTEMPTS {
            let result = forwarding.run_load(from, durations.hold, 1)?;
            if result.keeps_up() {
                sustained = Some(result);
                break;
            }
            from *= STEP;
        }
    }
    let half = match rate.or_else(|| sustained.as_ref().map(|sustained| sustained.sent.rate / 2.0)) {
        Some(rate) => Some(forwarding.run_load(rate, durations.half, 1)?),
        None => None,
    };
    let half_of_ingest = match ingest {
        Some(ingest) => Some(forwarding.run_load(ingest / 2.0, durations.half, 1)?),
        None => None,
    };
    let rows = forwarding.test_bed.end().await?;
    Ok(Delivered { engine, load_average, flood, sustained, half, half_of_ingest, rows })
}
