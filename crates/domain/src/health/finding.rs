//! Findings: what is to be said about a number, as codes with typed arguments. No prose and no assessment here: the
//! sentences come from the message catalogue, by code.

use jiff::{SignedDuration, Timestamp};

use crate::callbacks::{CallbackLevel, Route};
use crate::health::arg::Arg;
use crate::health::level::{Action, Level, Party};
use crate::health::links::DeepLink;
use crate::meta::failure::FailureKind;
use crate::meta::reading::{BusinessVerification, EntityType, MessagingLimit};
use crate::registration::ledger::BUDGET;

/// One thing to say about a number (facts §6.3 and §6.4; policy, "Health"). The page and the API find its sentence by its
/// code; a field is an argument of that sentence.
#[derive(Debug, Clone, PartialEq, Eq, strum::IntoStaticStr, strum::VariantNames)]
#[strum(serialize_all = "snake_case", const_into_str)]
pub enum FindingCode {
    // what could not be learnt
    /// The number was never read.
    NeverRead,
    /// The last successful reading is too old for an assessment.
    ReadingStale {
        checked_at: Timestamp,
    },
    /// Needed fields were not in the reading.
    FactsUnread {
        fields: Vec<String>,
    },
    /// The last read failed; the reading before it still counts.
    ReadFailed {
        kind: FailureKind,
    },
    /// It is not known whether the number is in the WhatsApp Business app.
    OnboardingUnknown,

    // on the way to being registered
    /// Not registered; the planner tries by itself.
    PendingRegistration,
    /// A register call is about to be made, or in progress.
    RegistrationInProgress,
    /// Meta accepted the call, or did not answer it; the number does not show it yet.
    RegistrationUnconfirmed,
    /// Registered; Meta is activating it.
    Activating,
    /// A register call failed in a retryable way and is made again later.
    RegistrationRetrying,
    /// Meta asked for fewer calls.
    Throttled,
    /// Meta reviews the display name and does not register the number meanwhile.
    NameInReview {
        name: Option<String>,
    },
    /// The display name is good and Meta still refuses: it has not finished on its side.
    NameGoodStillRefused {
        name: Option<String>,
    },
    /// The calls Meta allows in 72 h are used up.
    BudgetSpent {
        spent: usize,
        free_at: Option<Timestamp>,
    },
    /// 133016: Meta locked registration of this number.
    RegistrationHeld {
        until: Timestamp,
        /// The calls of this installation; fewer than [`BUDGET`] means that another system calls as well.
        spent: usize,
    },
    /// 133008, 133009: Meta accepts no PIN until an instant.
    PinGuessesHeld {
        until: Timestamp,
    },
    /// The time to register after signup ends soon.
    OnboardingWindowEnding {
        ends_at: Timestamp,
    },
    /// The number was registered, is not any more, and is registered again.
    RegistrationLost,
    /// The number lost its registration again within 72 h of being registered again.
    RegistrationLostAgain,

    // a person has to act before the number is live
    /// The display name was refused.
    NameDeclined {
        name: Option<String>,
        /// Meta's word for the reason, where its webhook gave one.
        rejection_reason: Option<String>,
    },
    /// Two-step verification is on and the PIN is not known, or the stored one is wrong.
    PinNeeded,
    /// The number's ownership must be proved by a code.
    CodeNeeded,
    /// The number is registered to another WhatsApp account.
    NumberTaken,
    /// Two-step verification is on at the number's previous owner.
    TwoStepAtPreviousOwner,
    /// Meta refused for a reason of its own; its text is kept.
    RegistrationRefused {
        meta_code: Option<i64>,
        meta_text: Option<String>,
    },
    /// The time to register after signup has passed.
    OnboardingExpired,
    /// Registered on the retired On-Premises API.
    OnPremise,
    /// Coexistence: the link with the WhatsApp Business app is gone.
    CoexistenceLost,
    /// Coexistence: Meta reported that the number was disconnected from the WhatsApp Business app.
    CoexistenceDisconnected {
        /// Meta's word, such as `ACCOUNT_DISCONNECTED`.
        reason: Option<String>,
        /// Meta's word, such as `USER`.
        initiated_by: Option<String>,
    },
    /// Coexistence: the phone changed device; it usually comes back within minutes.
    CoexistencePaused,

