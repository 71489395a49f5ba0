//! What is to be said about a number, as codes with typed arguments: no prose, no judgement. The
//! sentences come from the message catalogue, by code.

use jiff::{SignedDuration, Timestamp};

use super::level::{Action, Level, Move};
use super::links::DeepLink;
use super::words::codes;
use crate::meta::reading::{BusinessVerification, EntityType, MessagingLimit};

codes! {
    /// One thing to say about a number (facts §6.3 and §6.4; policy, "Health").
    FindingCode {
        // what we could not learn
        /// The number was never read.
        NeverRead = "never_read",
        /// The last good reading is too old to judge by.
        ReadingStale {
            /// When it was made.
            checked_at: Timestamp,
        } = "reading_stale",
        /// Needed fields were not in the reading.
        FactsUnread {
            /// Meta's names of them.
            fields: Vec<String>,
        } = "facts_unread",
        /// The last attempt to read failed; the reading before it still counts.
        ReadFailed {
            /// What kind of failure.
            kind: &'static str,
        } = "read_failed",
        /// Nobody knows whether the number is in the WhatsApp Business app.
        OnboardingUnknown = "onboarding_unknown",

        // on the way to being registered
        /// Not registered; we try by ourselves.
        PendingRegistration = "pending_registration",
        /// A register call is about to be made, or under way.
        RegistrationUnderWay = "registration_under_way",
        /// Meta accepted the call, or did not answer it; the number does not show it yet.
        RegistrationUnconfirmed = "registration_unconfirmed",
        /// Registered; Meta is activating it.
        Activating = "activating",
        /// A failure that passes is waited out.
        RegistrationRetrying = "registration_retrying",
        /// Meta asked for fewer calls.
        Throttled = "throttled",
        /// Meta is reviewing the display name and does not register the number meanwhile.
        NameInReview {
            /// The name.
            name: Option<String>,
        } = "name_in_review",
        /// The display name is good and Meta still refuses: it has not finished on its side.
        NameGoodStillRefused {
            /// The name.
            name: Option<String>,
        } = "name_good_still_refused",
        /// The calls Meta allows in 72 h are used up.
        BudgetSpent {
            /// How many count now.
            spent: usize,
            /// When one is free again.
            free_at: Option<Timestamp>,
        } = "budget_spent",
        /// 133016: Meta locked registration of this number.
        RegistrationHeld {
            /// Until when.
            until: Timestamp,
        } = "registration_held",
        /// 133008, 133009: Meta accepts no PIN for a while.
        PinGuessesHeld {
            /// Until when.
            until: Timestamp,
        } = "pin_guesses_held",
        /// The time to register after signup runs out.
        OnboardingWindowEnding {
            /// When.
            ends_at: Timestamp,
        } = "onboarding_window_ending",
        /// It was registered and dropped out; we register it again.
        DroppedOut = "dropped_out",

        // a person's move before the number is live
        /// The display name was refused.
        NameDeclined {
            /// The name.
            name: Option<String>,
        } = "name_declined",
        /// Two-step verification is on and the PIN is not known, or the stored one is wrong.
        PinNeeded = "pin_needed",
        /// The number's ownership must be proved by a code.
        CodeNeeded = "code_needed",
        /// It is registered to another WhatsApp account.
        NumberTaken = "number_taken",
        /// Two-step verification is on at its previous owner.
        TwoStepAtPreviousOwner = "two_step_at_previous_owner",
        /// Meta refused for a reason of its own; its text is kept.
        RegistrationRefused {
            /// Meta's code.
            meta_code: Option<i64>,
            /// Meta's text.
            meta_text: Option<String>,
        } = "registration_refused",
        /// The time to register after signup has passed.
        OnboardingExpired = "onboarding_expired",
        /// Registered on the retired On-Premises API.
        OnPremise = "on_premise",
        /// Coexistence: the link with the WhatsApp Business app is gone.
        CoexistenceLost = "coexistence_lost",
        /// Coexistence: the phone changed device; it usually comes back within minutes.
        CoexistencePaused = "coexistence_paused",

        // the number at Meta
        /// `status` BANNED.
        NumberBanned = "number_banned",
        /// `status` DELETED.
        NumberDeleted = "number_deleted",
        /// `status` MIGRATED: moved to another account.
        NumberMigrated = "number_migrated",
        /// `status` RESTRICTED.
        NumberRestricted = "number_restricted",
        /// `status` DISCONNECTED.
        NumberDisconnected = "number_disconnected",
        /// `status` FLAGGED.
        NumberFlagged = "number_flagged",
        /// `status` `RATE_LIMITED`.
        NumberRateLimited = "number_rate_limited",
        /// `status` UNVERIFIED on a number that counts as registered.
        NumberUnverified = "number_unverified",
        /// A `status` this version does not know.
        StatusNotKnown {
            /// Meta's word.
            status: String,
        } = "status_not_known",
        /// A test number.
        Sandbox = "sandbox",
        /// Also in the WhatsApp Business app.
        Coexistence = "coexistence",
        /// Quality is medium.
        QualityYellow = "quality_yellow",
        /// Quality is low.
        QualityRed = "quality_red",
        /// Most of the limit is used.
        LimitNear {
            /// The limit.
            limit: MessagingLimit,
            /// People written to first in the last 24 h.
            used: i64,
        } = "limit_near",
        /// The limit is used up.
        LimitReached {
            /// The limit.
            limit: MessagingLimit,
            /// People written to first in the last 24 h.
            used: i64,
        } = "limit_reached",
        /// The lowest tier: a verified business gets more.
        LimitLowest {
            /// The limit.
            limit: MessagingLimit,
        } = "limit_lowest",
        /// The approval of the display name ran out.
        NameExpired {
            /// The name.
            name: Option<String>,
        } = "name_expired",
        /// A new display name was approved and waits to be applied.
        NewNameApproved {
            /// The new name.
            name: Option<String>,
            /// Until when (date of the decision + 14 days); afterwards it must be asked for again.
            apply_by: Option<Timestamp>,
        } = "new_name_approved",
        /// The approved new name was not applied in time.
        NewNameLapsed {
            /// The new name.
            name: Option<String>,
        } = "new_name_lapsed",
        /// A new display name is under review.
        NewNameInReview {
            /// The new name.
            name: Option<String>,
        } = "new_name_in_review",
        /// A new display name was refused.
        NewNameDeclined {
            /// The new name.
            name: Option<String>,
        } = "new_name_declined",

        // the account and its portfolio
        /// No valid payment method: business-initiated messages do not go out.
        PaymentMissing = "payment_missing",
        /// The business is not verified.
        BusinessUnverified {
            /// How far it is, where it was read.
            verification: Option<BusinessVerification>,
        } = "business_unverified",
        /// Meta is reviewing the account.
        AccountInReview = "account_in_review",
        /// Meta refused the account.
        AccountRejected = "account_rejected",
        /// A restriction on the account.
        AccountRestricted {
            /// Meta's word.
            restriction: String,
            /// Until when.
            until: Option<Timestamp>,
        } = "account_restricted",
        /// The account will be banned.
        BanScheduled {
            /// When, where the date could be read.
            at: Option<Timestamp>,
        } = "ban_scheduled",
        /// The account is banned.
        AccountBanned = "account_banned",
        /// The account's `status` says that it is out of use.
        AccountDisabled {
            /// Meta's word.
            status: String,
        } = "account_disabled",
        /// The account was deleted.
        AccountDeleted = "account_deleted",
        /// The account is locked (131031).
        AccountLocked = "account_locked",
        /// Meta noted a policy violation.
        PolicyViolation {
            /// Meta's word.
            violation: String,
        } = "policy_violation",
        /// Meta says that the portfolio may be in foreign hands.
        BusinessCompromised = "business_compromised",

        // what Meta says about sending, where nothing above fits
        /// An entity may not send and Meta lists no reason.
        SendingBlocked {
            /// Which entity.
            entity: EntityType,
            /// Meta's remark.
            meta_text: Option<String>,
        } = "sending_blocked",
        /// An entity may send with limits.
        SendingLimited {
            /// Which entity.
            entity: EntityType,
            /// Meta's remark.
            meta_text: Option<String>,
        } = "sending_limited",
        /// An error of `health_status` without a code of ours, in Meta's own words.
        MetaReports {
            /// Which entity.
            entity: EntityType,
            /// Meta's code.
            meta_code: i64,
            /// Meta's description.
            meta_text: String,
            /// What Meta advises.
            meta_advice: Option<String>,
        } = "meta_reports",
        /// Meta refuses sends of this number.
        SendsRefused {
            /// Meta's code.
            meta_code: i64,
        } = "sends_refused",

        // the token
        /// The access token is dead.
        TokenDead = "token_dead",
        /// The access token ends soon.
        TokenExpiring {
            /// When.
            expires_at: Timestamp,
        } = "token_expiring",
        /// The token works, the account is not shared with us any more.
        AccessLost = "access_lost",

        // webhooks
        /// Our app is not subscribed to the account.
        NotSubscribed = "not_subscribed",
        /// Meta refused the callback override; messages reach us by the app's own callback.
        OverrideRefused {
            /// Meta's code.
            meta_code: Option<i64>,
            /// Meta's text.
            meta_text: String,
        } = "override_refused",
        /// No override is set where ours should be.
        OverrideMissing = "override_missing",
        /// Somebody else's callback is set.
        OverrideForeign {
            /// The callback that is set.
            actual: String,
        } = "override_foreign",
        /// Meta's handshake with our callback failed.
        CallbackUnverified = "callback_unverified",
        /// The app has no callback of its own: account events reach nobody.
        AppCallbackMissing = "app_callback_missing",
        /// The app's own callback is not ours.
        AppCallbackForeign {
            /// The callback that is set.
            actual: String,
        } = "app_callback_foreign",
        /// The app's subscription lacks fields we need.
        AppFieldsMissing {
            /// Which.
            fields: Vec<String>,
        } = "app_fields_missing",
        /// No webhook for far longer than usual.
        Silence {
            /// When one came last.
            last_heard_at: Timestamp,
            /// The usual longest gap.
            usual_gap: SignedDuration,
        } = "silence",
    }
}

