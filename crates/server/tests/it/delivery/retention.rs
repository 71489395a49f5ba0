//! Retention of pending events and of attempts.

use domain::delivery::Format;
use jiff::SignedDuration;
use serde_json::json;
use server::flows::erasure::{self, BatchResult, Driver};
use server::flows::forwarding::endpoints;
use server::flows::retention;
use server::store::Engine;
use server::store::deliveries::log::{self, Page, Reader};
use server::store::ids::EventId;

use super::support::{Place, message, text_of};
use crate::support::on_each_engine;
use crate::support::receiver::Reply;

on_each_engine!(
    pending_events_are_retained_for_twice_as_long,
    events_that_no_endpoint_accepts_are_purged_in_the_end,
    attempts_are_purged_with_their_event,
    an_erased_person_is_removed_from_pending_events,
    an_erased_person_is_not_sent_from_memory,
    pending_events_of_one_account_retain_nothing_of_others,
);

impl Place {
    /// Whether the newest message is still there, after so many days and a sweep.
    async fn message_is_kept_after(&self, days: i64) -> bool {
        self.app.clock.set(self.app.clock.now() + SignedDuration::from_hours(24 * days));
        let before = self.newest_message().await;
        retention::purge_expired(&self.app.app).await.unwrap();
        before.is_some() && self.newest_message().await == before
    }

    /// The newest event of all, whoever's.
    async fn newest(&self) -> i64 {
        self.log().await.read_to.0
    }

    async fn newest_message(&self) -> Option<i64> {
        let page = self.log().await;
        page.entries.iter().filter(|entry| entry.field == "messages").map(|entry| entry.id.0).max()
    }

    /// Everything of the account's.
    async fn log(&self) -> Page {
        let mut tx = self.app.app.store.read().await.unwrap();
        let reader = Reader { account: self.app.account, channel: None, wants_messages: true };
        let page = log::read(&mut tx, &reader, EventId(0), 5000).await.unwrap();
        assert!(page.is_end);
        page
    }
}

async fn pending_events_are_retained_for_twice_as_long(engine: Engine) {
    let place = Place::idle_on(engine).await;
    let line = place.line(Format::Meta).await;
    place.messages(&[("1555000", "a")]).await;
    place.app.settle().await;
    assert!(place.message_is_kept_after(8).await, "it is owed");
    server::startup::start_forwarding(&place.app.app);
    place.until_delivered(&line).await;
    assert_eq!(text_of(&line.receiver.taken()[0].json()), "a");
    assert!(!place.message_is_kept_after(0).await, "it was taken, and is old");
}

async fn events_that_no_endpoint_accepts_are_purged_in_the_end(engine: Engine) {
    let place = Place::idle_on(engine).await;
    let line = place.line(Format::Meta).await;
    place.messages(&[("1555000", "a")]).await;
    place.app.settle().await;
    assert!(place.message_is_kept_after(13).await, "owed to an endpoint that is on");
    assert!(!place.message_is_kept_after(2).await, "twice as old as events become");

    // one that is switched off is owed nothing for longer than the rest is kept
    place.messages(&[("1555000", "b")]).await;
    place.app.settle().await;
    endpoints::disable(&place.app.app, &place.kept(&line.endpoint).await).await.unwrap();
    assert!(place.message_is_kept_after(6).await);
    assert!(!place.message_is_kept_after(2).await);
    // it goes on with what there is
    place.messages(&[("1555000", "c")]).await;
    endpoints::enable(&place.app.app, &place.kept(&line.endpoint).await, false).await.unwrap();
    server::startup::start_forwarding(&place.app.app);
    place.until_delivered(&line).await;
    let texts: Vec<String> = line.receiver.taken().iter().map(|got| text_of(&got.json())).collect();
    assert_eq!(texts, ["c"]);
}

async fn attempts_are_purged_with_their_event(engine: Engine) {
    let place = Place::on(engine).await;
    let line = place.line(Format::Meta).await;
    place.messages(&[("1555000", "a")]).await;
    place.until_delivered(&line).await;
    place.app.settle().await;
    place.until("the attempt is stored", async || place.attempts(&line.endpoint).await.len() == 1).await;
    let first = place.attempts(&line.endpoint).await[0].key.event;
    place.app.clock.set(place.app.clock.now() + SignedDuration::from_hours(24 * 8));
    place.messages(&[("1555000", "b")]).await;
    place.until_delivered(&line).await;
    place.until("the attempt is stored", async || place.attempts(&line.endpoint).await.len() == 2).await;
    retention::purge_expired(&place.app.app).await.unwrap();
    let left = place.attempts(&line.endpoint).await;
    assert!(left.len() == 1 && left[0].key.event > first, "{left:?}");
}

