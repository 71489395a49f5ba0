//! What to do next about a number's registration: [`decide`], one pure function for every caller.
//!
//! It says what to do and why; it never does it. The rules are numbered as in the policy
//! (`docs/policy.md`), first match wins. Two callers share them: *set-up* (signup, re-authorisation,
//! the Complete registration button) and the stricter *planner* (jobs, webhooks, sweep).

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use crate::channel::Onboarding;
use crate::meta::failure::FailureKind;
use crate::meta::reading::{CodeVerification, NumberReading};
use crate::registration::ledger::{Basis, Ledger, Outcome};

mod calling;
mod changes;
pub mod ledger;
mod record;
mod refusal;
mod rules;
mod schedule;
#[cfg(test)]
mod tests;

pub use changes::{changes_between, note_changes, proves_access};
pub use rules::decide;
pub use schedule::{ONBOARDING_WINDOW, PREVERIFIED_WINDOW};

/// Who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Caller {
    /// Signup or re-authorisation, by itself (rows W1 to W13).
    SetUp,
    /// A person pressed Complete registration.
    Press,
    /// A person pressed "apply the new name" on a live number.
    ApplyNewName,
    /// Jobs, webhooks and the sweep.
    Planner,
}

impl Caller {
    /// A person stands behind the call.
    pub const fn is_person(self) -> bool {
        matches!(self, Self::Press | Self::ApplyNewName)
    }

    /// Set-up's laxer reading rules hold (W1, W5).
    pub const fn is_set_up(self) -> bool {
        !matches!(self, Self::Planner)
    }
}

/// The two reads of a decision, each of which may have failed by itself (W5, W6).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reads {
    /// `fields=code_verification_status`; `Ok(None)` when the answer lacked the field.
    pub verification: Result<Option<CodeVerification>, FailureKind>,
    /// The field tier.
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

/// Something that changed for the better, dated, at most once per change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ChangeKind {
    /// The display name became good: by status, by certificate, or by an APPROVED name webhook.
    NameGood,
    /// The display name was refused.
    NameBad,
    /// Two-step verification was turned off (`PIN_REQUEST_SUCCESS`, or read as off after on).
    TwoStepOff,
    /// The two-step PIN was changed (`PIN_CHANGED`), by us or by somebody else.
    PinChanged,
    /// The number's ownership was newly proved by code.
    CodeVerified,
    /// A person entered the number's PIN.
    NewPin,
    /// A new access token was stored.
    NewToken,
    /// A read works again after a dead token or lost access.
    ReadsAgain,
    /// An account event: shared again, reinstated, installed.
    AccountEvent,
    /// Meta reviewed the account.
    AccountReview,
    /// `health_status` no longer lists a lock.
    Unlocked,
    /// Coexistence ended (`PARTNER_REMOVED` for the number).
    CoexistenceEnded,
    /// Any fact of the number changed.
    Reading,
}

impl ChangeKind {
    /// Every kind, for tables and tests.
    pub const ALL: &'static [Self] = &[
        Self::NameGood,
        Self::NameBad,
        Self::TwoStepOff,
        Self::PinChanged,
        Self::CodeVerified,
        Self::NewPin,
        Self::NewToken,
        Self::ReadsAgain,
        Self::AccountEvent,
        Self::AccountReview,
        Self::Unlocked,
        Self::CoexistenceEnded,
        Self::Reading,
    ];

    /// The word kept in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NameGood => "name_good",
            Self::NameBad => "name_bad",
            Self::TwoStepOff => "two_step_off",
            Self::PinChanged => "pin_changed",
            Self::CodeVerified => "code_verified",
            Self::NewPin => "new_pin",
            Self::NewToken => "new_token",
            Self::ReadsAgain => "reads_again",
            Self::AccountEvent => "account_event",
            Self::AccountReview => "account_review",
            Self::Unlocked => "unlocked",
            Self::CoexistenceEnded => "coexistence_ended",
            Self::Reading => "reading",
        }
    }

    /// Reads the word back.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.as_str() == word)
    }
}

/// How a change became known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Source {
    /// Meta sent a webhook.
    Webhook,
    /// A reading differs from the one before.
    Reading,
    /// A person did it here.
    Person,
}

/// One change and when it became known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dated {
    /// When: the webhook's own time, or the reading's.
    pub at: Timestamp,
    /// How it became known.
    pub source: Source,
}

