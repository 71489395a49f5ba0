//! Register calls are scarce: Meta accepts ten register or deregister calls for one number in a
//! moving 72 h, failed ones included, and locks the number for 72 h past them (133016; facts §1.7).
//!
//! This file counts and allows; it does not know why somebody wants to call. Policy, "The ledger".

use jiff::{SignedDuration, Timestamp};

use crate::meta::failure::{Failure, FailureKind};

/// The window Meta counts in.
pub const WINDOW: SignedDuration = SignedDuration::from_hours(72);

/// What our clock and Meta's may differ by, and how long an answer may take to reach us.
pub const MARGIN: SignedDuration = SignedDuration::from_mins(10);

/// How many calls Meta accepts in a [`WINDOW`].
pub const BUDGET: usize = 10;

/// Automatic calls while nothing says the name is good.
pub const MAX_BLIND: usize = 5;

/// Automatic calls that are not the first after evidence.
pub const MAX_PROBES: usize = 7;

/// All automatic calls.
pub const MAX_AUTOMATIC: usize = 8;

/// Calls with people's presses counted in; the tenth is for evidence alone.
pub const MAX_WITH_PEOPLE: usize = 9;

/// Automatic calls within a [`WINDOW`] of an import, one of them kept for evidence: calls made
/// elsewhere are unknown.
pub const MAX_AFTER_IMPORT: usize = 3;

/// Presses are at least this far apart unless a reading changed.
pub const BETWEEN_PRESSES: SignedDuration = SignedDuration::from_hours(1);

/// Why a call is made; decides which limits it must keep.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Basis {
    /// Automatic, and nothing says the name is good: a signup's first call, a blind probe, a retry.
    Blind,
    /// Automatic, the name is good and was still refused, or a retry after that.
    Probe,
    /// Automatic, the first call after new evidence.
    Evidence,
    /// Automatic, a number that was registered dropped out (once per 24 h).
    Heal,
    /// A person pressed the button.
    Person,
}

impl Basis {
    /// The word kept in the database and shown by the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Blind => "blind",
            Self::Probe => "probe",
            Self::Evidence => "evidence",
            Self::Heal => "heal",
            Self::Person => "person",
        }
    }

    /// Reads the word back.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Blind, Self::Probe, Self::Evidence, Self::Heal, Self::Person]
            .into_iter()
            .find(|basis| basis.as_str() == word)
    }

    const fn is_automatic(self) -> bool {
        !matches!(self, Self::Person)
    }
}

/// Which of the two calls that share the budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CallKind {
    /// `POST /{phone_number_id}/register`.
    Register,
    /// `POST /{phone_number_id}/deregister`; assumed to count as well (facts D6).
    Deregister,
}

/// How a call ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Meta accepted it, or the number was found provisioned after an unanswered call.
    Success,
    /// Meta refused it, or no good answer came.
    Failed(Failure),
}

/// One call, as written before it was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// Register or deregister.
    pub kind: CallKind,
    /// Why it was made.
    pub basis: Basis,
    /// When it was written down, just before the call.
    pub started_at: Timestamp,
    /// When its outcome was known; `None` counts as spent.
    pub settled_at: Option<Timestamp>,
    /// Its outcome.
    pub outcome: Option<Outcome>,
}

impl Attempt {
    /// Until when the call counts; `None` while it is unsettled.
    pub fn counts_until(&self) -> Option<Timestamp> {
        self.settled_at.map(|at| at + WINDOW + MARGIN)
    }

    fn counts_at(&self, at: Timestamp) -> bool {
        self.counts_until().is_none_or(|until| at < until)
    }
}

/// Every recorded call of one number, oldest first, with what bounds it from outside.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Ledger {
    /// The calls, oldest first.
    pub attempts: Vec<Attempt>,
    /// Nobody calls before this: 133016, or Meta's wait on PIN guesses.
    pub held_until: Option<Timestamp>,
    /// When the number was imported from elsewhere, if it was.
    pub imported_at: Option<Timestamp>,
}

