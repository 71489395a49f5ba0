//! Numbers that are in the WhatsApp Business app as well: never registered against their owner's will (policy rule 1).

use domain::ids::ChannelId;
use graph_emulator::{NumberAction, Popup, SignupResult, WabaAction};
use jiff::SignedDuration;
use serde_json::{Value, json};
use server::flows::queue::{Job, enqueue_now};
use server::store::Engine;

use super::support::{REGISTER, flawless, fresh, inbox_of, number_of, pose, rows, waba_of};
use crate::app::{TestApp, browser};

rows!(
    f4_a_number_that_its_owner_disconnected_in_the_app_is_not_registered_by_itself,
    f4_its_owner_registers_it_here_by_a_confirmed_press,
    f4_it_works_again_once_it_is_connected_in_the_app_again,
    f4_a_link_that_meta_shows_late_is_no_alarm,
    f4_a_number_that_reads_as_in_the_app_is_not_registered_whatever_signup_said,
    f4_a_new_onboarding_opens_a_new_sync_window,
    f4_a_number_taken_away_twice_is_told_and_not_fought_over,
);

async fn coexisting(engine: Engine) -> (TestApp, SignupResult, ChannelId) {
    let app = fresh(engine).await;
    let (signup, inbox) = app.signed_up(Popup { coexistence: true, ..flawless() }).await;
    app.settle().await;
    app.advance(SignedDuration::from_hours(1)).await;
    (app, signup, inbox)
}

async fn disconnect(app: &TestApp, signup: &SignupResult) {
    let reason = "ACCOUNT_DISCONNECTED".to_owned();
    app.meta.act(&number_of(signup), NumberAction::CoexistenceEnded { reason }).await.unwrap();
    app.settle().await;
}

/// The code of the leading finding of a fresh report.
async fn leading(app: &TestApp, inbox: ChannelId) -> Value {
    let health = app.get(&app.inbox(inbox, "/health")).await.expect(200);
    health["findings"][0].clone()
}

async fn announced(app: &TestApp, inbox: ChannelId) -> Vec<String> {
    let listed = app.get(&app.path(&format!("/announcements?inbox_id={inbox}"))).await.expect(200);
    let kinds = listed["data"].as_array().unwrap().iter().map(|it| it["kind"].as_str().unwrap().to_owned());
    kinds.collect()
}

async fn f4_a_number_that_its_owner_disconnected_in_the_app_is_not_registered_by_itself(engine: Engine) {
    let (app, signup, inbox) = coexisting(engine).await;
    let before = announced(&app, inbox).await.len();
    disconnect(&app, &signup).await;
    for _ in 0..6 {
        app.advance(SignedDuration::from_hours(15)).await;
    }
    let body = app.post(&app.inbox(inbox, "/registration"), json!({})).await.expect(200);
    assert_eq!((&body["called"], &body["registration"]["can_leave_app"]), (&false.into(), &true.into()), "{body}");
    assert_eq!(body["registration"]["why"]["code"], "coexistence_disconnected", "{body}");
    assert_eq!(app.meta.calls(REGISTER), []);
    let finding = leading(&app, inbox).await;
    assert_eq!((&finding["code"], &finding["owner"]), (&"coexistence_disconnected".into(), &"owner".into()));
    assert_eq!(finding["args"]["reason"], "ACCOUNT_DISCONNECTED", "{finding}");
    assert_eq!(finding["args"]["initiated_by"], "USER", "{finding}");
    let kinds = announced(&app, inbox).await;
    let new = &kinds[..kinds.len() - before];
    assert_eq!(new, ["action_needed"], "told once, and nothing else");
}

async fn f4_its_owner_registers_it_here_by_a_confirmed_press(engine: Engine) {
    let (app, signup, inbox) = coexisting(engine).await;
    let path = app.inbox(inbox, "/registration");
    let leave = || app.post(&path, json!({ "leave_app": true }));
    // while it is in the app the confirmation changes nothing, now or later
    assert_eq!(leave().await.expect(200)["called"], false);
    disconnect(&app, &signup).await;
    app.advance(SignedDuration::from_hours(2)).await;
    assert_eq!(app.meta.calls(REGISTER), []);
    let body = leave().await.expect(200);
    assert_eq!((&body["called"], &body["outcome"]), (&true.into(), &"success".into()), "{body}");
    app.advance(SignedDuration::from_hours(30)).await;
    assert_eq!(app.meta.calls(REGISTER).len(), 1);
    let registration = app.get(&path).await.expect(200);
    assert_eq!(registration["why"]["code"], "live", "{registration}");
    let both = app.post(&path, json!({ "leave_app": true, "apply_new_name": true })).await.expect(422);
    assert!(both.to_string().contains("leave_app"), "{both}");
}

