//! A spent code is never wasted: sent twice it gets one answer, and what was missing is sent later. It belongs to the
//! account that sent it.

use domain::ids::ChannelId;
use domain::signup::SignupState;
use graph_emulator::{Config, Fault, Popup, SignupResult, WebhookEffect, WebhookFault};
use jiff::SignedDuration;
use reqwest::Method;
use serde_json::{Value, json};
use server::store::api_keys::Scope;
use server::store::{Engine, signups};
use tracing::Level;

use super::capture::Logs;
use super::support::{
    DEBUG, EXCHANGE, LIST, changes, channel_count, eventually, expect_registered, expect_webhooks, fresh, inbox_of,
    number_of, on_record, refused_with, rows, signups_of, waba_of,
};
use crate::app::{TestApp, browser};

rows!(
    the_same_code_posted_twice_at_once_gets_one_answer,
    the_same_code_posted_twice_at_once_is_refused_once,
    a_code_with_a_wrong_account_goes_on_with_the_right_one,
    a_code_without_an_account_goes_on_with_one,
    a_known_number_is_reauthorised_on_our_own_route,
    on_the_origins_route_the_inbox_is_named_and_the_same_code_finishes_it,
    a_number_of_another_account_names_no_inbox,
    a_kept_code_is_nothing_to_another_account,
    the_token_of_an_unfinished_signup_is_destroyed_after_a_day,
    a_revoked_signup_has_no_token,
    a_failure_after_the_answer_is_logged_and_announced,
    an_unfinished_signup_outlives_a_restart,
    our_own_routes_refuse_unknown_members_by_name,
);

async fn signups_post(app: &TestApp, body: Value) -> crate::app::Answer {
    app.post(&app.path("/signups"), body).await
}

async fn has_token(app: &TestApp) -> bool {
    let id = signups_of(app).await[0].id;
    let mut tx = app.app.store.read().await.unwrap();
    signups::token(&mut tx, id).await.unwrap().is_some()
}

async fn announced(app: &TestApp, kind: &str) -> Vec<Value> {
    let list = app.get(&app.path("/announcements")).await.expect(200);
    list["data"].as_array().unwrap().iter().filter(|it| it["kind"] == kind).cloned().collect()
}

/// A signup whose browser names an account that its token does not reach.
async fn with_a_wrong_account(app: &TestApp) -> (SignupResult, Value) {
    let (field, effect) = (Some("account_update".to_owned()), WebhookEffect::Lose);
    app.meta.add_webhook_fault(WebhookFault { field, waba_id: None, times: 2, effect });
    let foreign = app.meta.sign_up(Popup::default()).await;
    let signup = app.meta.sign_up(Popup::default()).await;
    let mut body = browser(&signup);
    (body["waba_id"], body["phone_number_id"]) = (json!(foreign.waba_id), json!(foreign.phone_number_id));
    (signup, body)
}

async fn the_same_code_posted_twice_at_once_gets_one_answer(engine: Engine) {
    for route in ["/signups", "/whatsapp/authorization"] {
        let app = fresh(engine).await;
        let signup = app.meta.sign_up(Popup::default()).await;
        app.meta.fail(Fault::delay("*", 60).times(100));
        let (path, body) = (app.path(route), browser(&signup));
        let (first, second, third) =
            tokio::join!(app.post(&path, body.clone()), app.post(&path, body.clone()), app.post(&path, body.clone()));
        app.meta.clear_faults();
        let ids = [&first, &second, &third].map(|answer| {
            assert!(answer.status.is_success(), "{route}: {}", answer.text);
            let body = answer.json();
            let inbox = if route == "/signups" { &body["inbox_id"] } else { &body["id"] };
            (inbox.clone(), body["signup_id"].clone())
        });
        assert!(ids[0] == ids[1] && ids[1] == ids[2] && ids[0].0.is_i64(), "{ids:?}");
        assert_eq!((channel_count(&app).await, app.meta.calls(EXCHANGE).len()), (1, 1));
        // and so does one that comes later
        app.meta.clear_log();
        assert!(app.post(&path, body).await.status.is_success());
        assert_eq!((app.meta.log(), signups_of(&app).await.len()), (vec![], 1));
    }
}

