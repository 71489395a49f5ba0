//! The timeline in words: one sentence per announcement, from its kind and what was kept with it.

use domain::health::{Level, Move};
use jiff::Timestamp;
use serde_json::Value;

use super::{Message, at, cards, humanize, titles};

/// An announcement as it was stored: its kind's word and the arguments. A kind of another version is
/// shown by its word.
pub fn announcement(kind: &str, args: &Value) -> Message {
    known(kind, args).unwrap_or_else(|| Message::new(&humanize(kind), ""))
}

fn known(kind: &str, args: &Value) -> Option<Message> {
    let text = |name: &str| args.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    let time = |name: &str| text(name).and_then(|text| text.parse::<Timestamp>().ok());
    let finding = || text("finding").map_or_else(String::new, |code| format!("{}.", titled(code)));
    let (title, sentence): (&str, String) = match kind {
        "number_live" => ("The number is live", "It can send and receive messages.".into()),
        "at_risk" => ("Live, at risk", finding()),
        "action_needed" => {
            let whose = text("whose").and_then(Move::parse).map_or("somebody’s", super::whose);
            ("Action needed", format!("{} The move is {}.", finding(), whose.to_lowercase()))
        }
        "blocked" => ("Blocked", finding()),
        "recovered" => {
            let from = text("from").and_then(Level::parse).map_or("trouble", super::level);
            ("It works again", format!("Before: {}.", from.to_lowercase()))
        }
        "registration_refused" => (
            "Meta refused to register the number",
            text("meta_text").map_or_else(String::new, |said| format!("Meta’s own words: “{said}”")),
        ),
        "hold_began" => (
            "Meta locked registration for a while",
            time("until").map_or_else(String::new, |until| format!("Until {}.", at(until))),
        ),
        "hold_ended" => ("The lock on registration is over", "The number can be registered again.".into()),
        "name_approved" => ("The display name was approved", name(text("name"))),
        "name_declined" => ("The display name was declined", name(text("name"))),
        "limit_changed" => ("The messaging limit changed", from_to(args, cards::limit)),
        "quality_changed" => ("The quality rating changed", from_to(args, humanize)),
        "token_expiring" => (
            "The connection to Meta ends soon",
            time("expires_at").map_or_else(String::new, |ends| format!("On {}.", at(ends))),
        ),
        "token_dead" => ("The connection to Meta has ended", "The number has to be reconnected.".into()),
        "token_renewed" => ("The connection to Meta was renewed", String::new()),
        "subscription_lost" => {
            ("Messages stopped reaching us", "Our app was no longer subscribed to the account.".into())
        }
        "subscription_healed" => ("Messages reach us again", "Our app is subscribed to the account.".into()),
        "silence" => (
            "It has gone quiet",
            time("last_heard_at")
                .map_or_else(String::new, |heard| format!("Meta last sent something on {}.", at(heard))),
        ),
        "endpoint_disabled" => ("Events are no longer forwarded to an address", endpoint_disabled(args)),
        _ => return None,
    };
    Some(Message::new(title, sentence))
}

fn titled(code: &str) -> String {
    titles::title(code).map_or_else(|| humanize(code), str::to_owned)
}

fn name(name: Option<&str>) -> String {
    name.map_or_else(String::new, |name| format!("“{name}”."))
}

fn from_to(args: &Value, word: fn(&str) -> String) -> String {
    let text = |name: &str| args.get(name).and_then(Value::as_str).map_or_else(|| "not known".to_owned(), word);
    format!("From {} to {}.", text("from"), text("to"))
}

fn endpoint_disabled(args: &Value) -> String {
    let text = |name: &str| args.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    let which = match (text("name"), text("host")) {
        (Some(name), Some(host)) if name != host => format!("“{name}” ({host})"),
        (Some(name), _) | (None, Some(name)) => format!("“{name}”"),
        (None, None) => "An endpoint".to_owned(),
    };
    let why = match text("why") {
        Some("gone") => " answered 410, that it is gone",
        Some("hopeless") => " took nothing for five days",
        _ => " takes nothing",
    };
    format!("{which}{why}, so it was switched off. What arrives is kept; switch it on again to go on from there.")
}

#[cfg(test)]
mod tests {
    use domain::health::Announcement;
    use serde_json::json;

    use super::*;

    #[test]
    fn no_kind_is_without_a_sentence() {
        for kind in Announcement::KNOWN {
            assert!(known(kind, &json!({})).is_some(), "{kind} has no words");
        }
    }

    #[test]
    fn an_endpoint_that_was_switched_off_is_named_with_the_reason() {
        let args = json!({"endpoint": "end_1", "name": "Helpdesk", "host": "hooks.example.com", "why": "gone"});
        let message = announcement("endpoint_disabled", &args);
        assert_eq!(message.title, "Events are no longer forwarded to an address");
        let text = message.text.to_string();
        assert!(text.starts_with("“Helpdesk” (hooks.example.com) answered 410"), "{text}");
        let args = json!({"name": "hooks.example.com", "host": "hooks.example.com", "why": "hopeless"});
        let text = announcement("endpoint_disabled", &args).text.to_string();
        assert!(text.starts_with("“hooks.example.com” took nothing for five days, so it was switched off."), "{text}");
        assert!(
            announcement("endpoint_disabled", &json!({})).text.to_string().starts_with("An endpoint takes nothing")
        );
    }

    #[test]
    fn arguments_are_said() {
        let message = announcement("limit_changed", &json!({"from": "TIER_250", "to": "TIER_2K"}));
        assert_eq!(message.text.to_string(), "From 250 customers to 2K customers.");
        let message = announcement("hold_began", &json!({"until": "2026-11-25T12:00:00Z"}));
        assert_eq!(message.text.to_string(), "Until 25 Nov 2026, 12:00 UTC.");
    }
}
