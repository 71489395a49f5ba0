//! The receiver of forwarded messages: one thread with non-blocking sockets and open connections, so that it costs little
//! beside the product. Each stub endpoint has an address of its own. The sink records which messages arrive and how long
//! after their scheduled instant; it must not check signatures or order.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use hdrhistogram::Histogram;
use mio::net::TcpListener;
use serde::{Deserialize, Serialize};

use crate::load::acks::Acks;
use crate::load::body::{Mark, mark_of, unix_micros};

mod serve;
#[cfg(test)]
mod tests;

/// Delay of a slow answer; shorter than the time limit of the product.
const SLOW_REPLY: Duration = Duration::from_secs(10);

/// How a stub endpoint answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ReplyMode {
    /// Answers 200 at once.
    Accept,
    /// Answers 200 after ten seconds.
    AcceptSlowly,
    /// Answers 429 without `Retry-After`.
    TooManyRequests,
    /// Answers 503, like a proxy whose application is down.
    Unavailable,
}

impl ReplyMode {
    const ALL: [Self; 4] = [Self::Accept, Self::AcceptSlowly, Self::TooManyRequests, Self::Unavailable];

    const fn number(self) -> u8 {
        match self {
            Self::Accept => 0,
            Self::AcceptSlowly => 1,
            Self::TooManyRequests => 2,
            Self::Unavailable => 3,
        }
    }

    const fn answer(self) -> &'static [u8] {
        match self {
            Self::Accept | Self::AcceptSlowly => b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
            Self::TooManyRequests => b"HTTP/1.1 429 Too Many Requests\r\ncontent-length: 0\r\n\r\n",
            Self::Unavailable => b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n",
        }
    }

    /// Whether this answer accepts the message.
    const fn takes(self) -> bool {
        matches!(self, Self::Accept | Self::AcceptSlowly)
    }
}

/// What some stub endpoints received.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct DeliverySummary {
    /// Messages accepted, each counted once.
    pub(crate) accepted: u64,
    /// Posts of a message that was accepted before.
    pub(crate) duplicates: u64,
    /// Posts without a message of this run.
    pub(crate) unrecognized: u64,
    pub(crate) refused: u64,
    /// Wall clock of the first accepted message in microseconds; 0 without one.
    pub(crate) first_us: u64,
    /// Wall clock of the last new message in microseconds.
    pub(crate) last_us: u64,
    /// Time between the last scheduled instant and the last accepted message.
    pub(crate) lag_ms: f64,
    /// Messages that the times below include; those of the warm-up are excluded.
    pub(crate) timed: u64,
    /// Median time from the scheduled instant of a post until its message arrived; percentiles and the maximum follow.
    pub(crate) p50_ms: f64,
    pub(crate) p90_ms: f64,
    pub(crate) p99_ms: f64,
    pub(crate) p999_ms: f64,
    pub(crate) max_ms: f64,
}

impl DeliverySummary {
    /// Seconds between the first and the last message.
    pub(crate) fn seconds(&self) -> f64 {
        Duration::from_micros(self.last_us.saturating_sub(self.first_us)).as_secs_f64()
    }

    /// Messages per second between the first and the last.
    pub(crate) fn per_second(&self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "no run has 2^52 messages")]
        let accepted = self.accepted as f64;
        if self.seconds() > 0.0 { accepted / self.seconds() } else { 0.0 }
    }
}

/// One stub endpoint with its address.
struct StubEndpoint {
    mode: AtomicU8,
    received: Mutex<Received>,
}

/// What a stub endpoint received since its counters were reset.
struct Received {
    /// Every message since the sink was opened.
    messages: Acks,
    accepted: u64,
    duplicates: u64,
    unrecognized: u64,
    refused: u64,
    first_us: u64,
    last_us: u64,
    last_due_us: u64,
    warmup_us: u64,
    /// Times count for posts scheduled since this instant; the first post sets it.
    timed_from_us: Option<u64>,
    times: Histogram<u64>,
}

impl StubEndpoint {
    fn new() -> anyhow::Result<Self> {
        Ok(Self { mode: AtomicU8::new(ReplyMode::Accept.number()), received: Mutex::new(Received::new(Acks::new(0))?) })
    }

    fn mode(&self) -> ReplyMode {
        let number = self.mode.load(Ordering::Relaxed);
        ReplyMode::ALL.into_iter().find(|mode| mode.number() == number).unwrap_or(ReplyMode::Accept)
    }

    fn received(&self) -> MutexGuard<'_, Received> {
        self.received.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Records a post with the mode of its answer.
    fn note(&self, body: &[u8], mode: ReplyMode) {
        let now = unix_micros();
        let mut received = self.received();
        match mark_of(body) {
            _ if !mode.takes() => received.refused += 1,
            Some(mark) => received.take(mark, now),
            None => received.unrecognized += 1,
        }
    }
}

impl Received {
    fn new(messages: Acks) -> anyhow::Result<Self> {
        Ok(Self {
            messages,
            accepted: 0,
            duplicates: 0,
            unrecognized: 0,
            refused: 0,
            first_us: 0,
            last_us: 0,
            last_due_us: 0,
            warmup_us: 0,
            timed_from_us: None,
            times: Histogram::new_with_bounds(1, 3_600_000_000, 3)?,
        })
    }

