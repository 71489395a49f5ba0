//! Meta's closed word lists as enums. Must hold only words that facts §1.6, §1.4 or `enums.json` name.

use serde::{Deserialize, Serialize};

/// Declares an enum whose JSON form is Meta's own spelling (read in any letter case).
macro_rules! words {
    ($(#[$meta:meta])* $name:ident { $($(#[$vmeta:meta])* $variant:ident = $text:literal),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $(#[doc = concat!("`", $text, "`")] $(#[$vmeta])* $variant),+ }

        impl $name {
            /// Meta's spelling.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }
        }

        impl Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.serialize_str(self.as_str())
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                let text = String::deserialize(from)?;
                $(if text.eq_ignore_ascii_case($text) { return Ok(Self::$variant); })+
                Err(serde::de::Error::unknown_variant(&text, &[$($text),+]))
            }
        }
    };
}

words! {
    /// State of a display name (facts §1.6).
    NameStatus {
        Approved = "APPROVED",
        AvailableWithoutReview = "AVAILABLE_WITHOUT_REVIEW",
        Declined = "DECLINED",
        Expired = "EXPIRED",
        PendingReview = "PENDING_REVIEW",
        None = "NONE",
    }
}

impl NameStatus {
    /// Whether Meta would build a certificate from the name (facts §6.2).
    pub const fn is_good(self) -> bool {
        matches!(self, Self::Approved | Self::AvailableWithoutReview)
    }
}

words! {
    /// Whether the number's owner proved it by code (facts §1.6).
    CodeStatus { Verified = "VERIFIED", NotVerified = "NOT_VERIFIED", Expired = "EXPIRED" }
}

words! {
    /// Quality rating of a number (facts §1.6).
    Quality { Green = "GREEN", Yellow = "YELLOW", Red = "RED", NotAvailable = "NA", Unknown = "UNKNOWN" }
}

words! {
    /// Messaging limit of a portfolio (facts §1.6, §4.5).
    Tier {
        Tier50 = "TIER_50",
        Tier250 = "TIER_250",
        Tier1K = "TIER_1K",
        Tier2K = "TIER_2K",
        Tier10K = "TIER_10K",
        Tier100K = "TIER_100K",
        Unlimited = "TIER_UNLIMITED",
        NotSet = "TIER_NOT_SET",
    }
}

words! {
    /// Throughput level of a registered number (facts §1.6).
    Throughput { Standard = "STANDARD", High = "HIGH" }
}

words! {
    /// Live or sandbox number.
    AccountMode { Live = "LIVE", Sandbox = "SANDBOX" }
}

words! {
    /// Review of a WABA (facts §1.4).
    ReviewStatus { Approved = "APPROVED", Pending = "PENDING", Rejected = "REJECTED", Deferred = "DEFERRED" }
}

words! {
    /// Verification of a portfolio; lower case as the field sees it (facts D12).
    BusinessVerification {
        Verified = "verified",
        NotVerified = "not_verified",
        Pending = "pending",
        Rejected = "rejected",
        Failed = "failed",
        Expired = "expired",
    }
}

words! {
    /// How a name review ends (facts §3.3, `phone_number_name_update`).
    NameDecision { Approved = "APPROVED", Declined = "DECLINED", Deferred = "DEFERRED" }
}

words! {
    /// Limits Meta lays on a number that stays registered (facts §1.6).
    NumberRestriction { Flagged = "FLAGGED", Restricted = "RESTRICTED", RateLimited = "RATE_LIMITED" }
}

words! {
    /// What a registered number reads after it dropped (facts §6.1 G).
    DroppedStatus { Disconnected = "DISCONNECTED", Pending = "PENDING" }
}

words! {
    /// Where a number ended for good (facts §6.1 J).
    Fate { Banned = "BANNED", Deleted = "DELETED", Migrated = "MIGRATED" }
}

words! {
    /// Why a register call meets 2388001 other than by its name (facts §2.2, texts 2 to 4).
    Obstacle {
        StillInPhoneApp = "still_in_phone_app",
        ConfirmOwnership = "confirm_ownership",
        TwoStepAtOldOwner = "two_step_at_old_owner",
    }
}

impl Obstacle {
    /// Meta's `error_user_msg`.
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

words! {
    /// When the `certificate` field is filled: facts call it a hint only (§6.2), so a test may choose.
    CertificateShown {
        WithName = "with_name",
        WhenProvisioned = "when_provisioned",
        WhenRegistered = "when_registered",
    }
}
