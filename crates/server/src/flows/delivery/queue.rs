//! What an endpoint has before it: events read from the log and events set aside, each in its
//! conversation's order. Pure state; it knows what may go next, and how far the cursor may move.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use domain::delivery::lanes::{Lane, Lanes};
use jiff::Timestamp;

use super::post::Post;
use crate::store::deliveries::{Delivery, DeliveryState};
use crate::store::ids::EventId;

/// So many events of the log are held at once, and so many bytes of them.
const WINDOW: usize = 512;
const WINDOW_BYTES: usize = 8 << 20;

/// So many events may be set aside before no more of the log is read: what waits is kept in order in
/// memory, and memory has an end.
const MOST_ASIDE: usize = 10_000;

/// An event before an endpoint.
#[derive(Debug, Clone)]
pub(super) struct Held {
    pub(super) part: u32,
    pub(super) attempts: u32,
    pub(super) first_failed_at: Option<Timestamp>,
    pub(super) due_at: Timestamp,
    pub(super) failure: Option<String>,
    /// `None` where it is only in the log: the cursor stays behind it.
    pub(super) aside: Option<DeliveryState>,
    pub(super) is_sent: bool,
    /// Ready to be sent; events set aside are read again when their time comes.
    pub(super) posts: Option<Vec<Post>>,
}

/// What is to be sent of an event.
#[derive(Debug, Clone)]
pub(super) struct Todo {
    /// `None` where they are to be read from the log.
    pub(super) posts: Option<Vec<Post>>,
    /// From which part on.
    pub(super) part: u32,
    /// How often it was tried.
    pub(super) attempts: u32,
}

/// Where an event stands among those that could go: replays behind everything, then by time.
type Turn = (bool, Timestamp, EventId);

/// Everything before an endpoint.
#[derive(Debug)]
pub(super) struct Queue {
    lanes: Lanes<EventId>,
    held: BTreeMap<EventId, Held>,
    /// Events nothing stands before and that are not under way.
    turns: BTreeSet<Turn>,
    /// Events that are in the log alone.
    in_log: BTreeSet<EventId>,
    bytes: usize,
    /// Up to here the log was read.
    read_to: EventId,
    /// The last event that was set aside before a restart. Until the log was read up to such an event it stays: there may be
    /// one before it in its conversation that was not even tried.
    last_aside: EventId,
}

impl Queue {
    pub(super) fn from(cursor: EventId) -> Self {
        Self {
            lanes: Lanes::default(),
            held: BTreeMap::new(),
            turns: BTreeSet::new(),
            in_log: BTreeSet::new(),
            bytes: 0,
            read_to: cursor,
            last_aside: EventId(0),
        }
    }

    /// How many events of the log there is room for.
    pub(super) fn room(&self) -> usize {
        let aside = self.held.len() - self.in_log.len();
        // what the log brings of those set aside before a restart is here already
        let are_too_many = aside >= MOST_ASIDE && self.read_to >= self.last_aside;
        if self.bytes >= WINDOW_BYTES || are_too_many { 0 } else { WINDOW.saturating_sub(self.in_log.len()) }
    }

    /// Whether anything is set aside.
    pub(super) fn has_aside(&self) -> bool {
        self.held.len() > self.in_log.len()
    }

    /// Whether events asked for again may be loaded: nothing new could be sent now, and those loaded before wait for
    /// something. What is under way, and what is tried again for one conversation, holds up no replay of others.
    pub(super) fn has_room_for_replays(&self, now: Timestamp) -> bool {
        self.held.len() < MOST_ASIDE && self.next(now).is_none()
    }

    fn first_replay(&self) -> Option<&Turn> {
        self.turns.range((true, Timestamp::MIN, EventId(i64::MIN))..).next()
    }

    pub(super) const fn read_to(&self) -> EventId {
        self.read_to
    }

    /// The log was read up to here.
    pub(super) fn has_read(&mut self, to: EventId) {
        let before = self.read_to;
        self.read_to = before.max(to);
        let reached: Vec<EventId> = self
            .held
            .range((Bound::Excluded(before), Bound::Included(self.read_to)))
            .map(|(event, _)| *event)
            .collect();
        for event in reached {
            self.look(event);
        }
    }

    pub(super) fn contains(&self, event: EventId) -> bool {
        self.held.contains_key(&event)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.held.is_empty()
    }

    pub(super) fn get(&self, event: EventId) -> Option<&Held> {
        self.held.get(&event)
    }

    /// An event of the log.
    pub(super) fn enter(&mut self, event: EventId, lanes: &[Lane], posts: Vec<Post>, now: Timestamp) {
        self.bytes += size(&posts);
        self.in_log.insert(event);
        let held = Held {
            part: 0,
            attempts: 0,
            first_failed_at: None,
            due_at: now,
            failure: None,
            aside: None,
            is_sent: false,
            posts: Some(posts),
        };
        self.add(event, lanes, held);
    }

    /// An event that was set aside before, or is asked for again. It goes now, whenever it was due: whatever let the
    /// worker begin anew, a changed address or the endpoint switched on, may be what it waited for.
    pub(super) fn enter_again(&mut self, delivery: Delivery, lanes: &[Lane], now: Timestamp) {
        if delivery.state == DeliveryState::Waiting {
            self.last_aside = self.last_aside.max(delivery.event);
        }
        let held = Held {
            part: delivery.part,
            attempts: delivery.attempts,
            first_failed_at: delivery.first_failed_at,
            due_at: delivery.due_at.min(now),
            failure: delivery.failure,
            aside: Some(delivery.state),
            is_sent: false,
            posts: None,
        };
        self.add(delivery.event, lanes, held);
    }

