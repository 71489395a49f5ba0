//! Forwarding: from the instant a post was due at the product until its message is at an endpoint. The product is
//! a process of its own, so is the generator; the receiver is a thread here ([`crate::sink`]). Every measurement
//! counts: what was acknowledged must have been taken.

use std::time::{Duration, Instant};

use serde::Serialize;

use super::database::Engine;
use super::process::cpu_seconds;
use super::search::{HELD_DRAIN_MS, HELD_P99_MS};
use super::stage::Stage;
use super::{Bench, NUMBERS, say};
use crate::load::Outcome;
use crate::sink::{Sink, Summary};

pub(crate) mod backlog;
pub(crate) mod delivered;
pub(crate) mod fan_out;
pub(crate) mod isolation;
pub(crate) mod replay;
pub(crate) mod report;
pub(crate) mod soak;

/// Persons that write to each number. With one each there would be as few conversations as numbers, and a
/// conversation is delivered one message after the other.
const PEOPLE: usize = 50;

/// When no message arrives for so long, the rest is taken for lost. Longer than the first wait after a failure.
const STALLED: Duration = Duration::from_secs(30);

/// Everything measured about forwarding.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct Forwarding {
    /// One endpoint.
    pub(crate) delivered: Vec<delivered::Delivered>,
    /// Several.
    pub(crate) fan_out: Vec<fan_out::FanOut>,
    /// One that was down.
    pub(crate) backlog: Vec<backlog::Backlog>,
    /// One beside others that are sick.
    pub(crate) isolation: Vec<isolation::Isolation>,
}

impl Forwarding {
    /// Whether everything acknowledged was delivered.
    pub(crate) fn is_all_there(&self) -> bool {
        let delivered = self.delivered.iter().flat_map(|it| {
            [Some(&it.flood), it.held.as_ref(), it.half.as_ref(), it.half_of_ingest.as_ref()].into_iter().flatten()
        });
        let fan_out = self.fan_out.iter().flat_map(|it| it.widths.iter().flat_map(|width| [&width.full, &width.half]));
        let is_there = |passage: &Passage| passage.missing == 0 && passage.came.strange == 0 && passage.came.taken > 0;
        let rows = self.delivered.iter().map(|it| it.rows).chain(self.fan_out.iter().map(|it| it.rows));
        delivered.chain(fan_out).all(is_there)
            && self.backlog.iter().all(backlog::Backlog::is_all_there)
            && self.isolation.iter().all(|it| it.missing == 0)
            && rows.chain(self.backlog.iter().map(|it| it.rows)).all(|rows| rows.is_right())
    }
}

/// The product, and the receiver behind it.
pub(crate) struct Course {
    pub(crate) stage: Stage,
    pub(crate) sink: Sink,
}

/// One load and what arrived of it.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Passage {
    /// At the product.
    pub(crate) sent: Outcome,
    /// At the endpoints, all together.
    pub(crate) came: Summary,
    /// Acknowledged by the product and never taken by one of the endpoints.
    pub(crate) missing: u64,
    /// Processor microseconds of the product (and of PostgreSQL's processes not) per message taken.
    pub(crate) server_us_per_message: f64,
}

impl Passage {
    /// Whether forwarding kept up with the load: by the same measure as the answers to the posts.
    pub(crate) fn keeps_up(&self) -> bool {
        let Self { sent, came, missing, .. } = self;
        sent.is_all_stored() && *missing == 0 && came.p99_ms <= HELD_P99_MS && came.behind_ms <= HELD_DRAIN_MS
    }
}

impl Course {
    /// Starts the product over an empty database, and a receiver with so many doors; no endpoint yet.
    pub(crate) async fn open(bench: &Bench<'_>, engine: Engine, doors: usize) -> anyhow::Result<Self> {
        let mut stage = Stage::open(bench, engine, 0, NUMBERS).await?;
        stage.loader.people = PEOPLE;
        Ok(Self { stage, sink: Sink::open(doors)? })
    }

    /// The same, with an endpoint at each of the first so many doors.
    pub(crate) async fn with_endpoints(bench: &Bench<'_>, engine: Engine, endpoints: usize) -> anyhow::Result<Self> {
        let course = Self::open(bench, engine, endpoints).await?;
        for door in 0..endpoints {
            course.stage.add_endpoint(&course.sink.url(door)).await?;
        }
        Ok(course)
    }

    /// Loads the product for so long and waits until everything is at the first so many doors.
    pub(crate) fn pass(&mut self, rate: f64, seconds: f64, doors: usize) -> anyhow::Result<Passage> {
        self.sink.begin(self.stage.loader.warmup)?;
        let id = self.stage.server.id();
        let before = cpu_seconds(&id).unwrap_or_default();
        let sent = self.stage.loader.load(rate, seconds)?;
        self.wait(doors, sent.stored());
        let used = cpu_seconds(&id).unwrap_or_default() - before;
        let came = self.sink.summary(doors)?;
        let missing = match self.stage.loader.acks.last() {
            Some(acks) => (0..doors).map(|door| self.sink.missing(door, acks)).sum(),
            None => 0,
        };
        #[expect(clippy::cast_precision_loss, reason = "no run has 2^52 messages")]
        let server_us_per_message = used * 1e6 / came.taken.max(1) as f64;
        let passage = Passage { sent, came, missing, server_us_per_message };
        tell(&passage, seconds);
        Ok(passage)
    }

    /// Waits until so many messages are at each of the first so many doors, or nothing comes any more.
    pub(crate) fn wait(&self, doors: usize, messages: u64) {
        let taken = || (0..doors).map(|door| self.sink.taken(door).min(messages)).sum::<u64>();
        wait_for(messages * doors as u64, taken);
    }
}

/// Waits until a count is this high, or rises no more.
fn wait_for(wanted: u64, count: impl Fn() -> u64) {
    let (mut last, mut since) = (count(), Instant::now());
    while last < wanted && since.elapsed() < STALLED {
        std::thread::sleep(Duration::from_millis(10));
        let now = count();
        if now > last {
            (last, since) = (now, Instant::now());
        }
    }
}

fn tell(passage: &Passage, seconds: f64) {
    let Passage { sent, came, missing, server_us_per_message } = passage;
    say(&format!(
        "    {:>8.0}/s for {seconds:>3.0} s: answers p99 {:>6.1} ms; delivered {:>7.0}/s, p50 {:>6.1} p99 {:>7.1} ms, \
         {:>6.0} ms behind, {missing} missing, {} again, {server_us_per_message:.0} µs each {}",
        sent.rate,
        sent.p99_ms,
        came.per_second(),
        came.p50_ms,
        came.p99_ms,
        came.behind_ms,
        came.again,
        if passage.keeps_up() { "kept up" } else { "" }
    ));
}
