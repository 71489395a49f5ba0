//! The highest rate a server holds: a closed loop says where to begin, short probes narrow it down, and
//! only what then holds for the whole time counts. Half of it is where times are quoted.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;

use serde::Serialize;

use super::process::{Process, cpu_seconds, output};
use super::product::{APP_SECRET, Programs};
use crate::load::Outcome;
use crate::load::acks::Acks;

/// A rate is held when every post was answered 200 and the 99th percentile stayed below this …
pub(crate) const HELD_P99_MS: f64 = 100.0;

/// … and what was still waiting when the schedule ended was answered within this.
pub(crate) const HELD_DRAIN_MS: f64 = 250.0;

/// How the rate is changed from one try to the next.
pub(crate) const STEP: f64 = 0.95;

/// The same where each try takes long …
const HOLD_STEP: f64 = 0.92;

/// … and how many there are: two at each rate, since the machine itself may have stopped for a moment.
const HOLDS: usize = 24;

/// How many times the rate is lowered before giving up.
pub(crate) const TRIES: usize = 16;

/// How many seconds each kind of load lasts.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Pace {
    /// A probe.
    pub(crate) probe: f64,
    /// What counts.
    pub(crate) hold: f64,
    /// At half of it.
    pub(crate) half: f64,
    /// Before each of them, and not counted.
    pub(crate) warmup: f64,
}

impl Pace {
    /// Briefly, to see whether it works; or as long as figures need.
    pub(crate) const fn of(quick: bool) -> Self {
        let (probe, hold, half) = if quick { (2.0, 4.0, 4.0) } else { (4.0, 30.0, 30.0) };
        Self { probe, hold, half, warmup: 1.0 }
    }

    /// As short as it goes: what is counted is counted, and no time means anything.
    pub(crate) const SMOKE: Self = Self { probe: 0.3, hold: 0.3, half: 0.3, warmup: 0.2 };
}

/// What a server held.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Held {
    /// Changes per post.
    pub(crate) changes: usize,
    /// Changes per second that were held; 0 when none was.
    pub(crate) events_per_s: f64,
    /// The hold.
    pub(crate) hold: Outcome,
    /// At half the rate.
    pub(crate) half: Option<Outcome>,
    /// Processor microseconds of the server (and of PostgreSQL's processes not) per change in the hold.
    pub(crate) server_us_per_event: f64,
    /// What was tried before.
    pub(crate) tried: Vec<Tried>,
}

/// A try.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Tried {
    /// Posts per second; 0 is the closed loop.
    pub(crate) rate: f64,
    /// Seconds.
    pub(crate) seconds: f64,
    /// Posts answered 200 per second.
    pub(crate) achieved: f64,
    /// Milliseconds.
    pub(crate) p99_ms: f64,
    /// Whether it was held.
    pub(crate) held: bool,
    /// Whether it was ended early, since it was certain not to be.
    pub(crate) gave_up: bool,
}

/// Starts generators against one server.
pub(crate) struct Loader {
    pub(crate) programs: Programs,
    pub(crate) target: SocketAddr,
    pub(crate) numbers: Vec<String>,
    pub(crate) changes: usize,
    /// Persons that write to each number.
    pub(crate) people: usize,
    /// Seconds before each load that are not counted.
    pub(crate) warmup: f64,
    pub(crate) connections: usize,
    pub(crate) folder: PathBuf,
    /// The next message's number.
    pub(crate) first: u64,
    /// What was acknowledged so far.
    pub(crate) acks: Vec<Acks>,
}

impl Loader {
    /// One load, in a process of its own.
    pub(crate) fn load(&mut self, rate: f64, seconds: f64) -> anyhow::Result<Outcome> {
        self.load_unless_hopeless(rate, seconds, None)
    }

