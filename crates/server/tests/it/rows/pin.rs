//! The PIN: generated, stored before it is sent, and never forgotten: W10, W11, D2.

use domain::meta::failure::FailureKind;
use graph_emulator::{Fault, NumberAction, Popup};
use jiff::SignedDuration;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;
use server::store::Engine;

use super::support::{
    REGISTER, eventually, expect_not_registered, expect_nothing_raised, expect_registered, fresh, in_review, inbox_of,
    number_of, on_record, rows, signups_of,
};
use crate::app::TestApp;

rows!(
    w10_a_random_six_digit_pin_is_drawn_and_kept,
    w10_the_pin_is_on_record_before_meta_answers,
    w10_where_two_step_is_read_as_on_the_pin_is_asked_for,
    w11_a_stored_pin_is_used_again,
    w11_a_pin_its_owner_entered_is_used,
    w11_a_pin_that_somebody_else_changed_is_asked_for_and_not_tried,
    w11_a_change_of_the_pin_that_was_our_own_makes_nothing_stale,
    w11_the_pin_outlives_the_channel,
    d2_the_pin_of_a_call_that_never_arrived_is_kept_and_sent_again,
    d2_the_pin_of_a_call_whose_answer_was_lost_is_the_one_meta_holds,
);

/// The PINs that were sent, as the log shows them.
fn sent(app: &TestApp) -> Vec<String> {
    app.meta.calls(REGISTER).iter().map(|call| call.param("pin").unwrap().to_owned()).collect()
}

async fn w10_a_random_six_digit_pin_is_drawn_and_kept(engine: Engine) {
    let app = fresh(engine).await;
    let mut pins = Vec::new();
    for _ in 0..3 {
        app.meta.clear_log();
        let (signup, answer) = app.sign_up(Popup::default()).await;
        let body = expect_nothing_raised(&answer);
        assert_eq!(body["registration"]["has_pin"], true);
        expect_registered(&app, inbox_of(&answer)).await;
        let pin = app.meta.number(&number_of(&signup)).unwrap().pin.unwrap();
        assert!(pin.len() == 6 && (100_000..=999_999).contains(&pin.parse::<u32>().unwrap()), "{pin}");
        assert!(!answer.text.contains(&pin), "the answer tells the PIN: {}", answer.text);
        pins.push(pin);
    }
    pins.dedup();
    assert!(pins.len() > 1, "three numbers, one PIN: {pins:?}");
}

async fn w10_the_pin_is_on_record_before_meta_answers(engine: Engine) {
    let app = fresh(engine).await;
    let signup = app.meta.sign_up(Popup::default()).await;
    app.meta.fail(Fault::delay(REGISTER, 3_000));
    let looked = async {
        let channel = eventually("a channel", async || signups_of(&app).await.first()?.channel_id).await;
        let open = async || {
            let kept = on_record(&app, channel).await;
            kept.attempts.first().is_some_and(|recorded| recorded.attempt.settled_at.is_none()).then_some(kept)
        };
        let kept = eventually("a call in the ledger", open).await;
        assert_eq!(sent(&app), [""; 0], "Meta answered too early for this test");
        kept.pin_print().expect("the PIN is stored with the call")
    };
    let (answer, stored) = tokio::join!(app.authorize(&signup), looked);
    expect_nothing_raised(&answer);
    assert_eq!(sent(&app), [stored]);
    expect_registered(&app, inbox_of(&answer)).await;
}

async fn w10_where_two_step_is_read_as_on_the_pin_is_asked_for(engine: Engine) {
    let app = fresh(engine).await;
    let (_, answer) = app.sign_up(Popup { existing_pin: Some("271828".to_owned()), ..Popup::default() }).await;
    let body = expect_nothing_raised(&answer);
    let registration = &body["registration"];
    assert_eq!(
        (&registration["state"], &registration["why"]["code"], &registration["remedy"]["code"]),
        (&"action_needed".into(), &"pin_unknown".into(), &"enter_pin".into())
    );
    app.settle().await;
    app.advance(SignedDuration::from_hours(24)).await;
    expect_not_registered(&app, inbox_of(&answer)).await;
}

async fn w11_a_stored_pin_is_used_again(engine: Engine) {
    let app = fresh(engine).await;
    let (signup, inbox) = app.signed_up(in_review()).await;
    let drawn = on_record(&app, inbox).await.pin_print().unwrap();
    app.settle().await;
    app.meta.act(&number_of(&signup), NumberAction::ApproveName).await.unwrap();
    app.settle().await;
    assert_eq!(sent(&app), [drawn.clone(), drawn]);
    let kept = on_record(&app, inbox).await;
    assert_eq!(kept.outcomes(), [Ok(()), Err(FailureKind::NameNotReady)]);
    let at_meta = app.meta.number(&number_of(&signup)).unwrap();
    assert_eq!(at_meta.pin.as_deref(), kept.pin.as_ref().map(SecretString::expose_secret));
}

async fn w11_a_pin_its_owner_entered_is_used(engine: Engine) {
    let app = fresh(engine).await;
    let (_, inbox) = app.signed_up(Popup { existing_pin: Some("271828".to_owned()), ..Popup::default() }).await;
    let answer = app.post(&app.inbox(inbox, "/registration/pin"), json!({ "pin": "271828" })).await;
    let body = answer.expect(200);
    assert_eq!((&body["called"], &body["outcome"]), (&true.into(), &"success".into()));
    assert!(!answer.text.contains("271828"), "{}", answer.text);
    assert_eq!(on_record(&app, inbox).await.pin.unwrap().expose_secret(), "271828");
    expect_registered(&app, inbox).await;
}

