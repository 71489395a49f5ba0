//! The schedule of events that happen to numbers by themselves: name decisions and connections. Must not apply them.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// One event due at an instant. Rescheduling leaves the old entry in place, so an entry takes effect only while its
/// instant still equals the one in the number's own state.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct ScheduledEvent {
    pub at: Timestamp,
    /// Order of events that are due at the same instant.
    order: u64,
    pub number: String,
    pub kind: EventKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum EventKind {
    NameDecision,
    NewNameDecision,
    Connect,
}

/// All scheduled events, in the order they are due.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Schedule {
    events: BTreeSet<ScheduledEvent>,
    next_order: u64,
}

impl Schedule {
    pub(crate) fn add(&mut self, at: Timestamp, number: &str, kind: EventKind) {
        self.next_order += 1;
        self.events.insert(ScheduledEvent { at, order: self.next_order, number: number.to_owned(), kind });
    }

    pub(crate) fn next_due(&self) -> Option<Timestamp> {
        self.events.first().map(|event| event.at)
    }

    /// Removes and returns the first event that is due.
    pub(crate) fn pop_due(&mut self, now: Timestamp) -> Option<ScheduledEvent> {
        if self.next_due()? > now { None } else { self.events.pop_first() }
    }
}
