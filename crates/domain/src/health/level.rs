//! How well a number is, in one word, and whose move it is. Nothing here judges.

use std::cmp::Ordering;

use super::words::words;

words! {
    /// How well a number is (policy, "Health").
    ///
    /// Ordered from best to worst; [`Level::Unknown`] stands outside the order: it is neither better
    /// nor worse than another level.
    Level {
        /// Nothing stands in its way.
        Live = "live",
        /// It works, and something threatens that.
        AtRisk = "at_risk",
        /// It does not work yet and nobody here can hasten it: a review, provisioning, a hold.
        WaitingForMeta = "waiting_for_meta",
        /// A person has to do something: see [`Move`].
        ActionNeeded = "action_needed",
        /// Banned, restricted or disabled.
        Blocked = "blocked",
        /// No fresh reading, and no verdict without one.
        Unknown = "unknown",
    }
}

impl Level {
    /// The place in the order; `None` outside it.
    const fn rank(self) -> Option<u8> {
        match self {
            Self::Live => Some(0),
            Self::AtRisk => Some(1),
            Self::WaitingForMeta => Some(2),
            Self::ActionNeeded => Some(3),
            Self::Blocked => Some(4),
            Self::Unknown => None,
        }
    }

    /// Messages go out and come in.
    pub const fn works(self) -> bool {
        matches!(self, Self::Live | Self::AtRisk)
    }

    /// The place in a list that shows the worst first. Unknown comes after what needs a person and
    /// before what does not.
    pub const fn urgency(self) -> u8 {
        match self {
            Self::Live => 0,
            Self::AtRisk => 1,
            Self::WaitingForMeta => 2,
            Self::Unknown => 3,
            Self::ActionNeeded => 4,
            Self::Blocked => 5,
        }
    }
}

impl PartialOrd for Level {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        match (self.rank(), other.rank()) {
            (None, None) => Some(Ordering::Equal),
            (Some(a), Some(b)) => Some(a.cmp(&b)),
            _ => None,
        }
    }
}

words! {
    /// Whose move it is.
    Move {
        /// Whoever owns the number.
        Owner = "owner",
        /// Whoever runs this installation.
        Operator = "operator",
        /// Meta.
        Meta = "meta",
        /// Nobody: it is news, or it heals by itself.
        Nobody = "nobody",
    }
}

words! {
    /// What a person can do about a finding.
    Action {
        /// Press Complete registration.
        CompleteRegistration = "complete_registration",
        /// Enter the number's two-step PIN here.
        EnterPin = "enter_pin",
        /// Receive a code by SMS or voice and enter it here.
        VerifyByCode = "verify_by_code",
        /// Apply the approved new display name: registers once.
        ApplyNewName = "apply_new_name",
        /// Go through Meta's popup again for the same number.
        Reconnect = "reconnect",
        /// Go through Embedded Signup again.
        SignUpAgain = "sign_up_again",
        /// Subscribe the webhooks again.
        Resubscribe = "resubscribe",
        /// Point the app's own callback at this installation.
        TakeOverCallback = "take_over_callback",
        /// Read the number again now.
        Refresh = "refresh",
        /// Ask for another display name, in WhatsApp Manager.
        ChooseNewName = "choose_new_name",
        /// Add a payment method and make it the default, at Meta.
        AddPayment = "add_payment",
        /// Start or finish business verification, at Meta.
        VerifyBusiness = "verify_business",
        /// Ask Meta to look at a ban, a restriction or a rejection again.
        Appeal = "appeal",
        /// Ask Meta's support.
        ContactSupport = "contact_support",
        /// Disconnect the number from the account that holds it, or use coexistence.
        FreeNumber = "free_number",
        /// Have two-step verification turned off where the number was before.
        TurnOffTwoStep = "turn_off_two_step",
        /// Open the WhatsApp Business app and link it again.
        ReconnectApp = "reconnect_app",
        /// Move the number from the On-Premises API.
        MigrateFromOnPremise = "migrate_from_on_premise",
        /// Share the account with us again.
        RestoreAccess = "restore_access",
        /// Better what customers think of the messages.
        ImproveQuality = "improve_quality",
        /// Look at the installation's public address and app settings.
        CheckInstallation = "check_installation",
    }
}

impl Action {
    /// A button of ours does it; the others are done at Meta, behind the finding's link.
    pub const fn is_here(self) -> bool {
        matches!(
            self,
            Self::CompleteRegistration
                | Self::EnterPin
                | Self::VerifyByCode
                | Self::ApplyNewName
                | Self::Reconnect
                | Self::SignUpAgain
                | Self::Resubscribe
                | Self::TakeOverCallback
                | Self::Refresh
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_is_neither_better_nor_worse() {
        for level in Level::ALL {
            let ordered = *level != Level::Unknown;
            assert_eq!(Level::Unknown.partial_cmp(level).is_none(), ordered, "{level:?}");
        }
        assert!(Level::Live < Level::AtRisk && Level::AtRisk < Level::WaitingForMeta);
        assert!(Level::WaitingForMeta < Level::ActionNeeded && Level::ActionNeeded < Level::Blocked);
    }

    #[test]
    fn every_word_reads_back() {
        assert!(Level::ALL.iter().all(|l| Level::parse(l.as_str()) == Some(*l)));
        assert!(Move::ALL.iter().all(|m| Move::parse(m.as_str()) == Some(*m)));
        assert!(Action::ALL.iter().all(|a| Action::parse(a.as_str()) == Some(*a)));
    }
}
