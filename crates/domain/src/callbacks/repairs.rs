//! How often a callback is repaired without a person (policy, "What is reconciled automatically"). A repair that does not
//! last means that somebody else wants it otherwise: it is reported, not fought.

use jiff::{SignedDuration, Timestamp};

use crate::time::shift;

/// The time within which repairs of one kind count together.
const WINDOW: SignedDuration = SignedDuration::from_hours(7 * 24);

/// Failed repairs in a row before a person is asked.
const FAILURES: usize = 3;

/// The most repairs that are kept.
const KEPT: usize = 20;

/// What is wrong with a callback, as far as it is repaired without a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, strum::EnumString, strum::IntoStaticStr, strum::VariantArray)]
#[strum(serialize_all = "snake_case", const_into_str)]
pub enum Problem {
    /// The app is not subscribed to the account.
    Unsubscribed,
    /// Neither the number nor its account has a callback.
    OverrideMissing,
    /// The callback in force is the one of this installation's earlier public address.
    OverrideOutdated,
    /// The callback in force on the number or its account leads to another system.
    OverrideForeign,
    /// The app has no callback.
    AppMissing,
    /// The app's callback is ours and lacks fields.
    AppFields,
    /// The app's callback is the one of this installation's earlier public address.
    AppOutdated,
    /// The app's callback was ours and leads to another system now.
    AppForeign,
}

impl Problem {
    /// How many repairs that worked are made in seven days. What another system set is replaced once.
    const fn budget(self) -> usize {
        match self {
            Self::OverrideForeign | Self::AppForeign => 1,
            Self::Unsubscribed
            | Self::OverrideMissing
            | Self::OverrideOutdated
            | Self::AppMissing
            | Self::AppFields
            | Self::AppOutdated => 3,
        }
    }
}

/// One repair that was made without a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Repair {
    pub problem: Problem,
    pub at: Timestamp,
    /// Whether the reading after it showed that messages arrive here.
    pub worked: bool,
}

/// The repairs of the last days, oldest first, and what a person was asked about.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Repairs {
    pub made: Vec<Repair>,
    /// The problem that is left to a person. It stays so until it is gone or the person acted, however long that takes.
    pub asked: Option<Problem>,
}

/// What is done about a problem.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RepairDecision {
    /// When the next repair is due, maybe in the past; `None` where it is left to a person.
    pub due_at: Option<Timestamp>,
    /// Whether a person is asked to act.
    pub asks_person: bool,
}

impl RepairDecision {
    /// Whether the repair is made now.
    pub fn is_due(&self, now: Timestamp) -> bool {
        self.due_at.is_some_and(|due_at| due_at <= now)
    }
}

impl Repairs {
    /// What is done about a problem that a reading shows.
    pub fn decide(&self, problem: Problem, now: Timestamp) -> RepairDecision {
        if self.asked == Some(problem) || self.is_spent(problem, now) {
            return RepairDecision { due_at: None, asks_person: true };
        }
        let failed: Vec<Timestamp> =
            self.recent(problem, now).rev().take_while(|repair| !repair.worked).map(|repair| repair.at).collect();
        let due_at = failed.first().map_or(now, |last| shift(*last, retry_delay(failed.len())));
        RepairDecision { due_at: Some(due_at), asks_person: failed.len() >= FAILURES }
    }

    /// Notes what the newest reading shows, so that a problem once left to a person stays so. True if that changed.
    pub fn note(&mut self, problem: Option<Problem>, now: Timestamp) -> bool {
        let is_left = |problem: &Problem| self.asked == Some(*problem) || self.is_spent(*problem, now);
        let asked = problem.filter(is_left);
        std::mem::replace(&mut self.asked, asked) != asked
    }

    /// Adds a repair and forgets those that no longer count.
    pub fn add(&mut self, problem: Problem, worked: bool, now: Timestamp) {
        self.made.retain(|repair| now.duration_since(repair.at) < WINDOW);
        self.made.push(Repair { problem, at: now, worked });
        self.made.drain(..self.made.len().saturating_sub(KEPT));
    }

