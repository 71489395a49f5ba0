//! The webhook fields that the Meta app is subscribed to. They belong to the app, whatever level a callback is set on
//! (facts §1.12).

use std::collections::BTreeSet;

use crate::delivery::WEBHOOK_FIELDS;

/// The fields that Linekeeper itself interprets. Without one of them a number is at risk.
pub const NEEDED: &[&str] = &[
    "account_alerts",
    "account_review_update",
    "account_update",
    "business_capability_update",
    "business_status_update",
    "messages",
    "phone_number_name_update",
    "phone_number_quality_update",
    "security",
];

/// The fields to subscribe to, sorted: the needed ones, and the configured ones, or where none are configured every field
/// that a kind of event promises to an endpoint.
pub fn wanted_fields(configured: &[String]) -> Vec<String> {
    let mut wanted: BTreeSet<&str> = NEEDED.iter().copied().collect();
    if configured.is_empty() {
        wanted.extend(WEBHOOK_FIELDS.iter().map(|(field, _)| *field));
    } else {
        wanted.extend(configured.iter().map(String::as_str));
    }
    wanted.into_iter().map(str::to_owned).collect()
}

/// The wanted fields and those that are subscribed already, which an operator may have chosen at Meta; sorted.
pub fn with_subscribed(wanted: &[String], subscribed: &[String]) -> Vec<String> {
    wanted.iter().chain(subscribed).collect::<BTreeSet<_>>().into_iter().cloned().collect()
}

/// The wanted fields that are not subscribed.
pub fn missing_fields(wanted: &[String], subscribed: &[String]) -> Vec<String> {
    wanted.iter().filter(|field| !subscribed.contains(field)).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delivery::EventKind;

    #[test]
    fn every_field_that_a_kind_promises_is_wanted() {
        let wanted = wanted_fields(&[]);
        for field in
            ["calls", "group_status_update", "account_settings_update", "payment_configuration_update", "standby"]
        {
            assert!(wanted.iter().any(|it| it == field), "{field}");
        }
        let meta =
            EventKind::ALL.iter().filter(|kind| **kind != EventKind::Announcements && **kind != EventKind::Statuses);
        for kind in meta {
            assert!(wanted.iter().any(|field| EventKind::of_field(field) == *kind), "{kind:?}");
        }
    }

    #[test]
    fn a_configured_list_keeps_the_needed_fields_and_those_subscribed_by_hand() {
        let wanted = wanted_fields(&["calls".to_owned()]);
        assert_eq!(wanted.len(), NEEDED.len() + 1);
        let all = with_subscribed(&wanted, &["flows".to_owned(), "calls".to_owned()]);
        assert_eq!(all.len(), NEEDED.len() + 2);
        assert_eq!(missing_fields(&wanted, &all), Vec::<String>::new());
        assert_eq!(missing_fields(&all, &wanted), ["flows"]);
    }
}
