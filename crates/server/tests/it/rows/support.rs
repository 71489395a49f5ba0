//! What the rows share: both engines, the names of Meta's routes, everything on record about a number.
//! Tells no row.

use domain::channel::{Channel, callback_url};
use domain::ids::ChannelId;
use domain::meta::failure::FailureKind;
use domain::registration::ledger::AttemptOutcome;
use graph_emulator::world::{BusinessVerification, CertificateShown, NameDecision, Override, Quality};
use graph_emulator::{FaultError, LogEntry, NumberAction, Popup, Review, SignupResult, fingerprint};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;
use server::store::channels::{Credentials, OverrideLevel, Webhook};
use server::store::numbers::RecordedAttempt;
use server::store::signups::Signup;
use server::store::{Engine, channels, numbers, signups};

use crate::app::{APP_ID, Answer, TestApp};

/// Makes a test of each row on each engine.
macro_rules! rows {
    ($($row:ident),+ $(,)?) => {
        mod sqlite {
            $(#[tokio::test] async fn $row() { super::$row(server::store::Engine::Sqlite).await; })+
        }
        mod postgres {
            $(#[tokio::test] async fn $row() { super::$row(server::store::Engine::Postgres).await; })+
        }
    };
}
pub(super) use rows;

pub(super) const EXCHANGE: &str = "POST /oauth/access_token";
pub(super) const DEBUG: &str = "GET /debug_token";
pub(super) const LIST: &str = "GET /{waba}/phone_numbers";
pub(super) const READ: &str = "GET /{phone}";
pub(super) const CHANGE_NUMBER: &str = "POST /{phone}";
pub(super) const REGISTER: &str = "POST /{phone}/register";
pub(super) const APPS: &str = "GET /{waba}/subscribed_apps";
pub(super) const SUBSCRIBE: &str = "POST /{waba}/subscribed_apps";
pub(super) const UNSUBSCRIBE: &str = "DELETE /{waba}/subscribed_apps";

/// Meta's sentence to a number whose name is not provisioned.
pub(super) const NAME_REFUSED: &str =
    "Your display name could not be processed. Please edit your display name and try again.";

/// Everything on record about a channel and its number.
pub(super) struct NumberOnRecord {
    pub(super) channel: Channel,
    pub(super) credentials: Credentials,
    pub(super) webhook: Webhook,
    pub(super) pin: Option<SecretString>,
    /// Every call, newest first.
    pub(super) attempts: Vec<RecordedAttempt>,
}

impl NumberOnRecord {
    /// As the emulator's log would show it.
    pub(super) fn pin_print(&self) -> Option<String> {
        self.pin.as_ref().map(|pin| fingerprint(pin.expose_secret()))
    }

    pub(super) fn verify_print(&self) -> String {
        fingerprint(self.credentials.verify_token.expose_secret())
    }

    pub(super) fn token_print(&self) -> String {
        fingerprint(self.credentials.access_token.expose_secret())
    }

    /// The outcomes of the calls, newest first.
    pub(super) fn outcomes(&self) -> Vec<Result<(), FailureKind>> {
        let outcome = |recorded: &RecordedAttempt| match &recorded.attempt.outcome {
            Some(AttemptOutcome::Success) => Ok(()),
            Some(AttemptOutcome::Failed(failure)) => Err(failure.kind),
            None => panic!("unsettled: {recorded:?}"),
        };
        self.attempts.iter().map(outcome).collect()
    }
}

/// A running product with an empty log at Meta's.
pub(super) async fn fresh(engine: Engine) -> TestApp {
    let app = TestApp::on(engine).await;
    app.meta.clear_log();
    app
}

/// A number of whose account there is nothing to say at all.
pub(super) fn flawless() -> Popup {
    let business_verification = BusinessVerification::Verified;
    Popup { business_verification, quality: Quality::Green, ..Popup::default() }
}

/// A number whose name is in review until told, and not registrable meanwhile.
pub(super) fn in_review() -> Popup {
    Popup { review: Some(Review { lasts: None, outcome: NameDecision::Approved }), ..flawless() }
}

/// A number whose name is good, and which Meta has not provisioned: register is refused until told.
pub(super) fn unprovisioned() -> Popup {
    Popup {
        provisioning_lag: jiff::SignedDuration::from_hours(24 * 60),
        certificate: CertificateShown::WhenProvisioned,
        ..flawless()
    }
}

/// Meta's id of the number of a popup.
pub(super) fn number_of(signup: &SignupResult) -> String {
    signup.phone_number_id.clone().unwrap()
}

/// The WABA of a popup.
pub(super) fn waba_of(signup: &SignupResult) -> String {
    signup.waba_id.clone().unwrap()
}

/// The inbox of an answer that must be 200.
#[track_caller]
pub(super) fn inbox_of(answer: &Answer) -> ChannelId {
    ChannelId(answer.expect(200)["id"].as_i64().unwrap())
}

/// One field of a number reads so, whatever the number is.
pub(super) async fn pose(app: &TestApp, number: &str, field: &str, value: impl Into<Value>) {
    let action = NumberAction::OverrideField { field: field.to_owned(), value: value.into() };
    app.meta.act(number, action).await.unwrap();
}

/// Everything on record about an inbox.
pub(super) async fn on_record(app: &TestApp, inbox: ChannelId) -> NumberOnRecord {
    let mut tx = app.app.store.read().await.unwrap();
    let channel = channels::find(&mut tx, inbox).await.unwrap().unwrap();
    NumberOnRecord {
        credentials: channels::credentials(&mut tx, inbox).await.unwrap().unwrap(),
        webhook: channels::webhook(&mut tx, inbox).await.unwrap(),
        pin: numbers::pin(&mut tx, &channel.phone_number_id).await.unwrap(),
        attempts: numbers::attempts(&mut tx, &channel.phone_number_id, 100).await.unwrap(),
        channel,
    }
}

/// The account's signups, newest first.
pub(super) async fn signups_of(app: &TestApp) -> Vec<Signup> {
    let mut tx = app.app.store.read().await.unwrap();
    signups::list(&mut tx, app.account, None, 100).await.unwrap()
}

/// How many channels the installation has.
pub(super) async fn channel_count(app: &TestApp) -> usize {
    let mut tx = app.app.store.read().await.unwrap();
    channels::all(&mut tx, None, 100).await.unwrap().len()
}

/// Every Graph call that changes something, in the order of answers; the code exchange is none.
pub(super) fn changes(app: &TestApp) -> Vec<String> {
    let changes = |call: &LogEntry| !call.route.starts_with("GET ") && call.route != EXCHANGE;
    app.meta.log().into_iter().filter(changes).map(|call| call.route).collect()
}

/// Whether two calls were under way at one time.
pub(super) fn overlap(one: &LogEntry, other: &LogEntry) -> bool {
    one.started_at_us < other.ended_at_us && other.started_at_us < one.ended_at_us
}

/// The most calls of which none was begun before the one before was answered.
pub(super) fn longest_series(mut calls: Vec<LogEntry>) -> usize {
    calls.sort_by_key(|call| call.ended_at_us);
    let mut free_from = 0;
    let mut length = 0;
    for call in calls {
        if call.started_at_us >= free_from {
            free_from = call.ended_at_us;
            length += 1;
        }
    }
    length
}

/// The number was registered with one call, with the stored PIN, and both sides say so.
pub(super) async fn expect_registered(app: &TestApp, inbox: ChannelId) {
    let kept = on_record(app, inbox).await;
    let calls = app.meta.calls(REGISTER);
    assert_eq!(calls.len(), 1, "{calls:?}");
    assert_eq!(calls[0].phone_number_id.as_deref(), Some(kept.channel.phone_number_id.as_str()));
    assert_eq!(calls[0].param("messaging_product"), Some("whatsapp"));
    assert_eq!(calls[0].param("pin").map(str::to_owned), kept.pin_print());
    assert_eq!(kept.outcomes(), [Ok(())]);
    let number = app.meta.number(kept.channel.phone_number_id.as_str()).unwrap();
    assert!(number.registered);
    assert_eq!(number.pin.as_deref(), kept.pin.as_ref().map(SecretString::expose_secret));
}

/// Nothing was registered, and nothing is on record of a call.
pub(super) async fn expect_not_registered(app: &TestApp, inbox: ChannelId) {
    assert!(app.meta.calls(REGISTER).is_empty(), "{:?}", app.meta.calls(REGISTER));
    let kept = on_record(app, inbox).await;
    assert!(kept.attempts.is_empty(), "{:?}", kept.attempts);
    assert!(kept.pin.is_none(), "a PIN was drawn for nothing");
}

/// The webhooks of a first number: subscribed bare, overridden on its WABA, and both sides say so.
pub(super) async fn expect_webhooks(app: &TestApp, inbox: ChannelId) {
    let kept = on_record(app, inbox).await;
    let url = callback_url(&app.url, &kept.channel.phone_number);
    let waba = kept.channel.waba_id.as_str();
    let calls = app.meta.calls(SUBSCRIBE);
    assert_eq!(calls.len(), 2, "{calls:?}");
    assert!(calls.iter().all(|call| call.waba_id.as_deref() == Some(waba) && call.status == Some(200)), "{calls:?}");
    assert!(calls[0].body.is_empty(), "the first call is bare: {calls:?}");
    assert_eq!(calls[1].param("override_callback_uri"), Some(url.as_str()));
    assert_eq!(calls[1].param("verify_token"), Some(kept.verify_print().as_str()));
    let ours =
        Override { callback_url: url.clone(), verify_token: kept.credentials.verify_token.expose_secret().to_owned() };
    let at_meta = app.meta.with_world(|world, _| world.waba(waba)).unwrap();
    assert_eq!(at_meta.subscriptions.get(APP_ID), Some(&Some(ours)));
    expect_webhook_facts(&kept, OverrideLevel::Waba, &url);
}

/// What is on record of webhooks that are set up.
pub(super) fn expect_webhook_facts(kept: &NumberOnRecord, level: OverrideLevel, url: &str) {
    let Webhook { subscribed_at, override_level, override_url, override_error, verified_at, error, .. } = &kept.webhook;
    assert!(subscribed_at.is_some(), "{:?}", kept.webhook);
    assert!(verified_at.is_some(), "the handshake was not noted: {:?}", kept.webhook);
    assert_eq!((*override_level, override_url.as_deref()), (level, Some(url)));
    assert_eq!((override_error, error), (&None, &None));
}

/// The answer of a signup that raised nothing.
#[track_caller]
pub(super) fn expect_nothing_raised(answer: &Answer) -> Value {
    let body = answer.expect(200);
    assert_eq!(body["success"], true);
    assert_eq!(body["channel_type"], "whatsapp");
    assert_eq!(body["webhook_error"], Value::Null);
    assert!(body["id"].is_i64(), "{body}");
    assert!(body.get("error").is_none(), "{body}");
    body
}

/// Waits for something that another task does.
pub(super) async fn eventually<T>(what: &str, look: impl AsyncFn() -> Option<T>) -> T {
    for _ in 0..3_000 {
        if let Some(found) = look().await {
            return found;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("never came: {what}");
}

/// A refusal of Meta's with words of our own, to be found again.
pub(super) fn refused_with(code: i64, message: &str) -> FaultError {
    FaultError { code, message: Some(message.to_owned()), ..FaultError::default() }
}
