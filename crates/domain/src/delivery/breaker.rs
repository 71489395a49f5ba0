//! The circuit breaker of an endpoint: after failures in a row it gets one probe at a time, and after
//! days of them it is switched off. Pure state; whoever keeps it says what happened and when.

use jiff::{SignedDuration, Timestamp};

use super::with_jitter;

/// So many events in a row that nobody took, and the endpoint is taken for broken. A retry that fails
/// again says nothing new of the endpoint and is not counted: a poisoned conversation is not a broken
/// endpoint.
pub const OPENS_AFTER: u32 = 5;

/// An endpoint that took nothing for this long is switched off, and its account is told.
pub const DISABLE_AFTER: SignedDuration = SignedDuration::from_hours(5 * 24);

/// Between two probes: 5 s, doubling.
const FIRST_PROBE: SignedDuration = SignedDuration::from_secs(5);

/// The longest time between two probes.
pub const SLOWEST_PROBE: SignedDuration = SignedDuration::from_mins(5);

/// How an endpoint has answered lately.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Breaker {
    /// Events in a row that nobody took at their first try.
    pub failures: u32,
    /// Since when nothing was taken, as far as it was taken for broken all the time.
    pub failing_since: Option<Timestamp>,
    /// Nothing is sent before this: a probe is due then, or the endpoint asked to be left alone.
    pub wait_until: Option<Timestamp>,
}

/// What may be sent now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gate {
    /// Everything.
    Open,
    /// One event, and nothing else until its answer is here.
    Probe,
    /// Nothing before this.
    Wait(Timestamp),
}

impl Breaker {
    /// Whether it is taken for broken.
    pub const fn is_open(&self) -> bool {
        self.failures >= OPENS_AFTER
    }

    /// What may be sent now.
    pub fn gate(&self, now: Timestamp) -> Gate {
        match self.wait_until {
            Some(until) if until > now => Gate::Wait(until),
            _ if self.is_open() => Gate::Probe,
            _ => Gate::Open,
        }
    }

    /// It took an event.
    pub const fn taken(&mut self) {
        *self = Self { failures: 0, failing_since: None, wait_until: None };
    }

    /// It did not take an event. `first` is its first try; `chance` as for [`super::retry_at`].
    pub fn failed(&mut self, first: bool, now: Timestamp, chance: f64) {
        // what was under way when it opened is no probe: thirty posts at once would make a moment's failure
        // one of minutes
        if self.is_open() && matches!(self.gate(now), Gate::Wait(_)) {
            return;
        }
        // while it is open every failure is a probe's
        if first || self.is_open() {
            self.failures = self.failures.saturating_add(1);
        }
        if self.is_open() {
            // not before: one event that nobody takes, for days, says nothing of the endpoint
            self.failing_since.get_or_insert(now);
            let doublings = (self.failures - OPENS_AFTER).min(10);
            let wait = (FIRST_PROBE * (1_i32 << doublings)).min(SLOWEST_PROBE);
            self.hold(now + with_jitter(wait, chance));
        }
    }

    /// It asked to be left alone until then.
    pub fn hold(&mut self, until: Timestamp) {
        self.wait_until = Some(self.wait_until.map_or(until, |before| before.max(until)));
    }

    /// Whether it is to be switched off: open, and nothing taken for [`DISABLE_AFTER`].
    pub fn is_hopeless(&self, now: Timestamp) -> bool {
        self.is_open() && self.failing_since.is_some_and(|since| now.duration_since(since) >= DISABLE_AFTER)
    }
}
