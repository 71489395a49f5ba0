//! Durations as a terminal shows them: `in 3 h 20 min`, `42 s ago`.

use jiff::{SignedDuration, Timestamp};

/// Time until an instant: `in 42 s`, `in 3 h 20 min`, `now`.
pub(super) fn until(at: Timestamp, now: Timestamp) -> String {
    let remaining = at.duration_since(now);
    if remaining < SignedDuration::from_secs(1) { "now".to_owned() } else { format!("in {}", duration(remaining)) }
}

/// Time since an instant: `42 s ago`, `just now`.
pub(super) fn ago(at: Timestamp, now: Timestamp) -> String {
    let elapsed = now.duration_since(at);
    if elapsed < SignedDuration::from_secs(1) { "just now".to_owned() } else { format!("{} ago", duration(elapsed)) }
}

/// A duration in one or two units. The smaller unit is left out from ten of the larger one on.
pub(super) fn duration(length: SignedDuration) -> String {
    let seconds = length.as_secs();
    let two = |large: i64, unit: &str, small: i64, sub: &str| {
        if small == 0 || large >= 10 { format!("{large} {unit}") } else { format!("{large} {unit} {small} {sub}") }
    };
    match seconds {
        ..60 => format!("{seconds} s"),
        60..3_600 => two(seconds / 60, "min", seconds % 60, "s"),
        3_600..86_400 => two(seconds / 3_600, "h", seconds % 3_600 / 60, "min"),
        _ => two(seconds / 86_400, "d", seconds % 86_400 / 3_600, "h"),
    }
}
