//! When to read a number again. Numbers in trouble are read often, quiet ones rarely; the fleet costs one call per 100
//! numbers of an account (policy, "Health").

use jiff::{SignedDuration, Timestamp};

use crate::health::level::Level;
use crate::time::shift;

/// How long a level counts as new.
const NEW_FOR: SignedDuration = SignedDuration::from_hours(24);

/// When to read a number again that was read at `checked_at` and is on `level` since `since`.
///
/// Every interval is at most a quarter of [`crate::health::STALE_AFTER`], so that a lost read or two never turn a number
/// grey. Registration has its own, finer schedule; the earlier of the two counts.
pub fn next_check(level: Level, since: Timestamp, checked_at: Timestamp) -> Timestamp {
    shift(checked_at, interval(level, checked_at < shift(since, NEW_FOR)))
}

/// The check interval of a level, while it is new and afterwards.
const fn interval(level: Level, is_new: bool) -> SignedDuration {
    let (new, settled) = match level {
        Level::Unknown | Level::WaitingForMeta => (5, 15),
        Level::ActionNeeded => (10, 60),
        Level::AtRisk => (15, 60),
        // Meta lifts a ban in its own time and sends a webhook then
        Level::Blocked => (15, 6 * 60),
        Level::Live => (60, 6 * 60),
    };
    SignedDuration::from_mins(if is_new { new } else { settled })
}
