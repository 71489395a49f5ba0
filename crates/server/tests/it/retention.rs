//! Retention and capacity, over HTTP on both engines: old events are purged and waiting ones stay; a full
//! database refuses posts and nothing else, and accepts them again once it has space.

use std::time::Duration;

use domain::capacity::StorageLevel;
use graph_emulator::Config as EmulatorConfig;
use jiff::SignedDuration;
use serde_json::{Value, json};
use server::flows::queue::{Job, enqueue_now};
use server::flows::{Next, capacity, retention};
use server::store::events::PurgeLimits;
use server::store::ids::EventId;
use server::store::{Engine, events, size};
use sqlx::{Connection as _, Executor as _, PgConnection};

use crate::app::{APP_SECRET, Answer, TestApp};

const ENGINES: [Engine; 2] = [Engine::Sqlite, Engine::Postgres];

/// Posts `changes` messages of `bytes` bytes each, none of them sent before.
async fn post(app: &TestApp, name: &str, changes: usize, bytes: usize) -> Answer {
    let text = "x".repeat(bytes);
    let change = |n: usize| {
        json!({ "field": "messages", "value": { "messaging_product": "whatsapp",
            "metadata": { "display_phone_number": "15550100001", "phone_number_id": "720000000000001" },
            "messages": [{ "from": "15550199999", "id": format!("wamid.{name}.{n}"), "text": { "body": text } }] } })
    };
    let changes: Vec<Value> = (0..changes).map(change).collect();
    let body = json!({ "object": "whatsapp_business_account", "entry": [{ "id": "7100", "changes": changes }] });
    app.post_webhook("/webhooks/whatsapp", body.to_string().as_bytes(), Some(APP_SECRET)).await
}

async fn exists(app: &TestApp, id: i64) -> bool {
    let mut tx = app.app.store.read().await.unwrap();
    events::find(&mut tx, EventId(id)).await.unwrap().is_some()
}

