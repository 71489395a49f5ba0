//! Embedded signup that is refused: E1, E2 with a spent code, E4, E10, A2.

use domain::signup::SignupState;
use graph_emulator::{Fault, Popup};
use jiff::SignedDuration;
use reqwest::Method;
use serde_json::{Value, json};
use server::store::Engine;
use server::store::api_keys::Scope;
use tracing::Level;

use super::capture::Logs;
use super::support::{
    EXCHANGE, LIST, changes, channel_count, expect_nothing_raised, fresh, inbox_of, on_record, refused_with, rows,
    signups_of, waba_of,
};
use crate::app::{Answer, TestApp, browser};

rows!(
    e1_every_missing_parameter_is_named_before_any_call,
    e1_with_coexistence_the_portfolio_may_be_missing,
    e2_a_code_that_is_too_old_is_refused_in_metas_words,
    e2_a_code_handed_over_twice_gets_the_first_answer_without_a_call,
    e4_a_token_without_access_to_the_account_is_refused,
    e10_any_other_failure_is_logged_and_reported,
    a2_the_same_number_twice_in_one_account_is_refused_and_nothing_stored,
    a2_the_same_number_in_another_account_is_refused_and_nothing_stored,
);

/// 422 as the origin's route has it.
#[track_caller]
fn expect_refused(answer: &Answer, code: &str, text: &str) {
    let body = answer.expect(422);
    assert_eq!((&body["success"], &body["error"], &body["code"]), (&false.into(), &text.into(), &code.into()));
}

async fn authorize_with(app: &TestApp, body: Value) -> Answer {
    app.post(&app.path("/whatsapp/authorization"), body).await
}

async fn e1_every_missing_parameter_is_named_before_any_call(engine: Engine) {
    let app = fresh(engine).await;
    let cases = [
        (json!({}), "code, business_id, waba_id"),
        (json!({ "code": "", "business_id": " ", "waba_id": null }), "code, business_id, waba_id"),
        (json!({ "code": "AQ1", "waba_id": "711" }), "business_id"),
        (json!({ "business_id": "731", "is_coexistence": false }), "code, waba_id"),
        (json!({ "code": "AQ1", "business_id": "731" }), "waba_id"),
        (json!({ "is_coexistence": true }), "code, waba_id"),
    ];
    for (body, missing) in cases {
        let answer = authorize_with(&app, body).await;
        expect_refused(&answer, "missing_parameter", &format!("Required parameters are missing: {missing}"));
    }
    assert_eq!(app.meta.log(), []);
    assert_eq!((channel_count(&app).await, signups_of(&app).await.len()), (0, 0));
}

async fn e1_with_coexistence_the_portfolio_may_be_missing(engine: Engine) {
    let app = fresh(engine).await;
    let signup = app.meta.sign_up(Popup { coexistence: true, ..Popup::default() }).await;
    let body = json!({ "code": signup.code, "waba_id": signup.waba_id, "is_coexistence": true });
    let answer = authorize_with(&app, body).await;
    let body = expect_nothing_raised(&answer);
    assert_eq!(body["registration"]["why"]["code"], "coexistence");
    app.settle().await;
    super::support::expect_not_registered(&app, inbox_of(&answer)).await;
    super::support::expect_webhooks(&app, inbox_of(&answer)).await;
    let channel = on_record(&app, inbox_of(&answer)).await.channel;
    assert_eq!(channel.onboarding, domain::channel::Onboarding::Coexistence);
}

async fn e2_a_code_that_is_too_old_is_refused_in_metas_words(engine: Engine) {
    let logs = Logs::capture();
    let app = fresh(engine).await;
    let signup = app.meta.sign_up(Popup::default()).await;
    app.meta.advance(SignedDuration::from_secs(31)).await;
    let answer = app.authorize(&signup).await;
    expect_refused(&answer, "meta_refused", "This authorization code has expired.");
    assert_eq!(logs.at(Level::ERROR), ["[WHATSAPP] Embedded signup failed: This authorization code has expired."]);
    assert_eq!(app.meta.log().iter().map(|call| call.route.as_str()).collect::<Vec<_>>(), [EXCHANGE]);
    assert_eq!(channel_count(&app).await, 0);
    let signup = signups_of(&app).await.remove(0);
    assert_eq!(signup.state, SignupState::Failed);
    assert_eq!(signup.error.unwrap()["text"], "This authorization code has expired.");
}

async fn e2_a_code_handed_over_twice_gets_the_first_answer_without_a_call(engine: Engine) {
    let app = fresh(engine).await;
    let (signup, inbox) = app.signed_up(Popup::default()).await;
    app.settle().await;
    app.meta.clear_log();
    assert_eq!(inbox_of(&app.authorize(&signup).await), inbox);
    let text = "This authorization code was used before. Codes work once, for 30 seconds: open the signup again.";
    // for another number, another inbox or another account it is spent
    let mut other_number = browser(&signup);
    other_number["phone_number_id"] = json!("720000000009999");
    expect_refused(&authorize_with(&app, other_number).await, "code_replayed", text);
    let (other, key) = app.another_account(Scope::Admin).await;
    let path = format!("/api/v1/accounts/{other}/whatsapp/authorization");
    let answer = app.send(Method::POST, &path, Some(browser(&signup)), Some(&key)).await;
    expect_refused(&answer, "code_replayed", text);
    assert_eq!(app.meta.log(), []);
    assert_eq!((channel_count(&app).await, signups_of(&app).await.len()), (1, 1));
}

