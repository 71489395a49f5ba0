//! The replay of everything an endpoint was sent, while posts arrive: the time until all events are marked, the time until
//! all are delivered again, and whether the answers to posts become slower.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::forwarding_rig::{ForwardingRig, wait_for};
use crate::load::GeneratorReport;
use crate::progress::log_progress;
use crate::run::rate_search::Durations;
use crate::run::samples::{SAMPLE_INTERVAL, Sampler, Samples};

/// The results of one replay.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Replay {
    /// Number of replayed events, as the product reports it.
    pub(crate) events: u64,
    /// Seconds until the product had marked them.
    pub(crate) marked_s: f64,
    /// Seconds until the endpoint had received that many events again.
    pub(crate) redelivered_s: f64,
    /// Number of events that the endpoint received again.
    pub(crate) redelivered: u64,
    pub(crate) meanwhile: GeneratorReport,
    pub(crate) memory: Samples,
}

impl Replay {
    /// Requests a replay of everything since an instant (in microseconds of the wall clock) while posts arrive at `rate` a
    /// second, and waits until all of it is delivered.
    pub(crate) async fn measure(
        forwarding: &mut ForwardingRig,
        endpoint: &str,
        from_us: u64,
        rate: f64,
        durations: Durations,
    ) -> anyhow::Result<Self> {
        forwarding.sink.begin(0.0)?;
        let sampler = Sampler::start(&forwarding.test_bed.server, SAMPLE_INTERVAL);
        // The replay starts in the middle of the load, since the generator needs time to start.
        let seconds = durations.probe * 3.0;
        let after = Duration::from_secs_f64(durations.warmup + seconds / 2.0);
        let began = Instant::now() + after;
        let from = Timestamp::from_microsecond(i64::try_from(from_us)?)?;
        let asked = forwarding.test_bed.replay(endpoint, from, after);
        let timed = tokio::spawn(async move {
            let events = asked.await??;
            Ok::<_, anyhow::Error>((events, began.elapsed().as_secs_f64()))
        });
        let meanwhile = forwarding.test_bed.loader.load(rate, seconds)?;
        let (events, marked_s) = timed.await??;
        wait_for(events, || forwarding.sink.duplicates(0));
        let redelivered_s = began.elapsed().as_secs_f64();
        let it = Self {
            events,
            marked_s,
            redelivered_s,
            redelivered: forwarding.sink.duplicates(0),
            meanwhile,
            memory: sampler.stop(),
        };
        log_progress(&format!(
            "    replay: {events} marked in {marked_s:.1} s, {:.0}/s; answers p99 {:.1} ms, at most {:.1} MB",
            it.per_second(),
            it.meanwhile.p99_ms,
            it.memory.max_mb()
        ));
        Ok(it)
    }

    /// Whether every acknowledged event was marked and delivered again.
    pub(crate) const fn is_complete(&self, acknowledged: u64) -> bool {
        self.events >= acknowledged && self.redelivered >= self.events
    }

    /// Deliveries per second during the replay.
    pub(crate) fn per_second(&self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "no run has 2^52 messages")]
        let redelivered = self.redelivered as f64;
        redelivered / self.redelivered_s.max(f64::EPSILON)
    }
}