    /// The same, but it ends as soon as it is certain that the 99th percentile will be above a limit.
    fn load_unless_hopeless(&mut self, rate: f64, seconds: f64, limit_ms: Option<f64>) -> anyhow::Result<Outcome> {
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
            command.args(["--hopeless-above", &limit.to_string()]);
        }
        command.args(self.numbers.iter().cloned().flat_map(number));
        let outcome: Outcome = serde_json::from_str(&output(&mut command)?)?;
        self.first += outcome.sent * self.changes as u64;
        self.acks.push(Acks::read(&acks)?);
        std::fs::remove_file(acks)?;
        Ok(outcome)
    }

    /// The highest rate that is held, and how it is at half of that.
    pub(crate) fn highest(&mut self, pace: Pace, server: &Process) -> anyhow::Result<Held> {
        let mut tried = Vec::new();
        let closed = self.load(0.0, pace.probe)?;
        note(&mut tried, &closed, pace.probe);
        let mut rate = narrow(closed.achieved * 0.98, |rate| {
            let outcome = self.load_unless_hopeless(rate, pace.probe, Some(HELD_P99_MS))?;
            Ok(note(&mut tried, &outcome, pace.probe))
        })?;
        let mut longest = None;
        for attempt in 0..HOLDS {
            let before = cpu_seconds(&server.id()).unwrap_or_default();
            let outcome = self.load_unless_hopeless(rate, pace.hold, Some(HELD_P99_MS))?;
            let spent = cpu_seconds(&server.id()).unwrap_or_default() - before;
            if note(&mut tried, &outcome, pace.hold) {
                longest = Some((outcome, spent));
                break;
            }
            if attempt % 2 == 1 {
                rate *= HOLD_STEP;
            }
        }
        let Some((hold, spent)) = longest else { return Ok(nothing(self.changes, tried)) };
        let half = if pace.half > 0.0 { Some(self.load(rate / 2.0, pace.half)?) } else { None };
        #[expect(clippy::cast_precision_loss, reason = "no run has 2^52 changes")]
        let (changes, events) = (self.changes as f64, (hold.sent * self.changes as u64) as f64);
        Ok(Held {
            changes: self.changes,
            events_per_s: hold.achieved * changes,
            hold,
            half,
            server_us_per_event: spent * 1e6 / events,
            tried,
        })
    }
}

/// A rate that holds, near above which one does not; the search begins at `from`.
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
    for _ in 0..TRIES {
        rate *= STEP;
        if holds(rate)? {
            break;
        }
    }
    Ok(rate)
}

/// Whether a rate was held.
pub(crate) fn is_held(outcome: &Outcome) -> bool {
    !outcome.gave_up && outcome.is_all_stored() && outcome.p99_ms <= HELD_P99_MS && outcome.drain_ms <= HELD_DRAIN_MS
}

#[expect(clippy::print_stderr, reason = "progress, for whoever waits")]
fn note(tried: &mut Vec<Tried>, outcome: &Outcome, seconds: f64) -> bool {
    let held = is_held(outcome) && outcome.rate > 0.0;
    eprintln!(
        "    {:>8.0}/s for {seconds:>3.0} s: {:>8.0}/s, p50 {:>6.1} p99 {:>7.1} ms, late {:.1} ms, answers {:?} {}",
        outcome.rate,
        outcome.achieved,
        outcome.p50_ms,
        outcome.p99_ms,
        outcome.sent_late_p99_ms,
        outcome.statuses,
        match (held, outcome.gave_up) {
            (true, _) => "held",
            (false, true) => "given up",
            (false, false) => "",
        }
    );
    let Outcome { rate, achieved, p99_ms, gave_up, .. } = *outcome;
    tried.push(Tried { rate, seconds, achieved, p99_ms, held, gave_up });
    held
}

fn nothing(changes: usize, tried: Vec<Tried>) -> Held {
    let hold = Outcome::default();
    Held { changes, events_per_s: 0.0, hold, half: None, server_us_per_event: 0.0, tried }
}
