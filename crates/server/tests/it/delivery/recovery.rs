//! An endpoint that comes back gets what waits for it at once, not when each piece happens to be due.

use domain::delivery::Format;
use domain::delivery::breaker::Gate;
use jiff::SignedDuration;
use server::flows::endpoints;
use server::store::Engine;

use super::support::Place;
use crate::support::on_each_engine;
use crate::support::receiver::Reply;

on_each_engine!(
    after_an_outage_everything_goes_at_once,
    what_waits_goes_when_the_endpoint_is_changed,
    what_waits_goes_when_the_endpoint_is_switched_on,
);

async fn after_an_outage_everything_goes_at_once(engine: Engine) {
    let place = Place::on(engine).await;
    let line = place.line(Format::Meta).await;
    line.receiver.answer(|_| Reply::status(500));
    let people: Vec<String> = (0..5).map(|n| format!("155500{n}")).collect();
    for person in &people {
        place.messages(&[(person, "a"), (person, "b")]).await;
    }
    place.until("it is taken for broken", async || place.kept(&line.endpoint).await.breaker.is_open()).await;
    for _ in 0..35 {
        place.later(SignedDuration::from_mins(10));
        // by its record, not by what the receiver saw: what came of a probe counts from when it is noted, and time must not
        // go by before
        let now = place.app.clock.now();
        let waits = async || matches!(place.kept(&line.endpoint).await.breaker.gate(now), Gate::Wait(_));
        place.until("it was probed, and is left alone again", waits).await;
    }
    place.until("all of it is set aside", async || place.counts(&line.endpoint).await.waiting == 10).await;
    line.receiver.answer(|_| Reply::status(200));
    place.later(SignedDuration::from_mins(10));
    // from here on the clock stands still
    place.until_delivered(&line).await;
    assert_eq!(line.receiver.taken().len(), 10);
}

async fn what_waits_goes_when_the_endpoint_is_changed(engine: Engine) {
    let place = Place::on(engine).await;
    let line = place.line(Format::Meta).await;
    line.receiver.answer(|_| Reply::status(401));
    place.messages(&[("1555000", "a"), ("1555000", "b")]).await;
    place.until("it is set aside", async || place.counts(&line.endpoint).await.waiting == 2).await;
    line.receiver.answer(|_| Reply::status(200));
    let headers = [("authorization".to_owned(), "Bearer right".into())].into();
    let wish = endpoints::Wish { headers: Some(headers), ..endpoints::Wish::default() };
    endpoints::change(&place.app.app, &line.endpoint, wish).await.unwrap();
    place.until_delivered(&line).await;
    assert_eq!(line.receiver.taken().len(), 2);
}

async fn what_waits_goes_when_the_endpoint_is_switched_on(engine: Engine) {
    let place = Place::on(engine).await;
    let line = place.line(Format::Meta).await;
    line.receiver.answer(|_| Reply::status(500));
    place.messages(&[("1555000", "a")]).await;
    place.until("it is set aside", async || place.counts(&line.endpoint).await.waiting == 1).await;
    endpoints::disable(&place.app.app, &line.endpoint).await.unwrap();
    line.receiver.answer(|_| Reply::status(200));
    endpoints::enable(&place.app.app, &place.kept(&line.endpoint).await, false).await.unwrap();
    place.until_delivered(&line).await;
    assert_eq!(line.receiver.taken().len(), 1);
}
