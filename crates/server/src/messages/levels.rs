//! Levels, whose move it is, and what buttons say.

use domain::health::{Action, Level, Move};

/// A level in two or three words.
pub fn level(level: Level) -> &'static str {
    match level {
        Level::Live => "Live",
        Level::AtRisk => "Live, at risk",
        Level::WaitingForMeta => "Waiting for Meta",
        Level::ActionNeeded => "Action needed",
        Level::Blocked => "Blocked",
        Level::Unknown => "Not known yet",
    }
}

/// Whose move it is, as the end of "Whose move:".
pub fn whose(whose: Move) -> &'static str {
    match whose {
        Move::Owner => "Yours",
        Move::Operator => "Your provider’s",
        Move::Meta => "Meta’s",
        Move::Nobody => "Nobody’s: nothing to do",
    }
}

/// The same for a list, where it stands alone.
pub fn your_move(whose: Move) -> &'static str {
    match whose {
        Move::Owner => "Your move",
        Move::Operator => "Your provider’s move",
        Move::Meta => "Meta’s move",
        Move::Nobody => "Nothing to do",
    }
}

/// A button and what it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Button {
    /// What stands on it.
    pub label: &'static str,
    /// What pressing it does, or where it leads.
    pub does: &'static str,
}

/// The button of an action.
pub fn button(action: Action) -> Button {
    let (label, does) = match action {
        Action::CompleteRegistration => (
            "Complete registration",
            "We look at the number at Meta now and, if nothing stands in the way, ask Meta to register it.",
        ),
        Action::EnterPin => ("Enter PIN", "We keep the PIN sealed and register the number with it."),
        Action::VerifyByCode => {
            ("Verify by code", "Meta sends a code to the number; enter it here and we register the number.")
        }
        Action::ApplyNewName => (
            "Apply new name",
            "We register the number once more, with the stored PIN, so that Meta shows the new name.",
        ),
        Action::Reconnect => {
            ("Reconnect", "Opens Meta’s window again for the same number. Messages and settings stay.")
        }
        Action::SignUpAgain => ("Connect again", "Opens Meta’s window to connect the number once more."),
        Action::Resubscribe => ("Register webhook", "We ask Meta to send this number’s messages here."),
        Action::TakeOverCallback => {
            ("Take over account events", "We point the Meta app’s own address at this installation.")
        }
        Action::Refresh => ("Refresh", "We ask Meta about this number now."),
        Action::ChooseNewName => {
            ("Choose another name", "Opens WhatsApp Manager, where a new display name can be asked for.")
        }
        Action::AddPayment => ("Add payment method", "Opens Meta’s billing page of your WhatsApp account."),
        Action::VerifyBusiness => {
            ("Verify your business", "Opens Meta’s Security Center, where verification is started.")
        }
        Action::Appeal => {
            ("Ask for a review", "Opens Meta’s page on account quality, where a review can be asked for.")
        }
        Action::ContactSupport => ("Contact Meta support", "Opens Meta’s support for businesses."),
        Action::FreeNumber => (
            "How to free the number",
            "Opens WhatsApp Manager. The WhatsApp account on the phone has to be deleted first.",
        ),
        Action::TurnOffTwoStep => {
            ("Two-step verification", "Opens WhatsApp Manager, where two-step verification is turned off.")
        }
        Action::ReconnectApp => {
            ("Open WhatsApp Manager", "The link itself is made in the WhatsApp Business app on your phone.")
        }
        Action::MigrateFromOnPremise => {
            ("Move the number", "Opens WhatsApp Manager, where the number can be moved to the Cloud API.")
        }
        Action::RestoreAccess => {
            ("Share the account again", "Opens your business settings, where our access is given back.")
        }
        Action::ImproveQuality => {
            ("See quality", "Opens WhatsApp Manager, where Meta shows what customers complained about.")
        }
        Action::CheckInstallation => {
            ("Check the installation", "Somebody has to look at the public address and the Meta app’s settings.")
        }
    };
    Button { label, does }
}
