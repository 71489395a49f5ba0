//! An endpoint that recovers gets its pending retries at once, not at their due times.

use domain::delivery::Admission;
use domain::delivery::Format;
use jiff::SignedDuration;
use server::flows::forwarding::endpoints;
use server::store::Engine;

use super::support::Place;
use crate::support::on_each_engine;
use crate::support::receiver::Reply;

on_each_engine!(
    after_an_outage_every_pending_retry_is_sent_at_once,
    pending_retries_are_sent_when_the_endpoint_is_patched,
    pending_retries_are_sent_when_the_endpoint_is_enabled,
);

async fn after_an_outage_every_pending_retry_is_sent_at_once(engine: Engine) {
    let place = Place::on(engine).await;
    let line = place.line(Format::Meta).await;
    line.receiver.answer(|_| Reply::status(500));
    let people: Vec<String> = (0..5).map(|n| format!("155500{n}")).collect();
    for person in &people {
        place.messages(&[(person, "a"), (person, "b")]).await;
    }
    place.until("the breaker is open", async || place.kept(&line.endpoint).await.breaker.is_tripped()).await;
    for _ in 0..35 {
        place.later(SignedDuration::from_mins(10));
        // by its record, not by what the receiver saw: what came of a probe counts from when it is noted, and time must not
        // go by before
        let now = place.app.clock.now();
        let waits = async || matches!(place.kept(&line.endpoint).await.breaker.admit(now), Admission::Reject { .. });
        place.until("a probe failed and the breaker is open again", waits).await;
    }
    place.until("all of the retry is pending", async || place.counts(&line.endpoint).await.waiting == 10).await;
    line.receiver.answer(|_| Reply::status(200));
    place.later(SignedDuration::from_mins(10));
    // from here on the clock stands still
    place.until_delivered(&line).await;
    assert_eq!(line.receiver.taken().len(), 10);
}

async fn pending_retries_are_sent_when_the_endpoint_is_patched(engine: Engine) {
    let place = Place::on(engine).await;
    let line = place.line(Format::Meta).await;
    line.receiver.answer(|_| Reply::status(401));
    place.messages(&[("1555000", "a"), ("1555000", "b")]).await;
    place.until("the retry is pending", async || place.counts(&line.endpoint).await.waiting == 2).await;
    line.receiver.answer(|_| Reply::status(200));
    let headers = [("authorization".to_owned(), "Bearer right".into())].into();
    let patch = endpoints::EndpointPatch { headers: Some(headers), ..endpoints::EndpointPatch::default() };
    endpoints::patch(&place.app.app, &line.endpoint, patch).await.unwrap();
    place.until_delivered(&line).await;
    assert_eq!(line.receiver.taken().len(), 2);
}

async fn pending_retries_are_sent_when_the_endpoint_is_enabled(engine: Engine) {
    let place = Place::on(engine).await;
    let line = place.line(Format::Meta).await;
    line.receiver.answer(|_| Reply::status(500));
    place.messages(&[("1555000", "a")]).await;
    place.until("the retry is pending", async || place.counts(&line.endpoint).await.waiting == 1).await;
    endpoints::disable(&place.app.app, &line.endpoint).await.unwrap();
    line.receiver.answer(|_| Reply::status(200));
    endpoints::enable(&place.app.app, &place.kept(&line.endpoint).await, false).await.unwrap();
    place.until_delivered(&line).await;
    assert_eq!(line.receiver.taken().len(), 1);
}
