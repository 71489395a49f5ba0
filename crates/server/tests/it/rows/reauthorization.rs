//! An existing inbox through the popup once more: W12, E6, A3.

use graph_emulator::{Popup, SignupResult};
use reqwest::Method;
use serde_json::{Value, json};
use server::store::{Engine, channels};

use super::support::{
    REGISTER, SUBSCRIBE, changes, channel_count, expect_registered, expect_webhook_facts, expect_webhooks, fresh,
    number_of, on_record, rows, signups_of,
};
use crate::app::{Answer, TestApp, browser};
use domain::ids::ChannelId;
use domain::signup::SignupState;

rows!(
    w12_a_reauthorisation_sends_the_existing_verify_token_and_registers_nothing,
    w12_a_reauthorisation_of_a_stuck_number_may_register_it,
    e6_the_inbox_gets_the_new_token_and_is_not_doubled,
    e6_the_ids_are_those_meta_gives_now,
    e6_an_inbox_of_nobody_or_of_another_account_is_not_found,
    a3_another_number_is_refused_and_nothing_changed,
);

/// The same number through the popup once more.
fn once_more(signup: &SignupResult) -> Popup {
    Popup { waba_id: signup.waba_id.clone(), phone_number: signup.phone_number.clone(), ..Popup::default() }
}

async fn reauthorize(app: &TestApp, signup: &SignupResult, inbox: ChannelId) -> Answer {
    let mut body = browser(signup);
    body["inbox_id"] = json!(inbox.0);
    app.post(&app.path("/whatsapp/authorization"), body).await
}

async fn w12_a_reauthorisation_sends_the_existing_verify_token_and_registers_nothing(engine: Engine) {
    let app = fresh(engine).await;
    let (signup, inbox) = app.signed_up(Popup::default()).await;
    app.settle().await;
    let before = on_record(&app, inbox).await;
    let again = app.meta.sign_up(once_more(&signup)).await;
    app.meta.clear_log();
    reauthorize(&app, &again, inbox).await.expect(200);
    app.settle().await;
    // subscribed already: a bare call would erase the override
    assert_eq!(changes(&app), [SUBSCRIBE]);
    let call = &app.meta.calls(SUBSCRIBE)[0];
    assert_eq!(call.param("verify_token"), Some(before.verify_print().as_str()));
    let after = on_record(&app, inbox).await;
    assert_eq!(call.token.as_deref(), Some(after.token_print().as_str()));
    assert_ne!(after.token_print(), before.token_print());
    assert_eq!(after.verify_print(), before.verify_print());
    assert_eq!(after.attempts, before.attempts);
    expect_webhook_facts(&after, channels::OverrideLevel::Waba, before.webhook.override_url.as_deref().unwrap());
}

async fn w12_a_reauthorisation_of_a_stuck_number_may_register_it(engine: Engine) {
    let app = fresh(engine).await;
    let (signup, inbox) = app.signed_up(Popup { verified: false, ..Popup::default() }).await;
    app.settle().await;
    let drawn = on_record(&app, inbox).await.pin_print();
    app.meta.clear_log();
    // this time its code was typed
    let again = app.meta.sign_up(once_more(&signup)).await;
    let body = reauthorize(&app, &again, inbox).await.expect(200);
    app.settle().await;
    assert!(app.meta.number(&number_of(&signup)).unwrap().registered, "{body}");
    let calls = app.meta.calls(REGISTER);
    assert_eq!((calls.len(), calls[0].param("pin").map(str::to_owned)), (1, drawn));
}

