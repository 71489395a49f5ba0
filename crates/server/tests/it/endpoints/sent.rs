//! What was sent, what waits, what was given up, and sending again.

use domain::ids::ChannelId;
use jiff::SignedDuration;
use serde_json::{Value, json};
use server::store::Engine;
use server::store::deliveries::{self, Delivery, DeliveryState};
use server::store::ids::{EndpointId, EventId};

use super::receiver::Receiver;
use super::{events_of, eventually, make, of, stories, with_number, write};
use crate::app::TestApp;

stories!(
    every_post_is_listed_with_its_answer,
    dead_letters_are_listed_sent_again_and_discarded,
    events_are_sent_again_by_id_and_by_time,
    one_that_is_off_gets_nothing_and_goes_on_where_it_stopped_or_from_now,
    events_nobody_wants_are_not_counted_as_behind,
);

async fn shown(app: &TestApp, endpoint: &Value) -> Value {
    app.get(&of(app, endpoint, "")).await.expect(200)
}

/// What the endpoint was posted, by event.
fn ids(receiver: &Receiver) -> Vec<String> {
    receiver.heard().iter().map(|post| post.header("x-linekeeper-event").to_owned()).collect()
}

async fn every_post_is_listed_with_its_answer(engine: Engine) {
    let (app, inbox, number) = with_number(engine).await;
    let receiver = Receiver::start().await;
    let body = json!({ "url": receiver.url, "format": "meta", "kinds": ["messages"], "inbox_id": inbox.0 });
    let made = make(&app, body).await;
    server::startup::start_forwarding(&app.app);
    let first = write(&app, inbox, &number, "16505550001", "one").await;
    let look = async || shown(&app, &made).await["last_delivered_at"].as_str().map(str::to_owned);
    let last_delivered_at = eventually("delivered", look).await;
    assert!(last_delivered_at.starts_with("2026-11-02T09:00:00"), "{last_delivered_at}");
    assert_eq!(ids(&receiver), [first.as_str()]);

    receiver.answer(503, "busy; come back");
    app.clock.advance(SignedDuration::from_secs(1));
    let second = write(&app, inbox, &number, "16505550002", "two").await;
    let waits = async || Some(shown(&app, &made).await).filter(|it| it["counts"]["retrying"] == 1);
    let waiting = eventually("a pending retry", waits).await;
    assert_eq!(waiting["state"], "active", "one refusal breaks nobody: {waiting}");
    assert!(waiting["next_attempt_at"].as_str() > Some(app.clock.now().to_string().as_str()), "{waiting}");
    let aside = app.get(&of(&app, &made, "/retrying")).await.expect(200);
    let row = &aside["data"][0];
    assert_eq!(
        (&row["event_id"], &row["state"], &row["attempts"], &row["failure"]),
        (&json!(second), &json!("retrying"), &json!(1), &json!("HTTP 503"))
    );

    let all = app.get(&of(&app, &made, "/deliveries")).await.expect(200);
    assert_eq!(events_of(&all), [second.clone(), first.clone()], "newest first");
    let (refused, taken) = (&all["data"][0], &all["data"][1]);
    assert_eq!(
        (&taken["outcome"], &taken["status"], &taken["answer"]),
        (&json!("delivered"), &json!(200), &Value::Null)
    );
    assert_eq!(
        (&refused["text"], &refused["status"], &refused["answer"]),
        (&json!("Refused"), &json!(503), &json!("busy; come back"))
    );
    let failed = app.get(&of(&app, &made, "/deliveries?only=failed")).await.expect(200);
    assert_eq!(events_of(&failed), [second.as_str()]);
    app.get(&of(&app, &made, "/deliveries?only=everything")).await.expect(422);

    let of_event = app.get(&app.inbox(inbox, &format!("/events/{second}/deliveries"))).await.expect(200);
    let entry = &of_event["data"][0];
    assert_eq!((&entry["endpoint_id"], &entry["pending"][0]["state"]), (&made["id"], &json!("retrying")), "{of_event}");
    assert_eq!(entry["attempts"].as_array().unwrap().len(), 1);

    // tried again it is listed by when that was, however old the event is
    receiver.answer(200, "");
    app.clock.advance(SignedDuration::from_secs(30));
    let taken = async || Some(shown(&app, &made).await).filter(|it| it["counts"]["retrying"] == 0);
    eventually("taken at the second try", taken).await;
    let mut pages = Vec::new();
    let mut path = of(&app, &made, "/deliveries?limit=1");
    loop {
        let page = app.get(&path).await.expect(200);
        pages.push((page["data"][0]["event_id"].clone(), page["data"][0]["attempt"].clone()));
        let Some(next) = page["next"].as_str() else { break };
        path = of(&app, &made, &format!("/deliveries?limit=1&after={next}"));
    }
    assert_eq!(pages, [(json!(second), json!(2)), (json!(second), json!(1)), (json!(first), json!(1))]);
}

