//! The ledger's limits in scripted histories: people, webhooks and signups that repeat without end.

use graph_emulator::world::NameDecision;
use graph_emulator::{NumberAction, NumberView, Popup, Review, WabaAction};
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::app::{APP_SECRET, TestApp, browser};

fn in_review() -> Popup {
    let review = Some(Review { lasts: None, outcome: NameDecision::Approved });
    Popup { review, ..Popup::default() }
}

fn seen(app: &TestApp, number: &str) -> NumberView {
    app.meta.number(number).unwrap()
}

/// How many calls Meta received so far.
fn calls(app: &TestApp, number: &str) -> usize {
    seen(app, number).register_calls.len()
}

/// Posts Meta's newest webhook of a field once more, as it was.
async fn post_again(app: &TestApp, field: &str) {
    let log = app.meta.webhook_log();
    let entry = log.iter().rev().find(|entry| entry.fields.iter().any(|f| f == field)).unwrap();
    let path = entry.callback_url.strip_prefix(&app.url).unwrap();
    app.post_webhook(path, entry.body.as_bytes(), Some(APP_SECRET)).await.expect(200);
    app.settle().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pressing_without_end_leaves_the_tenth_call_to_the_approval() {
    let app = TestApp::new().await;
    let (result, inbox) = app.signed_up(in_review()).await;
    let number = result.phone_number_id.unwrap();
    for press in 0..70 * 6 {
        app.advance(SignedDuration::from_mins(10)).await;
        let answer = app.post(&app.inbox(inbox, "/registration"), json!({})).await.expect(200);
        assert!(
            answer["registration"]["why"].is_object() || answer["registration"]["why"].is_string(),
            "{press}: {answer}"
        );
    }
    assert_eq!(calls(&app, &number), 9, "{:#?}", seen(&app, &number).register_calls);
    app.meta.act(&number, NumberAction::ApproveName).await.unwrap();
    app.settle().await;
    assert!(seen(&app, &number).registered);
    assert_eq!(calls(&app, &number), 10);
    assert!(seen(&app, &number).register_calls.iter().all(|call| call.code != 133_016));
}

#[tokio::test(flavor = "multi_thread")]
async fn evidence_counts_once_however_often_it_is_told() {
    let app = TestApp::new().await;
    let lag = SignedDuration::from_hours(30);
    let (result, inbox) = app.signed_up(Popup { provisioning_lag: lag, ..in_review() }).await;
    let number = result.phone_number_id.unwrap();
    app.settle().await;
    assert_eq!(calls(&app, &number), 1);
    app.advance(SignedDuration::from_mins(90)).await;
    app.meta.act(&number, NumberAction::ApproveName).await.unwrap();
    app.settle().await;
    assert_eq!(calls(&app, &number), 2, "once for the approval");
    for _ in 0..5 {
        post_again(&app, "phone_number_name_update").await;
        app.get(&app.inbox(inbox, "/health")).await.expect(200);
        app.advance(SignedDuration::from_mins(2)).await;
    }
    assert_eq!(calls(&app, &number), 2, "the same approval again is none");
    app.advance(SignedDuration::from_hours(48)).await;
    assert!(seen(&app, &number).registered, "the probes find it");
}

#[tokio::test(flavor = "multi_thread")]
async fn account_reviews_without_end_do_not_make_a_name_good() {
    let app = TestApp::new().await;
    let (result, _) = app.signed_up(in_review()).await;
    let (number, waba) = (result.phone_number_id.unwrap(), result.waba_id.unwrap());
    for _ in 0..30 {
        app.advance(SignedDuration::from_hours(1)).await;
        let decision = graph_emulator::world::ReviewStatus::Approved;
        app.meta.act_on_waba(&waba, WabaAction::Review { decision }).await.unwrap();
        app.settle().await;
    }
    let got = calls(&app, &number);
    assert!(got > 1, "an account review wakes a call");
    assert!(got <= 5, "{got} calls while nothing said the name is good");
    app.meta.act(&number, NumberAction::ApproveName).await.unwrap();
    app.settle().await;
    assert!(seen(&app, &number).registered);
}

#[tokio::test(flavor = "multi_thread")]
async fn signing_up_without_end_spends_no_more_than_the_blind_calls() {
    let app = TestApp::new().await;
    let (result, inbox) = app.signed_up(in_review()).await;
    let number = result.phone_number_id.clone().unwrap();
    for _ in 0..15 {
        app.advance(SignedDuration::from_mins(20)).await;
        let again = Popup { waba_id: result.waba_id.clone(), phone_number: result.phone_number.clone(), ..in_review() };
        let result = app.meta.sign_up(again).await;
        let mut body = browser(&result);
        body["inbox_id"] = json!(inbox.0);
        app.post(&app.path("/whatsapp/authorization"), body).await.expect(200);
        app.settle().await;
    }
    assert!(calls(&app, &number) <= 5, "{:#?}", seen(&app, &number).register_calls);
    app.meta.act(&number, NumberAction::ApproveName).await.unwrap();
    app.settle().await;
    assert!(seen(&app, &number).registered);
}

#[tokio::test(flavor = "multi_thread")]
async fn coexistence_is_never_registered_whoever_asks() {
    let app = TestApp::new().await;
    let (result, inbox) = app.signed_up(Popup { coexistence: true, ..Popup::default() }).await;
    let number = result.phone_number_id.unwrap();
    for what in [json!({}), json!({ "apply_new_name": true })] {
        app.post(&app.inbox(inbox, "/registration"), what).await.expect(200);
    }
    app.meta.act(&number, NumberAction::TurnOffTwoStep).await.unwrap();
    app.advance(SignedDuration::from_hours(30)).await;
    app.meta.act(&number, NumberAction::Disconnect { reads: None }).await.unwrap();
    app.advance(SignedDuration::from_hours(30)).await;
    app.post(&app.inbox(inbox, "/registration"), json!({})).await.expect(200);
    assert_eq!(calls(&app, &number), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_approved_new_name_is_applied_once_and_only_by_a_person() {
    let app = TestApp::new().await;
    let (result, inbox) = app.signed_up(Popup::default()).await;
    let number = result.phone_number_id.unwrap();
    assert!(seen(&app, &number).registered);
    let before = calls(&app, &number);
    let name = "Better Bakery".to_owned();
    app.meta.act(&number, NumberAction::SubmitName { name, lasts: None, outcome: None }).await.unwrap();
    app.meta.act(&number, NumberAction::ApproveName).await.unwrap();
    app.advance(SignedDuration::from_hours(24)).await;
    assert_eq!(calls(&app, &number), before, "never by itself");
    let path = app.inbox(inbox, "/registration");
    let apply = || app.post(&path, json!({ "apply_new_name": true }));
    let first: Value = apply().await.expect(200);
    assert_eq!(first["outcome"], "success", "{first}");
    assert_eq!(seen(&app, &number).verified_name, "Better Bakery");
    let second: Value = apply().await.expect(200);
    assert_eq!(second["called"], false, "{second}");
    assert_eq!(calls(&app, &number), before + 1);
}