async fn bytes(app: &TestApp) -> u64 {
    let mut tx = app.app.store.read().await.unwrap();
    size::bytes_in_use(&mut tx).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn old_events_are_purged_and_young_or_waiting_ones_stay() {
    for engine in ENGINES {
        let app = TestApp::on(engine).await;
        for n in 0..5 {
            post(&app, &format!("old{n}"), 200, 10).await.expect(200);
        }
        app.settle().await;
        // an event of the same age that was never interpreted
        let mut tx = app.store.write().await.unwrap();
        let waiting = events::NewEvent {
            received_at: app.clock.now(),
            waba_id: None,
            phone_number_id: None,
            phone_digits: None,
            channel_id: None,
            account_id: None,
            field: "messages".to_owned(),
            state: events::EventState::ToInterpret,
            dedup_key: b"waits-for-ever-1".to_vec(),
            body: "7100\n\n{}".into(),
        };
        events::insert_batch(&mut tx, &[waiting]).await.unwrap();
        tx.commit().await.unwrap();
        let oldest = events::to_interpret(&mut app.app.store.read().await.unwrap(), 9).await.unwrap().events;
        assert_eq!(oldest.len(), 1);
        let waits = oldest[0].0.id.0;
        app.clock.set(app.clock.now() + SignedDuration::from_hours(6 * 24));
        post(&app, "young", 3, 10).await.expect(200);
        assert!(matches!(retention::purge_expired(&app.app).await.unwrap(), Next::Done));
        assert!(exists(&app, 1).await && exists(&app, 1000).await, "six days old");
        app.clock.set(app.clock.now() + SignedDuration::from_hours(25));
        retention::purge_expired(&app.app).await.unwrap();
        assert!(
            !exists(&app, 1).await && !exists(&app, 500).await && !exists(&app, 1000).await,
            "seven days and an hour old"
        );
        assert!(exists(&app, waits).await, "an event that waits to be interpreted is never purged");
        assert!(exists(&app, waits + 1).await && exists(&app, waits + 3).await, "a day old");
        // interpreted at last, it is purged by the sweep's job alone, and the young ones later
        enqueue_now(&app.app, &[Job::Sweep, Job::Interpret]).await.unwrap();
        app.advance(SignedDuration::from_mins(11)).await;
        assert!(!exists(&app, waits).await && exists(&app, waits + 1).await);
        app.advance(SignedDuration::from_hours(6 * 24)).await;
        assert!(!exists(&app, waits + 1).await);
    }
}

/// Measures until the level is reached. PostgreSQL's count of living rows is some seconds behind and a few
/// rows wrong; `analyze` makes it count again, as it does by itself whenever a tenth of them has changed.
async fn measure_until(app: &TestApp, stage: StorageLevel) {
    for _ in 0..100 {
        if app.app.store.engine() == Engine::Postgres {
            let mut conn = PgConnection::connect(&app.database.url).await.unwrap();
            conn.execute("analyze event").await.unwrap();
        }
        if capacity::measure(&app.app).await.unwrap() == stage {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("{stage:?} is not reached with {} bytes", bytes(app).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_database_refuses_posts_alone_until_it_has_space() {
    for engine in ENGINES {
        let fresh = bytes(&TestApp::on(engine).await).await;
        // four megabytes more than an empty database takes; the warning level at half of them
        let limit = fresh + 4_000_000;
        let warn_at_percent = u8::try_from((fresh + 2_000_000) * 100 / limit).unwrap();
        let app = TestApp::with(engine, |config| set(config, limit, warn_at_percent), EmulatorConfig::default()).await;
        measure_until(&app, StorageLevel::Ok).await;
        post(&app, "first", 120, 20_000).await.expect(200);
        measure_until(&app, StorageLevel::NearLimit).await;
        let ready = app.get("/readyz").await.expect(200);
        assert_eq!((&ready["status"], &ready["database"]["capacity"]), (&json!("ok"), &json!("near_limit")), "{ready}");
        post(&app, "second", 120, 20_000).await.expect(200);
        measure_until(&app, StorageLevel::Full).await;

        let refused = post(&app, "third", 1, 10).await;
        let problem = refused.expect(503);
        assert_eq!(problem["code"], "storage_full", "{problem}");
        assert!(refused.headers["retry-after"].to_str().unwrap().parse::<u64>().unwrap() >= 60);
        // a forged post learns nothing, and everything else is served
        assert_eq!(app.post_webhook("/webhooks/whatsapp", b"{}", None).await.expect(401)["code"], "bad_signature");
        app.get(&app.path("/inboxes")).await.expect(200);
        app.post(&app.path("/api_keys"), json!({ "name": "x", "scope": "read" })).await.expect(201);
        let ready = app.get("/readyz").await.expect(200);
        assert_eq!(ready["database"]["capacity"], "full", "{ready}");
        assert!(ready["database"]["bytes"].as_u64().unwrap() >= limit, "{ready}");
        assert_eq!(ready["database"]["limit_bytes"], limit);
        let metrics = app.get("/metrics").await.text;
        assert!(metrics.contains("linekeeper_database_size_bytes"), "{metrics}");

        app.clock.set(app.clock.now() + SignedDuration::from_hours(8 * 24));
        retention::purge_expired(&app.app).await.unwrap();
        measure_until(&app, StorageLevel::Ok).await;
        post(&app, "third", 1, 10).await.expect(200);
        // freed space is used again: the same posts once more reach the warning level, not the limit
        post(&app, "fourth", 120, 20_000).await.expect(200);
        measure_until(&app, StorageLevel::NearLimit).await;
    }
}

fn set(config: &mut server::config::Config, limit: u64, warn_at_percent: u8) {
    #[expect(clippy::cast_precision_loss, reason = "some megabytes")]
    let max_gigabytes = (limit as f64 + 0.5) / 1e9;
    config.retention =
        server::config::Retention { days: 7, unfinished_signup_hours: 24, max_gigabytes, warn_at_percent };
}

/// The purge passes events that wait and stops at young ones; it never reads the whole table.
#[tokio::test(flavor = "multi_thread")]
async fn the_purge_stops_at_the_first_young_window() {
    for engine in ENGINES {
        let app = TestApp::on(engine).await;
        post(&app, "old", 250, 1).await.expect(200);
        let border = app.clock.now() + SignedDuration::from_hours(1);
        app.clock.set(border + SignedDuration::from_hours(1));
        post(&app, "young", 250, 1).await.expect(200);
        let mut tx = app.store.write().await.unwrap();
        let mut steps = Vec::new();
        let mut after = None;
        let limits = PurgeLimits { before: border, undelivered_before: border - SignedDuration::from_hours(9) };
        loop {
            let step = events::purge(&mut tx, after, limits, 100).await.unwrap();
            steps.push(step.removed);
            after = step.next;
            if after.is_none() {
                break;
            }
        }
        // the very first event waits to be interpreted: its number is seen for the first time
        assert_eq!(steps, [99, 100, 50, 0]);
    }
}
