//! Silence: the usual gap between a number's events is learnt, and a gap far beyond it is announced.

use graph_emulator::Popup;
use jiff::SignedDuration;
use serde_json::json;
use server::store::Engine;

use crate::app::{APP_SECRET, TestApp};
use crate::support::on_each_engine;

on_each_engine!(a_gap_far_beyond_the_usual_is_announced_and_ends_with_the_next_message);

/// The usual gap between two messages.
const USUAL_GAP: SignedDuration = SignedDuration::from_hours(6);

/// Posts one message to a number; `count` makes its id unique.
async fn post_message(app: &TestApp, number: &str, count: usize) {
    let value = json!({ "messaging_product": "whatsapp",
        "metadata": { "display_phone_number": "15550100001", "phone_number_id": number },
        "messages": [{ "from": "15550199999", "id": format!("wamid.{count}"), "type": "text", "text": { "body": "Hi" } }] });
    let body = json!({ "object": "whatsapp_business_account",
        "entry": [{ "id": "102000000000001", "changes": [{ "field": "messages", "value": value }] }] });
    app.post_webhook("/webhooks/whatsapp", body.to_string().as_bytes(), Some(APP_SECRET)).await.expect(200);
    app.settle().await;
}

async fn a_gap_far_beyond_the_usual_is_announced_and_ends_with_the_next_message(engine: Engine) {
    let app = TestApp::on(engine).await;
    let (result, inbox) = app.signed_up(Popup::default()).await;
    let number = result.phone_number_id.unwrap();
    let is_silent = async || {
        let health = app.get(&app.inbox(inbox, "/health")).await.expect(200);
        let findings = health["findings"].as_array().unwrap().clone();
        findings.iter().any(|finding| finding["code"] == "webhook_silence")
    };
    let is_announced = async || {
        let list = app.get(&app.path("/announcements")).await.expect(200);
        list.to_string().contains("\"webhook_silence\"")
    };
    let mut count = 0;
    for _ in 0..4 {
        post_message(&app, &number, count).await;
        app.advance(USUAL_GAP).await;
        count += 1;
    }
    // one day of events is too little to know the usual gap
    app.advance(SignedDuration::from_hours(3 * 24)).await;
    assert!(!is_silent().await);
    for _ in 0..4 * 30 {
        post_message(&app, &number, count).await;
        app.advance(USUAL_GAP).await;
        count += 1;
    }
    assert!(!is_silent().await && !is_announced().await, "the gap is usual");
    // the longest gap is a month old and counts half; a gap of more than twelve times the rest is announced
    app.advance(SignedDuration::from_hours(31 * 24)).await;
    assert!(is_silent().await && is_announced().await);
    post_message(&app, &number, count).await;
    assert!(!is_silent().await);
}
