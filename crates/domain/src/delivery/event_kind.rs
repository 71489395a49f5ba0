//! The kinds of events that an endpoint may subscribe to. Must not know how an event is encoded.

use strum::{EnumString, IntoStaticStr, VariantArray};

/// A kind of event that an endpoint may subscribe to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, EnumString, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case", const_into_str)]
pub enum EventKind {
    Messages,
    /// Delivery statuses of outgoing messages.
    Statuses,
    /// Message templates: status, quality, category.
    Templates,
    Calls,
    /// The account and its numbers: names, quality, limits, security.
    Account,
    /// Coexistence: echoes of the phone app, its history, its contacts.
    Coexistence,
    /// Linekeeper's own announcements, such as a number that went live.
    Announcements,
    /// Groups, standby, user preferences, and webhook fields that this version does not know.
    Other,
}

/// The field of announcements in the event log. Meta has no field of this name.
pub const ANNOUNCEMENT_FIELD: &str = "linekeeper";

/// The webhook fields that the kinds promise, each with its kind (facts §3.3). The app is subscribed to them.
pub const WEBHOOK_FIELDS: &[(&str, EventKind)] = &[
    ("messages", EventKind::Messages),
    ("calls", EventKind::Calls),
    ("history", EventKind::Coexistence),
    ("message_echoes", EventKind::Coexistence),
    ("smb_app_state_sync", EventKind::Coexistence),
    ("smb_message_echoes", EventKind::Coexistence),
    ("message_template_components_update", EventKind::Templates),
    ("message_template_quality_update", EventKind::Templates),
    ("message_template_status_update", EventKind::Templates),
    ("template_category_update", EventKind::Templates),
    ("account_alerts", EventKind::Account),
    ("account_review_update", EventKind::Account),
    ("account_settings_update", EventKind::Account),
    ("account_update", EventKind::Account),
    ("business_capability_update", EventKind::Account),
    ("business_status_update", EventKind::Account),
    ("partner_solutions", EventKind::Account),
    ("payment_configuration_update", EventKind::Account),
    ("phone_number_name_update", EventKind::Account),
    ("phone_number_quality_update", EventKind::Account),
    ("security", EventKind::Account),
    ("group_lifecycle_update", EventKind::Other),
    ("group_participants_update", EventKind::Other),
    ("group_settings_update", EventKind::Other),
    ("group_status_update", EventKind::Other),
    ("standby", EventKind::Other),
    ("user_preferences", EventKind::Other),
];

impl EventKind {
    /// Every kind, in the order shown to people.
    pub const ALL: &[Self] = Self::VARIANTS;

    /// The kind of a webhook field. The field `messages` may hold messages, statuses or both; this function answers
    /// [`EventKind::Messages`], and the caller looks into the body.
    pub fn of_field(field: &str) -> Self {
        if field == ANNOUNCEMENT_FIELD {
            return Self::Announcements;
        }
        match WEBHOOK_FIELDS.iter().find(|(known, _)| *known == field) {
            Some((_, kind)) => *kind,
            None if field.starts_with("message_template_") => Self::Templates,
            None => Self::Other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_parses_from_its_word() {
        for kind in EventKind::ALL {
            assert_eq!(kind.into_str().parse(), Ok(*kind));
        }
        assert!("Messages".parse::<EventKind>().is_err());
    }

    #[test]
    fn fields_have_kinds() {
        assert_eq!(EventKind::of_field("message_template_status_update"), EventKind::Templates);
        assert_eq!(EventKind::of_field("smb_message_echoes"), EventKind::Coexistence);
        assert_eq!(EventKind::of_field("phone_number_name_update"), EventKind::Account);
        assert_eq!(EventKind::of_field("something_new"), EventKind::Other);
        assert_eq!(EventKind::of_field(ANNOUNCEMENT_FIELD), EventKind::Announcements);
    }
}
