//! What a test or a person can do to a number, beside calling Graph. Only words; `moves` carries them out.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::words::{
    CertificateShown, DroppedStatus, NameDecision, NameStatus, NumberRestriction, Obstacle, Quality, Throughput, Tier,
};

/// An action on something that is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ActionError {
    /// No number has this id.
    #[error("no such number")]
    NoSuchNumber,
    /// No WABA has this id.
    #[error("no such WABA")]
    NoSuchWaba,
}

/// A move in a number's life.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "action", rename_all = "snake_case", deny_unknown_fields)]
pub enum NumberAction {
    /// The open name (changed one first) is approved; the hidden lag starts.
    ApproveName,
    /// The open name is refused.
    DeclineName {
        /// `rejection_reason`; `NAME_NOT_CONSISTENT` unless given.
        #[serde(default)]
        reason: Option<String>,
    },
    /// Meta looks again later.
    DeferName,
    /// Puts the name back into review, deciding by itself after `lasts` where given.
    ReviewName {
        /// How long.
        #[serde(default)]
        lasts: Option<SignedDuration>,
        /// How it ends.
        outcome: NameDecision,
    },
    /// The owner asks for another name in `WhatsApp` Manager, deciding by itself after `lasts` where given.
    SubmitName {
        /// The name.
        name: String,
        /// How long the review lasts.
        #[serde(default)]
        lasts: Option<SignedDuration>,
        /// How it ends; approved unless given.
        #[serde(default)]
        outcome: Option<NameDecision>,
    },
    /// Sets `name_status` as it is, silently.
    SetNameStatus {
        /// The reading.
        status: NameStatus,
    },
    /// The hidden lag ends now.
    Provision,
    /// The hidden lag lasts until then, silently.
    ProvisionAt {
        /// When.
        at: Timestamp,
    },
    /// Never provisioned until told.
    NeverProvision,
    /// When the certificate shows.
    ShowCertificate {
        /// When.
        when: CertificateShown,
    },
    /// The customer typed the code in Meta's pages.
    VerifyCode,
    /// The verification aged.
    ExpireCode,
    /// Back to not verified.
    UnverifyCode,
    /// The customer set another PIN in `WhatsApp` Manager.
    SetPin {
        /// Six digits.
        pin: String,
    },
    /// Somebody asked to switch two-step off.
    RequestPinReset,
    /// Two-step is off.
    TurnOffTwoStep,
    /// Locks PIN guesses: 133008 or 133009.
    LockPin {
        /// The code.
        code: i64,
        /// For so long.
        minutes: i64,
    },
    /// Quality moved.
    Quality {
        /// To.
        quality: Quality,
    },
    /// The portfolio's messaging limit moved.
    Limit {
        /// To.
        tier: Tier,
    },
    /// Throughput moved.
    Throughput {
        /// To.
        level: Throughput,
    },
    /// `FLAGGED`, `RESTRICTED`, `RATE_LIMITED`.
    Restrict {
        /// Which.
        restriction: NumberRestriction,
    },
    /// Lifts the restriction.
    Unrestrict,
    /// The number is banned.
    Ban,
    /// The number is gone: 100/33.
    Delete,
    /// The number moved to another WABA: 100/33 on its node, MIGRATED in the list.
    Migrate,
    /// Back from ban, deletion or migration.
    Restore,
    /// Meta dropped the registration.
    Disconnect {
        /// What `status` reads then; DISCONNECTED unless given.
        #[serde(default)]
        reads: Option<DroppedStatus>,
    },
    /// Registered, as if by somebody else's call.
    Registered {
        /// The PIN it then holds.
        pin: String,
    },
    /// A hindrance of the 2388001 kind.
    Hinder {
        /// Which.
        obstacle: Obstacle,
    },
    /// The owner deleted the account in the phone app, confirmed ownership, or turned two-step off there.
    FreeFromApp,
    /// Deleted a moment ago: 133015 for so long.
    RecentlyDeleted {
        /// Minutes.
        minutes: i64,
    },
    /// The next deregister fails half-way: 133000 until done again.
    FailNextDeregister,
    /// An earlier deregister failed half-way.
    HalfDeregister,
    /// On: lives in the phone app too. Off: no longer.
    Coexistence {
        /// Which.
        on: bool,
    },
    /// The coexistence link ended: `PARTNER_REMOVED` with `disconnection_info`.
    CoexistenceEnded {
        /// `PRIMARY_INACTIVITY` and others (facts §3.4).
        reason: String,
    },
    /// 131031 on register and send.
    LockAccount,
    /// No longer.
    UnlockAccount,
    /// SIP errors in `health_status`.
    SipNoise {
        /// Which.
        on: bool,
    },
    /// How long registered numbers stay PENDING.
    ActivationDelay {
        /// Seconds.
        seconds: i64,
    },
    /// As if the signup had been so long ago.
    Age {
        /// Days.
        days: i64,
    },
    /// Lets one field read otherwise than the state says (facts §6.1: one signal alone misleads; §8 D11: open enums).
    Pose {
        /// Field.
        field: String,
        /// What it reads; null leaves it out.
        value: Value,
    },
    /// All fields read as they are.
    Unpose,
    /// Forgets register calls and the 133016 lock.
    ClearLedger,
}
