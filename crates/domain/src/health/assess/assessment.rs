//! An assessment in the making: the facts it may use, and the findings so far. Every comparison with the clock goes through
//! [`Assessment::reached`], so that the report knows when time alone changes it.

use jiff::{SignedDuration, Timestamp};

use crate::health::facts::{HealthContext, HealthSnapshot, STALE_AFTER};
use crate::health::finding::{Finding, FindingCode};
use crate::health::links::{DeepLink, LinkTarget};
use crate::meta::reading::{HealthEntity, NumberReading, Provisioned, WabaReading};
use crate::time::shift;

/// The state that the parts of an assessment share.
pub(super) struct Assessment<'a> {
    pub(super) snapshot: &'a HealthSnapshot,
    pub(super) context: &'a HealthContext,
    pub(super) now: Timestamp,
    /// The number was read, and not too long ago.
    pub(super) is_read: bool,
    /// The number's reading; empty once it is stale, so that nothing is assessed by it.
    pub(super) reading: &'a NumberReading,
    /// The account's reading; empty once it is stale.
    pub(super) waba: &'a WabaReading,
    pub(super) findings: Vec<Finding>,
    /// The earliest instant at which time alone changes the assessment.
    pub(super) until: Option<Timestamp>,
}

impl<'a> Assessment<'a> {
    /// An assessment without findings. `unread` and `unread_waba` stand in for stale readings.
    pub(super) fn new(
        snapshot: &'a HealthSnapshot,
        context: &'a HealthContext,
        now: Timestamp,
        (unread, unread_waba): (&'a NumberReading, &'a WabaReading),
    ) -> Self {
        let is_fresh = |at: Option<Timestamp>| at.is_some_and(|at| now < shift(at, STALE_AFTER));
        let is_read = is_fresh(snapshot.checked_at);
        let reading = if is_read { &snapshot.reading } else { unread };
        let waba = if is_fresh(snapshot.waba_checked_at) { &snapshot.waba } else { unread_waba };
        Self { snapshot, context, now, is_read, reading, waba, findings: Vec::new(), until: None }
    }

    /// Whether an instant has come. If not, the assessment holds until then at the most.
    pub(super) fn reached(&mut self, at: Timestamp) -> bool {
        if at <= self.now {
            return true;
        }
        self.until = Some(self.until.map_or(at, |until| until.min(at)));
        false
    }

    /// Whether a span after an instant is over.
    pub(super) fn is_over(&mut self, from: Timestamp, span: SignedDuration) -> bool {
        self.reached(shift(from, span))
    }

    /// Adds a finding. Of two findings with the same code the more urgent one stays; codes that may be found several times
    /// are compared with their arguments.
    pub(super) fn add(&mut self, finding: Finding) {
        let is_same = |other: &Finding| {
            let alike = other.code.into_str() == finding.code.into_str();
            alike && (!is_repeatable(&other.code) || other.code == finding.code)
        };
        match self.findings.iter_mut().find(|other| is_same(other)) {
            Some(other) if finding.severity.urgency() > other.severity.urgency() => *other = finding,
            Some(_) => {}
            None => self.findings.push(finding),
        }
    }

    pub(super) fn link(&self, target: LinkTarget) -> DeepLink {
        self.context.link(self.snapshot, target)
    }

    /// Whether the number is on no platform, by a fresh reading.
    pub(super) fn is_pending(&self) -> bool {
        self.reading.provisioned() == Provisioned::No
    }

    pub(super) fn is_provisioned(&self) -> bool {
        self.reading.provisioned() == Provisioned::Yes
    }

    /// The display name, even by a stale reading.
    pub(super) fn name(&self) -> Option<String> {
        self.snapshot.reading.verified_name.clone()
    }

    /// Meta's word for why it declined a display name last, where its webhook gave one.
    pub(super) fn rejection_reason(&self) -> Option<String> {
        self.context.account.name_rejection.as_ref().and_then(|reported| reported.value.clone())
    }

    /// The entities of the number's reading, which names every one; those of the account's reading stand in for them.
    pub(super) fn health_status(&self) -> &'a [HealthEntity] {
        let read = self.reading.health_status.as_deref();
        read.or(self.waba.health_status.as_deref()).unwrap_or_default()
    }

    /// The unread fields that rules 2 and 6 need, by Meta's names.
    pub(super) fn unread_fields(&self) -> Vec<String> {
        let missing = [
            ("platform_type", self.reading.platform_type.is_none()),
            ("throughput", self.reading.throughput.is_none()),
            ("code_verification_status", self.reading.code_verification.is_none()),
            ("status", self.reading.status.is_none()),
        ];
        missing.into_iter().filter(|(_, is_missing)| *is_missing).map(|(field, _)| field.to_owned()).collect()
    }
}

/// Whether a code may be found several times, with different arguments.
fn is_repeatable(code: &FindingCode) -> bool {
    matches!(
        code,
        FindingCode::AccountRestricted { .. }
            | FindingCode::MetaErrorReported { .. }
            | FindingCode::SendingBlocked { .. }
            | FindingCode::SendingLimited { .. }
            | FindingCode::SendsRefused { .. }
    )
}
