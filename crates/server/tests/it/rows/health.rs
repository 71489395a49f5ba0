//! A number's health over HTTP: H1, H2, and the API half of what H3 shows.

use domain::channel::Onboarding;
use domain::ids::{BusinessId, ChannelId, PhoneNumberId, WabaId};
use domain::phone::E164;
use graph_emulator::world::Quality;
use graph_emulator::{Fault, NumberAction, Popup};
use jiff::SignedDuration;
use reqwest::Method;
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};
use server::store::api_keys::Scope;
use server::store::channels::NewChannel;
use server::store::{Engine, channels, snapshots};

use super::support::{READ, flawless, fresh, number_of, refused_with, rows};
use crate::app::TestApp;

rows!(
    h1_the_facts_are_read_from_graph_and_kept,
    h1_a_reading_younger_than_a_minute_is_not_asked_for_again,
    h1_one_flight_per_number,
    h1_when_meta_fails_the_reading_on_record_is_answered_with_the_error_beside_it,
    h1_when_meta_fails_and_nothing_was_ever_read_the_failure_is_answered,
    h2_health_has_its_own_address_with_every_member_of_the_origin,
    h2_a_foreign_inbox_is_not_found_and_nobody_is_refused,
);

/// A number that is live, with its first reading a while ago.
async fn live_since_a_while(engine: Engine) -> (TestApp, String, ChannelId) {
    let app = fresh(engine).await;
    let (signup, inbox) = app.signed_up(flawless()).await;
    app.settle().await;
    app.advance(SignedDuration::from_mins(2)).await;
    app.meta.clear_log();
    (app, number_of(&signup), inbox)
}

async fn h1_the_facts_are_read_from_graph_and_kept(engine: Engine) {
    let (app, number, inbox) = live_since_a_while(engine).await;
    app.meta.act(&number, NumberAction::Quality { quality: Quality::Yellow }).await.unwrap();
    let health = app.get(&app.inbox(inbox, "/health")).await.expect(200);
    let expected = json!({
        "code_verification_status": "VERIFIED", "name_status": "AVAILABLE_WITHOUT_REVIEW",
        "platform_type": "CLOUD_API", "throughput": { "level": "STANDARD" }, "quality_rating": "YELLOW",
    });
    for (member, value) in expected.as_object().unwrap() {
        assert_eq!(&health[member], value, "{member}");
    }
    assert!(health["messaging_limit_tier"].as_str().unwrap().starts_with("TIER_"), "{health}");
    assert_eq!((&health["health_error"], &health["level"]), (&Value::Null, &"at_risk".into()));
    let reads = app.meta.calls(READ);
    assert_eq!((reads.len(), reads[0].phone_number_id.as_deref()), (1, Some(number.as_str())));
    let asked: Vec<_> = reads[0].param("fields").unwrap().split(',').collect();
    for field in ["code_verification_status", "name_status", "platform_type", "throughput", "quality_rating", "status"]
    {
        assert!(asked.contains(&field), "{field}: {asked:?}");
    }
    assert!(asked.contains(&"messaging_limit_tier") || asked.contains(&"whatsapp_business_manager_messaging_limit"));
    let mut tx = app.app.store.read().await.unwrap();
    let stored = snapshots::latest(&mut tx, inbox).await.unwrap().unwrap();
    assert_eq!(health["health_checked_at"], stored.checked_at.unwrap().to_string());
    assert_eq!(stored.reading.quality_rating.unwrap().as_str(), "YELLOW");
    assert_eq!(stored.reading.platform_type.unwrap().as_str(), "CLOUD_API");
    let history = app.get(&app.inbox(inbox, "/health/history")).await.expect(200);
    assert_eq!(
        (&history["data"][0]["quality_rating"], &history["data"][0]["level"]),
        (&"YELLOW".into(), &"at_risk".into())
    );
}

