//! The cards of the Account Health tab: one per fact, with its value in Meta's words, a badge and a code for its one-line
//! meaning. No prose and no colours: `messages::cards` of the server and the page
//! have them.
//!
//! Badges go beyond the origin's (`docs/policy.md`, H3): a code that reads EXPIRED on a registered number is normal,
//! `AVAILABLE_WITHOUT_REVIEW` is good.

use jiff::{SignedDuration, Timestamp};
use strum::VariantArray as _;

use crate::callbacks::{CallbackLevel, Route};
use crate::health::facts::{HealthContext, HealthSnapshot};
use crate::health::links::{DeepLink, LinkTarget};
use crate::meta::reading::{
    AccountMode, CodeVerification, MessagingLimit, NameStatus, NumberReading, NumberStatus, PlatformType, Provisioned,
    QualityRating, ThroughputLevel,
};
use crate::time::shift;
use CardMeaning as M;

/// The colour class of a fact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, strum::IntoStaticStr, strum::EnumString, strum::VariantArray)]
#[strum(serialize_all = "snake_case", const_into_str)]
pub enum Badge {
    /// As it should be.
    Good,
    Caution,
    /// It prevents messages, or soon will.
    Bad,
    /// Neither good nor bad, or not read.
    Neutral,
}

/// A fact of a number that has a card.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, strum::IntoStaticStr, strum::EnumString, strum::VariantArray)]
#[strum(serialize_all = "snake_case", const_into_str)]
pub enum Fact {
    DisplayPhoneNumber,
    VerifiedName,
    NameStatus,
    QualityRating,
    /// The messaging limit under either of its names.
    MessagingLimit,
    AccountMode,
    CodeVerification,
    Platform,
    Throughput,
    /// Where messages are sent.
    Webhook,
    NumberStatus,
    TwoStep,
    LastOnboarded,
}

/// What a fact's value means, in one line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, strum::IntoStaticStr, strum::EnumString, strum::VariantArray)]
#[strum(serialize_all = "snake_case", const_into_str)]
pub enum CardMeaning {
    /// The value was not read.
    NotRead,
    /// A word of Meta's that this version does not know.
    NotKnown,
    /// The number customers see.
    NumberShown,
    /// The name customers see.
    NameShown,
    NameApproved,
    /// Usable at once, no review needed.
    NameUsable,
    /// Under review, and the number waits for it.
    NameInReview,
    /// Under review, which does not hinder a live number.
    NameInReviewLive,
    NameDeclined,
    /// The approval ran out.
    NameExpired,
    NameNone,
    QualityHigh,
    QualityMedium,
    QualityLow,
    /// Too few messages to tell.
    QualityNotRated,
    /// The lowest tier, which Meta raises with use.
    LimitStarting,
    LimitTier,
    LimitNone,
    LimitNotSet,
    ModeLive,
    ModeSandbox,
    CodeVerified,
    /// Not proved: a code is needed.
    CodeNotVerified,
    /// Not proved, which does not matter any more on a registered number.
    CodeNotVerifiedLive,
    /// Proved too long ago to register: a new code is needed.
    CodeExpired,
    /// Proved long ago: normal on a registered number.
    CodeExpiredLive,
    /// On the Cloud API.
    PlatformCloud,
    /// In the WhatsApp Business app and on the Cloud API.
    PlatformCoexistence,
    /// On the retired On-Premises API.
    PlatformOnPremise,
    PlatformNone,
    /// 80 messages a second.
    ThroughputStandard,
    /// 20 messages a second: coexistence.
    ThroughputCoexistence,
    /// 1,000 messages a second.
    ThroughputHigh,
    ThroughputNone,
    /// Messages arrive at this installation.
    WebhookOurs,
    /// Meta refused the override; messages arrive by the app's own callback.
    WebhookRefused,
    /// No override is set.
    WebhookMissing,
    /// Messages go to another system.
    WebhookForeign,
    /// The installation's app is not subscribed.
    WebhookNotSubscribed,
    StatusConnected,
    StatusPending,
    StatusActivating,
    /// Not connected any more.
    StatusDisconnected,
    StatusUnverified,
    StatusFlagged,
    StatusRestricted,
    /// Too many messages for now.
    StatusRateLimited,
    StatusBanned,
    StatusDeleted,
    /// Moved to another account.
    StatusMigrated,
    /// A PIN protects the number.
    TwoStepOn,
    /// No PIN protects the number.
    TwoStepOff,
    /// The time at which signup finished.
    Onboarded,
    /// The time to register ends soon.
    OnboardingEnding,
    /// The time to register has passed.
    OnboardingExpired,
}