async fn e6_the_inbox_gets_the_new_token_and_is_not_doubled(engine: Engine) {
    let app = fresh(engine).await;
    let (signup, inbox) = app.signed_up(Popup::default()).await;
    app.settle().await;
    let renamed = json!({ "name": "Shop window" });
    app.send(Method::PATCH, &app.inbox(inbox, ""), Some(renamed), Some(&app.key)).await.expect(200);
    let before = on_record(&app, inbox).await;
    let again = app.meta.sign_up(once_more(&signup)).await;
    let body = reauthorize(&app, &again, inbox).await.expect(200);
    assert_eq!(body["message"], "Channel reauthorized successfully");
    assert_eq!(
        (&body["success"], &body["id"], &body["name"], &body["channel_type"]),
        (&true.into(), &inbox.0.into(), &"Shop window".into(), &"whatsapp".into())
    );
    assert_eq!((&body["webhook_error"], &body["reauthorization_required"]), (&Value::Null, &false.into()));
    assert_eq!(channel_count(&app).await, 1);
    let after = on_record(&app, inbox).await;
    assert_eq!(after.channel, before.channel);
    assert_ne!(after.token_print(), before.token_print());
    let signup = signups_of(&app).await.remove(0);
    assert_eq!((signup.inbox_id, signup.channel_id, signup.state), (Some(inbox), Some(inbox), SignupState::Done));
}

async fn e6_the_ids_are_those_meta_gives_now(engine: Engine) {
    let app = fresh(engine).await;
    let (signup, inbox) = app.signed_up(Popup::default()).await;
    app.settle().await;
    // the number moved to another WABA, where it is a new object
    let moved = app.meta.sign_up(Popup { waba_id: None, ..once_more(&signup) }).await;
    assert_ne!((&moved.waba_id, &moved.phone_number_id), (&signup.waba_id, &signup.phone_number_id));
    app.meta.clear_log();
    reauthorize(&app, &moved, inbox).await.expect(200);
    let after = on_record(&app, inbox).await.channel;
    assert_eq!(Some(after.waba_id.0), moved.waba_id);
    assert_eq!(Some(after.phone_number_id.0), moved.phone_number_id);
    assert_eq!(after.business_id.map(|id| id.0), moved.business_id);
    expect_registered(&app, inbox).await;
    expect_webhooks(&app, inbox).await;
}

async fn e6_an_inbox_of_nobody_or_of_another_account_is_not_found(engine: Engine) {
    let app = fresh(engine).await;
    let (signup, inbox) = app.signed_up(Popup::default()).await;
    app.settle().await;
    let (other, key) = app.another_account(store::api_keys::Scope::Admin).await;
    let before = on_record(&app, inbox).await;
    let again = app.meta.sign_up(once_more(&signup)).await;
    app.meta.clear_log();
    let mut body = browser(&again);
    for (account, key, id) in [(app.account, &app.key, inbox.0 + 1), (other, &key, inbox.0)] {
        body["inbox_id"] = json!(id);
        let path = format!("/api/v1/accounts/{account}/whatsapp/authorization");
        let answer = app.send(Method::POST, &path, Some(body.clone()), Some(key)).await.expect(404);
        assert_eq!((&answer["error"], &answer["code"]), (&"Resource could not be found".into(), &"not_found".into()));
    }
    assert_eq!(app.meta.log(), []);
    assert_eq!(on_record(&app, inbox).await.token_print(), before.token_print());
}

async fn a3_another_number_is_refused_and_nothing_changed(engine: Engine) {
    let app = fresh(engine).await;
    let (_, inbox) = app.signed_up(Popup::default()).await;
    app.settle().await;
    let before = on_record(&app, inbox).await;
    let other = app.meta.sign_up(Popup::default()).await;
    app.meta.clear_log();
    let body = reauthorize(&app, &other, inbox).await.expect(422);
    let got = format!("+{}", other.phone_number.clone().unwrap());
    let text = format!("Phone number mismatch. Expected {}, got {got}", before.channel.phone_number);
    assert_eq!((&body["error"], &body["success"]), (&text.into(), &false.into()));
    assert_eq!(body["code"], "phone_number_mismatch");
    assert_eq!(changes(&app), [""; 0]);
    let after = on_record(&app, inbox).await;
    assert_eq!((&after.channel, after.token_print()), (&before.channel, before.token_print()));
    assert_eq!((after.webhook, after.attempts), (before.webhook, before.attempts));
    assert_eq!(channel_count(&app).await, 1);
    assert_eq!(signups_of(&app).await[0].state, SignupState::Unfinished);
    let shown = app.get(&app.inbox(inbox, "")).await.expect(200);
    assert_eq!(shown["name"], "Example Bakery WhatsApp");
}
