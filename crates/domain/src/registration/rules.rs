//! The rules in the policy's order; each returns a decision or lets the next one speak. They compare facts and instants;
//! schedules, the refusal table and the ledger are in files of their own.

use jiff::{SignedDuration, Timestamp};

use crate::channel::Onboarding;
use crate::meta::failure::{Failure, FailureKind};
use crate::meta::reading::{
    CodeVerification, EntityType, NameStatus, NumberReading, NumberStatus, PlatformType, Provisioned,
};
use crate::registration::app_link::AppLink;
use crate::registration::calls;
use crate::registration::case::Case;
use crate::registration::changes::ChangeKind;
use crate::registration::decision::{Caller, Decision, Reads, Reason, Remedy};
use crate::registration::history::History;
use crate::registration::ledger::{Attempt, AttemptOutcome, CallKind, MARGIN, WINDOW};
use crate::registration::refusal::{Handling, Probe, handling};
use crate::registration::schedule::{self, ONBOARDING_WINDOW, UNANSWERED_AFTER};
use crate::time::shift;

const MINUTE: SignedDuration = SignedDuration::from_mins(1);
const HOUR: SignedDuration = SignedDuration::from_hours(1);
const DAY: SignedDuration = SignedDuration::from_hours(24);

/// Probing a name ends this long after onboarding, a day before the window to register at all ends.
const LAST_PROBE_DAY: SignedDuration = SignedDuration::from_hours(13 * 24);

/// A lost registration is believed only when it was seen this long after an accepted call.
const CONFIRMATION_GRACE: SignedDuration = SignedDuration::from_mins(30);

/// Meta shows the link of a number with the WhatsApp Business app at the latest this long after onboarding.
const LINK_SHOWN_WITHIN: SignedDuration = SignedDuration::from_mins(15);

/// How often a number is read again while Meta throttles the reads.
const THROTTLED_READ_INTERVAL: SignedDuration = SignedDuration::from_mins(5);

/// `health_status` code of a number that is not registered (facts §6.3).
const NOT_REGISTERED: i64 = 141_000;

/// Decides the next step for a number. Every answer carries its reason; every answer that waits carries an instant after
/// `now`.
pub fn decide(caller: Caller, reads: &Reads, history: &History, now: Timestamp) -> Decision {
    let unread = NumberReading::default();
    let reading = reads.health.as_ref().unwrap_or(&unread);
    let case = &Case { caller, reads, reading, history, now };
    found_answer(case)
        .or_else(|| coexistence(case))
        .or_else(|| provisioned(case))
        .or_else(|| gone(case))
        .or_else(|| unanswered(case))
        .or_else(|| accepted(case))
        .or_else(|| preconditions(case))
        .or_else(|| refused(case))
        .or_else(|| calls::deregistration(case))
        .or_else(|| calls::back_off(case))
        .unwrap_or_else(|| calls::call(case))
}

/// Before every rule: an old unanswered call whose number reads as provisioned worked.
fn found_answer(case: &Case<'_>) -> Option<Decision> {
    let open = case.history.ledger.unsettled()?;
    let is_old = case.now >= shift(open.started_at, UNANSWERED_AFTER);
    let worked = open.kind == CallKind::Register && case.reading.provisioned() == Provisioned::Yes;
    (is_old && worked).then_some(Decision::Settle { outcome: AttemptOutcome::Success })
}

/// Rule 1: a coexistence number is never registered, unless its owner decided to leave the WhatsApp Business app.
fn coexistence(case: &Case<'_>) -> Option<Decision> {
    let done = Some(Decision::Done { reason: Reason::Coexistence, next_check_at: None });
    if case.reading.reads_as_coexistence() {
        return done;
    }
    let reads_unregistered = case.reading.platform_type == Some(PlatformType::NotApplicable);
    match case.app_link() {
        AppLink::None => None,
        AppLink::Disconnected { .. } if reads_unregistered || case.reading.platform_type.is_none() => {
            Some(case.ask(Remedy::ReconnectApp, Reason::CoexistenceDisconnected))
        }
        AppLink::Linked if reads_unregistered => Some(coexistence_unseen(case)),
        AppLink::Linked | AppLink::Disconnected { .. } => done,
    }
}

