//! Applies scheduled events to the world when they fall due. Must not send webhooks itself.

use jiff::Timestamp;

use super::schedule::EventKind;
use super::state::World;

impl World {
    /// The next instant at which an event or a webhook is due.
    pub fn next_due(&self) -> Option<Timestamp> {
        self.schedule.next_due().into_iter().chain(self.outbox.next_due()).min()
    }

    /// Applies every event that is due, each at its own instant.
    pub(crate) fn run_due_events(&mut self, now: Timestamp) {
        while let Some(event) = self.schedule.pop_due(now) {
            match event.kind {
                EventKind::NameDecision => {
                    let review = self.numbers.get(&event.number).and_then(|n| n.review).filter(|r| r.at == event.at);
                    if let Some(review) = review {
                        self.decide_name(&event.number, review.outcome, None, event.at);
                    }
                }
                EventKind::NewNameDecision => {
                    let new = self.numbers.get(&event.number).and_then(|n| n.new_name.as_ref());
                    let review = new.and_then(|new| new.review).filter(|r| r.at == event.at);
                    if let Some(review) = review {
                        self.decide_new_name(&event.number, review.outcome, None, event.at);
                    }
                }
                EventKind::Connect => self.connect(&event.number, event.at),
            }
        }
    }

    fn connect(&mut self, id: &str, at: Timestamp) {
        if let Some(number) = self.numbers.get_mut(id).filter(|n| n.connects_at == Some(at)) {
            number.connects_at = None;
        }
    }
}
