//! Everything an endpoint was sent, asked for again while posts come: how long it takes until all of it is marked and
//! until all of it came, and whether whoever posts notices.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde::Serialize;

use super::backlog::SAMPLED;
use super::{Course, wait_for};
use crate::load::Outcome;
use crate::run::samples::{Sampler, Samples};
use crate::run::say;
use crate::run::search::Pace;

/// What was measured.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Replay {
    /// Events, as the product said.
    pub(crate) events: u64,
    /// Seconds until it said so.
    pub(crate) marked_s: f64,
    /// Seconds until the endpoint had been posted so many again.
    pub(crate) again_s: f64,
    /// How many it was posted again.
    pub(crate) again: u64,
    /// Posts meanwhile.
    pub(crate) meanwhile: Outcome,
    /// Memory meanwhile.
    pub(crate) memory: Samples,
}

impl Replay {
    /// Asks for what was received from an instant on (microseconds of the wall's clock), while so many posts a second
    /// come, and waits until all of it came.
    pub(crate) async fn measure(
        course: &mut Course,
        endpoint: &str,
        from_us: u64,
        rate: f64,
        pace: Pace,
    ) -> anyhow::Result<Self> {
        course.sink.begin(0.0)?;
        let sampler = Sampler::start(&course.stage.server, SAMPLED);
        // in the middle: the generator takes its time to begin
        let seconds = pace.probe * 3.0;
        let after = Duration::from_secs_f64(pace.warmup + seconds / 2.0);
        let began = Instant::now() + after;
        let from = Timestamp::from_microsecond(i64::try_from(from_us)?)?;
        let asked = course.stage.replay(endpoint, from, after);
        let timed = tokio::spawn(async move {
            let events = asked.await??;
            Ok::<_, anyhow::Error>((events, began.elapsed().as_secs_f64()))
        });
        let meanwhile = course.stage.loader.load(rate, seconds)?;
        let (events, marked_s) = timed.await??;
        wait_for(events, || course.sink.again(0));
        let again_s = began.elapsed().as_secs_f64();
        let it = Self { events, marked_s, again_s, again: course.sink.again(0), meanwhile, memory: sampler.stop() };
        say(&format!(
            "    asked for again: {events} marked in {marked_s:.1} s, {:.0}/s; answers p99 {:.1} ms, at most {:.1} MB",
            it.per_second(),
            it.meanwhile.p99_ms,
            it.memory.max_mb()
        ));
        Ok(it)
    }

    /// Whether everything that had been acknowledged was marked, and came.
    pub(crate) const fn is_all_of(&self, acknowledged: u64) -> bool {
        self.events >= acknowledged && self.again >= self.events
    }

    /// Posted again per second.
    pub(crate) fn per_second(&self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "no run has 2^52 messages")]
        let again = self.again as f64;
        again / self.again_s.max(f64::EPSILON)
    }
}
