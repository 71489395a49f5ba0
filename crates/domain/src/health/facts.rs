//! The facts that an assessment is made from: Meta's readings with their times, and what this installation knows itself.
//! Nothing is assessed here.

use jiff::{SignedDuration, Timestamp};

use crate::channel::Onboarding;
use crate::health::account_state::{AccountState, SendingFacts};
use crate::health::callbacks::{Reconciliation, WebhookFacts};
use crate::health::last_assessment::LastAssessment;
use crate::health::links::{DeepLink, LinkTarget};
use crate::ids::{AppId, BusinessId, WabaId};
use crate::meta::failure::{Failure, FailureKind};
use crate::meta::reading::{NumberReading, NumberStatus, WabaReading};
use crate::registration::ledger::{Attempt, AttemptOutcome, CallKind, Spent};
use crate::registration::{AppLink, Decision, History, ONBOARDING_WINDOW};
use crate::time::shift;

/// A request for health asks Meta again when the stored reading is older than this (row H1).
pub const REFRESH_AFTER: SignedDuration = SignedDuration::from_secs(60);

/// A reading this old supports no assessment. It is four times the longest check interval, so that a few failed reads in a
/// row do not turn a live number grey.
pub const STALE_AFTER: SignedDuration = SignedDuration::from_hours(24);

/// A read that failed after the last good one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReadFailure {
    pub kind: FailureKind,
    pub at: Timestamp,
    /// The number of failed reads in a row, at least 1.
    pub in_a_row: u32,
}

/// The last readings of a number and its account, and when they were made.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HealthSnapshot {
    pub reading: NumberReading,
    /// When the number was last read successfully; `None` when it never was.
    pub checked_at: Option<Timestamp>,
    pub waba: WabaReading,
    /// When the account was last read successfully.
    pub waba_checked_at: Option<Timestamp>,
    /// The newest failure since the last successful read of the number.
    pub read_failure: Option<ReadFailure>,
}

/// Why Meta accepts no register call for a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum HoldCause {
    /// 133016: too many calls.
    Budget,
    /// 133008 or 133009: wrong PINs.
    PinGuesses,
}

/// A time during which no register call is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hold {
    pub until: Timestamp,
    pub cause: HoldCause,
}

/// The last answer to a register call that was neither a success nor retryable (policy, decision rule 7).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    pub failure: Failure,
    pub at: Timestamp,
}

/// The registration of a number as health needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegistrationFacts {
    /// The planner's decision on the same reading.
    pub decision: Decision,
    /// The calls that count on the budget.
    pub spent: Spent,
    /// The hold in force.
    pub hold: Option<Hold>,
    /// The last refusal, unless a call succeeded since.
    pub last_refusal: Option<Refusal>,
    /// When the newest call was made.
    pub last_call_at: Option<Timestamp>,
    /// It was once known registered.
    pub was_registered: bool,
    /// The last `last_onboarded_time` that was read.
    pub last_onboarded_time: Option<Timestamp>,
    /// The link with the WhatsApp Business app.
    pub app_link: AppLink,
}

impl RegistrationFacts {
    /// Summarizes a history beside the decision made from it.
    pub fn of(decision: Decision, history: &History, now: Timestamp) -> Self {
        let attempts = &history.ledger.attempts;
        let until = history.ledger.held_until.filter(|until| *until > now);
        Self {
            decision,
            spent: history.ledger.spent(now),
            hold: until.map(|until| Hold { until, cause: hold_cause(attempts) }),
            last_refusal: last_refusal(attempts),
            last_call_at: attempts.last().map(|attempt| attempt.started_at),
            was_registered: history.shows_registration(),
            last_onboarded_time: history.last_onboarded_time,
            app_link: history.app_link(),
        }
    }
}

fn hold_cause(attempts: &[Attempt]) -> HoldCause {
    let newest = attempts.iter().rev().find_map(|attempt| {
        let Some(AttemptOutcome::Failed(failure)) = &attempt.outcome else { return None };
        let guesses = [FailureKind::PinGuessesSpent, FailureKind::PinGuessedTooFast];
        if guesses.contains(&failure.kind) {
            Some(HoldCause::PinGuesses)
        } else {
            (failure.kind == FailureKind::BudgetSpent).then_some(HoldCause::Budget)
        }
    });
    newest.unwrap_or(HoldCause::Budget)
}

