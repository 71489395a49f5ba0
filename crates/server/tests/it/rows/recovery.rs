//! A stuck registration goes on by itself: R1, and the two halves of "pending" (D1), each alone on live data.

use domain::meta::failure::FailureKind;
use domain::registration::ledger::Basis;
use graph_emulator::world::CodeStatus;
use graph_emulator::{Fault, NumberAction, Popup, WebhookEffect, WebhookFault};
use jiff::SignedDuration;
use serde_json::{Value, json};
use server::store::Engine;

use super::support::{
    NAME_REFUSED, READ, REGISTER, expect_nothing_raised, flawless, fresh, in_review, inbox_of, number_of, on_record,
    pose, rows, unprovisioned,
};
use crate::app::TestApp;
use domain::ids::ChannelId;

rows!(
    r1_at_once_when_meta_says_that_the_name_is_approved,
    r1_by_schedule_when_no_webhook_comes,
    r1_a_name_that_is_good_and_still_refused_is_probed,
    r1_after_an_outage_of_meta,
    r1_at_once_when_the_code_was_verified_here,
    d1_a_number_pending_by_platform_alone_is_pending_and_registered,
    d1_a_number_pending_by_throughput_alone_is_pending_and_registered,
);

/// Every side says live, after so many calls.
async fn expect_live(app: &TestApp, inbox: ChannelId, calls: usize) {
    let kept = on_record(app, inbox).await;
    let number = app.meta.number(kept.channel.phone_number_id.as_str()).unwrap();
    assert!(number.registered, "{:?}", kept.attempts);
    assert_eq!((app.meta.calls(REGISTER).len(), number.register_calls.len()), (calls, calls));
    assert_eq!((kept.attempts.len(), kept.outcomes()[0]), (calls, Ok(())));
    let health = app.get(&app.inbox(inbox, "/health")).await.expect(200);
    assert_eq!((&health["status"], &health["platform_type"]), (&"CONNECTED".into(), &"CLOUD_API".into()));
    assert_eq!((&health["level"], &health["reauthorization_required"]), (&"live".into(), &false.into()));
    let registration = app.get(&app.inbox(inbox, "/registration")).await.expect(200);
    assert_eq!((&registration["state"], &registration["attempts"][0]["outcome"]), (&"done".into(), &"success".into()));
    assert_eq!(registration["attempts"].as_array().unwrap().len(), calls);
}

async fn r1_at_once_when_meta_says_that_the_name_is_approved(engine: Engine) {
    let app = fresh(engine).await;
    let (signup, inbox) = app.signed_up(in_review()).await;
    app.settle().await;
    app.advance(SignedDuration::from_hours(30)).await;
    assert_eq!(app.meta.calls(REGISTER).len(), 1, "while the name is in review it is read, not registered");
    let before = app.clock.now();
    app.meta.act(&number_of(&signup), NumberAction::ApproveName).await.unwrap();
    app.settle().await;
    assert_eq!(app.clock.now().duration_since(before).as_secs(), 0);
    expect_live(&app, inbox, 2).await;
    let attempts = on_record(&app, inbox).await.attempts;
    assert_eq!((attempts[0].attempt.basis, attempts[1].attempt.basis), (Basis::Evidence, Basis::Blind));
    assert_eq!(on_record(&app, inbox).await.outcomes()[1], Err(FailureKind::NameNotReady));
}

async fn r1_by_schedule_when_no_webhook_comes(engine: Engine) {
    let app = fresh(engine).await;
    let (signup, inbox) = app.signed_up(in_review()).await;
    app.settle().await;
    let lost = WebhookFault { field: None, waba_id: None, times: 1_000, effect: WebhookEffect::Lose };
    app.meta.add_webhook_fault(lost);
    app.advance(SignedDuration::from_mins(90)).await;
    app.meta.act(&number_of(&signup), NumberAction::ApproveName).await.unwrap();
    app.settle().await;
    assert_eq!(app.meta.calls(REGISTER).len(), 1);
    // read at 15 min, 1 h, 4 h after the refusal
    app.advance(SignedDuration::from_mins(151)).await;
    expect_live(&app, inbox, 2).await;
}

