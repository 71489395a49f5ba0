//! From a reading to its cards. Words and colours go beyond the origin's (`docs/policy.md`, H3): a
//! code that reads EXPIRED on a registered number is normal, `AVAILABLE_WITHOUT_REVIEW` is good news.

use jiff::{SignedDuration, Timestamp};

use super::{Badge, Card, CardMeaning as M, CardValue, Fact};
use crate::health::schedule::later;
use crate::health::{AppCallback, DeepLink, HealthContext, HealthSnapshot, LinkTarget, Override, Subscription};
use crate::meta::reading::{
    AccountMode, CodeVerification, MessagingLimit, NameStatus, NumberReading, NumberStatus, PlatformType, Provisioned,
    QualityRating, ThroughputLevel,
};

/// Every card of a number, in the page's order. An old reading is shown as it is: the page says when
/// it was made.
pub fn cards(snapshot: &HealthSnapshot, context: &HealthContext, now: Timestamp) -> Vec<Card> {
    let dealer = Dealer { snapshot, context, reading: &snapshot.reading, now };
    Fact::ALL.iter().map(|fact| dealer.card(*fact)).collect()
}

/// How a value is to be seen and what it means.
type Face = (Badge, M);

struct Dealer<'a> {
    snapshot: &'a HealthSnapshot,
    context: &'a HealthContext,
    reading: &'a NumberReading,
    now: Timestamp,
}

