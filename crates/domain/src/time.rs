//! Arithmetic on instants that come from outside: it never panics.

use jiff::{SignedDuration, Timestamp};

/// An instant moved by a span, in either direction; at the ends of the representable time it stops.
pub(crate) fn shift(at: Timestamp, span: SignedDuration) -> Timestamp {
    at.checked_add(span).unwrap_or(if span.is_negative() { Timestamp::MIN } else { Timestamp::MAX })
}
