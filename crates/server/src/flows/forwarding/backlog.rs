//! The backlog of one endpoint: items of events fetched from the log and pending retries, in the order of their
//! conversations. Pure state: it knows which item may be sent next, and how far the cursor may move.

use std::collections::{BTreeMap, BTreeSet};

use domain::delivery::{OrderingKey, OrderingQueue};
use jiff::Timestamp;

use super::payload::{EncodedItem, Payload, Position};
use crate::store::deliveries::{Delivery, DeliveryState};
use crate::store::ids::EventId;

/// Items of the log that are held at once, but for those of the last event.
const MAX_WINDOW: usize = 512;

/// Bytes of payloads that are held at once.
const MAX_WINDOW_BYTES: usize = 8 << 20;

/// No more of the log is fetched when this many retries are pending: their order is held in memory.
const MAX_PENDING: usize = 10_000;

/// An item in the backlog.
#[derive(Debug, Clone)]
pub(super) struct QueuedItem {
    pub(super) attempts: u32,
    pub(super) first_failed_at: Option<Timestamp>,
    pub(super) due_at: Timestamp,
    pub(super) failure: Option<String>,
    /// The state of its row; `None` for an item without a row, whose event the cursor must not pass.
    pub(super) pending: Option<DeliveryState>,
    pub(super) is_in_flight: bool,
    /// `None` for a pending retry: its payload is encoded again when it is due.
    pub(super) payload: Option<Payload>,
}

/// The work of one attempt.
#[derive(Debug, Clone)]
pub(super) struct Dispatch {
    /// `None` when it is to be encoded from the log.
    pub(super) payload: Option<Payload>,
    /// Failed attempts so far.
    pub(super) attempts: u32,
}

/// Orders items that are ready: replays last, then by due time, then by position in the log.
type ScheduleKey = (bool, Timestamp, Position);

/// The backlog of one endpoint.
#[derive(Debug)]
pub(super) struct EndpointBacklog {
    order: OrderingQueue<Position>,
    items: BTreeMap<Position, QueuedItem>,
    /// Items with no item before them that are not in flight.
    schedule: BTreeSet<ScheduleKey>,
    /// Items without a row: the log alone has them.
    log_only: BTreeSet<Position>,
    /// The size of the payloads held.
    bytes: usize,
    /// The last event of the log that was fetched.
    fetched_to: EventId,
    /// The event of the last retry that was pending at the start. Such a retry waits until the log is fetched up to it: an
    /// item before it in its conversation may not have been tried yet.
    last_pending: EventId,
}

impl EndpointBacklog {
    pub(super) fn new(cursor: EventId) -> Self {
        Self {
            order: OrderingQueue::default(),
            items: BTreeMap::new(),
            schedule: BTreeSet::new(),
            log_only: BTreeSet::new(),
            bytes: 0,
            fetched_to: cursor,
            last_pending: EventId(0),
        }
    }

    /// How many more events of the log may be fetched.
    pub(super) fn free_slots(&self) -> usize {
        let pending = self.items.len() - self.log_only.len();
        // up to `last_pending` a fetch brings mostly events that are held already
        let too_many_pending = pending >= MAX_PENDING && self.fetched_to >= self.last_pending;
        if self.bytes >= MAX_WINDOW_BYTES || too_many_pending {
            0
        } else {
            MAX_WINDOW.saturating_sub(self.log_only.len())
        }
    }

    /// Whether any retry or replay is pending.
    pub(super) fn has_pending(&self) -> bool {
        self.items.len() > self.log_only.len()
    }

    /// Whether replays may be loaded: no other event could be sent now. Events in flight and retries that are not due
    /// do not hold replays up.
    pub(super) fn has_capacity_for_replays(&self, now: Timestamp) -> bool {
        self.items.len() < MAX_PENDING && self.next(now).is_none()
    }

    fn first_replay(&self) -> Option<&ScheduleKey> {
        self.schedule.range((true, Timestamp::MIN, Position::first_of(EventId(i64::MIN)))..).next()
    }

