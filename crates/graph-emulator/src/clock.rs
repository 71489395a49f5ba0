//! World time: moved by a test, or following the wall clock. Only this file may read the wall clock.

use std::time::Instant;

use jiff::{SignedDuration, Timestamp};

/// How world time passes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum ClockMode {
    /// World time stands still at this instant until it is moved.
    Stepped(Timestamp),
    /// World time runs with the wall clock.
    Wall,
    /// World time runs from now on, faster than the wall clock by this factor.
    Scaled(f64),
}

impl ClockMode {
    /// A clock that stands still at the present second, for people who move it by hand.
    pub fn now_stepped() -> Self {
        let now = wall_now();
        Self::Stepped(Timestamp::from_second(now.as_second()).unwrap_or(now))
    }
}

/// A clock in one of the modes; it can be set in each.
#[derive(Debug)]
pub(crate) struct Clock {
    mode: ClockMode,
    /// World time at the instant `since`.
    base: Timestamp,
    since: Instant,
}

impl Clock {
    pub(crate) fn new(mode: ClockMode) -> Self {
        let base = match mode {
            ClockMode::Stepped(at) => at,
            ClockMode::Wall | ClockMode::Scaled(_) => wall_now(),
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

    /// Sets world time; a running clock continues from there.
    pub(crate) fn set(&mut self, to: Timestamp) {
        self.base = to;
        self.since = Instant::now();
    }

    pub(crate) const fn is_stepped(&self) -> bool {
        matches!(self.mode, ClockMode::Stepped(_))
    }

    /// Wall time until an instant of world time, for sleeping.
    pub(crate) fn wall_until(&self, at: Timestamp) -> std::time::Duration {
        let world = std::time::Duration::try_from(at.duration_since(self.now())).unwrap_or_default();
        match self.mode {
            ClockMode::Scaled(factor) if factor > 0.0 => world.div_f64(factor.clamp(1e-6, 1e6)),
            ClockMode::Stepped(_) | ClockMode::Wall | ClockMode::Scaled(_) => world,
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "only this function reads the wall clock")]
fn wall_now() -> Timestamp {
    Timestamp::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stepped_clock_moves_only_when_it_is_set() {
        let at: Timestamp = "2026-10-01T00:00:00Z".parse().expect("time");
        let mut clock = Clock::new(ClockMode::Stepped(at));
        assert_eq!(clock.now(), at);
        clock.set(at + SignedDuration::from_hours(72));
        assert_eq!(clock.now().duration_since(at), SignedDuration::from_hours(72));
    }

    #[test]
    fn a_scaled_clock_sleeps_for_less_wall_time() {
        let clock = Clock::new(ClockMode::Scaled(60.0));
        let wait = clock.wall_until(clock.now() + SignedDuration::from_mins(10));
        assert!(wait.as_secs() <= 10, "{wait:?}");
    }
}
