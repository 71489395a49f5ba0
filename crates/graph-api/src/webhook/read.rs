//! A change in full, as a [`domain::meta::event::Change`] (facts §3.3 and §3.4). A shape this version does not read is
//! [`Content::Unread`], never an error: the caller stores the raw change. Must not say what a change leads to.

use domain::ids::{AppId, BusinessId, PhoneNumberId, WabaId};
use domain::meta::event::{
    AccountEvent, AccountUpdate, BanState, Change, Content, Disconnection, MessagesSeen, Restriction, ReviewDecision,
    SecurityEvent, Subject,
};
use domain::meta::reading::MessagingLimit;
use serde_json::Value;

use super::RawChange;
use crate::wire::{filled, list, text, time, whole};

impl RawChange<'_> {
    /// Reads the whole change, as far as this version knows its shape.
    pub fn read(&self) -> Change {
        let value = parse(self);
        let field = field_of(self, &value);
        Change {
            subject: subject(self, field, &value),
            content: content(field, &value).unwrap_or(Content::Unread),
            entry_id: self.entry_id.clone().into_owned(),
            time: self.time.and_then(time::unix),
            field: field.to_owned(),
        }
    }
}

/// The subject and the messages of a change in full, for the shapes that [`RawChange::peek`] does not read directly.
pub(super) fn subject_and_messages(change: &RawChange<'_>) -> (Subject, MessagesSeen) {
    let value = parse(change);
    let field = field_of(change, &value);
    let messages = if field == "messages" { messages(&value) } else { MessagesSeen::default() };
    (subject(change, field, &value), messages)
}

fn parse(change: &RawChange<'_>) -> Value {
    serde_json::from_str(change.value.get()).unwrap_or(Value::Null)
}

/// The field by name, or by content where Meta names none or, in one of its examples, another
/// (facts §3.3).
fn field_of<'a>(change: &'a RawChange<'_>, value: &Value) -> &'a str {
    match change.field.as_ref() {
        "" if value.get("waba_info").is_some() => "account_update",
        "message_template_status_update" if value.get("new_quality_score").is_some() => {
            "message_template_quality_update"
        }
        field => field,
    }
}

/// Events whose entry is the receiving partner's portfolio, not an account (facts §3.2).
const ENTRY_IS_A_PORTFOLIO: [AccountEvent; 6] = [
    AccountEvent::PartnerAdded,
    AccountEvent::PartnerRemoved,
    AccountEvent::PartnerAppInstalled,
    AccountEvent::PartnerAppUninstalled,
    AccountEvent::AdAccountLinked,
    AccountEvent::MmLiteTermsSigned,
];

fn subject(change: &RawChange<'_>, field: &str, value: &Value) -> Subject {
    let member = |of: &str, name: &str| value.get(of).and_then(|inner| filled(inner, name));
    let entity = |kind: &str| {
        let is_alert = field == "account_alerts" && text(value, "entity_type").as_deref() == Some(kind);
        is_alert.then(|| filled(value, "entity_id")).flatten()
    };
    let of_entry = !entry_is_a_portfolio(field, value) && !change.entry_id.is_empty();
    let from_entry = of_entry.then(|| change.entry_id.as_ref().to_owned());
    let display = member("metadata", "display_phone_number")
        .or_else(|| filled(value, "display_phone_number"))
        .or_else(|| filled(value, "phone_number"));
    Subject {
        waba_id: member("waba_info", "waba_id").or_else(|| entity("WABA")).or(from_entry).map(WabaId),
        phone_number_id: member("metadata", "phone_number_id").or_else(|| entity("PHONE_NUMBER")).map(PhoneNumberId),
        phone_digits: display.as_deref().and_then(digits),
        owner_business_id: member("waba_info", "owner_business_id")
            .or_else(|| entity("BUSINESS"))
            .or_else(|| (field == "business_status_update").then(|| filled(value, "business_id")).flatten())
            .map(BusinessId),
    }
}

fn entry_is_a_portfolio(field: &str, value: &Value) -> bool {
    let event = || text(value, "event").map(|word| AccountEvent::parse(&word));
    field == "partner_solutions"
        || (field == "account_update" && event().is_some_and(|e| ENTRY_IS_A_PORTFOLIO.contains(&e)))
}

/// The digits of a number however it is written; webhooks write them bare (facts §1.6).
pub(super) fn digits(display: &str) -> Option<String> {
    Some(display.chars().filter(char::is_ascii_digit).collect::<String>()).filter(|digits| !digits.is_empty())
}

/// A status that proves the number can send.
pub(super) fn is_working(status: &str) -> bool {
    matches!(status, "sent" | "delivered" | "read")
}

