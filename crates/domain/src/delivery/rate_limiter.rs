//! The rate limit of an endpoint: a sliding window of one second, so that no second of any offset exceeds the limit.

use std::collections::VecDeque;

use jiff::{SignedDuration, Timestamp};

const WINDOW: SignedDuration = SignedDuration::from_secs(1);

/// A rate limiter by sliding-window log: it allows at most `per_second` requests in every window of one second,
/// wherever the window begins. Without a limit it allows everything and stores nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RateLimiter {
    per_second: Option<usize>,
    /// When the permits of the last second were taken, oldest first; never more than `per_second`.
    taken: VecDeque<Timestamp>,
}

impl RateLimiter {
    /// Limits to `per_second` requests a second; 0 counts as 1, `None` is no limit.
    pub fn new(per_second: Option<u32>) -> Self {
        let per_second = per_second.map(|limit| usize::try_from(limit.max(1)).unwrap_or(usize::MAX));
        Self { per_second, taken: VecDeque::new() }
    }

    /// Takes a permit for one request. The error is the instant when the next permit is free.
    pub fn try_acquire(&mut self, now: Timestamp) -> Result<(), Timestamp> {
        let Some(limit) = self.per_second else { return Ok(()) };
        // a permit of the future: the clock was set back, and nobody waits for more than one window
        while self.taken.front().is_some_and(|at| *at > now || now.duration_since(*at) >= WINDOW) {
            self.taken.pop_front();
        }
        match self.taken.front() {
            Some(oldest) if self.taken.len() >= limit => Err(*oldest + WINDOW),
            _ => {
                self.taken.push_back(now);
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn start() -> Timestamp {
        Timestamp::from_second(1_790_000_000).unwrap()
    }

    proptest! {
        /// In no moving second more requests than the limit, whatever the requests' times are; and a refused request
        /// names an instant at which one is allowed.
        #[test]
        fn no_moving_second_exceeds_the_limit(
            limit in 1_u32..50, delays in prop::collection::vec(0_i64..400, 1..300)
        ) {
            let mut limiter = RateLimiter::new(Some(limit));
            let mut now = start();
            let mut allowed = Vec::new();
            for delay in delays {
                now += SignedDuration::from_millis(delay);
                match limiter.try_acquire(now) {
                    Ok(()) => allowed.push(now),
                    Err(until) => {
                        prop_assert!(until > now && until <= now + WINDOW);
                        prop_assert_eq!(limiter.clone().try_acquire(until), Ok(()));
                    }
                }
            }
            for from in &allowed {
                let in_second = allowed.iter().filter(|at| *at >= from && **at < *from + WINDOW);
                prop_assert!(in_second.count() <= limit as usize);
            }
        }
    }

    #[test]
    fn a_full_rate_is_reached() {
        let mut limiter = RateLimiter::new(Some(5));
        let sent = (0..10_000).filter(|n| limiter.try_acquire(start() + SignedDuration::from_millis(*n)).is_ok());
        assert_eq!(sent.count(), 50);
    }

    #[test]
    fn a_clock_that_is_set_back_delays_nothing_beyond_a_second() {
        let mut limiter = RateLimiter::new(Some(1));
        assert_eq!(limiter.try_acquire(start() + SignedDuration::from_hours(24)), Ok(()));
        assert_eq!(limiter.try_acquire(start()), Ok(()));
        assert_eq!(limiter.try_acquire(start()), Err(start() + WINDOW));
    }
}
