//! Words for the Account Health cards: the label of a fact, its value, and what the value means.

use domain::health::{Badge, CardMeaning as M, CardValue, Fact};
use domain::meta::reading::EntityType;

use super::format::humanize;
use super::sentence::Sentence;

/// The label of a card.
pub fn fact(fact: Fact) -> &'static str {
    match fact {
        Fact::DisplayPhoneNumber => "Display phone number",
        Fact::VerifiedName => "Business name",
        Fact::NameStatus => "Display name status",
        Fact::QualityRating => "Quality rating",
        Fact::MessagingLimit => "Messaging limit",
        Fact::AccountMode => "Account mode",
        Fact::CodeVerification => "Code verification",
        Fact::Platform => "Platform",
        Fact::Throughput => "Throughput",
        Fact::Webhook => "Webhook",
        Fact::NumberStatus => "Number status",
        Fact::TwoStep => "Two-step verification",
        Fact::LastOnboarded => "Last connected",
    }
}

/// The meaning of a badge for readers who do not see its colour.
pub fn badge(badge: Badge) -> &'static str {
    match badge {
        Badge::Good => "Good",
        Badge::Caution => "Attention",
        Badge::Bad => "Problem",
        Badge::Neutral => "For information",
    }
}

/// A card's value as people read it.
pub fn value(fact: Fact, value: Option<&CardValue>) -> Sentence {
    match (fact, value) {
        (_, None) => "Not available".into(),
        (Fact::Webhook, Some(CardValue::Text(address))) => host(address).into(),
        (_, Some(CardValue::Text(text))) => text.as_str().into(),
        (_, Some(CardValue::Switch(true))) => "On".into(),
        (_, Some(CardValue::Switch(false))) => "Off".into(),
        (_, Some(CardValue::Time(instant))) => (*instant).into(),
        (Fact::MessagingLimit, Some(CardValue::Code(word))) => limit_per_day(word).into(),
        (Fact::QualityRating, Some(CardValue::Code(word))) => quality(word).into(),
        (Fact::Platform, Some(CardValue::Code(word))) => platform(word).into(),
        (Fact::Throughput, Some(CardValue::Code(word))) if word == "NOT_APPLICABLE" => "Not set up yet".into(),
        (_, Some(CardValue::Code(word))) => humanize(word).into(),
    }
}

/// The host of an address; the page shows the whole address elsewhere.
fn host(address: &str) -> String {
    let host = url::Url::parse(address).ok().and_then(|url| url.host_str().map(str::to_owned));
    host.unwrap_or_else(|| address.to_owned())
}

fn quality(word: &str) -> String {
    match word {
        "GREEN" => "High (green)".to_owned(),
        "YELLOW" => "Medium (yellow)".to_owned(),
        "RED" => "Low (red)".to_owned(),
        "UNKNOWN" | "NA" => "Not rated yet".to_owned(),
        other => humanize(other),
    }
}

fn platform(word: &str) -> String {
    match word {
        "CLOUD_API" => "Cloud API".to_owned(),
        "ON_PREMISE" => "On-Premises API".to_owned(),
        "NOT_APPLICABLE" => "Not registered".to_owned(),
        other => humanize(other),
    }
}

fn limit_per_day(word: &str) -> String {
    match word {
        "TIER_NOT_SET" | "UNTIERED" => "Not set yet".to_owned(),
        word => format!("{} per 24h", limit(word)),
    }
}

/// "2K customers", "unlimited customers".
pub(super) fn limit(word: &str) -> String {
    match word {
        "TIER_UNLIMITED" => "Unlimited customers".to_owned(),
        "TIER_NOT_SET" | "UNTIERED" => "no customers yet".to_owned(),
        word => match word.strip_prefix("TIER_") {
            Some(tier) => format!("{} customers", tier.replace("1000", "1K")),
            None => humanize(word),
        },
    }
}

/// An entity of Meta's, after "at the".
pub(super) fn entity(entity: &EntityType) -> String {
    match entity {
        EntityType::PhoneNumber => "phone number".to_owned(),
        EntityType::Waba => "WhatsApp account".to_owned(),
        EntityType::Business => "business portfolio".to_owned(),
        EntityType::App => "Meta app".to_owned(),
        EntityType::Other(word) => humanize(word).to_lowercase(),
    }
}