/// The value of a card.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CardValue {
    /// As Meta wrote it: a number, a name, an address.
    Text(String),
    /// One of Meta's words, to be looked up in the message catalogue.
    Code(String),
    /// On (`true`) or off.
    Switch(bool),
    Time(Timestamp),
}

/// One card of the Account Health tab.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Card {
    pub fact: Fact,
    /// `None` when not read.
    pub value: Option<CardValue>,
    pub badge: Badge,
    pub meaning: CardMeaning,
    /// The page at Meta that shows it.
    pub link: Option<DeepLink>,
}

/// Every card of a number, in the page's order. An old reading is shown as it is: the page says when it was made.
pub fn cards(snapshot: &HealthSnapshot, context: &HealthContext, now: Timestamp) -> Vec<Card> {
    let builder = CardBuilder { snapshot, context, reading: &snapshot.reading, now };
    Fact::VARIANTS.iter().map(|fact| builder.card(*fact)).collect()
}

/// How a value is shown and what it means.
type Rating = (Badge, M);

struct CardBuilder<'a> {
    snapshot: &'a HealthSnapshot,
    context: &'a HealthContext,
    reading: &'a NumberReading,
    now: Timestamp,
}

impl CardBuilder<'_> {
    fn card(&self, fact: Fact) -> Card {
        let reading = self.reading;
        let (value, seen) = match fact {
            Fact::DisplayPhoneNumber => {
                (text(reading.display_phone_number.as_deref()), (Badge::Neutral, M::NumberShown))
            }
            Fact::VerifiedName => (text(reading.verified_name.as_deref()), (Badge::Neutral, M::NameShown)),
            Fact::NameStatus => rated(reading.name_status.as_ref(), NameStatus::as_str, |s| self.name_status(s)),
            Fact::QualityRating => rated(reading.quality_rating.as_ref(), QualityRating::as_str, quality),
            Fact::MessagingLimit => rated(reading.limit(), MessagingLimit::as_str, limit),
            Fact::AccountMode => rated(reading.account_mode.as_ref(), AccountMode::as_str, account_mode),
            Fact::CodeVerification => {
                rated(reading.code_verification.as_ref(), CodeVerification::as_str, |c| self.code(c))
            }
            Fact::Platform => rated(reading.platform_type.as_ref(), PlatformType::as_str, |p| self.platform(p)),
            Fact::Throughput => rated(reading.throughput.as_ref(), ThroughputLevel::as_str, |t| self.throughput(t)),
            Fact::Webhook => self.webhook(),
            Fact::NumberStatus => rated(reading.status.as_ref(), NumberStatus::as_str, |s| self.status(s)),
            Fact::TwoStep => (reading.is_pin_enabled.map(CardValue::Switch), two_step(reading.is_pin_enabled)),
            Fact::LastOnboarded => (reading.last_onboarded_time.map(CardValue::Time), self.onboarded()),
        };
        // the webhook card has a meaning even without an address
        let is_unread = value.is_none() && fact != Fact::Webhook;
        let (badge, meaning) = if is_unread { (Badge::Neutral, M::NotRead) } else { seen };
        Card { fact, value, badge, meaning, link: Some(self.link(fact)) }
    }

    fn is_registered(&self) -> bool {
        self.reading.provisioned() == Provisioned::Yes
    }

    fn name_status(&self, status: &NameStatus) -> Rating {
        match status {
            NameStatus::Approved => (Badge::Good, M::NameApproved),
            NameStatus::AvailableWithoutReview => (Badge::Good, M::NameUsable),
            NameStatus::PendingReview if self.is_registered() => (Badge::Neutral, M::NameInReviewLive),
            NameStatus::PendingReview => (Badge::Caution, M::NameInReview),
            NameStatus::Declined => (Badge::Bad, M::NameDeclined),
            NameStatus::Expired => (Badge::Caution, M::NameExpired),
            NameStatus::None => (Badge::Neutral, M::NameNone),
            NameStatus::Other(_) => (Badge::Neutral, M::NotKnown),
        }
    }

    fn code(&self, code: &CodeVerification) -> Rating {
        match code {
            CodeVerification::Verified => (Badge::Good, M::CodeVerified),
            CodeVerification::Expired if self.is_registered() => (Badge::Good, M::CodeExpiredLive),
            CodeVerification::Expired => (Badge::Caution, M::CodeExpired),
            CodeVerification::NotVerified | CodeVerification::Unverified if self.is_registered() => {
                (Badge::Neutral, M::CodeNotVerifiedLive)
            }
            CodeVerification::NotVerified | CodeVerification::Unverified => (Badge::Caution, M::CodeNotVerified),
            CodeVerification::Other(_) => (Badge::Neutral, M::NotKnown),
        }
    }

    fn platform(&self, platform: &PlatformType) -> Rating {
        match platform {
            PlatformType::CloudApi if self.reading.reads_as_coexistence() => (Badge::Good, M::PlatformCoexistence),
            PlatformType::CloudApi => (Badge::Good, M::PlatformCloud),
            PlatformType::OnPremise => (Badge::Bad, M::PlatformOnPremise),
            PlatformType::NotApplicable => (Badge::Caution, M::PlatformNone),
            PlatformType::Other(_) => (Badge::Neutral, M::NotKnown),
        }
    }

    fn throughput(&self, level: &ThroughputLevel) -> Rating {
        match level {
            ThroughputLevel::Standard if self.reading.reads_as_coexistence() => (Badge::Good, M::ThroughputCoexistence),
            ThroughputLevel::Standard => (Badge::Good, M::ThroughputStandard),
            ThroughputLevel::High => (Badge::Good, M::ThroughputHigh),
            ThroughputLevel::NotApplicable => (Badge::Caution, M::ThroughputNone),
            ThroughputLevel::Other(_) => (Badge::Neutral, M::NotKnown),
        }
    }

    fn status(&self, status: &NumberStatus) -> Rating {
        match status {
            NumberStatus::Connected => (Badge::Good, M::StatusConnected),
            NumberStatus::Pending if self.is_registered() => (Badge::Caution, M::StatusActivating),
            NumberStatus::Pending => (Badge::Caution, M::StatusPending),
            NumberStatus::Disconnected => (Badge::Bad, M::StatusDisconnected),
            NumberStatus::Unverified => (Badge::Caution, M::StatusUnverified),
            NumberStatus::Flagged => (Badge::Caution, M::StatusFlagged),
            NumberStatus::Restricted => (Badge::Bad, M::StatusRestricted),
            NumberStatus::RateLimited => (Badge::Caution, M::StatusRateLimited),
            NumberStatus::Banned => (Badge::Bad, M::StatusBanned),
            NumberStatus::Deleted => (Badge::Bad, M::StatusDeleted),
            NumberStatus::Migrated => (Badge::Bad, M::StatusMigrated),
            NumberStatus::Other(_) => (Badge::Neutral, M::NotKnown),
        }
    }

    /// The callback in effect, and whether messages arrive by it.
    fn webhook(&self) -> (Option<CardValue>, Rating) {
        let facts = &self.context.webhooks;
        let effective = self.reading.webhook_configuration.as_ref().and_then(|set| set.effective());
        let value = effective.map(|url| CardValue::Text(url.to_owned()));
        let is_refused = facts.refusal.is_some();
        let rating = match facts.callbacks.route() {
            Route::NotSubscribed => (Badge::Bad, M::WebhookNotSubscribed),
            Route::Here(CallbackLevel::App) if is_refused => (Badge::Good, M::WebhookRefused),
            Route::Here(CallbackLevel::App) => (Badge::Caution, M::WebhookMissing),
            Route::Here(CallbackLevel::Number | CallbackLevel::Account) => (Badge::Good, M::WebhookOurs),
            Route::Elsewhere { .. } => (Badge::Bad, M::WebhookForeign),
            Route::Nowhere => (Badge::Bad, M::WebhookMissing),
            Route::Unread => (Badge::Neutral, M::NotRead),
        };
        (value, rating)
    }

    fn onboarded(&self) -> Rating {
        let ends_at = self.context.onboarding_ends_at(self.reading);
        match ends_at.filter(|_| self.reading.provisioned() == Provisioned::No) {
            Some(ends_at) if self.now >= ends_at => (Badge::Bad, M::OnboardingExpired),
            Some(ends_at) if self.now >= shift(ends_at, -SignedDuration::from_hours(4 * 24)) => {
                (Badge::Caution, M::OnboardingEnding)
            }
            Some(_) | None => (Badge::Neutral, M::Onboarded),
        }
    }

    fn link(&self, fact: Fact) -> DeepLink {
        let target = match fact {
            Fact::VerifiedName | Fact::NameStatus => LinkTarget::DisplayName,
            Fact::QualityRating => LinkTarget::AccountQuality,
            Fact::TwoStep => LinkTarget::TwoStep,
            Fact::Webhook => LinkTarget::AppSettings,
            Fact::DisplayPhoneNumber
            | Fact::MessagingLimit
            | Fact::AccountMode
            | Fact::CodeVerification
            | Fact::Platform
            | Fact::Throughput
            | Fact::NumberStatus
            | Fact::LastOnboarded => LinkTarget::PhoneNumbers,
        };
        self.context.link(self.snapshot, target)
    }
}

