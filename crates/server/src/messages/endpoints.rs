//! Words for endpoints: their status, the outcome of a delivery, and the kinds of events.

use domain::delivery::{AttemptOutcome, DisabledReason, EndpointStatus, EventKind};

use super::sentence::{Message, Sentence};

/// The status of an endpoint and what happens to its events.
pub fn endpoint_status(status: &EndpointStatus) -> Message {
    match status {
        EndpointStatus::Active => Message::new("Active", "Events are delivered as they arrive."),
        EndpointStatus::Failing { since } => Message::new(
            "Failing",
            Sentence::from("The endpoint has accepted no event since ").at(*since).then(
                ". Events are kept in order and retried. An event becomes a dead letter three days after its first \
                 failure.",
            ),
        ),
        EndpointStatus::Disabled { since, reason } => {
            let because = match reason {
                DisabledReason::SwitchedOff => "The endpoint was switched off by hand on ",
                DisabledReason::Gone => "The endpoint answered 410 Gone and was switched off on ",
                DisabledReason::FailingTooLong => {
                    "The endpoint accepted no event for five days and was switched off on "
                }
            };
            let text = Sentence::from(because).at(*since);
            Message::new("Off", text.then(". Events that arrived since then are kept and can be delivered later."))
        }
    }
}

/// The outcome of a delivery attempt.
pub const fn delivery(outcome: AttemptOutcome) -> &'static str {
    match outcome {
        AttemptOutcome::Delivered => "Delivered",
        AttemptOutcome::Refused => "Refused",
        AttemptOutcome::TimedOut => "No answer in time",
        AttemptOutcome::Unreachable => "Not reachable",
        AttemptOutcome::Forbidden => "Not sent: the address is not allowed",
    }
}

/// The last failure of an event, from its stored word: an HTTP status or an outcome.
pub fn last_failure(word: &str) -> String {
    word.parse().map_or_else(|_| word.to_owned(), |outcome| delivery(outcome).to_owned())
}

/// The name of a kind of event and what it contains.
pub const fn event_kind(kind: EventKind) -> (&'static str, &'static str) {
    match kind {
        EventKind::Messages => ("Messages", "messages from customers"),
        EventKind::Statuses => ("Statuses", "sent, delivered, read, failed"),
        EventKind::Templates => ("Templates", "approval, pausing, quality"),
        EventKind::Calls => ("Calls", "WhatsApp calls"),
        EventKind::Account => ("Account", "names, quality, limits, bans"),
        EventKind::Coexistence => ("Phone app", "echoes and history from the WhatsApp Business app"),
        EventKind::Announcements => ("Announcements", "status changes reported by Linekeeper; Standard Webhooks only"),
        EventKind::Other => ("Other", "groups, standby, and fields that this version does not know"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_failure_of_a_dead_letter_is_readable() {
        assert_eq!(
            (last_failure("HTTP 500"), last_failure("timed_out")),
            ("HTTP 500".into(), "No answer in time".into())
        );
    }

    #[test]
    fn a_disabled_endpoint_says_why_and_what_happens_to_its_events() {
        let since = "2026-11-22T12:00:00Z".parse().unwrap();
        for (reason, word) in [
            (DisabledReason::SwitchedOff, "by hand"),
            (DisabledReason::Gone, "410"),
            (DisabledReason::FailingTooLong, "five days"),
        ] {
            let message = endpoint_status(&EndpointStatus::Disabled { since, reason });
            let text = message.text.to_string();
            assert!(text.contains(word) && text.contains("22 Nov 2026, 12:00 UTC"), "{text}");
            assert!(text.ends_with("are kept and can be delivered later."), "{text}");
        }
    }
}