async fn the_same_code_posted_twice_at_once_is_refused_once(engine: Engine) {
    let app = fresh(engine).await;
    let signup = app.meta.sign_up(Popup::default()).await;
    app.meta.fail(Fault::delay(EXCHANGE, 200));
    app.meta.fail(Fault::refusal(LIST, refused_with(368, "(#368) Blocked for a test")));
    let (first, second) = tokio::join!(app.authorize(&signup), app.authorize(&signup));
    for answer in [&first, &second] {
        let body = answer.expect(422);
        assert_eq!((&body["code"], &body["error"]), (&json!("meta_refused"), &json!("(#368) Blocked for a test")));
        assert_eq!((&body["meta"]["code"], body["signup_id"].is_string()), (&json!(368), true));
    }
    assert_eq!((app.meta.calls(EXCHANGE).len(), app.meta.calls(LIST).len()), (1, 1));
    assert_eq!(signups_of(&app).await[0].state, SignupState::Unfinished);
    // the block was lifted: the same request goes on
    app.authorize(&signup).await.expect(200);
    assert_eq!(app.meta.calls(EXCHANGE).len(), 1);
}

async fn a_code_with_a_wrong_account_goes_on_with_the_right_one(engine: Engine) {
    let app = fresh(engine).await;
    let (signup, wrong) = with_a_wrong_account(&app).await;
    let refused = app.post(&app.path("/whatsapp/authorization"), wrong).await.expect(422);
    assert_eq!((&refused["code"], changes(&app).len()), (&json!("no_access_to_waba"), 0));
    let answer = app.authorize(&signup).await;
    assert_eq!(answer.expect(200)["signup_id"], refused["signup_id"]);
    assert_eq!(app.meta.calls(EXCHANGE).len(), 1, "the code is spent");
    expect_registered(&app, inbox_of(&answer)).await;
    expect_webhooks(&app, inbox_of(&answer)).await;
}

async fn a_code_without_an_account_goes_on_with_one(engine: Engine) {
    let app = fresh(engine).await;
    let signup = app.meta.sign_up(Popup::default()).await;
    let data = json!({ "data": { "is_valid": true, "scopes": ["public_profile"], "expires_at": 0 } });
    app.meta.fail(Fault { body: Some(data.to_string()), ..Fault::status(DEBUG, 200) });
    let refused = signups_post(&app, json!({ "code": signup.code })).await.expect(422);
    assert_eq!(refused["code"], "no_access_to_waba");
    let path = app.path(&format!("/signups/{}", refused["signup_id"].as_str().unwrap()));
    let kept = app.get(&path).await.expect(200);
    assert_eq!((&kept["state"], &kept["next_step"]["code"]), (&json!("unfinished"), &json!("name_account")));
    let done = app.post(&path, json!({ "waba_id": signup.waba_id })).await.expect(200);
    assert_eq!((&done["state"], &done["id"]), (&json!("done"), &refused["signup_id"]));
    expect_registered(&app, ChannelId(done["inbox_id"].as_i64().unwrap())).await;
}

/// The same number through the popup once more.
async fn once_more(app: &TestApp, signup: &SignupResult) -> SignupResult {
    let again =
        Popup { waba_id: signup.waba_id.clone(), phone_number: signup.phone_number.clone(), ..Popup::default() };
    let again = app.meta.sign_up(again).await;
    app.meta.clear_log();
    again
}

async fn a_known_number_is_reauthorised_on_our_own_route(engine: Engine) {
    let app = fresh(engine).await;
    let (signup, inbox) = app.signed_up(Popup::default()).await;
    app.settle().await;
    let before = on_record(&app, inbox).await;
    let again = once_more(&app, &signup).await;
    let done = signups_post(&app, json!({ "code": again.code })).await.expect(201);
    assert_eq!((&done["state"], &done["inbox_id"]), (&json!("done"), &json!(inbox.0)));
    assert_eq!(done["result"]["message"], "Channel reauthorized successfully");
    let after = on_record(&app, inbox).await;
    assert_eq!(after.channel, before.channel);
    assert_ne!(after.token_print(), before.token_print());
    assert_eq!((after.verify_print(), &after.attempts), (before.verify_print(), &before.attempts));
}

async fn on_the_origins_route_the_inbox_is_named_and_the_same_code_finishes_it(engine: Engine) {
    let app = fresh(engine).await;
    let (signup, inbox) = app.signed_up(Popup::default()).await;
    app.settle().await;
    let before = on_record(&app, inbox).await;
    let again = once_more(&app, &signup).await;
    let refused = app.authorize(&again).await.expect(422);
    let text = format!("Channel already exists: +{}", signup.phone_number.clone().unwrap());
    assert_eq!((&refused["error"], &refused["code"]), (&json!(text), &json!("channel_exists")));
    assert_eq!((&refused["success"], &refused["meta"]), (&json!(false), &json!({ "inbox_id": inbox.0 })));
    assert_eq!(on_record(&app, inbox).await.token_print(), before.token_print());
    let mut body = browser(&again);
    body["inbox_id"] = json!(inbox.0);
    let done = app.post(&app.path("/whatsapp/authorization"), body).await.expect(200);
    assert_eq!((&done["id"], &done["message"]), (&json!(inbox.0), &json!("Channel reauthorized successfully")));
    assert_eq!((&done["signup_id"], app.meta.calls(EXCHANGE).len()), (&refused["signup_id"], 1));
    assert_ne!(on_record(&app, inbox).await.token_print(), before.token_print());
}

