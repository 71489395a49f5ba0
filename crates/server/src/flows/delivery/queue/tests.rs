//! The queue's promises: order within a conversation, a cursor that never passes what is neither taken nor
//! set aside, bounds.

use bytes::Bytes;
use jiff::SignedDuration;

use super::*;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_790_000_000 + seconds).unwrap()
}

fn post(event: i64) -> Vec<Post> {
    vec![Post { part: 0, id: format!("evt_{event}"), body: Bytes::from_static(b"{}") }]
}

fn queue(events: &[(i64, Lane)]) -> Queue {
    let mut queue = Queue::from(EventId(0));
    for (event, lane) in events {
        queue.enter(EventId(*event), &[*lane], post(*event), at(0));
        queue.has_read(EventId(*event));
    }
    queue
}

fn start(queue: &mut Queue, now: Timestamp) -> Option<i64> {
    let event = queue.next(now)?;
    queue.send(event).unwrap();
    Some(event.0)
}

#[test]
fn conversations_go_side_by_side_and_each_in_order() {
    let mut queue = queue(&[(1, 7), (2, 7), (3, 8)]);
    assert_eq!(
        (start(&mut queue, at(0)), start(&mut queue, at(0)), start(&mut queue, at(0))),
        (Some(1), Some(3), None)
    );
    queue.leave(EventId(3));
    assert_eq!(queue.cursor(), EventId(0), "1 is under way");
    queue.leave(EventId(1));
    assert_eq!(queue.cursor(), EventId(1));
    assert_eq!(start(&mut queue, at(0)), Some(2));
    queue.leave(EventId(2));
    assert_eq!(queue.cursor(), EventId(3));
    assert!(queue.is_empty());
}

#[test]
fn a_stuck_conversation_is_set_aside_whole_and_the_cursor_goes_on() {
    let mut queue = queue(&[(1, 7), (2, 7), (3, 8), (4, 7)]);
    start(&mut queue, at(0));
    let later = |held: &mut Held| {
        (held.attempts, held.first_failed_at, held.due_at) = (1, Some(at(1)), at(5));
    };
    let row = queue.fail(EventId(1), later).unwrap();
    assert_eq!((row.event, row.state, row.attempts, row.due_at), (EventId(1), DeliveryState::Waiting, 1, at(5)));
    assert_eq!(queue.cursor(), EventId(1));
    let blocked: Vec<i64> = queue.set_blocked_aside().iter().map(|row| row.event.0).collect();
    assert_eq!(blocked, [2, 4]);
    assert!(queue.set_blocked_aside().is_empty(), "once");
    assert_eq!(queue.cursor(), EventId(2), "3 is neither taken nor set aside");
    assert_eq!(start(&mut queue, at(1)), Some(3));
    queue.leave(EventId(3));
    assert_eq!(queue.cursor(), EventId(4));
    assert_eq!((queue.next(at(4)), queue.next_due()), (None, Some(at(5))));
    for event in [1, 2, 4] {
        assert_eq!(start(&mut queue, at(5)), Some(event));
        assert_eq!(start(&mut queue, at(5)), None);
        assert!(queue.leave(EventId(event)).unwrap().aside.is_some(), "its row is to go");
    }
}

#[test]
fn a_probe_is_the_event_tried_least() {
    let mut queue = queue(&[(1, 7), (2, 8)]);
    start(&mut queue, at(0));
    queue.fail(EventId(1), |held| (held.attempts, held.due_at) = (3, at(1)));
    assert_eq!(queue.probe(), Some(EventId(2)));
    queue.leave(EventId(2));
    assert_eq!(queue.probe(), Some(EventId(1)), "due or not");
}

#[test]
fn what_is_asked_for_again_goes_behind_everything_that_is_due() {
    let mut queue = queue(&[(5, 7)]);
    let again = Delivery {
        event: EventId(2),
        state: DeliveryState::Replayed,
        part: 0,
        attempts: 0,
        first_failed_at: None,
        due_at: at(0) - SignedDuration::from_hours(1),
        failure: None,
    };
    queue.enter_again(again, &[8], at(0));
    assert_eq!(start(&mut queue, at(0)), Some(5));
    assert_eq!(start(&mut queue, at(0)), Some(2));
    assert_eq!(queue.cursor(), EventId(4), "5 is under way, and 2 was behind the cursor before");
}

#[test]
fn what_waits_for_its_time_goes_at_once_when_the_endpoint_is_back() {
    let mut queue = queue(&[(1, 7), (2, 7), (3, 8), (4, 9)]);
    for event in [1, 3, 4] {
        assert_eq!(start(&mut queue, at(0)), Some(event));
    }
    for event in [1, 3] {
        queue.fail(EventId(event), |held| held.due_at = at(50_000)).unwrap();
    }
    queue.set_blocked_aside();
    assert_eq!(queue.next(at(1)), None);
    queue.hurry(at(1));
    assert_eq!((start(&mut queue, at(1)), start(&mut queue, at(1))), (Some(1), Some(3)));
    assert_eq!(start(&mut queue, at(1)), None, "2 stands behind 1, and 4 is under way");
    queue.leave(EventId(1));
    assert_eq!(start(&mut queue, at(1)), Some(2));
}

