//! A number that is provisioned is never registered again, whoever asks: R2.

use graph_emulator::{Fault, NumberAction, Popup, SignupResult, WabaAction};
use jiff::SignedDuration;
use serde_json::{Value, json};
use server::store::Engine;

use super::support::{REGISTER, expect_registered, fresh, inbox_of, number_of, on_record, pose, rows, waba_of};
use crate::app::{TestApp, browser};
use domain::ids::ChannelId;

rows!(
    r2_no_press_registers_a_provisioned_number_again,
    r2_no_reauthorisation_registers_a_provisioned_number_again,
    r2_the_planner_never_registers_a_provisioned_number_again,
    r2_no_news_of_meta_registers_a_provisioned_number_again,
    r2_whatever_status_says,
    r2_holds_while_meta_does_not_answer_reads,
    r2_an_approved_new_name_is_applied_by_its_button_alone,
);

async fn live(engine: Engine) -> (TestApp, SignupResult, ChannelId) {
    let app = fresh(engine).await;
    let (signup, inbox) = app.signed_up(Popup::default()).await;
    app.settle().await;
    expect_registered(&app, inbox).await;
    (app, signup, inbox)
}

/// The one call of the signup, and nothing since.
async fn expect_no_other(app: &TestApp, inbox: ChannelId) {
    app.settle().await;
    expect_registered(app, inbox).await;
}

async fn r2_no_press_registers_a_provisioned_number_again(engine: Engine) {
    let (app, _, inbox) = live(engine).await;
    for _ in 0..3 {
        let body = app.post(&app.inbox(inbox, "/registration"), json!({})).await.expect(200);
        assert_eq!((&body["called"], &body["outcome"], &body["error"]), (&false.into(), &Value::Null, &Value::Null));
        let registration = &body["registration"];
        assert_eq!((&registration["state"], &registration["why"]["code"]), (&"done".into(), &"live".into()));
        app.advance(SignedDuration::from_hours(2)).await;
    }
    app.post(&app.inbox(inbox, "/register_webhook"), Value::Null).await.expect(200);
    app.post(&app.inbox(inbox, "/health/refresh"), Value::Null).await.expect(200);
    expect_no_other(&app, inbox).await;
    let runs = app.get(&app.inbox(inbox, "/registration")).await.expect(200)["dry_run"].clone();
    assert_eq!(runs.as_array().unwrap().len(), 4);
    assert!(runs.as_array().unwrap().iter().all(|run| run["would_register"] == false), "{runs}");
}

async fn r2_no_reauthorisation_registers_a_provisioned_number_again(engine: Engine) {
    let (app, signup, inbox) = live(engine).await;
    for _ in 0..3 {
        app.advance(SignedDuration::from_hours(1)).await;
        let popup =
            Popup { waba_id: signup.waba_id.clone(), phone_number: signup.phone_number.clone(), ..Popup::default() };
        let again = app.meta.sign_up(popup).await;
        let mut body = browser(&again);
        body["inbox_id"] = json!(inbox.0);
        let answer = app.post(&app.path("/whatsapp/authorization"), body).await;
        assert_eq!(inbox_of(&answer), inbox);
    }
    expect_no_other(&app, inbox).await;
}

async fn r2_the_planner_never_registers_a_provisioned_number_again(engine: Engine) {
    let (app, _, inbox) = live(engine).await;
    for _ in 0..5 {
        server::flows::queue::enqueue_now(
            &app.app,
            &[server::flows::queue::Job::Register(inbox), server::flows::queue::Job::Sweep],
        )
        .await
        .unwrap();
        app.advance(SignedDuration::from_hours(12)).await;
    }
    expect_no_other(&app, inbox).await;
}

async fn r2_no_news_of_meta_registers_a_provisioned_number_again(engine: Engine) {
    let (app, signup, inbox) = live(engine).await;
    let number = number_of(&signup);
    app.meta.act(&number, NumberAction::RequestPinReset).await.unwrap();
    app.meta
        .act_on_waba(&waba_of(&signup), WabaAction::Review { decision: graph_emulator::world::ReviewStatus::Approved })
        .await
        .unwrap();
    let name = json!({ "display_phone_number": signup.phone_number, "decision": "APPROVED",
        "requested_verified_name": "Example Bakery", "rejection_reason": null });
    let webhook = WabaAction::Webhook { field: "phone_number_name_update".to_owned(), value: name, to_partner: false };
    app.meta.act_on_waba(&waba_of(&signup), webhook).await.unwrap();
    app.settle().await;
    app.advance(SignedDuration::from_hours(3)).await;
    expect_no_other(&app, inbox).await;
}