async fn a_number_of_another_account_names_no_inbox(engine: Engine) {
    let app = fresh(engine).await;
    let (signup, inbox) = app.signed_up(Popup::default()).await;
    app.settle().await;
    let before = on_record(&app, inbox).await;
    let (other, key) = app.another_account(Scope::Admin).await;
    for route in ["signups", "whatsapp/authorization"] {
        let again = once_more(&app, &signup).await;
        let path = format!("/api/v1/accounts/{other}/{route}");
        let refused = app.send(Method::POST, &path, Some(browser(&again)), Some(&key)).await.expect(422);
        assert_eq!((&refused["code"], &refused["meta"]), (&json!("channel_exists"), &Value::Null), "{refused}");
    }
    assert_eq!(on_record(&app, inbox).await.token_print(), before.token_print());
}

async fn a_kept_code_is_nothing_to_another_account(engine: Engine) {
    let app = fresh(engine).await;
    let (signup, wrong) = with_a_wrong_account(&app).await;
    let kept = app.post(&app.path("/whatsapp/authorization"), wrong).await.expect(422);
    let (other, key) = app.another_account(Scope::Admin).await;
    app.meta.clear_log();
    for route in ["signups", "whatsapp/authorization"] {
        let path = format!("/api/v1/accounts/{other}/{route}");
        let refused = app.send(Method::POST, &path, Some(browser(&signup)), Some(&key)).await.expect(422);
        assert_eq!((&refused["code"], &refused["signup_id"]), (&json!("code_replayed"), &Value::Null));
    }
    let id = kept["signup_id"].as_str().unwrap();
    let path = format!("/api/v1/accounts/{other}/signups/{id}");
    for method in [Method::GET, Method::POST, Method::DELETE] {
        app.send(method, &path, None, Some(&key)).await.expect(404);
    }
    let list = app.send(Method::GET, &format!("/api/v1/accounts/{other}/signups"), None, Some(&key)).await;
    assert_eq!((list.expect(200)["data"].clone(), app.meta.log()), (json!([]), vec![]));
    // a key that only reads goes on with nothing
    let reader = app.another_key(Some(app.account), Scope::Read).await;
    let path = app.path(&format!("/signups/{id}"));
    app.send(Method::GET, &path, None, Some(&reader)).await.expect(200);
    for method in [Method::POST, Method::DELETE] {
        app.send(method, &path, None, Some(&reader)).await.expect(403);
    }
    assert!(has_token(&app).await);
}

async fn the_token_of_an_unfinished_signup_is_destroyed_after_a_day(engine: Engine) {
    let logs = Logs::capture();
    let app = fresh(engine).await;
    let (signup, wrong) = with_a_wrong_account(&app).await;
    let began = app.clock.now();
    let refused = app.post(&app.path("/whatsapp/authorization"), wrong).await.expect(422);
    let path = app.path(&format!("/signups/{}", refused["signup_id"].as_str().unwrap()));
    let expires_at = app.get(&path).await.expect(200)["expires_at"].as_str().unwrap().parse::<jiff::Timestamp>();
    assert_eq!(expires_at.unwrap().duration_since(began).as_hours(), 24);
    app.settle().await;
    app.advance(SignedDuration::from_mins(23 * 60 + 59)).await;
    assert!(has_token(&app).await);
    assert_eq!(announced(&app, "signup_unfinished").await.len(), 1);
    app.advance(SignedDuration::from_mins(2)).await;
    assert!(!has_token(&app).await);
    let ended = app.get(&path).await.expect(200);
    assert_eq!((&ended["state"], &ended["error"]["code"]), (&json!("failed"), &json!("signup_expired")));
    assert_eq!((announced(&app, "signup_failed").await.len(), &ended["expires_at"]), (1, &Value::Null));
    let late = app.authorize(&signup).await.expect(409);
    assert_eq!((&late["code"], app.meta.calls(EXCHANGE).len()), (&json!("not_now"), 1));
    assert_eq!(logs.at(Level::ERROR).len(), 1, "the refusal, once: {:?}", logs.at(Level::ERROR));
}

