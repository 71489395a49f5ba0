//! Rules 9 to 11: whether a call that no other rule forbids may be made now, on which basis, and if not, when. The ledger
//! has the last word.

use jiff::SignedDuration;

use crate::meta::failure::FailureKind;
use crate::meta::reading::NameStatus;
use crate::registration::case::Case;
use crate::registration::decision::{Caller, Decision, PinPlan, Reason, Remedy};
use crate::registration::ledger::{Attempt, AttemptOutcome, BETWEEN_PRESSES, Basis, CallKind, WINDOW};
use crate::registration::schedule;
use crate::time::shift;

const MINUTE: SignedDuration = SignedDuration::from_mins(1);
const HOUR: SignedDuration = SignedDuration::from_hours(1);

/// A lost registration is registered again at most once in this time.
const RECONCILE_INTERVAL: SignedDuration = SignedDuration::from_hours(24);

/// Register follows a completed deregistration after this time.
const AFTER_DEREGISTRATION: SignedDuration = SignedDuration::from_mins(5);

/// 133000: complete the incomplete deregistration, register five minutes later. A deregistration that fails itself is made
/// once more after an hour: until one works, register cannot.
pub(super) fn deregistration(case: &Case<'_>) -> Option<Decision> {
    let last = case.history.ledger.last_register()?;
    if last.failure_kind() != Some(FailureKind::DeregistrationIncomplete) {
        return None;
    }
    let in_window = |a: &&Attempt| a.kind == CallKind::Deregister && case.now < shift(a.started_at, WINDOW);
    let calls: Vec<&Attempt> = case.history.ledger.attempts.iter().filter(in_window).collect();
    let Some(call) = calls.last() else { return Some(deregister(case)) };
    // it worked, and register met the same failure again: back off as after any retryable failure
    if call.started_at < last.started_at && call.failure_kind().is_none() {
        return None;
    }
    let settled = call.settled_at.unwrap_or(call.started_at);
    let next = match call.failure_kind() {
        None | Some(FailureKind::NotRegistered) => shift(settled, AFTER_DEREGISTRATION),
        Some(_) if calls.len() < 2 => shift(settled, HOUR),
        Some(_) => return None,
    };
    if case.now < next {
        return Some(case.wait(Reason::CompletingDeregistration, next, Some(next)));
    }
    let failed = call.failure_kind().is_some_and(|kind| kind != FailureKind::NotRegistered);
    failed.then(|| deregister(case))
}

fn deregister(case: &Case<'_>) -> Decision {
    let basis = basis(case);
    blocked(case, basis).unwrap_or(Decision::Deregister { basis })
}

/// Rule 9: retryable failures since the last call that was answered otherwise, or since new evidence. A failure before the
/// evidence says nothing of a call that has a better reason to be made.
pub(super) fn back_off(case: &Case<'_>) -> Option<Decision> {
    let last = case.history.ledger.last_register()?;
    let settled = last.settled_at?;
    let Some(AttemptOutcome::Failed(failure)) = &last.outcome else { return None };
    if !failure.kind.is_retryable() || failure.kind == FailureKind::BudgetSpent {
        return None;
    }
    let in_a_row = case
        .register_attempts()
        .rev()
        .take_while(|a| a.failure_kind().is_some_and(FailureKind::is_retryable))
        .take_while(|a| case.evidence_since(a).is_none())
        .count();
    let throttled = failure.kind == FailureKind::Throttled;
    if !throttled && (case.caller.is_person() || in_a_row == 0) {
        return None;
    }
    let wait = match (throttled, failure.wait) {
        (true, Some(wait)) => wait,
        (true, None) => schedule::throttle_back_off(in_a_row),
        (false, _) => schedule::transient_back_off(in_a_row),
    };
    let register_at = shift(settled, wait);
    let reason = if throttled { Reason::Throttled } else { Reason::BackOff };
    (case.now < register_at).then(|| case.wait(reason, register_at, Some(register_at)))
}

/// Rules 10 and 11: the call itself, if the ledger allows it.
pub(super) fn call(case: &Case<'_>) -> Decision {
    let basis = basis(case);
    if basis == Basis::Reconcile {
        return reconcile(case);
    }
    let by_evidence = basis != Basis::Person && is_unblocked_by_evidence(case);
    register(case, basis, if by_evidence { Reason::NewEvidence } else { Reason::Ready })
}

