//! The circuit breaker of an endpoint: it opens after failures in a row, then lets one probe through at a time, and
//! after days of failed probes it reports that retries are exhausted. Pure state; the caller passes time and jitter.

use jiff::{SignedDuration, Timestamp};

use super::retry::with_jitter;

/// The breaker opens after this many events in a row failed at their first attempt. A failed retry is not counted: it
/// says nothing new about the endpoint, because one poisoned conversation is no broken endpoint.
pub const FAILURE_THRESHOLD: u32 = 5;

/// An endpoint that accepted nothing for this long is disabled, and its account is notified.
pub const DISABLE_AFTER: SignedDuration = SignedDuration::from_hours(5 * 24);

/// The delay before the first probe; it doubles with every failed probe.
const FIRST_PROBE_DELAY: SignedDuration = SignedDuration::from_secs(5);

/// The longest delay between two probes.
const MAX_PROBE_DELAY: SignedDuration = SignedDuration::from_mins(5);

/// The recent failures of an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CircuitBreaker {
    /// Events in a row that failed at their first attempt, plus failed probes.
    pub failures: u32,
    /// When the breaker left the closed state; `None` while it is closed.
    pub failing_since: Option<Timestamp>,
    /// No request is allowed before this instant: the next probe's time, or the end of a `Retry-After`.
    pub blocked_until: Option<Timestamp>,
}

/// The states of a circuit breaker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CircuitState {
    Closed,
    /// Too many failures: no request before the next probe is due.
    Open,
    /// The next probe is due.
    HalfOpen,
}

/// Whether a request may be sent now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// Any number of requests.
    Allow,
    /// One request, and no other until its response has arrived.
    Probe,
    /// No request before `until`.
    Reject { until: Timestamp },
}

impl CircuitBreaker {
    /// The state at an instant.
    pub fn state(&self, now: Timestamp) -> CircuitState {
        match self.blocked_until {
            _ if !self.is_tripped() => CircuitState::Closed,
            Some(until) if until > now => CircuitState::Open,
            _ => CircuitState::HalfOpen,
        }
    }

    /// Whether the breaker is open or half open.
    pub const fn is_tripped(&self) -> bool {
        self.failures >= FAILURE_THRESHOLD
    }

    /// Whether a request may be sent now. A closed breaker rejects too while a `Retry-After` lasts.
    pub fn admit(&self, now: Timestamp) -> Admission {
        match (self.blocked_until, self.state(now)) {
            (Some(until), _) if until > now => Admission::Reject { until },
            (_, CircuitState::Closed) => Admission::Allow,
            (_, CircuitState::HalfOpen | CircuitState::Open) => Admission::Probe,
        }
    }

    /// Records an accepted event: the breaker closes.
    pub fn on_success(&mut self) {
        *self = Self::default();
    }

    /// Records a failed event. `is_first_attempt` tells it from a retry; `jitter` is as for [`super::retry_at`].
    pub fn on_failure(&mut self, is_first_attempt: bool, now: Timestamp, jitter: f64) {
        // requests in flight when the breaker opened are no probes: thirty at once would turn a moment's failure into
        // a delay of minutes
        if self.state(now) == CircuitState::Open {
            return;
        }
        // every failure of a tripped breaker is a probe's
        if is_first_attempt || self.is_tripped() {
            self.failures = self.failures.saturating_add(1);
        }
        if self.is_tripped() {
            // not earlier: one event that fails for days says nothing about the endpoint
            self.failing_since.get_or_insert(now);
            let doublings = (self.failures - FAILURE_THRESHOLD).min(10);
            let delay = (FIRST_PROBE_DELAY * (1_i32 << doublings)).min(MAX_PROBE_DELAY);
            self.block_until(now + with_jitter(delay, jitter));
        }
    }

    /// Blocks every request until an instant; an earlier one never shortens a block.
    pub fn block_until(&mut self, until: Timestamp) {
        self.blocked_until = Some(self.blocked_until.map_or(until, |before| before.max(until)));
    }

