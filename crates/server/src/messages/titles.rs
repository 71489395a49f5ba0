//! Findings in a few words each, by the word of their code: for headings, lists and the timeline, where
//! the arguments are not at hand.

/// The title of a finding; `None` for a word of another version.
pub(super) fn title(word: &str) -> Option<&'static str> {
    TITLES.iter().find(|(known, _)| *known == word).map(|(_, title)| *title)
}

const TITLES: &[(&str, &str)] = &[
    ("never_read", "Not looked at yet"),
    ("reading_stale", "No fresh news from Meta"),
    ("facts_unread", "Meta left something out"),
    ("read_failed", "Meta could not be asked just now"),
    ("onboarding_unknown", "We do not know yet how this number is used"),
    ("pending_registration", "Not registered yet"),
    ("registration_under_way", "Being registered now"),
    ("registration_unconfirmed", "Waiting for Meta to confirm"),
    ("activating", "Registered, being activated"),
    ("registration_retrying", "Trying again soon"),
    ("throttled", "Meta asks us to slow down"),
    ("name_in_review", "Meta is reviewing your display name"),
    ("name_good_still_refused", "Meta is finishing your display name"),
    ("budget_spent", "Out of tries for now"),
    ("registration_held", "Meta locked registration for a while"),
    ("pin_guesses_held", "Too many wrong PINs"),
    ("onboarding_window_ending", "The time to finish is running out"),
    ("dropped_out", "The number dropped out"),
    ("name_declined", "Meta declined your display name"),
    ("pin_needed", "Your two-step PIN is needed"),
    ("code_needed", "Prove that the number is yours"),
    ("number_taken", "Still in another WhatsApp account"),
    ("two_step_at_previous_owner", "The previous provider still locks the number"),
    ("registration_refused", "Meta refused to register the number"),
    ("onboarding_expired", "Connect the number again"),
    ("on_premise", "The number is on Meta’s old system"),
    ("coexistence_lost", "The link with the WhatsApp Business app is gone"),
    ("coexistence_paused", "The phone is being changed"),
    ("number_banned", "Meta banned this number"),
    ("number_deleted", "The number was deleted at Meta"),
    ("number_migrated", "The number moved to another account"),
    ("number_restricted", "Meta restricted this number"),
    ("number_disconnected", "The number is disconnected"),
    ("number_flagged", "The quality of this number is flagged"),
    ("number_rate_limited", "Meta slowed this number down"),
    ("number_unverified", "Meta lists the number as unverified"),
    ("status_not_known", "Meta uses a word we do not know"),
    ("sandbox", "A test number"),
    ("coexistence", "Also in the WhatsApp Business app"),
    ("quality_yellow", "Some customers complain"),
    ("quality_red", "Many customers complain"),
    ("limit_near", "Close to the daily limit"),
    ("limit_reached", "The daily limit is reached"),
    ("limit_lowest", "A low daily limit"),
    ("name_expired", "The approval of your display name ran out"),
    ("new_name_approved", "Your new name is approved"),
    ("new_name_lapsed", "The new name was not applied in time"),
    ("new_name_in_review", "Your new name is being reviewed"),
    ("new_name_declined", "Meta declined your new name"),
    ("payment_missing", "A payment method is missing"),
    ("business_unverified", "Your business is not verified"),
    ("account_in_review", "Meta is reviewing your WhatsApp account"),
    ("account_rejected", "Meta rejected your WhatsApp account"),
    ("account_restricted", "Your WhatsApp account is restricted"),
    ("ban_scheduled", "Your WhatsApp account will be banned"),
    ("account_banned", "Your WhatsApp account is banned"),
    ("account_disabled", "Your WhatsApp account is out of use"),
    ("account_deleted", "Your WhatsApp account was deleted"),
    ("account_locked", "Your WhatsApp account is locked"),
    ("policy_violation", "Meta noted a policy violation"),
    ("business_compromised", "Your business may be in foreign hands"),
    ("sending_blocked", "Sending is blocked"),
    ("sending_limited", "Sending is limited"),
    ("meta_reports", "Meta reports a problem"),
    ("sends_refused", "Meta refuses messages of this number"),
    ("token_dead", "The connection to Meta has ended"),
    ("token_expiring", "The connection to Meta ends soon"),
    ("access_lost", "The account is no longer shared with us"),
    ("not_subscribed", "Messages do not reach us"),
    ("override_refused", "Messages come by the general address"),
    ("override_missing", "The message address is not set"),
    ("override_foreign", "Messages go somewhere else"),
    ("callback_unverified", "Meta could not reach us"),
    ("app_callback_missing", "Account events reach nobody"),
    ("app_callback_foreign", "Account events go somewhere else"),
    ("app_fields_missing", "Some events are not switched on"),
    ("silence", "It has gone quiet"),
];

#[cfg(test)]
mod tests {
    use domain::health::FindingCode;

    use super::*;

    #[test]
    fn no_finding_is_without_a_title() {
        for word in FindingCode::KNOWN {
            assert!(title(word).is_some_and(|title| !title.is_empty()), "{word} has no title");
        }
        assert_eq!(TITLES.len(), FindingCode::KNOWN.len(), "a title belongs to no finding");
    }
}
