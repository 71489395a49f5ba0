//! The rate limit of an endpoint, by the generic cell rate algorithm (GCRA): a steady rate and a burst of one second.

use jiff::{SignedDuration, Timestamp};

/// A GCRA rate limiter. Without a limit it allows everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RateLimiter {
    per_second: Option<u32>,
    /// The theoretical arrival time: when all requests so far would have been sent at the steady rate.
    arrival_at: Option<Timestamp>,
}

impl RateLimiter {
    /// Limits to `per_second` requests a second; 0 counts as 1, `None` is no limit.
    pub fn new(per_second: Option<u32>) -> Self {
        Self { per_second: per_second.map(|limit| limit.max(1)), arrival_at: None }
    }

    /// Takes a permit for one request. The error is the instant when the next permit is free.
    pub fn try_acquire(&mut self, now: Timestamp) -> Result<(), Timestamp> {
        let Some(limit) = self.per_second else { return Ok(()) };
        let interval = SignedDuration::from_micros(1_000_000 / i64::from(limit));
        let arrival_at = self.arrival_at.map_or(now, |at| at.max(now)) + interval;
        let allowed_at = arrival_at - SignedDuration::from_secs(1).max(interval);
        if allowed_at > now {
            return Err(allowed_at);
        }
        self.arrival_at = Some(arrival_at);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// In no second more requests than the limit plus a burst of one second, whatever the requests' times are.
        #[test]
        fn the_rate_is_kept(limit in 1_u32..50, delays in prop::collection::vec(0_i64..400, 1..300)) {
            let mut limiter = RateLimiter::new(Some(limit));
            let mut now = Timestamp::from_second(1_790_000_000).unwrap();
            let mut allowed = Vec::new();
            for delay in delays {
                now += SignedDuration::from_millis(delay);
                match limiter.try_acquire(now) {
                    Ok(()) => allowed.push(now),
                    Err(until) => prop_assert!(until > now && until <= now + SignedDuration::from_secs(1)),
                }
            }
            for from in &allowed {
                let in_second =
                    allowed.iter().filter(|at| *at >= from && **at < *from + SignedDuration::from_secs(1));
                prop_assert!(in_second.count() <= 2 * limit as usize);
            }
        }
    }
}
