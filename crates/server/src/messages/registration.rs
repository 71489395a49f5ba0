//! Registration in words: why the decision is what it is, what a person would have to do.

use domain::registration::ledger::Basis;
use domain::registration::{Decision, Remedy, Why};

use super::{Message, failures};

/// The stable word of a reason, as the API gives it.
pub fn why_code(why: &Why) -> &'static str {
    match why {
        Why::Coexistence => "coexistence",
        Why::CoexistenceLost => "coexistence_lost",
        Why::Live => "live",
        Why::Activating => "activating",
        Why::Registered => "registered",
        Why::OnPremise => "on_premise",
        Why::HealedRecently => "healed_recently",
        Why::Gone => "gone",
        Why::CallUnderWay => "call_under_way",
        Why::CallUnanswered => "call_unanswered",
        Why::AcceptedNotShown => "accepted_not_shown",
        Why::PinUnknown => "pin_unknown",
        Why::HealthUnread => "health_unread",
        Why::ReadsRefused(_) => "reads_refused",
        Why::OnboardingUnknown => "onboarding_unknown",
        Why::FactsUnread => "facts_unread",
        Why::NameDeclined => "name_declined",
        Why::CodeNotVerified => "code_not_verified",
        Why::OnboardingExpired => "onboarding_expired",
        Why::Refused(_) => "refused",
        Why::NameInReview => "name_in_review",
        Why::NameGoodStillRefused => "name_good_still_refused",
        Why::BackOff => "back_off",
        Why::Throttled => "throttled",
        Why::Held => "held",
        Why::BudgetSpent => "budget_spent",
        Why::PressedRecently => "pressed_recently",
        Why::Ready => "ready",
        Why::NewEvidence => "new_evidence",
        Why::DroppedOut => "dropped_out",
        Why::ApplyingNewName => "applying_new_name",
        Why::FinishDeregistration => "finish_deregistration",
        Why::NoNewName => "no_new_name",
    }
}

/// A reason in words.
#[expect(clippy::too_many_lines, reason = "a table, one row per reason, exhaustive so that none lacks words")]
pub fn why(why: &Why) -> Message {
    let (title, text): (&str, String) = match why {
        Why::Coexistence => (
            "In the WhatsApp Business app as well",
            "Such a number is registered by the app; registering it here would break that.".into(),
        ),
        Why::CoexistenceLost => {
            ("The link with the app is gone", "Reconnect the WhatsApp Business app on the phone.".into())
        }
        Why::Live => ("Registered and connected", "Nothing to do.".into()),
        Why::Activating => ("Registered, being activated", "Meta is switching the number on.".into()),
        Why::Registered => ("Registered", "The number is registered; a further call would only cost a try.".into()),
        Why::OnPremise => ("On Meta’s old system", "The number has to be moved to the Cloud API first.".into()),
        Why::HealedRecently => (
            "Registered again less than a day ago",
            "It dropped out and was put right. We do that at most once a day.".into(),
        ),
        Why::Gone => ("Banned, deleted or moved", "A number in this state cannot be registered.".into()),
        Why::CallUnderWay => ("A call is under way", "Meta is being asked at this moment.".into()),
        Why::CallUnanswered => (
            "The last call was not answered",
            "It may have worked. We look at the number twice before anything else is done.".into(),
        ),
        Why::AcceptedNotShown => (
            "Meta accepted, the number does not show it",
            "It counts as live when the number says so, not when the call did. We keep looking.".into(),
        ),
        Why::PinUnknown => (
            "The two-step PIN is not known",
            "Two-step verification is on and we hold no PIN. A wrong guess would only lock the number.".into(),
        ),
        Why::HealthUnread => (
            "The look at the number failed",
            "Without it a registration could be wasted. We look again by ourselves.".into(),
        ),
        Why::ReadsRefused(kind) => {
            ("Meta did not answer our question", format!("The number could not be read: {}.", failures::failure(*kind)))
        }
        Why::OnboardingUnknown => (
            "Not known whether the app is used",
            "If the number is in the WhatsApp Business app it must not be registered here.".into(),
        ),
        Why::FactsUnread => {
            ("Something needed was not read", "Meta’s answer lacked what the decision rests on. We ask again.".into())
        }
        Why::NameDeclined => {
            ("The display name was declined", "Meta does not register a number without an accepted name.".into())
        }
        Why::CodeNotVerified => {
            ("The number is not verified by code", "Meta wants proof that the number is yours.".into())
        }
        Why::OnboardingExpired => (
            "The time to register has passed",
            "Meta gives 14 days after connecting a number. It has to be connected again.".into(),
        ),
        Why::Refused(kind) => ("Meta’s last answer needs a person", format!("{}.", capital(failures::failure(*kind)))),
        Why::NameInReview => {
            ("The display name is under review", "We look often and register the moment it is approved.".into())
        }
        Why::NameGoodStillRefused => (
            "Approved, but Meta is not done",
            "The name is good and Meta still refuses. We try at growing intervals, within the budget.".into(),
        ),
        Why::BackOff => ("Waiting before the next try", "The last failure passes by itself.".into()),
        Why::Throttled => ("Meta asks to slow down", "We go on when Meta allows it.".into()),
        Why::Held => (
            "Meta locked registration",
            "Meta accepts no call for this number until the lock ends; nobody can press through it.".into(),
        ),
        Why::BudgetSpent => (
            "No try left",
            "Meta allows ten tries in three days. Some are kept for the moment something changes.".into(),
        ),
        Why::PressedRecently => (
            "Pressed less than an hour ago",
            "Nothing has changed since, so another press would only cost a try.".into(),
        ),
        Why::Ready => ("Nothing stands in the way", "The number would be registered now.".into()),
        Why::NewEvidence => ("Something changed for the better", "The number would be registered now.".into()),
        Why::DroppedOut => ("It dropped out", "The number would be registered again now.".into()),
        Why::ApplyingNewName => ("A new name waits to be applied", "Registering once makes Meta show it.".into()),
        Why::FinishDeregistration => (
            "A half-done removal has to be finished",
            "The number is removed first and registered five minutes later.".into(),
        ),
        Why::NoNewName => ("There is no new name", "No approved name waits to be applied.".into()),
    };
    Message::new(title, text)
}