/// Events of an inbox, given up for an endpoint, as a worker would have written it.
async fn give_up(app: &TestApp, endpoint: &Value, events: &[&str]) {
    let id: EndpointId = endpoint["id"].as_str().unwrap().parse().unwrap();
    let now = app.clock.now();
    let dead = |event: &&str| Delivery {
        key: event.parse().unwrap(),
        state: DeliveryState::Dead,
        attempts: 14,
        first_failed_at: Some(now - SignedDuration::from_hours(72)),
        due_at: now,
        failure: Some("HTTP 500".to_owned()),
    };
    let rows: Vec<Delivery> = events.iter().map(dead).collect();
    let mut tx = app.store.write().await.unwrap();
    deliveries::upsert_pending(&mut tx, id, &rows).await.unwrap();
    tx.commit().await.unwrap();
}

async fn dead_letters_are_listed_sent_again_and_discarded(engine: Engine) {
    let (app, inbox, number) = with_number(engine).await;
    let receiver = Receiver::start().await;
    let mut events = Vec::new();
    for n in 0..3 {
        events.push(write(&app, inbox, &number, &format!("1650555000{n}"), "hello").await);
    }
    let made = make(&app, json!({ "url": receiver.url, "format": "meta", "kinds": ["messages"] })).await;
    give_up(&app, &made, &[&events[0], &events[1], &events[2]]).await;
    assert_eq!(shown(&app, &made).await["counts"]["dead"], 3);
    let page = app.get(&of(&app, &made, "/dead_letters?limit=2")).await.expect(200);
    assert_eq!((events_of(&page), &page["has_more"]), (vec![events[2].clone(), events[1].clone()], &json!(true)));
    let row = &page["data"][0];
    assert_eq!(
        (&row["state"], &row["attempts"], &row["failure"], &row["due_at"]),
        (&json!("dead"), &json!(14), &json!("HTTP 500"), &Value::Null)
    );
    let next = page["next"].as_str().unwrap();
    let rest = app.get(&of(&app, &made, &format!("/dead_letters?after={next}"))).await.expect(200);
    assert_eq!(events_of(&rest), [events[0].clone()]);

    let marked = app.post(&of(&app, &made, "/replay"), json!({ "dead_letters": true })).await.expect(200);
    assert_eq!(marked, json!({ "events": 3 }));
    let now = shown(&app, &made).await;
    assert_eq!((&now["counts"]["dead"], &now["counts"]["replayed"]), (&json!(0), &json!(3)));
    let waiting = app.get(&of(&app, &made, "/retrying?only=replayed")).await.expect(200);
    assert_eq!(events_of(&waiting).len(), 3);
    server::startup::start_forwarding(&app.app);
    eventually("all three came", async || (receiver.heard().len() == 3).then_some(())).await;
    let mut came = ids(&receiver);
    came.sort();
    assert_eq!(came, events);
    eventually("nothing waits", async || (shown(&app, &made).await["counts"]["replayed"] == 0).then_some(())).await;

    give_up(&app, &made, &[&events[0], &events[1]]).await;
    assert_eq!(app.delete(&of(&app, &made, "/dead_letters")).await.expect(200), json!({ "events": 2 }));
    assert_eq!(shown(&app, &made).await["counts"]["dead"], 0);
    assert_eq!(app.delete(&of(&app, &made, "/dead_letters")).await.expect(200), json!({ "events": 0 }));
    assert_eq!(receiver.heard().len(), 3, "what was discarded was not sent");
}

