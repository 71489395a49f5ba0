//! What happens by itself and when: name decisions, connections, ends of holds. Must not send anything.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::World;
use super::number::{NewName, PlannedDecision};
use super::words::{NameDecision, NameStatus};

/// One thing due at an instant; checked against the number's own state when it comes up, so a moved plan is harmless.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Item {
    at: Timestamp,
    order: u64,
    number: String,
    what: Due,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Due {
    NameDecision,
    NewNameDecision,
    Connect,
}

/// The plan, in order of time.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Agenda {
    items: BTreeSet<Item>,
    next: u64,
}

impl Agenda {
    pub(crate) fn add(&mut self, at: Timestamp, number: &str, what: Due) {
        self.next += 1;
        self.items.insert(Item { at, order: self.next, number: number.to_owned(), what });
    }

    fn first(&self) -> Option<Timestamp> {
        self.items.first().map(|item| item.at)
    }

    fn pop(&mut self, now: Timestamp) -> Option<Item> {
        if self.first()? > now { None } else { self.items.pop_first() }
    }
}

impl World {
    /// The next instant at which something happens by itself, webhooks included.
    pub fn next_due(&self) -> Option<Timestamp> {
        self.agenda.first().into_iter().chain(self.outbox.next_due()).min()
    }

    /// Lets everything happen that is due, each at its own instant.
    pub(crate) fn catch_up(&mut self, now: Timestamp) {
        while let Some(item) = self.agenda.pop(now) {
            match item.what {
                Due::NameDecision => {
                    let planned = self.numbers.get(&item.number).and_then(|n| n.review).filter(|r| r.at == item.at);
                    if let Some(planned) = planned {
                        self.decide_name(&item.number, planned.outcome, None, item.at);
                    }
                }
                Due::NewNameDecision => {
                    let new = self.numbers.get(&item.number).and_then(|n| n.new_name.as_ref());
                    let planned = new.and_then(|new| new.review).filter(|r| r.at == item.at);
                    if let Some(planned) = planned {
                        self.decide_new_name(&item.number, planned.outcome, None, item.at);
                    }
                }
                Due::Connect => self.connect(&item.number, item.at),
            }
        }
    }

    fn connect(&mut self, id: &str, at: Timestamp) {
        if let Some(number) = self.numbers.get_mut(id).filter(|n| n.connects_at == Some(at)) {
            number.connects_at = None;
        }
    }

    /// Plans the end of a name review.
    pub(crate) fn plan_review(
        &mut self,
        id: &str,
        lasts: Option<SignedDuration>,
        outcome: NameDecision,
        now: Timestamp,
    ) {
        if let (Some(lasts), Some(number)) = (lasts, self.numbers.get_mut(id)) {
            let at = now + lasts;
            number.review = Some(PlannedDecision { at, outcome });
            self.agenda.add(at, id, Due::NameDecision);
        }
    }

    /// The owner asks for another name; it takes effect once it is approved.
    pub(crate) fn submit_name(
        &mut self,
        id: &str,
        name: &str,
        review: Option<(SignedDuration, NameDecision)>,
        now: Timestamp,
    ) {
        let planned = review.map(|(lasts, outcome)| PlannedDecision { at: now + lasts, outcome });
        if let Some(planned) = planned {
            self.agenda.add(planned.at, id, Due::NewNameDecision);
        }
        if let Some(number) = self.numbers.get_mut(id) {
            let status = NameStatus::PendingReview;
            number.new_name = Some(NewName { name: name.to_owned(), status, review: planned });
        }
    }
}
