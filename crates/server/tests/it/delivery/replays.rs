//! Replays and deletions of thousands of events: in batches, complete, each event once.

use std::sync::Mutex;

use domain::delivery::Format;
use jiff::SignedDuration;
use serde_json::{Value, json};
use server::flows::forwarding::endpoints;
use server::flows::forwarding::endpoints::replay;
use server::store::Engine;
use server::store::deliveries::replay::ReplaySelector;
use server::store::deliveries::{self, Counts, Delivery, DeliveryState};

use super::support::{Line, Place, message, text_of};
use crate::support::on_each_engine;

on_each_engine!(
    replays_are_marked_in_batches,
    dead_letters_are_replayed_and_discarded_in_batches,
    a_replay_of_a_deleted_endpoint_is_refused,
    replays_of_several_pages_keep_their_order,
);

/// More than two batches.
const MANY: usize = 4100;

/// What is told of so many events: PostgreSQL takes them on at once.
fn in_batches(engine: Engine, all: u64) -> Vec<u64> {
    match engine {
        Engine::Sqlite => vec![2000, 4000, all],
        Engine::Postgres => vec![all],
    }
}

impl Place {
    /// An endpoint that is past so many messages, none of which was delivered.
    async fn past_many(&self) -> Line {
        let line = self.line_of(self.app.account, None, Format::Meta, &["messages"]).await;
        for posted in 0..2 {
            let change = |n: usize| {
                let value = message(self.phone_id(), "15550100", &format!("{posted}/{n}"));
                json!({ "field": "messages", "value": value })
            };
            let changes: Vec<Value> = (0..MANY / 2).map(change).collect();
            self.post(&Value::Array(changes)).await;
        }
        endpoints::disable(&self.app.app, &line.endpoint).await.unwrap();
        let endpoint = endpoints::enable(&self.app.app, &line.endpoint, true).await.unwrap();
        Line { endpoint, ..line }
    }

    /// Asks again, and what was told on the way.
    async fn ask(&self, line: &Line, which: ReplaySelector) -> Vec<u64> {
        let told = Mutex::new(Vec::new());
        let tell = |marked| told.lock().unwrap().push(marked);
        let marked = replay::request_replay(&self.app.app, &line.endpoint, which, &tell).await.unwrap();
        let told = told.into_inner().unwrap();
        assert_eq!(told.last(), Some(&marked));
        told
    }

    /// What was to be sent again is given up, as a worker would have written it.
    async fn give_up_all(&self, line: &Line) {
        let mut tx = self.app.store.write().await.unwrap();
        let asked =
            deliveries::load(&mut tx, line.endpoint.id, DeliveryState::Replayed, "evt_0".parse().unwrap(), 5000)
                .await
                .unwrap();
        let dead: Vec<Delivery> =
            asked.into_iter().map(|it| Delivery { state: DeliveryState::Dead, attempts: 14, ..it }).collect();
        deliveries::upsert_pending(&mut tx, line.endpoint.id, &dead).await.unwrap();
        tx.commit().await.unwrap();
    }

    /// Every event that the account was ever sent.
    fn ever(&self) -> ReplaySelector {
        let now = self.app.clock.now();
        ReplaySelector::Between(now - SignedDuration::from_hours(24), now + SignedDuration::from_hours(1))
    }
}

async fn replays_are_marked_in_batches(engine: Engine) {
    let place = Place::idle_on(engine).await;
    let line = place.past_many().await;
    let told = place.ask(&line, place.ever()).await;
    // beside the messages there is what Meta said when the number was signed up
    let all = *told.last().unwrap();
    assert!(all >= MANY as u64, "{told:?}");
    assert_eq!(told, in_batches(engine, all));
    assert_eq!(place.counts(&line.endpoint).await.replayed, i64::try_from(all).unwrap());
    assert_eq!(place.ask(&line, place.ever()).await.last(), Some(&0), "what waits already is not counted");

    // what is new comes first
    place.messages(&[("15550200", "new")]).await;
    server::startup::start_forwarding(&place.app.app);
    let got = line.receiver.wait_for(3).await;
    assert_eq!([0, 1, 2].map(|n| text_of(&got[n].json())), ["new", "0/0", "0/1"]);
}

async fn dead_letters_are_replayed_and_discarded_in_batches(engine: Engine) {
    let place = Place::idle_on(engine).await;
    let line = place.past_many().await;
    place.ask(&line, place.ever()).await;
    let all = u64::try_from(place.counts(&line.endpoint).await.replayed).unwrap();
    let counted = i64::try_from(all).unwrap();
    place.give_up_all(&line).await;
    assert_eq!(place.counts(&line.endpoint).await.dead, counted);
    assert_eq!(place.ask(&line, ReplaySelector::DeadLetters).await, in_batches(engine, all));
    assert_eq!(place.counts(&line.endpoint).await, Counts { replayed: counted, ..Counts::default() });

    place.give_up_all(&line).await;
    assert_eq!(replay::discard_dead_letters(&place.app.app, &line.endpoint).await.unwrap(), all);
    assert_eq!(place.counts(&line.endpoint).await, Counts::default());
}

async fn a_replay_of_a_deleted_endpoint_is_refused(engine: Engine) {
    let place = Place::idle_on(engine).await;
    let line = place.past_many().await;
    endpoints::delete(&place.app.app, &line.endpoint).await.unwrap();
    for which in [place.ever(), ReplaySelector::DeadLetters] {
        let refused = replay::request_replay(&place.app.app, &line.endpoint, which, &|_| {}).await.unwrap_err();
        assert_eq!(refused.to_string(), "The endpoint does not exist");
    }
}

/// Bodies of 2.4 MB: two of them are more than one look at the log brings.
async fn replays_of_several_pages_keep_their_order(engine: Engine) {
    let place = Place::on(engine).await;
    let line = place.line_of(place.app.account, None, Format::Meta, &["messages"]).await;
    let long = "x".repeat(1_200_000);
    for n in 0..5 {
        place.messages(&[("15550100", &format!("{n}{long}"))]).await;
    }
    place.until_delivered(&line).await;
    let line = Line { endpoint: place.kept(&line.endpoint).await, ..line };
    place.ask(&line, place.ever()).await;
    let got = line.receiver.wait_for(10).await;
    let texts: Vec<String> = got.iter().map(|got| text_of(&got.json())[..1].to_owned()).collect();
    assert_eq!(texts, ["0", "1", "2", "3", "4", "0", "1", "2", "3", "4"]);
    place.until_delivered(&line).await;
}