async fn events_are_sent_again_by_id_and_by_time(engine: Engine) {
    let (app, inbox, number) = with_number(engine).await;
    let other = app.signed_up(graph_emulator::Popup::default()).await;
    app.settle().await;
    let receiver = Receiver::start().await;
    let begin = app.clock.now();
    let first = write(&app, inbox, &number, "16505550001", "one").await;
    let theirs = write(&app, other.1, other.0.phone_number_id.as_deref().unwrap(), "16505550001", "elsewhere").await;
    app.advance(SignedDuration::from_mins(10)).await;
    let second = write(&app, inbox, &number, "16505550001", "two").await;
    let body = json!({ "url": receiver.url, "format": "meta", "kinds": ["messages"], "inbox_id": inbox.0 });
    let made = make(&app, body).await;
    server::startup::start_forwarding(&app.app);
    let replay = async |body: Value| app.post(&of(&app, &made, "/replay"), body).await;

    assert_eq!(replay(json!({ "event": second })).await.expect(200), json!({ "events": 1 }));
    eventually("the one came", async || (ids(&receiver) == [second.clone()]).then_some(())).await;
    let to = begin + SignedDuration::from_mins(5);
    let marked = replay(json!({ "from": begin, "to": to })).await.expect(200)["events"].as_u64().unwrap();
    assert!(marked >= 1, "{marked}");
    eventually("the other came", async || (ids(&receiver) == [second.clone(), first.clone()]).then_some(())).await;
    // what is still on record as waiting is not asked for twice
    eventually("nothing waits", async || (shown(&app, &made).await["counts"]["replayed"] == 0).then_some(())).await;
    replay(json!({ "from": begin })).await.expect(200);
    eventually("both came again", async || (receiver.heard().len() == 4).then_some(())).await;
    assert_eq!(ids(&receiver)[2..], [first.clone(), second.clone()], "in order, with the ids they had");
    assert!(!ids(&receiver).contains(&theirs), "another inbox's event came by time");

    for (body, status) in [
        (json!({ "event": theirs }), 404),
        (json!({ "event": "evt_999999999" }), 404),
        (json!({ "event": "one" }), 422),
        (json!({}), 422),
        (json!({ "event": first, "dead_letters": true }), 422),
        (json!({ "from": to, "to": begin }), 422),
        (json!({ "from": "yesterday" }), 422),
        (json!({ "to": to }), 422),
    ] {
        replay(body.clone()).await.expect(status);
    }
    replay(json!({ "event": second })).await.expect(200);
    eventually("the next replay came", async || (receiver.heard().len() >= 5).then_some(())).await;
    assert_eq!(ids(&receiver)[4..], *std::slice::from_ref(&second), "a refused replay sends nothing");
}

async fn one_that_is_off_gets_nothing_and_goes_on_where_it_stopped_or_from_now(engine: Engine) {
    let (app, inbox, number) = with_number(engine).await;
    let receiver = Receiver::start().await;
    let made = make(&app, json!({ "url": receiver.url, "format": "meta", "kinds": ["messages"] })).await;
    server::startup::start_forwarding(&app.app);
    let off = app.post(&of(&app, &made, "/disable"), Value::Null).await.expect(200);
    assert_eq!((&off["state"], &off["disabled_reason"]), (&json!("disabled"), &json!("switched_off")));
    assert!(off["disabled_at"].as_str().unwrap().starts_with("2026-11-02T09:00:00"), "{off}");
    assert!(off["state_text"].as_str().unwrap().starts_with("The endpoint was switched off by hand"), "{off}");
    let left_out = write(&app, inbox, &number, "16505550001", "while it was off").await;
    assert!(shown(&app, &made).await["counts"]["backlog"].as_i64() >= Some(1));
    let on = app.post(&of(&app, &made, "/enable"), json!({ "from": "now" })).await.expect(200);
    assert_eq!(
        (&on["state"], &on["disabled_at"], &on["counts"]["backlog"]),
        (&json!("active"), &Value::Null, &json!(0))
    );
    let came = write(&app, inbox, &number, "16505550001", "while it was on").await;
    eventually("what arrived since came", async || (ids(&receiver) == [came.clone()]).then_some(())).await;

    app.post(&of(&app, &made, "/disable"), Value::Null).await.expect(200);
    let kept = write(&app, inbox, &number, "16505550001", "while it was off again").await;
    app.post(&of(&app, &made, "/enable"), json!({})).await.expect(200);
    eventually("it went on", async || (ids(&receiver) == [came.clone(), kept.clone()]).then_some(())).await;
    assert!(!ids(&receiver).contains(&left_out));
    // one that is on is not moved
    let stays = app.post(&of(&app, &made, "/enable"), json!({ "from": "now" })).await.expect(200);
    assert_eq!(stays["state"], "active");
}

async fn events_nobody_wants_are_not_counted_as_behind(engine: Engine) {
    let (app, inbox, number) = with_number(engine).await;
    let receiver = Receiver::start().await;
    let made = make(&app, json!({ "url": receiver.url, "format": "meta", "kinds": ["statuses"] })).await;
    write(&app, inbox, &number, "16505550001", "a message, and no status").await;
    assert!(shown(&app, &made).await["counts"]["backlog"].as_i64() >= Some(1));
    server::startup::start_forwarding(&app.app);
    let caught_up = async || (shown(&app, &made).await["counts"]["backlog"] == 0).then_some(());
    eventually("the cursor is flushed", caught_up).await;
    assert!(receiver.heard().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_of_another_inbox_is_not_shown_here() {
    let (app, inbox, number) = with_number(Engine::Sqlite).await;
    let (_, other) = app.signed_up(graph_emulator::Popup::default()).await;
    app.settle().await;
    let event = write(&app, inbox, &number, "16505550001", "one").await;
    let path = |inbox: ChannelId| app.inbox(inbox, &format!("/events/{event}/deliveries"));
    assert_eq!(app.get(&path(inbox)).await.expect(200)["data"], json!([]));
    app.get(&path(other)).await.expect(404);
    app.get(&app.inbox(inbox, &format!("/events/{}/deliveries", EventId(999_999)))).await.expect(404);
}
