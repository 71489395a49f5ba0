//! Forwarding of every event to several endpoints: the deliveries per second, and their times at half of that rate.

use serde::{Deserialize, Serialize};

use super::forwarding_rig::{ForwardingRig, LoadResult};
use crate::progress::log_progress;
use crate::run::database::Engine;
use crate::run::machine::load_average;
use crate::run::rig::Rig;
use crate::run::stored_rows::StoredRows;

/// Numbers of endpoints that are measured.
const ENDPOINTS: [usize; 3] = [1, 4, 16];

/// Posts exceed the deliveries of one endpoint by this factor, so that forwarding is the bottleneck.
const OVERLOAD: f64 = 1.6;

/// The results over one engine.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct FanOut {
    pub(crate) engine: Engine,
    load_average: String,
    /// One result for each number of endpoints.
    pub(crate) widths: Vec<Width>,
    /// Rows in the database afterwards.
    pub(crate) rows: StoredRows,
}

/// The results with one number of endpoints.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Width {
    pub(crate) endpoints: usize,
    /// At more posts than forwarding keeps up with.
    pub(crate) full: LoadResult,
    /// At half of the deliveries of `full`.
    pub(crate) half: LoadResult,
}

/// Measures over one engine; endpoints are added step by step.
pub(crate) async fn measure(rig: &Rig, engine: Engine) -> anyhow::Result<FanOut> {
    let load_average = load_average();
    log_progress(&format!("fan-out, {engine} (load average {load_average})"));
    let most = ENDPOINTS.into_iter().max().unwrap_or_default();
    let mut forwarding = ForwardingRig::open(rig, engine, most).await?;
    let (mut made, mut per_second) = (0, None);
    let mut widths = Vec::new();
    for endpoints in ENDPOINTS {
        for endpoint in made..endpoints {
            forwarding.test_bed.add_endpoint(&forwarding.sink.url(endpoint)).await?;
        }
        made = endpoints;
        #[expect(clippy::cast_precision_loss, reason = "few")]
        let many = endpoints as f64;
        // The rate of one endpoint is measured first.
        let one = match per_second {
            Some(one) => one,
            None => forwarding.run_load(0.0, rig.durations.probe, endpoints)?.received.per_second(),
        };
        per_second = Some(one);
        let full = forwarding.run_load(one * OVERLOAD / many, rig.durations.probe * 2.0, endpoints)?;
        let half = forwarding.run_load(full.received.per_second() / many / 2.0, rig.durations.half, endpoints)?;
        widths.push(Width { endpoints, full, half });
    }
    let rows = forwarding.test_bed.end().await?;
    Ok(FanOut { engine, load_average, widths, rows })
}
