//! When to read a number again: pure arithmetic. Numbers in trouble are read often, quiet ones
//! rarely; the fleet costs one call per 100 numbers of an account (policy, "Health").

use jiff::{SignedDuration, Timestamp};

use super::level::Level;

/// How long a level counts as new.
const SETTLED_AFTER: SignedDuration = SignedDuration::from_hours(24);

/// When to read a number again that was read at `checked_at` and is on `level` since `since`.
///
/// Every pace is a quarter of [`super::STALE_AFTER`] or faster, so that a lost read or two never
/// turn a number grey. Registration has its own, finer schedule; the earlier of the two counts.
pub fn next_check(level: Level, since: Timestamp, checked_at: Timestamp) -> Timestamp {
    later(checked_at, pace(level, checked_at >= later(since, SETTLED_AFTER)))
}

/// An instant moved by a span, either way; at the ends of time it stays there. Dates come from
/// outside, and a judgement never panics.
pub(super) fn later(at: Timestamp, span: SignedDuration) -> Timestamp {
    at.checked_add(span).unwrap_or(if span.is_negative() { Timestamp::MIN } else { Timestamp::MAX })
}

/// The pace of a level, while it is new and once it has settled.
const fn pace(level: Level, settled: bool) -> SignedDuration {
    let (new, later) = match level {
        Level::Unknown | Level::WaitingForMeta => (5, 15),
        Level::ActionNeeded => (10, 60),
        Level::AtRisk => (15, 60),
        // Meta lifts a ban in its own time, and a webhook tells
        Level::Blocked => (15, 6 * 60),
        Level::Live => (60, 6 * 60),
    };
    SignedDuration::from_mins(if settled { later } else { new })
}