async fn r1_a_name_that_is_good_and_still_refused_is_probed(engine: Engine) {
    let app = fresh(engine).await;
    let (signup, answer) = app.sign_up(unprovisioned()).await;
    let body = expect_nothing_raised(&answer);
    let registration = &body["registration"];
    assert_eq!(registration["why"]["code"], "name_good_still_refused");
    assert_eq!(registration["attempts"][0]["error"], NAME_REFUSED);
    assert!(registration["register_at"].is_string(), "{registration}");
    let inbox = inbox_of(&answer);
    app.settle().await;
    // probes at 1, 3 and 6 hours; Meta tells nobody when it has provisioned a number
    app.advance(SignedDuration::from_hours(5)).await;
    assert_eq!(app.meta.calls(REGISTER).len(), 3);
    app.meta.act(&number_of(&signup), NumberAction::Provision).await.unwrap();
    app.settle().await;
    assert_eq!(app.meta.calls(REGISTER).len(), 3);
    app.advance(SignedDuration::from_mins(61)).await;
    expect_live(&app, inbox, 4).await;
}

async fn r1_after_an_outage_of_meta(engine: Engine) {
    let app = fresh(engine).await;
    let signup = app.meta.sign_up(flawless()).await;
    app.meta.fail(Fault::error(REGISTER, 133_004).times(2));
    let answer = app.authorize(&signup).await;
    assert_eq!(expect_nothing_raised(&answer)["registration"]["why"]["code"], "back_off");
    app.settle().await;
    app.advance(SignedDuration::from_mins(15)).await;
    expect_live(&app, inbox_of(&answer), 3).await;
    let transient = Err(FailureKind::Transient);
    assert_eq!(on_record(&app, inbox_of(&answer)).await.outcomes(), [Ok(()), transient, transient]);
}

async fn r1_at_once_when_the_code_was_verified_here(engine: Engine) {
    let app = fresh(engine).await;
    let (signup, inbox) = app.signed_up(Popup { verified: false, ..flawless() }).await;
    app.settle().await;
    let sent = app.post(&app.inbox(inbox, "/registration/code"), json!({ "method": "SMS" })).await.expect(200);
    assert_eq!(sent["status"], "sent");
    let number = app.meta.number(&number_of(&signup)).unwrap();
    assert_eq!(number.code_verification_status, CodeStatus::NotVerified);
    let entered = json!({ "code": number.sent_code.unwrap() });
    let body = app.post(&app.inbox(inbox, "/registration/code/verify"), entered).await.expect(200);
    assert_eq!((&body["called"], &body["outcome"]), (&true.into(), &"success".into()));
    app.settle().await;
    expect_live(&app, inbox, 2).await;
}

async fn d1_a_number_pending_by_platform_alone_is_pending_and_registered(engine: Engine) {
    half_pending(engine, ("platform_type", json!("CLOUD_API")), ("throughput", json!({ "level": "STANDARD" }))).await;
}

async fn d1_a_number_pending_by_throughput_alone_is_pending_and_registered(engine: Engine) {
    half_pending(engine, ("throughput", json!({ "level": "STANDARD" })), ("platform_type", json!("CLOUD_API"))).await;
}

/// `pending` is the one field that is left at `NOT_APPLICABLE`; the other reads provisioned.
async fn half_pending(engine: Engine, pending: (&str, Value), other: (&str, Value)) {
    let app = fresh(engine).await;
    let signup = app.meta.sign_up(flawless()).await;
    let number = number_of(&signup);
    pose(&app, &number, other.0, other.1).await;
    // Meta accepts the call and goes on reading as pending: what E8 looks at
    let not_applicable =
        if pending.0 == "throughput" { json!({ "level": "NOT_APPLICABLE" }) } else { json!("NOT_APPLICABLE") };
    pose(&app, &number, pending.0, not_applicable).await;
    let answer = app.authorize(&signup).await;
    let body = expect_nothing_raised(&answer);
    assert_eq!(body["reauthorization_required"], true, "{body}");
    assert_eq!(body["registration"]["why"]["code"], "accepted_not_shown", "{body}");
    let inbox = inbox_of(&answer);
    assert_eq!(on_record(&app, inbox).await.outcomes(), [Ok(())], "the half fired: it was registered");
    let read = app.meta.calls(READ);
    assert_eq!(read.last().map(|call| call.status), Some(Some(200)), "{read:?}");
    let health = app.get(&app.inbox(inbox, "/health")).await.expect(200);
    assert_eq!(health["reauthorization_required"], true);

    // and the planner, on a number it did not register itself, decides by the same half
    pose(&app, &number, pending.0, pending.1).await;
    app.settle().await;
    app.advance(SignedDuration::from_mins(10)).await;
    let health = app.post(&app.inbox(inbox, "/health/refresh"), Value::Null).await.expect(200);
    assert_eq!((&health["reauthorization_required"], &health["level"]), (&false.into(), &"live".into()));
    assert_eq!(app.meta.calls(REGISTER).len(), 1);
}
