//! Order per conversation: an event is ready when it is the first in each of its lanes. Events of other
//! conversations pass by.
//!
//! A lane is a conversation, named by a hash. An event may be in several: a change about two people, or
//! one person known by a number and by an id.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

/// A conversation, by a hash of who it is with.
pub type Lane = u64;

/// Events in their lanes. `E` orders them as the log does.
#[derive(Debug, Clone)]
pub struct Lanes<E> {
    queues: HashMap<Lane, VecDeque<E>>,
    events: BTreeMap<E, Box<[Lane]>>,
    ready: BTreeSet<E>,
}

impl<E> Default for Lanes<E> {
    fn default() -> Self {
        Self { queues: HashMap::new(), events: BTreeMap::new(), ready: BTreeSet::new() }
    }
}

impl<E: Copy + Ord> Lanes<E> {
    /// Enters an event behind all that are in; one that is in already stays where it is. Every lane is in
    /// the order of entering, so that no two events can wait for each other. Without a lane an event waits
    /// for nobody.
    pub fn enter(&mut self, event: E, lanes: &[Lane]) {
        if self.events.contains_key(&event) {
            return;
        }
        let lanes: BTreeSet<Lane> = lanes.iter().copied().collect();
        for lane in &lanes {
            self.queues.entry(*lane).or_default().push_back(event);
        }
        self.events.insert(event, lanes.into_iter().collect());
        self.look(event);
    }

    /// Enters an event where it stands in the log: before later ones that are in, none of which may be under way.
    /// One that is in already stays where it is.
    pub fn enter_in_order(&mut self, event: E, lanes: &[Lane]) {
        if self.events.contains_key(&event) {
            return;
        }
        let lanes: BTreeSet<Lane> = lanes.iter().copied().collect();
        for lane in &lanes {
            let queue = self.queues.entry(*lane).or_default();
            let at = queue.iter().rposition(|other| *other < event).map_or(0, |before| before + 1);
            if at == 0
                && let Some(first) = queue.front()
            {
                self.ready.remove(first);
            }
            queue.insert(at, event);
        }
        self.events.insert(event, lanes.into_iter().collect());
        self.look(event);
    }

    /// Takes an event out: it was delivered, or given up. Those behind it move up.
    pub fn leave(&mut self, event: E) {
        let Some(lanes) = self.events.remove(&event) else { return };
        self.ready.remove(&event);
        for lane in lanes {
            let Some(queue) = self.queues.get_mut(&lane) else { continue };
            if queue.front() == Some(&event) {
                queue.pop_front();
            } else {
                queue.retain(|waiting| *waiting != event);
            }
            match queue.front().copied() {
                Some(next) => self.look(next),
                None => {
                    self.queues.remove(&lane);
                }
            }
        }
    }

    fn look(&mut self, event: E) {
        let Some(lanes) = self.events.get(&event) else { return };
        let is_first = |lane: &Lane| self.queues.get(lane).and_then(VecDeque::front) == Some(&event);
        if lanes.iter().all(is_first) {
            self.ready.insert(event);
        }
    }

    /// Events that nothing stands before, oldest first; those being delivered are among them.
    pub fn ready(&self) -> impl Iterator<Item = E> + '_ {
        self.ready.iter().copied()
    }

    /// Whether nothing stands before it.
    pub fn is_ready(&self, event: E) -> bool {
        self.ready.contains(&event)
    }

    /// Whether it is in.
    pub fn contains(&self, event: E) -> bool {
        self.events.contains_key(&event)
    }

    /// The lanes of an event that is in.
    pub fn of(&self, event: E) -> &[Lane] {
        self.events.get(&event).map_or(&[], AsRef::as_ref)
    }

    /// The event that stands first in a lane.
    pub fn first(&self, lane: Lane) -> Option<E> {
        self.queues.get(&lane).and_then(VecDeque::front).copied()
    }

    /// How many events are in.
    pub fn len(&self) -> usize {
        self.events.len()
    }

    /// Whether none is in.
    pub fn is_empty(&self) -> bool {
        self.events.is_empty()
    }
}
