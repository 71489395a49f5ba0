//! The actions that a test or a person can apply to a number, beside calling Graph. Must not apply them.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::number::Override;
use crate::world::meta_enums::{
    CertificateShown, DroppedStatus, NameDecision, NameStatus, NumberRestriction, Obstacle, Quality, Throughput, Tier,
};

/// The target of an action does not exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ActionError {
    #[error("no such number")]
    NoSuchNumber,
    #[error("no such WABA")]
    NoSuchWaba,
}

/// One change that a test, a scenario or a person makes to a number.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "action", rename_all = "snake_case", deny_unknown_fields)]
pub enum NumberAction {
    /// Approves the name in review, a requested one first; the hidden delay starts.
    ApproveName,
    /// Declines the name in review.
    DeclineName {
        /// Value of `rejection_reason`; `NAME_NOT_CONSISTENT` unless given.
        #[serde(default)]
        reason: Option<String>,
    },
    /// Defers the decision about the name in review.
    DeferName,
    /// Puts the name back into review, which ends by itself after `lasts` if given.
    ReviewName {
        #[serde(default)]
        lasts: Option<SignedDuration>,
        outcome: NameDecision,
    },
    /// The owner requests another name in `WhatsApp` Manager; its review ends by itself after `lasts` if given.
    SubmitName {
        name: String,
        #[serde(default)]
        lasts: Option<SignedDuration>,
        /// Result of the review; approved unless given.
        #[serde(default)]
        outcome: Option<NameDecision>,
    },
    /// Sets `name_status` directly, without a webhook.
    SetNameStatus { status: NameStatus },
    /// Ends the hidden delay now.
    Provision,
    /// Sets the end of the hidden delay.
    ProvisionAt { at: Timestamp },
    /// The hidden delay does not end until another action ends it.
    NeverProvision,
    /// Sets when the field `certificate` is filled.
    ShowCertificate { when: CertificateShown },
    /// The customer enters the verification code on Meta's pages.
    VerifyCode,
    /// The verification of the number expires.
    ExpireCode,
    /// The number is no longer verified.
    UnverifyCode,
    /// The customer sets another PIN in `WhatsApp` Manager.
    SetPin {
        /// Six digits, not checked.
        pin: String,
    },
    /// The customer requests that two-step verification be turned off.
    RequestPinReset,
    /// Two-step verification is turned off.
    TurnOffTwoStep,
    /// Locks the PIN after wrong guesses.
    LockPin {
        /// Either 133008 or 133009.
        code: i64,
        minutes: i64,
    },
    /// Changes the quality rating.
    Quality { quality: Quality },
    /// Changes the messaging limit of the portfolio.
    Limit { tier: Tier },
    /// Changes the throughput level.
    Throughput { level: Throughput },
    /// Restricts the number, which stays registered.
    Restrict { restriction: NumberRestriction },
    /// Lifts the restriction of the number.
    Unrestrict,
    /// Bans the number, which then reads BANNED.
    Ban,
    /// Deletes the number: reads get 100/33.
    Delete,
    /// Moves the number to another WABA: its node gets 100/33, the list shows MIGRATED.
    Migrate,
    /// Undoes a ban, a deletion or a migration.
    Restore,
    /// Meta drops the registration.
    Disconnect {
        /// Value of `status` afterwards; DISCONNECTED unless given.
        #[serde(default)]
        reads: Option<DroppedStatus>,
    },
    /// Another product registers the number with this PIN.
    Registered { pin: String },
    /// Sets a reason for 2388001 other than the display name.
    SetObstacle { obstacle: Obstacle },
    /// The owner removes the reason: deletes the account in the phone app, confirms ownership or turns two-step off there.
    ClearObstacle,
    /// The number was deleted a moment ago: register gets 133015 for this time.
    RecentlyDeleted { minutes: i64 },
    /// The next deregister fails half-way: 133000 until it is repeated.
    FailNextDeregister,
    /// An earlier deregister failed half-way: 133000 until it is repeated.
    HalfDeregister,
    /// Adds the number to the phone app, or removes it from there.
    Coexistence { on: bool },
    /// Ends coexistence: `PARTNER_REMOVED` with `disconnection_info`.
    CoexistenceEnded {
        /// For example `PRIMARY_INACTIVITY` (facts §3.4).
        reason: String,
    },
    /// Locks the account: register and send get 131031.
    LockAccount,
    /// Unlocks the account for register and send.
    UnlockAccount,
    /// Shows or hides the SIP errors of calling in `health_status`.
    SipErrors { on: bool },
    /// Sets how long the number stays PENDING after it is registered.
    ActivationDelay { seconds: i64 },
    /// Sets `last_onboarded_time` to this many days ago.
    BackdateOnboarding { days: i64 },
    /// Overrides the value of one field: a single signal may mislead and enums are open (facts §6.1, §8 D11).
    OverrideField {
        field: String,
        /// Value that reads return; null leaves the field out.
        value: Value,
    },
    /// Removes all overrides of fields.
    ClearFieldOverrides,
    /// Another product replaces or removes the number's own callback override, without a webhook.
    SetOverride {
        #[serde(default, rename = "override")]
        over: Option<Override>,
    },
    /// Forgets the recorded register calls and the lock by 133016.
    ClearLedger,
}
