//! Order per conversation: an event is ready when it is the first with each of its ordering keys. Events of other
//! conversations overtake it.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};

use super::event_kind::EventKind;
use crate::ids::ChannelId;

/// The other side of a conversation with a number, by one of its ids.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Counterpart {
    /// A phone number as digits or a business-scoped id, as Meta wrote it.
    Person(String),
    /// The id of a group. What is written in it keeps its order whoever writes.
    Group(String),
}

impl Counterpart {
    /// Whom a message, a status or a call is with: the group it belongs to, otherwise the person by every given id.
    pub fn of(group: Option<String>, people: impl IntoIterator<Item = String>) -> Vec<Self> {
        match group {
            Some(group) => vec![Self::Group(group)],
            None => people.into_iter().map(Self::Person).collect(),
        }
    }
}

/// The hash of a conversation. A delivery may have several: a change about two people, or one person known by a number
/// and by an id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct OrderingKey(pub u64);

impl OrderingKey {
    /// One key per counterpart of a number. A delivery with nobody keeps its order among those of its kind.
    pub fn of(channel: Option<ChannelId>, kind: EventKind, counterparts: &[Counterpart]) -> Vec<Self> {
        if counterparts.is_empty() {
            return vec![Self::hash(&(channel, kind))];
        }
        counterparts.iter().map(|counterpart| Self::hash(&(channel, counterpart))).collect()
    }

    fn hash(conversation: &impl Hash) -> Self {
        // a hasher without random keys: no other process compares them
        let mut hasher = DefaultHasher::new();
        conversation.hash(&mut hasher);
        Self(hasher.finish())
    }
}

/// Events queued by their ordering keys. `E` orders events as the log does.
#[derive(Debug, Clone)]
pub struct OrderingQueue<E> {
    queues: HashMap<OrderingKey, VecDeque<E>>,
    events: BTreeMap<E, Box<[OrderingKey]>>,
    ready: BTreeSet<E>,
}

impl<E> Default for OrderingQueue<E> {
    fn default() -> Self {
        Self { queues: HashMap::new(), events: BTreeMap::new(), ready: BTreeSet::new() }
    }
}

impl<E: Copy + Ord> OrderingQueue<E> {
    /// Queues an event behind all others with its keys; an event that is queued already stays where it is. The order
    /// is the same for every key, so two events never wait for each other. An event without a key is ready at once.
    pub fn push_back(&mut self, event: E, keys: &[OrderingKey]) {
        if self.events.contains_key(&event) {
            return;
        }
        let keys: BTreeSet<OrderingKey> = keys.iter().copied().collect();
        for key in &keys {
            self.queues.entry(*key).or_default().push_back(event);
        }
        self.events.insert(event, keys.into_iter().collect());
        self.update_ready(event);
    }

    /// Queues an event at its position in the log, before later events with its keys. None of those may be in flight.
    /// An event that is queued already stays where it is.
    pub fn insert_in_log_order(&mut self, event: E, keys: &[OrderingKey]) {
        if self.events.contains_key(&event) {
            return;
        }
        let keys: BTreeSet<OrderingKey> = keys.iter().copied().collect();
        for key in &keys {
            let queue = self.queues.entry(*key).or_default();
            let at = queue.iter().rposition(|other| *other < event).map_or(0, |before| before + 1);
            if at == 0
                && let Some(first) = queue.front()
            {
                self.ready.remove(first);
            }
            queue.insert(at, event);
        }
        self.events.insert(event, keys.into_iter().collect());
        self.update_ready(event);
    }

    /// Removes an event after its delivery or its last attempt. The events behind it move up.
    pub fn remove(&mut self, event: E) {
        let Some(keys) = self.events.remove(&event) else { return };
        self.ready.remove(&event);
        for key in keys {
            let Some(queue) = self.queues.get_mut(&key) else { continue };
            if queue.front() == Some(&event) {
                queue.pop_front();
            } else {
                queue.retain(|queued| *queued != event);
            }
            match queue.front().copied() {
                Some(next) => self.update_ready(next),
                None => {
                    self.queues.remove(&key);
                }
            }
        }
    }

    fn update_ready(&mut self, event: E) {
        let Some(keys) = self.events.get(&event) else { return };
        let is_first = |key: &OrderingKey| self.queues.get(key).and_then(VecDeque::front) == Some(&event);
        if keys.iter().all(is_first) {
            self.ready.insert(event);
        }
    }

