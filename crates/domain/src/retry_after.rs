//! The `Retry-After` header (RFC 9110, section 10.2.3) as a length of time.
//!
//! Must not bound the wait: each caller clamps it to what it accepts.

use jiff::{SignedDuration, Timestamp};

/// Parses a `Retry-After` value: a number of seconds, or an HTTP date in any of its three forms (IMF-fixdate,
/// RFC 850, asctime).
///
/// A date that has passed at `now` is a wait of zero. Digits too large for a duration saturate. Anything else, negative
/// numbers included, is `None`.
pub fn parse(value: &str, now: Timestamp) -> Option<SignedDuration> {
    let value = value.trim();
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(SignedDuration::from_secs(value.parse().unwrap_or(i64::MAX)));
    }
    let date = Timestamp::try_from(httpdate::parse_http_date(value).ok()?).ok()?;
    Some(date.duration_since(now).max(SignedDuration::ZERO))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Timestamp {
        "2026-11-22T12:00:00Z".parse().unwrap()
    }

    #[test]
    fn delay_seconds_are_read() {
        assert_eq!(parse(" 120 ", now()), Some(SignedDuration::from_secs(120)));
        assert_eq!(parse("0", now()), Some(SignedDuration::ZERO));
        assert_eq!(parse("5000000000", now()), Some(SignedDuration::from_secs(5_000_000_000)));
        assert_eq!(parse("99999999999999999999", now()), Some(SignedDuration::from_secs(i64::MAX)));
    }

    #[test]
    fn an_imf_fixdate_is_read() {
        assert_eq!(parse("Sun, 22 Nov 2026 12:05:00 GMT", now()), Some(SignedDuration::from_mins(5)));
    }

    #[test]
    fn an_rfc_850_date_is_read() {
        assert_eq!(parse("Sunday, 22-Nov-26 12:05:00 GMT", now()), Some(SignedDuration::from_mins(5)));
    }

    #[test]
    fn an_asctime_date_is_read() {
        assert_eq!(parse("Sun Nov 22 12:05:00 2026", now()), Some(SignedDuration::from_mins(5)));
    }

    #[test]
    fn a_date_in_the_past_is_no_wait() {
        assert_eq!(parse("Sun, 22 Nov 2020 12:05:00 GMT", now()), Some(SignedDuration::ZERO));
    }

    #[test]
    fn other_texts_are_refused() {
        for text in ["", "soon", "-1", "+1", "1.5", "1e3", "2026-11-22T12:05:00Z", "Sun, 32 Nov 2026 12:05:00 GMT"] {
            assert_eq!(parse(text, now()), None, "{text:?}");
        }
    }
}
