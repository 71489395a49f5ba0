//! Searches the highest rate that a server sustains: a closed loop gives the start, short probes narrow it down, and only a
//! rate that is sustained for the whole time counts. Times are quoted at half of that rate.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;

use serde::{Deserialize, Serialize};

use super::process::{Process, cpu_seconds, output};
use super::product::{APP_SECRET, Programs};
use crate::load::GeneratorReport;
use crate::load::acks::Acks;
use crate::progress::log_progress;

/// A rate is sustained if every post was answered 200, the 99th percentile was at most this …
pub(crate) const MAX_P99_MS: f64 = 100.0;

/// … and the last answer came within this time after the end of the schedule.
pub(crate) const MAX_DRAIN_MS: f64 = 250.0;

/// Factor between the rates of two probes.
pub(crate) const STEP: f64 = 0.95;

/// Factor between the rates of two long attempts …
const HOLD_STEP: f64 = 0.92;

/// … and their largest number: two at each rate, since the machine itself may have paused.
const MAX_HOLDS: usize = 24;

/// The largest number of times that the rate is lowered.
pub(crate) const MAX_ATTEMPTS: usize = 16;

/// Duration of each kind of load in seconds.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Durations {
    pub(crate) probe: f64,
    /// The load that counts.
    pub(crate) hold: f64,
    /// The load at half of the rate.
    pub(crate) half: f64,
    /// The warm-up before each load, which is not counted.
    pub(crate) warmup: f64,
}

impl Durations {
    /// Short durations to see whether it works, or those that figures need.
    pub(crate) const fn of(quick: bool) -> Self {
        let (probe, hold, half) = if quick { (2.0, 4.0, 4.0) } else { (4.0, 30.0, 30.0) };
        Self { probe, hold, half, warmup: 1.0 }
    }

    /// The shortest durations: counts are exact, times mean nothing.
    pub(crate) const SMOKE: Self = Self { probe: 0.3, hold: 0.3, half: 0.3, warmup: 0.2 };
}

/// The result of a search.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct SustainedRate {
    /// Number of changes in each post.
    pub(crate) changes: usize,
    /// Changes per second that were sustained; 0 if no rate was.
    pub(crate) events_per_s: f64,
    /// The load at the sustained rate.
    pub(crate) hold: GeneratorReport,
    /// The load at half of the rate.
    pub(crate) half: Option<GeneratorReport>,
    /// Processor microseconds of the server per change, without PostgreSQL's processes.
    pub(crate) server_us_per_event: f64,
    /// All attempts in their order.
    pub(crate) attempts: Vec<Attempt>,
}

/// One load of the search.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Attempt {
    /// Scheduled posts per second; 0 for the closed loop.
    pub(crate) rate: f64,
    pub(crate) seconds: f64,
    /// Posts answered 200 per second.
    pub(crate) achieved: f64,
    pub(crate) p99_ms: f64,
    pub(crate) sustained: bool,
    /// Whether the load was stopped early because it was too slow.
    pub(crate) aborted: bool,
}

/// Runs load generators against one server.
pub(crate) struct Loader {
    pub(crate) programs: Programs,
    pub(crate) target: SocketAddr,
    pub(crate) numbers: Vec<String>,
    pub(crate) changes: usize,
    /// Number of people who write to each number.
    pub(crate) people: usize,
    /// Seconds of warm-up before each load.
    pub(crate) warmup: f64,
    pub(crate) connections: usize,
    pub(crate) folder: PathBuf,
    /// Number of the next message.
    pub(crate) first: u64,
    /// Acknowledged messages of every load so far.
    pub(crate) acks: Vec<Acks>,
}

impl Loader {
    /// Runs one load in a process of its own.
    pub(crate) fn load(&mut self, rate: f64, seconds: f64) -> anyhow::Result<GeneratorReport> {
        self.load_unless_slow(rate, seconds, None)
    }

