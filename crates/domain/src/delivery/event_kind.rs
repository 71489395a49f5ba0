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
    /// Webhook fields that this version does not know.
    Other,
}

/// The field of announcements in the event log. Meta has no field of this name.
pub const ANNOUNCEMENT_FIELD: &str = "linekeeper";

impl EventKind {
    /// Every kind, in the order shown to people.
    pub const ALL: &[Self] = Self::VARIANTS;

    /// The kind of a webhook field (facts §3.3). The field `messages` may hold messages, statuses or both; this
    /// function answers [`EventKind::Messages`], and the caller looks into the body.
    pub fn of_field(field: &str) -> Self {
        match field {
            "messages" => Self::Messages,
            ANNOUNCEMENT_FIELD => Self::Announcements,
            "calls" => Self::Calls,
            "history" | "smb_message_echoes" | "message_echoes" | "smb_app_state_sync" => Self::Coexistence,
            "template_category_update" => Self::Templates,
            field if field.starts_with("message_template_") => Self::Templates,
            "account_update"
            | "account_review_update"
            | "account_alerts"
            | "account_settings_update"
            | "business_capability_update"
            | "business_status_update"
            | "partner_solutions"
            | "payment_configuration_update"
            | "phone_number_name_update"
            | "phone_number_quality_update"
            | "security" => Self::Account,
            _ => Self::Other,
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
