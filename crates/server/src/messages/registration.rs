//! Words for registration: the reason of a decision, and what a person has to do.

use domain::registration::ledger::Basis;
use domain::registration::{Reason, Remedy};

use super::failures::failure;
use super::format::capitalize;
use super::sentence::Message;

/// A reason as a title and a sentence.
#[expect(clippy::too_many_lines, reason = "a table, one row per reason, exhaustive so that no reason lacks a sentence")]
pub fn why(why: &Reason) -> Message {
    let (title, text): (&str, String) = match why {
        Reason::Coexistence => (
            "Used in the WhatsApp Business app",
            "The app registers the number. Registering it here would disconnect the app.".into(),
        ),
        Reason::CoexistenceStarting => (
            "The connection to the app is being set up",
            "Meta shows it within a few minutes after the number was connected.".into(),
        ),
        Reason::CoexistenceDisconnected => (
            "Disconnected from the WhatsApp Business app",
            "Nothing is registered without its owner’s decision: connect the number in the app again, or register it here, which takes it out of the app.".into(),
        ),
        Reason::CoexistenceLost => {
            ("The connection to the app is lost", "Reconnect the WhatsApp Business app on the phone.".into())
        }
        Reason::Live => ("Registered and connected", "No action is needed.".into()),
        Reason::Activating => ("Registered, activation in progress", "Meta is activating the number.".into()),
        Reason::Registered => {
            ("Registered", "The number is registered. Another call would only use up an attempt.".into())
        }
        Reason::OnPremise => ("On Meta’s old system", "The number has to be moved to the Cloud API first.".into()),
        Reason::LostAgain => (
            "No longer registered, for the second time in three days",
            "The number was registered again and taken away again. Its owner or another provider may want it so, therefore a person has to decide.".into(),
        ),
        Reason::ReconciledRecently => (
            "Registered again less than a day ago",
            "The number was no longer registered and was registered again. We do that at most once a day.".into(),
        ),
        Reason::NumberGone => ("Banned, deleted or moved", "A number with this status cannot be registered.".into()),
        Reason::CallInProgress => ("A call is in progress", "Meta has not answered it yet.".into()),
        Reason::CallUnanswered => (
            "The last call was not answered",
            "It may have succeeded. We check the number twice before the next call.".into(),
        ),
        Reason::AcceptedNotShown => (
            "Meta accepted the call, but the number does not show it",
            "The number counts as live only when Meta shows it as registered. We keep checking.".into(),
        ),
        Reason::PinUnknown => (
            "The two-step PIN is not known",
            "Two-step verification is on and no PIN is stored. A wrong PIN could lock the number.".into(),
        ),
        Reason::HealthUnread => (
            "The last check of the number failed",
            "Without it an attempt could be wasted. We check again automatically.".into(),
        ),
        Reason::ReadsRefused(kind) => ("The number could not be read", format!("{}.", capitalize(failure(*kind)))),
        Reason::OnboardingUnknown => (
            "Use of the phone app is not known yet",
            "A number that is used in the WhatsApp Business app must not be registered here.".into(),
        ),
        Reason::FactsUnread => (
            "Meta’s answer was incomplete",
            "A value that the decision needs is missing. We ask again automatically.".into(),
        ),
        Reason::NameDeclined => {
            ("The display name was declined", "Meta registers a number only with an accepted name.".into())
        }
        Reason::CodeNotVerified => {
            ("The number is not verified by code", "Meta requires proof that the number is yours.".into())
        }
        Reason::OnboardingExpired => (
            "The period to register has ended",
            "A number must be registered within 14 days after it was connected. Connect it again.".into(),
        ),
        Reason::Refused(kind) => {
            ("Meta refused the last call; somebody has to act", format!("{}.", capitalize(failure(*kind))))
        }
        Reason::NameInReview => (
            "The display name is under review",
            "We check often and register the number as soon as the name is approved.".into(),
        ),
        Reason::NameGoodStillRefused => (
            "The name is approved, but Meta still refuses",
            "We try again at growing intervals, within Meta’s limit.".into(),
        ),
        Reason::BackOff => ("Waiting before the next attempt", "The last failure was temporary.".into()),
        Reason::Throttled => ("Meta limits our requests", "We continue when Meta allows it.".into()),
        Reason::Held => {
            ("Meta locked registration", "Meta accepts no call for this number until the lock ends.".into())
        }
        Reason::BudgetSpent => (
            "No attempt left",
            "Meta allows ten attempts in three days. Some of them are reserved for when something changes.".into(),
        ),
        Reason::PressedRecently => (
            "Tried less than an hour ago",
            "Nothing has changed since then. Another attempt would only use up the limit.".into(),
        ),
        Reason::Ready => ("Ready to register", "The number would be registered now.".into()),
        Reason::NewEvidence => ("Something changed for the better", "The number would be registered now.".into()),
        Reason::RegistrationLost => ("No longer registered", "The number would be registered again now.".into()),
        Reason::ApplyingNewName => {
            ("A new name can be applied", "Registering the number again makes Meta show it.".into())
        }
        Reason::CompletingDeregistration => (
            "An earlier deregistration is not finished",
            "The number is deregistered first and registered five minutes later.".into(),
        ),
        Reason::NoNewName => ("There is no new name", "There is no approved name to apply.".into()),
    };
    Message::new(title, text)
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
        Remedy::ClaimAgain => {
            "Find out who takes the number away, then click Complete registration to register it here again."
        }
        Remedy::MigrateFromOnPremise => "Move the number to the Cloud API.",
        Remedy::Reauthorize => "Reconnect the number: its access token no longer works.",
        Remedy::RestoreAccess => "Share the WhatsApp account with us again.",
        Remedy::ContactSupport => "Ask Meta’s Business Support to unlock the account.",
        Remedy::ReadRefusal => "Read Meta’s message, solve the problem, then click Complete registration.",
    }
}

/// The basis of a call, for the table of attempts.
pub fn basis(basis: Basis) -> &'static str {
    match basis {
        Basis::Blind => "Automatic",
        Basis::Probe => "Automatic, name approved",
        Basis::Evidence => "A change at Meta",
        Basis::Reconcile => "Repair",
        Basis::Person => "A person",
    }
}