impl Dealer<'_> {
    fn card(&self, fact: Fact) -> Card {
        let reading = self.reading;
        let (value, seen) = match fact {
            Fact::DisplayNumber => (text(reading.display_phone_number.as_deref()), (Badge::Neutral, M::NumberShown)),
            Fact::VerifiedName => (text(reading.verified_name.as_deref()), (Badge::Neutral, M::NameShown)),
            Fact::NameStatus => of(reading.name_status.as_ref(), NameStatus::as_str, |s| self.name_status(s)),
            Fact::Quality => of(reading.quality_rating.as_ref(), QualityRating::as_str, quality),
            Fact::MessagingLimit => of(reading.limit(), MessagingLimit::as_str, limit),
            Fact::AccountMode => of(reading.account_mode.as_ref(), AccountMode::as_str, account_mode),
            Fact::CodeVerification => {
                of(reading.code_verification.as_ref(), CodeVerification::as_str, |c| self.code(c))
            }
            Fact::Platform => of(reading.platform_type.as_ref(), PlatformType::as_str, |p| self.platform(p)),
            Fact::Throughput => of(reading.throughput.as_ref(), ThroughputLevel::as_str, |t| self.throughput(t)),
            Fact::Webhook => self.webhook(),
            Fact::NumberStatus => of(reading.status.as_ref(), NumberStatus::as_str, |s| self.status(s)),
            Fact::TwoStep => (reading.is_pin_enabled.map(CardValue::Switch), two_step(reading.is_pin_enabled)),
            Fact::LastOnboarded => (reading.last_onboarded_time.map(CardValue::Time), self.onboarded()),
        };
        // a webhook card can tell something without an address to show
        let is_unread = value.is_none() && fact != Fact::Webhook;
        let (badge, meaning) = if is_unread { (Badge::Neutral, M::NotRead) } else { seen };
        Card { fact, value, badge, meaning, link: Some(self.link(fact)) }
    }

    fn is_registered(&self) -> bool {
        self.reading.provisioned() == Provisioned::Yes
    }

    fn name_status(&self, status: &NameStatus) -> Face {
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

    fn code(&self, code: &CodeVerification) -> Face {
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

    fn platform(&self, platform: &PlatformType) -> Face {
        match platform {
            PlatformType::CloudApi if self.reading.reads_as_coexistence() => (Badge::Good, M::PlatformCoexistence),
            PlatformType::CloudApi => (Badge::Good, M::PlatformCloud),
            PlatformType::OnPremise => (Badge::Bad, M::PlatformOnPremise),
            PlatformType::NotApplicable => (Badge::Caution, M::PlatformNone),
            PlatformType::Other(_) => (Badge::Neutral, M::NotKnown),
        }
    }

    fn throughput(&self, level: &ThroughputLevel) -> Face {
        match level {
            ThroughputLevel::Standard if self.reading.reads_as_coexistence() => (Badge::Good, M::ThroughputCoexistence),
            ThroughputLevel::Standard => (Badge::Good, M::ThroughputStandard),
            ThroughputLevel::High => (Badge::Good, M::ThroughputHigh),
            ThroughputLevel::NotApplicable => (Badge::Caution, M::ThroughputNone),
            ThroughputLevel::Other(_) => (Badge::Neutral, M::NotKnown),
        }
    }

    fn status(&self, status: &NumberStatus) -> Face {
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

    /// The callback in effect, and whether messages come here by it.
    fn webhook(&self) -> (Option<CardValue>, Face) {
        let facts = &self.context.webhooks;
        let effective = self.reading.webhook_configuration.as_ref().and_then(|set| set.effective());
        let value = effective.map(|url| CardValue::Text(url.to_owned()));
        let by_app = matches!(facts.app_callback, AppCallback::Ours | AppCallback::LacksFields(_));
        let face = match &facts.callback_override {
            _ if facts.subscription == Subscription::No => (Badge::Bad, M::WebhookNotSubscribed),
            Override::Ours => (Badge::Good, M::WebhookOurs),
            Override::Refused { .. } if by_app => (Badge::Good, M::WebhookRefused),
            Override::Refused { .. } => (Badge::Bad, M::WebhookRefused),
            Override::Missing => (Badge::Caution, M::WebhookMissing),
            Override::Foreign(_) => (Badge::Bad, M::WebhookForeign),
            Override::Unread => (Badge::Neutral, M::NotRead),
        };
        (value, face)
    }

    fn onboarded(&self) -> Face {
        let ends_at = self.context.onboarding_ends_at(self.reading);
        match ends_at.filter(|_| self.reading.provisioned() == Provisioned::No) {
            Some(ends_at) if self.now >= ends_at => (Badge::Bad, M::OnboardingExpired),
            Some(ends_at) if self.now >= later(ends_at, -SignedDuration::from_hours(4 * 24)) => {
                (Badge::Caution, M::OnboardingEnding)
            }
            Some(_) | None => (Badge::Neutral, M::Onboarded),
        }
    }

    fn link(&self, fact: Fact) -> DeepLink {
        let target = match fact {
            Fact::VerifiedName | Fact::NameStatus => LinkTarget::DisplayName,
            Fact::Quality => LinkTarget::AccountQuality,
            Fact::TwoStep => LinkTarget::TwoStep,
            Fact::Webhook => LinkTarget::AppSettings,
            Fact::DisplayNumber
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

/// A value that is one of Meta's words, and its face.
fn of<T>(value: Option<&T>, word: impl Fn(&T) -> &str, face: impl Fn(&T) -> Face) -> (Option<CardValue>, Face) {
    let shown = value.map(|value| CardValue::Word(word(value).to_owned()));
    (shown, value.map_or((Badge::Neutral, M::NotRead), face))
}

fn quality(rating: &QualityRating) -> Face {
    match rating {
        QualityRating::Green => (Badge::Good, M::QualityHigh),
        QualityRating::Yellow => (Badge::Caution, M::QualityMedium),
        QualityRating::Red => (Badge::Bad, M::QualityLow),
        QualityRating::Na | QualityRating::Unknown => (Badge::Neutral, M::QualityNotRated),
        QualityRating::Other(_) => (Badge::Neutral, M::NotKnown),
    }
}

fn limit(limit: &MessagingLimit) -> Face {
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

fn account_mode(mode: &AccountMode) -> Face {
    match mode {
        AccountMode::Live => (Badge::Good, M::ModeLive),
        AccountMode::Sandbox => (Badge::Caution, M::ModeSandbox),
        AccountMode::Other(_) => (Badge::Neutral, M::NotKnown),
    }
}

fn two_step(is_on: Option<bool>) -> Face {
    match is_on {
        Some(true) => (Badge::Good, M::TwoStepOn),
        Some(false) => (Badge::Neutral, M::TwoStepOff),
        None => (Badge::Neutral, M::NotRead),
    }
}
