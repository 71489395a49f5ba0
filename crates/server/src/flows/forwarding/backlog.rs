//! The backlog of one endpoint: events fetched from the log and pending retries, in the order of their conversations.
//! Pure state: it knows which event may be sent next, and how far the cursor may move.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use domain::delivery::{OrderingKey, OrderingQueue};
use jiff::Timestamp;

use super::payload::Payload;
use crate::store::deliveries::{Delivery, DeliveryState};
use crate::store::ids::EventId;

/// Events of the log that are held at once.
const MAX_WINDOW: usize = 512;

/// Bytes of payloads that are held at once.
const MAX_WINDOW_BYTES: usize = 8 << 20;

/// No more of the log is fetched when this many retries are pending: their order is held in memory.
const MAX_PENDING: usize = 10_000;

/// An event in the backlog.
#[derive(Debug, Clone)]
pub(super) struct QueuedEvent {
    /// The first payload that was not accepted yet.
    pub(super) part: u32,
    pub(super) attempts: u32,
    pub(super) first_failed_at: Option<Timestamp>,
    pub(super) due_at: Timestamp,
    pub(super) failure: Option<String>,
    /// The state of its row; `None` for an event without a row, which the cursor must not pass.
    pub(super) pending: Option<DeliveryState>,
    pub(super) is_in_flight: bool,
    /// `None` for a pending retry: its payloads are encoded again when it is due.
    pub(super) payloads: Option<Vec<Payload>>,
}

/// The work of one attempt: which payloads of an event to send.
#[derive(Debug, Clone)]
pub(super) struct Dispatch {
    /// `None` when they are to be encoded from the log.
    pub(super) payloads: Option<Vec<Payload>>,
    /// The first payload to send.
    pub(super) part: u32,
    /// Failed attempts so far.
    pub(super) attempts: u32,
}

/// Orders events that are ready: replays last, then by due time, then by position in the log.
type ScheduleKey = (bool, Timestamp, EventId);

/// The backlog of one endpoint.
#[derive(Debug)]
pub(super) struct EndpointBacklog {
    order: OrderingQueue<EventId>,
    events: BTreeMap<EventId, QueuedEvent>,
    /// Events with no event before them that are not in flight.
    schedule: BTreeSet<ScheduleKey>,
    /// Events without a row: the log alone has them.
    log_only: BTreeSet<EventId>,
    /// The size of the payloads held.
    bytes: usize,
    /// The last event of the log that was fetched.
    fetched_to: EventId,
    /// The last retry that was pending at the start. Such an event waits until the log is fetched up to it: an event
    /// before it in its conversation may not have been tried yet.
    last_pending: EventId,
}

impl EndpointBacklog {
    pub(super) fn new(cursor: EventId) -> Self {
        Self {
            order: OrderingQueue::default(),
            events: BTreeMap::new(),
            schedule: BTreeSet::new(),
            log_only: BTreeSet::new(),
            bytes: 0,
            fetched_to: cursor,
            last_pending: EventId(0),
        }
    }

    /// How many more events of the log may be fetched.
    pub(super) fn free_slots(&self) -> usize {
        let pending = self.events.len() - self.log_only.len();
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
        self.events.len() > self.log_only.len()
    }

    /// Whether replays may be loaded: no other event could be sent now. Events in flight and retries that are not due
    /// do not hold replays up.
    pub(super) fn has_capacity_for_replays(&self, now: Timestamp) -> bool {
        self.events.len() < MAX_PENDING && self.next(now).is_none()
    }

    fn first_replay(&self) -> Option<&ScheduleKey> {
        self.schedule.range((true, Timestamp::MIN, EventId(i64::MIN))..).next()
    }

    pub(super) const fn fetched_to(&self) -> EventId {
        self.fetched_to
    }

    /// Records that the log was fetched up to an event.
    pub(super) fn set_fetched_to(&mut self, to: EventId) {
        let before = self.fetched_to;
        self.fetched_to = before.max(to);
        let reached: Vec<EventId> = self
            .events
            .range((Bound::Excluded(before), Bound::Included(self.fetched_to)))
            .map(|(event, _)| *event)
            .collect();
        for event in reached {
            self.schedule_if_ready(event);
        }
    }