/// What is counted at one instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Spent {
    /// Every call.
    pub total: usize,
    /// Automatic ones.
    pub automatic: usize,
    /// Automatic ones that were not the first after evidence.
    pub probes: usize,
    /// Automatic ones while nothing said the name is good. A heal is counted in: its row does not say what
    /// was known of the name.
    pub blind: usize,
}

impl Ledger {
    /// Counts what still weighs on the budget at `at`.
    pub fn spent(&self, at: Timestamp) -> Spent {
        let mut spent = Spent::default();
        for attempt in self.attempts.iter().filter(|a| a.counts_at(at)) {
            spent.total += 1;
            spent.automatic += usize::from(attempt.basis.is_automatic());
            spent.probes += usize::from(attempt.basis.is_automatic() && attempt.basis != Basis::Evidence);
            spent.blind += usize::from(matches!(attempt.basis, Basis::Blind | Basis::Heal));
        }
        spent
    }

    /// Whether a call of this basis is allowed at `at`.
    pub fn allows(&self, basis: Basis, at: Timestamp) -> bool {
        self.held_until.is_none_or(|until| at >= until)
            && within_limits(self.spent(at), basis)
            && self.import_allows(basis, at)
    }

    /// The first instant from `now` on at which a call of this basis is allowed, if nothing else is
    /// called meanwhile; `None` while an unsettled call stands in the way.
    pub fn free_at(&self, basis: Basis, now: Timestamp) -> Option<Timestamp> {
        let ends = self.attempts.iter().filter_map(Attempt::counts_until);
        let import_end = self.imported_at.map(|at| at + WINDOW);
        let mut instants: Vec<Timestamp> =
            ends.chain(self.held_until).chain(import_end).filter(|at| *at > now).chain([now]).collect();
        instants.sort_unstable();
        instants.into_iter().find(|at| self.allows(basis, *at))
    }

    /// How many probes the window still has room for, whoever spent the rest.
    pub fn probes_left(&self, at: Timestamp) -> usize {
        let spent = self.spent(at);
        let left = |most: usize, count: usize| most.saturating_sub(count);
        left(MAX_PROBES, spent.probes).min(left(MAX_AUTOMATIC, spent.automatic)).min(left(MAX_WITH_PEOPLE, spent.total))
    }

    /// A call without an outcome, if there is one.
    pub fn unsettled(&self) -> Option<&Attempt> {
        self.attempts.iter().rev().find(|a| a.settled_at.is_none())
    }

    /// The newest register call.
    pub fn last_register(&self) -> Option<&Attempt> {
        self.attempts.iter().rev().find(|a| a.kind == CallKind::Register)
    }

    fn import_allows(&self, basis: Basis, at: Timestamp) -> bool {
        let Some(imported_at) = self.imported_at.filter(|from| at < *from + WINDOW) else {
            return true;
        };
        let since = self.attempts.iter().filter(|a| a.started_at >= imported_at && a.basis.is_automatic()).count();
        match basis {
            Basis::Person => true,
            Basis::Evidence => since < MAX_AFTER_IMPORT,
            Basis::Blind | Basis::Probe | Basis::Heal => since < MAX_AFTER_IMPORT - 1,
        }
    }
}

fn within_limits(spent: Spent, basis: Basis) -> bool {
    let probe = spent.probes < MAX_PROBES && spent.automatic < MAX_AUTOMATIC && spent.total < MAX_WITH_PEOPLE;
    match basis {
        Basis::Blind => probe && spent.blind < MAX_BLIND,
        Basis::Probe | Basis::Heal => probe,
        Basis::Evidence => spent.automatic < MAX_AUTOMATIC && spent.total < BUDGET,
        Basis::Person => spent.total < MAX_WITH_PEOPLE,
    }
}

/// Until when nobody may call after this failure: 72 h for 133016, Meta's own time for PIN guesses.
pub fn hold_after(failure: &Failure, now: Timestamp) -> Option<Timestamp> {
    if failure.kind == FailureKind::BudgetSpent {
        return Some(now + WINDOW);
    }
    let guessed = [FailureKind::PinGuessesSpent, FailureKind::PinGuessedTooFast].contains(&failure.kind);
    failure.wait.filter(|_| guessed).map(|wait| now + wait)
}
