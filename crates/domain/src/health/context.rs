//! What a judgement is made from: Meta's words with when and whence, and what we know ourselves.
//! Facts only; [`super::assess()`] judges.

use jiff::{SignedDuration, Timestamp};

use super::callback::{Healing, WebhookFacts};
use super::links::{DeepLink, LinkTarget};
use super::schedule::later;
use super::standing::{AccountStanding, SendingFacts};
use super::transitions::Remembered;
use crate::channel::Onboarding;
use crate::ids::{AppId, BusinessId, WabaId};
use crate::meta::failure::{Failure, FailureKind};
use crate::meta::reading::{NumberReading, NumberStatus, WabaReading};
use crate::registration::ledger::{Attempt, CallKind, Outcome, Spent};
use crate::registration::{Decision, History, ONBOARDING_WINDOW, PREVERIFIED_WINDOW};

/// A request for health asks Meta again when the stored reading is older than this (row H1).
pub const REFRESH_AFTER: SignedDuration = SignedDuration::from_secs(60);

/// A reading this old is no ground for a judgement: four times the pace at which quiet numbers are
/// read, so that a few failed reads in a row do not turn a live number grey.
pub const STALE_AFTER: SignedDuration = SignedDuration::from_hours(24);

/// A read that failed after the last good one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReadFailure {
    /// What kind of failure.
    pub kind: FailureKind,
    /// When.
    pub at: Timestamp,
    /// How many in a row.
    pub in_a_row: u32,
}

/// What Meta said last, and when.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HealthSnapshot {
    /// The number.
    pub reading: NumberReading,
    /// When it was read with success; `None` when it never was.
    pub checked_at: Option<Timestamp>,
    /// The account.
    pub waba: WabaReading,
    /// When it was read with success.
    pub waba_checked_at: Option<Timestamp>,
    /// A failure since the last good reading of the number.
    pub read_failure: Option<ReadFailure>,
}

impl HealthSnapshot {
    /// H1: a request for health is answered from the store.
    pub fn is_fresh_for_request(&self, now: Timestamp) -> bool {
        self.checked_at.is_some_and(|at| now < later(at, REFRESH_AFTER))
    }
}

/// Why Meta accepts no register call for a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum HoldCause {
    /// 133016: too many calls.
    Budget,
    /// 133008 or 133009: wrong PINs.
    PinGuesses,
}

/// Nobody registers before an instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hold {
    /// Until when.
    pub until: Timestamp,
    /// Why.
    pub cause: HoldCause,
}

/// The last answer of register that was a refusal proper: not transient, throttled, unanswered or
/// 133016 (policy, decision rule 7).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Meta's words.
    pub failure: Failure,
    /// When.
    pub at: Timestamp,
}

/// Where the number's registration stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegistrationStanding {
    /// What the planner would do now, on the same reading.
    pub decision: Decision,
    /// What counts on the budget.
    pub spent: Spent,
    /// A hold that is not over.
    pub hold: Option<Hold>,
    /// The last refusal, unless a call succeeded since.
    pub last_refusal: Option<Refusal>,
    /// When the newest call was made.
    pub last_call_at: Option<Timestamp>,
    /// It was once known registered.
    pub was_registered: bool,
    /// The last `last_onboarded_time` that was read.
    pub last_onboarded_time: Option<Timestamp>,
}

impl RegistrationStanding {
    /// What a history comes to, beside the decision made from it.
    pub fn of(decision: Decision, history: &History, now: Timestamp) -> Self {
        let attempts = &history.ledger.attempts;
        let until = history.ledger.held_until.filter(|until| *until > now);
        Self {
            decision,
            spent: history.ledger.spent(now),
            hold: until.map(|until| Hold { until, cause: hold_cause(attempts) }),
            last_refusal: last_refusal(attempts),
            last_call_at: attempts.last().map(|attempt| attempt.started_at),
            was_registered: was_registered(history),
            last_onboarded_time: history.last_onboarded_time,
        }
    }
}

/// As rule 6 understands it.
fn was_registered(history: &History) -> bool {
    let tells = |attempt: &Attempt| match &attempt.outcome {
        Some(Outcome::Success) => attempt.kind == CallKind::Register,
        Some(Outcome::Failed(failure)) => failure.kind == FailureKind::NotRegistered,
        None => false,
    };
    history.was_registered || history.provisioned_at.is_some() || history.ledger.attempts.iter().any(tells)
}