    // the number at Meta
    NumberBanned,
    NumberDeleted,
    /// `status` MIGRATED: moved to another account.
    NumberMigrated,
    NumberRestricted,
    NumberDisconnected,
    NumberFlagged,
    NumberRateLimited,
    /// `status` UNVERIFIED on a number that counts as registered.
    NumberUnverified,
    /// A `status` this version does not know.
    StatusUnknown {
        status: String,
    },
    /// The number is a test number.
    Sandbox,
    /// The number is also in the WhatsApp Business app.
    Coexistence,
    /// The quality rating is medium.
    QualityYellow,
    /// The quality rating is low.
    QualityRed,
    /// The limit is the lowest tier: a verified business gets more.
    LimitLowest {
        limit: MessagingLimit,
    },
    /// The approval of the display name has expired.
    NameExpired {
        name: Option<String>,
    },
    /// A new display name was approved and waits to be applied.
    NewNameApproved {
        name: Option<String>,
        /// Until when (date of the decision + 14 days); afterwards a new one must be requested.
        apply_by: Option<Timestamp>,
    },
    /// The approved new name was not applied in time.
    NewNameLapsed {
        name: Option<String>,
    },
    /// A new display name is under review.
    NewNameInReview {
        name: Option<String>,
    },
    /// A new display name was refused.
    NewNameDeclined {
        name: Option<String>,
        /// Meta's word for the reason, where its webhook gave one.
        rejection_reason: Option<String>,
    },
    /// The display name of a registered number was refused: the number keeps working.
    LiveNameDeclined {
        name: Option<String>,
        /// Meta's word for the reason, where its webhook gave one.
        rejection_reason: Option<String>,
    },

    // the account and its portfolio
    /// No valid payment method: business-initiated messages do not go out.
    PaymentMissing,
    /// The business is not verified.
    BusinessUnverified {
        /// Absent where it was not read.
        verification: Option<BusinessVerification>,
    },
    /// Meta is reviewing the account.
    AccountInReview,
    /// Meta refused the account.
    AccountRejected,
    /// Meta restricts the account.
    AccountRestricted {
        restriction: String,
        until: Option<Timestamp>,
    },
    /// The account will be banned.
    BanScheduled {
        /// Absent where Meta's date could not be read.
        at: Option<Timestamp>,
    },
    /// The account is banned.
    AccountBanned,
    /// The account's `status` says that it is out of use.
    AccountDisabled {
        status: String,
    },
    /// The account was deleted.
    AccountDeleted,
    /// The account is locked (131031).
    AccountLocked,
    /// Meta noted a policy violation.
    PolicyViolation {
        violation: String,
    },
    /// Meta warns that the portfolio may be compromised.
    BusinessCompromised,

    // what Meta reports about sending, where nothing above fits
    /// An entity may not send and Meta lists no reason.
    SendingBlocked {
        entity: EntityType,
        meta_text: Option<String>,
    },
    /// An entity may send with limits.
    SendingLimited {
        entity: EntityType,
        meta_text: Option<String>,
    },
    /// An error of `health_status` that has no finding of its own, in Meta's words.
    MetaErrorReported {
        entity: EntityType,
        meta_code: i64,
        meta_text: String,
        meta_advice: Option<String>,
    },
    /// Meta refuses sends of this number.
    SendsRefused {
        meta_code: i64,
    },

    // the token
    /// The access token is dead.
    TokenDead,
    /// The access token ends soon.
    TokenExpiring {
        expires_at: Timestamp,
    },
    /// The token works, but the account is not shared with this installation any more.
    AccessLost,

    // webhooks
    /// The installation's app is not subscribed to the account.
    NotSubscribed,
    /// Meta refused the callback override, so messages follow the app's own callback.
    OverrideRefused {
        meta_code: Option<i64>,
        meta_text: String,
        /// Where they go by it.
        route: Route,
    },
    /// No callback override is set, so messages follow the app's own callback.
    OverrideMissing {
        /// Where they go by it.
        route: Route,
    },
    /// The override in force leads to another system.
    OverrideForeign {
        actual: String,
        /// Where it is set: on the number or on its account.
        level: CallbackLevel,
    },
    /// The app has no callback of its own: account events are lost.
    AppCallbackMissing,
    /// The app's own callback leads to another system.
    AppCallbackForeign {
        actual: String,
    },
    /// The app's subscription lacks needed fields.
    AppFieldsMissing {
        fields: Vec<String>,
    },
    /// No webhook came for far longer than usual.
    WebhookSilence {
        last_seen_at: Timestamp,
        usual_gap: SignedDuration,
    },
}

