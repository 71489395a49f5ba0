//! Tables for answers, retries and breakers; properties for the order of conversations.

use std::collections::HashMap;

use proptest::prelude::*;

use super::breaker::{Breaker, DISABLE_AFTER, Gate, OPENS_AFTER, SLOWEST_PROBE};
use super::lanes::Lanes;
use super::pace::Pace;
use super::*;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_790_000_000 + seconds).unwrap()
}

#[test]
fn every_kind_and_format_has_its_word() {
    for kind in EventKind::ALL {
        assert_eq!(EventKind::parse(kind.as_str()), Some(kind));
    }
    assert_eq!(Format::parse("meta"), Some(Format::Meta));
    assert_eq!(Format::parse("Standard"), None);
    assert_eq!(EventKind::of_field("message_template_status_update"), EventKind::Templates);
    assert_eq!(EventKind::of_field("smb_message_echoes"), EventKind::Coexistence);
    assert_eq!(EventKind::of_field("phone_number_name_update"), EventKind::Account);
    assert_eq!(EventKind::of_field("something_new"), EventKind::Other);
    assert_eq!(EventKind::of_field(ANNOUNCEMENT_FIELD), EventKind::Announcements);
}

#[test]
fn what_an_answer_means() {
    let now = at(0);
    let status = |code, retry_after| verdict(&Answer::Status { code, retry_after }, now);
    assert_eq!(status(200, None), Verdict::Taken);
    assert_eq!(status(204, Some(at(9))), Verdict::Taken);
    assert_eq!(status(410, None), Verdict::Gone);
    assert_eq!(status(429, None), Verdict::Again { not_before: None, all: true });
    assert_eq!(status(503, None), Verdict::Again { not_before: None, all: false });
    assert_eq!(status(503, Some(at(60))), Verdict::Again { not_before: Some(at(60)), all: true });
    assert_eq!(status(302, None), Verdict::Again { not_before: None, all: false });
    let a_year = status(429, Some(at(365 * 86_400)));
    assert_eq!(a_year, Verdict::Again { not_before: Some(now + LONGEST_RETRY_AFTER), all: true });
    for answer in [Answer::TimedOut, Answer::Unreachable, Answer::Forbidden] {
        assert_eq!(verdict(&answer, now), Verdict::Again { not_before: None, all: false });
    }
}

#[test]
fn an_event_is_tried_for_three_days_ever_more_rarely() {
    let (mut now, mut tries, mut before) = (at(0), 0, SignedDuration::ZERO);
    while let Some(next) = retry_at(tries + 1, at(0), None, now, 0.0) {
        let wait = next.duration_since(now);
        assert!(wait >= before, "{wait} after {before}");
        (now, before, tries) = (next, wait, tries + 1);
    }
    assert!(now.duration_since(at(0)) >= GIVE_UP_AFTER);
    assert!((12..20).contains(&tries), "{tries} tries");
}

#[test]
fn jitter_only_ever_adds_and_what_the_endpoint_asked_is_kept() {
    let wait = |not_before, chance| retry_at(1, at(0), not_before, at(0), chance).unwrap().duration_since(at(0));
    assert_eq!(wait(None, 0.0), SignedDuration::from_secs(5));
    assert_eq!(wait(None, 1.0), SignedDuration::from_secs(6));
    assert_eq!(wait(Some(at(2)), 0.0), SignedDuration::from_secs(5));
    assert_eq!(wait(Some(at(90)), 0.0), SignedDuration::from_secs(90));
    assert_eq!(wait(Some(at(90)), 1.0), SignedDuration::from_secs(91));
}

#[test]
fn what_was_under_way_when_an_endpoint_broke_is_no_probe() {
    let mut breaker = Breaker::default();
    for _ in 0..32 {
        breaker.failed(true, at(0), 0.0);
    }
    assert_eq!((breaker.failures, breaker.gate(at(0))), (OPENS_AFTER, Gate::Wait(at(5))));
    breaker.failed(false, at(5), 0.0);
    assert_eq!(breaker.gate(at(5)), Gate::Wait(at(15)), "a probe is one");
}