fn content(field: &str, value: &Value) -> Option<Content> {
    let word = |name: &str| filled(value, name);
    let decision = || word("decision").map(|w| ReviewDecision::parse(&w));
    Some(match field {
        "messages" => value.is_object().then(|| Content::Messages(messages(value)))?,
        "account_update" => Content::Account(account_update(value)?),
        "account_review_update" => Content::AccountReview { decision: decision()? },
        "phone_number_name_update" => Content::Name {
            decision: decision()?,
            requested_name: word("requested_verified_name"),
            rejection_reason: word("rejection_reason").filter(|reason| reason != "NONE"),
        },
        "phone_number_quality_update" => {
            let limit = limit(value, "max_daily_conversations_per_business").or_else(|| limit(value, "current_limit"));
            Content::Quality { event: word("event")?, limit }
        }
        "business_capability_update" => Content::Capability {
            limit: limit(value, "max_daily_conversations_per_business")
                .or_else(|| limit(value, "max_daily_conversation_per_phone")),
            max_phone_numbers: whole(value, "max_phone_numbers_per_waba")
                .or_else(|| whole(value, "max_phone_numbers_per_business")),
        },
        "security" => Content::Security { event: SecurityEvent::parse(&word("event")?) },
        "business_status_update" | "partner_solutions" => Content::Notice { event: word("event")? },
        "account_alerts" => {
            let nested = value.get("alert_info").and_then(|info| filled(info, "alert_type"));
            Content::Notice { event: nested.or_else(|| word("alert_type"))? }
        }
        "message_template_status_update" => template(value, word("event"))?,
        "message_template_quality_update" => template(value, word("new_quality_score"))?,
        "message_template_components_update" => template(value, Some("COMPONENTS_CHANGED".to_owned()))?,
        // Where both stand, the change is announced: "correct" is the category to come.
        "template_category_update" => template(value, word("correct_category").or_else(|| word("new_category")))?,
        "history" | "smb_app_state_sync" | "smb_message_echoes" | "message_echoes" => {
            Content::Coexistence { error_codes: coexistence_errors(value) }
        }
        _ => return None,
    })
}

fn template(value: &Value, event: Option<String>) -> Option<Content> {
    Some(Content::Template { name: filled(value, "message_template_name")?, event: event? })
}

fn messages(value: &Value) -> MessagesSeen {
    let statuses = list(value, "statuses");
    let working = statuses.iter().filter(|status| text(status, "status").is_some_and(|word| is_working(&word)));
    let of_statuses = statuses.iter().flat_map(|status| list(status, "errors"));
    MessagesSeen {
        inbound: list(value, "messages").len(),
        working_statuses: working.count(),
        error_codes: of_statuses.chain(list(value, "errors")).filter_map(|error| whole(error, "code")).collect(),
    }
}

fn coexistence_errors(value: &Value) -> Vec<i64> {
    let of_chunks = list(value, "history").iter().flat_map(|chunk| list(chunk, "errors"));
    of_chunks.chain(list(value, "errors")).filter_map(|error| whole(error, "code")).collect()
}

fn account_update(value: &Value) -> Option<AccountUpdate> {
    let member = |of: &str, name: &str| value.get(of).and_then(|inner| filled(inner, name));
    let restriction = |entry: &Value| {
        let kind = filled(entry, "restriction_type")?;
        Some(Restriction { kind, until: time::instant(entry, "expiration") })
    };
    Some(AccountUpdate {
        event: AccountEvent::parse(&filled(value, "event")?),
        ban_state: member("ban_info", "waba_ban_state").map(|word| BanState::parse(&word)),
        ban_date: member("ban_info", "waba_ban_date"),
        restrictions: list(value, "restriction_info").iter().filter_map(restriction).collect(),
        violation: member("violation_info", "violation_type"),
        disconnection: value
            .get("disconnection_info")
            .filter(|info| info.is_object())
            .map(|info| Disconnection { reason: filled(info, "reason"), initiated_by: filled(info, "initiated_by") }),
        partner_app_id: member("waba_info", "partner_app_id").map(AppId),
    })
}

/// A tier by name, or by the number of conversations it allows (facts D13).
fn limit(value: &Value, name: &str) -> Option<MessagingLimit> {
    let word = filled(value, name)?;
    Some(match word.as_str() {
        "50" => MessagingLimit::Tier50,
        "250" => MessagingLimit::Tier250,
        "1000" => MessagingLimit::Tier1k,
        "2000" => MessagingLimit::Tier2k,
        "10000" => MessagingLimit::Tier10k,
        "100000" => MessagingLimit::Tier100k,
        "-1" => MessagingLimit::Unlimited,
        other => MessagingLimit::parse(other),
    })
}

#[cfg(test)]
mod tests;
