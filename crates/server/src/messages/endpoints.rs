//! Words for endpoints: their status, the outcome of a delivery, and the kinds of events.

use domain::delivery::EventKind;
use domain::delivery::standing::{Standing, WhyDisabled};

use super::format::humanize;
use super::sentence::{Message, Sentence};

/// The status of an endpoint and what happens to its events.
pub fn standing(standing: &Standing) -> Message {
    match standing {
        Standing::Active => Message::new("Active", "Events are delivered as they arrive."),
        Standing::Failing { since } => Message::new(
            "Failing",
            Sentence::from("The endpoint has accepted no event since ").at(*since).then(
                ". Events are kept in order and retried. An event becomes a dead letter three days after its first \
                 failure.",
            ),
        ),
        Standing::Disabled { since, why } => {
            let because = match why {
                WhyDisabled::SwitchedOff => "The endpoint was switched off by hand on ",
                WhyDisabled::Gone => "The endpoint answered 410 Gone and was switched off on ",
                WhyDisabled::Hopeless => "The endpoint accepted no event for five days and was switched off on ",
            };
            let text = Sentence::from(because).at(*since);
            Message::new("Off", text.then(". Events that arrived since then are kept and can be delivered later."))
        }
    }
}

/// The outcome of a delivery attempt, from its stored word.
pub fn delivery(outcome: &str) -> String {
    match outcome {
        "delivered" => "Delivered".to_owned(),
        "refused" => "Refused".to_owned(),
        "timed_out" => "No answer in time".to_owned(),
        "unreachable" => "Not reachable".to_owned(),
        "forbidden" => "Not sent: the address is not allowed".to_owned(),
        other => humanize(other),
    }
}

/// The last failure of an event, from its stored word: an HTTP status or an outcome.
pub fn last_failure(word: &str) -> String {
    if word.starts_with("HTTP ") { word.to_owned() } else { delivery(word) }
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
        EventKind::Other => ("Other", "fields that this version does not know"),
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
        for (why, word) in
            [(WhyDisabled::SwitchedOff, "by hand"), (WhyDisabled::Gone, "410"), (WhyDisabled::Hopeless, "five days")]
        {
            let message = standing(&Standing::Disabled { since, why });
            let text = message.text.to_string();
            assert!(text.contains(word) && text.contains("22 Nov 2026, 12:00 UTC"), "{text}");
            assert!(text.ends_with("are kept and can be delivered later."), "{text}");
        }
    }
}
