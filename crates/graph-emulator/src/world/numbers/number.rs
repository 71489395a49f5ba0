//! The state of one phone number and what Graph reads of it (facts §6.1). Must not answer calls or send webhooks.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::world::meta_enums::{
    AccountMode, CertificateShown, CodeStatus, DroppedStatus, NameDecision, NameStatus, NumberRestriction, Obstacle,
    Quality, TerminalStatus, Throughput,
};

/// A callback override on a WABA or a number, for one app.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Override {
    /// Address that the overridable fields are posted to.
    pub callback_url: String,
    pub verify_token: String,
}

/// A register or deregister call as Meta records it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RegisterCall {
    pub at: Timestamp,
    pub kind: RegisterKind,
    pub pin: Option<String>,
    /// Zero after success, else Meta's error code.
    pub code: i64,
    pub subcode: Option<i64>,
    /// Whether the call counts in the 72 hours; one refused with 133016 does not.
    pub counted: bool,
}

/// Whether a recorded call was a register or a deregister.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RegisterKind {
    Register,
    Deregister,
}

/// A one-time code that was sent to the customer.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct SentCode {
    pub code: String,
    pub until: Timestamp,
    pub wrong: u32,
}

/// A requested change of the display name.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct NewName {
    pub name: String,
    pub status: NameStatus,
    pub review: Option<ScheduledDecision>,
}

/// A name decision that is scheduled.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct ScheduledDecision {
    pub at: Timestamp,
    pub outcome: NameDecision,
}

/// Wrong PINs and the lock they led to.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Guesses {
    pub wrong: Vec<Timestamp>,
    pub locked: Option<GuessLock>,
}

/// A lockout after wrong PINs.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct GuessLock {
    /// Either 133008 or 133009.
    pub code: i64,
    pub until: Timestamp,
}

/// The state of one number of a WABA.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "independent facts of one number")]
pub(crate) struct Number {
    pub id: String,
    pub waba_id: String,
    /// Digits only, with the country code.
    pub digits: String,
    pub created_at: Timestamp,
    pub onboarded_at: Timestamp,
    pub preverified: bool,
    pub account_mode: AccountMode,

    pub code: CodeStatus,
    pub sent_code: Option<SentCode>,

    pub name: String,
    pub name_status: NameStatus,
    pub review: Option<ScheduledDecision>,
    pub new_name: Option<NewName>,
    pub name_changes: Vec<Timestamp>,
    /// Meta's hidden delay between a good name and a certificate (facts §6.2, D7).
    pub provisioning_lag: SignedDuration,
    pub provisioned_at: Option<Timestamp>,
    pub certificate: CertificateShown,
    pub obstacle: Option<Obstacle>,

    pub registered: bool,
    pub ever_registered: bool,
    pub activation_delay: SignedDuration,
    pub connects_at: Option<Timestamp>,
    pub dropped: Option<DroppedStatus>,
    pub half_deregistered: bool,
    pub fail_next_deregister: bool,
    pub recently_deleted_until: Option<Timestamp>,
    pub on_biz_app: bool,

    pub pin: Option<String>,
    pub guesses: Guesses,
    pub calls: Vec<RegisterCall>,
    pub locked_until: Option<Timestamp>,

    pub terminal_status: Option<TerminalStatus>,
    pub restriction: Option<NumberRestriction>,
    pub account_locked: bool,
    pub quality: Quality,
    pub throughput: Throughput,
    pub sip_errors: bool,
    pub syncs: Vec<String>,
    pub overrides: BTreeMap<String, Override>,
    pub username: Option<String>,
    pub search_visibility: String,
    /// Values that override what the state says, by field.
    pub field_overrides: BTreeMap<String, serde_json::Value>,
}

impl Number {
    /// Creates a verified, unregistered number whose name needs no review.
    pub(crate) fn new(id: String, waba_id: String, digits: String, name: String, now: Timestamp) -> Self {
        Self {
            id,
            waba_id,
            digits,
            created_at: now,
            onboarded_at: now,
            preverified: false,
            account_mode: AccountMode::Live,
            code: CodeStatus::Verified,
            sent_code: None,
            name,
            name_status: NameStatus::AvailableWithoutReview,
            review: None,
            new_name: None,
            name_changes: Vec::new(),
            provisioning_lag: SignedDuration::ZERO,
            provisioned_at: Some(now),
            certificate: CertificateShown::WhenRegistered,
            obstacle: None,
            registered: false,
            ever_registered: false,
            activation_delay: SignedDuration::ZERO,
            connects_at: None,
            dropped: None,
            half_deregistered: false,
            fail_next_deregister: false,
            recently_deleted_until: None,
            on_biz_app: false,
            pin: None,
            guesses: Guesses::default(),
            calls: Vec::new(),
            locked_until: None,
            terminal_status: None,
            restriction: None,
            account_locked: false,
            quality: Quality::Unknown,
            throughput: Throughput::Standard,
            sip_errors: true,
            syncs: Vec::new(),
            overrides: BTreeMap::new(),
            username: None,
            search_visibility: "NON_VISIBLE".to_owned(),
            field_overrides: BTreeMap::new(),
        }
    }

    /// The number as Graph shows it, for example `+1 555-010-0001` (facts §1.6).
    pub(crate) fn display(&self) -> String {
        display(&self.digits)
    }

