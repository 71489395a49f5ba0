//! Invariants of the backlog: order within a conversation, a cursor that never passes an event without a result, bounds.

use bytes::Bytes;
use jiff::SignedDuration;

use super::*;
use crate::store::ids::ItemId;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_790_000_000 + seconds).unwrap()
}

/// The position of an event as a whole.
fn whole(event: i64) -> Position {
    Position::first_of(EventId(event))
}

fn item(position: Position, key: u64) -> EncodedItem {
    let payload = Payload { id: position.key().webhook_id(), body: Bytes::from_static(b"{}") };
    EncodedItem { position, keys: vec![OrderingKey(key)], payload }
}

fn backlog(events: &[(i64, u64)]) -> EndpointBacklog {
    let mut backlog = EndpointBacklog::new(EventId(0));
    for (event, key) in events {
        backlog.push(item(whole(*event), *key), at(0));
        backlog.set_fetched_to(EventId(*event));
    }
    backlog
}

fn start(backlog: &mut EndpointBacklog, now: Timestamp) -> Option<i64> {
    let position = backlog.next(now)?;
    backlog.dispatch(position).unwrap();
    Some(position.event.0)
}

#[test]
fn conversations_are_independent_and_each_keeps_its_order() {
    let mut backlog = backlog(&[(1, 7), (2, 7), (3, 8)]);
    assert_eq!(
        (start(&mut backlog, at(0)), start(&mut backlog, at(0)), start(&mut backlog, at(0))),
        (Some(1), Some(3), None)
    );
    backlog.remove(whole(3));
    assert_eq!(backlog.cursor(), EventId(0), "1 is in flight");
    backlog.remove(whole(1));
    assert_eq!(backlog.cursor(), EventId(1));
    assert_eq!(start(&mut backlog, at(0)), Some(2));
    backlog.remove(whole(2));
    assert_eq!(backlog.cursor(), EventId(3));
    assert!(backlog.is_empty());
}

#[test]
fn a_stuck_conversation_becomes_pending_whole_and_the_cursor_moves_on() {
    let mut backlog = backlog(&[(1, 7), (2, 7), (3, 8), (4, 7)]);
    start(&mut backlog, at(0));
    let later = |queued: &mut QueuedItem| {
        (queued.attempts, queued.first_failed_at, queued.due_at) = (1, Some(at(1)), at(5));
    };
    let row = backlog.defer(whole(1), later).unwrap();
    assert_eq!((row.key, row.state, row.attempts, row.due_at), (whole(1).key(), DeliveryState::Retrying, 1, at(5)));
    assert_eq!(backlog.cursor(), EventId(1));
    let blocked: Vec<i64> = backlog.defer_blocked().iter().map(|row| row.key.event.0).collect();
    assert_eq!(blocked, [2, 4]);
    assert!(backlog.defer_blocked().is_empty(), "once");
    assert_eq!(backlog.cursor(), EventId(2), "3 has no result");
    assert_eq!(start(&mut backlog, at(1)), Some(3));
    backlog.remove(whole(3));
    assert_eq!(backlog.cursor(), EventId(4));
    assert_eq!((backlog.next(at(4)), backlog.next_due()), (None, Some(at(5))));
    for event in [1, 2, 4] {
        assert_eq!(start(&mut backlog, at(5)), Some(event));
        assert_eq!(start(&mut backlog, at(5)), None);
        assert!(backlog.remove(whole(event)).unwrap().pending.is_some(), "its row is to be deleted");
    }
}

#[test]
fn a_probe_is_the_event_with_the_fewest_attempts() {
    let mut backlog = backlog(&[(1, 7), (2, 8)]);
    start(&mut backlog, at(0));
    backlog.defer(whole(1), |queued| (queued.attempts, queued.due_at) = (3, at(1)));
    assert_eq!(backlog.probe(), Some(whole(2)));
    backlog.remove(whole(2));
    assert_eq!(backlog.probe(), Some(whole(1)), "due or not");
}

