//! Setting up registration and webhooks: W1 to W4, W7, W8, W13. What fails to be read is in `setup_reads`.

use domain::meta::failure::FailureKind;
use graph_emulator::{Fault, NumberAction, Popup};
use jiff::SignedDuration;
use serde_json::Value;
use server::store::Engine;
use tracing::Level;

use super::capture::Logs;
use super::support::{
    NAME_REFUSED, REGISTER, SUBSCRIBE, changes, expect_not_registered, expect_nothing_raised, expect_registered,
    expect_webhooks, fresh, in_review, inbox_of, number_of, on_record, overlap, pose, refused_with, rows,
};

rows!(
    w1_a_number_whose_code_is_not_verified_is_registered_and_subscribed,
    w1_holds_even_where_both_health_fields_look_provisioned,
    w1_an_unverified_number_that_meta_refuses_is_subscribed_all_the_same,
    w2_a_verified_and_provisioned_number_is_not_registered_but_subscribed,
    w2_any_value_but_the_literal_not_applicable_is_provisioned,
    w3_a_verified_number_without_a_platform_is_registered_and_subscribed,
    w4_a_verified_number_without_throughput_is_registered_and_subscribed,
    w7_a_refused_registration_is_recorded_and_the_webhook_subscribed_all_the_same,
    w8_a_failing_subscription_is_reported_logged_and_retried,
    w8_a_press_on_register_webhook_fails_with_the_same_words,
    w13_when_all_goes_well_nothing_is_raised_and_nothing_logged_as_an_error,
);

async fn w1_a_number_whose_code_is_not_verified_is_registered_and_subscribed(engine: Engine) {
    let app = fresh(engine).await;
    let signup = app.meta.sign_up(Popup::default()).await;
    pose(&app, &number_of(&signup), "code_verification_status", "NOT_VERIFIED").await;
    let answer = app.authorize(&signup).await;
    let body = expect_nothing_raised(&answer);
    assert_eq!(body["registration"]["state"], "done");
    assert_eq!(body["registration"]["attempts"][0]["outcome"], "success");
    expect_registered(&app, inbox_of(&answer)).await;
    expect_webhooks(&app, inbox_of(&answer)).await;
}

async fn w1_holds_even_where_both_health_fields_look_provisioned(engine: Engine) {
    let app = fresh(engine).await;
    let signup = app.meta.sign_up(Popup::default()).await;
    let number = number_of(&signup);
    pose(&app, &number, "code_verification_status", "NOT_VERIFIED").await;
    pose(&app, &number, "platform_type", "CLOUD_API").await;
    pose(&app, &number, "throughput", serde_json::json!({ "level": "STANDARD" })).await;
    let answer = app.authorize(&signup).await;
    expect_nothing_raised(&answer);
    expect_registered(&app, inbox_of(&answer)).await;
    expect_webhooks(&app, inbox_of(&answer)).await;
}

async fn w1_an_unverified_number_that_meta_refuses_is_subscribed_all_the_same(engine: Engine) {
    let app = fresh(engine).await;
    let (_, answer) = app.sign_up(Popup { verified: false, ..Popup::default() }).await;
    let body = expect_nothing_raised(&answer);
    let registration = &body["registration"];
    assert_eq!(
        (&registration["state"], &registration["remedy"]["code"]),
        (&"action_needed".into(), &"verify_by_code".into())
    );
    assert_eq!(registration["attempts"][0]["meta"]["code"], 133_006);
    assert_eq!(app.meta.calls(REGISTER).len(), 1);
    let kept = on_record(&app, inbox_of(&answer)).await;
    assert_eq!(kept.outcomes(), [Err(FailureKind::ReverificationNeeded)]);
    assert_eq!(app.meta.calls(REGISTER)[0].param("pin").map(str::to_owned), kept.pin_print());
    expect_webhooks(&app, inbox_of(&answer)).await;
}

