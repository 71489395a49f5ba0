//! Meta's closed lists of values as enums, with Meta's own spelling. Must hold only values that facts §1.6, §1.4 or
//! `enums.json` name; two enums for tests, [`Obstacle`] and [`CertificateShown`], stand beside them.

use serde::{Deserialize, Serialize};
use strum::IntoStaticStr;

/// State of a display name (facts §1.6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, IntoStaticStr)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[strum(serialize_all = "SCREAMING_SNAKE_CASE", const_into_str)]
pub enum NameStatus {
    Approved,
    AvailableWithoutReview,
    Declined,
    Expired,
    PendingReview,
    None,
}

impl NameStatus {
    /// Whether Meta would build a certificate from the name (facts §6.2).
    pub const fn is_good(self) -> bool {
        matches!(self, Self::Approved | Self::AvailableWithoutReview)
    }
}

/// Whether the owner of the number proved ownership with a code (facts §1.6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, IntoStaticStr)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[strum(serialize_all = "SCREAMING_SNAKE_CASE", const_into_str)]
pub enum CodeStatus {
    Verified,
    NotVerified,
    Expired,
}

/// Quality rating of a number (facts §1.6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, IntoStaticStr)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[strum(serialize_all = "SCREAMING_SNAKE_CASE", const_into_str)]
pub enum Quality {
    Green,
    Yellow,
    Red,
    #[serde(rename = "NA")]
    #[strum(serialize = "NA")]
    NotAvailable,
    Unknown,
}

/// Messaging limit of a portfolio: business-initiated conversations a day (facts §1.6, §4.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Tier {
    #[serde(rename = "TIER_50")]
    Tier50,
    #[serde(rename = "TIER_250")]
    Tier250,
    #[serde(rename = "TIER_1K")]
    Tier1K,
    #[serde(rename = "TIER_2K")]
    Tier2K,
    #[serde(rename = "TIER_10K")]
    Tier10K,
    #[serde(rename = "TIER_100K")]
    Tier100K,
    #[serde(rename = "TIER_UNLIMITED")]
    Unlimited,
    #[serde(rename = "TIER_NOT_SET")]
    NotSet,
}

/// Throughput level of a registered number (facts §1.6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, IntoStaticStr)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[strum(serialize_all = "SCREAMING_SNAKE_CASE", const_into_str)]
pub enum Throughput {
    Standard,
    High,
}

/// Whether a number is live or a sandbox number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, IntoStaticStr)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[strum(serialize_all = "SCREAMING_SNAKE_CASE", const_into_str)]
pub enum AccountMode {
    Live,
    Sandbox,
}

/// Result of the review of a WABA (facts §1.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ReviewStatus {
    Approved,
    Pending,
    Rejected,
    Deferred,
}

/// Verification of a portfolio, in lower case as Graph returns it (facts D12).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BusinessVerification {
    Verified,
    NotVerified,
    Pending,
    Rejected,
    Failed,
    Expired,
}

/// Result of a display-name review (facts §3.3, `phone_number_name_update`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum NameDecision {
    Approved,
    Declined,
    Deferred,
}

/// Limits that Meta sets on a number that stays registered (facts §1.6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, IntoStaticStr)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[strum(serialize_all = "SCREAMING_SNAKE_CASE", const_into_str)]
pub enum NumberRestriction {
    Flagged,
    Restricted,
    RateLimited,
}

/// The `status` of a number that lost its registration (facts §6.1 G).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, IntoStaticStr)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[strum(serialize_all = "SCREAMING_SNAKE_CASE", const_into_str)]
pub enum DroppedStatus {
    Disconnected,
    Pending,
}

/// The `status` of a number that is banned, deleted or moved away (facts §6.1 J).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, IntoStaticStr)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[strum(serialize_all = "SCREAMING_SNAKE_CASE", const_into_str)]
pub enum TerminalStatus {
    Banned,
    Deleted,
    Migrated,
}

/// Reasons other than the display name for which a register call gets 2388001 (facts §2.2, texts 2 to 4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, IntoStaticStr)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case", const_into_str)]
pub enum Obstacle {
    StillInPhoneApp,
    ConfirmOwnership,
    TwoStepAtOldOwner,
}

impl Obstacle {
    /// The text of `error_user_msg`, as Meta writes it.
    pub const fn user_msg(self) -> &'static str {
        match self {
            Self::StillInPhoneApp => {
                "This number is registered to an existing WhatsApp account. To use this number, disconnect it from the existing account."
            }
            Self::ConfirmOwnership => "Please confirm ownership of this phone number.",
            Self::TwoStepAtOldOwner => "Please ensure two-step authentication is disabled.",
        }
    }
}

/// When the `certificate` field is filled. The facts call the field a hint only (§6.2), so tests choose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CertificateShown {
    WithName,
    WhenProvisioned,
    WhenRegistered,
}