fn last_refusal(attempts: &[Attempt]) -> Option<Refusal> {
    for attempt in attempts.iter().rev().filter(|attempt| attempt.kind == CallKind::Register) {
        match &attempt.outcome {
            Some(AttemptOutcome::Success) => return None,
            Some(AttemptOutcome::Failed(failure)) if !failure.kind.is_retryable() => {
                let at = attempt.settled_at.unwrap_or(attempt.started_at);
                return Some(Refusal { failure: failure.clone(), at });
            }
            Some(AttemptOutcome::Failed(_)) | None => {}
        }
    }
    None
}

/// The state of an access token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TokenState {
    #[default]
    Unchecked,
    Good {
        /// `None` for a token that never expires.
        expires_at: Option<Timestamp>,
    },
    /// It works, but not for this account any more.
    AccessLost {
        since: Timestamp,
    },
    Dead {
        since: Timestamp,
    },
}

/// The token of a number's account, and whether this installation can fetch another by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TokenFacts {
    pub state: TokenState,
    /// `Some` where the installation can fetch another without the customer (facts §1.2).
    pub refetch: Option<Reconciliation>,
}

/// The ids that links to Meta's pages need.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LinkIds {
    pub app_id: Option<AppId>,
    /// The customer's portfolio; where it is unknown it is taken from the readings.
    pub business_id: Option<BusinessId>,
    pub waba_id: Option<WabaId>,
}

/// What is known beside the readings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HealthContext {
    pub onboarding: Onboarding,
    /// Stands in for an unread `last_onboarded_time`.
    pub channel_created_at: Timestamp,
    pub ids: LinkIds,
    pub registration: RegistrationFacts,
    pub webhooks: WebhookFacts,
    pub token: TokenFacts,
    pub account: AccountState,
    pub sending: SendingFacts,
    /// When the new display name was approved: the webhook's time, or the first reading of it.
    pub new_name_approved_at: Option<Timestamp>,
    /// The assessment before, which dates what is still true.
    pub before: Option<LastAssessment>,
}

impl HealthContext {
    /// A context in which only the registration is known.
    pub fn new(onboarding: Onboarding, channel_created_at: Timestamp, registration: RegistrationFacts) -> Self {
        Self {
            onboarding,
            channel_created_at,
            ids: LinkIds::default(),
            registration,
            webhooks: WebhookFacts::default(),
            token: TokenFacts::default(),
            account: AccountState::default(),
            sending: SendingFacts::default(),
            new_name_approved_at: None,
            before: None,
        }
    }

    /// When the time to register after signup ends (facts §1.7); `None` for a number that was registered before, and for a
    /// coexistence number.
    pub fn onboarding_ends_at(&self, reading: &NumberReading) -> Option<Timestamp> {
        let was_registered = self.registration.was_registered || reading.status == Some(NumberStatus::Disconnected);
        if was_registered || self.registration.app_link != AppLink::None {
            return None;
        }
        let from = reading.last_onboarded_time.or(self.registration.last_onboarded_time);
        Some(shift(from.unwrap_or(self.channel_created_at), ONBOARDING_WINDOW))
    }

    /// A link to a page at Meta, with the ids as far as they are known.
    pub fn link(&self, snapshot: &HealthSnapshot, target: LinkTarget) -> DeepLink {
        let read = || snapshot.waba.owner_business_id.clone().or_else(|| snapshot.reading.business_id());
        DeepLink {
            target,
            business_id: self.ids.business_id.clone().or_else(read),
            waba_id: self.ids.waba_id.clone().or_else(|| snapshot.waba.id.clone()),
            app_id: self.ids.app_id.clone(),
        }
    }

    /// Whether the number is a coexistence number, by reading or by the record; its link with the app may be gone.
    pub fn is_coexistence(&self, reading: &NumberReading) -> bool {
        self.registration.app_link != AppLink::None || reading.reads_as_coexistence()
    }
}
