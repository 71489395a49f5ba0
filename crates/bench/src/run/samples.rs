//! The memory of a process, looked at again and again while it is under load, and what that comes to: whether it
//! stays flat is computed here, not judged by eye.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde::Serialize;

use super::process::{Memory, Process};

/// Flat: the last third holds at most so much more than the first third …
const FLAT_SHARE: f64 = 0.10;

/// … or so many megabytes, since a small process may not be held to a tenth of little.
const FLAT_MB: f64 = 5.0;

/// How often it is looked whether to stop.
const NAP: Duration = Duration::from_millis(50);

/// A look.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Sample {
    /// Seconds since the first.
    pub(crate) at_s: f64,
    /// What the process held.
    #[serde(flatten)]
    pub(crate) memory: Memory,
}

/// Looks until it is stopped.
pub(crate) struct Sampler {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Vec<Sample>>,
}

impl Sampler {
    /// Begins to look at a process.
    pub(crate) fn start(process: &Process, every: Duration) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let (id, is_over) = (process.id(), Arc::clone(&stop));
        let thread = std::thread::spawn(move || {
            let (began, mut next, mut samples) = (Instant::now(), Duration::ZERO, Vec::new());
            while !is_over.load(Ordering::Relaxed) {
                if began.elapsed() >= next {
                    // a process that has ended is whoever started it to complain of
                    let at_s = began.elapsed().as_secs_f64();
                    samples.extend(Memory::of(&id).map(|memory| Sample { at_s, memory }));
                    next += every;
                }
                std::thread::sleep(NAP.min(every));
            }
            samples
        });
        Self { stop, thread }
    }

    /// Everything seen.
    pub(crate) fn stop(self) -> Samples {
        self.stop.store(true, Ordering::Relaxed);
        Samples(self.thread.join().unwrap_or_default())
    }
}

/// What was seen, in order.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct Samples(pub(crate) Vec<Sample>);

impl Samples {
    /// The most.
    pub(crate) fn max_mb(&self) -> f64 {
        self.0.iter().map(|sample| sample.memory.rss_mb).fold(0.0, f64::max)
    }

    /// Those from so many seconds on.
    pub(crate) fn since(&self, at_s: f64) -> Self {
        Self(self.0.iter().filter(|sample| sample.at_s >= at_s).copied().collect())
    }

    /// The means of the first third and of the last.
    pub(crate) fn thirds_mb(&self) -> (f64, f64) {
        let third = (self.0.len() / 3).max(1).min(self.0.len());
        let (first, last) = (self.0.get(..third), self.0.get(self.0.len() - third..));
        (mean(first.unwrap_or_default()), mean(last.unwrap_or_default()))
    }

    /// How fast it grows by the line that fits best, from the first third's end on: what is filled once at the
    /// beginning is no growth.
    pub(crate) fn slope_mb_per_hour(&self) -> f64 {
        let rest = self.0.get(self.0.len() / 3..).unwrap_or_default();
        let middle = rest.iter().map(|sample| sample.at_s).sum::<f64>() / count(rest);
        let mean = mean(rest);
        let (mut both, mut times) = (0.0, 0.0);
        for Sample { at_s, memory } in rest {
            both += (at_s - middle) * (memory.rss_mb - mean);
            times += (at_s - middle) * (at_s - middle);
        }
        if times > 0.0 { both / times * 3600.0 } else { 0.0 }
    }

    /// Whether the last third holds no more than the first, but for what is no growth.
    pub(crate) fn is_flat(&self) -> bool {
        let (first, last) = self.thirds_mb();
        last - first <= (first * FLAT_SHARE).max(FLAT_MB)
    }

    /// At most so many of them, evenly chosen, the last one among them.
    pub(crate) fn thinned(&self, most: usize) -> impl Iterator<Item = &Sample> {
        let step = self.0.len().div_ceil(most.max(1)).max(1);
        let last = self.0.len().saturating_sub(1);
        self.0.iter().enumerate().filter(move |(at, _)| at % step == 0 || *at == last).map(|(_, sample)| sample)
    }
}

fn mean(samples: &[Sample]) -> f64 {
    samples.iter().map(|sample| sample.memory.rss_mb).sum::<f64>() / count(samples)
}

#[expect(clippy::cast_precision_loss, reason = "few")]
fn count(samples: &[Sample]) -> f64 {
    samples.len().max(1) as f64
}

#[test]
fn growth_is_told_from_a_first_rise() {
    let samples = |of: fn(f64) -> f64| {
        let sample = |at: u32| {
            let at_s = f64::from(at) * 10.0;
            Sample { at_s, memory: Memory { rss_mb: of(at_s), anonymous_mb: 0.0 } }
        };
        Samples((0..60).map(sample).collect())
    };
    let flat = samples(|at| if at < 100.0 { 36.0 + at / 25.0 } else { 40.0 });
    assert!(flat.is_flat() && flat.slope_mb_per_hour().abs() < 0.001, "{:?}", flat.thirds_mb());
    let grows = samples(|at| 40.0 + at / 20.0);
    assert!(!grows.is_flat() && (grows.slope_mb_per_hour() - 180.0).abs() < 0.01, "{:?}", grows.thirds_mb());
    assert_eq!(grows.thinned(10).count(), 11);
    assert!(Samples::default().is_flat());
}