/// A coexistence number that reads as not registered: Meta shows the link minutes after onboarding, so a reading counts
/// only afterwards, and only the second in a row.
fn coexistence_unseen(case: &Case<'_>) -> Decision {
    let onboarded = case.onboarded_at();
    let shown_by = shift(onboarded, LINK_SHOWN_WITHIN);
    if case.now < shown_by {
        let next_check_at = schedule::confirmation_check(onboarded, case.now).min(shown_by);
        case.wait(Reason::CoexistenceStarting, next_check_at, None)
    } else if case.history.coexistence_misses >= 1 {
        case.ask(Remedy::ReconnectApp, Reason::CoexistenceLost)
    } else {
        case.wait(Reason::CoexistenceLost, case.after(MINUTE), None)
    }
}

/// Whether the owner may decide to register the number here, which takes it out of the WhatsApp Business app: the link
/// with the app is gone, and the owner is asked to make it again.
pub fn can_leave_app(reads: &Reads, history: &History, now: Timestamp) -> bool {
    matches!(decide(Caller::Press, reads, history, now), Decision::Ask { remedy: Remedy::ReconnectApp, reason, .. }
        if matches!(reason, Reason::CoexistenceDisconnected | Reason::CoexistenceLost))
}

/// Rule 2: a provisioned number is not registered again, with two exceptions.
fn provisioned(case: &Case<'_>) -> Option<Decision> {
    if case.reading.provisioned() != Provisioned::Yes {
        return None;
    }
    if case.reading.platform_type == Some(PlatformType::OnPremise) {
        return Some(case.ask(Remedy::MigrateFromOnPremise, Reason::OnPremise));
    }
    if case.caller == Caller::ApplyNewName {
        return Some(calls::apply_new_name(case));
    }
    if is_lost_although_provisioned(case) {
        return Some(calls::reconcile(case));
    }
    if set_up_overrides_provisioned(case) {
        return None;
    }
    Some(match case.reading.status {
        Some(NumberStatus::Connected) => Decision::Done { reason: Reason::Live, next_check_at: None },
        Some(NumberStatus::Pending) => {
            let anchor = case.last_success_at().or(case.history.provisioned_at);
            let next_check_at = schedule::activation_check(anchor.unwrap_or(case.now), case.now);
            Decision::Done { reason: Reason::Activating, next_check_at: Some(next_check_at) }
        }
        _ => Decision::Done { reason: Reason::Registered, next_check_at: None },
    })
}

/// Rule 2, first exception: the number reads as provisioned, yet Meta says that it is not registered.
fn is_lost_although_provisioned(case: &Case<'_>) -> bool {
    let Some(lost_at) = case.history.registration_lost_at else { return false };
    let grace = case.last_success_at().map(|at| shift(at, CONFIRMATION_GRACE));
    let still_lost = case.reading.has_entity_error(&EntityType::PhoneNumber, NOT_REGISTERED)
        && case.reading.status != Some(NumberStatus::Pending);
    grace.is_none_or(|until| lost_at > until) && still_lost && case.history.ledger.unsettled().is_none()
}

/// Rule 2, second exception (W1, W5), in set-up only: a number that was never registered from here since its onboarding,
/// reads as not CONNECTED, and whose code is not verified or could not be read.
fn set_up_overrides_provisioned(case: &Case<'_>) -> bool {
    let onboarded = case.onboarded_at();
    let registered_since = case.last_success_at().is_some_and(|at| at >= onboarded);
    let is_not_connected = case.reading.status.as_ref().is_some_and(|s| *s != NumberStatus::Connected);
    let is_not_verified = match &case.reads.verification {
        Ok(Some(CodeVerification::NotVerified | CodeVerification::Unverified) | None) => true,
        Ok(Some(_)) => false,
        Err(kind) => !forbids_reading(*kind),
    };
    case.caller.is_set_up() && !registered_since && is_not_connected && is_not_verified
}

/// Rule 3: banned, deleted or migrated.
fn gone(case: &Case<'_>) -> Option<Decision> {
    matches!(case.reading.status, Some(NumberStatus::Banned | NumberStatus::Deleted | NumberStatus::Migrated))
        .then(|| Decision::Stop { reason: Reason::NumberGone, next_check_at: case.after(DAY) })
}

