//! One change of a webhook post, in types that follow Meta's fields and events (facts §3.3 and §3.4).
//!
//! Must not say what a change leads to: that is [`crate::interpretation`].

use jiff::Timestamp;

use crate::ids::{AppId, BusinessId, PhoneNumberId, WabaId};
use crate::meta::open_enum::open_enum;
use crate::meta::reading::MessagingLimit;

open_enum! {
    /// `event` of an `account_update`.
    AccountEvent {
        /// Embedded Signup finished, even where the browser never came back.
        PartnerAdded = "PARTNER_ADDED",
        /// The account was unshared, or coexistence ended.
        PartnerRemoved = "PARTNER_REMOVED",
        /// The app was installed.
        PartnerAppInstalled = "PARTNER_APP_INSTALLED",
        /// The app was removed.
        PartnerAppUninstalled = "PARTNER_APP_UNINSTALLED",
        PartnerClientCertification = "PARTNER_CLIENT_CERTIFICATION_STATUS_UPDATE",
        /// The account was deleted.
        AccountDeleted = "ACCOUNT_DELETED",
        AccountViolation = "ACCOUNT_VIOLATION",
        /// Restrictions with end dates.
        AccountRestriction = "ACCOUNT_RESTRICTION",
        /// Ban scheduled, made or lifted.
        DisabledUpdate = "DISABLED_UPDATE",
        /// Coexistence: the phone changed device, sends pause.
        AccountOffboarded = "ACCOUNT_OFFBOARDED",
        AccountReconnected = "ACCOUNT_RECONNECTED",
        /// An ad account was linked.
        AdAccountLinked = "AD_ACCOUNT_LINKED",
        MmLiteTermsSigned = "MM_LITE_TERMS_SIGNED",
        AuthIntlPriceEligibility = "AUTH_INTL_PRICE_ELIGIBILITY_UPDATE",
        PrimaryLocation = "BUSINESS_PRIMARY_LOCATION_COUNTRY_UPDATE",
        VolumeTier = "VOLUME_BASED_PRICING_TIER_UPDATE",
        /// Retired: the account was verified.
        VerifiedAccount = "VERIFIED_ACCOUNT",
    }
}

open_enum! {
    /// `decision` of `phone_number_name_update` and `account_review_update`.
    ReviewDecision {
        Approved = "APPROVED",
        Rejected = "REJECTED",
        Deferred = "DEFERRED",
        Pending = "PENDING",
    }
}

open_enum! {
    SecurityEvent {
        /// The two-step PIN was changed.
        PinChanged = "PIN_CHANGED",
        /// Somebody asked to turn two-step off.
        PinResetRequest = "PIN_RESET_REQUEST",
        PinRequestSuccess = "PIN_REQUEST_SUCCESS",
    }
}

open_enum! {
    BanState {
        Disable = "DISABLE",
        ScheduleForDisable = "SCHEDULE_FOR_DISABLE",
        Reinstate = "REINSTATE",
    }
}

/// One restriction of an `ACCOUNT_RESTRICTION`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restriction {
    /// Meta's word, such as `RESTRICTED_BIZ_INITIATED_MESSAGING`.
    pub kind: String,
    pub until: Option<Timestamp>,
}

/// Whom a change is about, as found inside the change (never taken from the URL).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Subject {
    /// The account: the entry's id, or `value.waba_info.waba_id` for `PARTNER_*` events.
    pub waba_id: Option<WabaId>,
    pub phone_number_id: Option<PhoneNumberId>,
    /// Digits of `display_phone_number` or `phone_number`, where no id is given (facts §3.2).
    pub phone_digits: Option<String>,
    pub owner_business_id: Option<BusinessId>,
}

/// One change of a webhook post.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// `entry[].id` as sent: an account, or for `PARTNER_*` our own portfolio.
    pub entry_id: String,
    /// The webhook field, such as `messages`.
    pub field: String,
    /// `entry[].time`; absent for messages.
    pub time: Option<Timestamp>,
    /// Whom it is about.
    pub subject: Subject,
    pub content: Content,
}

/// What a change says, as far as this version reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    Account(AccountUpdate),
    AccountReview {
        decision: ReviewDecision,
    },
    Name {
        decision: ReviewDecision,
        /// The name asked for.
        requested_name: Option<String>,
        /// Why it was refused.
        rejection_reason: Option<String>,
    },
    Quality {
        /// `ONBOARDING`, `THROUGHPUT_UPGRADE`, retired `FLAGGED`, `UPGRADE`….
        event: String,
        /// The limit after the event.
        limit: Option<MessagingLimit>,
    },
    Capability {
        /// The portfolio's limit; a number such as 2000 is read as its tier.
        limit: Option<MessagingLimit>,
        /// How many numbers the account may hold.
        max_phone_numbers: Option<i64>,
    },
    Security {
        event: SecurityEvent,
    },
    /// `messages`: only counted; the raw change is kept.
    Messages(MessagesSeen),
    /// `business_status_update`, `account_alerts` and other notices to show.
    Notice {
        /// Meta's event or alert word.
        event: String,
    },
    /// Template fields: name, language, event, and a reason.
    Template {
        name: String,
        /// What happened: `APPROVED`, `REJECTED`, a category, a quality.
        event: String,
    },
    /// Coexistence: history, contacts, echoes of the phone.
    Coexistence {
        /// Codes of errors listed, such as 2593109 (history sharing is off).
        error_codes: Vec<i64>,
    },
    /// A field or shape this version does not read; the raw change is kept.
    Unread,
}

/// `disconnection_info` of a `PARTNER_REMOVED`: why a number left the WhatsApp Business app or was taken off it (facts
/// §3.3).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Disconnection {
    /// Meta's word, such as `ACCOUNT_DISCONNECTED` or `PRIMARY_INACTIVITY`.
    pub reason: Option<String>,
    /// Meta's word, such as `USER` or `SYSTEM`.
    pub initiated_by: Option<String>,
}

/// The members of an `account_update`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountUpdate {
    pub event: AccountEvent,
    pub ban_state: Option<BanState>,
    /// `ban_info.waba_ban_date` as Meta writes it ("September 21, 2026").
    pub ban_date: Option<String>,
    pub restrictions: Vec<Restriction>,
    pub violation: Option<String>,
    /// Why coexistence ended; only with `PARTNER_REMOVED`.
    pub disconnection: Option<Disconnection>,
    pub partner_app_id: Option<AppId>,
}

/// What a `messages` change holds.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MessagesSeen {
    pub inbound: usize,
    /// Statuses that prove the number can send (`sent`, `delivered`, `read`).
    pub working_statuses: usize,
    /// Error codes of failed statuses and of top-level `errors`.
    pub error_codes: Vec<i64>,
}
