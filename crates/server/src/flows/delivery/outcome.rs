//! What came of posts: read from the answers, entered into the queue, written down together.

use domain::delivery::{Verdict, retry_at, verdict};
use jiff::Timestamp;
use tokio::time::Instant;

use super::queue::{Held, Queue};
use super::send::Sent;
use crate::App;
use crate::flows::FlowError;
use crate::runtime::clock::random_fraction;
use crate::store::deliveries::attempts::{self, Attempt};
use crate::store::deliveries::{self, Delivery, DeliveryState};
use crate::store::endpoints::lease::{self, Progress};
use crate::store::ids::{EndpointId, EventId, ReplicaId};

/// What follows for an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The endpoint has all of it.
    Taken,
    /// There is nothing to send: the event is no more, or is not wanted any more.
    Unwanted,
    /// The endpoint wants nothing any more.
    Gone,
    /// It is tried again.
    Again {
        /// When.
        due_at: Timestamp,
        /// It was its first try.
        first: bool,
        /// The endpoint wants to be left alone until then.
        leave_until: Option<Timestamp>,
    },
    /// It was tried for days.
    GivenUp {
        /// It was its first try.
        first: bool,
        /// The endpoint wants to be left alone until then.
        leave_until: Option<Timestamp>,
    },
}

impl Outcome {
    pub(super) fn of(sent: &Sent, held: Option<&Held>, now: Timestamp) -> Self {
        let Some(answer) = &sent.refused else {
            return if sent.attempts.is_empty() { Self::Unwanted } else { Self::Taken };
        };
        let (attempts, first_failed_at) = held.map_or((0, None), |held| (held.attempts, held.first_failed_at));
        let first = attempts == 0;
        match verdict(answer, now) {
            Verdict::Taken => Self::Taken,
            Verdict::Gone => Self::Gone,
            Verdict::Again { not_before, all } => {
                // an endpoint that asks for less without saying for how long gets a while
                let leave_until = all.then(|| not_before.unwrap_or(now + domain::delivery::UNSAID_RETRY_AFTER));
                let due = retry_at(attempts + 1, first_failed_at.unwrap_or(now), not_before, now, random_fraction());
                match due {
                    Some(due_at) => Self::Again { due_at, first, leave_until },
                    None => Self::GivenUp { first, leave_until },
                }
            }
        }
    }
}

impl Outcome {
    /// The label of the attempt in the metrics; `None` where nothing was attempted.
    pub(super) const fn label(self) -> Option<&'static str> {
        match self {
            Self::Taken => Some("delivered"),
            Self::Again { .. } => Some("failed"),
            Self::GivenUp { .. } => Some("given_up"),
            Self::Unwanted | Self::Gone => None,
        }
    }
}

/// What is to be written down.
#[derive(Debug, Default)]
pub(super) struct Book {
    attempts: Vec<Attempt>,
    /// Events set aside, or set aside anew.
    pub(super) aside: Vec<Delivery>,
    /// Events whose row is to go.
    done: Vec<EventId>,
    pub(super) delivered_at: Option<Timestamp>,
    /// Since when something waits to be written down.
    pub(super) since: Option<Instant>,
}

impl Book {
    pub(super) fn len(&self) -> usize {
        self.attempts.len() + self.aside.len() + self.done.len()
    }

    /// Takes an outcome in, and moves its event in the queue.
    pub(super) fn enter(&mut self, sent: Sent, outcome: Outcome, queue: &mut Queue, now: Timestamp) {
        self.open();
        let event = sent.event;
        let failure = sent.attempts.last().filter(|_| sent.refused.is_some()).map(summary);
        self.attempts.extend(sent.attempts);
        let fail = |held: &mut Held| {
            held.part = sent.part;
            held.attempts += 1;
            held.first_failed_at.get_or_insert(now);
            held.failure = failure;
        };
        match outcome {
            Outcome::Taken => {
                self.delivered_at = Some(now);
                self.close(queue.leave(event), event);
            }
            Outcome::Unwanted => self.close(queue.leave(event), event),
            // it is switched off: its events stay in front of it, as they are
            Outcome::Gone => self.aside.extend(queue.fail(event, fail)),
            Outcome::Again { due_at, .. } => {
                let later = |held: &mut Held| {
                    fail(held);
                    held.due_at = due_at;
                };
                self.aside.extend(queue.fail(event, later));
            }
            Outcome::GivenUp { .. } => {
                let row = queue.fail(event, fail);
                self.aside.extend(row.map(|row| Delivery { state: DeliveryState::Dead, ..row }));
                queue.leave(event);
            }
        }
    }

    fn close(&mut self, held: Option<Held>, event: EventId) {
        if held.is_some_and(|held| held.aside.is_some()) {
            self.done.push(event);
        }
    }

    /// There is something to write down.
    pub(super) fn open(&mut self) {
        self.since.get_or_insert_with(Instant::now);
    }

    /// A row whose event is no more, or is not wanted any more.
    pub(super) fn forget(&mut self, event: EventId) {
        self.open();
        self.done.push(event);
    }

    /// Writes it all down in one transaction, and the cursor with it. False, and nothing written, when the
    /// endpoint is another process's by now.
    pub(super) async fn write(
        mut self,
        app: &App,
        me: ReplicaId,
        endpoint: EndpointId,
        made: &Progress,
    ) -> Result<bool, FlowError> {
        let mut tx = app.store.write().await?;
        if !lease::progress(&mut tx, me, endpoint, made).await? {
            return Ok(false);
        }
        // the last word on each event counts
        self.aside.reverse();
        let mut seen = std::collections::BTreeSet::new();
        self.aside.retain(|row| seen.insert(row.event) && !self.done.contains(&row.event));
        deliveries::set_aside(&mut tx, endpoint, &self.aside).await?;
        deliveries::done(&mut tx, endpoint, &self.done).await?;
        attempts::record(&mut tx, endpoint, &self.attempts).await?;
        tx.commit().await?;
        Ok(true)
    }
}

fn summary(attempt: &Attempt) -> String {
    attempt.status.map_or_else(|| attempt.outcome.clone(), |status| format!("HTTP {status}"))
}
