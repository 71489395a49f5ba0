//! Forwards a steady load for minutes and samples the memory of the product: a leak shows as growth.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::forwarding_rig::{ForwardingRig, LoadResult};
use crate::progress::log_progress;
use crate::run::database::Engine;
use crate::run::rig::Rig;
use crate::run::run_context::RunContext;
use crate::run::samples::{Sampler, Samples};
use crate::run::stored_rows::StoredRows;

/// The largest number of memory samples of one run.
const MAX_SAMPLES: u32 = 240;
/// The shortest time between two samples.
const MIN_SAMPLE_INTERVAL: Duration = Duration::from_millis(500);

/// The soak of one engine.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct SoakRun {
    pub(crate) engine: Engine,
    /// Duration of the load in seconds, without the warm-up.
    pub(crate) seconds: f64,
    pub(crate) result: LoadResult,
    pub(crate) memory: Samples,
    /// Rows in the database afterwards.
    pub(crate) rows: StoredRows,
}

/// All results of `bench soak`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Measures {
    pub(crate) context: RunContext,
    /// One run for each engine.
    pub(crate) runs: Vec<SoakRun>,
}

/// Forwards a steady load over one engine.
pub(crate) async fn measure(rig: &Rig, engine: Engine, rate: f64, duration: Duration) -> anyhow::Result<SoakRun> {
    log_progress(&format!("soak, {engine}: {rate:.0}/s for {duration:?}"));
    let mut forwarding = ForwardingRig::with_endpoints(rig, engine, 1).await?;
    let sampler = Sampler::start(&forwarding.test_bed.server, (duration / MAX_SAMPLES).max(MIN_SAMPLE_INTERVAL));
    let result = forwarding.run_load(rate, duration.as_secs_f64(), 1)?;
    let memory = sampler.stop();
    let rows = forwarding.test_bed.end().await?;
    Ok(SoakRun { engine, seconds: duration.as_secs_f64(), result, memory, rows })
}