/// The meaning of a value, in one sentence.
#[expect(
    clippy::match_same_arms,
    reason = "a table, one row per meaning: equal sentences can belong to different meanings"
)]
pub fn meaning(meaning: M) -> &'static str {
    match meaning {
        M::NotRead => "Meta has not reported this yet.",
        M::NotKnown => "This version does not know this value.",
        M::NumberShown => "The number your customers see.",
        M::NameShown => "The name your customers see.",
        M::NameApproved => "Meta approved the name.",
        M::NameUsable => "The name can be used at once, without a review.",
        M::NameInReview => "Meta is reviewing the name. The number is registered afterwards.",
        M::NameInReviewLive => "Meta is reviewing the name. The number works meanwhile.",
        M::NameDeclined => "Meta did not accept the name. Choose another one.",
        M::NameExpired => "The approval expired. Request the name again.",
        M::NameNone => "No name was requested.",
        M::QualityHigh => "Customers rate your messages well.",
        M::QualityMedium => "Some customers block or report your messages.",
        M::QualityLow => "Many customers block or report your messages.",
        M::QualityNotRated => "There are too few messages for a rating.",
        M::LimitStarting => "Customers you can start a conversation with in 24 hours. Grows with use.",
        M::LimitTier => "Customers you can start a conversation with in 24 hours.",
        M::LimitNone => "You can start conversations without a limit.",
        M::LimitNotSet => "Meta sets it with your first messages.",
        M::ModeLive => "In production.",
        M::ModeSandbox => "A test number; it can send only to a few known numbers.",
        M::CodeVerified => "You have proved that the number is yours.",
        M::CodeNotVerified => "Meta requires a code as proof that the number is yours.",
        M::CodeNotVerifiedLive => "Not relevant for a registered number.",
        M::CodeExpired => "The verification expired; registration needs a new code.",
        M::CodeExpiredLive => "The verification expired, which is normal for a registered number.",
        M::PlatformCloud => "Registered for messaging.",
        M::PlatformCoexistence => "Used in the WhatsApp Business app and here at the same time.",
        M::PlatformOnPremise => "Meta has retired this system; the number must be moved.",
        M::PlatformNone => "Not registered for messaging yet.",
        M::ThroughputStandard => "Up to 80 messages a second.",
        M::ThroughputCoexistence => "Up to 20 messages a second, because the app is used as well.",
        M::ThroughputHigh => "Up to 1,000 messages a second.",
        M::ThroughputNone => "Meta has not set the number up for sending yet.",
        M::WebhookOurs => "Messages of this number arrive here.",
        M::WebhookRefused => "Messages arrive here through the app’s address.",
        M::WebhookMissing => "Meta has no callback address for this number.",
        M::WebhookForeign => "Messages of this number go to another address.",
        M::WebhookNotSubscribed => "Meta does not send the messages of this account here.",
        M::StatusConnected => "The number can send and receive.",
        M::StatusPending => "Not registered for messaging yet.",
        M::StatusActivating => "Registered; Meta is activating it.",
        M::StatusDisconnected => "The number was registered and is not connected now.",
        M::StatusUnverified => "Meta lists the number as unverified.",
        M::StatusFlagged => "Customers complained; Meta may lower the limit.",
        M::StatusRestricted => "The number cannot start conversations for a while.",
        M::StatusRateLimited => "The number sent too many messages; it can send again after a while.",
        M::StatusBanned => "The number can neither send nor receive.",
        M::StatusDeleted => "The number is no longer in your WhatsApp account.",
        M::StatusMigrated => "The number belongs to another WhatsApp account now.",
        M::TwoStepOn => "A PIN protects the number.",
        M::TwoStepOff => "No PIN protects the number.",
        M::Onboarded => "The time when the number was connected.",
        M::OnboardingEnding => "The 14 days to register the number end soon.",
        M::OnboardingExpired => "The 14 days to register the number are over.",
    }
}
