//! The checkpoint of a worker: the results of attempts since the last flush, written in one transaction with the
//! cursor. The cursor is never stored ahead of the results of the events before it.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

use super::attempt::AttemptReport;
use super::backlog::{EndpointBacklog, QueuedItem};
use super::outcome::Outcome;
use super::payload::Position;
use crate::App;
use crate::flows::FlowError;
use crate::store::deliveries::attempts::{self, Attempt};
use crate::store::deliveries::{self, Delivery, DeliveryState};
use crate::store::endpoints::lease::{self, Progress};
use crate::store::ids::{DeliveryKey, EndpointId, ReplicaId};

/// The shortest interval between two flushes.
pub(super) const FLUSH_INTERVAL: Duration = Duration::from_millis(20);

/// A checkpoint of this size is flushed at once.
const FLUSH_SIZE: usize = 256;

/// A worker spends at most one part in this many of its time on flushes: a slow database gets fewer and larger ones.
const FLUSH_TIME_SHARE: u32 = 5;

/// The longest interval between two flushes: results that are not flushed are sent again after a crash.
const MAX_FLUSH_INTERVAL: Duration = Duration::from_millis(250);

/// While a flush runs, no new request starts once the checkpoint holds this many results.
const MAX_UNFLUSHED: usize = 4 * FLUSH_SIZE;

/// The interval to the next flush after one that took `elapsed`.
pub(super) fn next_flush_interval(elapsed: Duration) -> Duration {
    (elapsed * (FLUSH_TIME_SHARE - 1)).clamp(FLUSH_INTERVAL, MAX_FLUSH_INTERVAL)
}

/// Results that are not flushed yet.
#[derive(Debug, Default)]
pub(super) struct Checkpoint {
    attempts: Vec<Attempt>,
    /// New and changed rows of pending retries and dead letters.
    pending: Vec<Delivery>,
    /// Deliveries whose row is to be deleted.
    done: Vec<DeliveryKey>,
    last_delivered_at: Option<Timestamp>,
    /// When the oldest result was recorded.
    since: Option<Instant>,
}

impl Checkpoint {
    fn len(&self) -> usize {
        self.attempts.len() + self.pending.len() + self.done.len()
    }

    /// When an item was last delivered, as far as this checkpoint knows.
    pub(super) const fn last_delivered_at(&self) -> Option<Timestamp> {
        self.last_delivered_at
    }

    /// Records an outcome, and removes the item from the backlog or defers it there.
    pub(super) fn record(
        &mut self,
        report: AttemptReport,
        outcome: Outcome,
        backlog: &mut EndpointBacklog,
        now: Timestamp,
    ) {
        self.request_flush();
        let position = report.position;
        let failure = report.attempt.as_ref().filter(|_| report.failure.is_some()).map(failure_summary);
        self.attempts.extend(report.attempt);
        let fail = |queued: &mut QueuedItem| {
            queued.attempts += 1;
            queued.first_failed_at.get_or_insert(now);
            queued.failure = failure;
        };
        match outcome {
            Outcome::Delivered => {
                self.last_delivered_at = Some(now);
                self.delete_row(backlog.remove(position), position);
            }
            Outcome::Skipped => self.delete_row(backlog.remove(position), position),
            // the endpoint is disabled next; the item stays pending
            Outcome::Gone => self.pending.extend(backlog.defer(position, fail)),
            Outcome::Retry { due_at, .. } => {
                let retry = |queued: &mut QueuedItem| {
                    fail(queued);
                    queued.due_at = due_at;
                };
                self.pending.extend(backlog.defer(position, retry));
            }
            Outcome::GivenUp { .. } => {
                let row = backlog.defer(position, fail);
                self.pending.extend(row.map(|row| Delivery { state: DeliveryState::Dead, ..row }));
                backlog.remove(position);
            }
        }
    }

    fn delete_row(&mut self, removed: Option<QueuedItem>, position: Position) {
        if removed.is_some_and(|queued| queued.pending.is_some()) {
            self.done.push(position.key());
        }
    }

    /// Adds rows: of items that wait behind a pending retry, or that a replay of their event asks for.
    pub(super) fn add_pending(&mut self, rows: impl IntoIterator<Item = Delivery>) {
        self.pending.extend(rows);
    }

    /// Makes the checkpoint due after the flush interval.
    pub(super) fn request_flush(&mut self) {
        self.since.get_or_insert_with(Instant::now);
    }

    /// Deletes a row of which nothing is to be sent any more, or that the rows of its items replace.
    pub(super) fn forget(&mut self, key: DeliveryKey) {
        self.request_flush();
        self.done.push(key);
    }

    /// Whether it is time to flush.
    pub(super) fn is_due(&self, interval: Duration) -> bool {
        self.len() >= FLUSH_SIZE || self.time_left(interval).is_some_and(|left| left.is_zero())
    }

    /// The time left until the flush; `None` when there is nothing to flush.
    pub(super) fn time_left(&self, interval: Duration) -> Option<Duration> {
        self.since.map(|since| interval.saturating_sub(since.elapsed()))
    }

    /// Whether so many or so old results wait for the running flush that no new request may start.
    pub(super) fn is_over_limit(&self) -> bool {
        self.len() >= MAX_UNFLUSHED || self.time_left(MAX_FLUSH_INTERVAL).is_some_and(|left| left.is_zero())
    }

    /// Writes the results and the cursor in one transaction. Returns false, and writes nothing, when another process
    /// has leased the endpoint meanwhile.
    pub(super) async fn flush(
        mut self,
        app: &App,
        replica: ReplicaId,
        endpoint: EndpointId,
        progress: &Progress,
    ) -> Result<bool, FlowError> {
        let mut tx = app.store.write().await?;
        if !lease::save_progress(&mut tx, replica, endpoint, progress).await? {
            return Ok(false);
        }
        // the last row of an item wins
        self.pending.reverse();
        let mut seen = BTreeSet::new();
        self.pending.retain(|row| seen.insert(row.key) && !self.done.contains(&row.key));
        deliveries::upsert_pending(&mut tx, endpoint, &self.pending).await?;
        deliveries::mark_delivered(&mut tx, endpoint, &self.done).await?;
        attempts::record(&mut tx, endpoint, &self.attempts).await?;
        tx.commit().await?;
        Ok(true)
    }
}

fn failure_summary(attempt: &Attempt) -> String {
    attempt.status.map_or_else(|| attempt.outcome.into_str().to_owned(), |status| format!("HTTP {status}"))
}
