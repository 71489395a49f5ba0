//! The retry schedule of one event. Must not know the endpoint's other events: those are the circuit breaker's.

use jiff::{SignedDuration, Timestamp};

/// An event is retried for this long after its first failure; then it is a dead letter.
pub const GIVE_UP_AFTER: SignedDuration = SignedDuration::from_hours(3 * 24);

/// The delays between attempts. The last one repeats until [`GIVE_UP_AFTER`].
const BACK_OFF: [SignedDuration; 10] = [
    SignedDuration::from_secs(5),
    SignedDuration::from_secs(30),
    SignedDuration::from_mins(2),
    SignedDuration::from_mins(10),
    SignedDuration::from_mins(30),
    SignedDuration::from_hours(1),
    SignedDuration::from_hours(2),
    SignedDuration::from_hours(4),
    SignedDuration::from_hours(8),
    SignedDuration::from_hours(12),
];

/// When to retry an event that failed `attempts` times, the first time at `first_failed_at`; `None` when it becomes a
/// dead letter. `jitter` (0 to 1) adds up to a fifth of the delay, so that events that failed together do not return
/// together. An event is never retried before the schedule's time nor before `not_before`.
pub fn retry_at(
    attempts: u32,
    first_failed_at: Timestamp,
    not_before: Option<Timestamp>,
    now: Timestamp,
    jitter: f64,
) -> Option<Timestamp> {
    if now.duration_since(first_failed_at) >= GIVE_UP_AFTER {
        return None;
    }
    let index = usize::try_from(attempts.saturating_sub(1)).unwrap_or(usize::MAX);
    let delay = BACK_OFF.get(index).or(BACK_OFF.last()).copied().unwrap_or(GIVE_UP_AFTER);
    let at = now + with_jitter(delay, jitter);
    Some(not_before.map_or(at, |not_before| at.max(not_before + with_jitter(BACK_OFF[0], jitter) - BACK_OFF[0])))
}

/// Makes a delay longer by up to a fifth; `jitter` is 0 to 1.
pub(super) fn with_jitter(delay: SignedDuration, jitter: f64) -> SignedDuration {
    let added = delay.as_secs_f64() / 5.0 * jitter.clamp(0.0, 1.0);
    delay + SignedDuration::try_from_secs_f64(added).unwrap_or(SignedDuration::ZERO)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_790_000_000 + seconds).unwrap()
    }

    #[test]
    fn an_event_is_retried_for_three_days_with_growing_delays() {
        let (mut now, mut attempts, mut before) = (at(0), 0, SignedDuration::ZERO);
        while let Some(next) = retry_at(attempts + 1, at(0), None, now, 0.0) {
            let delay = next.duration_since(now);
            assert!(delay >= before, "{delay} after {before}");
            (now, before, attempts) = (next, delay, attempts + 1);
        }
        assert!(now.duration_since(at(0)) >= GIVE_UP_AFTER);
        assert!((12..20).contains(&attempts), "{attempts} attempts");
    }

    #[test]
    fn jitter_only_adds_and_retry_after_is_respected() {
        let delay = |not_before, jitter| retry_at(1, at(0), not_before, at(0), jitter).unwrap().duration_since(at(0));
        assert_eq!(delay(None, 0.0), SignedDuration::from_secs(5));
        assert_eq!(delay(None, 1.0), SignedDuration::from_secs(6));
        assert_eq!(delay(Some(at(2)), 0.0), SignedDuration::from_secs(5));
        assert_eq!(delay(Some(at(90)), 0.0), SignedDuration::from_secs(90));
        assert_eq!(delay(Some(at(90)), 1.0), SignedDuration::from_secs(91));
    }
}