    pub(super) fn contains(&self, event: EventId) -> bool {
        self.events.contains_key(&event)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    pub(super) fn get(&self, event: EventId) -> Option<&QueuedEvent> {
        self.events.get(&event)
    }

    /// Adds an event fetched from the log.
    pub(super) fn push(&mut self, event: EventId, keys: &[OrderingKey], payloads: Vec<Payload>, now: Timestamp) {
        self.bytes += size(&payloads);
        self.log_only.insert(event);
        let queued = QueuedEvent {
            part: 0,
            attempts: 0,
            first_failed_at: None,
            due_at: now,
            failure: None,
            pending: None,
            is_in_flight: false,
            payloads: Some(payloads),
        };
        self.insert(event, keys, queued);
    }

    /// Adds a pending retry or replay from its row. It is due now: the worker may have restarted because the endpoint
    /// was changed or enabled, which may be what the event waited for.
    pub(super) fn restore(&mut self, row: Delivery, keys: &[OrderingKey], now: Timestamp) {
        if row.state == DeliveryState::Retrying {
            self.last_pending = self.last_pending.max(row.event);
        }
        let queued = QueuedEvent {
            part: row.part,
            attempts: row.attempts,
            first_failed_at: row.first_failed_at,
            due_at: row.due_at.min(now),
            failure: row.failure,
            pending: Some(row.state),
            is_in_flight: false,
            payloads: None,
        };
        self.insert(row.event, keys, queued);
    }

    fn insert(&mut self, event: EventId, keys: &[OrderingKey], queued: QueuedEvent) {
        match queued.pending {
            // behind the events of its conversation, some of which may be in flight
            Some(DeliveryState::Replayed) => self.order.push_back(event, keys),
            _ => self.order.insert_in_log_order(event, keys),
        }
        self.events.insert(event, queued);
        self.schedule_if_ready(event);
    }

    fn schedule_if_ready(&mut self, event: EventId) {
        if self.order.is_ready(event)
            && event <= self.fetched_to
            && let Some(queued) = self.events.get(&event).filter(|queued| !queued.is_in_flight)
        {
            self.schedule.insert(schedule_key(event, queued));
        }
    }

    /// The next event that is ready and due.
    pub(super) fn next(&self, now: Timestamp) -> Option<EventId> {
        let is_due = |(_, due, _): &&ScheduleKey| *due <= now;
        let first = self.schedule.first().filter(is_due);
        let replay = || self.first_replay().filter(is_due);
        first.or_else(replay).map(|(_, _, event)| *event)
    }

    /// When the next ready event is due.
    pub(super) fn next_due(&self) -> Option<Timestamp> {
        let first = self.schedule.first().map(|(_, due, _)| *due);
        let replay = self.first_replay().map(|(_, due, _)| *due);
        first.into_iter().chain(replay).min()
    }

    /// Makes every retry due now, because the endpoint accepts events again.
    pub(super) fn make_due(&mut self, now: Timestamp) {
        let later = self.events.iter_mut().filter(|(_, queued)| !queued.is_in_flight && queued.due_at > now);
        for (event, queued) in later {
            let was_scheduled = self.schedule.remove(&schedule_key(*event, queued));
            queued.due_at = now;
            if was_scheduled {
                self.schedule.insert(schedule_key(*event, queued));
            }
        }
    }

    /// The event to probe a failing endpoint with: the one with the fewest attempts, because another may be the event
    /// that the endpoint fails at. The circuit breaker decides when.
    pub(super) fn probe(&self) -> Option<EventId> {
        let attempts =
            |(_, due, event): &&ScheduleKey| (self.events.get(event).map_or(0, |queued| queued.attempts), *due);
        self.schedule.iter().min_by_key(attempts).map(|(_, _, event)| *event)
    }

    /// Marks an event as in flight and returns what to send. Payloads stay in memory while the event has no row.
    pub(super) fn dispatch(&mut self, event: EventId) -> Option<Dispatch> {
        let queued = self.events.get_mut(&event)?;
        self.schedule.remove(&schedule_key(event, queued));
        queued.is_in_flight = true;
        Some(Dispatch { payloads: queued.payloads.clone(), part: queued.part, attempts: queued.attempts })
    }

    /// Removes an event that was delivered, given up, or removed from the log.
    pub(super) fn remove(&mut self, event: EventId) -> Option<QueuedEvent> {
        let queued = self.events.remove(&event)?;
        self.schedule.remove(&schedule_key(event, &queued));
        self.log_only.remove(&event);
        self.bytes -= queued.payloads.as_deref().map_or(0, size);
        let keys: Vec<OrderingKey> = self.order.keys_of(event).to_vec();
        self.order.remove(event);
        for key in keys {
            if let Some(next) = self.order.first(key) {
                self.schedule_if_ready(next);
            }
        }
        Some(queued)
    }

    /// Turns an event that failed into a pending retry at its place. Returns the row to write.
    pub(super) fn defer(&mut self, event: EventId, change: impl FnOnce(&mut QueuedEvent)) -> Option<Delivery> {
        let queued = self.events.get_mut(&event)?;
        self.schedule.remove(&schedule_key(event, queued));
        change(queued);
        queued.is_in_flight = false;
        let state = *queued.pending.get_or_insert(DeliveryState::Retrying);
        let row = row(event, queued, state);
        self.bytes -= queued.payloads.take().as_deref().map_or(0, size);
        self.log_only.remove(&event);
        self.schedule_if_ready(event);
        Some(row)
    }

    /// Turns events that wait behind a pending retry into pending retries too, so that the cursor can pass them and
    /// the log is fetched for other conversations. Returns the rows to write.
    pub(super) fn defer_blocked(&mut self) -> Vec<Delivery> {
        let is_pending = |event: EventId| self.events.get(&event).is_some_and(|queued| queued.pending.is_some());
        let is_blocked = |event: &EventId| {
            let behind_pending =
                |key: &OrderingKey| self.order.first(*key).is_some_and(|first| first != *event && is_pending(first));
            !self.order.is_ready(*event) && self.order.keys_of(*event).iter().any(behind_pending)
        };
        let blocked: Vec<EventId> = self.log_only.iter().copied().filter(|event| is_blocked(event)).collect();
        blocked.into_iter().filter_map(|event| self.defer(event, |_| {})).collect()
    }

    /// The cursor: every event up to it was delivered or has a row.
    pub(super) fn cursor(&self) -> EventId {
        self.log_only.first().map_or(self.fetched_to, |first| EventId(first.0 - 1))
    }
}

fn schedule_key(event: EventId, queued: &QueuedEvent) -> ScheduleKey {
    (queued.pending == Some(DeliveryState::Replayed), queued.due_at, event)
}

fn row(event: EventId, queued: &QueuedEvent, state: DeliveryState) -> Delivery {
    Delivery {
        event,
        state,
        part: queued.part,
        attempts: queued.attempts,
        first_failed_at: queued.first_failed_at,
        due_at: queued.due_at,
        failure: queued.failure.clone(),
    }
}

fn size(payloads: &[Payload]) -> usize {
    payloads.iter().map(|payload| payload.body.len() + 128).sum()
}

#[cfg(test)]
mod tests;
