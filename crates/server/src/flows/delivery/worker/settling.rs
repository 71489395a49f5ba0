//! What came of a worker's posts is written down, beside what it sends: one transaction at a time, and the cursor never
//! before what came of the events behind it.

use std::time::Duration;

use tokio::time::Instant;

use super::{Book, Worker};
use crate::flows::FlowError;
use crate::store::endpoints::lease::Progress;

/// What came of posts is written down after so long, or as soon as it is so many.
pub(super) const SETTLE_AFTER: Duration = Duration::from_millis(20);
const SETTLE_AT: usize = 256;

/// A database that is busy is written to less often and more at once, so that a worker spends a fifth of its
/// time on it at most; up to a point, since what was taken meanwhile is sent again after a crash.
const SETTLE_SHARE: u32 = 5;
const SETTLE_AT_LATEST: Duration = Duration::from_millis(250);

/// While something is being written down, posts go on until so much came of them, or until some of that has waited for
/// [`SETTLE_AT_LATEST`]: after a crash, or when it cannot be written, all of it is sent again.
const UNSETTLED: usize = 4 * SETTLE_AT;

impl Worker<'_> {
    /// Begins to write down what came of everything since the last time.
    pub(super) fn settle(&mut self) {
        if !self.queue.is_empty() {
            self.book.aside.extend(self.queue.set_blocked_aside());
        }
        let cursor = self.queue.cursor();
        let made = Progress { cursor, breaker: self.breaker, delivered_at: self.book.delivered_at };
        let (app, me, id) = (self.task.app.clone(), self.task.me.id(), self.task.id);
        let book = std::mem::take(&mut self.book);
        self.pass_by = None;
        self.settling.begin(async move {
            let began = Instant::now();
            (book.write(&app, me, id, &made).await, began.elapsed())
        });
    }

    /// It was written down, or was not.
    pub(super) fn has_settled(&mut self, settled: Result<bool, FlowError>, took: Duration) -> Result<(), FlowError> {
        if !settled? {
            tracing::warn!(endpoint = %self.task.id, "another process delivers to this endpoint by now");
            self.lose();
        }
        self.settle_after = (took * (SETTLE_SHARE - 1)).clamp(SETTLE_AFTER, SETTLE_AT_LATEST);
        Ok(())
    }

    /// Waits for what is being written down.
    pub(super) async fn end_settling(&mut self) -> Result<(), FlowError> {
        if self.settling.is_idle() {
            return Ok(());
        }
        match self.settling.end().await {
            Some((settled, took)) => self.has_settled(settled, took),
            None => {
                self.lose();
                Ok(())
            }
        }
    }

    /// What came of posts could not be written down. What is on record is right, and whoever goes on begins there.
    pub(super) fn lose(&mut self) {
        self.is_lost = true;
        self.task.stop.cancel();
    }

    /// Whether too much came of posts that is not even being written down yet.
    pub(super) fn is_unsettled(&self) -> bool {
        let has_waited_long = self.book.patience(SETTLE_AT_LATEST).is_some_and(|left| left.is_zero());
        !self.settling.is_idle() && (has_waited_long || self.book.len() >= UNSETTLED)
    }
}

impl Book {
    /// Whether it is time to write down.
    pub(super) fn is_due(&self, after: Duration) -> bool {
        self.len() >= SETTLE_AT || self.patience(after).is_some_and(|left| left.is_zero())
    }

    /// How long it may still wait; `None` where there is nothing to write down.
    pub(super) fn patience(&self, after: Duration) -> Option<Duration> {
        self.since.map(|since| after.saturating_sub(since.elapsed()))
    }
}
