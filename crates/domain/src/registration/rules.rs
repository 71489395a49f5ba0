//! The rules themselves, in the policy's order; each returns a decision or lets the next one speak.
//! They only compare facts and instants; schedules, the refusal table and the ledger are beside them.

use jiff::{SignedDuration, Timestamp};

use super::record::failure_kind;
use super::refusal::{Course, Reprobe, course};
use super::{Caller, ChangeKind, Decision, History, Reads, Remedy, UNANSWERED_AFTER, Why, schedule};
use crate::channel::Onboarding;
use crate::meta::failure::{Failure, FailureKind};
use crate::meta::reading::{
    CodeVerification, EntityType, NameStatus, NumberReading, NumberStatus, PlatformType, Provisioned,
};
use crate::registration::ledger::{Attempt, CallKind, MARGIN, Outcome, WINDOW};

const MINUTE: SignedDuration = SignedDuration::from_mins(1);
const HOUR: SignedDuration = SignedDuration::from_hours(1);
const DAY: SignedDuration = SignedDuration::from_hours(24);

/// Probing a name ends on this day after onboarding; the fourteenth is the last to register at all.
const LAST_PROBE_DAY: SignedDuration = SignedDuration::from_hours(13 * 24);

/// `health_status` code of a number that is not registered (facts §6.3).
const NOT_REGISTERED: i64 = 141_000;

/// Decides the next step for a number. Every answer carries its reason; every waiting answer an
/// instant after `now`.
pub fn decide(caller: Caller, reads: &Reads, history: &History, now: Timestamp) -> Decision {
    let unread = NumberReading::default();
    let reading = reads.health.as_ref().unwrap_or(&unread);
    let case = Case { caller, reads, reading, history, now };
    case.found_answer()
        .or_else(|| case.coexistence())
        .or_else(|| case.provisioned())
        .or_else(|| case.gone())
        .or_else(|| case.unanswered())
        .or_else(|| case.accepted())
        .or_else(|| case.preconditions())
        .or_else(|| case.refused())
        .or_else(|| case.deregistration())
        .or_else(|| case.back_off())
        .unwrap_or_else(|| case.call())
}

/// Everything a rule may look at; what it asks of the record is in `record`.
pub(super) struct Case<'a> {
    pub(super) caller: Caller,
    pub(super) reads: &'a Reads,
    pub(super) reading: &'a NumberReading,
    pub(super) history: &'a History,
    pub(super) now: Timestamp,
}