    /// The `status` column of facts §6.1.
    pub(crate) fn status(&self) -> &'static str {
        if let Some(terminal_status) = self.terminal_status {
            return terminal_status.into_str();
        }
        if self.registered {
            if self.connects_at.is_some() {
                return "PENDING";
            }
            return self.restriction.map_or("CONNECTED", |restriction| restriction.into_str());
        }
        self.dropped.map_or("PENDING", |dropped| dropped.into_str())
    }

    /// The `platform_type` column of facts §6.1.
    pub(crate) const fn platform(&self) -> &'static str {
        if self.registered { "CLOUD_API" } else { "NOT_APPLICABLE" }
    }

    /// The `throughput.level` column of facts §6.1.
    pub(crate) const fn throughput_level(&self) -> &'static str {
        if self.registered { self.throughput.into_str() } else { "NOT_APPLICABLE" }
    }

    /// Whether the number is in the phone app and on Cloud API at once.
    pub(crate) const fn is_coexistence(&self) -> bool {
        self.on_biz_app && self.registered
    }

    /// Days after the signup within which the number may be registered (facts §1.7).
    pub(crate) const fn window_days(&self) -> i64 {
        if self.preverified { 90 } else { 14 }
    }

    /// Whether the onboarding window ended before the first registration.
    pub(crate) fn window_is_over(&self, now: Timestamp) -> bool {
        !self.ever_registered
            && now.duration_since(self.onboarded_at) > SignedDuration::from_hours(24 * self.window_days())
    }

    /// The `code_verification_status`: EXPIRED once the onboarding window is missed (facts §6.1 H).
    pub(crate) fn code_reading(&self, now: Timestamp) -> CodeStatus {
        if self.code == CodeStatus::Verified && self.window_is_over(now) { CodeStatus::Expired } else { self.code }
    }

    /// Whether Meta can create the certificate now.
    pub(crate) fn is_provisioned(&self, now: Timestamp) -> bool {
        self.provisioned_at.is_some_and(|at| at <= now)
    }

    /// Whether the `certificate` field is filled.
    pub(crate) fn shows_certificate(&self, now: Timestamp) -> bool {
        match self.certificate {
            CertificateShown::WithName => self.name_status.is_good(),
            CertificateShown::WhenProvisioned => self.is_provisioned(now),
            CertificateShown::WhenRegistered => self.registered && self.connects_at.is_none(),
        }
    }

    /// Register and deregister calls that count now: those of the last 72 hours, of which 10 are allowed (facts §1.7).
    pub(crate) fn calls_in_window(&self, now: Timestamp) -> usize {
        let from = now - SignedDuration::from_hours(72);
        self.calls.iter().filter(|c| c.counted && c.at > from).count()
    }

    /// Whether reads of the number's own node fail (facts §6.1 J); a banned number still reads BANNED.
    pub(crate) const fn is_gone(&self) -> bool {
        matches!(self.terminal_status, Some(TerminalStatus::Deleted | TerminalStatus::Migrated))
    }

    /// Whether a register call passes the check of the ownership code.
    pub(crate) fn code_is_good(&self, now: Timestamp) -> bool {
        self.code_reading(now) == CodeStatus::Verified
    }

    /// Marks the ownership as proved, as a correct code does.
    pub(crate) fn prove_ownership(&mut self) {
        self.code = CodeStatus::Verified;
        if self.obstacle == Some(Obstacle::ConfirmOwnership) {
            self.obstacle = None;
        }
    }
}

/// Formats digits like Meta for `+1`, and with one blank for other countries.
pub(crate) fn display(digits: &str) -> String {
    match (digits.len(), digits.strip_prefix('1')) {
        (11, Some(rest)) => format!("+1 {}-{}-{}", &rest[..3], &rest[3..6], &rest[6..]),
        (len, _) if len > 5 => format!("+{} {}", &digits[..2], &digits[2..]),
        _ => format!("+{digits}"),
    }
}

/// An instant in Graph's own format.
pub(crate) fn graph_time(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S+0000").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn status_platform_and_throughput_follow_the_registration() {
        let now: Timestamp = "2026-10-01T00:00:00Z".parse().expect("time");
        let mut n = Number::new("1".into(), "2".into(), "15550100001".into(), "Bakery".into(), now);
        let read = |n: &Number| (n.status(), n.platform(), n.throughput_level());
        assert_eq!(read(&n), ("PENDING", "NOT_APPLICABLE", "NOT_APPLICABLE"));
        n.registered = true;
        n.connects_at = Some(now);
        assert_eq!(read(&n), ("PENDING", "CLOUD_API", "STANDARD"));
        n.connects_at = None;
        assert_eq!(read(&n), ("CONNECTED", "CLOUD_API", "STANDARD"));
        n.registered = false;
        n.dropped = Some(DroppedStatus::Disconnected);
        assert_eq!(read(&n), ("DISCONNECTED", "NOT_APPLICABLE", "NOT_APPLICABLE"));
    }

    #[test]
    fn numbers_and_instants_are_formatted_like_meta_does_it() {
        assert_eq!(display("15550100001"), "+1 555-010-0001");
        assert_eq!(display("4915112345678"), "+49 15112345678");
        assert_eq!(graph_time("2023-08-22T19:05:53Z".parse().expect("time")), "2023-08-22T19:05:53+0000");
    }
}