async fn w11_a_pin_that_somebody_else_changed_is_asked_for_and_not_tried(engine: Engine) {
    let app = fresh(engine).await;
    let (signup, inbox) = app.signed_up(Popup::default()).await;
    app.settle().await;
    expect_registered(&app, inbox).await;
    app.advance(SignedDuration::from_hours(30)).await;
    let number = number_of(&signup);
    app.meta.act(&number, NumberAction::SetPin { pin: "271828".to_owned() }).await.unwrap();
    app.meta.act(&number, NumberAction::Disconnect { reads: None }).await.unwrap();
    app.settle().await;
    app.advance(SignedDuration::from_hours(30)).await;
    let pressed = app.post(&app.inbox(inbox, "/registration"), json!({})).await.expect(200);
    assert_eq!(pressed["called"], false, "{pressed}");
    let registration = &pressed["registration"];
    assert_eq!(
        (&registration["why"]["code"], &registration["remedy"]["code"]),
        (&"pin_unknown".into(), &"enter_pin".into())
    );
    assert_eq!(sent(&app).len(), 1, "no call is spent on a PIN that is known to be wrong");

    let entered = app.post(&app.inbox(inbox, "/registration/pin"), json!({ "pin": "271828" })).await.expect(200);
    assert_eq!((&entered["called"], &entered["outcome"]), (&true.into(), &"success".into()));
    assert!(app.meta.number(&number).unwrap().registered);
}

async fn w11_a_change_of_the_pin_that_was_our_own_makes_nothing_stale(engine: Engine) {
    let app = fresh(engine).await;
    let (signup, inbox) = app.signed_up(Popup::default()).await;
    app.advance(SignedDuration::from_secs(20)).await;
    // the very PIN we set: what Meta tells of our own call
    let number = number_of(&signup);
    let pin = app.meta.number(&number).unwrap().pin.unwrap();
    app.meta.act(&number, NumberAction::SetPin { pin }).await.unwrap();
    app.settle().await;
    app.advance(SignedDuration::from_hours(30)).await;
    app.meta.act(&number, NumberAction::Disconnect { reads: None }).await.unwrap();
    let pressed = app.post(&app.inbox(inbox, "/registration"), json!({})).await.expect(200);
    assert_eq!((&pressed["called"], &pressed["outcome"]), (&true.into(), &"success".into()));
    let stored = on_record(&app, inbox).await.pin_print().unwrap();
    assert_eq!(sent(&app), [stored.clone(), stored]);
}

async fn w11_the_pin_outlives_the_channel(engine: Engine) {
    let app = fresh(engine).await;
    let (signup, inbox) = app.signed_up(Popup::default()).await;
    let drawn = on_record(&app, inbox).await.pin_print().unwrap();
    app.delete(&app.inbox(inbox, "")).await.expect(204);
    app.settle().await;
    app.meta.act(&number_of(&signup), NumberAction::Disconnect { reads: None }).await.unwrap();
    let again = Popup { waba_id: signup.waba_id, phone_number: signup.phone_number, ..Popup::default() };
    let (_, inbox) = app.signed_up(again).await;
    assert_eq!(on_record(&app, inbox).await.pin_print(), Some(drawn.clone()));
    app.settle().await;
    assert_eq!(sent(&app), [drawn.clone(), drawn], "Meta still holds the first PIN");
    assert_eq!(on_record(&app, inbox).await.outcomes(), [Ok(()), Ok(())]);
}

async fn d2_the_pin_of_a_call_that_never_arrived_is_kept_and_sent_again(engine: Engine) {
    let app = fresh(engine).await;
    let signup = app.meta.sign_up(Popup::default()).await;
    app.meta.fail(Fault::cut(REGISTER));
    let answer = app.authorize(&signup).await;
    expect_nothing_raised(&answer);
    let before = on_record(&app, inbox_of(&answer)).await;
    assert_eq!(before.outcomes(), [Err(FailureKind::Transient)]);
    assert_eq!(app.meta.number(&number_of(&signup)).unwrap().pin, None);
    app.advance(SignedDuration::from_mins(2)).await;
    let stored = before.pin_print().unwrap();
    assert_eq!(sent(&app), [stored.clone(), stored]);
    let after = on_record(&app, inbox_of(&answer)).await;
    assert_eq!(after.outcomes(), [Ok(()), Err(FailureKind::Transient)]);
    let at_meta = app.meta.number(&number_of(&signup)).unwrap();
    assert_eq!(at_meta.pin.as_deref(), after.pin.as_ref().map(SecretString::expose_secret));
}

async fn d2_the_pin_of_a_call_whose_answer_was_lost_is_the_one_meta_holds(engine: Engine) {
    let app = fresh(engine).await;
    let signup = app.meta.sign_up(Popup::default()).await;
    app.meta.fail(Fault::apply_then_cut(REGISTER));
    let answer = app.authorize(&signup).await;
    let body = expect_nothing_raised(&answer);
    assert_eq!(body["registration"]["state"], "done", "the number itself says that the call worked");
    app.settle().await;
    app.advance(SignedDuration::from_hours(25)).await;
    let kept = on_record(&app, inbox_of(&answer)).await;
    let at_meta = app.meta.number(&number_of(&signup)).unwrap();
    assert!(at_meta.registered);
    assert_eq!(at_meta.pin.as_deref(), kept.pin.as_ref().map(SecretString::expose_secret));
    assert_eq!(sent(&app), [kept.pin_print().unwrap()], "a number that is live is not registered again");
}
