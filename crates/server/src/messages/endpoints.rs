//! Endpoints in words: how one stands, what came of a post, what the kinds of events are.

use domain::delivery::EventKind;
use domain::delivery::standing::{Standing, WhyDisabled};

use super::{Message, at, humanize};

/// How an endpoint stands, and what follows.
pub fn standing(standing: &Standing) -> Message {
    match standing {
        Standing::Active => Message::new("Active", "Events are sent to it as they arrive."),
        Standing::Failing { since } => Message::new(
            "Failing",
            format!(
                "It has taken nothing since {}. Events wait in order and are tried again; each is given up three days \
                 after it was first refused.",
                at(*since)
            ),
        ),
        Standing::Disabled { since, why } => {
            let because = match why {
                WhyDisabled::SwitchedOff => format!("Somebody switched it off on {}.", at(*since)),
                WhyDisabled::Gone => {
                    format!("On {} it answered 410: that it is gone, and wants nothing more.", at(*since))
                }
                WhyDisabled::Hopeless => format!("It took nothing for five days; sending ended on {}.", at(*since)),
            };
            Message::new("Off", format!("{because} What has arrived since is kept and can be sent from there on."))
        }
    }
}

/// What came of a post, by its stored word.
pub fn delivery(outcome: &str) -> String {
    match outcome {
        "delivered" => "Delivered".to_owned(),
        "refused" => "Refused".to_owned(),
        "timed_out" => "No answer in time".to_owned(),
        "unreachable" => "Not reachable".to_owned(),
        "forbidden" => "Not called: the address is not allowed".to_owned(),
        other => humanize(other),
    }
}

/// How an event failed last, by its stored word: what it was answered, or why it was not.
pub fn last_failure(word: &str) -> String {
    if word.starts_with("HTTP ") { word.to_owned() } else { delivery(word) }
}

/// A kind of event: its name, and what it is.
pub const fn event_kind(kind: EventKind) -> (&'static str, &'static str) {
    match kind {
        EventKind::Messages => ("Messages", "what customers write"),
        EventKind::Statuses => ("Statuses", "sent, delivered, read, failed"),
        EventKind::Templates => ("Templates", "approved, paused, their quality"),
        EventKind::Calls => ("Calls", "WhatsApp calls"),
        EventKind::Account => ("Account", "names, quality, limits, bans"),
        EventKind::Coexistence => ("Phone app", "echoes and history of the WhatsApp Business app"),
        EventKind::Announcements => ("Announcements", "what Linekeeper itself tells; Standard Webhooks only"),
        EventKind::Other => ("Other", "whatever Meta adds"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dead_letters_failure_is_told_in_words() {
        assert_eq!(
            (last_failure("HTTP 500"), last_failure("timed_out")),
            ("HTTP 500".into(), "No answer in time".into())
        );
    }

    #[test]
    fn an_endpoint_that_is_off_says_why_and_what_becomes_of_its_events() {
        let since = "2026-11-22T12:00:00Z".parse().unwrap();
        for (why, word) in
            [(WhyDisabled::SwitchedOff, "Somebody"), (WhyDisabled::Gone, "410"), (WhyDisabled::Hopeless, "five days")]
        {
            let message = standing(&Standing::Disabled { since, why });
            let text = message.text.to_string();
            assert!(text.contains(word) && text.contains("22 Nov 2026, 12:00 UTC"), "{text}");
            assert!(text.ends_with("can be sent from there on."), "{text}");
        }
    }
}