impl FindingCode {
    /// Whether a hold came although this installation made fewer calls than Meta allows (facts §0.2).
    pub fn is_held_by_others(&self) -> bool {
        matches!(self, Self::RegistrationHeld { spent, .. } if *spent < BUDGET)
    }

    /// The arguments a sentence may use, by name.
    #[expect(clippy::too_many_lines, reason = "one line per code; the match is read as a table")]
    pub fn args(&self) -> Vec<(&'static str, Arg)> {
        match self {
            Self::ReadingStale { checked_at } => vec![("checked_at", Arg::Time(*checked_at))],
            Self::FactsUnread { fields } | Self::AppFieldsMissing { fields } => {
                vec![("fields", Arg::Codes(fields.clone()))]
            }
            Self::ReadFailed { kind } => vec![("kind", Arg::Code(kind.to_string()))],
            Self::NameInReview { name }
            | Self::NameGoodStillRefused { name }
            | Self::NameExpired { name }
            | Self::NewNameLapsed { name }
            | Self::NewNameInReview { name } => vec![("name", text(name.as_ref()))],
            Self::NameDeclined { name, rejection_reason }
            | Self::NewNameDeclined { name, rejection_reason }
            | Self::LiveNameDeclined { name, rejection_reason } => {
                vec![("name", text(name.as_ref())), ("rejection_reason", text(rejection_reason.as_ref()))]
            }
            Self::CoexistenceDisconnected { reason, initiated_by } => {
                vec![("reason", text(reason.as_ref())), ("initiated_by", text(initiated_by.as_ref()))]
            }
            Self::BudgetSpent { spent, free_at } => vec![("spent", count(*spent)), ("free_at", time(*free_at))],
            Self::RegistrationHeld { until, spent } => vec![("until", Arg::Time(*until)), ("spent", count(*spent))],
            Self::PinGuessesHeld { until } => vec![("until", Arg::Time(*until))],
            Self::OnboardingWindowEnding { ends_at } => vec![("ends_at", Arg::Time(*ends_at))],
            Self::RegistrationRefused { meta_code, meta_text } => {
                vec![("meta_code", number(*meta_code)), ("meta_text", text(meta_text.as_ref()))]
            }
            Self::StatusUnknown { status } | Self::AccountDisabled { status } => {
                vec![("status", Arg::Text(status.clone()))]
            }
            Self::LimitLowest { limit } => vec![("limit", Arg::Code(limit.to_string()))],
            Self::NewNameApproved { name, apply_by } => {
                vec![("name", text(name.as_ref())), ("apply_by", time(*apply_by))]
            }
            Self::BusinessUnverified { verification } => vec![("verification", code(verification.as_ref()))],
            Self::AccountRestricted { restriction, until } => {
                vec![("restriction", Arg::Text(restriction.clone())), ("until", time(*until))]
            }
            Self::BanScheduled { at } => vec![("at", time(*at))],
            Self::PolicyViolation { violation } => vec![("violation", Arg::Text(violation.clone()))],
            Self::SendingBlocked { entity, meta_text } | Self::SendingLimited { entity, meta_text } => {
                vec![("entity", Arg::Code(entity.to_string())), ("meta_text", text(meta_text.as_ref()))]
            }
            Self::MetaErrorReported { entity, meta_code, meta_text, meta_advice } => vec![
                ("entity", Arg::Code(entity.to_string())),
                ("meta_code", Arg::Number(*meta_code)),
                ("meta_text", Arg::Text(meta_text.clone())),
                ("meta_advice", text(meta_advice.as_ref())),
            ],
            Self::SendsRefused { meta_code } => vec![("meta_code", Arg::Number(*meta_code))],
            Self::TokenExpiring { expires_at } => vec![("expires_at", Arg::Time(*expires_at))],
            Self::OverrideRefused { meta_code, meta_text, route } => vec![
                ("meta_code", number(*meta_code)),
                ("meta_text", Arg::Text(meta_text.clone())),
                ("actual", elsewhere(route)),
            ],
            Self::OverrideMissing { route } => vec![("actual", elsewhere(route))],
            Self::OverrideForeign { actual, level } => {
                vec![("actual", Arg::Text(actual.clone())), ("level", Arg::Code(level.into_str().to_owned()))]
            }
            Self::AppCallbackForeign { actual } => vec![("actual", Arg::Text(actual.clone()))],
            Self::WebhookSilence { last_seen_at, usual_gap } => {
                vec![("last_seen_at", Arg::Time(*last_seen_at)), ("usual_gap", Arg::Span(*usual_gap))]
            }
            Self::NeverRead
            | Self::OnboardingUnknown
            | Self::PendingRegistration
            | Self::RegistrationInProgress
            | Self::RegistrationUnconfirmed
            | Self::Activating
            | Self::RegistrationRetrying
            | Self::Throttled
            | Self::RegistrationLost
            | Self::RegistrationLostAgain
            | Self::PinNeeded
            | Self::CodeNeeded
            | Self::NumberTaken
            | Self::TwoStepAtPreviousOwner
            | Self::OnboardingExpired
            | Self::OnPremise
            | Self::CoexistenceLost
            | Self::CoexistencePaused
            | Self::NumberBanned
            | Self::NumberDeleted
            | Self::NumberMigrated
            | Self::NumberRestricted
            | Self::NumberDisconnected
            | Self::NumberFlagged
            | Self::NumberRateLimited
            | Self::NumberUnverified
            | Self::Sandbox
            | Self::Coexistence
            | Self::QualityYellow
            | Self::QualityRed
            | Self::PaymentMissing
            | Self::AccountInReview
            | Self::AccountRejected
            | Self::AccountBanned
            | Self::AccountDeleted
            | Self::AccountLocked
            | Self::BusinessCompromised
            | Self::TokenDead
            | Self::AccessLost
            | Self::NotSubscribed
            | Self::AppCallbackMissing => Vec::new(),
        }
    }
}

