//! Readings: what Meta reports of a phone number, its account and its portfolio. Nothing is assessed here.
//!
//! Every field is an `Option`: `None` means that it was not read. Fields and meanings: facts §1.4 and §1.6.

use jiff::Timestamp;

use crate::ids::{AppId, BusinessId, PhoneNumberId, WabaId};
use crate::meta::open_enum::open_enum;

open_enum! {
    /// Review state of a display name (`name_status`, `new_name_status`).
    NameStatus {
        Approved = "APPROVED",
        /// Usable, with a certificate, without a review: good news.
        AvailableWithoutReview = "AVAILABLE_WITHOUT_REVIEW",
        PendingReview = "PENDING_REVIEW",
        Declined = "DECLINED",
        /// The approval ran out.
        Expired = "EXPIRED",
        /// No name, or no change asked for.
        None = "NONE",
    }
}

impl NameStatus {
    /// A certificate exists for a name in this state (Meta's OpenAPI text on `name_status`).
    pub fn is_good(&self) -> bool {
        matches!(self, Self::Approved | Self::AvailableWithoutReview)
    }
}

open_enum! {
    /// Whether the number's ownership was proved by a code (`code_verification_status`).
    CodeVerification {
        Verified = "VERIFIED",
        NotVerified = "NOT_VERIFIED",
        /// Proved long ago: normal on a live number, blocks a first registration (133006).
        Expired = "EXPIRED",
        /// A reference page's word for not verified.
        Unverified = "UNVERIFIED",
    }
}

open_enum! {
    NumberStatus {
        /// Not registered, or registered and being activated.
        Pending = "PENDING",
        Connected = "CONNECTED",
        /// Was registered, is not connected now.
        Disconnected = "DISCONNECTED",
        Unverified = "UNVERIFIED",
        /// Quality flag; retired but still seen.
        Flagged = "FLAGGED",
        Restricted = "RESTRICTED",
        RateLimited = "RATE_LIMITED",
        Banned = "BANNED",
        Deleted = "DELETED",
        /// Moved to another account.
        Migrated = "MIGRATED",
    }
}

open_enum! {
    /// Where the number is registered (`platform_type`).
    PlatformType {
        /// Cloud API; coexistence numbers too.
        CloudApi = "CLOUD_API",
        /// The retired On-Premises API.
        OnPremise = "ON_PREMISE",
        NotApplicable = "NOT_APPLICABLE",
    }
}

open_enum! {
    ThroughputLevel {
        /// 80 messages a second (20 in coexistence).
        Standard = "STANDARD",
        /// 1,000 messages a second.
        High = "HIGH",
        NotApplicable = "NOT_APPLICABLE",
    }
}

open_enum! {
    QualityRating {
        Green = "GREEN",
        Yellow = "YELLOW",
        Red = "RED",
        Na = "NA",
        Unknown = "UNKNOWN",
    }
}

open_enum! {
    /// How many people the number, or its portfolio, may write to first in 24 h.
    MessagingLimit {
        Tier50 = "TIER_50",
        Tier250 = "TIER_250",
        Tier1k = "TIER_1K",
        Tier2k = "TIER_2K",
        Tier10k = "TIER_10K",
        Tier100k = "TIER_100K",
        Unlimited = "TIER_UNLIMITED",
        /// No message sent yet.
        NotSet = "TIER_NOT_SET",
        Untiered = "UNTIERED",
    }
}

open_enum! {
    AccountMode {
        Live = "LIVE",
        Sandbox = "SANDBOX",
    }
}

open_enum! {
    /// `can_send_message` of an entity in `health_status`.
    CanSend {
        Available = "AVAILABLE",
        Limited = "LIMITED",
        Blocked = "BLOCKED",
    }
}

open_enum! {
    /// What kind of thing an entity in `health_status` is.
    EntityType {
        PhoneNumber = "PHONE_NUMBER",
        /// The WhatsApp Business Account.
        Waba = "WABA",
        /// The portfolio that owns it.
        Business = "BUSINESS",
        /// The app that asks.
        App = "APP",
    }
}

open_enum! {
    /// Review of the WhatsApp Business Account (`account_review_status`).
    AccountReview {
        Approved = "APPROVED",
        Pending = "PENDING",
        Rejected = "REJECTED",
        Deferred = "DEFERRED",
    }
}