fn hold_cause(attempts: &[Attempt]) -> HoldCause {
    let newest = attempts.iter().rev().find_map(|attempt| {
        let Some(Outcome::Failed(failure)) = &attempt.outcome else { return None };
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
    let passing = [
        FailureKind::Transient,
        FailureKind::Throttled,
        FailureKind::BudgetSpent,
        FailureKind::NotRegistered,
        FailureKind::DeregistrationIncomplete,
    ];
    for attempt in attempts.iter().rev().filter(|attempt| attempt.kind == CallKind::Register) {
        match &attempt.outcome {
            Some(Outcome::Success) => return None,
            Some(Outcome::Failed(failure)) if !passing.contains(&failure.kind) => {
                let at = attempt.settled_at.unwrap_or(attempt.started_at);
                return Some(Refusal { failure: failure.clone(), at });
            }
            Some(Outcome::Failed(_)) | None => {}
        }
    }
    None
}

/// The access token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TokenState {
    /// Not checked.
    #[default]
    Unchecked,
    /// It works; `None` when it never ends.
    Good {
        /// When it ends.
        expires_at: Option<Timestamp>,
    },
    /// It works, but not for this account any more.
    AccessLost {
        /// Since when.
        since: Timestamp,
    },
    /// It is dead.
    Dead {
        /// Since when.
        since: Timestamp,
    },
}

/// The token and whether we can get another by ourselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TokenFacts {
    /// How it is.
    pub state: TokenState,
    /// `Some` where the installation can fetch another without the customer (facts §1.2).
    pub refetch: Option<Healing>,
}

/// Ids for links.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LinkIds {
    /// Our app.
    pub app_id: Option<AppId>,
    /// The customer's portfolio; where unknown it is taken from the readings.
    pub business_id: Option<BusinessId>,
    /// The account.
    pub waba_id: Option<WabaId>,
}

/// What we know beside the readings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HealthContext {
    /// How the number was brought in.
    pub onboarding: Onboarding,
    /// When its channel was created; stands in for an unread `last_onboarded_time`.
    pub channel_created_at: Timestamp,
    /// Ids for links.
    pub ids: LinkIds,
    /// Where its registration stands.
    pub registration: RegistrationStanding,
    /// Its webhooks.
    pub webhooks: WebhookFacts,
    /// Its token.
    pub token: TokenFacts,
    /// What account webhooks said: restrictions, bans.
    pub account: AccountStanding,
    /// What is known of sending.
    pub sending: SendingFacts,
    /// When the new display name was approved: the webhook's time, or the first reading of it.
    pub new_name_approved_at: Option<Timestamp>,
    /// What was remembered of the judgement before, for "since when".
    pub before: Option<Remembered>,
}

impl HealthContext {
    /// A context in which nothing is known but registration.
    pub fn new(onboarding: Onboarding, channel_created_at: Timestamp, registration: RegistrationStanding) -> Self {
        Self {
            onboarding,
            channel_created_at,
            ids: LinkIds::default(),
            registration,
            webhooks: WebhookFacts::default(),
            token: TokenFacts::default(),
            account: AccountStanding::default(),
            sending: SendingFacts::default(),
            new_name_approved_at: None,
            before: None,
        }
    }
}

impl HealthContext {
    /// When the time to register after signup ends (facts §1.7); `None` for a number that was
    /// registered once, or is not ours to register.
    pub fn onboarding_ends_at(&self, reading: &NumberReading) -> Option<Timestamp> {
        let was_registered = self.registration.was_registered || reading.status == Some(NumberStatus::Disconnected);
        if was_registered || self.onboarding == Onboarding::Coexistence {
            return None;
        }
        let window = if self.onboarding == Onboarding::Preverified { PREVERIFIED_WINDOW } else { ONBOARDING_WINDOW };
        let from = reading.last_onboarded_time.or(self.registration.last_onboarded_time);
        Some(later(from.unwrap_or(self.channel_created_at), window))
    }

    /// A page at Meta, with ids as far as they are known.
    pub fn link(&self, snapshot: &HealthSnapshot, target: LinkTarget) -> DeepLink {
        let read = || snapshot.waba.owner_business_id.clone().or_else(|| snapshot.reading.business_id());
        DeepLink {
            target,
            business_id: self.ids.business_id.clone().or_else(read),
            waba_id: self.ids.waba_id.clone().or_else(|| snapshot.waba.id.clone()),
            app_id: self.ids.app_id.clone(),
        }
    }

    /// In the WhatsApp Business app as well, by reading or by how it was onboarded.
    pub fn is_coexistence(&self, reading: &NumberReading) -> bool {
        self.onboarding == Onboarding::Coexistence || reading.reads_as_coexistence()
    }
}
