//! The vocabulary of decisions: who asks, on which reads, and what the answer is. Decides nothing.

use jiff::Timestamp;

use crate::meta::failure::FailureKind;
use crate::meta::reading::{CodeVerification, NumberReading};
use crate::registration::ledger::{AttemptOutcome, Basis};

/// Who asks for a decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Caller {
    /// Signup or re-authorisation, without a person's press (rows W1 to W13).
    SetUp,
    /// A person pressed Complete registration.
    Press,
    /// A person pressed "apply the new name" on a live number.
    ApplyNewName,
    /// Jobs, webhooks and the sweep.
    Planner,
}

impl Caller {
    /// Whether a person caused the call.
    pub const fn is_person(self) -> bool {
        matches!(self, Self::Press | Self::ApplyNewName)
    }

    /// Whether set-up's laxer rules on readings apply (W1, W5).
    pub const fn is_set_up(self) -> bool {
        !matches!(self, Self::Planner)
    }
}

/// The two reads of a decision, each of which may have failed by itself (W5, W6).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reads {
    /// `fields=code_verification_status`; `Ok(None)` when the answer lacked the field.
    pub verification: Result<Option<CodeVerification>, FailureKind>,
    /// All fields of the number.
    pub health: Result<NumberReading, FailureKind>,
}

impl Reads {
    /// One read that answers both questions, as the planner makes it.
    pub fn single(health: Result<NumberReading, FailureKind>) -> Self {
        let verification = match &health {
            Ok(reading) => Ok(reading.code_verification.clone()),
            Err(kind) => Err(*kind),
        };
        Self { verification, health }
    }
}

/// Which PIN a register call carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PinPlan {
    /// The stored one (W11).
    Stored,
    /// A new random one, sealed and stored before the call (W10, D2).
    Generate,
}

/// What a person would have to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case", const_into_str)]
pub enum Remedy {
    /// Enter the number's two-step PIN, or turn two-step verification off.
    EnterPin,
    /// Prove ownership of the number by a code.
    VerifyByCode,
    /// Choose another display name in WhatsApp Manager.
    ChooseNewName,
    /// Go through Embedded Signup again: the onboarding window has passed.
    SignUpAgain,
    /// Disconnect the number from the WhatsApp account it is registered to, or use coexistence.
    FreeNumber,
    /// Have two-step verification turned off at the number's previous owner.
    TurnOffTwoStep,
    /// Reconnect the WhatsApp Business app (coexistence).
    ReconnectApp,
    /// Decide whether the number is to be registered here, and press Complete registration if it is: something takes it
    /// away each time.
    ClaimAgain,
    /// Move the number from the On-Premises API.
    MigrateFromOnPremise,
    /// Re-authorise: the access token is dead.
    Reauthorize,
    /// Share the account with this installation again.
    RestoreAccess,
    /// Ask Meta's Business Support: the account is locked.
    ContactSupport,
    /// Read Meta's own text and press Complete registration again.
    ReadRefusal,
}