async fn a_revoked_signup_has_no_token(engine: Engine) {
    let app = fresh(engine).await;
    let (_, wrong) = with_a_wrong_account(&app).await;
    let refused = app.post(&app.path("/whatsapp/authorization"), wrong).await.expect(422);
    let path = app.path(&format!("/signups/{}", refused["signup_id"].as_str().unwrap()));
    app.meta.clear_log();
    for _ in 0..2 {
        app.delete(&path).await.expect(204);
        assert!(!has_token(&app).await);
    }
    let ended = app.get(&path).await.expect(200);
    assert_eq!((&ended["state"], &ended["error"]["code"]), (&json!("failed"), &json!("signup_revoked")));
    app.post(&path, json!({})).await.expect(409);
    assert_eq!(app.meta.log(), []);
    // one that is finished is not undone this way
    let (_, answer) = app.sign_up(Popup::default()).await;
    let done = answer.expect(200);
    app.delete(&app.path(&format!("/signups/{}", done["signup_id"].as_str().unwrap()))).await.expect(409);
}

async fn a_failure_after_the_answer_is_logged_and_announced(engine: Engine) {
    let logs = Logs::capture();
    let app = TestApp::with(engine, |config| config.limits.signup_deadline_seconds = 1, Config::default()).await;
    let signup = app.meta.sign_up(Popup::default()).await;
    app.meta.fail(Fault::delay(EXCHANGE, 1_500));
    app.meta.fail(Fault::refusal(LIST, refused_with(368, "(#368) Blocked for a test")));
    let answered = app.authorize(&signup).await.expect(200);
    assert_eq!(answered["registration"]["state"], "in_progress");
    let told = async || Some(announced(&app, "signup_unfinished").await).filter(|told| !told.is_empty());
    let told = eventually("the announcement", told).await;
    assert_eq!(told[0]["args"]["signup"], answered["signup_id"]);
    let line = "[WHATSAPP] Embedded signup failed: (#368) Blocked for a test";
    let logged = async || Some(logs.levels_of(line)).filter(|levels| !levels.is_empty());
    assert_eq!(eventually("the line", logged).await, [Level::ERROR]);
    let list = app.get(&app.path("/signups?state=unfinished")).await.expect(200);
    assert_eq!(list["data"][0]["error"]["text"], "(#368) Blocked for a test");
}

async fn an_unfinished_signup_outlives_a_restart(engine: Engine) {
    let app = fresh(engine).await;
    let (signup, wrong) = with_a_wrong_account(&app).await;
    app.post(&app.path("/whatsapp/authorization"), wrong).await.expect(422);
    let again = app.start_again().await;
    let request = server::flows::onboarding::signup::Request {
        account_id: app.account,
        route: domain::signup::SignupRoute::Origin,
        code: signup.code.clone().unwrap().into(),
        handover: domain::signup::SignupSubmission {
            waba_id: Some(domain::ids::WabaId(waba_of(&signup))),
            phone_number_id: Some(domain::ids::PhoneNumberId(number_of(&signup))),
            business_id: None,
            is_coexistence: false,
        },
        inbox_id: None,
    };
    let done = server::flows::onboarding::signup::run(&again, request).await.unwrap();
    assert_eq!(done.channel.unwrap().phone_number_id.0, number_of(&signup));
    assert_eq!(app.meta.calls(EXCHANGE).len(), 1);
    again.stop().await;
}

async fn our_own_routes_refuse_unknown_members_by_name(engine: Engine) {
    let app = fresh(engine).await;
    let (signup, inbox) = app.signed_up(Popup::default()).await;
    app.settle().await;
    let again = once_more(&app, &signup).await;
    let mut body = browser(&again);
    body["inboxId"] = json!(inbox.0);
    let refused = signups_post(&app, body.clone()).await.expect(422);
    assert_eq!((&refused["code"], &refused["errors"][0]["field"]), (&json!("invalid_parameter"), &json!("inboxId")));
    let fix = refused["errors"][0]["message"].as_str().unwrap();
    assert!(fix.contains("inbox_id"), "{fix}");
    assert_eq!(app.meta.log(), [], "the code is not spent");
    // the origin's route ignores it, as the origin does
    assert_eq!(app.post(&app.path("/whatsapp/authorization"), body).await.expect(422)["code"], "channel_exists");
    let others = [
        (app.inbox(inbox, "/registration"), json!({ "applyNewName": true })),
        (app.inbox(inbox, "/registration/pin"), json!({ "pin": "123456", "PIN": "1" })),
        (app.path("/erasures"), json!({ "person": "+15550199999", "inbox": 1 })),
        (app.path("/api_keys"), json!({ "name": "a", "scope": "read", "expires": 1 })),
        (app.path("/endpoints"), json!({ "url": "https://127.0.0.1:9/", "format": "standard", "kind": "messages" })),
    ];
    for (path, body) in others {
        let refused = app.post(&path, body).await.expect(422);
        let fix = refused["errors"][0]["message"].as_str().unwrap();
        assert!(fix.starts_with("there is no such member"), "{path}: {refused}");
    }
}