/// Rule 4: an unanswered call is settled by reading the number, never repeated meanwhile.
fn unanswered(case: &Case<'_>) -> Option<Decision> {
    let open = case.history.ledger.unsettled()?;
    let deadline = shift(open.started_at, UNANSWERED_AFTER);
    if case.now < deadline {
        return Some(case.wait(Reason::CallInProgress, deadline, None));
    }
    let read_twice = case.reads.health.is_ok()
        && case.reading.provisioned() == Provisioned::No
        && case.history.previous_read_at.is_some_and(|at| at >= deadline)
        && case.now >= shift(deadline, MINUTE);
    if read_twice {
        let failure = Failure::unanswered("the call was not answered, and the number does not show it");
        return Some(Decision::Settle { outcome: AttemptOutcome::Failed(failure) });
    }
    Some(case.wait(Reason::CallUnanswered, case.after(MINUTE), None))
}

/// Rule 5: a number is live when it reads so, not when Meta accepted the call.
fn accepted(case: &Case<'_>) -> Option<Decision> {
    let (first, last, count) = case.unconfirmed_successes()?;
    let again = schedule::register_again_at(first, count);
    if case.now >= again {
        return None;
    }
    let next_check_at = schedule::confirmation_check(last, case.now).min(again);
    Some(case.wait(Reason::AcceptedNotShown, next_check_at, Some(again)))
}

/// Rule 6: what must be known and done before a call.
fn preconditions(case: &Case<'_>) -> Option<Decision> {
    if let Some(refused) = reads_refused(case) {
        return Some(refused);
    }
    if let Some(unread) = provisioned_and_unread(case) {
        return Some(unread);
    }
    let no_pin = case.reading.is_pin_enabled == Some(true) && !case.history.has_pin;
    if (no_pin && !case.two_step_was_turned_off()) || case.pin_is_stale() {
        return Some(case.ask(Remedy::EnterPin, Reason::PinUnknown));
    }
    if case.reading.is_on_biz_app.is_none() && case.history.onboarding == Onboarding::Unknown {
        return Some(case.wait(Reason::OnboardingUnknown, next_read_at(case), None));
    }
    if case.caller == Caller::ApplyNewName {
        return Some(case.wait(Reason::NoNewName, case.after(HOUR), None));
    }
    if case.caller.is_set_up() {
        let verified = case.reads.verification == Ok(Some(CodeVerification::Verified));
        let unknown = verified && case.reading.provisioned() == Provisioned::Unknown;
        return unknown.then(|| case.wait(Reason::HealthUnread, case.after(MINUTE), None));
    }
    planner_preconditions(case)
}

/// R2 under failing reads: a number on record as provisioned is registered by nobody while what would contradict the
/// record is unread.
fn provisioned_and_unread(case: &Case<'_>) -> Option<Decision> {
    let NumberReading { status, platform_type, throughput, .. } = case.reading;
    let is_unread = status.is_none() || platform_type.is_none() || throughput.is_none();
    (case.history.shows_provisioned() && is_unread).then(|| case.wait(Reason::HealthUnread, next_read_at(case), None))
}

fn planner_preconditions(case: &Case<'_>) -> Option<Decision> {
    let verification = case.reads.verification.as_ref().ok().and_then(Option::as_ref);
    if case.reading.platform_type.is_none() || case.reading.throughput.is_none() || verification.is_none() {
        return Some(case.wait(Reason::FactsUnread, next_read_at(case), None));
    }
    let new_name_is_good = case.reading.new_name_status.as_ref().is_some_and(NameStatus::is_good);
    if case.reading.name_status == Some(NameStatus::Declined) && !new_name_is_good {
        return Some(case.ask(Remedy::ChooseNewName, Reason::NameDeclined));
    }
    if case.was_registered() {
        return None;
    }
    if verification != Some(&CodeVerification::Verified) {
        return Some(case.ask(Remedy::VerifyByCode, Reason::CodeNotVerified));
    }
    (case.now >= shift(case.onboarded_at(), ONBOARDING_WINDOW))
        .then(|| case.ask(Remedy::SignUpAgain, Reason::OnboardingExpired))
}