/// Of a batch one person's message was taken and another's refused: the first is erased, the second comes
/// under the id it was refused under.
async fn an_erased_person_is_removed_from_pending_events(engine: Engine) {
    let place = Place::on(engine).await;
    let line = place.line(Format::Standard).await;
    line.receiver
        .answer(|post| Reply::status(if post["data"]["message"]["from"] == "15550199999" { 200 } else { 500 }));
    let mut value = message(place.phone_id(), "15550199999", "secret");
    let ben = message(place.phone_id(), "15550177777", "stays");
    value["messages"].as_array_mut().unwrap().push(ben["messages"][0].clone());
    value["contacts"].as_array_mut().unwrap().push(ben["contacts"][0].clone());
    place.post(&json!([{ "field": "messages", "value": value }])).await;
    let got = line.receiver.wait_for(2).await;
    let of_ben = got.iter().find(|got| got.json()["data"]["message"]["from"] == "15550177777").unwrap();
    let refused = of_ben.id().to_owned();
    place.until("the retry is pending", async || place.counts(&line.endpoint).await.waiting == 1).await;
    place.app.settle().await;

    let app = &place.app.app;
    let grace = Driver::Caller(SignedDuration::from_mins(5));
    let begun = erasure::start(app, place.app.account, "+15550199999", grace).await.unwrap();
    while !matches!(erasure::erase_batch(app, begun.id).await.unwrap(), BatchResult::Finished) {}
    line.receiver.answer(|_| Reply::status(200));
    // the erasure restarts the worker, which may have tried again before the receiver accepts: a refusal that is
    // recorded after the clock has moved would put the next attempt beyond it
    place.until_quiet(&line).await;
    place.later(SignedDuration::from_mins(10));
    place.until_delivered(&line).await;
    let last = line.receiver.taken().pop().unwrap();
    assert_eq!((last.id(), &last.json()["data"]["message"]["text"]["body"]), (refused.as_str(), &json!("stays")));
    assert!(!String::from_utf8_lossy(&last.body).contains("15550199999"), "{last:?}");
}

/// The endpoint is broken, so that a message read from the log stands before it, in memory, untried.
async fn an_erased_person_is_not_sent_from_memory(engine: Engine) {
    let place = Place::on(engine).await;
    let line = place.line(Format::Meta).await;
    line.receiver.answer(|_| Reply::status(500));
    for n in 0..6 {
        place.messages(&[(&format!("1555000{n}"), "stays")]).await;
    }
    place.until("the breaker is open", async || place.kept(&line.endpoint).await.breaker.is_tripped()).await;
    let control = place.line(Format::Meta).await;
    place.messages(&[("15550199999", "secret")]).await;
    place.app.settle().await;
    // both workers are notified at once: when one has delivered, the other has fetched
    place.until_delivered(&control).await;

    let app = &place.app.app;
    let grace = Driver::Caller(SignedDuration::from_mins(5));
    let begun = erasure::start(app, place.app.account, "+15550199999", grace).await.unwrap();
    while !matches!(erasure::erase_batch(app, begun.id).await.unwrap(), BatchResult::Finished) {}
    line.receiver.answer(|_| Reply::status(200));
    place.later(SignedDuration::from_mins(10));
    place.until_delivered(&line).await;
    assert_eq!(line.receiver.taken().len(), 6);
    let has_it = |got: &crate::support::receiver::Got| String::from_utf8_lossy(&got.body).contains("15550199999");
    assert!(!line.receiver.got().iter().any(has_it), "it was sent");
}

async fn pending_events_of_one_account_retain_nothing_of_others(engine: Engine) {
    let place = Place::idle_on(engine).await;
    let _owed = place.line(Format::Meta).await;
    let change =
        |n: usize| json!({ "field": "messages", "value": message(place.phone_id(), "1555000", &n.to_string()) });
    place.post(&(0..900).map(change).collect()).await;
    let nobodys = json!([{ "field": "messages", "value": message("999", "1555111", "x") }]);
    let body = json!({ "object": "whatsapp_business_account", "entry": [{ "id": "999", "changes": nobodys }] });
    place.post_body(&body.to_string()).await;
    place.app.settle().await;
    let last = place.newest().await;
    place.app.clock.set(place.app.clock.now() + SignedDuration::from_hours(24 * 8));
    // a run that looks at four hundred does not come that far; the next ones do
    for _ in 0..4 {
        retention::purge_batches(&place.app.app, 0).await.unwrap();
    }
    assert!(place.newest().await < last, "it is old, and owed to nobody");
    let owed = place.log().await.entries.iter().filter(|entry| entry.field == "messages").count();
    assert_eq!(owed, 900);
}
