//! What a worker has before it: the log as far as there is room, beside what it sends; what was set aside, and what was
//! asked for again. Sends nothing, and writes nothing down.

use std::time::Duration;

use tokio::time::Instant;

use super::{AT_ONCE, NOTHING_AFTER, PASSED_AFTER, Worker, write};
use crate::flows::FlowError;
use crate::store::deliveries::log::{self, Page};
use crate::store::deliveries::{self, Delivery, DeliveryState};
use crate::store::ids::EventId;

/// How long the log is left alone when nobody said that something arrived: another process may have
/// written to it.
pub(super) const LOOK_EVERY: Duration = Duration::from_millis(500);

/// So much of the log is read at once, and not less while there is enough to send: one look costs as much.
const READ_AT_ONCE: usize = 256;

impl Worker<'_> {
    /// Everything set aside, in its place, before the log is read on.
    pub(super) async fn load_waiting(&mut self) -> Result<(), FlowError> {
        let mut after = EventId(0);
        loop {
            let mut tx = self.task.app.store.read().await?;
            let rows = deliveries::load(&mut tx, self.task.id, DeliveryState::Waiting, after, READ_AT_ONCE).await?;
            drop(tx);
            let Some(last) = rows.last() else { return Ok(()) };
            after = last.event;
            self.enter_again(rows).await?;
        }
    }

    /// Events set aside, in order, with their conversations; one whose event is no more is forgotten.
    pub(super) async fn enter_again(&mut self, rows: Vec<Delivery>) -> Result<(), FlowError> {
        let now = self.task.app.clock.now();
        let mut events: &[EventId] = &rows.iter().map(|row| row.event).collect::<Vec<_>>();
        let mut rows = rows.into_iter().peekable();
        let mut tx = self.task.app.store.read().await?;
        while !events.is_empty() {
            let page = log::entries(&mut tx, self.endpoint.account_id, events).await?;
            events = &events[events.partition_point(|event| *event <= page.read_to)..];
            let mut entries = page.entries.into_iter().peekable();
            while let Some(row) = rows.next_if(|row| row.event <= page.read_to) {
                let entry = entries.next_if(|entry| entry.id == row.event);
                match entry.map(|entry| write(&self.endpoint, &entry)) {
                    Some(written) if !written.posts.is_empty() => self.queue.enter_again(row, &written.lanes, now),
                    _ => self.book.forget(row.event),
                }
            }
        }
        Ok(())
    }

    /// Looks at the log where there is room for more of it.
    pub(super) fn read_on(&mut self) {
        if self.looked_at.elapsed() >= LOOK_EVERY {
            self.is_behind = true;
        }
        let room = self.queue.room();
        let is_enough = room >= READ_AT_ONCE || (room > 0 && self.under_way.len() < AT_ONCE);
        if !self.is_behind || !is_enough || !self.reading.is_idle() {
            return;
        }
        self.is_behind = false;
        let (store, reader, after) = (self.task.app.store.clone(), self.reader, self.queue.read_to());
        let limit = room.min(READ_AT_ONCE);
        self.reading.begin(async move {
            let mut tx = store.read().await?;
            log::read(&mut tx, &reader, after, limit).await
        });
    }

    /// What a look at the log brought.
    pub(super) fn take_in(&mut self, page: Page) {
        self.looked_at = Instant::now();
        self.is_at_end = page.is_end;
        // something may have arrived meanwhile, too
        self.is_behind |= !self.is_at_end;
        let now = self.task.app.clock.now();
        let has_entries = !page.entries.is_empty();
        if page.read_to > self.queue.read_to() {
            let by = Instant::now() + if has_entries { PASSED_AFTER } else { NOTHING_AFTER };
            self.pass_by = Some(self.pass_by.map_or(by, |before| before.min(by)));
        }
        for entry in page.entries {
            let written = write(&self.endpoint, &entry);
            if !written.posts.is_empty() && !self.queue.contains(entry.id) {
                self.queue.enter(entry.id, &written.lanes, written.posts, now);
            }
        }
        self.queue.has_read(page.read_to);
        if has_entries && self.queue.has_aside() {
            // some of them may stand behind it, and would fill the window
            self.book.open();
        }
    }

    /// Loads what was asked for again, when nothing new is before it.
    pub(super) async fn load_replays(&mut self) -> Result<(), FlowError> {
        let has_room = self.is_at_end && self.queue.has_room_for_replays(self.task.app.clock.now());
        if let Some(after) = self.replays_after.filter(|_| has_room) {
            let mut tx = self.task.app.store.read().await?;
            let rows = deliveries::load(&mut tx, self.task.id, DeliveryState::Replayed, after, READ_AT_ONCE).await?;
            drop(tx);
            self.replays_after = rows.last().map(|row| row.event);
            self.enter_again(rows).await?;
        }
        Ok(())
    }
}