open_enum! {
    /// Verification of the business portfolio; Meta writes it in either case (facts §1.4).
    BusinessVerification {
        Verified = "verified",
        NotVerified = "not_verified",
        Pending = "pending",
        /// Meta waits for documents.
        PendingNeedMoreInfo = "pending_need_more_info",
        PendingSubmission = "pending_submission",
        Rejected = "rejected",
        Failed = "failed",
        Expired = "expired",
        Revoked = "revoked",
        Ineligible = "ineligible",
    }
}

/// One error Meta lists on an entity of `health_status`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntityError {
    /// Meta's code, such as 141000 (not registered) or 141006 (payment).
    pub code: i64,
    pub description: String,
    pub possible_solution: Option<String>,
}

/// One entity of `health_status` (facts §6.3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HealthEntity {
    /// Number, account, portfolio or app.
    pub entity_type: EntityType,
    /// Its id at Meta.
    pub id: Option<String>,
    /// The entity's own verdict; the root's is not kept, since calling noise can block it.
    pub can_send: Option<CanSend>,
    /// Its errors, noise (138024 to 138026) included: judging is not done here.
    pub errors: Vec<EntityError>,
    pub additional_info: Vec<String>,
}

/// The callback Meta reports on each of the three levels (`webhook_configuration`).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct WebhookConfiguration {
    pub application: Option<String>,
    pub whatsapp_business_account: Option<String>,
    pub phone_number: Option<String>,
}

impl WebhookConfiguration {
    /// The callback that message events follow: number, then account, then app (facts §1.11).
    pub fn effective(&self) -> Option<&str> {
        [&self.phone_number, &self.whatsapp_business_account, &self.application]
            .into_iter()
            .flatten()
            .map(String::as_str)
            .find(|url| !url.is_empty())
    }
}

/// One reading of `GET /{phone_number_id}`, or of one row of the account's list.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NumberReading {
    /// The number's id at Meta.
    pub id: Option<PhoneNumberId>,
    /// As Meta formats it; compare digits only.
    pub display_phone_number: Option<String>,
    /// The current display name.
    pub verified_name: Option<String>,
    pub name_status: Option<NameStatus>,
    /// A name asked for.
    pub new_display_name: Option<String>,
    pub new_name_status: Option<NameStatus>,
    /// A name certificate exists.
    pub certificate: Option<bool>,
    pub code_verification: Option<CodeVerification>,
    pub status: Option<NumberStatus>,
    /// Where it is registered.
    pub platform_type: Option<PlatformType>,
    pub throughput: Option<ThroughputLevel>,
    pub quality_rating: Option<QualityRating>,
    /// The limit under its old name.
    pub messaging_limit_tier: Option<MessagingLimit>,
    pub portfolio_limit: Option<MessagingLimit>,
    pub account_mode: Option<AccountMode>,
    /// In the WhatsApp Business app as well.
    pub is_on_biz_app: Option<bool>,
    /// Two-step verification is on.
    pub is_pin_enabled: Option<bool>,
    /// When Embedded Signup finished for this number.
    pub last_onboarded_time: Option<Timestamp>,
    /// Callbacks on the three levels.
    pub webhook_configuration: Option<WebhookConfiguration>,
    /// The entities of `health_status`; `None` when not read.
    pub health_status: Option<Vec<HealthEntity>>,
}

/// Whether Meta has a number on a platform.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Provisioned {
    /// `platform_type` and throughput were read and neither is literally `NOT_APPLICABLE`.
    Yes,
    /// At least one of them reads `NOT_APPLICABLE`.
    No,
    /// One is unread and the other does not settle it.
    Unknown,
}

impl NumberReading {
    /// The rule of the request (rows W2 to W4): only the literal `NOT_APPLICABLE` means "not yet";
    /// any other word, known or not, counts as provisioned.
    pub fn provisioned(&self) -> Provisioned {
        let platform = self.platform_type.as_ref().map(|p| *p != PlatformType::NotApplicable);
        let throughput = self.throughput.as_ref().map(|t| *t != ThroughputLevel::NotApplicable);
        match (platform, throughput) {
            (Some(true), Some(true)) => Provisioned::Yes,
            (Some(false), _) | (_, Some(false)) => Provisioned::No,
            _ => Provisioned::Unknown,
        }
    }

    /// Live in both the WhatsApp Business app and the Cloud API: never to be registered (facts §1.7).
    pub fn reads_as_coexistence(&self) -> bool {
        self.is_on_biz_app == Some(true) && self.platform_type == Some(PlatformType::CloudApi)
    }

    /// Something says that a certificate for the display name exists.
    pub fn name_is_good(&self) -> bool {
        self.name_status.as_ref().is_some_and(NameStatus::is_good) || self.certificate == Some(true)
    }

