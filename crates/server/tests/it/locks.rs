//! PostgreSQL alone: transactions take their locks in one order, so that none waits for one that waits for it.
//! `docs/ARCHITECTURE.md` names the order.

use std::time::Duration;

use domain::ids::ChannelId;
use graph_emulator::Popup;
use serde_json::json;
use server::flows::queue::{Job, enqueue};
use server::store::events::{EventState, NewEvent};
use server::store::{Engine, channels, events};
use sqlx::{Connection as _, PgConnection};

use crate::app::{APP_SECRET, TestApp};

/// Waits until a transaction of this database waits for a lock.
async fn until_someone_waits(app: &TestApp) {
    let mut conn = PgConnection::connect(&app.database.url).await.unwrap();
    let waiting =
        "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'";
    loop {
        let (count,): (i64,) = sqlx::query_as(waiting).fetch_one(&mut conn).await.unwrap();
        if count > 0 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// A flow holds the number's rows and is about to announce; a post about the same number arrives meanwhile.
#[tokio::test(flavor = "multi_thread")]
async fn an_announcement_and_a_post_about_one_number_do_not_wait_for_each_other() {
    let app = TestApp::on(Engine::Postgres).await;
    let (result, inbox) = app.signed_up(Popup::default()).await;
    let number = result.phone_number_id.unwrap();
    let webhook = channels::webhook(&mut app.store.read().await.unwrap(), inbox).await.unwrap();
    let mut flow = app.store.write().await.unwrap();
    channels::set_webhook(&mut flow, inbox, &webhook).await.unwrap();
    let value = json!({ "messaging_product": "whatsapp",
        "metadata": { "display_phone_number": "15550100001", "phone_number_id": number },
        "messages": [{ "from": "15550199999", "id": "wamid.1", "type": "text", "text": { "body": "Hi" } }] });
    let body = json!({ "object": "whatsapp_business_account",
        "entry": [{ "id": "102000000000001", "changes": [{ "field": "messages", "value": value }] }] });
    let body = body.to_string();
    let post = app.post_webhook("/webhooks/whatsapp", body.as_bytes(), Some(APP_SECRET));
    let finish_flow = async {
        until_someone_waits(&app).await;
        let event = NewEvent {
            received_at: app.clock.now(),
            waba_id: None,
            phone_number_id: None,
            phone_digits: None,
            channel_id: Some(inbox),
            account_id: Some(app.account),
            field: "linekeeper".to_owned(),
            state: EventState::Stored,
            dedup_key: b"one announcement".to_vec(),
            body: "{}".into(),
        };
        events::insert_batch(&mut flow, &[event]).await.unwrap();
        flow.commit().await.unwrap();
    };
    let (answer, ()) = tokio::join!(post, finish_flow);
    answer.expect(200);
}

/// Two flows enqueue the same two jobs, each in an order of its own.
#[tokio::test(flavor = "multi_thread")]
async fn two_transactions_that_enqueue_the_same_jobs_do_not_wait_for_each_other() {
    let app = TestApp::on(Engine::Postgres).await;
    let now = app.clock.now();
    let mut one = app.store.write().await.unwrap();
    let mut other = app.store.write().await.unwrap();
    enqueue(&mut one, &Job::Purge, now);
    enqueue(&mut other, &Job::Token(ChannelId(1)), now);
    enqueue(&mut one, &Job::Token(ChannelId(1)), now);
    enqueue(&mut other, &Job::Purge, now);
    let (one, other) = tokio::join!(one.commit(), other.commit());
    one.unwrap();
    other.unwrap();
}
