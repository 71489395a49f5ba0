//! Setting up when a read fails: W5, W6, and what is registered on no account; W9, refused before any call.

use domain::channel::Onboarding;
use domain::ids::{BusinessId, ChannelId, PhoneNumberId, WabaId};
use domain::phone::E164;
use graph_emulator::{Fault, Popup, SignupResult};
use server::flows::onboarding::setup;
use server::flows::{FlowError, Refusal};
use server::store::Engine;
use server::store::channels::{self, NewChannel};
use tracing::Level;

use super::capture::Logs;
use super::support::{
    READ, REGISTER, expect_not_registered, expect_nothing_raised, expect_registered, expect_webhooks, fresh, inbox_of,
    number_of, pose, rows,
};
use crate::app::{Answer, TestApp};

rows!(
    w5_a_failing_verification_look_up_counts_as_not_verified,
    w5_both_look_ups_failing_still_registers,
    w5_holds_where_both_health_fields_look_provisioned,
    w5_a_dead_token_lost_access_or_a_throttle_registers_nothing,
    w5_an_unread_number_of_an_unknown_kind_is_not_registered,
    w6_a_failing_health_look_up_of_a_verified_number_registers_nothing,
    w9_set_up_is_refused_before_any_call_without_channel_waba_or_token,
);

/// The look-up of the verification alone.
fn verification_fails(code: i64) -> Fault {
    Fault { fields_exactly: Some("code_verification_status".to_owned()), ..Fault::error(READ, code) }
}

/// The look-up of the health fields.
fn health_fails(code: i64) -> Fault {
    Fault::error(READ, code).when_fields("platform_type")
}

async fn authorized(app: &TestApp, faults: impl IntoIterator<Item = Fault>) -> (SignupResult, Answer) {
    let signup = app.meta.sign_up(Popup::default()).await;
    for fault in faults {
        app.meta.fail(fault);
    }
    let answer = app.authorize(&signup).await;
    (signup, answer)
}

async fn w5_a_failing_verification_look_up_counts_as_not_verified(engine: Engine) {
    let logs = Logs::capture();
    let app = fresh(engine).await;
    let (_, answer) = authorized(&app, [verification_fails(2)]).await;
    let failed: Vec<_> = app.meta.log().into_iter().filter(|call| call.faulted).collect();
    assert_eq!(failed.len(), 1, "{failed:?}");
    expect_nothing_raised(&answer);
    expect_registered(&app, inbox_of(&answer)).await;
    expect_webhooks(&app, inbox_of(&answer)).await;
    assert_eq!(logs.at(Level::ERROR), [""; 0]);
}

async fn w5_both_look_ups_failing_still_registers(engine: Engine) {
    let app = fresh(engine).await;
    let (_, answer) = authorized(&app, [verification_fails(2), health_fails(2)]).await;
    assert_eq!(app.meta.log().iter().filter(|call| call.faulted).count(), 2);
    expect_nothing_raised(&answer);
    expect_registered(&app, inbox_of(&answer)).await;
    expect_webhooks(&app, inbox_of(&answer)).await;
}

async fn w5_holds_where_both_health_fields_look_provisioned(engine: Engine) {
    let app = fresh(engine).await;
    let signup = app.meta.sign_up(Popup::default()).await;
    pose(&app, &number_of(&signup), "platform_type", "CLOUD_API").await;
    pose(&app, &number_of(&signup), "throughput", serde_json::json!({ "level": "STANDARD" })).await;
    app.meta.fail(verification_fails(2));
    let answer = app.authorize(&signup).await;
    expect_nothing_raised(&answer);
    expect_registered(&app, inbox_of(&answer)).await;
    expect_webhooks(&app, inbox_of(&answer)).await;
}

async fn w5_a_dead_token_lost_access_or_a_throttle_registers_nothing(engine: Engine) {
    for (code, fault) in
        [190, 10, 80_008].into_iter().flat_map(|code| [(code, verification_fails(code)), (code, health_fails(code))])
    {
        let app = fresh(engine).await;
        let (_, answer) = authorized(&app, [fault.clone()]).await;
        assert_eq!(app.meta.log().iter().filter(|call| call.faulted).count(), 1, "{fault:?}");
        let body = answer.expect(200);
        assert_eq!(body["success"], true, "{code}");
        expect_not_registered(&app, inbox_of(&answer)).await;
    }
}