    fn take(&mut self, mark: Mark, now: u64) {
        if !self.messages.insert(mark.number) {
            self.duplicates += 1;
            return;
        }
        self.accepted += 1;
        if self.first_us == 0 {
            self.first_us = now;
        }
        self.last_us = now;
        self.last_due_us = self.last_due_us.max(mark.due_us);
        let from = *self.timed_from_us.get_or_insert(mark.due_us + self.warmup_us);
        if mark.due_us >= from {
            self.times.saturating_record(now.saturating_sub(mark.due_us).max(1));
        }
    }
}

/// The running receiver, which stops when dropped.
pub(crate) struct Sink {
    addresses: Vec<SocketAddr>,
    endpoints: Arc<[StubEndpoint]>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<anyhow::Result<()>>>,
}

impl Sink {
    /// Opens this number of stub endpoints, which accept everything at first.
    pub(crate) fn open(endpoints: usize) -> anyhow::Result<Self> {
        let open = |_| TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0)));
        let listeners: Vec<TcpListener> = (0..endpoints).map(open).collect::<Result<_, _>>()?;
        let addresses = listeners.iter().map(TcpListener::local_addr).collect::<Result<_, _>>()?;
        let endpoints: Arc<[StubEndpoint]> =
            (0..endpoints).map(|_| StubEndpoint::new()).collect::<anyhow::Result<Vec<_>>>()?.into();
        let stop = Arc::new(AtomicBool::new(false));
        let server = serve::Server::new(listeners, Arc::clone(&endpoints), Arc::clone(&stop))?;
        let thread = std::thread::Builder::new().name("sink".to_owned()).spawn(move || server.run())?;
        Ok(Self { addresses, endpoints, stop, thread: Some(thread) })
    }

    /// Address of a stub endpoint.
    pub(crate) fn url(&self, endpoint: usize) -> String {
        self.addresses.get(endpoint).map(|address| format!("http://{address}/hook")).unwrap_or_default()
    }

    /// Sets how a stub endpoint answers from now on.
    pub(crate) fn set(&self, endpoint: usize, mode: ReplyMode) {
        if let Some(endpoint) = self.endpoints.get(endpoint) {
            endpoint.mode.store(mode.number(), Ordering::Relaxed);
        }
    }

    /// Resets the counters of every stub endpoint. Times exclude posts within `warmup` seconds of the first.
    pub(crate) fn begin(&self, warmup: f64) -> anyhow::Result<()> {
        for endpoint in &*self.endpoints {
            let mut received = endpoint.received();
            let messages = std::mem::take(&mut received.messages);
            let warmup_us = u64::try_from(Duration::from_secs_f64(warmup).as_micros())?;
            *received = Received { warmup_us, ..Received::new(messages)? };
        }
        Ok(())
    }

    /// Messages that a stub endpoint accepted since the reset.
    pub(crate) fn accepted(&self, endpoint: usize) -> u64 {
        self.endpoints.get(endpoint).map_or(0, |endpoint| endpoint.received().accepted)
    }

    /// Posts of messages that a stub endpoint had accepted before, since the reset.
    pub(crate) fn duplicates(&self, endpoint: usize) -> u64 {
        self.endpoints.get(endpoint).map_or(0, |endpoint| endpoint.received().duplicates)
    }

    /// Number of these messages that a stub endpoint never accepted.
    pub(crate) fn missing(&self, endpoint: usize, acknowledged: &Acks) -> u64 {
        let Some(endpoint) = self.endpoints.get(endpoint) else { return acknowledged.len() };
        let received = endpoint.received();
        acknowledged.iter().filter(|message| !received.messages.contains(*message)).count() as u64
    }

    /// What the first `endpoints` stubs received since the reset.
    pub(crate) fn summary(&self, endpoints: usize) -> anyhow::Result<DeliverySummary> {
        let mut all = Received::new(Acks::default())?;
        for endpoint in self.endpoints.iter().take(endpoints) {
            let received = endpoint.received();
            all.accepted += received.accepted;
            all.duplicates += received.duplicates;
            all.unrecognized += received.unrecognized;
            all.refused += received.refused;
            all.last_us = all.last_us.max(received.last_us);
            all.last_due_us = all.last_due_us.max(received.last_due_us);
            if received.first_us > 0 {
                all.first_us = if all.first_us == 0 { received.first_us } else { all.first_us.min(received.first_us) };
            }
            all.times.add(&received.times)?;
        }
        #[expect(clippy::cast_precision_loss, reason = "no time has 2^52 microseconds")]
        let milliseconds = |micros: u64| micros as f64 / 1000.0;
        let ms = |q: f64| milliseconds(all.times.value_at_quantile(q));
        Ok(DeliverySummary {
            accepted: all.accepted,
            duplicates: all.duplicates,
            unrecognized: all.unrecognized,
            refused: all.refused,
            first_us: all.first_us,
            last_us: all.last_us,
            lag_ms: milliseconds(all.last_us.saturating_sub(all.last_due_us)),
            timed: all.times.len(),
            p50_ms: ms(0.5),
            p90_ms: ms(0.9),
            p99_ms: ms(0.99),
            p999_ms: ms(0.999),
            max_ms: ms(1.0),
        })
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(Ok(Err(error))) = self.thread.take().map(JoinHandle::join) {
            crate::progress::log_progress(&format!("the receiver failed: {error:#}"));
        }
    }
}
