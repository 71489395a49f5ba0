//! Events that cannot be opened: one whose bytes were altered, one whose seal key is lost. Nobody else's work stops.

use domain::delivery::Format;
use serde_json::json;
use server::flows::erasure::{self, Driver};
use server::flows::forwarding::endpoints::replay;
use server::flows::{admin, quarantine};
use server::store::deliveries::log;
use server::store::deliveries::replay::ReplaySelector;
use server::store::ids::EventId;
use server::store::{Engine, erasures, events};
use sqlx::{Connection as _, PgConnection, SqliteConnection};

use super::support::{Place, text_of};
use crate::support::on_each_engine;

on_each_engine!(events_that_cannot_be_opened_stop_nobody);

impl Place {
    /// The newest event of the account.
    async fn newest_event(&self) -> EventId {
        let reader = log::Reader { account: self.app.account, channel: None, wants_messages: true };
        let mut tx = self.app.store.read().await.unwrap();
        log::read(&mut tx, &reader, EventId(0), 5000).await.unwrap().entries.last().unwrap().id
    }

    /// Changes the sealed bytes of an event in the database.
    async fn alter(&self, event: EventId, change: impl FnOnce(&mut Vec<u8>)) {
        let (read, write) = ("select body from event where id = $1", "update event set body = $2 where id = $1");
        let url = &self.app.database.url;
        if self.app.app.store.engine() == Engine::Sqlite {
            let mut conn = SqliteConnection::connect(url).await.unwrap();
            let (mut body,): (Vec<u8>,) = sqlx::query_as(read).bind(event.0).fetch_one(&mut conn).await.unwrap();
            change(&mut body);
            sqlx::query(write).bind(event.0).bind(body).execute(&mut conn).await.unwrap();
        } else {
            let mut conn = PgConnection::connect(url).await.unwrap();
            let (mut body,): (Vec<u8>,) = sqlx::query_as(read).bind(event.0).fetch_one(&mut conn).await.unwrap();
            change(&mut body);
            sqlx::query(write).bind(event.0).bind(body).execute(&mut conn).await.unwrap();
        }
    }

    /// Meta posts an event that must be interpreted.
    async fn account_event(&self, name: &str) {
        self.post(&json!([{ "field": "account_update", "value": { "event": "ACCOUNT_UPDATE", "name": name } }])).await;
    }
}

fn flip(body: &mut [u8]) {
    *body.last_mut().unwrap() ^= 1;
}

async fn events_that_cannot_be_opened_stop_nobody(engine: Engine) {
    let place = Place::idle_on(engine).await;
    let line = place.line_of(place.app.account, None, Format::Meta, &["messages"]).await;
    place.account_event("sealed with a key that is lost").await;
    let lost = place.newest_event().await;
    place.alter(lost, |body| body[..4].copy_from_slice(&[0xde, 0xad, 0xbe, 0xef])).await;
    place.messages(&[("15550199990", "a"), ("15550199991", "b")]).await;
    let altered = place.newest_event().await;
    place.alter(altered, |body| flip(body)).await;
    place.messages(&[("15550199992", "c")]).await;
    place.account_event("after them").await;

    // interpreting goes on
    place.app.settle().await;
    let waiting = events::backlog(&mut place.app.store.read().await.unwrap()).await.unwrap();
    assert_eq!(waiting.count, 0);

    // forwarding goes on, and the owner of the endpoint sees what was not sent
    server::startup::start_forwarding(&place.app.app);
    let is_told = async || line.receiver.count() == 2 && place.counts(&line.endpoint).await.dead == 1;
    place.until("the others are delivered and the one is a dead letter", is_told).await;
    let mut texts: Vec<String> = line.receiver.taken().iter().map(|got| text_of(&got.json())).collect();
    // they are of different people
    texts.sort();
    assert_eq!(texts, ["a", "c"]);
    assert!(place.kept(&line.endpoint).await.disabled.is_none());
    let metrics = place.app.get("/metrics").await.text;
    assert!(metrics.contains("linekeeper_events_quarantined 2"), "{metrics}");

    // one that opens again leaves the quarantine and can be replayed
    place.alter(altered, |body| flip(body)).await;
    assert_eq!(quarantine::retry(&place.app.app).await.unwrap(), 1);
    let replayed = replay::request_replay(&place.app.app, &line.endpoint, ReplaySelector::DeadLetters, &|_| {}).await;
    assert_eq!(replayed.unwrap(), 1);
    place.until_delivered(&line).await;
    assert_eq!(text_of(&line.receiver.taken()[2].json()), "b");

    // a rotation and an erasure end, and say what they could not open
    let rotated = admin::reseal(&place.app.app, &|_| {}).await.unwrap();
    assert_eq!((rotated.unopened.events, rotated.unopened.values.len()), (1, 0));
    let erasure = erasure::start(&place.app.app, place.app.account, "+15550199990", Driver::Job).await.unwrap();
    place.app.settle().await;
    let erased = erasures::find(&mut place.app.store.read().await.unwrap(), erasure.id).await.unwrap().unwrap();
    assert!(erased.finished_at.is_some(), "{erased:?}");
    assert_eq!(erased.deleted, 1);

    // nobody can tell whether an event that an erasure has passed names the person: it stays closed
    place.alter(lost, |body| body[..4].copy_from_slice(&rotated.key)).await;
    assert_eq!(quarantine::retry(&place.app.app).await.unwrap(), 0);
}