    /// Runs one load that stops as soon as the 99th percentile is certain to exceed a limit.
    fn load_unless_slow(&mut self, rate: f64, seconds: f64, limit_ms: Option<f64>) -> anyhow::Result<GeneratorReport> {
        let acks = self.folder.join("acks");
        let mut command = Command::new(&self.programs.bench);
        let number = |text: String| ["--number".to_owned(), text];
        command.args(["load", "--secret", APP_SECRET, "--target", &self.target.to_string()]);
        command.args(["--rate", &rate.to_string(), "--seconds", &seconds.to_string()]);
        command.args(["--warmup", &self.warmup.to_string()]);
        command.args(["--changes", &self.changes.to_string(), "--connections", &self.connections.to_string()]);
        command
            .args(["--people", &self.people.to_string(), "--first", &self.first.to_string()])
            .arg("--acks")
            .arg(&acks);
        if let Some(limit) = limit_ms {
            command.args(["--abort-above", &limit.to_string()]);
        }
        command.args(self.numbers.iter().cloned().flat_map(number));
        let outcome: GeneratorReport = serde_json::from_str(&output(&mut command)?)?;
        self.first += outcome.sent * self.changes as u64;
        self.acks.push(Acks::read(&acks)?);
        std::fs::remove_file(acks)?;
        Ok(outcome)
    }

    /// Searches the highest sustained rate, and runs a load at half of it.
    pub(crate) fn highest(&mut self, durations: Durations, server: &Process) -> anyhow::Result<SustainedRate> {
        let mut attempts = Vec::new();
        let closed = self.load(0.0, durations.probe)?;
        record(&mut attempts, &closed, durations.probe);
        let mut rate = narrow(closed.achieved * 0.98, |rate| {
            let outcome = self.load_unless_slow(rate, durations.probe, Some(MAX_P99_MS))?;
            Ok(record(&mut attempts, &outcome, durations.probe))
        })?;
        let mut longest = None;
        for attempt in 0..MAX_HOLDS {
            let before = cpu_seconds(&server.id()).unwrap_or_default();
            let outcome = self.load_unless_slow(rate, durations.hold, Some(MAX_P99_MS))?;
            let spent = cpu_seconds(&server.id()).unwrap_or_default() - before;
            if record(&mut attempts, &outcome, durations.hold) {
                longest = Some((outcome, spent));
                break;
            }
            if attempt % 2 == 1 {
                rate *= HOLD_STEP;
            }
        }
        let Some((hold, spent)) = longest else { return Ok(no_rate(self.changes, attempts)) };
        let half = if durations.half > 0.0 { Some(self.load(rate / 2.0, durations.half)?) } else { None };
        #[expect(clippy::cast_precision_loss, reason = "no run has 2^52 changes")]
        let (changes, events) = (self.changes as f64, (hold.sent * self.changes as u64) as f64);
        Ok(SustainedRate {
            changes: self.changes,
            events_per_s: hold.achieved * changes,
            hold,
            half,
            server_us_per_event: spent * 1e6 / events,
            attempts,
        })
    }
}

/// Searches a rate that is sustained, just below one that is not; the search begins at `from`.
pub(crate) fn narrow(from: f64, mut holds: impl FnMut(f64) -> anyhow::Result<bool>) -> anyhow::Result<f64> {
    let mut rate = from;
    if holds(rate)? {
        for _ in 0..4 {
            if !holds(rate / STEP)? {
                break;
            }
            rate /= STEP;
        }
        return Ok(rate);
    }
    for _ in 0..MAX_ATTEMPTS {
        rate *= STEP;
        if holds(rate)? {
            break;
        }
    }
    Ok(rate)
}

/// Whether a load was within the limits of a sustained rate.
pub(crate) fn is_sustained(outcome: &GeneratorReport) -> bool {
    !outcome.aborted && outcome.is_all_stored() && outcome.p99_ms <= MAX_P99_MS && outcome.drain_ms <= MAX_DRAIN_MS
}

fn record(attempts: &mut Vec<Attempt>, outcome: &GeneratorReport, seconds: f64) -> bool {
    let sustained = is_sustained(outcome) && outcome.rate > 0.0;
    log_progress(&format!(
        "    {:>8.0}/s for {seconds:>3.0} s: {:>8.0}/s, p50 {:>6.1} p99 {:>7.1} ms, generator late by {:.1} ms, answers {:?} {}",
        outcome.rate,
        outcome.achieved,
        outcome.p50_ms,
        outcome.p99_ms,
        outcome.sent_late_p99_ms,
        outcome.statuses,
        match (sustained, outcome.aborted) {
            (true, _) => "sustained",
            (false, true) => "stopped early",
            (false, false) => "",
        }
    ));
    let GeneratorReport { rate, achieved, p99_ms, aborted, .. } = *outcome;
    attempts.push(Attempt { rate, seconds, achieved, p99_ms, sustained, aborted });
    sustained
}

fn no_rate(changes: usize, attempts: Vec<Attempt>) -> SustainedRate {
    let hold = GeneratorReport::default();
    SustainedRate { changes, events_per_s: 0.0, hold, half: None, server_us_per_event: 0.0, attempts }
}
