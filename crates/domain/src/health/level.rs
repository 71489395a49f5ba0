//! How well a number is, who is responsible for the next step, and what people can do. Nothing is assessed here.

use std::cmp::Ordering;

/// How well a number is (policy, "Health").
///
/// Ordered from best to worst; [`Level::Unknown`] stands outside the order: it is neither better
/// nor worse than another level.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, strum::IntoStaticStr, strum::EnumString, strum::VariantArray)]
#[strum(serialize_all = "snake_case", const_into_str)]
pub enum Level {
    /// Messages go out and come in.
    Live,
    /// Messages go out and come in, and something threatens that.
    AtRisk,
    /// It does not work yet, and only time or Meta changes that: a review, provisioning, a hold.
    WaitingForMeta,
    /// A person has to act: see [`Party`].
    ActionNeeded,
    /// Banned, restricted or disabled.
    Blocked,
    /// There is no fresh reading, and no finding that holds without one.
    Unknown,
}

impl Level {
    /// The position in the order; `None` outside it.
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

    /// Whether messages go out and come in.
    pub const fn works(self) -> bool {
        matches!(self, Self::Live | Self::AtRisk)
    }

    /// The rank in a list that shows the most urgent first: Unknown comes after the levels that need a person and before
    /// those that do not.
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

/// Who is responsible for the next step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, strum::IntoStaticStr, strum::EnumString, strum::VariantArray)]
#[strum(serialize_all = "snake_case", const_into_str)]
pub enum Party {
    /// The owner of the number.
    Owner,
    /// The operator of this installation.
    Operator,
    Meta,
    /// Nobody: it is information, or it is reconciled automatically.
    Nobody,
}

/// What a person can do about a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, strum::IntoStaticStr, strum::EnumString, strum::VariantArray)]
#[strum(serialize_all = "snake_case", const_into_str)]
pub enum Action {
    CompleteRegistration,
    /// Enter the number's two-step PIN in this installation.
    EnterPin,
    /// Receive a code by SMS or voice and enter it in this installation.
    VerifyByCode,
    /// Apply the approved new display name: registers once.
    ApplyNewName,
    /// Go through Meta's popup again for the same number.
    Reconnect,
    /// Go through Embedded Signup again.
    SignUpAgain,
    /// Subscribe the webhooks again.
    Resubscribe,
    /// Point the app's own callback at this installation.
    TakeOverCallback,
    /// Read the number again now.
    Refresh,
    /// Ask for another display name, in WhatsApp Manager.
    ChooseNewName,
    /// Add a payment method and make it the default, at Meta.
    AddPayment,
    /// Start or finish business verification, at Meta.
    VerifyBusiness,
    /// Ask Meta to look at a ban, a restriction or a rejection again.
    Appeal,
    ContactSupport,
    /// Disconnect the number from the account that holds it, or use coexistence.
    FreeNumber,
    /// Have two-step verification turned off where the number was before.
    TurnOffTwoStep,
    /// Open the WhatsApp Business app and link it again.
    ReconnectApp,
    /// Move the number from the On-Premises API.
    MigrateFromOnPremise,
    /// Share the account with this installation again.
    RestoreAccess,
    /// Improve the quality of the messages.
    ImproveQuality,
    /// Check the installation's public address and app settings.
    CheckInstallation,
}

impl Action {
    /// Whether a button of this installation does it; the others are done at Meta, behind the finding's link.
    pub const fn is_local(self) -> bool {
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
    use strum::VariantArray as _;

    use super::*;

    #[test]
    fn unknown_is_neither_better_nor_worse() {
        for level in Level::VARIANTS {
            let ordered = *level != Level::Unknown;
            assert_eq!(Level::Unknown.partial_cmp(level).is_none(), ordered, "{level:?}");
        }
        assert!(Level::Live < Level::AtRisk && Level::AtRisk < Level::WaitingForMeta);
        assert!(Level::WaitingForMeta < Level::ActionNeeded && Level::ActionNeeded < Level::Blocked);
    }

    #[test]
    fn every_code_parses_back() {
        assert!(Level::VARIANTS.iter().all(|level| level.into_str().parse() == Ok(*level)));
        assert!(Party::VARIANTS.iter().all(|party| party.into_str().parse() == Ok(*party)));
        assert!(Action::VARIANTS.iter().all(|action| action.into_str().parse() == Ok(*action)));
    }
}
