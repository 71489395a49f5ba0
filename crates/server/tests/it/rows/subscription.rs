//! How webhooks are subscribed: the part of W1 to W13 that says with which calls, and what Meta then sends
//! where.

use domain::channel::callback_url;
use graph_emulator::{Fault, Popup};
use serde_json::json;
use server::store::Engine;
use server::store::channels::OverrideLevel;

use super::support::{
    APPS, CHANGE_NUMBER, SUBSCRIBE, changes, expect_nothing_raised, expect_registered, expect_webhook_facts,
    expect_webhooks, flawless, fresh, inbox_of, number_of, on_record, refused_with, rows, waba_of,
};
use crate::app::{APP_ID, TestApp};

rows!(
    w3_an_account_that_is_subscribed_gets_no_bare_call,
    w3_a_further_number_gets_an_override_of_its_own,
    w3_only_our_own_app_counts_as_subscribed,
    w8_a_refused_override_is_a_success_with_a_finding,
    w8_the_card_of_a_refused_override_agrees_with_the_report,
    w8_an_override_that_fails_otherwise_fails_the_operation,
    w12_the_handshake_is_answered_with_the_right_token_only,
);

/// Where the messages of a number went.
async fn callbacks_of(app: &TestApp, number: &str) -> Vec<String> {
    app.meta.clear_webhook_log();
    app.meta.receive_text(number, "15550009999", "hello").await.unwrap();
    app.meta.webhook_log().into_iter().map(|entry| entry.callback_url).collect()
}

async fn w3_an_account_that_is_subscribed_gets_no_bare_call(engine: Engine) {
    let app = fresh(engine).await;
    let signup = app.meta.sign_up(Popup::default()).await;
    app.meta.with_world(|world, _| world.subscribe_waba(&waba_of(&signup), None));
    let answer = app.authorize(&signup).await;
    expect_nothing_raised(&answer);
    let calls = app.meta.calls(SUBSCRIBE);
    assert_eq!(calls.len(), 1, "{calls:?}");
    let kept = on_record(&app, inbox_of(&answer)).await;
    let url = callback_url(&app.url, &kept.channel.phone_number);
    assert_eq!(calls[0].param("override_callback_uri"), Some(url.as_str()));
    expect_webhook_facts(&kept, OverrideLevel::Waba, &url);
}

async fn w3_a_further_number_gets_an_override_of_its_own(engine: Engine) {
    let app = fresh(engine).await;
    let (first, first_inbox) = app.signed_up(Popup::default()).await;
    app.settle().await;
    app.meta.clear_log();
    let sibling = Popup { waba_id: first.waba_id.clone(), ..Popup::default() };
    let (second, answer) = app.sign_up(sibling).await;
    expect_nothing_raised(&answer);
    let kept_second = on_record(&app, inbox_of(&answer)).await;
    let second_url = callback_url(&app.url, &kept_second.channel.phone_number);
    assert_eq!(app.meta.calls(SUBSCRIBE), [], "the account's override is its first number's");
    let calls = app.meta.calls(CHANGE_NUMBER);
    assert_eq!(calls.len(), 1, "{calls:?}");
    assert_eq!(calls[0].phone_number_id, second.phone_number_id);
    let override_sent = &calls[0].body["webhook_configuration"];
    assert_eq!(override_sent["override_callback_uri"], second_url);
    assert_eq!(override_sent["verify_token"], kept_second.verify_print());
    expect_webhook_facts(&kept_second, OverrideLevel::Number, &second_url);
    expect_registered(&app, inbox_of(&answer)).await;
    let kept_first = on_record(&app, first_inbox).await;
    let first_url = callback_url(&app.url, &kept_first.channel.phone_number);
    assert_eq!(callbacks_of(&app, &number_of(&first)).await, [first_url]);
    assert_eq!(callbacks_of(&app, &number_of(&second)).await, [second_url]);
}

async fn w3_only_our_own_app_counts_as_subscribed(engine: Engine) {
    let app = fresh(engine).await;
    let signup = app.meta.sign_up(Popup::default()).await;
    let others = json!({ "data": [{
        "whatsapp_business_api_data": { "id": "999000111222333", "name": "Another", "link": "https://example.com" },
        "override_callback_uri": "https://another.example/hook",
    }]});
    app.meta.fail(Fault { body: Some(others.to_string()), ..Fault::status(APPS, 200) });
    let answer = app.authorize(&signup).await;
    assert!(app.meta.calls(APPS)[0].faulted);
    expect_nothing_raised(&answer);
    expect_webhooks(&app, inbox_of(&answer)).await;
}