    /// Events with no event before them, oldest first; events in flight are among them.
    pub fn ready(&self) -> impl Iterator<Item = E> + '_ {
        self.ready.iter().copied()
    }

    /// Whether the event has no event before it.
    pub fn is_ready(&self, event: E) -> bool {
        self.ready.contains(&event)
    }

    /// Whether the event is queued.
    pub fn contains(&self, event: E) -> bool {
        self.events.contains_key(&event)
    }

    /// The keys of a queued event.
    pub fn keys_of(&self, event: E) -> &[OrderingKey] {
        self.events.get(&event).map_or(&[], AsRef::as_ref)
    }

    /// The first event with a key.
    pub fn first(&self, key: OrderingKey) -> Option<E> {
        self.queues.get(&key).and_then(VecDeque::front).copied()
    }

    /// The number of queued events.
    pub fn len(&self) -> usize {
        self.events.len()
    }

    /// Whether no event is queued.
    pub fn is_empty(&self) -> bool {
        self.events.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn person(id: &str) -> Vec<Counterpart> {
        Counterpart::of(None, [id.to_owned()])
    }

    fn keys(counterparts: &[Counterpart]) -> Vec<OrderingKey> {
        OrderingKey::of(Some(ChannelId(1)), EventKind::Messages, counterparts)
    }

    #[test]
    fn people_never_wait_for_each_other_and_a_group_is_one_conversation() {
        let mut queue = OrderingQueue::default();
        let in_group = |person: &str| Counterpart::of(Some("G".to_owned()), [person.to_owned()]);
        let both_ids = Counterpart::of(None, ["ada".to_owned(), "US.1".to_owned()]);
        let deliveries =
            [person("ada"), person("ben"), both_ids, person("US.1"), in_group("ada"), in_group("ben"), person("G")];
        for (at, counterparts) in deliveries.iter().enumerate() {
            queue.push_back(at, &keys(counterparts));
        }
        assert_eq!(queue.ready().collect::<Vec<_>>(), [0, 1, 4, 6], "ben, the group and its namesake wait for nobody");
        queue.remove(0);
        assert_eq!(queue.ready().collect::<Vec<_>>(), [1, 2, 4, 6], "one person by two ids is in order");
        queue.remove(4);
        assert_eq!(queue.ready().collect::<Vec<_>>(), [1, 2, 5, 6], "a group is in order whoever writes");
        queue.remove(2);
        assert!(queue.is_ready(3));
    }

    #[test]
    fn what_is_with_nobody_keeps_its_order_among_its_kind() {
        let of = |kind| OrderingKey::of(None, kind, &[]);
        assert_eq!(of(EventKind::Account), of(EventKind::Account));
        assert_ne!(of(EventKind::Account), of(EventKind::Templates));
        assert_ne!(OrderingKey::of(Some(ChannelId(2)), EventKind::Messages, &person("ada")), keys(&person("ada")));
    }

    proptest! {
        /// Events are removed in any order that `ready` allows: with each key the order is the one of queueing, and no
        /// event is ever stuck.
        #[test]
        fn order_holds_for_every_key(
            events in prop::collection::vec(prop::collection::vec((0_u64..6).prop_map(OrderingKey), 0..3), 1..60),
            picks in prop::collection::vec(any::<prop::sample::Index>(), 200),
        ) {
            let mut queue = OrderingQueue::default();
            let mut incoming = events.iter().enumerate();
            let mut removed: HashMap<OrderingKey, Vec<usize>> = HashMap::new();
            let mut count = 0;
            for pick in picks {
                if pick.index(3) > 0 && let Some((event, keys)) = incoming.next() {
                    queue.push_back(event, keys);
                    continue;
                }
                let ready: Vec<usize> = queue.ready().collect();
                prop_assert_eq!(ready.is_empty(), queue.is_empty());
                if ready.is_empty() {
                    continue;
                }
                let event = ready[pick.index(ready.len())];
                for key in queue.keys_of(event) {
                    removed.entry(*key).or_default().push(event);
                }
                queue.remove(event);
                prop_assert!(!queue.contains(event));
                count += 1;
            }
            prop_assert!(count + queue.len() <= events.len());
            for (key, order) in removed {
                prop_assert!(order.is_sorted(), "{key:?}: {order:?}");
            }
        }
    }
}