    pub(super) const fn fetched_to(&self) -> EventId {
        self.fetched_to
    }

    /// Records that the log was fetched up to an event.
    pub(super) fn set_fetched_to(&mut self, to: EventId) {
        let before = self.fetched_to;
        self.fetched_to = before.max(to);
        let after = |event: EventId| Position::first_of(EventId(event.0.saturating_add(1)));
        let reached = self.items.range(after(before)..after(self.fetched_to));
        let reached: Vec<Position> = reached.map(|(position, _)| *position).collect();
        for position in reached {
            self.schedule_if_ready(position);
        }
    }

    pub(super) fn contains(&self, position: Position) -> bool {
        self.items.contains_key(&position)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    pub(super) fn get(&self, position: Position) -> Option<&QueuedItem> {
        self.items.get(&position)
    }

    /// Adds an item fetched from the log.
    pub(super) fn push(&mut self, item: EncodedItem, now: Timestamp) {
        let EncodedItem { position, keys, payload } = item;
        self.bytes += size(&payload);
        self.log_only.insert(position);
        let queued = QueuedItem {
            attempts: 0,
            first_failed_at: None,
            due_at: now,
            failure: None,
            pending: None,
            is_in_flight: false,
            payload: Some(payload),
        };
        self.insert(position, &keys, queued);
    }

    /// Adds a pending retry or replay from its row. It is due now: the worker may have restarted because the endpoint
    /// was changed or enabled, which may be what the item waited for.
    pub(super) fn restore(&mut self, row: Delivery, position: Position, keys: &[OrderingKey], now: Timestamp) {
        if row.state == DeliveryState::Retrying {
            self.last_pending = self.last_pending.max(position.event);
        }
        let queued = QueuedItem {
            attempts: row.attempts,
            first_failed_at: row.first_failed_at,
            due_at: row.due_at.min(now),
            failure: row.failure,
            pending: Some(row.state),
            is_in_flight: false,
            payload: None,
        };
        self.insert(position, keys, queued);
    }

    fn insert(&mut self, position: Position, keys: &[OrderingKey], queued: QueuedItem) {
        match queued.pending {
            // behind the items of its conversation, some of which may be in flight
            Some(DeliveryState::Replayed) => self.order.push_back(position, keys),
            _ => {
                let firsts: Vec<Position> = keys.iter().filter_map(|key| self.order.first(*key)).collect();
                self.order.insert_in_log_order(position, keys);
                for first in firsts.into_iter().filter(|first| !self.order.is_ready(*first)) {
                    if let Some(queued) = self.items.get(&first) {
                        self.schedule.remove(&schedule_key(first, queued));
                    }
                }
            }
        }
        self.items.insert(position, queued);
        self.schedule_if_ready(position);
    }

    fn schedule_if_ready(&mut self, position: Position) {
        if self.order.is_ready(position)
            && position.event <= self.fetched_to
            && let Some(queued) = self.items.get(&position).filter(|queued| !queued.is_in_flight)
        {
            self.schedule.insert(schedule_key(position, queued));
        }
    }

    /// The next item that is ready and due.
    pub(super) fn next(&self, now: Timestamp) -> Option<Position> {
        let is_due = |(_, due, _): &&ScheduleKey| *due <= now;
        let first = self.schedule.first().filter(is_due);
        let replay = || self.first_replay().filter(is_due);
        first.or_else(replay).map(|(_, _, position)| *position)
    }

    /// When the next ready item is due.
    pub(super) fn next_due(&self) -> Option<Timestamp> {
        let first = self.schedule.first().map(|(_, due, _)| *due);
        let replay = self.first_replay().map(|(_, due, _)| *due);
        first.into_iter().chain(replay).min()
    }

    /// Makes every retry due now, because the endpoint accepts events again.
    pub(super) fn make_due(&mut self, now: Timestamp) {
        let later = self.items.iter_mut().filter(|(_, queued)| !queued.is_in_flight && queued.due_at > now);
        for (position, queued) in later {
            let was_scheduled = self.schedule.remove(&schedule_key(*position, queued));
            queued.due_at = now;
            if was_scheduled {
                self.schedule.insert(schedule_key(*position, queued));
            }
        }
    }

    /// The item to probe a failing endpoint with: the one with the fewest attempts, because another may be the item
    /// that the endpoint fails at. The circuit breaker decides when.
    pub(super) fn probe(&self) -> Option<Position> {
        let attempts =
            |(_, due, position): &&ScheduleKey| (self.items.get(position).map_or(0, |queued| queued.attempts), *due);
        self.schedule.iter().min_by_key(attempts).map(|(_, _, position)| *position)
    }

    /// Marks an item as in flight and returns what to send. The payload stays in memory while the item has no row.
    pub(super) fn dispatch(&mut self, position: Position) -> Option<Dispatch> {
        let queued = self.items.get_mut(&position)?;
        self.schedule.remove(&schedule_key(position, queued));
        queued.is_in_flight = true;
        Some(Dispatch { payload: queued.payload.clone(), attempts: queued.attempts })
    }

    /// Removes an item that was delivered, given up, or removed from the log.
    pub(super) fn remove(&mut self, position: Position) -> Option<QueuedItem> {
        let queued = self.items.remove(&position)?;
        self.schedule.remove(&schedule_key(position, &queued));
        self.log_only.remove(&position);
        self.bytes -= queued.payload.as_ref().map_or(0, size);
        let keys: Vec<OrderingKey> = self.order.keys_of(position).to_vec();
        self.order.remove(position);
        for key in keys {
            if let Some(next) = self.order.first(key) {
                self.schedule_if_ready(next);
            }
        }
        Some(queued)
    }

    /// Turns an item that failed into a pending retry at its place. Returns the row to write.
    pub(super) fn defer(&mut self, position: Position, change: impl FnOnce(&mut QueuedItem)) -> Option<Delivery> {
        let queued = self.items.get_mut(&position)?;
        self.schedule.remove(&schedule_key(position, queued));
        change(queued);
        queued.is_in_flight = false;
        let state = *queued.pending.get_or_insert(DeliveryState::Retrying);
        let row = row(position, queued, state);
        self.bytes -= queued.payload.take().as_ref().map_or(0, size);
        self.log_only.remove(&position);
        self.schedule_if_ready(position);
        Some(row)
    }

    /// Turns items that wait behind a pending retry into pending retries too, so that the cursor can pass them and
    /// the log is fetched for other conversations. Returns the rows to write.
    pub(super) fn defer_blocked(&mut self) -> Vec<Delivery> {
        let is_pending = |position: Position| self.items.get(&position).is_some_and(|queued| queued.pending.is_some());
        let is_blocked = |position: &Position| {
            let behind_pending =
                |key: &OrderingKey| self.order.first(*key).is_some_and(|first| first != *position && is_pending(first));
            !self.order.is_ready(*position) && self.order.keys_of(*position).iter().any(behind_pending)
        };
        let blocked: Vec<Position> = self.log_only.iter().copied().filter(|position| is_blocked(position)).collect();
        blocked.into_iter().filter_map(|position| self.defer(position, |_| {})).collect()
    }

    /// The cursor: every item of every event up to it was delivered or has a row.
    pub(super) fn cursor(&self) -> EventId {
        self.log_only.first().map_or(self.fetched_to, |first| EventId(first.event.0 - 1))
    }
}

fn schedule_key(position: Position, queued: &QueuedItem) -> ScheduleKey {
    (queued.pending == Some(DeliveryState::Replayed), queued.due_at, position)
}

fn row(position: Position, queued: &QueuedItem, state: DeliveryState) -> Delivery {
    Delivery {
        key: position.key(),
        state,
        attempts: queued.attempts,
        first_failed_at: queued.first_failed_at,
        due_at: queued.due_at,
        failure: queued.failure.clone(),
    }
}

fn size(payload: &Payload) -> usize {
    payload.body.len() + 128
}

#[cfg(test)]
mod tests;
