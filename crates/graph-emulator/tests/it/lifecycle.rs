//! A number from the popup to its first message, and the ways its registration can fail.

use graph_emulator::{Fault, NumberAction, Popup, Review};
use jiff::{SignedDuration, ToSpan};
use serde_json::json;

use crate::support::{APP, Receiver, SECRET, VERIFY, customer, emulator, epoch, exchange, subscribe_app};
use graph_emulator::world::NameDecision;

#[tokio::test]
async fn a_number_registers_only_after_the_name_review_and_the_hidden_delay() {
    let (emulator, receiver) = (emulator().await, Receiver::start().await);
    assert_eq!(subscribe_app(&emulator, &receiver).await.body, json!({"success": true}));
    let review = Review { lasts: Some(SignedDuration::from_hours(20)), outcome: NameDecision::Approved };
    let popup = Popup {
        review: Some(review),
        provisioning_lag: SignedDuration::from_hours(4),
        display_name: "Bäckerei".to_owned(),
        ..Popup::default()
    };
    let c = customer(&emulator, popup).await;
    assert_eq!(c.graph.post(&format!("/{}/subscribed_apps", c.waba), json!({})).await.body["success"], true);

    let refused = c.graph.register(&c.number, "123456").await;
    assert_eq!((refused.status, refused.error()), (400, (100, 2_388_001)));
    assert_eq!(refused.body["error"]["error_user_title"], "Cannot Create Certificate");

    let arrived = receiver.take();
    assert_eq!(arrived[0].value()["event"], "PARTNER_ADDED");
    assert_eq!(arrived[0].body["entry"][0]["id"], "750000000000001");

    emulator.advance(SignedDuration::from_hours(20)).await;
    let arrived = receiver.take();
    assert_eq!(arrived.len(), 1);
    assert_eq!(arrived[0].value()["decision"], "APPROVED");
    assert!(arrived[0].raw.contains(r"B\u00e4ckerei"), "{}", arrived[0].raw);
    assert_eq!(arrived[0].body["entry"][0]["time"], (epoch() + 20.hours()).as_second());

    assert_eq!(c.graph.register(&c.number, "123456").await.error(), (100, 2_388_001));
    emulator.advance(SignedDuration::from_hours(4)).await;
    assert_eq!(c.graph.register(&c.number, "123456").await.body, json!({"success": true}));

    let read = c.graph.get(&format!("/{}?fields=status,platform_type,throughput,is_pin_enabled", c.number)).await;
    assert_eq!(
        read.body,
        json!({"id": c.number, "status": "CONNECTED", "platform_type": "CLOUD_API",
            "throughput": {"level": "STANDARD"}, "is_pin_enabled": true})
    );
    let view = emulator.number(&c.number).expect("number");
    assert_eq!(view.pin.as_deref(), Some("123456"));
    assert_eq!(view.register_calls.iter().map(|r| r.code).collect::<Vec<_>>(), [100, 100, 0]);
}

#[tokio::test]
async fn a_code_is_single_use_and_valid_for_thirty_seconds() {
    let emulator = emulator().await;
    let first = emulator.sign_up(Popup::default()).await.code.expect("code");
    let second = emulator.sign_up(Popup::default()).await.code.expect("code");
    emulator.advance(SignedDuration::from_secs(30)).await;
    let got = exchange(&emulator, &first).await;
    assert_eq!((got.status, &got.body["token_type"]), (200, &json!("bearer")));
    assert_eq!(exchange(&emulator, &first).await.error(), (100, 36_009));
    emulator.advance(SignedDuration::from_secs(1)).await;
    assert_eq!(exchange(&emulator, &second).await.error(), (100, 36_007));
}

#[tokio::test]
async fn an_override_needs_a_subscription_and_a_callback_that_answers() {
    let (emulator, receiver) = (emulator().await, Receiver::start().await);
    let c = customer(&emulator, Popup::default()).await;
    let path = format!("/{}/subscribed_apps", c.waba);
    let over = json!({"override_callback_uri": receiver.callback("waba"), "verify_token": VERIFY});
    let early = c.graph.post(&path, over.clone()).await;
    assert_eq!(early.error().0, 100);
    assert!(early.body["error"]["message"].as_str().expect("text").contains("must be subscribed"));

    c.graph.post(&path, json!({})).await;
    let wrong = json!({"override_callback_uri": receiver.callback("waba"), "verify_token": "no"});
    assert_eq!(c.graph.post(&path, wrong).await.error().0, 100);
    assert_eq!(c.graph.post(&path, over).await.body, json!({"success": true}));
    let read = c.graph.get(&path).await;
    assert_eq!(read.body["data"][0]["override_callback_uri"], receiver.callback("waba"));
    assert_eq!(read.body["data"][0]["whatsapp_business_api_data"]["id"], APP);

    c.graph.post(&path, json!({})).await;
    assert_eq!(
        c.graph.get(&path).await.body["data"][0].get("override_callback_uri"),
        None,
        "a call without a callback removes it"
    );
}

