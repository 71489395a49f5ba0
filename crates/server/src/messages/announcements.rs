//! Sentences for the timeline: one per announcement, from its kind and its stored arguments.

use domain::health::Level;
use jiff::Timestamp;
use serde_json::Value;

use super::findings::rejection;
use super::format::humanize;
use super::sentence::{Message, Sentence};
use super::{cards, levels, titles};

/// The message of a stored announcement. A kind of another version is shown by its identifier.
pub fn announcement(kind: &str, args: &Value) -> Message {
    known(kind, args).unwrap_or_else(|| Message::new(&humanize(kind), ""))
}

fn known(kind: &str, args: &Value) -> Option<Message> {
    let text = |name: &str| args.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    let time = |name: &str| text(name).and_then(|text| text.parse::<Timestamp>().ok());
    let finding = || text("finding").map_or_else(String::new, |code| format!("{}.", title_of(code)));
    let with_time = |before: &str, at: Option<Timestamp>| {
        at.map_or_else(Sentence::default, |at| Sentence::from(before).at(at).then("."))
    };
    let (title, sentence): (&str, Sentence) = match kind {
        "number_live" => ("The number is live", "It can send and receive messages.".into()),
        "at_risk" => ("The number is live, but at risk", finding().into()),
        "action_needed" => {
            let who = text("responsible").and_then(|party| party.parse().ok()).map_or("", levels::needs_action);
            ("Action needed", [finding().as_str(), who].join(" ").trim().into())
        }
        "blocked" => ("The number is blocked", finding().into()),
        "recovered" => {
            let from = text("from")
                .and_then(|level| level.parse().ok())
                .map(|level: Level| levels::level(level).to_lowercase());
            let sentence = from.map_or_else(String::new, |from| format!("The previous status was “{from}”."));
            ("The number works again", sentence.into())
        }
        "registration_refused" => (
            "Meta refused to register the number",
            text("meta_text").map_or_else(String::new, |quote| format!("Meta’s message: “{quote}”")).into(),
        ),
        "hold_started" => ("Meta locked registration for a while", with_time("The lock ends on ", time("until"))),
        "hold_ended" => ("The lock on registration is over", "The number can be registered again.".into()),
        "name_approved" => ("Meta approved the display name", name(text("name")).into()),
        "name_declined" => {
            let why = text("rejection_reason").map_or_else(String::new, rejection);
            ("Meta declined the display name", [name(text("name")).as_str(), &why].join(" ").trim().into())
        }
        "limit_changed" => ("The messaging limit changed", from_to(args, cards::limit).into()),
        "quality_changed" => ("The quality rating changed", from_to(args, humanize).into()),
        "token_expiring" => ("The access token expires soon", with_time("It expires on ", time("expires_at"))),
        "token_dead" => ("The access token no longer works", "Reconnect the number.".into()),
        "token_renewed" => ("The access token was renewed", Sentence::default()),
        "subscription_lost" => ("Webhooks stopped", "The app was no longer subscribed to the WhatsApp account.".into()),
        "subscription_restored" => ("Webhooks arrive again", "The app is subscribed to the WhatsApp account.".into()),
        "webhook_silence" => ("No webhooks arrive", with_time("Meta sent the last one on ", time("last_seen_at"))),
        "signup_finished" => ("A signup is finished", "Its number is connected.".into()),
        "signup_unfinished" => ("A signup is unfinished", reason(text("text")).into()),
        "signup_failed" => ("A signup failed", reason(text("text")).into()),
        "endpoint_disabled" => ("An endpoint was switched off", endpoint_disabled(args).into()),
        _ => return None,
    };
    Some(Message::new(title, sentence))
}

fn title_of(code: &str) -> String {
    titles::title(code).map_or_else(|| humanize(code), str::to_owned)
}

fn name(name: Option<&str>) -> String {
    name.map_or_else(String::new, |name| format!("The name is “{name}”."))
}

/// The reason as a sentence with one full stop.
fn reason(text: Option<&str>) -> String {
    text.map_or_else(String::new, |text| format!("{}.", text.trim_end_matches('.')))
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
    let why = match text("reason") {
        Some("gone") => "answered 410 Gone",
        Some("failing_too_long") => "accepted no event for five days",
        _ => "accepted no events",
    };
    format!("{which} {why} and was switched off. New events are kept; switch it on again to deliver them.")
}

#[cfg(test)]
mod tests {
    use domain::health::HealthChange;
    use serde_json::json;
    use strum::VariantNames as _;

    use super::*;

    /// The kinds that no change of health publishes.
    const PUBLISHED_BY_FLOWS: [&str; 4] =
        ["endpoint_disabled", "signup_finished", "signup_unfinished", "signup_failed"];

    #[test]
    fn no_kind_is_without_a_sentence() {
        for kind in HealthChange::VARIANTS.iter().chain(&PUBLISHED_BY_FLOWS) {
            assert!(known(kind, &json!({})).is_some(), "{kind} has no sentence");
        }
    }

    #[test]
    fn the_api_document_lists_every_kind_and_no_other() {
        let document = include_str!("../../../../docs/API.md");
        let table = document.split("The kinds of announcements").nth(1).unwrap();
        let rows = table.split("\n\n").nth(1).unwrap().lines().skip(2);
        let mut listed: Vec<&str> =
            rows.flat_map(|row| row.split('|').nth(1).unwrap().split('`').skip(1).step_by(2)).collect();
        let mut kinds: Vec<&str> = HealthChange::VARIANTS.iter().copied().chain(PUBLISHED_BY_FLOWS).collect();
        listed.sort_unstable();
        kinds.sort_unstable();
        assert_eq!(listed, kinds);
    }

    #[test]
    fn a_disabled_endpoint_is_named_with_the_reason() {
        let args = json!({"endpoint": "end_1", "name": "Helpdesk", "host": "hooks.example.com", "reason": "gone"});
        let message = announcement("endpoint_disabled", &args);
        assert_eq!(message.title, "An endpoint was switched off");
        let text = message.text.to_string();
        assert!(text.starts_with("“Helpdesk” (hooks.example.com) answered 410"), "{text}");
        let args = json!({"name": "hooks.example.com", "host": "hooks.example.com", "reason": "failing_too_long"});
        let text = announcement("endpoint_disabled", &args).text.to_string();
        assert!(
            text.starts_with("“hooks.example.com” accepted no event for five days and was switched off."),
            "{text}"
        );
        let text = announcement("endpoint_disabled", &json!({})).text.to_string();
        assert!(text.starts_with("An endpoint accepted no events"), "{text}");
    }

    #[test]
    fn arguments_become_part_of_the_sentence() {
        let message = announcement("limit_changed", &json!({"from": "TIER_250", "to": "TIER_2K"}));
        assert_eq!(message.text.to_string(), "From 250 customers to 2K customers.");
        let message = announcement("hold_started", &json!({"until": "2026-11-25T12:00:00Z"}));
        assert_eq!(message.text.to_string(), "The lock ends on 25 Nov 2026, 12:00 UTC.");
        let message = announcement("action_needed", &json!({"finding": "pin_needed", "responsible": "owner"}));
        assert_eq!(message.text.to_string(), "Your two-step PIN is needed. You have to act.");
    }
}
