//! What the rules ask of the record: the last answers, what is unspent evidence, how old a number is.
//! Only looks things up; decides nothing.

use jiff::{SignedDuration, Timestamp};

use super::refusal::{Course, course};
use super::rules::Case;
use super::{ChangeKind, ONBOARDING_WINDOW, PREVERIFIED_WINDOW, Source};
use crate::channel::Onboarding;
use crate::meta::failure::FailureKind;
use crate::meta::reading::NumberStatus;
use crate::registration::ledger::{Attempt, Basis, CallKind, Outcome};

/// A name found good by a reading this soon after a refusal was good already when it was refused.
const GOOD_ALREADY: SignedDuration = SignedDuration::from_mins(10);

/// Meta tells of a PIN that our own call set within this time of its answer.
const OWN_ECHO: SignedDuration = SignedDuration::from_mins(1);

/// Two-step that a webhook says is off may still read as on for a while.
const TWO_STEP_LAG: SignedDuration = SignedDuration::from_hours(1);

impl Case<'_> {
    pub(super) fn registers(&self) -> impl DoubleEndedIterator<Item = &Attempt> {
        self.history.ledger.attempts.iter().filter(|a| a.kind == CallKind::Register)
    }

    pub(super) fn last_success(&self) -> Option<&Attempt> {
        self.registers().rev().find(|a| a.outcome == Some(Outcome::Success))
    }

    /// The last answered call that was neither accepted nor a failure that passes.
    pub(super) fn ruling_refusal(&self) -> Option<(&Attempt, FailureKind)> {
        self.registers()
            .rev()
            .find(|a| match &a.outcome {
                Some(Outcome::Success) => true,
                Some(Outcome::Failed(failure)) => course(failure.kind) != Course::Passes,
                None => false,
            })
            .and_then(|a| failure_kind(a).map(|kind| (a, kind)))
    }

    /// Accepted calls in a row that the number has not shown since: first, last, how many.
    pub(super) fn unseen_successes(&self) -> Option<(Timestamp, Timestamp, usize)> {
        let seen_at = self.history.provisioned_at;
        let unseen: Vec<Timestamp> = self
            .registers()
            .rev()
            .take_while(|a| failure_kind(a).is_none_or(|kind| course(kind) == Course::Passes))
            .filter(|a| a.outcome == Some(Outcome::Success))
            .filter_map(|a| a.settled_at)
            .take_while(|at| seen_at.is_none_or(|seen| *at > seen))
            .collect();
        Some((*unseen.last()?, *unseen.first()?, unseen.len()))
    }

    /// Evidence newer than the last call: it was never spent.
    pub(super) fn new_evidence(&self) -> Option<ChangeKind> {
        self.evidence_since(self.history.ledger.last_register()?)
    }

    /// Evidence newer than a call. A name found good by a mere reading within ten minutes of the call was
    /// good already when it was refused (rule 8).
    pub(super) fn evidence_since(&self, call: &Attempt) -> Option<ChangeKind> {
        let kinds = [ChangeKind::NameGood, ChangeKind::TwoStepOff, ChangeKind::CodeVerified, ChangeKind::AccountReview];
        kinds.into_iter().find(|kind| {
            self.history.changes.get(*kind).is_some_and(|change| {
                let only_read = *kind == ChangeKind::NameGood && change.source == Source::Reading;
                let not_before = match call.settled_at {
                    Some(settled) if only_read => settled + GOOD_ALREADY,
                    _ => call.started_at,
                };
                change.at > not_before
            })
        })
    }

    /// A person called after the ruling refusal. Whatever came after that one failed in passing, so the
    /// press was never answered (rule 7).
    pub(super) fn was_pressed_since(&self, refusal: &Attempt) -> bool {
        self.registers().any(|call| call.basis == Basis::Person && call.started_at > refusal.started_at)
    }

    pub(super) fn name_is_good(&self) -> bool {
        self.reading.name_is_good() || self.history.changes.name_is_good()
    }

    pub(super) fn two_step_was_turned_off(&self) -> bool {
        self.history
            .changes
            .get(ChangeKind::TwoStepOff)
            .is_some_and(|off| self.now < off.at + TWO_STEP_LAG && off.source == Source::Webhook)
    }

    /// Somebody else changed the PIN after the stored one was stored or last proved right, and two-step was not
    /// turned off since. A change that Meta tells of while a call of ours was under way, or a minute after, is
    /// that call's own, unless it was refused.
    pub(super) fn pin_is_stale(&self) -> bool {
        let Some(changed) = self.history.changes.get(ChangeKind::PinChanged).map(|change| change.at) else {
            return false;
        };
        let may_have_set = |a: &Attempt| {
            let until = a.settled_at.map_or(self.now, |settled| settled + OWN_ECHO);
            let worked = failure_kind(a).is_none_or(|kind| kind == FailureKind::Transient);
            worked && (a.started_at..=until).contains(&changed)
        };
        let is_off = self.reading.is_pin_enabled == Some(false)
            || self.history.changes.is_newer(ChangeKind::TwoStepOff, changed);
        self.history.pin_set_at.is_some_and(|set| set < changed)
            && self.last_success().is_none_or(|a| a.started_at <= changed)
            && !self.registers().any(may_have_set)
            && !is_off
    }

    pub(super) fn was_registered(&self) -> bool {
        self.history.was_registered
            || self.history.provisioned_at.is_some()
            || self.last_success().is_some()
            || self.reading.status == Some(NumberStatus::Disconnected)
            || self.registers().any(|a| failure_kind(a) == Some(FailureKind::NotRegistered))
    }

    pub(super) fn onboarded_at(&self) -> Timestamp {
        self.reading.last_onboarded_time.or(self.history.last_onboarded_time).unwrap_or(self.history.channel_created_at)
    }

    pub(super) fn onboarding_window(&self) -> SignedDuration {
        if self.history.onboarding == Onboarding::Preverified { PREVERIFIED_WINDOW } else { ONBOARDING_WINDOW }
    }
}

/// How a call failed; `None` for one that did not, or is not settled.
pub(super) fn failure_kind(attempt: &Attempt) -> Option<FailureKind> {
    match &attempt.outcome {
        Some(Outcome::Failed(failure)) => Some(failure.kind),
        Some(Outcome::Success) | None => None,
    }
}