fn register(case: &Case<'_>, basis: Basis, reason: Reason) -> Decision {
    if let Some(waiting) = blocked(case, basis) {
        return waiting;
    }
    let pin = if case.history.has_pin { PinPlan::Stored } else { PinPlan::Generate };
    Decision::Register { basis, pin, reason }
}

/// Rule 10: the decision to wait when the ledger does not allow a call of this basis now.
fn blocked(case: &Case<'_>, basis: Basis) -> Option<Decision> {
    let ledger = &case.history.ledger;
    if basis == Basis::Person
        && let Some(pressed) = ledger.attempts.iter().rev().find(|a| a.basis == Basis::Person)
    {
        let next_press = shift(pressed.started_at, BETWEEN_PRESSES);
        let changed = case.history.changes.0.values().any(|change| change.at > pressed.started_at);
        if case.now < next_press && !changed {
            return Some(case.wait(Reason::PressedRecently, next_press, Some(next_press)));
        }
    }
    // while nothing says the name is good, a lost registration is registered again within the blind limit
    let counted_as = if basis == Basis::Reconcile && !case.name_is_good() { Basis::Blind } else { basis };
    if ledger.allows(counted_as, case.now) {
        return None;
    }
    let free_at = ledger.free_at(counted_as, case.now);
    let held = ledger.held_until.is_some_and(|until| case.now < until);
    let reason = if held { Reason::Held } else { Reason::BudgetSpent };
    let next_check_at = free_at.map_or(case.after(HOUR), |at| at.min(case.after(HOUR * 6))).max(case.after(MINUTE));
    Some(case.wait(reason, next_check_at, free_at))
}

fn is_unblocked_by_evidence(case: &Case<'_>) -> bool {
    case.governing_refusal().is_some() && case.new_evidence().is_some()
}

fn basis(case: &Case<'_>) -> Basis {
    if case.caller.is_person() {
        Basis::Person
    } else if is_unblocked_by_evidence(case) {
        // an approved account or a verified code justifies a call; it does not make the name good
        if case.name_is_good() { Basis::Evidence } else { Basis::Blind }
    } else if case.unconfirmed_successes().is_some() {
        Basis::Blind
    } else if case.caller == Caller::Planner && case.was_registered() && case.governing_refusal().is_none() {
        Basis::Reconcile
    } else if case.name_is_good() {
        Basis::Probe
    } else {
        Basis::Blind
    }
}

/// Registers a lost registration again, once: a number that drops out within 72 h of that is left to its owner or another
/// partner, until a person presses. A call that failed in a retryable way does not count: rule 9 says when it is made again.
pub(super) fn reconcile(case: &Case<'_>) -> Decision {
    if case.pin_is_stale() {
        return case.ask(Remedy::EnterPin, Reason::PinUnknown);
    }
    if case.caller.is_person() {
        return register(case, Basis::Person, Reason::RegistrationLost);
    }
    let last = case
        .register_attempts()
        .rev()
        .find(|a| a.basis == Basis::Reconcile && !a.failure_kind().is_some_and(FailureKind::is_retryable));
    let Some(last) = last else { return register(case, Basis::Reconcile, Reason::RegistrationLost) };
    let next = shift(last.started_at, RECONCILE_INTERVAL);
    let dropped_at = case.dropped_at().filter(|at| *at >= last.started_at);
    if dropped_at.is_some_and(|at| at < shift(last.started_at, WINDOW)) {
        case.ask(Remedy::ClaimAgain, Reason::LostAgain)
    } else if case.now < next {
        case.wait(Reason::ReconciledRecently, next.min(case.after(HOUR)), Some(next))
    } else {
        register(case, Basis::Reconcile, Reason::RegistrationLost)
    }
}

/// Applies an approved new display name: one register call on a live number, only when a person asks for it.
pub(super) fn apply_new_name(case: &Case<'_>) -> Decision {
    let approved = case.reading.new_name_status.as_ref().is_some_and(NameStatus::is_good);
    let in_progress = case.history.ledger.unsettled().is_some();
    if !approved || in_progress {
        let reason = if in_progress { Reason::CallInProgress } else { Reason::NoNewName };
        return case.wait(reason, case.after(HOUR), None);
    }
    let no_pin = !case.history.has_pin && case.reading.is_pin_enabled != Some(false);
    if no_pin || case.pin_is_stale() {
        return case.ask(Remedy::EnterPin, Reason::PinUnknown);
    }
    register(case, Basis::Person, Reason::ApplyingNewName)
}