async fn f4_it_works_again_once_it_is_connected_in_the_app_again(engine: Engine) {
    let (app, signup, inbox) = coexisting(engine).await;
    disconnect(&app, &signup).await;
    app.advance(SignedDuration::from_hours(2)).await;
    app.meta.act(&number_of(&signup), NumberAction::Coexistence { on: true }).await.unwrap();
    app.meta.act_on_waba(&waba_of(&signup), WabaAction::Reconnected).await.unwrap();
    app.settle().await;
    app.advance(SignedDuration::from_mins(5)).await;
    let registration = app.get(&app.inbox(inbox, "/registration")).await.expect(200);
    assert_eq!((&registration["state"], &registration["why"]["code"]), (&"done".into(), &"coexistence".into()));
    assert_eq!(announced(&app, inbox).await[0], "recovered");
    // a second disconnection counts as the first did
    disconnect(&app, &signup).await;
    app.advance(SignedDuration::from_hours(30)).await;
    assert_eq!(leading(&app, inbox).await["code"], "coexistence_disconnected");
    assert_eq!(app.meta.calls(REGISTER), []);
}

async fn f4_a_link_that_meta_shows_late_is_no_alarm(engine: Engine) {
    let app = fresh(engine).await;
    let signup = app.meta.sign_up(Popup { coexistence: true, ..flawless() }).await;
    let number = number_of(&signup);
    pose(&app, &number, "platform_type", "NOT_APPLICABLE").await;
    let mut body = browser(&signup);
    body["is_coexistence"] = json!(true);
    let inbox = inbox_of(&app.post(&app.path("/whatsapp/authorization"), body).await);
    app.settle().await;
    app.advance(SignedDuration::from_mins(2)).await;
    let registration = app.get(&app.inbox(inbox, "/registration")).await.expect(200);
    assert_eq!(registration["why"]["code"], "coexistence_starting", "{registration}");
    app.meta.act(&number, NumberAction::ClearFieldOverrides).await.unwrap();
    app.advance(SignedDuration::from_mins(5)).await;
    let registration = app.get(&app.inbox(inbox, "/registration")).await.expect(200);
    assert_eq!(registration["why"]["code"], "coexistence", "{registration}");
    assert!(!announced(&app, inbox).await.contains(&"action_needed".to_owned()));
    assert_eq!(app.meta.calls(REGISTER), []);
}

async fn f4_a_number_that_reads_as_in_the_app_is_not_registered_whatever_signup_said(engine: Engine) {
    let app = fresh(engine).await;
    let signup = app.meta.sign_up(Popup { coexistence: true, ..flawless() }).await;
    pose(&app, &number_of(&signup), "platform_type", "NOT_APPLICABLE").await;
    pose(&app, &number_of(&signup), "code_verification_status", "NOT_VERIFIED").await;
    let inbox = inbox_of(&app.authorize(&signup).await);
    app.settle().await;
    app.post(&app.inbox(inbox, "/registration"), json!({})).await.expect(200);
    app.advance(SignedDuration::from_hours(80)).await;
    assert_eq!(app.meta.calls(REGISTER), []);
}

async fn f4_a_new_onboarding_opens_a_new_sync_window(engine: Engine) {
    let (app, signup, inbox) = coexisting(engine).await;
    let syncs = || app.meta.number(&number_of(&signup)).unwrap().syncs.len();
    assert_eq!(syncs(), 2);
    app.advance(SignedDuration::from_hours(24 * 40)).await;
    let popup = Popup {
        waba_id: signup.waba_id.clone(),
        phone_number: signup.phone_number.clone(),
        coexistence: true,
        ..flawless()
    };
    let mut body = browser(&app.meta.sign_up(popup).await);
    body["inbox_id"] = json!(inbox.0);
    body["is_coexistence"] = json!(true);
    assert_eq!(syncs(), 0);
    inbox_of(&app.post(&app.path("/whatsapp/authorization"), body).await);
    app.settle().await;
    app.advance(SignedDuration::from_mins(5)).await;
    assert_eq!(syncs(), 2, "contacts and history of the new onboarding");
}

async fn f4_a_number_taken_away_twice_is_told_and_not_fought_over(engine: Engine) {
    let app = fresh(engine).await;
    let (signup, inbox) = app.signed_up(flawless()).await;
    let number = number_of(&signup);
    app.advance(SignedDuration::from_hours(30)).await;
    let take_away = || async {
        app.meta.act(&number, NumberAction::Disconnect { reads: None }).await.unwrap();
        enqueue_now(&app.app, &[Job::Health(inbox)]).await.unwrap();
        app.advance(SignedDuration::from_hours(13)).await;
    };
    take_away().await;
    assert_eq!(app.meta.calls(REGISTER).len(), 2, "registered again once");
    take_away().await;
    app.advance(SignedDuration::from_hours(24 * 9)).await;
    enqueue_now(&app.app, &[Job::Health(inbox), Job::Register(inbox)]).await.unwrap();
    app.settle().await;
    assert_eq!(app.meta.calls(REGISTER).len(), 2, "and not a second time");
    assert_eq!(leading(&app, inbox).await["code"], "registration_lost_again");
    let body = app.post(&app.inbox(inbox, "/registration"), json!({})).await.expect(200);
    assert_eq!(body["outcome"], "success", "a person decides: {body}");
    app.advance(SignedDuration::from_hours(5)).await;
    assert_eq!(app.meta.calls(REGISTER).len(), 3);
    assert_eq!(app.get(&app.inbox(inbox, "/registration")).await.expect(200)["why"]["code"], "live");
}
