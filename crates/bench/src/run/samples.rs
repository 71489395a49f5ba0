//! Samples the memory of a process under load, and decides whether it stays flat.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::process::{Memory, Process};

/// Memory is flat if the mean of the last third exceeds the first by at most this share …
const FLAT_SHARE: f64 = 0.10;

/// … or by this many megabytes, since a tenth of a small process is very little.
const FLAT_MB: f64 = 5.0;

/// Interval at which the sampler checks whether to stop.
const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// One sample of the memory.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Sample {
    /// Seconds since the first sample.
    pub(crate) at_s: f64,
    #[serde(flatten)]
    pub(crate) memory: Memory,
}

/// Interval between two samples during a measurement.
pub(crate) const SAMPLE_INTERVAL: Duration = Duration::from_millis(500);

/// Samples in a thread until it is stopped.
pub(crate) struct Sampler {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Vec<Sample>>,
}

impl Sampler {
    /// Starts to sample a process.
    pub(crate) fn start(process: &Process, every: Duration) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let (id, is_over) = (process.id(), Arc::clone(&stop));
        let thread = std::thread::spawn(move || {
            let (began, mut next, mut samples) = (Instant::now(), Duration::ZERO, Vec::new());
            while !is_over.load(Ordering::Relaxed) {
                if began.elapsed() >= next {
                    // A failure means that the process has ended; its starter reports that.
                    let at_s = began.elapsed().as_secs_f64();
                    samples.extend(Memory::of(&id).map(|memory| Sample { at_s, memory }));
                    next += every;
                }
                std::thread::sleep(POLL_INTERVAL.min(every));
            }
            samples
        });
        Self { stop, thread }
    }

    /// Stops sampling and returns all samples.
    pub(crate) fn stop(self) -> Samples {
        self.stop.store(true, Ordering::Relaxed);
        Samples(self.thread.join().unwrap_or_default())
    }
}

/// Samples in the order of time.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Samples(pub(crate) Vec<Sample>);

impl Samples {
    /// The largest resident memory in megabytes.
    pub(crate) fn max_mb(&self) -> f64 {
        self.0.iter().map(|sample| sample.memory.rss_mb).fold(0.0, f64::max)
    }

    /// The samples since this second.
    pub(crate) fn since(&self, at_s: f64) -> Self {
        Self(self.0.iter().filter(|sample| sample.at_s >= at_s).copied().collect())
    }

    /// Mean memory of the first and of the last third, in megabytes.
    pub(crate) fn thirds_mb(&self) -> (f64, f64) {
        let third = (self.0.len() / 3).max(1).min(self.0.len());
        let (first, last) = (self.0.get(..third), self.0.get(self.0.len() - third..));
        (mean(first.unwrap_or_default()), mean(last.unwrap_or_default()))
    }

    /// Slope of the best-fitting line after the first third; caches that fill at the start do not count as growth.
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

    /// Whether the last third uses no more memory than the first, within the limits of flat.
    pub(crate) fn is_flat(&self) -> bool {
        let (first, last) = self.thirds_mb();
        last - first <= (first * FLAT_SHARE).max(FLAT_MB)
    }

    /// At most about `most` samples at even distances, with the last one.
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
fn growth_is_distinguished_from_a_rise_at_the_start() {
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
