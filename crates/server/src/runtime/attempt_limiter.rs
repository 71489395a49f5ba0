//! Limits attempts per caller, such as sign-ins by address: some at once, then one an interval. Its memory is bounded,
//! because callers are strangers and may come from any number of addresses. It knows neither the addresses nor what is
//! attempted.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::{SignedDuration, Timestamp};

/// An attempt limiter by the generic cell rate algorithm, with one instant of memory per caller.
#[derive(Debug)]
pub struct AttemptLimiter<K> {
    limits: AttemptLimits,
    /// When all attempts of a caller so far would have been made at the steady rate. A caller whose instant has passed
    /// is like one that never came.
    paid_until: Mutex<HashMap<K, Timestamp>>,
}

/// The bounds of an [`AttemptLimiter`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AttemptLimits {
    /// Attempts that a caller may make at once.
    pub burst: u32,
    /// After the burst one attempt is free per interval.
    pub interval: SignedDuration,
    /// The most callers that are kept. Beyond it the one with the fewest recent attempts is dropped.
    pub max_callers: usize,
}

impl<K: Eq + Hash + Clone> AttemptLimiter<K> {
    /// A limiter that knows no caller yet.
    pub fn new(limits: AttemptLimits) -> Self {
        Self { limits, paid_until: Mutex::default() }
    }

    /// Counts an attempt, or says when the caller may try again.
    pub fn try_acquire(&self, caller: K, now: Timestamp) -> Result<(), Timestamp> {
        let AttemptLimits { burst, interval, max_callers } = self.limits;
        let full = interval * i32::try_from(burst.max(1)).unwrap_or(i32::MAX);
        let mut paid_until = self.lock();
        // an instant beyond the whole burst is of a clock that was set back since
        let paid = paid_until.get(&caller).copied().filter(|at| *at > now && *at <= now + full).unwrap_or(now);
        let allowed_at = paid + interval - full;
        if allowed_at > now {
            return Err(allowed_at);
        }
        if paid_until.len() >= max_callers && !paid_until.contains_key(&caller) {
            paid_until.retain(|_, at| *at > now);
            if paid_until.len() >= max_callers {
                let least = paid_until.iter().min_by_key(|(_, at)| **at).map(|(caller, _)| caller.clone());
                least.map(|caller| paid_until.remove(&caller));
            }
        }
        paid_until.insert(caller, paid + interval);
        Ok(())
    }

    /// Takes back an attempt that was no guess, such as a sign-in that succeeded.
    pub fn refund(&self, caller: &K) {
        if let Some(at) = self.lock().get_mut(caller) {
            *at -= self.limits.interval;
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<K, Timestamp>> {
        self.paid_until.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: AttemptLimits = AttemptLimits { burst: 3, interval: SignedDuration::from_secs(60), max_callers: 4 };

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_790_000_000 + seconds).unwrap()
    }

    #[test]
    fn a_burst_is_free_and_then_one_attempt_an_interval() {
        let limiter = AttemptLimiter::new(LIMITS);
        let attempt = |seconds| limiter.try_acquire("a", at(seconds));
        assert_eq!([attempt(0), attempt(0), attempt(0)], [Ok(()); 3]);
        assert_eq!((attempt(0), attempt(59)), (Err(at(60)), Err(at(60))));
        assert_eq!((attempt(60), attempt(60)), (Ok(()), Err(at(120))));
        assert_eq!(limiter.try_acquire("b", at(60)), Ok(()), "callers do not share attempts");
        assert_eq!(
            [attempt(1000), attempt(1000), attempt(1000), attempt(1000)],
            [Ok(()), Ok(()), Ok(()), Err(at(1060))]
        );
    }

    #[test]
    fn a_success_costs_nothing() {
        let limiter = AttemptLimiter::new(LIMITS);
        for _ in 0..100 {
            assert_eq!(limiter.try_acquire("a", at(0)), Ok(()));
            limiter.refund(&"a");
        }
    }

    #[test]
    fn memory_is_bounded_and_the_busiest_callers_are_kept() {
        let limiter = AttemptLimiter::new(LIMITS);
        for _ in 0..3 {
            limiter.try_acquire(0, at(0)).unwrap();
        }
        for caller in 1..1000 {
            assert_eq!(limiter.try_acquire(caller, at(1)), Ok(()));
        }
        assert_eq!(limiter.lock().len(), 4);
        assert_eq!(limiter.try_acquire(0, at(1)), Err(at(60)), "strangers do not wash an offender's attempts away");
        limiter.try_acquire(5000, at(1000)).unwrap();
        assert_eq!(limiter.lock().len(), 1, "whose interval has passed is forgotten");
    }

    #[test]
    fn a_clock_that_is_set_back_locks_nobody_out() {
        let limiter = AttemptLimiter::new(LIMITS);
        limiter.try_acquire("a", at(1_000_000)).unwrap();
        assert_eq!(limiter.try_acquire("a", at(0)), Ok(()));
    }
}
