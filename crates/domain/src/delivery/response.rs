//! Classification of an endpoint's response: accepted, to be retried, or gone. Must not decide when to retry.

use jiff::{SignedDuration, Timestamp};
use strum::{EnumString, IntoStaticStr};

/// The result of one request to an endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Response {
    /// The endpoint answered with a status code.
    Status {
        code: u16,
        /// The instant that its `Retry-After` header names.
        retry_after: Option<Timestamp>,
    },
    /// The deadline passed without an answer.
    TimedOut,
    /// The connection failed or broke off.
    Unreachable,
    /// The SSRF guard refused the address.
    Forbidden,
}

/// The outcome of an attempt, as it is stored and shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EnumString, IntoStaticStr)]
#[strum(serialize_all = "snake_case", const_into_str)]
pub enum AttemptOutcome {
    Delivered,
    /// The endpoint answered with a status other than 2xx.
    Refused,
    TimedOut,
    Unreachable,
    /// The SSRF guard refused the address.
    Forbidden,
}

/// What a response means for the event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResponseClass {
    /// The endpoint accepted the event.
    Delivered,
    /// The event is to be retried.
    Retry {
        /// The endpoint asked not to be called before this instant; at most [`MAX_RETRY_AFTER`] away.
        not_before: Option<Timestamp>,
        /// The endpoint asked for fewer requests (429, or 503 with `Retry-After`): all its events wait.
        pause_all: bool,
    },
    /// The endpoint does not want events any more (410).
    Gone,
}

/// The longest `Retry-After` that is respected.
pub const MAX_RETRY_AFTER: SignedDuration = SignedDuration::from_hours(24);

/// The pause after a 429 without a `Retry-After`.
pub const DEFAULT_RETRY_AFTER: SignedDuration = SignedDuration::from_secs(5);

/// Classifies a response. A redirect is to be retried: it is not followed, because it may lead to any address.
pub fn classify(response: &Response, now: Timestamp) -> ResponseClass {
    match response {
        Response::Status { code: 200..=299, .. } => ResponseClass::Delivered,
        Response::Status { code: 410, .. } => ResponseClass::Gone,
        Response::Status { code, retry_after } => {
            let not_before = retry_after.map(|at| at.min(now + MAX_RETRY_AFTER));
            ResponseClass::Retry { not_before, pause_all: *code == 429 || (*code == 503 && not_before.is_some()) }
        }
        Response::TimedOut | Response::Unreachable | Response::Forbidden => {
            ResponseClass::Retry { not_before: None, pause_all: false }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_790_000_000 + seconds).unwrap()
    }

    #[test]
    fn responses_are_classified() {
        let now = at(0);
        let status = |code, retry_after| classify(&Response::Status { code, retry_after }, now);
        let retry = |not_before, pause_all| ResponseClass::Retry { not_before, pause_all };
        assert_eq!(status(200, None), ResponseClass::Delivered);
        assert_eq!(status(204, Some(at(9))), ResponseClass::Delivered);
        assert_eq!(status(410, None), ResponseClass::Gone);
        assert_eq!(status(429, None), retry(None, true));
        assert_eq!(status(503, None), retry(None, false));
        assert_eq!(status(503, Some(at(60))), retry(Some(at(60)), true));
        assert_eq!(status(302, None), retry(None, false));
        assert_eq!(status(429, Some(at(365 * 86_400))), retry(Some(now + MAX_RETRY_AFTER), true));
        for response in [Response::TimedOut, Response::Unreachable, Response::Forbidden] {
            assert_eq!(classify(&response, now), retry(None, false));
        }
    }
}
