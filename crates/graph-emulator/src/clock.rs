//! World time: stepped by a test, or following the wall. The only place that reads the wall clock.

use std::time::Instant;

use jiff::{SignedDuration, Timestamp};

/// How world time passes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum ClockMode {
    /// Stands still at this instant until moved.
    Stepped(Timestamp),
    /// Runs with the wall clock.
    Wall,
    /// Runs so many times faster than the wall clock, from now.
    Scaled(f64),
}

impl ClockMode {
    /// Stands still at the present instant, for people who step by hand.
    pub fn now_stepped() -> Self {
        let now = wall();
        Self::Stepped(Timestamp::from_second(now.as_second()).unwrap_or(now))
    }
}

/// A clock in one of the modes; each can be set.
#[derive(Debug)]
pub(crate) struct Clock {
    mode: ClockMode,
    /// World time when `since` was taken.
    base: Timestamp,
    since: Instant,
}

impl Clock {
    pub(crate) fn new(mode: ClockMode) -> Self {
        let base = match mode {
            ClockMode::Stepped(at) => at,
            ClockMode::Wall | ClockMode::Scaled(_) => wall(),
        };
        Self { mode, base, since: Instant::now() }
    }

    pub(crate) fn now(&self) -> Timestamp {
        let elapsed = self.since.elapsed();
        let passed = match self.mode {
            ClockMode::Stepped(_) => return self.base,
            ClockMode::Wall => elapsed,
            ClockMode::Scaled(factor) => elapsed.mul_f64(factor.clamp(0.0, 1e6)),
        };
        let passed = SignedDuration::try_from(passed).unwrap_or(SignedDuration::ZERO);
        self.base.checked_add(passed).unwrap_or(self.base)
    }

    /// Moves world time; a running clock runs on from there.
    pub(crate) fn set(&mut self, to: Timestamp) {
        self.base = to;
        self.since = Instant::now();
    }

    pub(crate) const fn is_stepped(&self) -> bool {
        matches!(self.mode, ClockMode::Stepped(_))
    }

    /// Wall time until a world instant, for sleeping.
    pub(crate) fn wall_until(&self, at: Timestamp) -> std::time::Duration {
        let world = std::time::Duration::try_from(at.duration_since(self.now())).unwrap_or_default();
        match self.mode {
            ClockMode::Scaled(factor) if factor > 0.0 => world.div_f64(factor.clamp(1e-6, 1e6)),
            ClockMode::Stepped(_) | ClockMode::Wall | ClockMode::Scaled(_) => world,
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "the one reader of the wall clock")]
fn wall() -> Timestamp {
    Timestamp::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stepped_clock_moves_only_when_told() {
        let at: Timestamp = "2026-10-01T00:00:00Z".parse().expect("time");
        let mut clock = Clock::new(ClockMode::Stepped(at));
        assert_eq!(clock.now(), at);
        clock.set(at + SignedDuration::from_hours(72));
        assert_eq!(clock.now().duration_since(at), SignedDuration::from_hours(72));
    }

    #[test]
    fn a_scaled_clock_sleeps_less() {
        let clock = Clock::new(ClockMode::Scaled(60.0));
        let wait = clock.wall_until(clock.now() + SignedDuration::from_mins(10));
        assert!(wait.as_secs() <= 10, "{wait:?}");
    }
}