#[test]
fn a_replay_comes_after_every_event_that_is_due() {
    let mut backlog = backlog(&[(5, 7)]);
    let again = Delivery {
        key: whole(2).key(),
        state: DeliveryState::Replayed,
        attempts: 0,
        first_failed_at: None,
        due_at: at(0) - SignedDuration::from_hours(1),
        failure: None,
    };
    backlog.restore(again, whole(2), &[OrderingKey(8)], at(0));
    assert_eq!(start(&mut backlog, at(0)), Some(5));
    assert_eq!(start(&mut backlog, at(0)), Some(2));
    assert_eq!(backlog.cursor(), EventId(4), "5 is in flight, and 2 is before the cursor");
}

#[test]
fn pending_retries_become_due_when_the_endpoint_is_back() {
    let mut backlog = backlog(&[(1, 7), (2, 7), (3, 8), (4, 9)]);
    for event in [1, 3, 4] {
        assert_eq!(start(&mut backlog, at(0)), Some(event));
    }
    for event in [1, 3] {
        backlog.defer(whole(event), |queued| queued.due_at = at(50_000)).unwrap();
    }
    backlog.defer_blocked();
    assert_eq!(backlog.next(at(1)), None);
    backlog.make_due(at(1));
    assert_eq!((start(&mut backlog, at(1)), start(&mut backlog, at(1))), (Some(1), Some(3)));
    assert_eq!(start(&mut backlog, at(1)), None, "2 waits behind 1, and 4 is in flight");
    backlog.remove(whole(1));
    assert_eq!(start(&mut backlog, at(1)), Some(2));
}

#[test]
fn pending_retries_are_due_when_a_worker_starts() {
    let mut backlog = EndpointBacklog::new(EventId(9));
    let pending = |event| Delivery {
        key: whole(event).key(),
        state: DeliveryState::Retrying,
        attempts: 8,
        first_failed_at: Some(at(0)),
        due_at: at(50_000),
        failure: None,
    };
    backlog.restore(pending(3), whole(3), &[OrderingKey(7)], at(10));
    backlog.restore(pending(4), whole(4), &[OrderingKey(7)], at(10));
    assert_eq!((start(&mut backlog, at(10)), start(&mut backlog, at(10))), (Some(3), None), "in its order");
}

#[test]
fn the_window_is_bounded() {
    let mut backlog = EndpointBacklog::new(EventId(0));
    let mut event = 0;
    while backlog.free_slots() > 0 {
        event += 1;
        backlog.push(item(whole(event), u64::try_from(event).unwrap()), at(0));
    }
    assert_eq!(usize::try_from(event).unwrap(), MAX_WINDOW);
    let mut backlog = EndpointBacklog::new(EventId(0));
    let large = Payload { id: "evt_1".to_owned(), body: Bytes::from(vec![b' '; MAX_WINDOW_BYTES]) };
    backlog.push(EncodedItem { payload: large, ..item(whole(1), 1) }, at(0));
    assert_eq!(backlog.free_slots(), 0);
    backlog.dispatch(whole(1));
    backlog.defer(whole(1), |queued| queued.due_at = at(9));
    assert_eq!(backlog.free_slots(), MAX_WINDOW, "a pending retry is encoded again when it is due");
}

#[test]
fn a_stuck_conversation_does_not_hold_up_replays_of_others() {
    let mut backlog = backlog(&[(5, 7)]);
    assert!(!backlog.has_capacity_for_replays(at(0)), "new events first");
    start(&mut backlog, at(0));
    assert!(backlog.has_capacity_for_replays(at(0)), "events in flight hold nothing up");
    backlog.defer(whole(5), |queued| (queued.attempts, queued.due_at) = (1, at(60))).unwrap();
    assert!(backlog.has_capacity_for_replays(at(1)));
    let replayed = Delivery {
        key: whole(1).key(),
        state: DeliveryState::Replayed,
        attempts: 0,
        first_failed_at: None,
        due_at: at(1),
        failure: None,
    };
    backlog.restore(replayed, whole(1), &[OrderingKey(8)], at(0));
    assert!(!backlog.has_capacity_for_replays(at(1)), "due ones first");
    assert_eq!(start(&mut backlog, at(1)), Some(1));
    assert!(backlog.has_capacity_for_replays(at(1)));
}

fn pending(event: i64) -> Delivery {
    Delivery {
        key: whole(event).key(),
        state: DeliveryState::Retrying,
        attempts: 1,
        first_failed_at: Some(at(0)),
        due_at: at(0),
        failure: None,
    }
}

