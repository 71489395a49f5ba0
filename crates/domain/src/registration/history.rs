//! What is on record about a number when its registration is decided.

use jiff::Timestamp;

use crate::channel::Onboarding;
use crate::meta::failure::FailureKind;
use crate::registration::changes::Changes;
use crate::registration::ledger::{AttemptOutcome, CallKind, Ledger};

/// The record of a number beside the fresh reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct History {
    pub onboarding: Onboarding,
    /// Stands in for an unread `last_onboarded_time`.
    pub channel_created_at: Timestamp,
    /// The last `last_onboarded_time` that was read.
    pub last_onboarded_time: Option<Timestamp>,
    pub ledger: Ledger,
    pub changes: Changes,
    /// A PIN is stored for the number.
    pub has_pin: bool,
    /// When the stored PIN was generated or entered.
    pub pin_set_at: Option<Timestamp>,
    /// It was once known registered: a provisioned reading, DISCONNECTED, or 133010.
    pub was_registered: bool,
    /// When it was last read as provisioned.
    pub provisioned_at: Option<Timestamp>,
    /// When it was last read as not provisioned; an unread field says neither.
    pub not_provisioned_at: Option<Timestamp>,
    /// When its registration was found lost, for the first time since it was last well: a send was refused with
    /// 133010 or 131045, or 141000 was read while its status was not `PENDING`.
    pub registration_lost_at: Option<Timestamp>,
    /// Consecutive readings of `NOT_APPLICABLE` on a coexistence number.
    pub coexistence_misses: u32,
    /// Consecutive reads that failed or lacked a needed field.
    pub failed_reads: u32,
    /// When the number was last read successfully, before the reads of this decision.
    pub previous_read_at: Option<Timestamp>,
}

impl History {
    /// The record of a number that was just connected: no calls, no changes, no PIN.
    pub fn new(onboarding: Onboarding, channel_created_at: Timestamp) -> Self {
        Self {
            onboarding,
            channel_created_at,
            last_onboarded_time: None,
            ledger: Ledger::default(),
            changes: Changes::default(),
            has_pin: false,
            pin_set_at: None,
            was_registered: false,
            provisioned_at: None,
            not_provisioned_at: None,
            registration_lost_at: None,
            coexistence_misses: 0,
            failed_reads: 0,
            previous_read_at: None,
        }
    }

    /// Whether the last reading that told showed the number as provisioned, and nothing told since that its registration
    /// was lost.
    pub fn shows_provisioned(&self) -> bool {
        let since = self.provisioned_at.filter(|at| self.not_provisioned_at.is_none_or(|not| *at > not));
        since.is_some() && self.registration_lost_at.is_none()
    }

    /// Whether the record shows that the number was registered at some time: by reading, by an accepted register call,
    /// or by a refusal with 133010.
    pub fn shows_registration(&self) -> bool {
        let proves = |kind: CallKind, outcome: &AttemptOutcome| match outcome {
            AttemptOutcome::Success => kind == CallKind::Register,
            AttemptOutcome::Failed(failure) => failure.kind == FailureKind::NotRegistered,
        };
        let attempts = &self.ledger.attempts;
        self.was_registered
            || self.provisioned_at.is_some()
            || attempts
                .iter()
                .any(|attempt| attempt.outcome.as_ref().is_some_and(|outcome| proves(attempt.kind, outcome)))
    }
}
