//! One question to the rules: who asks, the reads, the record and the instant, with the look-ups that several rules share.
//! Looks things up and builds decisions; must not decide.

use jiff::{SignedDuration, Timestamp};

use crate::meta::failure::FailureKind;
use crate::meta::reading::{NumberReading, NumberStatus};
use crate::registration::app_link::AppLink;
use crate::registration::changes::{ChangeKind, Source};
use crate::registration::decision::{Caller, Decision, Reads, Reason, Remedy};
use crate::registration::history::History;
use crate::registration::ledger::{Attempt, AttemptOutcome, Basis, CallKind};
use crate::time::shift;

/// A name found good by a reading this soon after a refusal was good already when it was refused.
const ALREADY_GOOD_WITHIN: SignedDuration = SignedDuration::from_mins(10);

/// Meta reports a PIN that our own call set within this time of its answer.
const OWN_PIN_ECHO: SignedDuration = SignedDuration::from_mins(1);

/// Two-step verification that a webhook reports off may still read as on for this long.
const TWO_STEP_LAG: SignedDuration = SignedDuration::from_hours(1);

/// How long a person who is asked has before the number is read again.
const ASK_INTERVAL: SignedDuration = SignedDuration::from_hours(6);

/// Everything a rule may look at.
pub(super) struct Case<'a> {
    pub(super) caller: Caller,
    pub(super) reads: &'a Reads,
    /// The health reading, or an empty one when that read failed.
    pub(super) reading: &'a NumberReading,
    pub(super) history: &'a History,
    pub(super) now: Timestamp,
}