/// The newest change of each kind.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Changes(pub BTreeMap<ChangeKind, Dated>);

impl Changes {
    /// The newest change of a kind.
    pub fn get(&self, kind: ChangeKind) -> Option<Dated> {
        self.0.get(&kind).copied()
    }

    /// A change of this kind is newer than `since`.
    pub fn is_newer(&self, kind: ChangeKind, since: Timestamp) -> bool {
        self.get(kind).is_some_and(|change| change.at > since)
    }

    /// Something says the name is good and nothing newer says it is not.
    pub fn name_is_good(&self) -> bool {
        self.get(ChangeKind::NameGood)
            .is_some_and(|good| self.get(ChangeKind::NameBad).is_none_or(|bad| bad.at < good.at))
    }
}

/// What is on record about a number besides the fresh reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct History {
    /// How it was brought in.
    pub onboarding: Onboarding,
    /// When its channel was created; stands in for an unread `last_onboarded_time`.
    pub channel_created_at: Timestamp,
    /// The last `last_onboarded_time` that was read.
    pub last_onboarded_time: Option<Timestamp>,
    /// The calls.
    pub ledger: Ledger,
    /// What changed, and when.
    pub changes: Changes,
    /// A PIN is stored for the number.
    pub has_pin: bool,
    /// When it was stored: drawn before a call, or entered.
    pub pin_set_at: Option<Timestamp>,
    /// It was once known registered: a provisioned reading, DISCONNECTED, or 133010.
    pub was_registered: bool,
    /// When it was last read as provisioned.
    pub provisioned_at: Option<Timestamp>,
    /// When a send was refused with 133010 / 131045, or 141000 was read on a number that is not
    /// `PENDING`: the first time since it was last well.
    pub dropped_seen_at: Option<Timestamp>,
    /// Readings of `NOT_APPLICABLE` in a row on a coexistence number.
    pub coexistence_misses: u32,
    /// Reads in a row that failed or lacked a needed field.
    pub failed_reads: u32,
    /// When the number was last read with success, before the reads of this decision.
    pub previous_read_at: Option<Timestamp>,
}

impl History {
    /// A number just brought in, without calls.
    pub fn new(onboarding: Onboarding, channel_created_at: Timestamp) -> Self {
        Self {
            onboarding,
            channel_created_at,
            last_onboarded_time: None,
            ledger: Ledger::default(),
            changes: Changes::default(),
            has_pin: false,
            pin_set_at: None,
            was_registered: false,
            provisioned_at: None,
            dropped_seen_at: None,
            coexistence_misses: 0,
            failed_reads: 0,
            previous_read_at: None,
        }
    }
}

/// Which PIN a register call carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PinPlan {
    /// The stored one (W11).
    Stored,
    /// A new random one, sealed and stored before the call (W10, D2).
    Draw,
}

/// What a person would have to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Remedy {
    /// Enter the number's two-step PIN, or turn two-step verification off.
    EnterPin,
    /// Prove ownership by a code.
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
    /// Move the number from the On-Premises API.
    MigrateFromOnPremise,
    /// Reconnect: the access token is dead.
    Reauthorize,
    /// Share the account with us again.
    RestoreAccess,
    /// Ask Meta's Business Support: the account is locked.
    ContactSupport,
    /// Read Meta's own text and press again.
    ReadRefusal,
}