async fn h1_a_reading_younger_than_a_minute_is_not_asked_for_again(engine: Engine) {
    let (app, number, inbox) = live_since_a_while(engine).await;
    let first = app.get(&app.inbox(inbox, "/health")).await.expect(200);
    assert_eq!(app.meta.calls(READ).len(), 1);
    app.meta.act(&number, NumberAction::Quality { quality: Quality::Yellow }).await.unwrap();
    app.clock.advance(SignedDuration::from_secs(59));
    let second = app.get(&app.inbox(inbox, "/health")).await.expect(200);
    assert_eq!(app.meta.calls(READ).len(), 1);
    assert_eq!(
        (&second["quality_rating"], &second["health_checked_at"]),
        (&"GREEN".into(), &first["health_checked_at"])
    );
    app.clock.advance(SignedDuration::from_secs(2));
    let third = app.get(&app.inbox(inbox, "/health")).await.expect(200);
    assert_eq!((app.meta.calls(READ).len(), &third["quality_rating"]), (2, &"YELLOW".into()));
    // asked for by hand it is read at once
    app.post(&app.inbox(inbox, "/health/refresh"), Value::Null).await.expect(200);
    assert_eq!(app.meta.calls(READ).len(), 3);
}

async fn h1_one_flight_per_number(engine: Engine) {
    let (app, _, inbox) = live_since_a_while(engine).await;
    app.meta.fail(Fault::delay(READ, 500));
    let path = app.inbox(inbox, "/health");
    let refresh = app.inbox(inbox, "/health/refresh");
    let answers =
        tokio::join!(app.get(&path), app.get(&path), app.post(&refresh, Value::Null), app.post(&refresh, Value::Null));
    let answers = [answers.0, answers.1, answers.2, answers.3].map(|answer| answer.expect(200));
    assert_eq!(app.meta.calls(READ).len(), 1, "{:?}", app.meta.calls(READ));
    assert!(answers.iter().all(|answer| answer["health_checked_at"] == answers[0]["health_checked_at"]));
}

async fn h1_when_meta_fails_the_reading_on_record_is_answered_with_the_error_beside_it(engine: Engine) {
    let (app, _, inbox) = live_since_a_while(engine).await;
    let before = app.get(&app.inbox(inbox, "/health")).await.expect(200);
    app.clock.advance(SignedDuration::from_secs(61));
    app.meta.fail(Fault::refusal(READ, refused_with(2, "The read failed for a test")));
    let after = app.get(&app.inbox(inbox, "/health")).await.expect(200);
    assert_eq!(after["health_error"], "The read failed for a test");
    assert_eq!((&after["health_error_meta"]["code"], &before["health_error"]), (&2.into(), &Value::Null));
    for member in ["health_checked_at", "status", "platform_type", "quality_rating", "name_status"] {
        assert_eq!(after[member], before[member], "{member}");
        assert!(!after[member].is_null(), "{member}");
    }
    let mut tx = app.app.store.read().await.unwrap();
    let stored = snapshots::latest(&mut tx, inbox).await.unwrap().unwrap();
    assert_eq!(stored.error.unwrap().message, "The read failed for a test");
    assert!(stored.reading.platform_type.is_some(), "the failure threw the reading away");
    drop(tx);
    app.clock.advance(SignedDuration::from_secs(61));
    let later = app.get(&app.inbox(inbox, "/health")).await.expect(200);
    assert_eq!(later["health_error"], Value::Null);
    assert_ne!(later["health_checked_at"], before["health_checked_at"]);
}

