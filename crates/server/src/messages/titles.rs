//! Titles of findings by the identifier of their code, for headings, lists and the timeline, where the arguments of
//! a finding are not available.

/// The title of a finding; `None` for an identifier of another version.
pub(super) fn title(code: &str) -> Option<&'static str> {
    TITLES.iter().find(|(known, _)| *known == code).map(|(_, title)| *title)
}

const TITLES: &[(&str, &str)] = &[
    ("never_read", "Not checked yet"),
    ("reading_stale", "Meta’s data is out of date"),
    ("facts_unread", "Meta’s answer was incomplete"),
    ("read_failed", "The last check failed"),
    ("onboarding_unknown", "Use of the phone app is not known yet"),
    ("pending_registration", "Not registered yet"),
    ("registration_in_progress", "Registration in progress"),
    ("registration_unconfirmed", "Waiting for Meta to confirm"),
    ("activating", "Registered, activation in progress"),
    ("registration_retrying", "Trying again soon"),
    ("throttled", "Meta limits our requests"),
    ("name_in_review", "Meta is reviewing your display name"),
    ("name_good_still_refused", "Meta is finishing your display name"),
    ("budget_spent", "No registration attempt left for now"),
    ("registration_held", "Meta locked registration for a while"),
    ("pin_guesses_held", "A wrong PIN was entered too often"),
    ("onboarding_window_ending", "The period to register ends soon"),
    ("registration_lost", "The number is no longer registered"),
    ("registration_lost_again", "The number is taken away again and again"),
    ("name_declined", "Meta declined your display name"),
    ("pin_needed", "Your two-step PIN is needed"),
    ("code_needed", "Verify that the number is yours"),
    ("number_taken", "Still in another WhatsApp account"),
    ("two_step_at_previous_owner", "The previous provider still locks the number"),
    ("registration_refused", "Meta refused to register the number"),
    ("onboarding_expired", "Connect the number again"),
    ("on_premise", "The number is on Meta’s old system"),
    ("coexistence_lost", "The connection to the WhatsApp Business app is lost"),
    ("coexistence_disconnected", "Disconnected from the WhatsApp Business app"),
    ("coexistence_paused", "The app moved to another phone"),
    ("number_banned", "Meta banned this number"),
    ("number_deleted", "The number was deleted at Meta"),
    ("number_migrated", "The number moved to another account"),
    ("number_restricted", "Meta restricted this number"),
    ("number_disconnected", "The number is disconnected"),
    ("number_flagged", "The quality of this number is flagged"),
    ("number_rate_limited", "Meta limits the sending rate"),
    ("number_unverified", "Meta lists the number as unverified"),
    ("status_unknown", "Meta reports an unknown status"),
    ("sandbox", "A test number"),
    ("coexistence", "Also in the WhatsApp Business app"),
    ("quality_yellow", "Some customers complained"),
    ("quality_red", "Many customers complained"),
    ("limit_lowest", "The daily limit is low"),
    ("name_expired", "The approval of your display name expired"),
    ("new_name_approved", "Your new name is approved"),
    ("new_name_lapsed", "The approval of the new name expired"),
    ("new_name_in_review", "Meta is reviewing your new name"),
    ("new_name_declined", "Meta declined your new name"),
    ("live_name_declined", "Meta declined the display name"),
    ("payment_missing", "A payment method is missing"),
    ("business_unverified", "Your business is not verified"),
    ("account_in_review", "Meta is reviewing your WhatsApp account"),
    ("account_rejected", "Meta rejected your WhatsApp account"),
    ("account_restricted", "Your WhatsApp account is restricted"),
    ("ban_scheduled", "Your WhatsApp account will be banned"),
    ("account_banned", "Your WhatsApp account is banned"),
    ("account_disabled", "Your WhatsApp account is disabled"),
    ("account_deleted", "Your WhatsApp account was deleted"),
    ("account_locked", "Your WhatsApp account is locked"),
    ("policy_violation", "Meta reported a policy violation"),
    ("business_compromised", "Your business may be compromised"),
    ("sending_blocked", "Sending is blocked"),
    ("sending_limited", "Sending is limited"),
    ("meta_error_reported", "Meta reports a problem"),
    ("sends_refused", "Meta refuses messages of this number"),
    ("token_dead", "The access token no longer works"),
    ("token_expiring", "The access token expires soon"),
    ("access_lost", "We lost access to the WhatsApp account"),
    ("not_subscribed", "Webhooks are not subscribed"),
    ("override_refused", "Meta refused the callback address"),
    ("override_missing", "The callback address is not set"),
    ("override_foreign", "Messages go to another address"),
    ("app_callback_missing", "Account events have no callback"),
    ("app_callback_foreign", "Account events go to another address"),
    ("app_fields_missing", "Some event types are not subscribed"),
    ("webhook_silence", "No webhooks arrive"),
];

#[cfg(test)]
mod tests {
    use domain::health::FindingCode;

    use strum::VariantNames as _;

    use super::*;

    #[test]
    fn no_finding_is_without_a_title() {
        for word in FindingCode::VARIANTS {
            assert!(title(word).is_some_and(|title| !title.is_empty()), "{word} has no title");
        }
        assert_eq!(TITLES.len(), FindingCode::VARIANTS.len(), "a title belongs to no finding");
    }
}