/// A dead token, lost access or a throttle on either read registers nothing, for every caller.
fn reads_refused(case: &Case<'_>) -> Option<Decision> {
    let failures = [case.reads.health.as_ref().err(), case.reads.verification.as_ref().err()];
    let kind = failures.into_iter().flatten().copied().find(|kind| forbids_reading(*kind))?;
    let reason = Reason::ReadsRefused(kind);
    Some(if kind == FailureKind::TokenDead {
        case.ask_until(Remedy::Reauthorize, reason, case.after(HOUR))
    } else if kind == FailureKind::AccessLost {
        case.ask_until(Remedy::RestoreAccess, reason, case.after(HOUR))
    } else {
        case.wait(Reason::Throttled, case.after(THROTTLED_READ_INTERVAL), None)
    })
}

/// Whether a failed read means "not allowed to know" rather than "unknown": 190, 102, lost access or a throttle.
fn forbids_reading(kind: FailureKind) -> bool {
    matches!(kind, FailureKind::TokenDead | FailureKind::AccessLost | FailureKind::Throttled)
}

fn next_read_at(case: &Case<'_>) -> Timestamp {
    case.after(schedule::read_back_off(usize::try_from(case.history.failed_reads).unwrap_or(usize::MAX).max(1)))
}

/// Rules 7 and 8: the governing refusal.
fn refused(case: &Case<'_>) -> Option<Decision> {
    let (refusal, kind) = case.governing_refusal()?;
    match handling(kind) {
        Handling::Retry => None,
        Handling::Name => name_refused(case, refusal),
        Handling::Person { remedy, unblocked_by, by_press, probe } => {
            let since = refusal.started_at;
            let unblocked = unblocked_by.iter().any(|change| case.history.changes.is_newer(*change, since));
            let pressed = by_press && (case.caller.is_person() || case.was_pressed_since(refusal));
            if unblocked || pressed {
                return None;
            }
            let probe_at = probe_at(case, refusal, kind, probe);
            if probe_at.is_some_and(|at| case.now >= at) {
                return None;
            }
            let in_six_hours = case.after(HOUR * 6);
            let next_check_at = probe_at.map_or(in_six_hours, |at| at.min(in_six_hours));
            Some(case.ask_until(remedy, Reason::Refused(kind), next_check_at))
        }
    }
}

/// When an automatic call probes a refusal that needs a person.
fn probe_at(case: &Case<'_>, refusal: &Attempt, kind: FailureKind, probe: Probe) -> Option<Timestamp> {
    let settled = refusal.settled_at?;
    match probe {
        Probe::Never => None,
        Probe::EveryWindow => Some(shift(settled, WINDOW + MARGIN)),
        Probe::OnceAfterSixHours => {
            let alike = case.register_attempts().filter(|a| a.failure_kind() == Some(kind)).count();
            (alike == 1).then(|| shift(settled, HOUR * 6))
        }
    }
}

/// Rule 8: the display name is not ready. A call that failed in a retryable way says nothing of the name: neither evidence
/// nor the schedule is used up by it, and rule 9 says when it is made again.
fn name_refused(case: &Case<'_>, refusal: &Attempt) -> Option<Decision> {
    if case.caller.is_person() || case.evidence_since(refusal).is_some() {
        return None;
    }
    let settled = refusal.settled_at?;
    let last_probe = shift(case.onboarded_at(), LAST_PROBE_DAY);
    let may_probe = |at: Timestamp| at <= last_probe || case.was_registered();
    if case.name_is_good() {
        let good_since = case.history.changes.get(ChangeKind::NameGood).map_or(settled, |good| good.at);
        let spread = shift(refusal.started_at, schedule::probe_spread(case.history.ledger.probes_left(case.now)));
        let probe_at = schedule::probe_after(good_since, refusal.started_at).max(spread);
        if !may_probe(probe_at) {
            return Some(case.ask(Remedy::ChooseNewName, Reason::NameGoodStillRefused));
        }
        if case.now >= probe_at {
            return None;
        }
        let next_check_at = probe_at.min(case.after(HOUR * 6));
        return Some(case.wait(Reason::NameGoodStillRefused, next_check_at, Some(probe_at)));
    }
    let blind_at = Some(shift(refusal.started_at, WINDOW + MARGIN)).filter(|at| may_probe(*at));
    if blind_at.is_some_and(|at| case.now >= at) {
        return None;
    }
    let review_check = schedule::review_check(settled, case.now);
    let next_check_at = blind_at.map_or(review_check, |at| review_check.min(at));
    Some(case.wait(Reason::NameInReview, next_check_at, blind_at))
}
