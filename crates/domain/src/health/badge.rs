//! The page's cards: one per fact, with its value in Meta's words, a badge and a code for its
//! one-line meaning. No prose and no colours: the page has both.

use jiff::Timestamp;

use super::links::DeepLink;
use super::words::words;

mod cards;

pub use cards::cards;

words! {
    /// How a fact is to be seen at a glance.
    Badge {
        /// As it should be.
        Good = "good",
        /// Worth a look.
        Caution = "caution",
        /// Wrong.
        Bad = "bad",
        /// Neither, or not read.
        Neutral = "neutral",
    }
}

words! {
    /// A fact with a card of its own.
    Fact {
        /// `display_phone_number`.
        DisplayNumber = "display_phone_number",
        /// `verified_name`.
        VerifiedName = "verified_name",
        /// `name_status`.
        NameStatus = "name_status",
        /// `quality_rating`.
        Quality = "quality_rating",
        /// The messaging limit under either of its names.
        MessagingLimit = "messaging_limit",
        /// `account_mode`.
        AccountMode = "account_mode",
        /// `code_verification_status`.
        CodeVerification = "code_verification",
        /// `platform_type`.
        Platform = "platform",
        /// `throughput.level`.
        Throughput = "throughput",
        /// Where messages are sent.
        Webhook = "webhook",
        /// `status`.
        NumberStatus = "number_status",
        /// `is_pin_enabled`.
        TwoStep = "two_step",
        /// `last_onboarded_time`.
        LastOnboarded = "last_onboarded",
    }
}

words! {
    /// What a fact's value means, in one line.
    CardMeaning {
        /// Not read.
        NotRead = "not_read",
        /// A word of Meta's that this version does not know.
        NotKnown = "not_known",
        /// The number customers see.
        NumberShown = "number_shown",
        /// The name customers see.
        NameShown = "name_shown",
        /// Approved.
        NameApproved = "name_approved",
        /// Good news: usable at once, no review needed.
        NameUsable = "name_usable",
        /// Under review, and the number waits for it.
        NameInReview = "name_in_review",
        /// Under review, which does not hinder a live number.
        NameInReviewLive = "name_in_review_live",
        /// Refused.
        NameDeclined = "name_declined",
        /// The approval ran out.
        NameExpired = "name_expired",
        /// No name.
        NameNone = "name_none",
        /// Customers think well of the messages.
        QualityHigh = "quality_high",
        /// Some complain.
        QualityMedium = "quality_medium",
        /// Many complain.
        QualityLow = "quality_low",
        /// Too few messages to tell.
        QualityNotRated = "quality_not_rated",
        /// The lowest tier; it grows.
        LimitStarting = "limit_starting",
        /// A higher tier.
        LimitTier = "limit_tier",
        /// No limit.
        LimitNone = "limit_none",
        /// No tier yet.
        LimitNotSet = "limit_not_set",
        /// In production.
        ModeLive = "mode_live",
        /// A test number.
        ModeSandbox = "mode_sandbox",
        /// Ownership is proved.
        CodeVerified = "code_verified",
        /// Not proved: a code is needed.
        CodeNotVerified = "code_not_verified",
        /// Not proved, which does not matter any more on a registered number.
        CodeNotVerifiedLive = "code_not_verified_live",
        /// Proved too long ago to register: a new code is needed.
        CodeExpired = "code_expired",
        /// Proved long ago: normal on a registered number.
        CodeExpiredLive = "code_expired_live",
        /// On the Cloud API.
        PlatformCloud = "platform_cloud",
        /// In the WhatsApp Business app and on the Cloud API.
        PlatformCoexistence = "platform_coexistence",
        /// On the retired On-Premises API.
        PlatformOnPremise = "platform_on_premise",
        /// Nowhere: not registered.
        PlatformNone = "platform_none",
        /// 80 messages a second.
        ThroughputStandard = "throughput_standard",
        /// 20 messages a second: coexistence.
        ThroughputCoexistence = "throughput_coexistence",
        /// 1,000 messages a second.
        ThroughputHigh = "throughput_high",
        /// Not registered.
        ThroughputNone = "throughput_none",
        /// Messages come here.
        WebhookOurs = "webhook_ours",
        /// The override was refused; messages come by the app's own callback.
        WebhookRefused = "webhook_refused",
        /// No override is set.
        WebhookMissing = "webhook_missing",
        /// Messages go somewhere else.
        WebhookForeign = "webhook_foreign",
        /// Our app is not subscribed.
        WebhookNotSubscribed = "webhook_not_subscribed",
        /// Registered and usable.
        StatusConnected = "status_connected",
        /// Not registered yet.
        StatusPending = "status_pending",
        /// Registered, being activated.
        StatusActivating = "status_activating",
        /// Not connected any more.
        StatusDisconnected = "status_disconnected",
        /// Not verified.
        StatusUnverified = "status_unverified",
        /// Flagged for quality.
        StatusFlagged = "status_flagged",
        /// Sending is restricted.
        StatusRestricted = "status_restricted",
        /// Too many messages for now.
        StatusRateLimited = "status_rate_limited",
        /// Banned.
        StatusBanned = "status_banned",
        /// Deleted.
        StatusDeleted = "status_deleted",
        /// Moved to another account.
        StatusMigrated = "status_migrated",
        /// A PIN protects the number.
        TwoStepOn = "two_step_on",
        /// No PIN protects the number.
        TwoStepOff = "two_step_off",
        /// When signup finished.
        Onboarded = "onboarded",
        /// The time to register runs out.
        OnboardingEnding = "onboarding_ending",
        /// The time to register has passed.
        OnboardingExpired = "onboarding_expired",
    }
}

/// A value to show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CardValue {
    /// As Meta wrote it: a number, a name, an address.
    Text(String),
    /// One of Meta's words.
    Word(String),
    /// On or off.
    Switch(bool),
    /// An instant.
    Time(Timestamp),
}

/// One card of the Account Health tab.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Card {
    /// Which fact.
    pub fact: Fact,
    /// Its value; `None` when not read.
    pub value: Option<CardValue>,
    /// How it is to be seen.
    pub badge: Badge,
    /// What it means.
    pub meaning: CardMeaning,
    /// Where to look at it, at Meta.
    pub link: Option<DeepLink>,
}
