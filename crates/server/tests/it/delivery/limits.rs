//! Bounds: how much of the log is held at once, and how fast an endpoint is called, whatever an event holds.

use domain::delivery::Format;
use jiff::SignedDuration;
use serde_json::json;
use server::flows::forwarding::endpoints;
use server::store::Engine;
use server::store::deliveries::log::{self, PAGE_BYTES, Reader};
use server::store::ids::EventId;

use super::support::{Place, message};
use crate::support::on_each_engine;

on_each_engine!(large_events_are_fetched_a_page_at_a_time, an_event_of_many_payloads_keeps_the_rate);

async fn large_events_are_fetched_a_page_at_a_time(engine: Engine) {
    const SIZE: usize = 1 << 20;
    let place = Place::idle_on(engine).await;
    for n in 0..9 {
        place.messages(&[("1555000", &format!("{n}{}", "x".repeat(SIZE)))]).await;
    }
    place.app.settle().await;
    for channel in [None, Some(place.inbox)] {
        let reader = Reader { account: place.app.account, channel, wants_messages: true };
        let (mut after, mut large, mut pages) = (EventId(0), 0, 0);
        loop {
            let mut tx = place.app.app.store.read().await.unwrap();
            let page = log::read(&mut tx, &reader, after, 256).await.unwrap();
            let bytes: usize = page.entries.iter().map(|entry| entry.body.len()).sum();
            assert!(bytes < PAGE_BYTES + 2 * SIZE, "{bytes} at once");
            assert!(page.entries.iter().is_sorted_by_key(|entry| entry.id) && page.read_to >= after);
            large += page.entries.iter().filter(|entry| entry.body.len() > SIZE).count();
            pages += 1;
            if page.is_end {
                break;
            }
            assert_eq!(page.entries.last().unwrap().id, page.read_to, "no event is skipped");
            after = page.read_to;
        }
        assert!(large == 9 && pages >= 3, "{channel:?}: {large} in {pages}");
    }
    // each of them is delivered
    let line = place.line(Format::Meta).await;
    for n in 0..9 {
        place.messages(&[("1555000", &format!("again {n}{}", "x".repeat(SIZE)))]).await;
    }
    server::startup::start_forwarding(&place.app.app);
    place.until_delivered(&line).await;
    assert_eq!(line.receiver.taken().len(), 9);
}

async fn an_event_of_many_payloads_keeps_the_rate(engine: Engine) {
    let place = Place::on(engine).await;
    let line = place.line(Format::Standard).await;
    let patch = endpoints::EndpointPatch { per_second: Some(2), ..endpoints::EndpointPatch::default() };
    endpoints::patch(&place.app.app, &line.endpoint, patch).await.unwrap();
    let mut value = message(place.phone_id(), "1555000", "0");
    for n in 1..8 {
        let one = message(place.phone_id(), "1555000", &n.to_string())["messages"][0].clone();
        value["messages"].as_array_mut().unwrap().push(one);
    }
    let arrivals = place.record_arrivals(&line);
    place.post(&json!([{ "field": "messages", "value": value }])).await;
    for second in 1..=4 {
        line.receiver.wait_for(2 * second).await;
        place.later(SignedDuration::from_secs(1));
    }
    assert_eq!(arrivals.per_second(), [2, 2, 2, 2]);
}