impl Case<'_> {
    /// Before every rule: an old unanswered call whose number reads as provisioned worked.
    fn found_answer(&self) -> Option<Decision> {
        let open = self.history.ledger.unsettled()?;
        let is_old = self.now >= open.started_at + UNANSWERED_AFTER;
        let worked = open.kind == CallKind::Register && self.reading.provisioned() == Provisioned::Yes;
        (is_old && worked).then_some(Decision::Settle { outcome: Outcome::Success })
    }

    /// Rule 1.
    fn coexistence(&self) -> Option<Decision> {
        let platform = self.reading.platform_type.as_ref();
        let onboarded_so = self.history.onboarding == Onboarding::Coexistence;
        if !onboarded_so && !self.reading.reads_as_coexistence() {
            return None;
        }
        if platform != Some(&PlatformType::NotApplicable) {
            return Some(Decision::Done { why: Why::Coexistence, look_at: None });
        }
        let ended = self.reading.is_on_biz_app == Some(false)
            && self.history.changes.get(ChangeKind::CoexistenceEnded).is_some();
        if ended {
            return None;
        }
        if self.history.coexistence_misses >= 1 {
            return Some(self.ask(Remedy::ReconnectApp, Why::CoexistenceLost));
        }
        Some(self.wait(Why::CoexistenceLost, self.now + MINUTE, None))
    }

    /// Rule 2.
    fn provisioned(&self) -> Option<Decision> {
        if self.reading.provisioned() != Provisioned::Yes {
            return None;
        }
        if self.reading.platform_type == Some(PlatformType::OnPremise) {
            return Some(self.ask(Remedy::MigrateFromOnPremise, Why::OnPremise));
        }
        if self.caller == Caller::ApplyNewName {
            return Some(self.apply_new_name());
        }
        if let Some(healing) = self.heal_provisioned() {
            return Some(healing);
        }
        if self.set_up_overrides_provisioned() {
            return None;
        }
        Some(match self.reading.status {
            Some(NumberStatus::Connected) => Decision::Done { why: Why::Live, look_at: None },
            Some(NumberStatus::Pending) => {
                let anchor = self.last_success().and_then(|a| a.settled_at).or(self.history.provisioned_at);
                let look_at = schedule::activation_look(anchor.unwrap_or(self.now), self.now);
                Decision::Done { why: Why::Activating, look_at: Some(look_at) }
            }
            _ => Decision::Done { why: Why::Registered, look_at: None },
        })
    }

    /// Rule 2, first exception: it reads provisioned, yet Meta says it is not registered.
    fn heal_provisioned(&self) -> Option<Decision> {
        let seen_at = self.history.dropped_seen_at?;
        let grace = self.last_success().and_then(|a| a.settled_at).map(|at| at + SignedDuration::from_mins(30));
        let still_there = self.reading.has_entity_error(&EntityType::PhoneNumber, NOT_REGISTERED)
            && self.reading.status != Some(NumberStatus::Pending);
        if grace.is_some_and(|until| seen_at <= until) || !still_there || self.history.ledger.unsettled().is_some() {
            return None;
        }
        Some(self.heal())
    }

    /// Rule 2, second exception (W1, W5): in set-up only, a number we never registered since its
    /// onboarding, read as not CONNECTED, whose code is not verified or could not be read.
    fn set_up_overrides_provisioned(&self) -> bool {
        let onboarded = self.onboarded_at();
        let registered_since = self.last_success().is_some_and(|a| a.settled_at.is_some_and(|at| at >= onboarded));
        let status_says_no = self.reading.status.as_ref().is_some_and(|s| *s != NumberStatus::Connected);
        let code_says_no = match &self.reads.verification {
            Ok(Some(CodeVerification::NotVerified | CodeVerification::Unverified) | None) => true,
            Ok(Some(_)) => false,
            Err(kind) => !is_no_reading_at_all(*kind),
        };
        self.caller.is_set_up() && !registered_since && status_says_no && code_says_no
    }

    /// Rule 3.
    fn gone(&self) -> Option<Decision> {
        matches!(self.reading.status, Some(NumberStatus::Banned | NumberStatus::Deleted | NumberStatus::Migrated))
            .then_some(Decision::Stop { why: Why::Gone, look_at: self.now + DAY })
    }

    /// Rule 4.
    fn unanswered(&self) -> Option<Decision> {
        let open = self.history.ledger.unsettled()?;
        let deadline = open.started_at + UNANSWERED_AFTER;
        if self.now < deadline {
            return Some(self.wait(Why::CallUnderWay, deadline, None));
        }
        let read_twice = self.reads.health.is_ok()
            && self.reading.provisioned() == Provisioned::No
            && self.history.previous_read_at.is_some_and(|at| at >= deadline)
            && self.now >= deadline + MINUTE;
        if read_twice {
            let failure = Failure::unanswered("the call was not answered, and the number does not show it");
            return Some(Decision::Settle { outcome: Outcome::Failed(failure) });
        }
        Some(self.wait(Why::CallUnanswered, self.now + MINUTE, None))
    }

    /// Rule 5: live is what the number says, not what the call said.
    fn accepted(&self) -> Option<Decision> {
        let (first, last, count) = self.unseen_successes()?;
        let again = schedule::accepted_again(first, count);
        if self.now >= again {
            return None;
        }
        let look_at = schedule::accepted_look(last, self.now).min(again);
        Some(self.wait(Why::AcceptedNotShown, look_at, Some(again)))
    }

    /// Rule 6.
    fn preconditions(&self) -> Option<Decision> {
        if let Some(refused) = self.reads_refused() {
            return Some(refused);
        }
        let no_pin = self.reading.is_pin_enabled == Some(true) && !self.history.has_pin;
        if (no_pin && !self.two_step_was_turned_off()) || self.pin_is_stale() {
            return Some(self.ask(Remedy::EnterPin, Why::PinUnknown));
        }
        if self.reading.is_on_biz_app.is_none() && self.history.onboarding == Onboarding::Unknown {
            return Some(self.wait(Why::OnboardingUnknown, self.read_again(), None));
        }
        if self.caller == Caller::ApplyNewName {
            return Some(self.wait(Why::NoNewName, self.now + HOUR, None));
        }
        if self.caller.is_set_up() {
            let verified = self.reads.verification == Ok(Some(CodeVerification::Verified));
            let unknown = verified && self.reading.provisioned() == Provisioned::Unknown;
            return unknown.then(|| self.wait(Why::HealthUnread, self.now + MINUTE, None));
        }
        self.planner_preconditions()
    }

    fn planner_preconditions(&self) -> Option<Decision> {
        let verification = self.reads.verification.as_ref().ok().and_then(Option::as_ref);
        if self.reading.platform_type.is_none() || self.reading.throughput.is_none() || verification.is_none() {
            return Some(self.wait(Why::FactsUnread, self.read_again(), None));
        }
        let new_name_good = self.reading.new_name_status.as_ref().is_some_and(NameStatus::is_good);
        if self.reading.name_status == Some(NameStatus::Declined) && !new_name_good {
            return Some(self.ask(Remedy::ChooseNewName, Why::NameDeclined));
        }
        if self.was_registered() {
            return None;
        }
        if verification != Some(&CodeVerification::Verified) {
            return Some(self.ask(Remedy::VerifyByCode, Why::CodeNotVerified));
        }
        (self.now >= self.onboarded_at() + self.onboarding_window())
            .then(|| self.ask(Remedy::SignUpAgain, Why::OnboardingExpired))
    }

    /// A dead token, lost access or a throttle on either read registers nothing, whoever asks.
    fn reads_refused(&self) -> Option<Decision> {
        let failures = [self.reads.health.as_ref().err(), self.reads.verification.as_ref().err()];
        let kind = failures.into_iter().flatten().copied().find(|kind| is_no_reading_at_all(*kind))?;
        let why = Why::ReadsRefused(kind);
        Some(if kind == FailureKind::TokenDead {
            self.ask_again_at(Remedy::Reauthorize, why, self.now + HOUR)
        } else if kind == FailureKind::AccessLost {
            self.ask_again_at(Remedy::RestoreAccess, why, self.now + HOUR)
        } else {
            self.wait(Why::Throttled, self.now + SignedDuration::from_mins(5), None)
        })
    }

    /// Rules 7 and 8.
    fn refused(&self) -> Option<Decision> {
        let (refusal, kind) = self.ruling_refusal()?;
        match course(kind) {
            Course::Passes => None,
            Course::Name => self.name_refused(refusal),
            Course::Person { remedy, unblocked_by, by_press, reprobe } => {
                let since = refusal.started_at;
                let unblocked = unblocked_by.iter().any(|change| self.history.changes.is_newer(*change, since));
                let pressed = by_press && (self.caller.is_person() || self.was_pressed_since(refusal));
                if unblocked || pressed {
                    return None;
                }
                let probe_at = self.reprobe_at(refusal, kind, reprobe);
                if probe_at.is_some_and(|at| self.now >= at) {
                    return None;
                }
                let look_at = probe_at.map_or(self.now + HOUR * 6, |at| at.min(self.now + HOUR * 6));
                Some(self.ask_again_at(remedy, Why::Refused(kind), look_at))
            }
        }
    }

    fn reprobe_at(&self, refusal: &Attempt, kind: FailureKind, reprobe: Reprobe) -> Option<Timestamp> {
        let settled = refusal.settled_at?;
        match reprobe {
            Reprobe::Never => None,
            Reprobe::EveryWindow => Some(settled + WINDOW + MARGIN),
            Reprobe::OnceAfterSixHours => {
                let alike = self.registers().filter(|a| failure_kind(a) == Some(kind)).count();
                (alike == 1).then_some(settled + HOUR * 6)
            }
        }
    }

    /// Rule 8: the request's own case. A call that only failed in passing said nothing of the name: neither
    /// evidence nor the schedule is spent on it, and rule 9 says when it is made again.
    fn name_refused(&self, refusal: &Attempt) -> Option<Decision> {
        if self.caller.is_person() || self.evidence_since(refusal).is_some() {
            return None;
        }
        let settled = refusal.settled_at?;
        let last_probe = self.onboarded_at() + LAST_PROBE_DAY;
        let may_probe = |at: Timestamp| at <= last_probe || self.was_registered();
        if self.name_is_good() {
            let good_since = self.history.changes.get(ChangeKind::NameGood).map_or(settled, |good| good.at);
            let spread = refusal.started_at + schedule::probe_spread(self.history.ledger.probes_left(self.now));
            let probe_at = schedule::probe_after(good_since, refusal.started_at).max(spread);
            if !may_probe(probe_at) {
                return Some(self.ask(Remedy::ChooseNewName, Why::NameGoodStillRefused));
            }
            if self.now >= probe_at {
                return None;
            }
            return Some(self.wait(Why::NameGoodStillRefused, probe_at.min(self.now + HOUR * 6), Some(probe_at)));
        }
        let blind_at = Some(refusal.started_at + WINDOW + MARGIN).filter(|at| may_probe(*at));
        if blind_at.is_some_and(|at| self.now >= at) {
            return None;
        }
        let look_at = schedule::review_look(settled, self.now);
        let look_at = blind_at.map_or(look_at, |at| look_at.min(at));
        Some(self.wait(Why::NameInReview, look_at, blind_at))
    }
}

impl Case<'_> {
    fn read_again(&self) -> Timestamp {
        self.now + schedule::read_back_off(usize::try_from(self.history.failed_reads).unwrap_or(usize::MAX).max(1))
    }

    pub(super) fn wait(&self, why: Why, look_at: Timestamp, register_at: Option<Timestamp>) -> Decision {
        Decision::Wait { why, look_at: look_at.max(self.now + SignedDuration::from_secs(1)), register_at }
    }

    pub(super) fn ask(&self, remedy: Remedy, why: Why) -> Decision {
        self.ask_again_at(remedy, why, self.now + HOUR * 6)
    }

    pub(super) fn ask_again_at(&self, remedy: Remedy, why: Why, look_at: Timestamp) -> Decision {
        Decision::Ask { remedy, why, look_at: look_at.max(self.now + SignedDuration::from_secs(1)) }
    }
}

/// 190, 102, lost access or a throttle: not "unknown" but "not allowed to know".
fn is_no_reading_at_all(kind: FailureKind) -> bool {
    matches!(kind, FailureKind::TokenDead | FailureKind::AccessLost | FailureKind::Throttled)
}