fn text(value: Option<&str>) -> Option<CardValue> {
    value.map(|value| CardValue::Text(value.to_owned()))
}

/// A value that is one of Meta's words, with its rating.
fn rated<T>(value: Option<&T>, word: impl Fn(&T) -> &str, rate: impl Fn(&T) -> Rating) -> (Option<CardValue>, Rating) {
    let shown = value.map(|value| CardValue::Code(word(value).to_owned()));
    (shown, value.map_or((Badge::Neutral, M::NotRead), rate))
}

fn quality(rating: &QualityRating) -> Rating {
    match rating {
        QualityRating::Green => (Badge::Good, M::QualityHigh),
        QualityRating::Yellow => (Badge::Caution, M::QualityMedium),
        QualityRating::Red => (Badge::Bad, M::QualityLow),
        QualityRating::Na | QualityRating::Unknown => (Badge::Neutral, M::QualityNotRated),
        QualityRating::Other(_) => (Badge::Neutral, M::NotKnown),
    }
}

fn limit(limit: &MessagingLimit) -> Rating {
    match limit {
        MessagingLimit::Tier50 | MessagingLimit::Tier250 => (Badge::Neutral, M::LimitStarting),
        MessagingLimit::Tier1k | MessagingLimit::Tier2k | MessagingLimit::Tier10k | MessagingLimit::Tier100k => {
            (Badge::Good, M::LimitTier)
        }
        MessagingLimit::Unlimited => (Badge::Good, M::LimitNone),
        MessagingLimit::NotSet | MessagingLimit::Untiered => (Badge::Neutral, M::LimitNotSet),
        MessagingLimit::Other(_) => (Badge::Neutral, M::NotKnown),
    }
}

fn account_mode(mode: &AccountMode) -> Rating {
    match mode {
        AccountMode::Live => (Badge::Good, M::ModeLive),
        AccountMode::Sandbox => (Badge::Caution, M::ModeSandbox),
        AccountMode::Other(_) => (Badge::Neutral, M::NotKnown),
    }
}

fn two_step(is_on: Option<bool>) -> Rating {
    match is_on {
        Some(true) => (Badge::Good, M::TwoStepOn),
        Some(false) => (Badge::Neutral, M::TwoStepOff),
        None => (Badge::Neutral, M::NotRead),
    }
}
