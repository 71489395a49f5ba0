//! Words for levels, for the party that has to act, and for buttons.

use domain::health::{Action, Level, Party};

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

/// The party that has to act next, as the value of "Next action by".
pub fn whose(whose: Party) -> &'static str {
    match whose {
        Party::Owner => "You",
        Party::Operator => "Your provider",
        Party::Meta => "Meta",
        Party::Nobody => "No action needed",
    }
}

/// The party that has to act next, for a list where it stands without a label.
pub fn your_move(whose: Party) -> &'static str {
    match whose {
        Party::Owner => "You act next",
        Party::Operator => "Your provider acts next",
        Party::Meta => "Meta acts next",
        Party::Nobody => "No action needed",
    }
}

/// The party that has to act, as a sentence.
pub(super) fn needs_action(whose: Party) -> &'static str {
    match whose {
        Party::Owner => "You have to act.",
        Party::Operator => "Your provider has to act.",
        Party::Meta => "Meta has to act.",
        Party::Nobody => "",
    }
}

/// A button: its label and what it does or where it leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Button {
    pub label: &'static str,
    pub does: &'static str,
}

/// The button that registers a number which was disconnected from the WhatsApp Business app.
pub const LEAVE_APP: Button = Button {
    label: "Register here instead",
    does: "Registers the number for messaging here, which takes it out of the app. To keep the app, connect the number there again.",
};

/// The button of an action.
pub fn button(action: Action) -> Button {
    let (label, does) = match action {
        Action::CompleteRegistration => {
            ("Complete registration", "Checks the number at Meta now and registers it if nothing prevents that.")
        }
        Action::EnterPin => ("Enter PIN", "Stores the PIN encrypted and registers the number with it."),
        Action::VerifyByCode => {
            ("Verify by code", "Meta sends a code to the number. Enter it here to register the number.")
        }
        Action::ApplyNewName => {
            ("Apply new name", "Registers the number once more with the stored PIN, so that Meta shows the new name.")
        }
        Action::Reconnect => {
            ("Reconnect", "Opens Meta’s sign-up window again for the same number. Messages and settings are kept.")
        }
        Action::SignUpAgain => ("Connect again", "Opens Meta’s sign-up window to connect the number again."),
        Action::Resubscribe => ("Register webhook", "Asks Meta to send the messages of this number here."),
        Action::TakeOverCallback => {
            ("Take over account events", "Sets the Meta app’s own callback to this installation.")
        }
        Action::Refresh => ("Refresh", "Checks the number at Meta now."),
        Action::ChooseNewName => {
            ("Choose another name", "Opens WhatsApp Manager, where you can request a new display name.")
        }
        Action::AddPayment => ("Add payment method", "Opens the billing page of your WhatsApp account at Meta."),
        Action::VerifyBusiness => {
            ("Verify your business", "Opens Meta’s Security Center, where you start verification.")
        }
        Action::Appeal => ("Request a review", "Opens Meta’s account quality page, where you can request a review."),
        Action::ContactSupport => ("Contact Meta support", "Opens Meta’s support for businesses."),
        Action::FreeNumber => (
            "How to free the number",
            "Opens WhatsApp Manager. First delete the WhatsApp account on the phone that uses the number.",
        ),
        Action::TurnOffTwoStep => {
            ("Two-step verification", "Opens WhatsApp Manager, where you can turn two-step verification off.")
        }
        Action::ReconnectApp => {
            ("Open WhatsApp Manager", "Connect the number in the WhatsApp Business app on your phone.")
        }
        Action::MigrateFromOnPremise => {
            ("Move the number", "Opens WhatsApp Manager, where you can move the number to the Cloud API.")
        }
        Action::RestoreAccess => {
            ("Share the account again", "Opens your business settings, where you can give us access again.")
        }
        Action::ImproveQuality => {
            ("See quality", "Opens WhatsApp Manager, where Meta shows the reasons for complaints.")
        }
        Action::CheckInstallation => {
            ("Check the installation", "Check the public address and the settings of the Meta app.")
        }
    };
    Button { label, does }
}