async fn w8_a_refused_override_is_a_success_with_a_finding(engine: Engine) {
    let app = fresh(engine).await;
    let signup = app.meta.sign_up(Popup::default()).await;
    let refusal = refused_with(200, "(#200) The override is refused for a test");
    app.meta.fail(Fault::refusal(SUBSCRIBE, refusal).after(1));
    let answer = app.authorize(&signup).await;
    expect_nothing_raised(&answer);
    let inbox = inbox_of(&answer);
    expect_registered(&app, inbox).await;
    assert_eq!(app.meta.calls(SUBSCRIBE).iter().map(|call| call.status).collect::<Vec<_>>(), [Some(200), Some(403)]);
    let webhook = on_record(&app, inbox).await.webhook;
    assert!(webhook.subscribed_at.is_some());
    assert_eq!((webhook.override_level, webhook.override_url, webhook.error), (OverrideLevel::None, None, None));
    assert_eq!(webhook.override_error.as_deref(), Some("(#200) The override is refused for a test"));
    let health = app.get(&app.inbox(inbox, "/health")).await.expect(200);
    let codes: Vec<_> = health["findings"].as_array().unwrap().iter().map(|finding| &finding["code"]).collect();
    assert!(codes.contains(&&json!("override_refused")), "{codes:?}");
    // its messages come all the same: the app's own callback is ours
    assert_eq!(callbacks_of(&app, &number_of(&signup)).await, [format!("{}/webhooks/whatsapp", app.url)]);
    assert_eq!(app.meta.webhook_log()[0].status, Some(200));
}

async fn w8_the_card_of_a_refused_override_agrees_with_the_report(engine: Engine) {
    let app = fresh(engine).await;
    let signup = app.meta.sign_up(flawless()).await;
    let refusal = refused_with(200, "(#200) The override is refused for a test");
    app.meta.fail(Fault::refusal(SUBSCRIBE, refusal).after(1));
    let inbox = inbox_of(&app.authorize(&signup).await);
    app.settle().await;
    let health = app.post(&app.inbox(inbox, "/health/refresh"), json!({})).await.expect(200);
    let findings = health["findings"].as_array().unwrap();
    let finding = findings.iter().find(|finding| finding["code"] == "override_refused").unwrap();
    let checks = health["checks"].as_array().unwrap();
    let card = checks.iter().find(|check| check["fact"] == "webhook").unwrap();
    // messages come by the app-level callback, which is ours: neither calls it bad
    assert_eq!((&health["level"], &finding["severity"]), (&"live".into(), &"live".into()), "{health}");
    assert_eq!((&card["badge"], &card["meaning"]), (&"good".into(), &"webhook_refused".into()), "{card}");
}

async fn w8_an_override_that_fails_otherwise_fails_the_operation(engine: Engine) {
    let app = fresh(engine).await;
    let signup = app.meta.sign_up(Popup::default()).await;
    app.meta.fail(Fault::refusal(SUBSCRIBE, refused_with(100, "(#100) The callback does not answer")).after(1));
    let answer = app.authorize(&signup).await;
    let body = answer.expect(200);
    assert_eq!(body["webhook_error"], "Webhook setup failed: (#100) The callback does not answer");
    app.meta.clear_log();
    app.advance(jiff::SignedDuration::from_mins(2)).await;
    assert_eq!(changes(&app), [SUBSCRIBE], "the override alone is tried again");
    let kept = on_record(&app, inbox_of(&answer)).await;
    expect_webhook_facts(&kept, OverrideLevel::Waba, &callback_url(&app.url, &kept.channel.phone_number));
    let waba = app.meta.with_world(|world, _| world.waba(&waba_of(&signup))).unwrap();
    assert!(waba.subscriptions[APP_ID].is_some());
}

async fn w12_the_handshake_is_answered_with_the_right_token_only(engine: Engine) {
    use secrecy::ExposeSecret as _;
    let change = |config: &mut server::config::Config| config.meta.verify_token = Some("the-installations-own".into());
    let app = TestApp::with(engine, change, graph_emulator::Config::default()).await;
    let (_, inbox) = app.signed_up(Popup::default()).await;
    let kept = on_record(&app, inbox).await;
    let own = kept.credentials.verify_token.expose_secret();
    let number = format!("/webhooks/whatsapp/{}", kept.channel.phone_number);
    let shake = async |path: &str, token: &str| {
        let query = format!("{path}?hub.mode=subscribe&hub.verify_token={token}&hub.challenge=1158201444");
        app.send(reqwest::Method::GET, &query, None, None).await
    };
    for (path, token) in [("/webhooks/whatsapp", "the-installations-own"), (number.as_str(), own)] {
        let answer = shake(path, token).await;
        assert_eq!((answer.status.as_u16(), answer.text.as_str()), (200, "1158201444"), "{path}");
    }
    for (path, token) in [("/webhooks/whatsapp", own), (number.as_str(), "the-installations-own"), (&number, "")] {
        let body = shake(path, token).await.expect(401);
        assert_eq!(body["error"], "Error; wrong verify token", "{path}");
    }
}
