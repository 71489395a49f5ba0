//! Order within a conversation under failures, without a delay for other conversations.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use domain::delivery::{Format, GIVE_UP_AFTER};
use jiff::SignedDuration;
use server::store::Engine;
use server::store::deliveries::Counts;

use super::support::{Place, from_of, text_of};
use crate::support::on_each_engine;
use crate::support::receiver::{Got, Reply};

on_each_engine!(
    a_stuck_conversation_keeps_its_order_and_delays_no_other,
    a_restart_continues_at_the_stored_state,
    an_event_never_accepted_becomes_a_dead_letter_and_its_conversation_continues,
    many_conversations_keep_their_order_under_load,
);

/// The texts of one person that were taken, in order.
fn texts(taken: &[Got], from: &str) -> Vec<String> {
    taken.iter().map(Got::json).filter(|post| from_of(post) == from).map(|post| text_of(&post)).collect()
}

async fn a_stuck_conversation_keeps_its_order_and_delays_no_other(engine: Engine) {
    let place = Place::on(engine).await;
    let line = place.line(Format::Meta).await;
    let stuck = Arc::new(AtomicBool::new(true));
    let is_stuck = Arc::clone(&stuck);
    line.receiver.answer(move |post| {
        let poisoned = is_stuck.load(Ordering::Relaxed) && from_of(post) == "1555000";
        Reply::status(if poisoned { 500 } else { 200 })
    });
    place.messages(&[("1555000", "a"), ("1555111", "a"), ("1555000", "b"), ("1555111", "b"), ("1555000", "c")]).await;
    let is_through = async || texts(&line.receiver.taken(), "1555111") == ["a", "b"];
    place.until("the other conversation is through", is_through).await;
    place
        .until("every event of the stuck one is pending", async || place.counts(&line.endpoint).await.waiting == 3)
        .await;
    assert_eq!(texts(&line.receiver.taken(), "1555000"), Vec::<String>::new());

    stuck.store(false, Ordering::Relaxed);
    place.later(SignedDuration::from_secs(10));
    place.until_delivered(&line).await;
    assert_eq!(texts(&line.receiver.taken(), "1555000"), ["a", "b", "c"]);
    assert_eq!(texts(&line.receiver.taken(), "1555111"), ["a", "b"], "once");
}

async fn a_restart_continues_at_the_stored_state(engine: Engine) {
    let place = Place::on(engine).await;
    let line = place.line(Format::Meta).await;
    line.receiver.answer(|post| Reply::status(if text_of(post) == "b" { 500 } else { 200 }));
    place.messages(&[("1555000", "a"), ("1555000", "b"), ("1555000", "c"), ("1555111", "z")]).await;
    place.until("b is pending, and c behind it", async || place.counts(&line.endpoint).await.waiting == 2).await;
    // the same database, another process
    place.app.app.stop().await;
    let again = place.app.start_again().await;
    server::startup::start_forwarding(&again);
    line.receiver.answer(|_| Reply::status(200));
    place.app.clock.advance(SignedDuration::from_mins(1));
    again.notifier.notify_endpoints();
    place.until_delivered(&line).await;
    assert_eq!(texts(&line.receiver.taken(), "1555000"), ["a", "b", "c"]);
    assert_eq!(texts(&line.receiver.taken(), "1555111"), ["z"]);
    again.stop().await;
}

async fn an_event_never_accepted_becomes_a_dead_letter_and_its_conversation_continues(engine: Engine) {
    let place = Place::on(engine).await;
    let line = place.line(Format::Meta).await;
    line.receiver.answer(|post| Reply::status(if text_of(post) == "poison" { 422 } else { 200 }));
    place.messages(&[("1555000", "poison"), ("1555000", "after")]).await;
    let mut passed = SignedDuration::ZERO;
    let mut tries = 1;
    while passed < GIVE_UP_AFTER + SignedDuration::from_hours(24) {
        let is_tried = async || place.attempts(&line.endpoint).await.len() >= tries;
        place.until("it is tried", is_tried).await;
        if place.counts(&line.endpoint).await.dead == 1 {
            break;
        }
        let step = SignedDuration::from_hours(15);
        place.later(step);
        passed += step;
        tries += 1;
    }
    place
        .until("what came after it is delivered", async || texts(&line.receiver.taken(), "1555000") == ["after"])
        .await;
    let counts = Counts { dead: 1, ..Counts::default() };
    place.until("nothing else is left", async || place.counts(&line.endpoint).await == counts).await;
    assert!(place.kept(&line.endpoint).await.disabled.is_none());

    // replayed after the receiver was fixed
    line.receiver.answer(|_| Reply::status(200));
    let endpoint = place.kept(&line.endpoint).await;
    let which = store::deliveries::replay::ReplaySelector::DeadLetters;
    assert_eq!(
        server::flows::forwarding::endpoints::replay::request_replay(&place.app.app, &endpoint, which, &|_| {})
            .await
            .unwrap(),
        1
    );
    place.until_delivered(&line).await;
    assert_eq!(texts(&line.receiver.taken(), "1555000"), ["after", "poison"]);
    // and everything of the last days once more
    let which = store::deliveries::replay::ReplaySelector::Between(
        place.app.clock.now() - SignedDuration::from_hours(24 * 7),
        place.app.clock.now(),
    );
    let endpoint = place.kept(&line.endpoint).await;
    let asked = server::flows::forwarding::endpoints::replay::request_replay(&place.app.app, &endpoint, which, &|_| {})
        .await
        .unwrap();
    assert!(asked >= 2, "{asked}");
    place.until_delivered(&line).await;
    assert_eq!(texts(&line.receiver.taken(), "1555000"), ["after", "poison", "poison", "after"]);
    let taken = line.receiver.taken();
    let of_theirs = taken.iter().filter(|got| from_of(&got.json()) == "1555000");
    let ids: std::collections::BTreeSet<&str> = of_theirs.map(Got::id).collect();
    assert_eq!(ids.len(), 2, "the same ids");
}

async fn many_conversations_keep_their_order_under_load(engine: Engine) {
    let place = Place::on(engine).await;
    let line = place.line(Format::Standard).await;
    // every fifth post fails, whichever it is
    let count = std::sync::atomic::AtomicUsize::new(0);
    line.receiver.answer(move |_| {
        let fails = count.fetch_add(1, Ordering::Relaxed) % 5 == 4;
        Reply::status(if fails { 503 } else { 200 })
    });
    let people = ["1555001", "1555002", "1555003", "1555004", "1555005", "1555006", "1555007"];
    for n in 0..20 {
        let text = format!("{n:02}");
        let texts: Vec<(&str, &str)> = people.iter().map(|person| (*person, text.as_str())).collect();
        place.messages(&texts).await;
    }
    let goes_by = async || {
        place.later(SignedDuration::from_secs(7));
        line.receiver.taken().len() >= people.len() * 20
    };
    place.until("all of it is taken", goes_by).await;
    place.until_delivered(&line).await;
    let taken = line.receiver.taken();
    for person in people {
        let of = |got: &Got| {
            let message = &got.json()["data"]["message"];
            (message["from"] == person).then(|| message["text"]["body"].as_str().unwrap().to_owned())
        };
        let texts: Vec<String> = taken.iter().filter_map(of).collect();
        assert_eq!(texts, (0..20).map(|n| format!("{n:02}")).collect::<Vec<_>>(), "{person}");
    }
}
