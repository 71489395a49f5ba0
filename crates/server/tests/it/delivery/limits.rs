//! What has an end: how much of the log is held at once, and how fast an endpoint is posted to, whatever an event holds.

use std::time::Duration;

use domain::delivery::Format;
use jiff::SignedDuration;
use serde_json::json;
use server::flows::endpoints;
use server::store::Engine;
use server::store::deliveries::log::{self, PAGE_BYTES, Reader};
use server::store::ids::EventId;

use super::support::{Place, message};
use crate::support::on_each_engine;

on_each_engine!(what_is_large_is_read_some_at_a_time, an_event_of_many_posts_keeps_the_pace);

async fn what_is_large_is_read_some_at_a_time(engine: Engine) {
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
            assert_eq!(page.entries.last().unwrap().id, page.read_to, "nothing is passed over");
            after = page.read_to;
        }
        assert!(large == 9 && pages >= 3, "{channel:?}: {large} in {pages}");
    }
    // and they are delivered, each of them
    let line = place.line(Format::Meta).await;
    for n in 0..9 {
        place.messages(&[("1555000", &format!("again {n}{}", "x".repeat(SIZE)))]).await;
    }
    server::startup::start_forwarding(&place.app.app);
    place.until_delivered(&line).await;
    assert_eq!(line.receiver.taken().len(), 9);
}

async fn an_event_of_many_posts_keeps_the_pace(engine: Engine) {
    let place = Place::on(engine).await;
    let line = place.line(Format::Standard).await;
    let wish = endpoints::Wish { per_second: Some(2), ..endpoints::Wish::default() };
    endpoints::change(&place.app.app, &line.endpoint, wish).await.unwrap();
    let mut value = message(place.phone_id(), "1555000", "0");
    for n in 1..8 {
        let one = message(place.phone_id(), "1555000", &n.to_string())["messages"][0].clone();
        value["messages"].as_array_mut().unwrap().push(one);
    }
    place.post(&json!([{ "field": "messages", "value": value }])).await;
    line.receiver.wait_for(2).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    let first = line.receiver.got().len();
    assert!((2..=3).contains(&first), "{first} in the first instant");
    for second in 1..4 {
        place.later(SignedDuration::from_secs(1));
        tokio::time::sleep(Duration::from_millis(200)).await;
        let got = line.receiver.got().len();
        assert!(got <= first + 2 * second, "{got} after {second} s");
    }
    line.receiver.wait_for(8).await;
}