/// Why a decision is what it is; the page and the API say it in words by its code.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Why {
    /// Rule 1: live in both the app and the Cloud API.
    Coexistence,
    /// Rule 1: coexistence, but the number reads as not registered.
    CoexistenceLost,
    /// Rule 2: provisioned and CONNECTED.
    Live,
    /// Rule 2: registered, Meta is activating it.
    Activating,
    /// Rule 2: provisioned; its `status` is a matter of health.
    Registered,
    /// Rule 2: registered on the On-Premises API only.
    OnPremise,
    /// Rule 2: it dropped out and was healed less than a day ago.
    HealedRecently,
    /// Rule 3: banned, deleted or migrated.
    Gone,
    /// Rule 4: a call is under way.
    CallUnderWay,
    /// Rule 4: a call was not answered; the number is being read.
    CallUnanswered,
    /// Rule 5: Meta accepted the call, the number does not show it yet.
    AcceptedNotShown,
    /// Rule 6: two-step verification is on and the PIN is not known.
    PinUnknown,
    /// Rule 6 (W6): the health look-up failed on a verified number.
    HealthUnread,
    /// Rule 6: the token is dead, access is lost, or Meta throttles: nothing is registered blind.
    ReadsRefused(FailureKind),
    /// Rule 6: nobody knows whether the number is in the WhatsApp Business app.
    OnboardingUnknown,
    /// Rule 6: something needed was not read.
    FactsUnread,
    /// Rule 6: the display name was declined.
    NameDeclined,
    /// Rule 6: the number's code is not verified, or has expired.
    CodeNotVerified,
    /// Rule 6: the onboarding window has passed.
    OnboardingExpired,
    /// Rule 7: the last refusal needs a person.
    Refused(FailureKind),
    /// Rule 8: the name is under review.
    NameInReview,
    /// Rule 8: the name is good and Meta still refuses.
    NameGoodStillRefused,
    /// Rule 9: waiting out a failure that passes.
    BackOff,
    /// Rule 9: Meta asked for fewer calls.
    Throttled,
    /// Rule 10: Meta holds the number (133016 or PIN guesses).
    Held,
    /// Rule 10: the budget for this caller is spent.
    BudgetSpent,
    /// Rule 10: somebody pressed less than an hour ago and nothing changed.
    PressedRecently,
    /// Rule 11: nothing stands in the way.
    Ready,
    /// Rule 11: new evidence came.
    NewEvidence,
    /// Rule 2: it dropped out and is healed.
    DroppedOut,
    /// A new display name was approved and is applied.
    ApplyingNewName,
    /// A half-done deregistration is finished first (133000).
    FinishDeregistration,
    /// There is no approved new name to apply.
    NoNewName,
}

/// What to do next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// Call register now.
    Register {
        /// Which limits the call keeps.
        basis: Basis,
        /// Which PIN it carries.
        pin: PinPlan,
        /// Why now.
        why: Why,
    },
    /// Call deregister now: an earlier one is half done. Register follows after five minutes.
    Deregister {
        /// Which limits the call keeps.
        basis: Basis,
    },
    /// Write down how an unanswered call ended, then decide again.
    Settle {
        /// What the number says.
        outcome: Outcome,
    },
    /// Nothing now; by itself later.
    Wait {
        /// Why not now.
        why: Why,
        /// When to read the number again.
        look_at: Timestamp,
        /// When register may be called if nothing changes, where that is known.
        register_at: Option<Timestamp>,
    },
    /// A person's move.
    Ask {
        /// Which.
        remedy: Remedy,
        /// Why.
        why: Why,
        /// When to read the number again meanwhile.
        look_at: Timestamp,
    },
    /// Never, as things are.
    Stop {
        /// Why.
        why: Why,
        /// When to read the number again.
        look_at: Timestamp,
    },
    /// Nothing to do.
    Done {
        /// Why.
        why: Why,
        /// When to read the number again, where its registration is not settled yet.
        look_at: Option<Timestamp>,
    },
}

impl Decision {
    /// The reason, whatever the decision.
    pub fn why(&self) -> Why {
        match self {
            Self::Register { why, .. }
            | Self::Wait { why, .. }
            | Self::Ask { why, .. }
            | Self::Stop { why, .. }
            | Self::Done { why, .. } => why.clone(),
            Self::Deregister { .. } => Why::FinishDeregistration,
            Self::Settle { .. } => Why::CallUnanswered,
        }
    }

    /// When to look at the number again; `None` when there is nothing to look for.
    pub fn look_at(&self) -> Option<Timestamp> {
        match self {
            Self::Wait { look_at, .. } | Self::Ask { look_at, .. } | Self::Stop { look_at, .. } => Some(*look_at),
            Self::Done { look_at, .. } => *look_at,
            Self::Register { .. } | Self::Deregister { .. } | Self::Settle { .. } => None,
        }
    }
}

/// How long a register call may stay unanswered before the number is read to settle it: the HTTP
/// deadline of a call plus a minute.
pub const UNANSWERED_AFTER: SignedDuration = SignedDuration::from_secs(HTTP_DEADLINE.as_secs() + 60);

/// The deadline of one call to Meta.
pub const HTTP_DEADLINE: SignedDuration = SignedDuration::from_secs(10);
