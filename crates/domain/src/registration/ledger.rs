//! The ledger of register calls. They are scarce: Meta accepts ten register or deregister calls for one number in a moving
//! 72 h, failed ones included, and locks the number for 72 h past them (133016; facts §1.7).
//!
//! This file counts calls and says whether another is allowed; it must not know why a call is wanted. Policy, "The
//! ledger".

use jiff::{SignedDuration, Timestamp};

use crate::meta::failure::{Failure, FailureKind};
use crate::time::shift;

/// The moving window in which Meta counts calls.
pub const WINDOW: SignedDuration = SignedDuration::from_hours(72);

/// The allowance for the difference between Meta's clock and ours and for the time an answer takes.
pub const MARGIN: SignedDuration = SignedDuration::from_mins(10);

/// The calls Meta accepts in one [`WINDOW`].
pub const BUDGET: usize = 10;

/// The most automatic calls in one [`WINDOW`] while nothing says that the name is good.
pub const MAX_BLIND: usize = 5;

/// The most automatic calls in one [`WINDOW`] that are not the first after evidence.
pub const MAX_PROBES: usize = 7;

/// The most automatic calls of any basis in one [`WINDOW`].
pub const MAX_AUTOMATIC: usize = 8;

/// The most calls in one [`WINDOW`], presses by people included; the tenth is reserved for evidence.
pub const MAX_WITH_PEOPLE: usize = 9;

/// The most automatic calls within a [`WINDOW`] after an import, one of them reserved for evidence: calls that another
/// system made are unknown.
pub const MAX_AFTER_IMPORT: usize = 3;

/// The least time between two presses of Complete registration, unless a fact changed meanwhile.
pub const BETWEEN_PRESSES: SignedDuration = SignedDuration::from_hours(1);

/// Why a call is made; decides which limits it must keep.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, strum::IntoStaticStr, strum::EnumString, strum::VariantArray)]
#[strum(serialize_all = "snake_case", const_into_str)]
pub enum Basis {
    /// Automatic while nothing says that the name is good: a signup's first call, a blind probe, a retry.
    Blind,
    /// Automatic while the name is good and was still refused, or a retry after that.
    Probe,
    /// Automatic, the first call after new evidence.
    Evidence,
    /// Automatic, for a number whose registration was lost (once per 24 h).
    Reconcile,
    /// A person pressed the button.
    Person,
}

impl Basis {
    const fn is_automatic(self) -> bool {
        !matches!(self, Self::Person)
    }
}

/// Which of the two calls that share the budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, strum::IntoStaticStr, strum::EnumString)]
#[strum(serialize_all = "snake_case", const_into_str)]
pub enum CallKind {
    Register,
    /// `POST /{phone_number_id}/deregister`; assumed to count as well (facts D6).
    Deregister,
}

/// How a call ended.
#[derive(Debug, Clone, PartialEq, Eq, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case", const_into_str)]
pub enum AttemptOutcome {
    /// Meta accepted it, or the number was found provisioned after an unanswered call.
    Success,
    /// Meta refused it, or gave no usable answer.
    Failed(Failure),
}

/// One call, recorded before it is made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    pub kind: CallKind,
    pub basis: Basis,
    /// When it was recorded, just before the call.
    pub started_at: Timestamp,
    /// When its outcome became known; an unsettled call counts on the budget.
    pub settled_at: Option<Timestamp>,
    pub outcome: Option<AttemptOutcome>,
}

impl Attempt {
    /// Until when the call counts on the budget; `None` while it is unsettled.
    pub fn counts_until(&self) -> Option<Timestamp> {
        self.settled_at.map(|at| shift(at, WINDOW + MARGIN))
    }

    /// How the call failed; `None` for one that succeeded or is not settled.
    pub fn failure_kind(&self) -> Option<FailureKind> {
        match &self.outcome {
            Some(AttemptOutcome::Failed(failure)) => Some(failure.kind),
            Some(AttemptOutcome::Success) | None => None,
        }
    }

    fn counts_at(&self, at: Timestamp) -> bool {
        self.counts_until().is_none_or(|until| at < until)
    }
}

/// Every recorded call of one number, with the limits that come from outside.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Ledger {
    /// The calls, oldest first.
    pub attempts: Vec<Attempt>,
    /// No call is made before this: 133016, or Meta's wait after wrong PINs.
    pub held_until: Option<Timestamp>,
    /// When the number was taken over from another system; calls made there are unknown.
    pub imported_at: Option<Timestamp>,
}