async fn w2_a_verified_and_provisioned_number_is_not_registered_but_subscribed(engine: Engine) {
    let app = fresh(engine).await;
    let signup = app.meta.sign_up(Popup::default()).await;
    app.meta.act(&number_of(&signup), NumberAction::Registered { pin: "314159".to_owned() }).await.unwrap();
    // so that nothing but being provisioned keeps it from being registered
    pose(&app, &number_of(&signup), "is_pin_enabled", false).await;
    let answer = app.authorize(&signup).await;
    let body = expect_nothing_raised(&answer);
    assert_eq!(
        (&body["registration"]["state"], &body["registration"]["why"]["code"]),
        (&"done".into(), &"live".into())
    );
    assert_eq!(body["registration"]["budget"]["spent"], 0);
    app.settle().await;
    expect_not_registered(&app, inbox_of(&answer)).await;
    expect_webhooks(&app, inbox_of(&answer)).await;
}

async fn w2_any_value_but_the_literal_not_applicable_is_provisioned(engine: Engine) {
    let app = fresh(engine).await;
    let signup = app.meta.sign_up(Popup::default()).await;
    let number = number_of(&signup);
    pose(&app, &number, "platform_type", "SOMETHING_NEW").await;
    pose(&app, &number, "throughput", serde_json::json!({ "level": "EXTREME" })).await;
    let answer = app.authorize(&signup).await;
    let body = expect_nothing_raised(&answer);
    assert_eq!(body["registration"]["why"]["code"], "activating", "{body}");
    app.settle().await;
    expect_not_registered(&app, inbox_of(&answer)).await;
    expect_webhooks(&app, inbox_of(&answer)).await;
}

async fn w3_a_verified_number_without_a_platform_is_registered_and_subscribed(engine: Engine) {
    half_provisioned(engine, "throughput", serde_json::json!({ "level": "STANDARD" })).await;
}

async fn w4_a_verified_number_without_throughput_is_registered_and_subscribed(engine: Engine) {
    half_provisioned(engine, "platform_type", Value::from("CLOUD_API")).await;
}

/// One of the two fields reads provisioned, the other is what it is: `NOT_APPLICABLE`.
async fn half_provisioned(engine: Engine, field: &str, value: Value) {
    let app = fresh(engine).await;
    let signup = app.meta.sign_up(Popup::default()).await;
    pose(&app, &number_of(&signup), field, value).await;
    // each is held for a while, so that the one that waited for the other would show
    app.meta.fail(Fault::delay(REGISTER, 500));
    app.meta.fail(Fault::delay(SUBSCRIBE, 500));
    let answer = app.authorize(&signup).await;
    let body = expect_nothing_raised(&answer);
    assert_eq!(body["registration"]["state"], "done");
    assert_eq!(body["reauthorization_required"], false);
    expect_registered(&app, inbox_of(&answer)).await;
    expect_webhooks(&app, inbox_of(&answer)).await;
    let (register, subscribe) = (&app.meta.calls(REGISTER)[0], &app.meta.calls(SUBSCRIBE)[0]);
    assert!(overlap(register, subscribe), "side by side: {register:?} {subscribe:?}");
}

async fn w7_a_refused_registration_is_recorded_and_the_webhook_subscribed_all_the_same(engine: Engine) {
    let app = fresh(engine).await;
    let (_, answer) = app.sign_up(in_review()).await;
    let body = expect_nothing_raised(&answer);
    let registration = &body["registration"];
    assert_eq!((&registration["state"], &registration["why"]["code"]), (&"waiting".into(), &"name_in_review".into()));
    let attempt = &registration["attempts"][0];
    assert_eq!((&attempt["outcome"], &attempt["failure"]), (&"failed".into(), &"name_not_ready".into()));
    assert_eq!(attempt["error"], NAME_REFUSED);
    assert_eq!((&attempt["meta"]["code"], &attempt["meta"]["subcode"]), (&100.into(), &2_388_001.into()));
    assert_eq!(attempt["meta"]["user_title"], "Cannot Create Certificate");
    let call = &app.meta.calls(REGISTER)[0];
    assert_eq!((call.status, call.error_code, call.error_subcode), (Some(400), Some(100), Some(2_388_001)));
    let kept = on_record(&app, inbox_of(&answer)).await;
    assert_eq!(kept.outcomes(), [Err(FailureKind::NameNotReady)]);
    assert!(!kept.attempts[0].is_assumed);
    assert_eq!(call.param("pin").map(str::to_owned), kept.pin_print());
    expect_webhooks(&app, inbox_of(&answer)).await;
}