async fn e4_a_token_without_access_to_the_account_is_refused(engine: Engine) {
    let logs = Logs::capture();
    let app = fresh(engine).await;
    let foreign = app.meta.sign_up(Popup::default()).await;
    let signup = app.meta.sign_up(Popup::default()).await;
    let mut body = browser(&signup);
    body["waba_id"] = json!(foreign.waba_id);
    body["phone_number_id"] = json!(foreign.phone_number_id);
    let answer = authorize_with(&app, body).await;
    let text = format!("Token does not have access to WABA {}", waba_of(&foreign));
    expect_refused(&answer, "no_access_to_waba", &text);
    assert_eq!(logs.at(Level::ERROR), [format!("[WHATSAPP] Embedded signup failed: {text}")]);
    let listed = app.meta.calls(LIST);
    assert_eq!((listed.len(), listed[0].status, listed[0].waba_id.clone()), (1, Some(400), foreign.waba_id));
    assert_eq!(changes(&app), [""; 0]);
    let kept = signups_of(&app).await.remove(0);
    assert_eq!((channel_count(&app).await, kept.state), (0, SignupState::Unfinished));
    assert_eq!((kept.waba_id, kept.phone_number_id), (None, None), "a claim that Meta refuted is none");
}

async fn e10_any_other_failure_is_logged_and_reported(engine: Engine) {
    let logs = Logs::capture();
    let app = fresh(engine).await;
    let signup = app.meta.sign_up(Popup::default()).await;
    app.meta.fail(Fault::refusal(LIST, refused_with(368, "(#368) Blocked for a test")));
    let answer = app.authorize(&signup).await;
    expect_refused(&answer, "meta_refused", "(#368) Blocked for a test");
    assert_eq!(answer.json()["meta"]["code"], 368);
    assert_eq!(logs.at(Level::ERROR), ["[WHATSAPP] Embedded signup failed: (#368) Blocked for a test"]);
    assert_eq!(changes(&app), [""; 0]);
    assert_eq!((channel_count(&app).await, signups_of(&app).await[0].state), (0, SignupState::Unfinished));
    let mut tx = app.app.store.read().await.unwrap();
    let id = store::signups::list(&mut tx, app.account, None, 1).await.unwrap()[0].id;
    assert!(store::signups::token(&mut tx, id).await.unwrap().is_some(), "a spent code is never wasted");
}

/// The same number through the popup once more.
async fn the_same_again(app: &TestApp) -> (domain::ids::ChannelId, Value, String) {
    let (signup, inbox) = app.signed_up(Popup::default()).await;
    app.settle().await;
    let again = Popup { waba_id: signup.waba_id, phone_number: signup.phone_number.clone(), ..Popup::default() };
    let again = app.meta.sign_up(again).await;
    app.meta.clear_log();
    (inbox, browser(&again), format!("Channel already exists: +{}", signup.phone_number.unwrap()))
}

async fn a2_the_same_number_twice_in_one_account_is_refused_and_nothing_stored(engine: Engine) {
    let app = fresh(engine).await;
    let (inbox, body, text) = the_same_again(&app).await;
    let before = on_record(&app, inbox).await;
    expect_refused(&authorize_with(&app, body).await, "channel_exists", &text);
    expect_untouched(&app, inbox, &before).await;
    assert_eq!(signups_of(&app).await[0].state, SignupState::Unfinished);
}

async fn a2_the_same_number_in_another_account_is_refused_and_nothing_stored(engine: Engine) {
    let logs = Logs::capture();
    let app = fresh(engine).await;
    let (inbox, body, text) = the_same_again(&app).await;
    let before = on_record(&app, inbox).await;
    let (other, key) = app.another_account(Scope::Admin).await;
    let path = format!("/api/v1/accounts/{other}/whatsapp/authorization");
    let answer = app.send(Method::POST, &path, Some(body), Some(&key)).await;
    expect_refused(&answer, "channel_exists", &text);
    assert_eq!(logs.at(Level::ERROR), [format!("[WHATSAPP] Embedded signup failed: {text}")]);
    expect_untouched(&app, inbox, &before).await;
    let path = format!("/api/v1/accounts/{other}/inboxes");
    assert_eq!(app.send(Method::GET, &path, None, Some(&key)).await.expect(200)["data"], json!([]));
}

async fn expect_untouched(app: &TestApp, inbox: domain::ids::ChannelId, before: &super::support::NumberOnRecord) {
    assert_eq!(changes(app), [""; 0]);
    assert_eq!(channel_count(app).await, 1);
    let after = on_record(app, inbox).await;
    assert_eq!((&after.channel, after.token_print()), (&before.channel, before.token_print()));
    assert_eq!((&after.webhook, &after.attempts), (&before.webhook, &before.attempts));
}
