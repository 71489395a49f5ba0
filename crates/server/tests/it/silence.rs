//! A number that goes quiet: what is usual is learnt from what Meta sends, and far longer than that is told.

use graph_emulator::Popup;
use jiff::SignedDuration;
use serde_json::json;
use server::store::Engine;

use crate::app::{APP_SECRET, TestApp};
use crate::support::on_each_engine;

on_each_engine!(far_longer_than_usual_is_told_and_ends_with_the_next_message);

/// How often somebody writes.
const EVERY: SignedDuration = SignedDuration::from_hours(6);

/// Somebody writes to a number for the so-manieth time.
async fn write(app: &TestApp, number: &str, count: usize) {
    let value = json!({ "messaging_product": "whatsapp",
        "metadata": { "display_phone_number": "15550100001", "phone_number_id": number },
        "messages": [{ "from": "15550199999", "id": format!("wamid.{count}"), "type": "text", "text": { "body": "Hi" } }] });
    let body = json!({ "object": "whatsapp_business_account",
        "entry": [{ "id": "102000000000001", "changes": [{ "field": "messages", "value": value }] }] });
    app.post_webhook("/webhooks/whatsapp", body.to_string().as_bytes(), Some(APP_SECRET)).await.expect(200);
    app.settle().await;
}

async fn far_longer_than_usual_is_told_and_ends_with_the_next_message(engine: Engine) {
    let app = TestApp::on(engine).await;
    let (result, inbox) = app.signed_up(Popup::default()).await;
    let number = result.phone_number_id.unwrap();
    let is_silent = async || {
        let health = app.get(&app.inbox(inbox, "/health")).await.expect(200);
        let findings = health["findings"].as_array().unwrap().clone();
        findings.iter().any(|finding| finding["code"] == "silence")
    };
    let is_told = async || {
        let list = app.get(&app.path("/announcements")).await.expect(200);
        list.to_string().contains("\"silence\"")
    };
    let mut count = 0;
    for _ in 0..4 {
        write(&app, &number, count).await;
        app.advance(EVERY).await;
        count += 1;
    }
    // a day is too short to tell what is usual
    app.advance(SignedDuration::from_hours(3 * 24)).await;
    assert!(!is_silent().await);
    for _ in 0..4 * 30 {
        write(&app, &number, count).await;
        app.advance(EVERY).await;
        count += 1;
    }
    assert!(!is_silent().await && !is_told().await, "it is as usual");
    // what was the longest gap is a month ago and half forgotten; no more than twelve times the rest of it
    app.advance(SignedDuration::from_hours(31 * 24)).await;
    assert!(is_silent().await && is_told().await);
    write(&app, &number, count).await;
    assert!(!is_silent().await);
}
