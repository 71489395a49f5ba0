//! When to read a number again and when to call again: the schedules of the policy, as arithmetic on instants.
//! Waits that are one rule's alone are in `rules` (the blind call while a name is in review) and `calls`.

use jiff::{SignedDuration, Timestamp};

use crate::time::shift;

/// The deadline of one call to Meta.
pub const HTTP_DEADLINE: SignedDuration = SignedDuration::from_secs(10);

/// How long a register call may stay unanswered before the number is read to settle it: the HTTP deadline of a call plus a
/// minute.
pub const UNANSWERED_AFTER: SignedDuration = SignedDuration::from_secs(HTTP_DEADLINE.as_secs() + 60);

/// A number must be registered within this time after the end of Embedded Signup (facts §1.7).
pub const ONBOARDING_WINDOW: SignedDuration = SignedDuration::from_hours(14 * 24);

const HOUR: SignedDuration = SignedDuration::from_hours(1);
const DAY: SignedDuration = SignedDuration::from_hours(24);

/// The first instant later than `after` of a series: `anchor` plus each offset, then every `step`.
fn next(anchor: Timestamp, offsets: &[SignedDuration], step: SignedDuration, after: Timestamp) -> Timestamp {
    if let Some(at) = offsets.iter().map(|offset| shift(anchor, *offset)).find(|at| *at > after) {
        return at;
    }
    let last = shift(anchor, offsets.last().copied().unwrap_or(SignedDuration::ZERO));
    let steps = after.duration_since(last).as_secs() / step.as_secs().max(1);
    let steps = i32::try_from(steps.max(0)).unwrap_or(i32::MAX - 1);
    shift(last, step * (steps + 1))
}

/// The next read while Meta activates a provisioned number: 1, 5, 15 min, then hourly.
pub(super) fn activation_check(anchor: Timestamp, now: Timestamp) -> Timestamp {
    next(anchor, &[mins(1), mins(5), mins(15)], HOUR, now)
}

/// The next read after Meta accepted a call that the number does not show: 5 s, 30 s, 2, 5, 15 min, then hourly.
pub(super) fn confirmation_check(success: Timestamp, now: Timestamp) -> Timestamp {
    let secs = SignedDuration::from_secs;
    next(success, &[secs(5), secs(30), mins(2), mins(5), mins(15)], HOUR, now)
}

/// The next register call after `count` accepted calls that did not show, the first of them at `first`: 1, 6, 24 h after
/// the first, then daily.
pub(super) fn register_again_at(first: Timestamp, count: usize) -> Timestamp {
    let offsets = [HOUR, HOUR * 6, DAY];
    match offsets.get(count.saturating_sub(1)) {
        Some(offset) => shift(first, *offset),
        None => shift(first, DAY * i32::try_from(count.saturating_sub(2)).unwrap_or(i32::MAX)),
    }
}

/// The next read while a name is under review: 15 min, 1, 4, 12, 24 h after the refusal, then every 12 h.
pub(super) fn review_check(refusal: Timestamp, now: Timestamp) -> Timestamp {
    next(refusal, &[mins(15), HOUR, HOUR * 4, HOUR * 12, DAY], HOUR * 12, now)
}

/// The next probe while the name is good and Meta still refuses: 1, 3, 6, 12, 24 h after it was first known good, then
/// daily; the first such instant after the last call.
pub(super) fn probe_after(good_since: Timestamp, last_call: Timestamp) -> Timestamp {
    next(good_since, &[HOUR, HOUR * 3, HOUR * 6, HOUR * 12, DAY], DAY, last_call)
}

/// The least distance of a probe from the refusal before it when the window has `left` probes left. The plain schedule
/// keeps that distance by itself; where failures or people used a share, the rest then lasts until the window is free.
pub(super) fn probe_spread(left: usize) -> SignedDuration {
    match left {
        0 | 1 => DAY,
        2 => HOUR * 12,
        3 => HOUR * 6,
        _ => SignedDuration::ZERO,
    }
}

/// Back-off after the `count`-th retryable failure in a row: 1 min, 10 min, 1 h, 6 h, then a day.
pub(super) fn transient_back_off(count: usize) -> SignedDuration {
    [mins(1), mins(10), HOUR, HOUR * 6].get(count.saturating_sub(1)).copied().unwrap_or(DAY)
}

/// Back-off after the `count`-th throttle in a row without a regain time: 5 min, doubling to a day.
pub(super) fn throttle_back_off(count: usize) -> SignedDuration {
    doubling(mins(5), count, DAY)
}

/// Back-off after the `count`-th read in a row that failed: 1 min doubling to 1 h.
pub(super) fn read_back_off(count: usize) -> SignedDuration {
    doubling(mins(1), count, HOUR)
}

fn doubling(first: SignedDuration, count: usize, max: SignedDuration) -> SignedDuration {
    let factor = 1_i32 << count.saturating_sub(1).min(16);
    (first * factor).min(max)
}

const fn mins(n: i64) -> SignedDuration {
    SignedDuration::from_mins(n)
}