/// The stable word of what a person would have to do.
pub fn remedy_code(remedy: Remedy) -> &'static str {
    match remedy {
        Remedy::EnterPin => "enter_pin",
        Remedy::VerifyByCode => "verify_by_code",
        Remedy::ChooseNewName => "choose_new_name",
        Remedy::SignUpAgain => "sign_up_again",
        Remedy::FreeNumber => "free_number",
        Remedy::TurnOffTwoStep => "turn_off_two_step",
        Remedy::ReconnectApp => "reconnect_app",
        Remedy::MigrateFromOnPremise => "migrate_from_on_premise",
        Remedy::Reauthorize => "reauthorize",
        Remedy::RestoreAccess => "restore_access",
        Remedy::ContactSupport => "contact_support",
        Remedy::ReadRefusal => "read_refusal",
    }
}

/// What a person would have to do, in words.
pub fn remedy(remedy: Remedy) -> &'static str {
    match remedy {
        Remedy::EnterPin => "Enter the number’s six-digit PIN, or turn two-step verification off.",
        Remedy::VerifyByCode => "Ask for a code and enter it.",
        Remedy::ChooseNewName => "Choose another display name in WhatsApp Manager.",
        Remedy::SignUpAgain => "Connect the number again.",
        Remedy::FreeNumber => {
            "Delete the WhatsApp account on the phone that uses this number, then press Complete registration."
        }
        Remedy::TurnOffTwoStep => "Have two-step verification turned off where the number was before.",
        Remedy::ReconnectApp => "Connect the WhatsApp Business app on the phone again.",
        Remedy::MigrateFromOnPremise => "Move the number to the Cloud API.",
        Remedy::Reauthorize => "Reconnect the number: our access to it has ended.",
        Remedy::RestoreAccess => "Share the WhatsApp account with us again.",
        Remedy::ContactSupport => "Ask Meta’s Business Support to unlock the account.",
        Remedy::ReadRefusal => "Read Meta’s own words, put that right, then press Complete registration.",
    }
}

/// What kind of decision it is, as the API gives it.
pub fn decision_word(decision: &Decision) -> &'static str {
    match decision {
        Decision::Register { .. } => "register",
        Decision::Deregister { .. } => "deregister",
        Decision::Settle { .. } => "settle",
        Decision::Wait { .. } => "wait",
        Decision::Ask { .. } => "ask",
        Decision::Stop { .. } => "stop",
        Decision::Done { .. } => "done",
    }
}

/// Why a call was made, for the ledger's table.
pub fn basis(basis: Basis) -> &'static str {
    match basis {
        Basis::Blind => "By itself",
        Basis::Probe => "By itself, name good",
        Basis::Evidence => "After news from Meta",
        Basis::Heal => "To repair",
        Basis::Person => "By a person",
    }
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}