async fn r2_whatever_status_says(engine: Engine) {
    for status in ["PENDING", "DISCONNECTED", "FLAGGED", "RESTRICTED", "SOMETHING_NEW"] {
        let app = fresh(engine).await;
        let signup = app.meta.sign_up(Popup::default()).await;
        let number = number_of(&signup);
        app.meta.act(&number, NumberAction::Registered { pin: "314159".to_owned() }).await.unwrap();
        pose(&app, &number, "is_pin_enabled", false).await;
        pose(&app, &number, "status", status).await;
        let answer = app.authorize(&signup).await;
        let inbox = inbox_of(&answer);
        app.settle().await;
        app.post(&app.inbox(inbox, "/registration"), json!({})).await.expect(200);
        app.advance(SignedDuration::from_hours(6)).await;
        assert_eq!(app.meta.calls(REGISTER), [], "{status}");
        assert_eq!(on_record(&app, inbox).await.attempts, [], "{status}");
    }
}

/// The reads of a live number fail: neither a press nor a re-authorisation registers it again, and nothing needs a person
/// once Meta answers.
async fn r2_holds_while_meta_does_not_answer_reads(engine: Engine) {
    for with_pin in [true, false] {
        let app = fresh(engine).await;
        let signup = app.meta.sign_up(Popup::default()).await;
        if !with_pin {
            app.meta.act(&number_of(&signup), NumberAction::Registered { pin: "314159".to_owned() }).await.unwrap();
            pose(&app, &number_of(&signup), "is_pin_enabled", false).await;
        }
        let inbox = inbox_of(&app.authorize(&signup).await);
        app.settle().await;
        let calls = app.meta.calls(REGISTER).len();
        app.advance(SignedDuration::from_hours(2)).await;
        app.meta.fail(Fault::error("GET /{phone}", 2).times(9));
        let body = app.post(&app.inbox(inbox, "/registration"), json!({})).await.expect(200);
        assert_eq!(body["called"], false, "{body}");
        let popup =
            Popup { waba_id: signup.waba_id.clone(), phone_number: signup.phone_number.clone(), ..Popup::default() };
        let mut again = browser(&app.meta.sign_up(popup).await);
        again["inbox_id"] = json!(inbox.0);
        inbox_of(&app.post(&app.path("/whatsapp/authorization"), again).await);
        app.advance(SignedDuration::from_hours(3)).await;
        assert_eq!(app.meta.calls(REGISTER).len(), calls, "with a stored PIN: {with_pin}");
        let body = app.get(&app.inbox(inbox, "/registration")).await.expect(200);
        assert_eq!(body["state"], "done", "{body}");
    }
}

async fn r2_an_approved_new_name_is_applied_by_its_button_alone(engine: Engine) {
    let (app, signup, inbox) = live(engine).await;
    let name = "Better Bakery".to_owned();
    let submit = NumberAction::SubmitName { name, lasts: None, outcome: None };
    app.meta.act(&number_of(&signup), submit).await.unwrap();
    app.settle().await;
    app.meta.act(&number_of(&signup), NumberAction::ApproveName).await.unwrap();
    app.settle().await;
    app.advance(SignedDuration::from_hours(24)).await;
    expect_no_other(&app, inbox).await;
    let body = app.post(&app.inbox(inbox, "/registration"), json!({ "apply_new_name": true })).await.expect(200);
    assert_eq!((&body["called"], &body["outcome"]), (&true.into(), &"success".into()));
    let kept = on_record(&app, inbox).await;
    let calls = app.meta.calls(REGISTER);
    assert_eq!((calls.len(), calls[1].param("pin").map(str::to_owned)), (2, kept.pin_print()));
    assert_eq!(app.meta.number(&number_of(&signup)).unwrap().verified_name, "Better Bakery");
}