    fn add(&mut self, event: EventId, lanes: &[Lane], held: Held) {
        match held.aside {
            // behind what is in its conversation, some of which may be under way
            Some(DeliveryState::Replayed) => self.lanes.enter(event, lanes),
            _ => self.lanes.enter_in_order(event, lanes),
        }
        self.held.insert(event, held);
        self.look(event);
    }

    fn look(&mut self, event: EventId) {
        if self.lanes.is_ready(event)
            && event <= self.read_to
            && let Some(held) = self.held.get(&event).filter(|held| !held.is_sent)
        {
            self.turns.insert(turn(event, held));
        }
    }

    /// The next event to be sent now.
    pub(super) fn next(&self, now: Timestamp) -> Option<EventId> {
        let is_due = |(_, due, _): &&Turn| *due <= now;
        let first = self.turns.first().filter(is_due);
        let replay = || self.first_replay().filter(is_due);
        first.or_else(replay).map(|(_, _, event)| *event)
    }

    /// When the next event is due.
    pub(super) fn next_due(&self) -> Option<Timestamp> {
        let first = self.turns.first().map(|(_, due, _)| *due);
        let replay = self.first_replay().map(|(_, due, _)| *due);
        first.into_iter().chain(replay).min()
    }

    /// The endpoint takes events again: what waits for its time goes now, however often it was refused meanwhile.
    pub(super) fn hurry(&mut self, now: Timestamp) {
        let later = self.held.iter_mut().filter(|(_, held)| !held.is_sent && held.due_at > now);
        for (event, held) in later {
            let was_ready = self.turns.remove(&turn(*event, held));
            held.due_at = now;
            if was_ready {
                self.turns.insert(turn(*event, held));
            }
        }
    }

    /// The event to try an endpoint with that takes nothing: the least tried, since another may be what
    /// it chokes on. Whether it is due is the breaker's to say.
    pub(super) fn probe(&self) -> Option<EventId> {
        let tried = |(_, due, event): &&Turn| (self.held.get(event).map_or(0, |held| held.attempts), *due);
        self.turns.iter().min_by_key(tried).map(|(_, _, event)| *event)
    }

    /// It is under way: what is to be sent. Its posts are kept while only the log has it.
    pub(super) fn send(&mut self, event: EventId) -> Option<Todo> {
        let held = self.held.get_mut(&event)?;
        self.turns.remove(&turn(event, held));
        held.is_sent = true;
        Some(Todo { posts: held.posts.clone(), part: held.part, attempts: held.attempts })
    }

    /// It was taken, given up, or is no more: whether it has a row that is to go.
    pub(super) fn leave(&mut self, event: EventId) -> Option<Held> {
        let held = self.held.remove(&event)?;
        self.turns.remove(&turn(event, &held));
        self.in_log.remove(&event);
        self.bytes -= held.posts.as_deref().map_or(0, size);
        let lanes: Vec<Lane> = self.lanes.of(event).to_vec();
        self.lanes.leave(event);
        for lane in lanes {
            if let Some(next) = self.lanes.first(lane) {
                self.look(next);
            }
        }
        Some(held)
    }

    /// It was not taken: it is set aside, in its place, until it is due again. What is to be written down.
    pub(super) fn fail(&mut self, event: EventId, change: impl FnOnce(&mut Held)) -> Option<Delivery> {
        let held = self.held.get_mut(&event)?;
        self.turns.remove(&turn(event, held));
        change(held);
        held.is_sent = false;
        let state = *held.aside.get_or_insert(DeliveryState::Waiting);
        let row = row(event, held, state);
        self.bytes -= held.posts.take().as_deref().map_or(0, size);
        self.in_log.remove(&event);
        self.look(event);
        Some(row)
    }

    /// Events of the log that stand behind one set aside: they are set aside too, so that the log is read
    /// on for the others.
    pub(super) fn set_blocked_aside(&mut self) -> Vec<Delivery> {
        let is_aside = |event: EventId| self.held.get(&event).is_some_and(|held| held.aside.is_some());
        let is_blocked = |event: &EventId| {
            let behind_one =
                |lane: &Lane| self.lanes.first(*lane).is_some_and(|first| first != *event && is_aside(first));
            !self.lanes.is_ready(*event) && self.lanes.of(*event).iter().any(behind_one)
        };
        let blocked: Vec<EventId> = self.in_log.iter().copied().filter(|event| is_blocked(event)).collect();
        blocked.into_iter().filter_map(|event| self.fail(event, |_| {})).collect()
    }

    /// Up to here every event was taken or set aside.
    pub(super) fn cursor(&self) -> EventId {
        self.in_log.first().map_or(self.read_to, |first| EventId(first.0 - 1))
    }
}

fn turn(event: EventId, held: &Held) -> Turn {
    (held.aside == Some(DeliveryState::Replayed), held.due_at, event)
}

fn row(event: EventId, held: &Held, state: DeliveryState) -> Delivery {
    Delivery {
        event,
        state,
        part: held.part,
        attempts: held.attempts,
        first_failed_at: held.first_failed_at,
        due_at: held.due_at,
        failure: held.failure.clone(),
    }
}

fn size(posts: &[Post]) -> usize {
    posts.iter().map(|post| post.body.len() + 128).sum()
}

#[cfg(test)]
mod tests;