/// The calls that count on the budget at one instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Spent {
    pub total: usize,
    pub automatic: usize,
    /// Automatic calls that were not the first after evidence.
    pub probes: usize,
    /// Automatic calls while nothing said that the name is good. Calls with [`Basis::Reconcile`] are included: their rows
    /// do not say what was known of the name.
    pub blind: usize,
}

impl Ledger {
    /// Counts the calls that weigh on the budget at `at`.
    pub fn spent(&self, at: Timestamp) -> Spent {
        let mut spent = Spent::default();
        for attempt in self.attempts.iter().filter(|a| a.counts_at(at)) {
            spent.total += 1;
            spent.automatic += usize::from(attempt.basis.is_automatic());
            spent.probes += usize::from(attempt.basis.is_automatic() && attempt.basis != Basis::Evidence);
            spent.blind += usize::from(matches!(attempt.basis, Basis::Blind | Basis::Reconcile));
        }
        spent
    }

    /// Whether a call of this basis is allowed at `at`.
    pub fn allows(&self, basis: Basis, at: Timestamp) -> bool {
        self.held_until.is_none_or(|until| at >= until)
            && within_limits(self.spent(at), basis)
            && self.import_allows(basis, at)
    }

    /// The first instant from `now` on at which a call of this basis is allowed if no other call is made meanwhile; `None`
    /// while an unsettled call prevents it.
    pub fn free_at(&self, basis: Basis, now: Timestamp) -> Option<Timestamp> {
        let ends = self.attempts.iter().filter_map(Attempt::counts_until);
        let import_end = self.imported_at.map(|at| shift(at, WINDOW));
        let mut instants: Vec<Timestamp> =
            ends.chain(self.held_until).chain(import_end).filter(|at| *at > now).chain([now]).collect();
        instants.sort_unstable();
        instants.into_iter().find(|at| self.allows(basis, *at))
    }

    /// The number of probes that the window still allows.
    pub fn probes_left(&self, at: Timestamp) -> usize {
        let spent = self.spent(at);
        let left = |max: usize, count: usize| max.saturating_sub(count);
        left(MAX_PROBES, spent.probes).min(left(MAX_AUTOMATIC, spent.automatic)).min(left(MAX_WITH_PEOPLE, spent.total))
    }

    /// The newest call without an outcome.
    pub fn unsettled(&self) -> Option<&Attempt> {
        self.attempts.iter().rev().find(|a| a.settled_at.is_none())
    }

    /// The newest register call.
    pub fn last_register(&self) -> Option<&Attempt> {
        self.attempts.iter().rev().find(|a| a.kind == CallKind::Register)
    }

    fn import_allows(&self, basis: Basis, at: Timestamp) -> bool {
        let Some(imported_at) = self.imported_at.filter(|from| at < shift(*from, WINDOW)) else {
            return true;
        };
        let since = self.attempts.iter().filter(|a| a.started_at >= imported_at && a.basis.is_automatic()).count();
        match basis {
            Basis::Person => true,
            Basis::Evidence => since < MAX_AFTER_IMPORT,
            Basis::Blind | Basis::Probe | Basis::Reconcile => since < MAX_AFTER_IMPORT - 1,
        }
    }
}

fn within_limits(spent: Spent, basis: Basis) -> bool {
    let probe = spent.probes < MAX_PROBES && spent.automatic < MAX_AUTOMATIC && spent.total < MAX_WITH_PEOPLE;
    match basis {
        Basis::Blind => probe && spent.blind < MAX_BLIND,
        Basis::Probe | Basis::Reconcile => probe,
        Basis::Evidence => spent.automatic < MAX_AUTOMATIC && spent.total < BUDGET,
        Basis::Person => spent.total < MAX_WITH_PEOPLE,
    }
}

/// Until when no register call may be made after this failure: 72 h for 133016, Meta's own time after wrong PINs; `None`
/// for every other failure.
pub fn hold_after(failure: &Failure, now: Timestamp) -> Option<Timestamp> {
    if failure.kind == FailureKind::BudgetSpent {
        return Some(shift(now, WINDOW));
    }
    let guessed = [FailureKind::PinGuessesSpent, FailureKind::PinGuessedTooFast].contains(&failure.kind);
    failure.wait.filter(|_| guessed).map(|wait| shift(now, wait))
}
