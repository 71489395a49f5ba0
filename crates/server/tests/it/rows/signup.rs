//! Embedded signup that goes well, or well enough: E2, E5, E7, E8, E9.

use domain::signup::SignupState;
use graph_emulator::world::FleetSpec;
use graph_emulator::{Fault, NumberAction, Popup, fingerprint};
use jiff::SignedDuration;
use secrecy::ExposeSecret as _;
use serde_json::json;
use server::store::Engine;
use tracing::Level;

use super::capture::Logs;
use super::support::{
    APPS, DEBUG, EXCHANGE, LIST, READ, REGISTER, SUBSCRIBE, channel_count, expect_nothing_raised, expect_registered,
    expect_webhooks, flawless, fresh, in_review, inbox_of, longest_series, number_of, on_record, rows, signups_of,
    waba_of,
};
use crate::app::{APP_ID, TestApp};

rows!(
    e2_the_code_is_exchanged_for_the_token_that_is_used_from_then_on,
    e2_the_end_of_a_token_is_kept,
    e5_a_channel_and_an_inbox_are_made_for_the_account,
    e7_webhooks_are_set_up_in_at_most_five_round_trips,
    e8_a_healthy_number_is_noted_as_passed,
    e8_a_pending_number_needs_its_owners_attention_until_it_is_live,
    e9_a_failing_health_read_is_logged_and_fails_nothing,
    e2_a_token_with_a_lifetime_too_long_to_count_is_kept,
);

async fn e2_the_code_is_exchanged_for_the_token_that_is_used_from_then_on(engine: Engine) {
    let app = fresh(engine).await;
    let (signup, answer) = app.sign_up(Popup::default()).await;
    expect_nothing_raised(&answer);
    let log = app.meta.log();
    let exchange = &log[0];
    assert_eq!((exchange.route.as_str(), exchange.status), (EXCHANGE, Some(200)));
    assert_eq!(exchange.param("client_id"), Some(APP_ID));
    assert_eq!(exchange.param("code"), Some(fingerprint(signup.code.as_deref().unwrap()).as_str()));
    assert_eq!(exchange.param("redirect_uri"), None);
    assert!(exchange.query.keys().all(|name| name == "locale"), "code and secret stay out of the URL: {exchange:?}");
    let kept = on_record(&app, inbox_of(&answer)).await;
    for call in log[1..].iter().filter(|call| call.route != DEBUG) {
        assert_eq!(call.token.as_deref(), Some(kept.token_print().as_str()), "{call:?}");
    }
    assert_eq!(kept.credentials.token_expires_at, None);
    assert!(!answer.text.contains(kept.credentials.access_token.expose_secret()), "{}", answer.text);
}

async fn e2_the_end_of_a_token_is_kept(engine: Engine) {
    let app = fresh(engine).await;
    let sixty_days = SignedDuration::from_hours(60 * 24);
    let (_, inbox) = app.signed_up(Popup { token_lasts: Some(sixty_days), ..Popup::default() }).await;
    let ends = on_record(&app, inbox).await.credentials.token_expires_at.unwrap();
    assert_eq!(ends.duration_since(app.clock.now() + sixty_days).as_secs(), 0);
}

async fn e5_a_channel_and_an_inbox_are_made_for_the_account(engine: Engine) {
    let app = fresh(engine).await;
    let (signup, answer) = app.sign_up(Popup::default()).await;
    let body = expect_nothing_raised(&answer);
    assert_eq!(body["name"], "Example Bakery WhatsApp");
    assert!(body.get("message").is_none(), "{body}");
    let inbox = inbox_of(&answer);
    let channel = on_record(&app, inbox).await.channel;
    assert_eq!(channel.account_id, app.account);
    assert_eq!(channel.phone_number.to_string(), format!("+{}", signup.phone_number.clone().unwrap()));
    assert_eq!(Some(channel.phone_number_id.0), signup.phone_number_id);
    assert_eq!(Some(channel.waba_id.0), signup.waba_id);
    assert_eq!(channel.business_id.map(|id| id.0), signup.business_id);
    let shown = app.get(&app.inbox(inbox, "")).await.expect(200);
    assert_eq!((&shown["name"], &shown["phone_number_id"]), (&body["name"], &json!(signup.phone_number_id)));
    let kept = signups_of(&app).await.remove(0);
    assert_eq!((kept.state, kept.channel_id, kept.error), (SignupState::Done, Some(inbox), None));
    assert_eq!(body["signup_id"], kept.id.to_string());
}

fn sorted<'a>(routes: &[&'a str]) -> Vec<&'a str> {
    let mut routes = routes.to_vec();
    routes.sort_unstable();
    routes
}

async fn e7_webhooks_are_set_up_in_at_most_five_round_trips(engine: Engine) {
    let app = fresh(engine).await;
    let signup = app.meta.sign_up(Popup::default()).await;
    // every call takes a while, so that what waits for another shows
    app.meta.fail(Fault::delay("*", 150).times(100));
    let answer = app.authorize(&signup).await;
    app.meta.clear_faults();
    expect_nothing_raised(&answer);
    expect_registered(&app, inbox_of(&answer)).await;
    expect_webhooks(&app, inbox_of(&answer)).await;
    let log = app.meta.log();
    let routes: Vec<_> = log.iter().map(|call| call.route.as_str()).collect();
    assert_eq!(routes[0], EXCHANGE);
    assert_eq!(sorted(&routes[1..6]), [DEBUG, READ, READ, LIST, APPS]);
    assert_eq!(sorted(&routes[6..]), [READ, REGISTER, SUBSCRIBE, SUBSCRIBE]);
    let (register, read) = (&app.meta.calls(REGISTER)[0], &app.meta.calls(READ)[2]);
    assert!(register.ended_at_us <= read.started_at_us, "the number is read again after it was registered");
    let length = longest_series(log.clone());
    assert!(length <= 5, "{length} round trips in series: {routes:?}");
}

