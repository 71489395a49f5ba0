//! The receiver at the other end of forwarding: one thread of its own, non-blocking sockets, connections kept
//! open, so that it costs little beside what is measured. Every door is an endpoint's address. It knows which
//! messages came in and how long after they were due; it must not judge signatures, order or whether that is
//! fast.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use hdrhistogram::Histogram;
use mio::net::TcpListener;
use serde::Serialize;

use crate::load::acks::Acks;
use crate::load::body::{Mark, mark_of, unix_micros};

mod serve;
#[cfg(test)]
mod tests;

/// How long a slow door takes to answer: less than the product waits at most.
const SLOW: Duration = Duration::from_secs(10);

/// How a door answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Manner {
    /// 200, at once.
    Takes,
    /// 200, after ten seconds.
    IsSlow,
    /// 429, without saying for how long.
    IsBusy,
    /// 503, as a proxy does before an application that is down.
    IsDown,
}

impl Manner {
    const ALL: [Self; 4] = [Self::Takes, Self::IsSlow, Self::IsBusy, Self::IsDown];

    const fn number(self) -> u8 {
        match self {
            Self::Takes => 0,
            Self::IsSlow => 1,
            Self::IsBusy => 2,
            Self::IsDown => 3,
        }
    }

    const fn answer(self) -> &'static [u8] {
        match self {
            Self::Takes | Self::IsSlow => b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
            Self::IsBusy => b"HTTP/1.1 429 Too Many Requests\r\ncontent-length: 0\r\n\r\n",
            Self::IsDown => b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n",
        }
    }

    /// Whether the endpoint has a message that was answered so.
    const fn takes(self) -> bool {
        matches!(self, Self::Takes | Self::IsSlow)
    }
}

/// What came in, over some doors.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct Summary {
    /// Messages taken, each counted once.
    pub(crate) taken: u64,
    /// Posts of a message that had been taken before.
    pub(crate) again: u64,
    /// Posts without a message of ours.
    pub(crate) strange: u64,
    /// Posts that were refused.
    pub(crate) refused: u64,
    /// When the first message was taken, in microseconds of the wall's clock; 0 where none was.
    pub(crate) first_us: u64,
    /// When the last new message was taken.
    pub(crate) last_us: u64,
    /// How long after the last message was due the last one was taken.
    pub(crate) behind_ms: f64,
    /// Messages in the times below: those of the warm-up are not.
    pub(crate) timed: u64,
    /// From the instant a post was due until its message was here, in milliseconds.
    pub(crate) p50_ms: f64,
    /// The same.
    pub(crate) p90_ms: f64,
    /// The same.
    pub(crate) p99_ms: f64,
    /// The same.
    pub(crate) p999_ms: f64,
    /// The same.
    pub(crate) max_ms: f64,
}

impl Summary {
    /// Seconds between the first message and the last.
    pub(crate) fn seconds(&self) -> f64 {
        Duration::from_micros(self.last_us.saturating_sub(self.first_us)).as_secs_f64()
    }

    /// Messages per second between the first and the last.
    pub(crate) fn per_second(&self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "no run has 2^52 messages")]
        let taken = self.taken as f64;
        if self.seconds() > 0.0 { taken / self.seconds() } else { 0.0 }
    }
}

/// One address.
struct Door {
    manner: AtomicU8,
    got: Mutex<Got>,
}

/// What came in through a door since it was last begun.
struct Got {
    /// Since it was opened.
    messages: Acks,
    taken: u64,
    again: u64,
    strange: u64,
    refused: u64,
    first_us: u64,
    last_us: u64,
    last_due_us: u64,
    warmup_us: u64,
    /// Times count for posts that were due from here on; set by the first.
    timed_from_us: Option<u64>,
    times: Histogram<u64>,
}

impl Door {
    fn new() -> anyhow::Result<Self> {
        Ok(Self { manner: AtomicU8::new(Manner::Takes.number()), got: Mutex::new(Got::new(Acks::new(0))?) })
    }

    fn manner(&self) -> Manner {
        let number = self.manner.load(Ordering::Relaxed);
        Manner::ALL.into_iter().find(|manner| manner.number() == number).unwrap_or(Manner::Takes)
    }

    fn got(&self) -> MutexGuard<'_, Got> {
        self.got.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A post came in and is answered so.
    fn note(&self, body: &[u8], manner: Manner) {
        let now = unix_micros();
        let mut got = self.got();
        match mark_of(body) {
            _ if !manner.takes() => got.refused += 1,
            Some(mark) => got.take(mark, now),
            None => got.strange += 1,
        }
    }
}

