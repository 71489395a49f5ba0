//! Readings that meet: a slow one beside a newer one, and one WABA read with a token that works and one that does not.

use domain::ids::{ChannelId, WabaId};
use domain::meta::reading::QualityRating;
use graph_emulator::world::Quality;
use graph_emulator::{Fault, NumberAction, Popup};
use jiff::SignedDuration;
use server::flows::health;
use server::flows::queue::{Job, enqueue_now};
use server::store::api_keys::Scope;
use server::store::{Engine, channels, snapshots};

use super::support::{flawless, fresh, inbox_of, number_of, on_record, rows, waba_of};
use crate::app::{TestApp, browser};

rows!(f1_a_slow_reading_does_not_overwrite_a_newer_one, f1_a_dead_token_concerns_the_numbers_that_have_it,);

async fn snapshot(app: &TestApp, inbox: ChannelId) -> snapshots::StoredSnapshot {
    snapshots::latest(&mut app.store.read().await.unwrap(), inbox).await.unwrap().unwrap()
}

async fn f1_a_slow_reading_does_not_overwrite_a_newer_one(engine: Engine) {
    let app = fresh(engine).await;
    let (signup, inbox) = app.signed_up(flawless()).await;
    app.settle().await;
    let number = number_of(&signup);
    let channel = on_record(&app, inbox).await.channel;
    let other_process = app.start_again().await;
    app.clock.set(app.clock.now() + SignedDuration::from_mins(2));
    // Meta sees the first question at once and answers late
    app.meta.clear_log();
    app.meta.fail(Fault::delay("GET /{phone}", 1_000).on_number(&number));
    let slow = tokio::spawn({
        let (slow_app, channel) = (app.app.clone(), channel.clone());
        async move { health::refresh(&slow_app, &channel).await.unwrap() }
    });
    while app.meta.calls("GET /{phone}").is_empty() {
        tokio::task::yield_now().await;
    }
    app.meta.act(&number, NumberAction::Quality { quality: Quality::Yellow }).await.unwrap();
    app.clock.set(app.clock.now() + SignedDuration::from_secs(1));
    health::refresh(&other_process, &channel).await.unwrap();
    assert_eq!(snapshot(&app, inbox).await.reading.quality_rating, Some(QualityRating::Yellow));
    slow.await.unwrap();
    assert_eq!(snapshot(&app, inbox).await.reading.quality_rating, Some(QualityRating::Yellow));
}

async fn f1_a_dead_token_concerns_the_numbers_that_have_it(engine: Engine) {
    let app = fresh(engine).await;
    let (first, dead) = app.signed_up(flawless()).await;
    let waba = waba_of(&first);
    // another tenant has another number of the same WABA, with a token of its own
    let (account, key) = app.another_account(Scope::Admin).await;
    let second = app.meta.sign_up(Popup { waba_id: Some(waba.clone()), ..flawless() }).await;
    let path = format!("/api/v1/accounts/{account}/whatsapp/authorization");
    let alive = inbox_of(&app.send(reqwest::Method::POST, &path, Some(browser(&second)), Some(&key)).await);
    app.settle().await;
    let mut tx = app.store.write().await.unwrap();
    channels::renew_token(&mut tx, dead, &"EAAG-of-yesterday".into(), None, app.clock.now()).await.unwrap();
    tx.commit().await.unwrap();
    for _ in 0..3 {
        app.advance(SignedDuration::from_hours(1)).await;
        enqueue_now(&app.app, &[Job::Fleet(WabaId(waba.clone()))]).await.unwrap();
        app.settle().await;
    }
    let (of_dead, of_alive) = (snapshot(&app, dead).await, snapshot(&app, alive).await);
    assert!(of_dead.error.is_some_and(|failure| failure.is_access_failure()));
    assert_eq!(of_alive.error, None);
    assert!(of_alive.checked_at.unwrap() > app.clock.now() - SignedDuration::from_mins(5), "{of_alive:?}");
    let mut tx = app.store.read().await.unwrap();
    assert!(channels::token_state(&mut tx, dead).await.unwrap().unwrap().dead_since.is_some());
    assert_eq!(channels::token_state(&mut tx, alive).await.unwrap().unwrap().dead_since, None);
}