async fn e8_a_healthy_number_is_noted_as_passed(engine: Engine) {
    let logs = Logs::capture();
    let app = fresh(engine).await;
    let (signup, answer) = app.sign_up(flawless()).await;
    let body = expect_nothing_raised(&answer);
    assert_eq!(body["reauthorization_required"], false);
    let line = format!("[WHATSAPP] Channel +{} health check passed", signup.phone_number.unwrap());
    assert_eq!(logs.levels_of(&line), [Level::INFO]);
    let health = app.get(&app.inbox(inbox_of(&answer), "/health")).await.expect(200);
    assert_eq!((&health["level"], &health["reauthorization_required"]), (&"live".into(), &false.into()));
}

async fn announcement_kinds(app: &TestApp) -> Vec<String> {
    let list = app.get(&app.path("/announcements")).await.expect(200);
    list["data"].as_array().unwrap().iter().map(|item| item["kind"].as_str().unwrap().to_owned()).collect()
}

async fn e8_a_pending_number_needs_its_owners_attention_until_it_is_live(engine: Engine) {
    let logs = Logs::capture();
    let app = fresh(engine).await;
    let (signup, answer) = app.sign_up(in_review()).await;
    let body = expect_nothing_raised(&answer);
    assert_eq!(body["reauthorization_required"], true);
    let inbox = inbox_of(&answer);
    assert!(logs.at(Level::INFO).iter().all(|line| !line.contains("health check passed")));
    app.settle().await;
    let shown = app.get(&app.inbox(inbox, "")).await.expect(200);
    assert_eq!((&shown["level"], &shown["reauthorization_required"]), (&"waiting_for_meta".into(), &true.into()));
    let health = app.get(&app.inbox(inbox, "/health")).await.expect(200);
    assert_eq!((&health["level"], &health["next_action_by"]), (&"waiting_for_meta".into(), &"meta".into()));
    // no announcement says that something expired
    let kinds = announcement_kinds(&app).await;
    assert!(kinds.iter().all(|kind| !kind.starts_with("token") && kind != "action_needed"), "{kinds:?}");

    app.meta.act(&number_of(&signup), NumberAction::ApproveName).await.unwrap();
    app.settle().await;
    app.advance(SignedDuration::from_mins(1)).await;
    let shown = app.get(&app.inbox(inbox, "")).await.expect(200);
    assert_eq!((&shown["level"], &shown["reauthorization_required"]), (&"live".into(), &false.into()));
    assert!(announcement_kinds(&app).await.contains(&"number_live".to_owned()));
}

async fn e9_a_failing_health_read_is_logged_and_fails_nothing(engine: Engine) {
    let logs = Logs::capture();
    let app = fresh(engine).await;
    let signup = app.meta.sign_up(flawless()).await;
    let refusal = super::support::refused_with(2, "The read failed for a test");
    app.meta.fail(Fault::refusal(READ, refusal).when_fields("platform_type").after(1));
    let answer = app.authorize(&signup).await;
    let faulted = app.meta.log().iter().filter(|call| call.faulted).count();
    assert_eq!(faulted, 1, "{:?}", app.meta.log().iter().map(|c| (&c.route, c.faulted)).collect::<Vec<_>>());
    expect_nothing_raised(&answer);
    let phone = signup.phone_number.clone().unwrap();
    let line = format!("[WHATSAPP] Health check failed for channel +{phone}: The read failed for a test");
    assert_eq!(logs.levels_of(&line).len(), 1, "{:?}", logs.at(Level::WARN));
    expect_registered(&app, inbox_of(&answer)).await;
    expect_webhooks(&app, inbox_of(&answer)).await;
    assert_eq!(signups_of(&app).await[0].state, SignupState::Done);
    assert_eq!(
        (channel_count(&app).await, waba_of(&signup)),
        (1, on_record(&app, inbox_of(&answer)).await.channel.waba_id.0)
    );
    // read again by itself
    app.advance(SignedDuration::from_mins(1)).await;
    let shown = app.get(&app.inbox(inbox_of(&answer), "")).await.expect(200);
    assert_eq!(shown["level"], "live");
}

async fn e2_a_token_with_a_lifetime_too_long_to_count_is_kept(engine: Engine) {
    let app = fresh(engine).await;
    let spec = FleetSpec { wabas: 1, numbers_per_waba: 1, subscribed: false, registered: false };
    let fleet = app.meta.with_world(|world, now| world.build_fleet(&spec, now));
    let (waba, numbers) = fleet.wabas[0].clone();
    let token = json!({ "access_token": fleet.token, "token_type": "bearer", "expires_in": i64::MAX });
    app.meta.fail(Fault { body: Some(token.to_string()), ..Fault::status(EXCHANGE, 200) });
    let body = json!({ "code": "AQ-once", "business_id": fleet.business_id, "waba_id": waba,
        "phone_number_id": numbers[0] });
    let answer = app.post(&app.path("/whatsapp/authorization"), body).await;
    let kept = on_record(&app, inbox_of(&answer)).await;
    assert_eq!(kept.token_print(), fingerprint(&fleet.token));
}