#[tokio::test]
async fn messages_follow_overrides_and_account_events_do_not() {
    let (emulator, receiver) = (emulator().await, Receiver::start().await);
    subscribe_app(&emulator, &receiver).await;
    let c = customer(&emulator, Popup::default()).await;
    let path = format!("/{}/subscribed_apps", c.waba);
    c.graph.post(&path, json!({})).await;
    c.graph.register(&c.number, "123456").await;
    let over = |to: &str| json!({"override_callback_uri": receiver.callback(to), "verify_token": VERIFY});
    emulator.send_due_webhooks().await;
    receiver.take();

    let mut seen = Vec::new();
    emulator.receive_text(&c.number, "15550199999", "one").await.expect("number");
    c.graph.post(&path, over("waba")).await;
    emulator.receive_text(&c.number, "15550199999", "two").await.expect("number");
    let done = c.graph.post(&format!("/{}", c.number), json!({"webhook_configuration": over("number")})).await;
    assert_eq!(done.body, json!({"success": true}));
    emulator.receive_text(&c.number, "15550199999", "three").await.expect("number");
    emulator.act(&c.number, NumberAction::TurnOffTwoStep).await.expect("number");
    for arrived in receiver.take() {
        let key = graph_emulator_signature(&arrived.raw);
        assert_eq!(arrived.signature, key);
        seen.push((arrived.path.clone(), arrived.field().to_owned()));
    }
    let expected = [("/app", "messages"), ("/waba", "messages"), ("/number", "messages"), ("/app", "security")];
    assert_eq!(seen, expected.map(|(p, f)| (p.to_owned(), f.to_owned())));
}

/// The signature, computed independently of the emulator.
fn graph_emulator_signature(raw: &str) -> String {
    use aws_lc_rs::hmac;
    let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes());
    format!("sha256={}", hex::encode(hmac::sign(&key, raw.as_bytes())))
}

#[tokio::test]
async fn a_fault_affects_only_the_calls_it_matches() {
    let emulator = emulator().await;
    let c = customer(&emulator, Popup::default()).await;
    emulator.fail(Fault::error("POST register", 133_004));
    emulator.fail(Fault::cut("POST register"));
    emulator.fail(Fault::status("POST register", 502));
    emulator.fail(Fault::apply_then_cut("POST register"));
    assert_eq!(c.graph.register(&c.number, "123456").await.status, 503);
    let body = || Some(json!({"messaging_product": "whatsapp", "pin": "123456"}));
    let path = format!("/{}/register", c.number);
    assert!(c.graph.try_send("POST", &path, body()).await.is_err(), "cut");
    assert_eq!(c.graph.register(&c.number, "123456").await.status, 502);
    assert!(!emulator.number(&c.number).expect("number").registered);
    assert!(c.graph.try_send("POST", &path, body()).await.is_err(), "cut after it took effect");
    let view = emulator.number(&c.number).expect("number");
    assert!(view.registered);
    assert_eq!(view.register_calls.iter().map(|r| r.code).collect::<Vec<_>>(), [133_004, 0]);
    let statuses: Vec<_> = emulator.calls("POST /{phone}/register").iter().map(|e| e.status).collect();
    assert_eq!(statuses, [Some(503), None, Some(502), None]);
}

#[tokio::test]
async fn overrides_and_subscriptions_can_be_removed() {
    let (emulator, receiver) = (emulator().await, Receiver::start().await);
    subscribe_app(&emulator, &receiver).await;
    let c = customer(&emulator, Popup::default()).await;
    let path = format!("/{}/subscribed_apps", c.waba);
    c.graph.post(&path, json!({})).await;
    let over = json!({"override_callback_uri": receiver.callback("n"), "verify_token": VERIFY});
    let settings = format!("/{}", c.number);
    c.graph.post(&settings, json!({ "webhook_configuration": over })).await;
    let read = async || {
        let got = c.graph.get(&format!("{settings}?fields=webhook_configuration")).await;
        got.body["webhook_configuration"].clone()
    };
    assert_eq!(read().await, json!({"application": receiver.callback("app"), "phone_number": receiver.callback("n")}));
    let clear = json!({"webhook_configuration": {"override_callback_uri": ""}});
    assert_eq!(c.graph.post(&settings, clear).await.status, 200);
    assert_eq!(read().await, json!({"application": receiver.callback("app")}));
    assert_eq!(c.graph.delete(&path).await.body, json!({"success": true}));
    assert_eq!(c.graph.get(&path).await.body, json!({"data": []}));
    emulator.receive_text(&c.number, "15550199999", "without a subscriber").await.expect("number");
    assert!(receiver.take().iter().all(|a| a.field() != "messages"));
}

#[tokio::test]
async fn the_log_shows_which_calls_overlap() {
    let emulator = emulator().await;
    let c = customer(&emulator, Popup::default()).await;
    emulator.fail(Fault::delay("GET {phone}", 200).times(2));
    let path = format!("/{}?fields=status", c.number);
    let pair = async || tokio::join!(c.graph.get(&path), c.graph.get(&path));
    let (a, b) = pair().await;
    assert_eq!((a.status, b.status), (200, 200));
    let calls = emulator.calls("GET /{phone}");
    assert!(calls[0].ended_at_us - calls[0].started_at_us >= 200_000);
    assert!(calls[1].started_at_us < calls[0].ended_at_us, "the calls overlap");
    pair().await;
    let calls = emulator.calls("GET /{phone}");
    assert!(calls[3].ended_at_us - calls[3].started_at_us < 200_000, "the fault is used up");
}