impl Got {
    fn new(messages: Acks) -> anyhow::Result<Self> {
        Ok(Self {
            messages,
            taken: 0,
            again: 0,
            strange: 0,
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
            self.again += 1;
            return;
        }
        self.taken += 1;
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

/// The receiver; ends when dropped.
pub(crate) struct Sink {
    addresses: Vec<SocketAddr>,
    doors: Arc<[Door]>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<anyhow::Result<()>>>,
}

impl Sink {
    /// Opens so many doors, all of which take what comes.
    pub(crate) fn open(doors: usize) -> anyhow::Result<Self> {
        let open = |_| TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0)));
        let listeners: Vec<TcpListener> = (0..doors).map(open).collect::<Result<_, _>>()?;
        let addresses = listeners.iter().map(TcpListener::local_addr).collect::<Result<_, _>>()?;
        let doors: Arc<[Door]> = (0..doors).map(|_| Door::new()).collect::<anyhow::Result<Vec<_>>>()?.into();
        let stop = Arc::new(AtomicBool::new(false));
        let server = serve::Server::new(listeners, Arc::clone(&doors), Arc::clone(&stop))?;
        let thread = std::thread::Builder::new().name("sink".to_owned()).spawn(move || server.run())?;
        Ok(Self { addresses, doors, stop, thread: Some(thread) })
    }

    /// Where a door is.
    pub(crate) fn url(&self, door: usize) -> String {
        self.addresses.get(door).map(|address| format!("http://{address}/hook")).unwrap_or_default()
    }

    /// Changes how a door answers from now on.
    pub(crate) fn set(&self, door: usize, manner: Manner) {
        if let Some(door) = self.doors.get(door) {
            door.manner.store(manner.number(), Ordering::Relaxed);
        }
    }

    /// Counts anew at every door. Posts due within `warmup` of the first one are left out of the times.
    pub(crate) fn begin(&self, warmup: f64) -> anyhow::Result<()> {
        for door in &*self.doors {
            let mut got = door.got();
            let messages = std::mem::take(&mut got.messages);
            let warmup_us = u64::try_from(Duration::from_secs_f64(warmup).as_micros())?;
            *got = Got { warmup_us, ..Got::new(messages)? };
        }
        Ok(())
    }

    /// How many messages were taken at a door since it was begun.
    pub(crate) fn taken(&self, door: usize) -> u64 {
        self.doors.get(door).map_or(0, |door| door.got().taken)
    }

    /// How many posts of a message came to a door that it had taken before, since it was begun.
    pub(crate) fn again(&self, door: usize) -> u64 {
        self.doors.get(door).map_or(0, |door| door.got().again)
    }

    /// Which of these messages a door never took.
    pub(crate) fn missing(&self, door: usize, acknowledged: &Acks) -> u64 {
        let Some(door) = self.doors.get(door) else { return acknowledged.len() };
        let got = door.got();
        acknowledged.iter().filter(|message| !got.messages.contains(*message)).count() as u64
    }

    /// What came in at the first so many doors since they were begun.
    pub(crate) fn summary(&self, doors: usize) -> anyhow::Result<Summary> {
        let mut all = Got::new(Acks::default())?;
        for door in self.doors.iter().take(doors) {
            let got = door.got();
            all.taken += got.taken;
            all.again += got.again;
            all.strange += got.strange;
            all.refused += got.refused;
            all.last_us = all.last_us.max(got.last_us);
            all.last_due_us = all.last_due_us.max(got.last_due_us);
            if got.first_us > 0 {
                all.first_us = if all.first_us == 0 { got.first_us } else { all.first_us.min(got.first_us) };
            }
            all.times.add(&got.times)?;
        }
        #[expect(clippy::cast_precision_loss, reason = "no time has 2^52 microseconds")]
        let milliseconds = |micros: u64| micros as f64 / 1000.0;
        let ms = |q: f64| milliseconds(all.times.value_at_quantile(q));
        Ok(Summary {
            taken: all.taken,
            again: all.again,
            strange: all.strange,
            refused: all.refused,
            first_us: all.first_us,
            last_us: all.last_us,
            behind_ms: milliseconds(all.last_us.saturating_sub(all.last_due_us)),
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
            crate::run::say(&format!("the receiver failed: {error:#}"));
        }
    }
}