    /// An error code is listed on an entity of this type.
    pub fn has_entity_error(&self, entity_type: &EntityType, code: i64) -> bool {
        self.health_status
            .iter()
            .flatten()
            .any(|entity| entity.entity_type == *entity_type && entity.errors.iter().any(|e| e.code == code))
    }

    /// The entity of this type in `health_status`.
    pub fn entity(&self, entity_type: &EntityType) -> Option<&HealthEntity> {
        self.health_status.iter().flatten().find(|entity| entity.entity_type == *entity_type)
    }

    /// The portfolio, which `health_status` names where the account was not read (facts §6.3).
    pub fn business_id(&self) -> Option<BusinessId> {
        self.entity(&EntityType::Business).and_then(|entity| entity.id.clone()).map(BusinessId)
    }

    /// The limit under its present name, or else under its old one.
    pub fn limit(&self) -> Option<&MessagingLimit> {
        self.portfolio_limit.as_ref().or(self.messaging_limit_tier.as_ref())
    }

    /// Takes from `newer` every field it read; fields it did not read stay.
    #[must_use]
    pub fn merged_with(&self, newer: &Self) -> Self {
        macro_rules! newest {
            ($($field:ident),+ $(,)?) => {
                Self { $($field: newer.$field.clone().or_else(|| self.$field.clone())),+ }
            };
        }
        newest! {
            id, display_phone_number, verified_name, name_status, new_display_name, new_name_status,
            certificate, code_verification, status, platform_type, throughput, quality_rating,
            messaging_limit_tier, portfolio_limit, account_mode, is_on_biz_app, is_pin_enabled,
            last_onboarded_time, webhook_configuration, health_status,
        }
    }
}

/// An app subscribed to an account's webhooks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubscribedApp {
    pub app_id: AppId,
    /// The account-level override it set, if any.
    pub override_callback_uri: Option<String>,
}

/// One reading of `GET /{waba_id}`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct WabaReading {
    pub id: Option<WabaId>,
    pub name: Option<String>,
    /// Meta's review of it.
    pub account_review: Option<AccountReview>,
    /// Verification of the portfolio that owns it.
    pub business_verification: Option<BusinessVerification>,
    pub status: Option<String>,
    /// The portfolio that owns it.
    pub owner_business_id: Option<BusinessId>,
    pub owner_business_name: Option<String>,
    /// Entities of `health_status`; this read has no entity for the number.
    pub health_status: Option<Vec<HealthEntity>>,
    /// The apps subscribed to its webhooks, where they were asked for in the same read.
    pub subscribed_apps: Option<Vec<SubscribedApp>>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(platform: Option<&str>, throughput: Option<&str>) -> NumberReading {
        NumberReading {
            platform_type: platform.map(PlatformType::parse),
            throughput: throughput.map(ThroughputLevel::parse),
            ..NumberReading::default()
        }
    }

    /// D1: each half fires by itself, and only on the literal word.
    #[test]
    fn only_the_literal_not_applicable_means_not_provisioned() {
        let cases = [
            (Some("CLOUD_API"), Some("STANDARD"), Provisioned::Yes),
            (Some("APPLICABLE"), Some("APPLICABLE"), Provisioned::Yes),
            (Some("NOT_APPLICABLE"), Some("STANDARD"), Provisioned::No),
            (Some("CLOUD_API"), Some("NOT_APPLICABLE"), Provisioned::No),
            (Some("NOT_APPLICABLE"), None, Provisioned::No),
            (None, Some("NOT_APPLICABLE"), Provisioned::No),
            (Some("CLOUD_API"), None, Provisioned::Unknown),
            (None, None, Provisioned::Unknown),
        ];
        for (platform, throughput, expected) in cases {
            assert_eq!(reading(platform, throughput).provisioned(), expected, "{platform:?} {throughput:?}");
        }
    }

    #[test]
    fn an_unknown_word_is_kept_as_it_came() {
        assert_eq!(NumberStatus::parse("ON_THE_MOON").as_str(), "ON_THE_MOON");
        assert_eq!(BusinessVerification::parse("VERIFIED"), BusinessVerification::Verified);
    }

    #[test]
    fn a_newer_reading_overwrites_only_what_it_read() {
        let old = reading(Some("NOT_APPLICABLE"), Some("NOT_APPLICABLE"));
        let new = reading(Some("CLOUD_API"), None);
        let merged = old.merged_with(&new);
        assert_eq!(merged.platform_type, Some(PlatformType::CloudApi));
        assert_eq!(merged.throughput, Some(ThroughputLevel::NotApplicable));
    }
}