async fn h1_when_meta_fails_and_nothing_was_ever_read_the_failure_is_answered(engine: Engine) {
    let app = fresh(engine).await;
    let signup = app.meta.sign_up(Popup::default()).await;
    let business = signup.business_id.clone().unwrap();
    let token = app.meta.with_world(|world, now| world.issue_business_token(&business, now));
    let new = NewChannel {
        account_id: app.account,
        name: "Never read".to_owned(),
        phone_number: E164::parse(signup.phone_number.as_deref().unwrap()).unwrap(),
        phone_number_id: PhoneNumberId(number_of(&signup)),
        waba_id: WabaId(signup.waba_id.clone().unwrap()),
        business_id: Some(BusinessId(business)),
        onboarding: Onboarding::Imported,
        access_token: token.into(),
        token_expires_at: None,
        verify_token: "verify".into(),
        created_at: app.clock.now(),
    };
    let mut tx = app.store.write().await.unwrap();
    let inbox = channels::insert(&mut tx, &new).await.unwrap();
    tx.commit().await.unwrap();
    app.meta.fail(Fault::refusal(READ, refused_with(368, "(#368) Blocked for a test")));
    let body = app.get(&app.inbox(inbox, "/health")).await.expect(422);
    assert_eq!((&body["error"], &body["meta"]["code"]), (&"(#368) Blocked for a test".into(), &368.into()));
    let body = app.get(&app.inbox(inbox, "/health")).await.expect(200);
    assert_eq!(body["code_verification_status"], "VERIFIED");
}

async fn h2_health_has_its_own_address_with_every_member_of_the_origin(engine: Engine) {
    let (app, number, inbox) = live_since_a_while(engine).await;
    let health = app.get(&app.inbox(inbox, "/health")).await.expect(200);
    let first_version = "display_phone_number verified_name name_status quality_rating messaging_limit_tier \
        account_mode code_verification_status throughput last_onboarded_time platform_type business_id";
    let newest = "id status webhook_configuration expected_webhook_url throughput_level is_on_biz_app \
        business_account_id business_account_name business_portfolio_id business_portfolio_name health_checked_at \
        health_error reauthorization_required certificate";
    for member in first_version.split_whitespace().chain(newest.split_whitespace()) {
        assert!(health.get(member).is_some(), "{member} is missing: {health}");
        assert!(member == "health_error" || !health[member].is_null(), "{member} is null: {health}");
    }
    let channel = super::support::on_record(&app, inbox).await.channel;
    let expected = format!("{}/webhooks/whatsapp/{}", app.url, channel.phone_number);
    assert_eq!((&health["id"], &health["expected_webhook_url"]), (&number.into(), &expected.clone().into()));
    assert_eq!(health["webhook_configuration"]["whatsapp_business_account"], expected);
    // different from the origin on purpose: the portfolio's id, not the WABA's
    assert_eq!(health["business_id"], channel.business_id.unwrap().0);
    assert_eq!(health["business_account_id"], channel.waba_id.0);
    let onboarded = health["last_onboarded_time"].as_str().unwrap();
    assert_eq!((onboarded.len(), &onboarded[19..]), (24, "+0000"));
}

async fn h2_a_foreign_inbox_is_not_found_and_nobody_is_refused(engine: Engine) {
    let (app, _, inbox) = live_since_a_while(engine).await;
    let path = app.inbox(inbox, "/health");
    let (other, key) = app.another_account(Scope::Admin).await;
    let foreign = format!("/api/v1/accounts/{other}/inboxes/{inbox}/health");
    for path in [&path, &foreign] {
        let body = app.send(Method::GET, path, None, Some(&key)).await.expect(404);
        assert_eq!(body["error"], "Resource could not be found");
    }
    app.send(Method::GET, &path, None, None).await.expect(401);
    let reader = app.another_key(Some(app.account), Scope::Read).await;
    app.send(Method::GET, &path, None, Some(&reader)).await.expect(200);
    let header =
        reqwest::Client::new().get(format!("{}{path}", app.url)).header("api_access_token", reader.expose_secret());
    assert_eq!(header.send().await.unwrap().status(), 200);
    let refused = app.send(Method::POST, &app.inbox(inbox, "/health/refresh"), Some(Value::Null), Some(&reader)).await;
    assert_eq!(refused.expect(403)["code"], "forbidden");
}
