//! The product with a receiver behind it: runs a load and waits until its messages are delivered. Every load counts what
//! was acknowledged and what was delivered.

use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::load::GeneratorReport;
use crate::progress::log_progress;
use crate::run::database::Engine;
use crate::run::ingest::NUMBERS;
use crate::run::process::cpu_seconds;
use crate::run::rate_search::{MAX_DRAIN_MS, MAX_P99_MS};
use crate::run::rig::Rig;
use crate::run::test_bed::TestBed;
use crate::sink::{DeliverySummary, Sink};

/// People who write to each number. With one each there would be only as many conversations as numbers, and the messages
/// of a conversation are delivered one after the other.
const PEOPLE: usize = 50;

/// When no message arrives for this long, the missing ones count as lost. Longer than the first retry delay.
const STALL_TIMEOUT: Duration = Duration::from_secs(30);

/// The product, and the receiver behind it.
pub(crate) struct ForwardingRig {
    pub(crate) test_bed: TestBed,
    pub(crate) sink: Sink,
}

/// One load and the messages that were delivered of it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct LoadResult {
    /// The posts to the product.
    pub(crate) sent: GeneratorReport,
    /// The deliveries to all endpoints together.
    pub(crate) received: DeliverySummary,
    /// Messages acknowledged by the product and never delivered to one of the endpoints.
    pub(crate) missing: u64,
    /// Processor microseconds of the product per delivered message, without PostgreSQL's processes.
    pub(crate) server_us_per_message: f64,
}

impl LoadResult {
    /// Whether forwarding kept up with the load, by the same limits as the answers to posts.
    pub(crate) fn keeps_up(&self) -> bool {
        let Self { sent, received, missing, .. } = self;
        sent.is_all_stored() && *missing == 0 && received.p99_ms <= MAX_P99_MS && received.lag_ms <= MAX_DRAIN_MS
    }
}

impl ForwardingRig {
    /// Starts the product over an empty database and a receiver with this number of stub endpoints; the product has no
    /// endpoint yet.
    pub(crate) async fn open(rig: &Rig, engine: Engine, endpoints: usize) -> anyhow::Result<Self> {
        let mut test_bed = TestBed::open(rig, engine, 0, NUMBERS).await?;
        test_bed.loader.people = PEOPLE;
        Ok(Self { test_bed, sink: Sink::open(endpoints)? })
    }

    /// Starts the product and a receiver, and creates an endpoint for each stub.
    pub(crate) async fn with_endpoints(rig: &Rig, engine: Engine, endpoints: usize) -> anyhow::Result<Self> {
        let forwarding = Self::open(rig, engine, endpoints).await?;
        for endpoint in 0..endpoints {
            forwarding.test_bed.add_endpoint(&forwarding.sink.url(endpoint)).await?;
        }
        Ok(forwarding)
    }

    /// Runs a load and waits until all of it is delivered to the first `endpoints` stubs.
    pub(crate) fn run_load(&mut self, rate: f64, seconds: f64, endpoints: usize) -> anyhow::Result<LoadResult> {
        self.sink.begin(self.test_bed.loader.warmup)?;
        let id = self.test_bed.server.id();
        let before = cpu_seconds(&id).unwrap_or_default();
        let sent = self.test_bed.loader.load(rate, seconds)?;
        self.wait(endpoints, sent.stored());
        let used = cpu_seconds(&id).unwrap_or_default() - before;
        let received = self.sink.summary(endpoints)?;
        let missing = match self.test_bed.loader.acks.last() {
            Some(acks) => (0..endpoints).map(|endpoint| self.sink.missing(endpoint, acks)).sum(),
            None => 0,
        };
        #[expect(clippy::cast_precision_loss, reason = "no run has 2^52 messages")]
        let server_us_per_message = used * 1e6 / received.accepted.max(1) as f64;
        let result = LoadResult { sent, received, missing, server_us_per_message };
        log_result(&result, seconds);
        Ok(result)
    }

    /// Waits until this number of messages is at each of the first `endpoints` stubs, or no more arrive.
    pub(crate) fn wait(&self, endpoints: usize, messages: u64) {
        let accepted = || (0..endpoints).map(|endpoint| self.sink.accepted(endpoint).min(messages)).sum::<u64>();
        wait_for(messages * endpoints as u64, accepted);
    }
}

/// Waits until a count reaches `wanted`, or no longer rises.
pub(crate) fn wait_for(wanted: u64, count: impl Fn() -> u64) {
    let (mut last, mut since) = (count(), Instant::now());
    while last < wanted && since.elapsed() < STALL_TIMEOUT {
        std::thread::sleep(Duration::from_millis(10));
        let now = count();
        if now > last {
            (last, since) = (now, Instant::now());
        }
    }
}

fn log_result(result: &LoadResult, seconds: f64) {
    let LoadResult { sent, received, missing, server_us_per_message } = result;
    log_progress(&format!(
        "    {:>8.0}/s for {seconds:>3.0} s: answers p99 {:>6.1} ms; delivered {:>7.0}/s, p50 {:>6.1} p99 {:>7.1} ms, \
         lag {:>6.0} ms, {missing} missing, {} duplicates, {server_us_per_message:.0} µs each {}",
        sent.rate,
        sent.p99_ms,
        received.per_second(),
        received.p50_ms,
        received.p99_ms,
        received.lag_ms,
        received.duplicates,
        if result.keeps_up() { "keeps up" } else { "" }
    ));
}
