//! Rules 9 to 11: whether a call that nothing else forbids may be made now, on which basis, and when not,
//! when. The ledger has the last word.

use jiff::SignedDuration;

use super::record::failure_kind;
use super::refusal::{Course, course};
use super::rules::Case;
use super::{Caller, Decision, PinPlan, Remedy, Why, schedule};
use crate::meta::failure::FailureKind;
use crate::meta::reading::NameStatus;
use crate::registration::ledger::{Attempt, BETWEEN_PRESSES, Basis, CallKind, Outcome, WINDOW};

const MINUTE: SignedDuration = SignedDuration::from_mins(1);
const HOUR: SignedDuration = SignedDuration::from_hours(1);
const DAY: SignedDuration = SignedDuration::from_hours(24);

impl Case<'_> {
    /// 133000: finish the half-done deregistration, register five minutes later. One that fails itself is
    /// made once more after an hour: until one works, register cannot.
    pub(super) fn deregistration(&self) -> Option<Decision> {
        let last = self.history.ledger.last_register()?;
        if failure_kind(last) != Some(FailureKind::DeregistrationIncomplete) {
            return None;
        }
        let in_window = |a: &&Attempt| a.kind == CallKind::Deregister && self.now < a.started_at + WINDOW;
        let calls: Vec<&Attempt> = self.history.ledger.attempts.iter().filter(in_window).collect();
        let Some(call) = calls.last() else { return Some(self.deregister()) };
        // it worked, and register met the same again: as any failure that passes
        if call.started_at < last.started_at && failure_kind(call).is_none() {
            return None;
        }
        let settled = call.settled_at.unwrap_or(call.started_at);
        let (next, why) = match failure_kind(call) {
            None | Some(FailureKind::NotRegistered) => (settled + MINUTE * 5, Why::FinishDeregistration),
            Some(_) if calls.len() < 2 => (settled + HOUR, Why::FinishDeregistration),
            Some(_) => return None,
        };
        if self.now < next {
            return Some(self.wait(why, next, Some(next)));
        }
        let failed = failure_kind(call).is_some_and(|kind| kind != FailureKind::NotRegistered);
        failed.then(|| self.deregister())
    }

    fn deregister(&self) -> Decision {
        let basis = self.basis();
        self.blocked(basis).unwrap_or(Decision::Deregister { basis })
    }

    /// Rule 9: passing failures since the last call that was answered otherwise, or since new evidence: what
    /// failed before it says nothing of a call that has better reason to be made.
    pub(super) fn back_off(&self) -> Option<Decision> {
        let last = self.history.ledger.last_register()?;
        let settled = last.settled_at?;
        let Some(Outcome::Failed(failure)) = &last.outcome else { return None };
        if course(failure.kind) != Course::Passes || failure.kind == FailureKind::BudgetSpent {
            return None;
        }
        let in_a_row = self
            .registers()
            .rev()
            .take_while(|a| failure_kind(a).is_some_and(|kind| course(kind) == Course::Passes))
            .take_while(|a| self.evidence_since(a).is_none())
            .count();
        let throttled = failure.kind == FailureKind::Throttled;
        if !throttled && (self.caller.is_person() || in_a_row == 0) {
            return None;
        }
        let wait = match (throttled, failure.wait) {
            (true, Some(wait)) => wait,
            (true, None) => schedule::throttle_back_off(in_a_row),
            (false, _) => schedule::transient_back_off(in_a_row),
        };
        let register_at = settled + wait;
        let why = if throttled { Why::Throttled } else { Why::BackOff };
        (self.now < register_at).then(|| self.wait(why, register_at, Some(register_at)))
    }

    /// Rules 10 and 11.
    pub(super) fn call(&self) -> Decision {
        let basis = self.basis();
        if basis == Basis::Heal {
            return self.heal();
        }
        let woken = basis != Basis::Person && self.ruling_refusal().is_some() && self.new_evidence().is_some();
        self.register(basis, if woken { Why::NewEvidence } else { Why::Ready })
    }

    fn register(&self, basis: Basis, why: Why) -> Decision {
        if let Some(waiting) = self.blocked(basis) {
            return waiting;
        }
        let pin = if self.history.has_pin { PinPlan::Stored } else { PinPlan::Draw };
        Decision::Register { basis, pin, why }
    }

    /// Rule 10: what the ledger says to a call of this basis.
    fn blocked(&self, basis: Basis) -> Option<Decision> {
        let ledger = &self.history.ledger;
        if basis == Basis::Person
            && let Some(pressed) = ledger.attempts.iter().rev().find(|a| a.basis == Basis::Person)
        {
            let next_press = pressed.started_at + BETWEEN_PRESSES;
            let changed = self.history.changes.0.values().any(|change| change.at > pressed.started_at);
            if self.now < next_press && !changed {
                return Some(self.wait(Why::PressedRecently, next_press, Some(next_press)));
            }
        }
        // a number that dropped out is healed while nothing says its name is good within the blind limit
        let counted_as = if basis == Basis::Heal && !self.name_is_good() { Basis::Blind } else { basis };
        if ledger.allows(counted_as, self.now) {
            return None;
        }
        let free_at = ledger.free_at(counted_as, self.now);
        let held = ledger.held_until.is_some_and(|until| self.now < until);
        let why = if held { Why::Held } else { Why::BudgetSpent };
        let look_at = free_at.map_or(self.now + HOUR, |at| at.min(self.now + HOUR * 6)).max(self.now + MINUTE);
        Some(self.wait(why, look_at, free_at))
    }

    fn basis(&self) -> Basis {
        if self.caller.is_person() {
            Basis::Person
        } else if self.ruling_refusal().is_some() && self.new_evidence().is_some() {
            // a review of the account or a proved code wakes a call; it does not make the name good
            if self.name_is_good() { Basis::Evidence } else { Basis::Blind }
        } else if self.unseen_successes().is_some() {
            Basis::Blind
        } else if self.caller == Caller::Planner && self.was_registered() && self.ruling_refusal().is_none() {
            Basis::Heal
        } else if self.name_is_good() {
            Basis::Probe
        } else {
            Basis::Blind
        }
    }

    /// Heals at most once per 24 h. A call that failed in passing healed nothing: rule 9 says when it is
    /// made again.
    pub(super) fn heal(&self) -> Decision {
        let passed = |a: &Attempt| failure_kind(a).is_some_and(|kind| course(kind) == Course::Passes);
        let mut heals = self.registers().rev().filter(|a| a.basis == Basis::Heal);
        let last_heal = heals.find(|a| !passed(a));
        match last_heal.map(|a| a.started_at + DAY).filter(|next| self.now < *next) {
            Some(next) => self.wait(Why::HealedRecently, next.min(self.now + HOUR), Some(next)),
            None if self.pin_is_stale() => self.ask(Remedy::EnterPin, Why::PinUnknown),
            None => self.register(Basis::Heal, Why::DroppedOut),
        }
    }

    pub(super) fn apply_new_name(&self) -> Decision {
        let approved = self.reading.new_name_status.as_ref().is_some_and(NameStatus::is_good);
        let under_way = self.history.ledger.unsettled().is_some();
        if !approved || under_way {
            let why = if under_way { Why::CallUnderWay } else { Why::NoNewName };
            return self.wait(why, self.now + HOUR, None);
        }
        let no_pin = !self.history.has_pin && self.reading.is_pin_enabled != Some(false);
        if no_pin || self.pin_is_stale() {
            return self.ask(Remedy::EnterPin, Why::PinUnknown);
        }
        self.register(Basis::Person, Why::ApplyingNewName)
    }
}