fn text(value: Option<&String>) -> Arg {
    value.cloned().map_or(Arg::Absent, Arg::Text)
}

fn time(value: Option<Timestamp>) -> Arg {
    value.map_or(Arg::Absent, Arg::Time)
}

/// The address of another system that messages go to.
fn elsewhere(route: &Route) -> Arg {
    match route {
        Route::Elsewhere { url, .. } => Arg::Text(url.clone()),
        Route::Here(_) | Route::NotSubscribed | Route::Nowhere | Route::Unread => Arg::Absent,
    }
}

fn number(value: Option<i64>) -> Arg {
    value.map_or(Arg::Absent, Arg::Number)
}

fn count(value: usize) -> Arg {
    Arg::Number(i64::try_from(value).unwrap_or(i64::MAX))
}

fn code(value: Option<&BusinessVerification>) -> Arg {
    value.map_or(Arg::Absent, |value| Arg::Code(value.to_string()))
}

/// One finding, with its severity and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    pub code: FindingCode,
    /// The level a number with this finding alone would have; [`Level::Live`] for mere information.
    pub severity: Level,
    pub responsible: Party,
    /// What the responsible party, or an impatient person, can do.
    pub action: Option<Action>,
    /// The page at Meta where it is done.
    pub link: Option<DeepLink>,
    /// Since when it is so, as far as it is known.
    pub since: Option<Timestamp>,
    /// When the next automatic step happens.
    pub next_step_at: Option<Timestamp>,
}

impl Finding {
    /// A finding for which nobody is responsible; the builders below add to it.
    pub fn new(code: FindingCode, severity: Level) -> Self {
        Self { code, severity, responsible: Party::Nobody, action: None, link: None, since: None, next_step_at: None }
    }

    /// Names the responsible party.
    #[must_use]
    pub fn responsible(mut self, party: Party) -> Self {
        self.responsible = party;
        self
    }

    /// Names the responsible party and what it can do.
    #[must_use]
    pub fn asks(mut self, party: Party, action: Action) -> Self {
        self.responsible = party;
        self.action = Some(action);
        self
    }

    /// Offers an action that is possible but not required.
    #[must_use]
    pub fn offers(mut self, action: Action) -> Self {
        self.action = Some(action);
        self
    }

    /// Names the page at Meta.
    #[must_use]
    pub fn at(mut self, link: DeepLink) -> Self {
        self.link = Some(link);
        self
    }

    /// Dates the finding, where the date is known.
    #[must_use]
    pub fn since(mut self, since: Option<Timestamp>) -> Self {
        self.since = since.or(self.since);
        self
    }

    /// Says when the next automatic step happens, where that is known.
    #[must_use]
    pub fn next_step(mut self, at: Option<Timestamp>) -> Self {
        self.next_step_at = at.or(self.next_step_at);
        self
    }
}