/// After a restart: 9 belongs to two conversations and is pending behind 8 of one of them; 7 of the other was not tried.
#[test]
fn a_pending_retry_ahead_of_the_fetched_log_waits_for_it_and_keeps_its_place() {
    let mut backlog = EndpointBacklog::new(EventId(6));
    backlog.restore(pending(8), whole(8), &[OrderingKey(1)], at(0));
    backlog.restore(pending(9), whole(9), &[OrderingKey(1), OrderingKey(2)], at(0));
    assert_eq!(start(&mut backlog, at(0)), None, "the log may have events before them");
    for (event, key) in [(7, 2), (10, 2)] {
        backlog.push(item(whole(event), key), at(0));
    }
    backlog.set_fetched_to(EventId(10));
    assert_eq!((start(&mut backlog, at(0)), start(&mut backlog, at(0))), (Some(7), Some(8)));
    assert_eq!(start(&mut backlog, at(0)), None);
    backlog.remove(whole(7));
    assert_eq!(start(&mut backlog, at(0)), None, "8 is before it");
    backlog.remove(whole(8));
    assert_eq!(start(&mut backlog, at(0)), Some(9));
    backlog.remove(whole(9));
    assert_eq!(start(&mut backlog, at(0)), Some(10));
}

#[test]
fn the_log_is_fetched_up_to_the_last_pending_retry_however_many_there_are() {
    let mut backlog = EndpointBacklog::new(EventId(0));
    let most = i64::try_from(MAX_PENDING).unwrap();
    for event in 1..=most {
        backlog.restore(pending(event), whole(event), &[OrderingKey(u64::try_from(event).unwrap())], at(0));
    }
    assert_eq!((backlog.free_slots(), backlog.next(at(0))), (MAX_WINDOW, None));
    backlog.set_fetched_to(EventId(most));
    assert_eq!((backlog.free_slots(), backlog.next(at(0))), (0, Some(whole(1))));
}

/// One event with a message of each of two people: neither waits for the other, and the cursor passes both at once.
#[test]
fn items_of_one_event_are_delivered_one_by_one() {
    let mut backlog = EndpointBacklog::new(EventId(6));
    let of = |index: u32, digit: u8| Position { event: EventId(7), index, item: ItemId::of_digest([digit; 16]) };
    // in the order of the event, whichever id is the smaller
    let (ada, ben, ada_again) = (of(0, 9), of(1, 5), of(2, 1));
    for (position, key) in [(ada, 1), (ben, 2), (ada_again, 1)] {
        backlog.push(item(position, key), at(0));
    }
    backlog.set_fetched_to(EventId(7));
    assert_eq!((backlog.next(at(0)), backlog.dispatch(ada).is_some()), (Some(ada), true));
    backlog.defer(ada, |queued| (queued.attempts, queued.due_at) = (1, at(5))).unwrap();
    assert_eq!(backlog.cursor(), EventId(6), "two items have no result");
    assert_eq!((backlog.next(at(0)), backlog.dispatch(ben).is_some()), (Some(ben), true));
    backlog.remove(ben);
    assert_eq!((backlog.next(at(0)), backlog.cursor()), (None, EventId(6)), "her second message waits for her first");
    let blocked: Vec<_> = backlog.defer_blocked().iter().map(|row| row.key).collect();
    assert_eq!((blocked, backlog.cursor()), (vec![ada_again.key()], EventId(7)));
    backlog.remove(ada);
    assert_eq!(backlog.next(at(0)), Some(ada_again), "the first became a dead letter");
}

/// Rows come in the order of their ids, which is not the order of the event, and in pages.
#[test]
fn a_pending_item_waits_for_one_before_it_that_is_restored_later() {
    let mut backlog = EndpointBacklog::new(EventId(7));
    let of = |index: u32, digit: u8| Position { event: EventId(7), index, item: ItemId::of_digest([digit; 16]) };
    let (first, second) = (of(0, 9), of(1, 1));
    for position in [second, first] {
        let row = Delivery { key: position.key(), ..pending(7) };
        backlog.restore(row, position, &[OrderingKey(1)], at(0));
    }
    assert_eq!((backlog.next(at(0)), backlog.dispatch(first).is_some()), (Some(first), true));
    assert_eq!(backlog.next(at(0)), None, "the second waits for the first");
    backlog.remove(first);
    assert_eq!(backlog.next(at(0)), Some(second));
}