/// One thing found, with what follows from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What.
    pub code: FindingCode,
    /// The level a number with this finding alone would have; [`Level::Live`] for mere news.
    pub severity: Level,
    /// Whose move it is.
    pub whose: Move,
    /// What they can do.
    pub action: Option<Action>,
    /// Where, at Meta.
    pub link: Option<DeepLink>,
    /// Since when it is so, as far as we know.
    pub since: Option<Timestamp>,
    /// When the next step happens by itself.
    pub next_step_at: Option<Timestamp>,
}

impl Finding {
    /// A finding nobody has to act on; the builders below add to it.
    pub fn new(code: FindingCode, severity: Level) -> Self {
        Self { code, severity, whose: Move::Nobody, action: None, link: None, since: None, next_step_at: None }
    }

    /// Says whose move it is.
    #[must_use]
    pub fn for_whom(mut self, whose: Move) -> Self {
        self.whose = whose;
        self
    }

    /// Says whose move it is and what they can do.
    #[must_use]
    pub fn asks(mut self, whose: Move, action: Action) -> Self {
        self.whose = whose;
        self.action = Some(action);
        self
    }

    /// Offers a button to whoever is impatient, although it is not their move.
    #[must_use]
    pub fn offers(mut self, action: Action) -> Self {
        self.action = Some(action);
        self
    }

    /// Says where at Meta.
    #[must_use]
    pub fn at(mut self, link: DeepLink) -> Self {
        self.link = Some(link);
        self
    }

    /// Says since when, where that is known.
    #[must_use]
    pub fn since(mut self, since: Option<Timestamp>) -> Self {
        self.since = since.or(self.since);
        self
    }

    /// Says when something happens by itself.
    #[must_use]
    pub fn next(mut self, at: Option<Timestamp>) -> Self {
        self.next_step_at = at.or(self.next_step_at);
        self
    }
}
