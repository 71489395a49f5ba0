//! How long the policy may take once Meta would accept a call; a number that is not live by then is stuck.
//! Every term is a rule's. Knows the story and the calls on record, nothing of what the server plans.

use domain::registration::ledger::{Attempt, AttemptOutcome, Basis, CallKind, Ledger, MARGIN, WINDOW};
use jiff::{SignedDuration, Timestamp};

use super::story::{Move, Story};

const MINUTE: SignedDuration = SignedDuration::from_mins(1);
const HOUR: SignedDuration = SignedDuration::from_hours(1);
const DAY: SignedDuration = SignedDuration::from_hours(24);

/// Probing a name that is good and still refused: so long after it was first known good, then daily
/// (policy rule 8).
const PROBES: [SignedDuration; 5] =
    [HOUR, SignedDuration::from_hours(3), SignedDuration::from_hours(6), SignedDuration::from_hours(12), DAY];

/// Reading a name in review: so long after its refusal, then every twelve hours (policy rule 8).
const LOOKS: [SignedDuration; 5] =
    [SignedDuration::from_mins(15), HOUR, SignedDuration::from_hours(4), SignedDuration::from_hours(12), DAY];

/// How long a number that dropped may go unnoticed: an account in good order is read every six hours here,
/// and its numbers one by one within an hour after.
const UNNOTICED: SignedDuration = SignedDuration::from_hours(7);

/// A number that Meta would accept, and what is known of it.
pub(super) struct Waiting<'a> {
    pub(super) story: &'a Story,
    /// Since when Meta would accept it.
    pub(super) ready: Timestamp,
    /// It was live before.
    pub(super) has_dropped: bool,
    /// Since when something says that the name is good.
    pub(super) name_good_at: Timestamp,
    /// A webhook says so then, or the first reading did; else it is there to be read.
    pub(super) is_heard: bool,
    pub(super) ledger: &'a Ledger,
}

impl Waiting<'_> {
    /// Until when it has to be live.
    pub(super) fn until(&self) -> Timestamp {
        match self.to_the_minute() {
            Some(at) => self.after_calls_spent(at, MINUTE),
            None => self.after_calls_spent(self.after_failures(self.by_schedule()), HOUR),
        }
    }

    /// With nothing in the way but its name the very next probe or look finds it (policy rule 8).
    fn to_the_minute(&self) -> Option<Timestamp> {
        if !self.story.is_untouched() || self.has_dropped {
            return None;
        }
        let good_at = self.name_good_at;
        match (self.is_heard, self.ready <= good_at) {
            (true, true) => Some(good_at + MINUTE),
            (true, false) => Some(not_before(self.ready, good_at, &PROBES, DAY) + MINUTE),
            (false, true) => {
                let refused = self.ledger.attempts.iter().rev().find(|call| call.started_at < good_at)?;
                Some(not_before(good_at, refused.started_at, &LOOKS, HOUR * 12) + MINUTE)
            }
            // found good at one of several looks, and probed from then on
            (false, false) => None,
        }
    }

    /// The longest gap of the schedule that governs (policy rule 8), or of the refusals' table.
    fn by_schedule(&self) -> Timestamp {
        let noticed = self.ready + if self.has_dropped { UNNOTICED } else { SignedDuration::ZERO };
        let blind = noticed + WINDOW + MARGIN;
        if self.story.was_in_phone_app() { blind } else { blind.min(noticed.max(self.name_good_at) + DAY) }
    }

    /// Policy rules 6 and 9: reads that fail are made again after a minute, doubling to an hour; a call
    /// that failed in passing after its back-off.
    fn after_failures(&self, at: Timestamp) -> Timestamp {
        let failing_reads: u32 = self.story.plan.iter().map(|(_, what)| what.failing("GET {phone}")).sum();
        let reads = (0..failing_reads).fold(SignedDuration::ZERO, |sum, n| sum + (MINUTE * (1 << n.min(6))).min(HOUR));
        let registers = self.ledger.attempts.iter().rev().filter(|call| call.kind == CallKind::Register);
        let in_a_row = registers.take_while(|call| has_failed_in_passing(call)).count();
        let offsets = [MINUTE, MINUTE * 10, HOUR, HOUR * 6];
        let back_off = offsets.get(in_a_row.saturating_sub(1)).copied().unwrap_or(DAY);
        let again = self.ledger.attempts.last().filter(|_| in_a_row > 0).map(|call| call.started_at + back_off);
        again.map_or(at, |again| again.max(at)) + reads + HOUR
    }

    /// Policy rule 10: where the calls are spent when one is due, as soon as there is one again.
    fn after_calls_spent(&self, at: Timestamp, spare: SignedDuration) -> Timestamp {
        let due = at - spare;
        let basis = if self.name_good_at <= due { Basis::Probe } else { Basis::Blind };
        self.ledger.free_at(basis, due).map_or(at, |free| at.max(free + spare))
    }
}

fn has_failed_in_passing(call: &Attempt) -> bool {
    use domain::meta::failure::FailureKind as K;
    let passes = |kind| {
        matches!(kind, K::Transient | K::Throttled | K::BudgetSpent | K::NotRegistered | K::DeregistrationIncomplete)
    };
    matches!(&call.outcome, Some(AttemptOutcome::Failed(failure)) if passes(failure.kind))
}

/// The first of the instants at these offsets from an anchor, then every `step`, that is not before `from`.
fn not_before(from: Timestamp, anchor: Timestamp, offsets: &[SignedDuration], step: SignedDuration) -> Timestamp {
    let mut at = offsets.iter().map(|offset| anchor + *offset).find(|at| *at >= from);
    let mut last = anchor + offsets.last().copied().unwrap_or_default();
    while at.is_none() {
        last += step;
        at = (last >= from).then_some(last);
    }
    at.unwrap_or(last)
}

impl Move {
    /// How many coming calls of a route it makes fail.
    fn failing(&self, route: &str) -> u32 {
        match self {
            Self::Calls(fault) if fault.route.as_deref() == Some(route) => fault.times,
            Self::Calls(_)
            | Self::Meta(_)
            | Self::MetaIfLive(_)
            | Self::Webhook(..)
            | Self::TokensDie
            | Self::Throttle
            | Self::Press
            | Self::EnterPin(_)
            | Self::VerifyByCode => 0,
        }
    }
}

#[test]
fn a_number_in_order_is_due_at_the_very_next_probe() {
    let at = |hours: i64| Timestamp::from_second(1_790_000_000 + hours * 3_600).unwrap();
    assert_eq!(not_before(at(0), at(0), &PROBES, DAY), at(1));
    assert_eq!(not_before(at(3), at(0), &PROBES, DAY), at(3));
    assert_eq!(not_before(at(4), at(0), &PROBES, DAY), at(6));
    assert_eq!(not_before(at(25), at(0), &PROBES, DAY), at(48));
    assert_eq!(not_before(at(50), at(0), &LOOKS, HOUR * 12), at(60));
}
