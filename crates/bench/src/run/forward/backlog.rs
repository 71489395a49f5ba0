//! An endpoint is down while its events pile up, returns, and requests a replay of all of them. Measures the memory of the
//! product, the rate of delivery, and whether the answers to posts become slower.

use std::time::{Duration, Instant};

use anyhow::ensure;
use serde::{Deserialize, Serialize};

use super::forwarding_rig::ForwardingRig;
use super::replay::Replay;
use crate::load::GeneratorReport;
use crate::load::acks::Acks;
use crate::load::body::unix_micros;
use crate::progress::log_progress;
use crate::run::database::Engine;
use crate::run::machine::load_average;
use crate::run::process::Memory;
use crate::run::rig::Rig;
use crate::run::run_context::RunContext;
use crate::run::samples::{SAMPLE_INTERVAL, Sample, Sampler, Samples};
use crate::run::stored_rows::StoredRows;
use crate::sink::{DeliverySummary, ReplyMode};

/// Time without load before the memory of the product is read.
const IDLE_TIME: Duration = Duration::from_secs(5);

/// Rate of posts while the backlog is delivered, as a share of the rate while it piled up.
const CONCURRENT_SHARE: f64 = 0.2;

/// Time within which the return must be detected: the circuit breaker probes every five minutes at the latest.
const DETECTION_TIMEOUT: Duration = Duration::from_secs(400);

/// Size of the backlog and the rate at which it grows.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Size {
    pub(crate) events: u64,
    pub(crate) rate: f64,
}

impl Size {
    /// Duration of the load in seconds, without the warm-up.
    #[expect(clippy::cast_precision_loss, reason = "no run has 2^52 events")]
    fn seconds(self, warmup: f64) -> f64 {
        (self.events as f64 / self.rate - warmup).max(0.1)
    }
}

/// The results over one engine.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Backlog {
    pub(crate) engine: Engine,
    load_average: String,
    pub(crate) size: Size,
    /// Posts at the same rate before the endpoint existed.
    pub(crate) before: GeneratorReport,
    /// Posts while the endpoint was down.
    pub(crate) down: GeneratorReport,
    /// Posts while the backlog was delivered.
    pub(crate) meanwhile: GeneratorReport,
    /// Memory before the endpoint existed.
    pub(crate) memory_before: Memory,
    /// Memory while the endpoint was down.
    pub(crate) memory_down: Samples,
    /// Memory from the return of the endpoint until everything was delivered.
    pub(crate) memory_drain: Samples,
    /// Memory after everything was delivered.
    pub(crate) memory_after: Memory,
    /// Seconds until the return of the endpoint was detected.
    pub(crate) detected_s: f64,
    /// Deliveries after the return.
    pub(crate) drain: DeliverySummary,
    /// Messages acknowledged since the endpoint was down and never delivered.
    pub(crate) missing: u64,
    /// The replay of everything; older figures have none.
    pub(crate) replay: Option<Replay>,
    /// Rows in the database afterwards.
    pub(crate) rows: StoredRows,
}

impl Backlog {
    /// Memory during the whole measurement, without the replay.
    pub(crate) fn memory(&self) -> Samples {
        let mut all = self.memory_down.clone();
        let until = all.0.last().map_or(0.0, |sample| sample.at_s);
        all.0.extend(self.memory_drain.0.iter().map(|sample| Sample { at_s: until + sample.at_s, ..*sample }));
        all
    }

    /// Memory since the return was detected; until then the product is idle.
    pub(crate) fn memory_back(&self) -> Samples {
        self.memory_drain.since(self.detected_s)
    }

    /// Whether every acknowledged event was delivered, and again by the replay.
    pub(crate) fn is_complete(&self) -> bool {
        let acknowledged = self.down.stored() + self.meanwhile.stored();
        self.missing == 0
            && self.drain.accepted > 0
            && self.replay.as_ref().is_none_or(|replay| replay.is_complete(acknowledged))
    }

    /// Whether memory stayed flat while the backlog grew and while it was delivered.
    pub(crate) fn is_flat(&self) -> bool {
        self.memory_down.is_flat() && self.memory_back().is_flat()
    }
}

/// Lets events pile up over one engine, delivers them and replays them.
pub(crate) async fn measure(rig: &Rig, engine: Engine, size: Size) -> anyhow::Result<Backlog> {
    let load_average = load_average();
    log_progress(&format!("backlog of {}, {} (load average {load_average})", size.events, engine));
    let mut forwarding = ForwardingRig::open(rig, engine, 1).await?;
    let before = forwarding.test_bed.loader.load(size.rate, rig.durations.probe)?;
    tokio::time::sleep(IDLE_TIME).await;
    let memory_before = forwarding.test_bed.server.memory()?;
    forwarding.sink.set(0, ReplyMode::Unavailable);
    let made_us = unix_micros();
    let endpoint = forwarding.test_bed.add_endpoint(&forwarding.sink.url(0)).await?;
    let since = forwarding.test_bed.loader.acks.len();

    let sampler = Sampler::start(&forwarding.test_bed.server, SAMPLE_INTERVAL);
    let down = forwarding.test_bed.loader.load(size.rate, size.seconds(rig.durations.warmup))?;
    let memory_down = sampler.stop();
    log_progress(&format!("    down: p99 {:.1} ms, at most {:.1} MB", down.p99_ms, memory_down.max_mb()));

    let sampler = Sampler::start(&forwarding.test_bed.server, SAMPLE_INTERVAL);
    forwarding.sink.begin(0.0)?;
    forwarding.sink.set(0, ReplyMode::Accept);
    let back = Instant::now();
    while forwarding.sink.accepted(0) < 100.min(down.stored()) {
        ensure!(back.elapsed() < DETECTION_TIMEOUT, "the return of the endpoint was not detected");
        std::thread::sleep(Duration::from_millis(10));
    }
    let detected_s = back.elapsed().as_secs_f64();
    let rate = size.rate * CONCURRENT_SHARE;
    let meanwhile = forwarding.test_bed.loader.load(rate, rig.durations.probe)?;
    forwarding.wait(1, down.stored() + meanwhile.stored());
    let memory_drain = sampler.stop();
    let drain = forwarding.sink.summary(1)?;
    log_progress(&format!(
        "    back: {:.0}/s, {} accepted, at most {:.1} MB",
        drain.per_second(),
        drain.accepted,
        memory_drain.max_mb()
    ));
    tokio::time::sleep(IDLE_TIME).await;
    let memory_after = forwarding.test_bed.server.memory()?;
    let wanted = forwarding.test_bed.loader.acks.iter().skip(since);
    let missing = wanted.map(|acks: &Acks| forwarding.sink.missing(0, acks)).sum();
    let replay = Replay::measure(&mut forwarding, &endpoint, made_us, rate, rig.durations).await?;
    let rows = forwarding.test_bed.end().await?;
    Ok(Backlog {
        engine,
        load_average,
        size,
        before,
        down,
        meanwhile,
        memory_before,
        memory_down,
        memory_drain,
        memory_after,
        detected_s,
        drain,
        missing,
        replay: Some(replay),
        rows,
    })
}

/// All results of `bench backlog`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Measures {
    pub(crate) context: RunContext,
    /// One result for each engine.
    pub(crate) backlog: Vec<Backlog>,
}