async fn w8_a_failing_subscription_is_reported_logged_and_retried(engine: Engine) {
    let logs = Logs::capture();
    let app = fresh(engine).await;
    app.meta.fail(Fault::refusal(SUBSCRIBE, refused_with(100, "(#100) The subscription is refused for a test")));
    let (_, answer) = app.sign_up(Popup::default()).await;
    let body = answer.expect(200);
    let text = "Webhook setup failed: (#100) The subscription is refused for a test";
    assert_eq!((&body["success"], &body["webhook_error"]), (&true.into(), &text.into()));
    assert_eq!(logs.at(Level::ERROR), [format!("[WHATSAPP] {text}")]);
    expect_registered(&app, inbox_of(&answer)).await;
    let before = on_record(&app, inbox_of(&answer)).await.webhook;
    assert_eq!(before.error.as_deref(), Some("(#100) The subscription is refused for a test"));
    assert_eq!((before.subscribed_at, before.override_url), (None, None));

    app.meta.clear_log();
    app.advance(SignedDuration::from_mins(2)).await;
    expect_webhooks(&app, inbox_of(&answer)).await;
    assert!(app.meta.calls(REGISTER).is_empty());
}

async fn w8_a_press_on_register_webhook_fails_with_the_same_words(engine: Engine) {
    let logs = Logs::capture();
    let app = fresh(engine).await;
    let (signup, inbox) = app.signed_up(Popup::default()).await;
    app.settle().await;
    app.meta.with_world(|world, _| world.unsubscribe_waba(signup.waba_id.as_deref().unwrap()));
    app.meta.clear_log();
    app.meta.fail(Fault::refusal(SUBSCRIBE, refused_with(100, "(#100) The subscription is refused for a test")));
    let answer = app.post(&app.inbox(inbox, "/register_webhook"), Value::Null).await;
    let text = "Webhook setup failed: (#100) The subscription is refused for a test";
    let body = answer.expect(422);
    assert_eq!((&body["error"], &body["code"]), (&text.into(), &"webhook_setup_failed".into()));
    assert_eq!(logs.at(Level::ERROR), [format!("[WHATSAPP] {text}")]);
    assert_eq!(
        on_record(&app, inbox).await.webhook.error.as_deref(),
        Some("(#100) The subscription is refused for a test")
    );
    assert_eq!(changes(&app), [SUBSCRIBE]);

    app.meta.clear_log();
    let answer = app.post(&app.inbox(inbox, "/register_webhook"), Value::Null).await;
    assert_eq!(answer.expect(200)["message"], "Webhook registered successfully");
    expect_webhooks(&app, inbox).await;
}

async fn w13_when_all_goes_well_nothing_is_raised_and_nothing_logged_as_an_error(engine: Engine) {
    let logs = Logs::capture();
    let app = fresh(engine).await;
    let (_, answer) = app.sign_up(Popup::default()).await;
    let body = expect_nothing_raised(&answer);
    assert_eq!((&body["name"], &body["reauthorization_required"]), (&"Example Bakery WhatsApp".into(), &false.into()));
    app.settle().await;
    app.advance(SignedDuration::from_hours(1)).await;
    expect_registered(&app, inbox_of(&answer)).await;
    expect_webhooks(&app, inbox_of(&answer)).await;
    assert!(app.meta.log().iter().all(|call| call.status == Some(200)), "{:?}", app.meta.log());
    assert_eq!(logs.at(Level::ERROR), [""; 0]);
    assert!(!logs.at(Level::INFO).is_empty(), "nothing was captured at all");
}