/// The reason of a decision. The page and the API find its sentence by its code.
#[derive(Debug, Clone, PartialEq, Eq, Hash, strum::IntoStaticStr, strum::VariantNames)]
#[strum(serialize_all = "snake_case", const_into_str)]
pub enum Reason {
    /// Rule 1: live in both the WhatsApp Business app and the Cloud API.
    Coexistence,
    /// Rule 1: coexistence was just set up, and the number does not show it yet.
    CoexistenceStarting,
    /// Rule 1: coexistence, but the number reads as not registered.
    CoexistenceLost,
    /// Rule 1: Meta reported that the number was disconnected from the WhatsApp Business app.
    CoexistenceDisconnected,
    /// Rule 2: provisioned and CONNECTED.
    Live,
    /// Rule 2: registered, Meta is activating it.
    Activating,
    /// Rule 2: provisioned; its `status` is a matter of health.
    Registered,
    /// Rule 2: registered on the On-Premises API only.
    OnPremise,
    /// Rule 2: the registration was lost and registered again less than a day ago.
    ReconciledRecently,
    /// Rule 2: the registration was lost again within 72 h: its owner or another partner may mean it.
    LostAgain,
    /// Rule 3: banned, deleted or migrated.
    NumberGone,
    /// Rule 4: a register call is in progress.
    CallInProgress,
    /// Rule 4: a call was not answered; the number is being read.
    CallUnanswered,
    /// Rule 5: Meta accepted the call, the number does not show it yet.
    AcceptedNotShown,
    /// Rule 6: two-step verification is on and the PIN is not known.
    PinUnknown,
    /// Rule 6 (W6): the read of health failed on a verified number.
    HealthUnread,
    /// Rule 6: the token is dead, access is lost, or Meta throttles: nothing is registered blind.
    ReadsRefused(FailureKind),
    /// Rule 6: it is not known whether the number is in the WhatsApp Business app.
    OnboardingUnknown,
    /// Rule 6: a needed field was not read.
    FactsUnread,
    /// Rule 6: the display name was declined.
    NameDeclined,
    /// Rule 6: ownership of the number is not verified by code, or the verification has expired.
    CodeNotVerified,
    /// Rule 6: the onboarding window has passed.
    OnboardingExpired,
    /// Rule 7: the last refusal needs a person.
    Refused(FailureKind),
    /// Rule 8: the name is under review.
    NameInReview,
    /// Rule 8: the name is good and Meta still refuses.
    NameGoodStillRefused,
    /// Rule 9: back-off after a transient failure.
    BackOff,
    /// Rule 9: Meta asked for fewer calls.
    Throttled,
    /// Rule 10: Meta accepts no register call of the number for a while (133016 or PIN guesses).
    Held,
    /// Rule 10: the budget of register calls for this caller is spent.
    BudgetSpent,
    /// Rule 10: a person pressed less than an hour ago and nothing changed since.
    PressedRecently,
    /// Rule 11: nothing prevents the call.
    Ready,
    /// Rule 11: there is evidence newer than the last call.
    NewEvidence,
    /// Rule 2: the number was registered, is not any more, and is registered again.
    RegistrationLost,
    /// A new display name was approved and is applied.
    ApplyingNewName,
    /// An incomplete deregistration is completed first (133000).
    CompletingDeregistration,
    /// There is no approved new name to apply.
    NoNewName,
}

/// What to do next.
#[derive(Debug, Clone, PartialEq, Eq, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case", const_into_str)]
pub enum Decision {
    Register {
        /// Decides which limits the call keeps.
        basis: Basis,
        pin: PinPlan,
        reason: Reason,
    },
    /// Call deregister now: an earlier one is incomplete. Register follows after five minutes.
    Deregister { basis: Basis },
    /// Record how an unanswered call ended, then decide again.
    Settle { outcome: AttemptOutcome },
    /// Do nothing now; the planner continues at `next_check_at`.
    Wait {
        reason: Reason,
        next_check_at: Timestamp,
        /// When register may be called if nothing changes, where that is known.
        register_at: Option<Timestamp>,
    },
    /// A person has to act; the number is read again meanwhile.
    Ask { remedy: Remedy, reason: Reason, next_check_at: Timestamp },
    /// Never register the number in its present state.
    Stop { reason: Reason, next_check_at: Timestamp },
    Done {
        reason: Reason,
        /// `None` once the registration is settled.
        next_check_at: Option<Timestamp>,
    },
}

impl Decision {
    /// The reason of any decision.
    pub fn reason(&self) -> Reason {
        match self {
            Self::Register { reason, .. }
            | Self::Wait { reason, .. }
            | Self::Ask { reason, .. }
            | Self::Stop { reason, .. }
            | Self::Done { reason, .. } => reason.clone(),
            Self::Deregister { .. } => Reason::CompletingDeregistration,
            Self::Settle { .. } => Reason::CallUnanswered,
        }
    }

    /// When to read the number again; `None` when registration needs no further read.
    pub fn next_check_at(&self) -> Option<Timestamp> {
        match self {
            Self::Wait { next_check_at, .. } | Self::Ask { next_check_at, .. } | Self::Stop { next_check_at, .. } => {
                Some(*next_check_at)
            }
            Self::Done { next_check_at, .. } => *next_check_at,
            Self::Register { .. } | Self::Deregister { .. } | Self::Settle { .. } => None,
        }
    }
}