#[test]
fn a_broken_endpoint_gets_one_probe_at_a_time_and_is_given_up_after_days() {
    let mut breaker = Breaker::default();
    for _ in 1..OPENS_AFTER {
        breaker.failed(true, at(0), 0.0);
        assert_eq!(breaker.gate(at(0)), Gate::Open);
    }
    breaker.failed(true, at(0), 0.0);
    assert_eq!(breaker.gate(at(0)), Gate::Wait(at(5)));
    assert_eq!(breaker.gate(at(5)), Gate::Probe);
    breaker.failed(false, at(5), 0.0);
    assert_eq!(breaker.gate(at(6)), Gate::Wait(at(15)));
    let mut now = at(15);
    while !breaker.is_hopeless(now) {
        assert_eq!(breaker.gate(now), Gate::Probe);
        breaker.failed(false, now, 0.0);
        let Gate::Wait(until) = breaker.gate(now) else { panic!("{breaker:?}") };
        assert!(until.duration_since(now) <= SLOWEST_PROBE);
        now = until;
    }
    assert!(now.duration_since(at(0)) >= DISABLE_AFTER);
    breaker.taken();
    assert_eq!(breaker, Breaker::default());
}

#[test]
fn a_poisoned_event_alone_is_no_broken_endpoint() {
    let mut breaker = Breaker::default();
    breaker.failed(true, at(0), 0.0);
    for second in 1..100 {
        breaker.failed(false, at(second), 0.0);
    }
    assert_eq!(breaker.gate(at(100)), Gate::Open);
    assert!(!breaker.is_hopeless(at(0) + DISABLE_AFTER * 2));
}

#[test]
fn a_short_outage_long_after_a_refusal_is_no_reason_to_give_up() {
    let mut breaker = Breaker::default();
    breaker.failed(true, at(0), 0.0);
    let later = at(0) + DISABLE_AFTER * 2;
    for _ in 0..OPENS_AFTER {
        breaker.failed(true, later, 0.0);
    }
    assert!(breaker.is_open() && !breaker.is_hopeless(later), "{breaker:?}");
    assert!(breaker.is_hopeless(later + DISABLE_AFTER));
}

#[test]
fn an_endpoint_that_asks_for_time_gets_it() {
    let mut breaker = Breaker::default();
    breaker.hold(at(60));
    breaker.hold(at(30));
    assert_eq!(breaker.gate(at(59)), Gate::Wait(at(60)));
    assert_eq!(breaker.gate(at(60)), Gate::Open);
}

proptest! {
    /// Whatever is asked for, and when: in no second more than the limit and a second's worth at once.
    #[test]
    fn a_rate_is_kept(limit in 1_u32..50, asks in prop::collection::vec(0_i64..400, 1..300)) {
        let mut pace = Pace::new(Some(limit));
        let mut now = at(0);
        let mut spent = Vec::new();
        for wait in asks {
            now += SignedDuration::from_millis(wait);
            match pace.spend(now) {
                Ok(()) => spent.push(now),
                Err(until) => prop_assert!(until > now && until <= now + SignedDuration::from_secs(1)),
            }
        }
        for from in &spent {
            let in_second = spent.iter().filter(|it| **it >= *from && **it < *from + SignedDuration::from_secs(1));
            prop_assert!(in_second.count() <= 2 * limit as usize);
        }
    }

    /// Events leave in any order that `ready` allows: within each lane it is the order of entering, and
    /// nothing is ever stuck.
    #[test]
    fn order_holds_within_every_lane(
        events in prop::collection::vec(prop::collection::vec(0_u64..6, 0..3), 1..60),
        picks in prop::collection::vec(any::<prop::sample::Index>(), 200),
    ) {
        let mut lanes = Lanes::default();
        let mut entering = events.iter().enumerate();
        let mut left: HashMap<u64, Vec<usize>> = HashMap::new();
        let mut gone = 0;
        for pick in picks {
            if pick.index(3) > 0 && let Some((event, of)) = entering.next() {
                lanes.enter(event, of);
                continue;
            }
            let ready: Vec<usize> = lanes.ready().collect();
            prop_assert_eq!(ready.is_empty(), lanes.is_empty());
            if ready.is_empty() {
                continue;
            }
            let event = ready[pick.index(ready.len())];
            for lane in lanes.of(event) {
                left.entry(*lane).or_default().push(event);
            }
            lanes.leave(event);
            prop_assert!(!lanes.contains(event));
            gone += 1;
        }
        prop_assert!(gone + lanes.len() <= events.len());
        for (lane, order) in left {
            prop_assert!(order.is_sorted(), "lane {lane}: {order:?}");
        }
    }
}
