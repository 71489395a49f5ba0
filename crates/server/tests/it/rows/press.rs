//! What the button Complete registration does, over HTTP: the API half of R3.

use domain::meta::failure::FailureKind;
use domain::registration::ledger::Basis;
use graph_emulator::world::Obstacle;
use graph_emulator::{NumberAction, Popup};
use jiff::SignedDuration;
use reqwest::Method;
use serde_json::{Value, json};
use server::store::Engine;
use server::store::api_keys::Scope;

use super::support::{NAME_REFUSED, REGISTER, fresh, number_of, on_record, rows, unprovisioned};

rows!(
    r3_a_press_registers_a_stuck_number,
    r3_a_refusal_is_reported_in_metas_words_and_stored,
    r3_a_second_press_within_the_hour_does_not_call,
    r3_a_press_unblocks_what_only_a_person_can,
    r3_only_who_may_operate_may_press,
);

async fn r3_a_press_registers_a_stuck_number(engine: Engine) {
    let app = fresh(engine).await;
    let (signup, inbox) = app.signed_up(unprovisioned()).await;
    app.settle().await;
    let before = app.get(&app.inbox(inbox, "/registration")).await.expect(200);
    assert_eq!((&before["state"], &before["decision"]), (&"waiting".into(), &"wait".into()));
    let press = before["dry_run"].as_array().unwrap().iter().find(|run| run["caller"] == "press").unwrap();
    assert_eq!(press["would_register"], true, "{press}");
    app.meta.act(&number_of(&signup), NumberAction::Provision).await.unwrap();
    let body = app.post(&app.inbox(inbox, "/registration"), json!({})).await.expect(200);
    assert_eq!((&body["called"], &body["outcome"], &body["error"]), (&true.into(), &"success".into(), &Value::Null));
    let registration = &body["registration"];
    assert_eq!((&registration["state"], &registration["why"]["code"]), (&"done".into(), &"live".into()));
    assert_eq!((&registration["budget"]["limit"], &registration["budget"]["spent"]), (&10.into(), &2.into()));
    assert_eq!((&registration["attempts"][0]["basis"], &registration["has_pin"]), (&"person".into(), &true.into()));
    let kept = on_record(&app, inbox).await;
    assert_eq!(kept.outcomes(), [Ok(()), Err(FailureKind::NameNotReady)]);
    assert_eq!(kept.attempts[0].attempt.basis, Basis::Person);
    assert!(app.meta.number(&number_of(&signup)).unwrap().registered);
    let pins: Vec<_> = app.meta.calls(REGISTER).iter().map(|call| call.param("pin").map(str::to_owned)).collect();
    assert_eq!(pins, [kept.pin_print(), kept.pin_print()]);
    let shown = app.get(&app.inbox(inbox, "")).await.expect(200);
    assert_eq!((&shown["level"], &shown["reauthorization_required"]), (&"live".into(), &false.into()));
}

async fn r3_a_refusal_is_reported_in_metas_words_and_stored(engine: Engine) {
    let app = fresh(engine).await;
    let (_, inbox) = app.signed_up(unprovisioned()).await;
    app.settle().await;
    let body = app.post(&app.inbox(inbox, "/registration"), json!({})).await.expect(200);
    assert_eq!((&body["called"], &body["outcome"]), (&true.into(), &"failed".into()));
    assert_eq!(body["error"], NAME_REFUSED);
    assert_eq!((&body["meta"]["code"], &body["meta"]["subcode"]), (&100.into(), &2_388_001.into()));
    assert_eq!(body["meta"]["user_title"], "Cannot Create Certificate");
    assert!(body["meta"]["fbtrace_id"].is_string());
    let refused = Err(FailureKind::NameNotReady);
    assert_eq!(on_record(&app, inbox).await.outcomes(), [refused, refused]);
}

async fn r3_a_second_press_within_the_hour_does_not_call(engine: Engine) {
    let app = fresh(engine).await;
    let (_, inbox) = app.signed_up(unprovisioned()).await;
    app.settle().await;
    app.post(&app.inbox(inbox, "/registration"), json!({})).await.expect(200);
    app.settle().await;
    let second = app.post(&app.inbox(inbox, "/registration"), json!({})).await.expect(200);
    assert_eq!((&second["called"], &second["outcome"]), (&false.into(), &Value::Null));
    assert_eq!(app.meta.calls(REGISTER).len(), 2);
    let shown = app.get(&app.inbox(inbox, "/registration")).await.expect(200);
    let press = shown["dry_run"].as_array().unwrap().iter().find(|run| run["caller"] == "press").unwrap();
    assert_eq!((&press["would_register"], &press["why"]["code"]), (&false.into(), &"pressed_recently".into()));
    assert!(press["at"].is_string(), "the clock is shown: {press}");
    // the probe of the planner may come in between; the press is possible again after an hour
    app.advance(SignedDuration::from_mins(61)).await;
    let before = app.meta.calls(REGISTER).len();
    let third = app.post(&app.inbox(inbox, "/registration"), json!({})).await.expect(200);
    assert_eq!((&third["called"], app.meta.calls(REGISTER).len()), (&true.into(), before + 1));
}

async fn r3_a_press_unblocks_what_only_a_person_can(engine: Engine) {
    let app = fresh(engine).await;
    let popup = Popup { obstacle: Some(Obstacle::StillInPhoneApp), ..Popup::default() };
    let (signup, inbox) = app.signed_up(popup).await;
    app.settle().await;
    let shown = app.get(&app.inbox(inbox, "/registration")).await.expect(200);
    assert_eq!((&shown["state"], &shown["remedy"]["code"]), (&"action_needed".into(), &"free_number".into()));
    assert_eq!((&shown["why"]["code"], &shown["why"]["failure"]), (&"refused".into(), &"number_taken".into()));
    app.advance(SignedDuration::from_hours(24)).await;
    assert_eq!(app.meta.calls(REGISTER).len(), 1, "nobody but a person can help: nothing is tried");
    app.meta.act(&number_of(&signup), NumberAction::ClearObstacle).await.unwrap();
    let body = app.post(&app.inbox(inbox, "/registration"), json!({})).await.expect(200);
    assert_eq!((&body["called"], &body["outcome"]), (&true.into(), &"success".into()));
    assert_eq!(on_record(&app, inbox).await.outcomes(), [Ok(()), Err(FailureKind::NumberTaken)]);
}

async fn r3_only_who_may_operate_may_press(engine: Engine) {
    let app = fresh(engine).await;
    let (_, inbox) = app.signed_up(unprovisioned()).await;
    app.settle().await;
    let path = app.inbox(inbox, "/registration");
    let reader = app.another_key(Some(app.account), Scope::Read).await;
    let (_, stranger) = app.another_account(Scope::Admin).await;
    let pressed = async |key| app.send(Method::POST, &path, Some(json!({})), key).await;
    assert_eq!(pressed(Some(&reader)).await.expect(403)["code"], "forbidden");
    assert_eq!(pressed(Some(&stranger)).await.expect(404)["error"], "Resource could not be found");
    assert_eq!(pressed(None).await.expect(401)["code"], "unauthenticated");
    assert_eq!(app.meta.calls(REGISTER).len(), 1);
}