#[test]
fn what_was_set_aside_before_goes_when_a_worker_begins() {
    let mut queue = Queue::from(EventId(9));
    let waiting = |event| Delivery {
        event: EventId(event),
        state: DeliveryState::Waiting,
        part: 0,
        attempts: 8,
        first_failed_at: Some(at(0)),
        due_at: at(50_000),
        failure: None,
    };
    queue.enter_again(waiting(3), &[7], at(10));
    queue.enter_again(waiting(4), &[7], at(10));
    assert_eq!((start(&mut queue, at(10)), start(&mut queue, at(10))), (Some(3), None), "in its order");
}

#[test]
fn memory_has_an_end() {
    let mut queue = Queue::from(EventId(0));
    let mut event = 0;
    while queue.room() > 0 {
        event += 1;
        queue.enter(EventId(event), &[u64::try_from(event).unwrap()], post(event), at(0));
    }
    assert_eq!(usize::try_from(event).unwrap(), WINDOW);
    let mut queue = Queue::from(EventId(0));
    let large = vec![Post { part: 0, id: "evt_1".to_owned(), body: Bytes::from(vec![b' '; WINDOW_BYTES]) }];
    queue.enter(EventId(1), &[1], large, at(0));
    assert_eq!(queue.room(), 0);
    queue.send(EventId(1));
    queue.fail(EventId(1), |held| held.due_at = at(9));
    assert_eq!(queue.room(), WINDOW, "what waits is read again when its time comes");
}

#[test]
fn a_stuck_conversation_holds_up_no_replay_of_others() {
    let mut queue = queue(&[(5, 7)]);
    assert!(!queue.has_room_for_replays(at(0)), "what is new goes first");
    start(&mut queue, at(0));
    assert!(queue.has_room_for_replays(at(0)), "what is under way holds up nobody");
    queue.fail(EventId(5), |held| (held.attempts, held.due_at) = (1, at(60))).unwrap();
    assert!(queue.has_room_for_replays(at(1)));
    let replayed = Delivery {
        event: EventId(1),
        state: DeliveryState::Replayed,
        part: 0,
        attempts: 0,
        first_failed_at: None,
        due_at: at(1),
        failure: None,
    };
    queue.enter_again(replayed, &[8], at(0));
    assert!(!queue.has_room_for_replays(at(1)), "those that are due go first");
    assert_eq!(start(&mut queue, at(1)), Some(1));
    assert!(queue.has_room_for_replays(at(1)));
}

fn waiting(event: i64) -> Delivery {
    Delivery {
        event: EventId(event),
        state: DeliveryState::Waiting,
        part: 0,
        attempts: 1,
        first_failed_at: Some(at(0)),
        due_at: at(0),
        failure: None,
    }
}

/// After a restart: 9 of two conversations was set aside behind 8 of one of them; 7 of the other was not even tried.
#[test]
fn what_was_set_aside_ahead_of_the_log_waits_for_it_and_keeps_its_place() {
    let mut queue = Queue::from(EventId(6));
    queue.enter_again(waiting(8), &[1], at(0));
    queue.enter_again(waiting(9), &[1, 2], at(0));
    assert_eq!(start(&mut queue, at(0)), None, "the log may have something before them");
    for (event, lane) in [(7, 2), (10, 2)] {
        queue.enter(EventId(event), &[lane], post(event), at(0));
    }
    queue.has_read(EventId(10));
    assert_eq!((start(&mut queue, at(0)), start(&mut queue, at(0))), (Some(7), Some(8)));
    assert_eq!(start(&mut queue, at(0)), None);
    queue.leave(EventId(7));
    assert_eq!(start(&mut queue, at(0)), None, "8 is before it");
    queue.leave(EventId(8));
    assert_eq!(start(&mut queue, at(0)), Some(9));
    queue.leave(EventId(9));
    assert_eq!(start(&mut queue, at(0)), Some(10));
}

#[test]
fn the_log_is_read_up_to_what_was_set_aside_however_much_that_is() {
    let mut queue = Queue::from(EventId(0));
    let most = i64::try_from(MOST_ASIDE).unwrap();
    for event in 1..=most {
        queue.enter_again(waiting(event), &[u64::try_from(event).unwrap()], at(0));
    }
    assert_eq!((queue.room(), queue.next(at(0))), (WINDOW, None));
    queue.has_read(EventId(most));
    assert_eq!((queue.room(), queue.next(at(0))), (0, Some(EventId(1))));
}