    /// Whether the endpoint is to be disabled: the breaker is not closed, and nothing was accepted for
    /// [`DISABLE_AFTER`].
    pub fn retries_exhausted(&self, now: Timestamp) -> bool {
        self.is_tripped() && self.failing_since.is_some_and(|since| now.duration_since(since) >= DISABLE_AFTER)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_790_000_000 + seconds).unwrap()
    }

    fn reject(seconds: i64) -> Admission {
        Admission::Reject { until: at(seconds) }
    }

    #[test]
    fn requests_in_flight_when_the_breaker_opens_are_no_probes() {
        let mut breaker = CircuitBreaker::default();
        for _ in 0..32 {
            breaker.on_failure(true, at(0), 0.0);
        }
        assert_eq!((breaker.failures, breaker.admit(at(0))), (FAILURE_THRESHOLD, reject(5)));
        breaker.on_failure(false, at(5), 0.0);
        assert_eq!(breaker.admit(at(5)), reject(15), "a probe is one");
    }

    #[test]
    fn a_tripped_breaker_allows_one_probe_at_a_time_and_exhausts_its_retries_after_days() {
        let mut breaker = CircuitBreaker::default();
        for _ in 1..FAILURE_THRESHOLD {
            breaker.on_failure(true, at(0), 0.0);
            assert_eq!((breaker.state(at(0)), breaker.admit(at(0))), (CircuitState::Closed, Admission::Allow));
        }
        breaker.on_failure(true, at(0), 0.0);
        assert_eq!((breaker.state(at(0)), breaker.admit(at(0))), (CircuitState::Open, reject(5)));
        assert_eq!((breaker.state(at(5)), breaker.admit(at(5))), (CircuitState::HalfOpen, Admission::Probe));
        breaker.on_failure(false, at(5), 0.0);
        assert_eq!(breaker.admit(at(6)), reject(15));
        let mut now = at(15);
        while !breaker.retries_exhausted(now) {
            assert_eq!(breaker.admit(now), Admission::Probe);
            breaker.on_failure(false, now, 0.0);
            let Admission::Reject { until } = breaker.admit(now) else { panic!("{breaker:?}") };
            assert!(until.duration_since(now) <= MAX_PROBE_DELAY);
            now = until;
        }
        assert!(now.duration_since(at(0)) >= DISABLE_AFTER);
        breaker.on_success();
        assert_eq!(breaker, CircuitBreaker::default());
    }

    #[test]
    fn one_poisoned_event_does_not_open_the_breaker() {
        let mut breaker = CircuitBreaker::default();
        breaker.on_failure(true, at(0), 0.0);
        for second in 1..100 {
            breaker.on_failure(false, at(second), 0.0);
        }
        assert_eq!(breaker.admit(at(100)), Admission::Allow);
        assert!(!breaker.retries_exhausted(at(0) + DISABLE_AFTER * 2));
    }

    #[test]
    fn a_short_outage_long_after_a_failure_does_not_exhaust_retries() {
        let mut breaker = CircuitBreaker::default();
        breaker.on_failure(true, at(0), 0.0);
        let later = at(0) + DISABLE_AFTER * 2;
        for _ in 0..FAILURE_THRESHOLD {
            breaker.on_failure(true, later, 0.0);
        }
        assert!(breaker.is_tripped() && !breaker.retries_exhausted(later), "{breaker:?}");
        assert!(breaker.retries_exhausted(later + DISABLE_AFTER));
    }

    #[test]
    fn a_closed_breaker_rejects_while_a_retry_after_lasts() {
        let mut breaker = CircuitBreaker::default();
        breaker.block_until(at(60));
        breaker.block_until(at(30));
        assert_eq!((breaker.state(at(59)), breaker.admit(at(59))), (CircuitState::Closed, reject(60)));
        assert_eq!(breaker.admit(at(60)), Admission::Allow);
    }
}