impl Case<'_> {
    pub(super) fn register_attempts(&self) -> impl DoubleEndedIterator<Item = &Attempt> {
        self.history.ledger.attempts.iter().filter(|a| a.kind == CallKind::Register)
    }

    pub(super) fn last_success(&self) -> Option<&Attempt> {
        self.register_attempts().rev().find(|a| a.outcome == Some(AttemptOutcome::Success))
    }

    /// When the last accepted register call was settled.
    pub(super) fn last_success_at(&self) -> Option<Timestamp> {
        self.last_success().and_then(|a| a.settled_at)
    }

    /// The refusal that governs what follows: of the last answered call whose failure is not retryable; `None` when that
    /// call was accepted.
    pub(super) fn governing_refusal(&self) -> Option<(&Attempt, FailureKind)> {
        self.register_attempts()
            .rev()
            .find(|a| match &a.outcome {
                Some(AttemptOutcome::Success) => true,
                Some(AttemptOutcome::Failed(failure)) => !failure.kind.is_retryable(),
                None => false,
            })
            .and_then(|a| a.failure_kind().map(|kind| (a, kind)))
    }

    /// Accepted calls in a row that the number has not shown since: first, last, and how many.
    pub(super) fn unconfirmed_successes(&self) -> Option<(Timestamp, Timestamp, usize)> {
        let seen_at = self.history.provisioned_at;
        let unconfirmed: Vec<Timestamp> = self
            .register_attempts()
            .rev()
            .take_while(|a| a.failure_kind().is_none_or(FailureKind::is_retryable))
            .filter(|a| a.outcome == Some(AttemptOutcome::Success))
            .filter_map(|a| a.settled_at)
            .take_while(|at| seen_at.is_none_or(|seen| *at > seen))
            .collect();
        Some((*unconfirmed.last()?, *unconfirmed.first()?, unconfirmed.len()))
    }

    /// Evidence newer than the last call: it was not used for a call yet.
    pub(super) fn new_evidence(&self) -> Option<ChangeKind> {
        self.evidence_since(self.history.ledger.last_register()?)
    }

    /// Evidence newer than a call. A name found good by a mere reading within ten minutes of the call was good already
    /// when it was refused (policy rule 8).
    pub(super) fn evidence_since(&self, call: &Attempt) -> Option<ChangeKind> {
        let kinds =
            [ChangeKind::NameGood, ChangeKind::TwoStepOff, ChangeKind::CodeVerified, ChangeKind::AccountApproved];
        kinds.into_iter().find(|kind| {
            self.history.changes.get(*kind).is_some_and(|change| {
                let only_read = *kind == ChangeKind::NameGood && change.source == Source::Reading;
                let not_before = match call.settled_at {
                    Some(settled) if only_read => shift(settled, ALREADY_GOOD_WITHIN),
                    _ => call.started_at,
                };
                change.at > not_before
            })
        })
    }

    /// Whether a person called after the governing refusal. Calls after that refusal failed in a way that is retried, so the press was
    /// never answered (policy rule 7).
    pub(super) fn was_pressed_since(&self, refusal: &Attempt) -> bool {
        self.register_attempts().any(|call| call.basis == Basis::Person && call.started_at > refusal.started_at)
    }

    pub(super) fn name_is_good(&self) -> bool {
        self.reading.name_is_good() || self.history.changes.name_is_good()
    }

    pub(super) fn two_step_was_turned_off(&self) -> bool {
        self.history
            .changes
            .get(ChangeKind::TwoStepOff)
            .is_some_and(|off| self.now < shift(off.at, TWO_STEP_LAG) && off.source == Source::Webhook)
    }

    /// Whether somebody else changed the PIN after the stored one was stored or last worked, and two-step verification was
    /// not turned off since. A change that Meta reports while a call of ours was in progress, or within a minute of its
    /// answer, is that call's own, unless the call was refused.
    pub(super) fn pin_is_stale(&self) -> bool {
        let Some(changed) = self.history.changes.get(ChangeKind::PinChanged).map(|change| change.at) else {
            return false;
        };
        let may_have_set = |a: &Attempt| {
            let until = a.settled_at.map_or(self.now, |settled| shift(settled, OWN_PIN_ECHO));
            let worked = a.failure_kind().is_none_or(|kind| kind == FailureKind::Transient);
            worked && (a.started_at..=until).contains(&changed)
        };
        let is_off = self.reading.is_pin_enabled == Some(false)
            || self.history.changes.is_newer(ChangeKind::TwoStepOff, changed);
        self.history.pin_set_at.is_some_and(|set| set < changed)
            && self.last_success().is_none_or(|a| a.started_at <= changed)
            && !self.register_attempts().any(may_have_set)
            && !is_off
    }

    /// The link with the WhatsApp Business app, by the reading where it tells, else by the record.
    pub(super) fn app_link(&self) -> AppLink {
        if self.reading.is_on_biz_app == Some(true) { AppLink::Linked } else { self.history.app_link() }
    }

    /// When the number was last known registered, if it is known to have dropped out since.
    pub(super) fn dropped_at(&self) -> Option<Timestamp> {
        self.history.registration_lost_at.or(self.history.provisioned_at)
    }

    pub(super) fn was_registered(&self) -> bool {
        self.history.shows_registration() || self.reading.status == Some(NumberStatus::Disconnected)
    }

    pub(super) fn onboarded_at(&self) -> Timestamp {
        self.reading.last_onboarded_time.unwrap_or_else(|| self.history.onboarded_at())
    }

    /// The instant after a span from now.
    pub(super) fn after(&self, span: SignedDuration) -> Timestamp {
        shift(self.now, span)
    }

    pub(super) fn wait(&self, reason: Reason, next_check_at: Timestamp, register_at: Option<Timestamp>) -> Decision {
        Decision::Wait { reason, next_check_at: self.not_now(next_check_at), register_at }
    }

    pub(super) fn ask(&self, remedy: Remedy, reason: Reason) -> Decision {
        self.ask_until(remedy, reason, self.after(ASK_INTERVAL))
    }

    pub(super) fn ask_until(&self, remedy: Remedy, reason: Reason, next_check_at: Timestamp) -> Decision {
        Decision::Ask { remedy, reason, next_check_at: self.not_now(next_check_at) }
    }

    /// A check is at least a second away: a decision never asks to be made again at once.
    fn not_now(&self, at: Timestamp) -> Timestamp {
        at.max(self.after(SignedDuration::from_secs(1)))
    }
}