async fn w5_an_unread_number_of_an_unknown_kind_is_not_registered(engine: Engine) {
    let app = fresh(engine).await;
    let signup = app.meta.sign_up(Popup::default()).await;
    let inbox = insert(&app, &signup, Onboarding::Unknown, None).await;
    app.meta.fail(verification_fails(2));
    app.meta.fail(health_fails(2));
    let body = app.post(&app.inbox(inbox, "/registration"), serde_json::json!({})).await.expect(200);
    assert_eq!((&body["called"], &body["outcome"]), (&false.into(), &serde_json::Value::Null));
    expect_not_registered(&app, inbox).await;
    // once it is read, nothing is unknown any more
    let body = app.post(&app.inbox(inbox, "/registration"), serde_json::json!({})).await.expect(200);
    assert_eq!((&body["called"], &body["outcome"]), (&true.into(), &"success".into()));
}

async fn w6_a_failing_health_look_up_of_a_verified_number_registers_nothing(engine: Engine) {
    let logs = Logs::capture();
    let app = fresh(engine).await;
    let (_, answer) = authorized(&app, [health_fails(2)]).await;
    expect_nothing_raised(&answer);
    expect_not_registered(&app, inbox_of(&answer)).await;
    expect_webhooks(&app, inbox_of(&answer)).await;
    assert_eq!(logs.at(Level::ERROR), [""; 0]);
    // the planner takes over: its own read decides
    app.settle().await;
    expect_registered(&app, inbox_of(&answer)).await;
}

/// A channel as it may stand in a table after a slip elsewhere.
async fn insert(app: &TestApp, signup: &SignupResult, kind: Onboarding, blank: Option<&str>) -> ChannelId {
    let now = app.clock.now();
    let business = signup.business_id.clone().unwrap();
    let token = app.meta.with_world(|world, now| world.issue_business_token(&business, now));
    let filled = |name: &str, text: &str| if blank == Some(name) { " ".to_owned() } else { text.to_owned() };
    let new = NewChannel {
        account_id: app.account,
        name: "Brought in by hand".to_owned(),
        phone_number: E164::parse(signup.phone_number.as_deref().unwrap()).unwrap(),
        phone_number_id: PhoneNumberId(number_of(signup)),
        waba_id: WabaId(filled("waba", signup.waba_id.as_deref().unwrap())),
        business_id: Some(BusinessId(business)),
        onboarding: kind,
        access_token: filled("token", &token).into(),
        token_expires_at: None,
        verify_token: "verify".into(),
        created_at: now,
    };
    let mut tx = app.store.write().await.unwrap();
    let id = channels::insert(&mut tx, &new).await.unwrap();
    tx.commit().await.unwrap();
    id
}

async fn w9_set_up_is_refused_before_any_call_without_channel_waba_or_token(engine: Engine) {
    let refused = |result: Result<(), FlowError>| match result {
        Err(FlowError::Refused { code, text }) => (code, text),
        other => panic!("not refused: {other:?}"),
    };
    for (blank, text) in [("waba", "WABA ID is required"), ("token", "Access token is required")] {
        let app = fresh(engine).await;
        let signup = app.meta.sign_up(Popup::default()).await;
        let inbox = insert(&app, &signup, Onboarding::Standard, Some(blank)).await;
        let result = setup::set_up(&app.app, Some(inbox)).await.map(drop);
        assert_eq!(refused(result), (Refusal::MissingParameter, text.to_owned()));
        let body = app.post(&app.inbox(inbox, "/register_webhook"), serde_json::Value::Null).await.expect(422);
        assert_eq!((&body["error"], &body["code"]), (&text.into(), &"missing_parameter".into()));
        assert_eq!(app.meta.log(), []);
        expect_not_registered(&app, inbox).await;
    }
    let app = fresh(engine).await;
    let result = setup::set_up(&app.app, None).await.map(drop);
    assert_eq!(refused(result), (Refusal::MissingParameter, "Channel is required".to_owned()));
    assert_eq!(app.meta.log(), []);
    assert!(app.meta.calls(REGISTER).is_empty());
}
