//! Signups whose end the browser does not see: the call answers in time and goes on behind, and Meta's
//! `PARTNER_ADDED` begins what no browser came back for (E7, E10).

use domain::signup::SignupState;
use graph_emulator::{Config, Fault, Popup, SignupResult, WebhookEffect, WebhookFault};
use jiff::SignedDuration;
use serde_json::Value;
use server::store::Engine;

use super::support::{
    EXCHANGE, REGISTER, channel_count, eventually, expect_registered, expect_webhooks, inbox_of, on_record, rows,
    signups_of, waba_of,
};
use crate::app::{Answer, TestApp};

rows!(
    e7_a_slow_meta_is_answered_in_time_and_set_up_goes_on_behind,
    e7_a_slow_exchange_is_answered_before_there_is_an_inbox,
    e7_a_browser_that_never_came_back_is_made_up_for,
    e7_a_browser_that_does_come_back_is_not_doubled,
    e7_a_code_spent_by_a_lost_exchange_is_made_up_for_when_it_is_sent_again,
    e10_a_code_spent_by_a_lost_exchange_is_refused_where_nothing_else_proves_the_signup,
);

async fn impatient(engine: Engine) -> TestApp {
    let app = TestApp::with(engine, |config| config.limits.signup_deadline_seconds = 1, Config::default()).await;
    app.meta.clear_log();
    app
}

async fn done(app: &TestApp, id: &Value) -> Value {
    let path = app.path(&format!("/signups/{}", id.as_str().unwrap()));
    let look = async || Some(app.get(&path).await.expect(200)).filter(|signup| signup["state"] == "done");
    eventually("the end of the signup", look).await
}

async fn e7_a_slow_meta_is_answered_in_time_and_set_up_goes_on_behind(engine: Engine) {
    let app = impatient(engine).await;
    let signup = app.meta.sign_up(Popup::default()).await;
    app.meta.fail(Fault::delay(REGISTER, 4_000));
    let answer = app.authorize(&signup).await;
    let body = answer.expect(200);
    assert_eq!((&body["success"], &body["registration"]["state"]), (&true.into(), &"in_progress".into()));
    assert_eq!(app.meta.calls(REGISTER), [], "Meta has not answered yet");
    let ended = done(&app, &body["signup_id"]).await;
    assert_eq!(ended["inbox_id"], body["id"]);
    expect_registered(&app, inbox_of(&answer)).await;
    expect_webhooks(&app, inbox_of(&answer)).await;
}

async fn e7_a_slow_exchange_is_answered_before_there_is_an_inbox(engine: Engine) {
    let app = impatient(engine).await;
    let signup = app.meta.sign_up(Popup::default()).await;
    app.meta.fail(Fault::delay(EXCHANGE, 3_000));
    let body = app.authorize(&signup).await.expect(200);
    assert_eq!((&body["success"], &body["id"]), (&true.into(), &Value::Null));
    assert_eq!(body["registration"]["state"], "in_progress");
    let ended = done(&app, &body["signup_id"]).await;
    let inbox = domain::ids::ChannelId(ended["inbox_id"].as_i64().unwrap());
    expect_registered(&app, inbox).await;
    expect_webhooks(&app, inbox).await;
    assert_eq!(channel_count(&app).await, 1);
}

async fn with_system_token(engine: Engine) -> TestApp {
    let change = |config: &mut server::config::Config, meta: &graph_emulator::Emulator| {
        let token = meta.with_world(graph_emulator::World::issue_partner_token);
        config.meta.system_user_token = Some(token.into());
    };
    let app = TestApp::with_meta(engine, change, Config::default()).await;
    app.meta.clear_log();
    app
}

async fn e7_a_browser_that_never_came_back_is_made_up_for(engine: Engine) {
    let app = with_system_token(engine).await;
    let signup = app.meta.sign_up(Popup { browser_returns: false, ..Popup::default() }).await;
    assert_eq!(signup.code, None);
    app.settle().await;
    assert_eq!(channel_count(&app).await, 0, "its browser may still come");
    app.advance(SignedDuration::from_mins(5)).await;
    let list = app.get(&app.path("/inboxes")).await.expect(200);
    let inbox = domain::ids::ChannelId(list["data"][0]["id"].as_i64().unwrap());
    assert_eq!(list["data"][0]["phone_number_id"], serde_json::json!(signup.phone_number_id));
    assert_eq!(app.meta.calls("POST /{business}/system_user_access_tokens").len(), 1);
    expect_registered(&app, inbox).await;
    expect_webhooks(&app, inbox).await;
    let channel = on_record(&app, inbox).await.channel;
    assert_eq!((channel.account_id, channel.waba_id.0), (app.account, waba_of(&signup)));
    assert_eq!(channel.business_id.map(|id| id.0), signup.business_id);
}

async fn e7_a_browser_that_does_come_back_is_not_doubled(engine: Engine) {
    let app = with_system_token(engine).await;
    let (_, inbox) = app.signed_up(Popup::default()).await;
    app.settle().await;
    app.advance(SignedDuration::from_mins(5)).await;
    assert_eq!((channel_count(&app).await, signups_of(&app).await.len()), (1, 1));
    expect_registered(&app, inbox).await;
    expect_webhooks(&app, inbox).await;
}

/// Sends a code whose exchange worked at Meta and was never answered, and sends it again. Meta has told
/// nobody of the signup: what the browser brings is all there is.
async fn sent_twice(app: &TestApp) -> (SignupResult, Answer) {
    let field = Some("account_update".to_owned());
    app.meta.add_webhook_fault(WebhookFault { field, waba_id: None, times: 1, effect: WebhookEffect::Lose });
    let signup = app.meta.sign_up(Popup::default()).await;
    app.meta.fail(Fault::apply_then_cut(EXCHANGE).times(1));
    app.authorize(&signup).await.expect(422);
    app.advance(SignedDuration::from_secs(15)).await;
    let answer = app.authorize(&signup).await;
    assert_eq!(app.meta.calls(EXCHANGE).len(), 2);
    (signup, answer)
}

async fn e7_a_code_spent_by_a_lost_exchange_is_made_up_for_when_it_is_sent_again(engine: Engine) {
    let app = with_system_token(engine).await;
    let (signup, answer) = sent_twice(&app).await;
    answer.expect(200);
    let inbox = inbox_of(&answer);
    assert_eq!(on_record(&app, inbox).await.channel.phone_number_id.0, signup.phone_number_id.unwrap());
    expect_registered(&app, inbox).await;
    expect_webhooks(&app, inbox).await;
    app.advance(SignedDuration::from_mins(5)).await;
    assert_eq!((channel_count(&app).await, signups_of(&app).await.len()), (1, 1));
}

async fn e10_a_code_spent_by_a_lost_exchange_is_refused_where_nothing_else_proves_the_signup(engine: Engine) {
    let app = super::support::fresh(engine).await;
    let (_, answer) = sent_twice(&app).await;
    answer.expect(422);
    app.advance(SignedDuration::from_mins(5)).await;
    let signups = signups_of(&app).await;
    assert_eq!((channel_count(&app).await, signups[0].state), (0, SignupState::Failed));
}
