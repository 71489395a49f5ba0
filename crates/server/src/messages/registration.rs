//! Words for registration: the reason of a decision, and what a person has to do.

use domain::registration::ledger::Basis;
use domain::registration::{Decision, Remedy, Why};

use super::failures::failure;
use super::format::capitalize;
use super::sentence::Message;

/// The stable code of a reason in the API.
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

/// A reason as a title and a sentence.
#[expect(clippy::too_many_lines, reason = "a table, one row per reason, exhaustive so that no reason lacks a sentence")]
pub fn why(why: &Why) -> Message {
    let (title, text): (&str, String) = match why {
        Why::Coexistence => (
            "Used in the WhatsApp Business app",
            "The app registers the number. Registering it here would disconnect the app.".into(),
        ),
        Why::CoexistenceLost => {
            ("The connection to the app is lost", "Reconnect the WhatsApp Business app on the phone.".into())
        }
        Why::Live => ("Registered and connected", "No action is needed.".into()),
        Why::Activating => ("Registered, activation in progress", "Meta is activating the number.".into()),
        Why::Registered => {
            ("Registered", "The number is registered. Another call would only use up an attempt.".into())
        }
        Why::OnPremise => ("On Meta’s old system", "The number has to be moved to the Cloud API first.".into()),
        Why::HealedRecently => (
            "Registered again less than a day ago",
            "The number was no longer registered and was registered again. We do that at most once a day.".into(),
        ),
        Why::Gone => ("Banned, deleted or moved", "A number with this status cannot be registered.".into()),
        Why::CallUnderWay => ("A call is in progress", "Meta has not answered it yet.".into()),
        Why::CallUnanswered => (
            "The last call was not answered",
            "It may have succeeded. We check the number twice before the next call.".into(),
        ),
        Why::AcceptedNotShown => (
            "Meta accepted the call, but the number does not show it",
            "The number counts as live only when Meta shows it as registered. We keep checking.".into(),
        ),
        Why::PinUnknown => (
            "The two-step PIN is not known",
            "Two-step verification is on and no PIN is stored. A wrong PIN could lock the number.".into(),
        ),
        Why::HealthUnread => (
            "The last check of the number failed",
            "Without it an attempt could be wasted. We check again automatically.".into(),
        ),
        Why::ReadsRefused(kind) => ("The number could not be read", format!("{}.", capitalize(failure(*kind)))),
        Why::OnboardingUnknown => (
            "Use of the phone app is not known yet",
            "A number that is used in the WhatsApp Business app must not be registered here.".into(),
        ),
        Why::FactsUnread => (
            "Meta’s answer was incomplete",
            "A value that the decision needs is missing. We ask again automatically.".into(),
        ),
        Why::NameDeclined => {
            ("The display name was declined", "Meta registers a number only with an accepted name.".into())
        }
        Why::CodeNotVerified => {
            ("The number is not verified by code", "Meta requires proof that the number is yours.".into())
        }
        Why::OnboardingExpired => (
            "The period to register has ended",
            "A number must be registered within 14 days after it was connected. Connect it again.".into(),
        ),
        Why::Refused(kind) => {
            ("Meta refused the last call; somebody has to act", format!("{}.", capitalize(failure(*kind))))
        }
        Why::NameInReview => (
            "The display name is under review",
            "We check often and register the number as soon as the name is approved.".into(),
        ),
        Why::NameGoodStillRefused => (
            "The name is approved, but Meta still refuses",
            "We try again at growing intervals, within Meta’s limit.".into(),
        ),
        Why::BackOff => ("Waiting before the next attempt", "The last failure was temporary.".into()),
        Why::Throttled => ("Meta limits our requests", "We continue when Meta allows it.".into()),
        Why::Held => ("Meta locked registration", "Meta accepts no call for this number until the lock ends.".into()),
        Why::BudgetSpent => (
            "No attempt left",
            "Meta allows ten attempts in three days. Some of them are reserved for when something changes.".into(),
        ),
        Why::PressedRecently => (
            "Tried less than an hour ago",
            "Nothing has changed since then. Another attempt would only use up the limit.".into(),
        ),
        Why::Ready => ("Ready to register", "The number would be registered now.".into()),
        Why::NewEvidence => ("Something changed for the better", "The number would be registered now.".into()),
        Why::DroppedOut => ("No longer registered", "The number would be registered again now.".into()),
        Why::ApplyingNewName => {
            ("A new name can be applied", "Registering the number again makes Meta show it.".into())
        }
        Why::FinishDeregistration => (
            "An earlier deregistration is not finished",
            "The number is deregistered first and registered five minutes later.".into(),
        ),
        Why::NoNewName => ("There is no new name", "There is no approved name to apply.".into()),
    };
    Message::new(title, text)
}

/// The stable code of a remedy in the API.
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

/// A remedy as a sentence: what a person has to do.
pub fn remedy(remedy: Remedy) -> &'static str {
    match remedy {
        Remedy::EnterPin => "Enter the number’s six-digit PIN, or turn two-step verification off.",
        Remedy::VerifyByCode => "Request a code and enter it.",
        Remedy::ChooseNewName => "Choose another display name in WhatsApp Manager.",
        Remedy::SignUpAgain => "Connect the number again.",
        Remedy::FreeNumber => {
            "Delete the WhatsApp account on the phone that uses this number, then click Complete registration."
        }
        Remedy::TurnOffTwoStep => "Ask the previous provider to turn two-step verification off.",
        Remedy::ReconnectApp => "Connect the WhatsApp Business app on the phone again.",
        Remedy::MigrateFromOnPremise => "Move the number to the Cloud API.",
        Remedy::Reauthorize => "Reconnect the number: its access token no longer works.",
        Remedy::RestoreAccess => "Share the WhatsApp account with us again.",
        Remedy::ContactSupport => "Ask Meta’s Business Support to unlock the account.",
        Remedy::ReadRefusal => "Read Meta’s message, solve the problem, then click Complete registration.",
    }
}

/// The code of a decision in the API.
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

/// The basis of a call, for the table of attempts.
pub fn basis(basis: Basis) -> &'static str {
    match basis {
        Basis::Blind => "Automatic",
        Basis::Probe => "Automatic, name approved",
        Basis::Evidence => "A change at Meta",
        Basis::Heal => "Repair",
        Basis::Person => "A person",
    }
}