    fn is_spent(&self, problem: Problem, now: Timestamp) -> bool {
        self.recent(problem, now).filter(|repair| repair.worked).count() >= problem.budget()
    }

    fn recent(&self, problem: Problem, now: Timestamp) -> impl DoubleEndedIterator<Item = &Repair> {
        self.made.iter().filter(move |repair| repair.problem == problem && now.duration_since(repair.at) < WINDOW)
    }
}

/// How long after the last of so many failed repairs in a row the next one is due.
const fn retry_delay(failures: usize) -> SignedDuration {
    match failures {
        0 | 1 => SignedDuration::from_mins(5),
        2 => SignedDuration::from_hours(1),
        _ => SignedDuration::from_hours(6),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use strum::VariantArray as _;

    fn at(minutes: i64) -> Timestamp {
        Timestamp::from_second(1_790_000_000 + minutes * 60).unwrap()
    }

    /// What happens to somebody who undoes each repair an hour after it, for so many hours.
    fn fight(problem: Problem, hours: i64) -> (usize, Repairs) {
        let mut repairs = Repairs::default();
        let mut made = 0;
        for hour in 0..hours {
            let now = at(hour * 60);
            repairs.note(Some(problem), now);
            if repairs.decide(problem, now).is_due(now) {
                repairs.add(problem, true, now);
                repairs.note(None, now);
                made += 1;
            }
        }
        (made, repairs)
    }

    #[test]
    fn a_repair_that_does_not_last_has_a_budget_and_is_then_left_to_a_person() {
        for problem in Problem::VARIANTS {
            let (made, repairs) = fight(*problem, 24 * 60);
            assert_eq!((made, repairs.asked), (problem.budget(), Some(*problem)), "{problem:?}");
            assert!(repairs.decide(*problem, at(24 * 60 * 60)).asks_person, "{problem:?}");
        }
    }

    #[test]
    fn what_was_left_to_a_person_is_repaired_again_only_after_it_was_well() {
        let (_, mut repairs) = fight(Problem::OverrideForeign, 3);
        let a_year_later = at(365 * 24 * 60);
        assert!(!repairs.decide(Problem::OverrideForeign, a_year_later).is_due(a_year_later));
        assert!(repairs.note(None, a_year_later));
        assert!(repairs.decide(Problem::OverrideForeign, a_year_later).is_due(a_year_later));
    }

    #[test]
    fn one_kind_does_not_spend_the_budget_of_another() {
        let (_, repairs) = fight(Problem::OverrideForeign, 3);
        assert!(repairs.decide(Problem::Unsubscribed, at(300)).is_due(at(300)));
    }

    #[test]
    fn a_repair_that_fails_is_tried_again_ever_more_rarely_and_told_after_the_third() {
        let mut repairs = Repairs::default();
        let problem = Problem::Unsubscribed;
        let mut dates = Vec::new();
        for minute in 0..24 * 60 {
            let (now, decision) = (at(minute), repairs.decide(problem, at(minute)));
            if decision.is_due(now) {
                repairs.add(problem, false, now);
                dates.push((minute, decision.asks_person));
            }
        }
        let minutes: Vec<i64> = dates.iter().map(|(minute, _)| *minute).collect();
        assert_eq!(minutes, [0, 5, 65, 425, 785, 1145]);
        assert_eq!(dates.iter().filter(|(_, asks)| *asks).count(), 3);
        repairs.add(problem, true, at(24 * 60));
        assert!(!repairs.decide(problem, at(24 * 60)).asks_person);
    }

    #[test]
    fn the_list_stays_short() {
        let mut repairs = Repairs::default();
        for minute in 0..1000 {
            repairs.add(Problem::AppMissing, false, at(minute));
        }
        assert_eq!(repairs.made.len(), KEPT);
        assert_eq!(repairs.made.last().unwrap().at, at(999));
    }
}
