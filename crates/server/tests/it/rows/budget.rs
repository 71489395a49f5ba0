//! Register calls are scarce, and no caller spends more than Meta allows: D3.

use domain::ids::ChannelId;
use domain::registration::ledger::{MAX_AUTOMATIC, MAX_BLIND, MAX_WITH_PEOPLE};
use graph_emulator::{NumberAction, Popup, SignupResult};
use jiff::SignedDuration;
use serde_json::json;
use server::store::Engine;

use super::support::{REGISTER, fresh, in_review, inbox_of, number_of, on_record, rows, unprovisioned};
use crate::app::{TestApp, browser};

rows!(
    d3_signing_up_again_and_again_keeps_the_budget,
    d3_deleting_and_connecting_again_keeps_the_budget,
    d3_pressing_again_and_again_keeps_the_budget_and_one_call_is_left_for_evidence,
    d3_a_hold_of_metas_is_waited_out_by_everybody,
);

fn once_more(signup: &SignupResult) -> Popup {
    Popup { waba_id: signup.waba_id.clone(), phone_number: signup.phone_number.clone(), ..Popup::default() }
}

/// What Meta counts, and that it never had to lock.
fn expect_counted(app: &TestApp, number: &str, most: usize) {
    let view = app.meta.number(number).unwrap();
    assert!(view.register_calls_in_window <= most, "{} calls", view.register_calls_in_window);
    assert_eq!(view.locked_until, None);
    assert!(view.register_calls.iter().all(|call| call.code != 133_016));
}

async fn d3_signing_up_again_and_again_keeps_the_budget(engine: Engine) {
    let app = fresh(engine).await;
    let (signup, inbox) = app.signed_up(in_review()).await;
    for _ in 0..30 {
        app.advance(SignedDuration::from_mins(20)).await;
        let again = app.meta.sign_up(once_more(&signup)).await;
        let mut body = browser(&again);
        body["inbox_id"] = json!(inbox.0);
        assert_eq!(inbox_of(&app.post(&app.path("/whatsapp/authorization"), body).await), inbox);
        expect_counted(&app, &number_of(&signup), MAX_BLIND);
    }
    assert!(on_record(&app, inbox).await.attempts.len() <= MAX_BLIND);
    // an approval finds a call left
    app.meta.act(&number_of(&signup), NumberAction::ApproveName).await.unwrap();
    app.settle().await;
    assert!(app.meta.number(&number_of(&signup)).unwrap().registered);
    let shown = app.get(&app.inbox(inbox, "/registration")).await.expect(200);
    assert_eq!(shown["budget"]["spent"], app.meta.calls(REGISTER).len());
}

async fn d3_deleting_and_connecting_again_keeps_the_budget(engine: Engine) {
    let app = fresh(engine).await;
    let (signup, mut inbox) = app.signed_up(unprovisioned()).await;
    for _ in 0..15 {
        app.advance(SignedDuration::from_hours(1)).await;
        app.delete(&app.inbox(inbox, "")).await.expect(204);
        let again = app.meta.sign_up(once_more(&signup)).await;
        inbox = inbox_of(&app.authorize(&again).await);
        expect_counted(&app, &number_of(&signup), MAX_AUTOMATIC);
    }
    assert_eq!(on_record(&app, inbox).await.attempts.len(), app.meta.calls(REGISTER).len());
}

async fn press(app: &TestApp, inbox: ChannelId) -> bool {
    let body = app.post(&app.inbox(inbox, "/registration"), json!({})).await.expect(200);
    body["called"].as_bool().unwrap()
}

async fn d3_pressing_again_and_again_keeps_the_budget_and_one_call_is_left_for_evidence(engine: Engine) {
    let app = fresh(engine).await;
    let (signup, inbox) = app.signed_up(in_review()).await;
    let mut called = 0;
    for _ in 0..24 {
        app.advance(SignedDuration::from_mins(61)).await;
        called += usize::from(press(&app, inbox).await);
        expect_counted(&app, &number_of(&signup), MAX_WITH_PEOPLE);
    }
    assert!(called >= 5, "people may press: {called}");
    let view = app.meta.number(&number_of(&signup)).unwrap();
    assert_eq!(view.register_calls_in_window, MAX_WITH_PEOPLE);
    let shown = app.get(&app.inbox(inbox, "/registration")).await.expect(200);
    assert_eq!((&shown["budget"]["left_for_people"], &shown["budget"]["spent"]), (&0.into(), &MAX_WITH_PEOPLE.into()));
    let dry = shown["dry_run"].as_array().unwrap().iter().find(|run| run["caller"] == "press").unwrap();
    assert_eq!((&dry["would_register"], &dry["why"]["code"]), (&false.into(), &"budget_spent".into()));
    assert!(dry["at"].is_string(), "who finds none left sees the clock: {dry}");
    app.meta.act(&number_of(&signup), NumberAction::ApproveName).await.unwrap();
    app.settle().await;
    assert!(app.meta.number(&number_of(&signup)).unwrap().registered, "the tenth is for evidence");
    expect_counted(&app, &number_of(&signup), MAX_WITH_PEOPLE + 1);
}

async fn d3_a_hold_of_metas_is_waited_out_by_everybody(engine: Engine) {
    let app = fresh(engine).await;
    let signup = app.meta.sign_up(in_review()).await;
    app.meta.fail(graph_emulator::Fault::error(REGISTER, 133_016));
    let answer = app.authorize(&signup).await;
    let body = answer.expect(200);
    assert_eq!(
        (&body["registration"]["state"], &body["registration"]["why"]["code"]),
        (&"waiting".into(), &"held".into())
    );
    assert!(body["registration"]["budget"]["held_until"].is_string());
    let inbox = inbox_of(&answer);
    app.meta.act(&number_of(&signup), NumberAction::ApproveName).await.unwrap();
    for _ in 0..7 {
        app.advance(SignedDuration::from_hours(10)).await;
        assert!(!press(&app, inbox).await);
        assert_eq!(app.meta.calls(REGISTER).len(), 1);
    }
    app.advance(SignedDuration::from_hours(4)).await;
    assert!(app.meta.number(&number_of(&signup)).unwrap().registered, "tried by itself once the hold is over");
}
