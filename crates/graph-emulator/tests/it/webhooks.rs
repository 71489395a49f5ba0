//! Webhooks: who gets which one, retries, loss, duplicates, order, batches.

use graph_emulator::world::{DroppedStatus, ReviewStatus, Tier};
use graph_emulator::{NumberAction, Popup, Settings, WabaAction, WebhookEffect, WebhookFault};
use jiff::SignedDuration;
use serde_json::json;

use crate::support::{Arrived, Customer, Receiver, customer, emulator, epoch, subscribe_app};
use graph_emulator::{ClockMode, Config, Emulator};

async fn subscribed(emulator: &Emulator, receiver: &Receiver) -> Customer {
    subscribe_app(emulator, receiver).await;
    let c = customer(emulator, Popup::default()).await;
    c.graph.post(&format!("/{}/subscribed_apps", c.waba), json!({})).await;
    emulator.send_due_webhooks().await;
    receiver.take();
    c
}

async fn text(emulator: &Emulator, c: &Customer, text: &str) {
    emulator.receive_text(&c.number, "15550199999", text).await.expect("number");
}

fn texts(arrived: &[Arrived]) -> Vec<String> {
    let one = |a: &Arrived| a.value()["messages"][0]["text"]["body"].as_str().unwrap_or("?").to_owned();
    arrived.iter().map(one).collect()
}

fn fault(effect: WebhookEffect) -> WebhookFault {
    WebhookFault { field: Some("messages".to_owned()), waba_id: None, times: 1, effect }
}

#[tokio::test]
async fn every_action_sends_the_webhook_that_meta_sends() {
    let (emulator, receiver) = (emulator().await, Receiver::start().await);
    let c = subscribed(&emulator, &receiver).await;
    for action in [
        NumberAction::ApproveName,
        NumberAction::DeclineName { reason: None },
        NumberAction::SetPin { pin: "222222".to_owned() },
        NumberAction::RequestPinReset,
        NumberAction::TurnOffTwoStep,
        NumberAction::Limit { tier: Tier::Tier2K },
        NumberAction::Disconnect { reads: Some(DroppedStatus::Pending) },
    ] {
        emulator.act(&c.number, action).await.expect("number");
    }
    for action in [
        WabaAction::Review { decision: ReviewStatus::Rejected },
        WabaAction::Restrict { restriction_type: "RESTRICTED_BIZ_INITIATED_MESSAGING".to_owned() },
        WabaAction::Ban,
        WabaAction::Reinstate,
        WabaAction::Webhook { field: "security".to_owned(), value: json!({"event": "OTHER"}), to_partner: false },
        WabaAction::Unshare,
    ] {
        emulator.act_on_waba(&c.waba, action).await.expect("waba");
    }
    let sent: Vec<String> = receiver
        .take()
        .iter()
        .map(|a| {
            let v = a.value();
            let word = [&v["event"], &v["decision"], &v["max_daily_conversations_per_business"]];
            let word = word.iter().find_map(|w| w.as_str()).unwrap_or_default();
            format!("{} {word}", a.field())
        })
        .collect();
    assert_eq!(
        sent,
        [
            "phone_number_name_update APPROVED",
            "phone_number_name_update REJECTED",
            "security PIN_CHANGED",
            "security PIN_RESET_REQUEST",
            "security PIN_REQUEST_SUCCESS",
            "business_capability_update TIER_2K",
            "account_review_update REJECTED",
            "account_update ACCOUNT_RESTRICTION",
            "account_update DISABLED_UPDATE",
            "account_update DISABLED_UPDATE",
            "security OTHER",
            "account_update PARTNER_REMOVED",
        ]
    );
    assert_eq!(c.graph.get(&format!("/{}", c.waba)).await.error(), (100, 33), "unshared");
}

#[tokio::test]
async fn a_failed_webhook_is_retried_with_growing_delays() {
    let (emulator, receiver) = (emulator().await, Receiver::start().await);
    let c = subscribed(&emulator, &receiver).await;
    receiver.refuse(3);
    text(&emulator, &c, "late").await;
    assert!(receiver.take().is_empty());
    emulator.advance(SignedDuration::from_secs(39)).await;
    assert!(receiver.take().is_empty(), "10 s and 40 s failed too");
    emulator.advance(SignedDuration::from_mins(10)).await;
    assert_eq!(texts(&receiver.take()), ["late"]);
    let attempts: Vec<(u32, Option<u16>)> =
        emulator.webhook_log().iter().filter(|w| w.fields == ["messages"]).map(|w| (w.attempt, w.status)).collect();
    assert_eq!(attempts, [(1, Some(500)), (2, Some(500)), (3, Some(500)), (4, Some(200))]);
}

#[tokio::test]
async fn webhook_faults_lose_duplicate_reorder_and_delay() {
    let (emulator, receiver) = (emulator().await, Receiver::start().await);
    let c = subscribed(&emulator, &receiver).await;
    emulator.add_webhook_fault(fault(WebhookEffect::Lose));
    text(&emulator, &c, "lost").await;
    emulator.add_webhook_fault(fault(WebhookEffect::Duplicate));
    text(&emulator, &c, "double").await;
    assert_eq!(texts(&receiver.take()), ["double", "double"]);
    emulator.add_webhook_fault(fault(WebhookEffect::Reorder));
    text(&emulator, &c, "first").await;
    assert!(receiver.take().is_empty());
    text(&emulator, &c, "second").await;
    assert_eq!(texts(&receiver.take()), ["second", "first"]);
    emulator.add_webhook_fault(fault(WebhookEffect::Delay { seconds: 300 }));
    text(&emulator, &c, "slow").await;
    emulator.advance(SignedDuration::from_secs(299)).await;
    assert!(receiver.take().is_empty());
    emulator.advance(SignedDuration::from_secs(1)).await;
    assert_eq!(texts(&receiver.take()), ["slow"]);
}

#[tokio::test]
async fn updates_that_are_due_together_can_share_a_post() {
    let settings = Settings { batch_webhooks: true, ..Settings::default() };
    let config = Config { clock: ClockMode::Stepped(epoch()), settings, ..Config::default() };
    let (emulator, receiver) = (Emulator::start(config).await.expect("emulator"), Receiver::start().await);
    let c = subscribed(&emulator, &receiver).await;
    emulator.with_world(|world, now| {
        for n in 0..5 {
            world.receive_text(&c.number, "15550199999", &n.to_string(), now).expect("number");
        }
    });
    emulator.send_due_webhooks().await;
    let arrived = receiver.take();
    assert_eq!(arrived.len(), 1);
    assert_eq!(arrived[0].body["entry"].as_array().map(Vec::len), Some(5));
}

#[tokio::test]
async fn a_browser_that_never_returns_still_leaves_a_webhook() {
    let (emulator, receiver) = (emulator().await, Receiver::start().await);
    subscribe_app(&emulator, &receiver).await;
    let result = emulator.sign_up(Popup { browser_returns: false, ..Popup::default() }).await;
    assert_eq!((result.code, result.event), (None, None));
    let arrived = receiver.take();
    assert_eq!(arrived[0].value()["waba_info"]["waba_id"].as_str(), result.waba_id.as_deref());
    assert_eq!(arrived[0].value()["waba_info"]["owner_business_id"].as_str(), result.business_id.as_deref());
}

#[tokio::test]
async fn a_sent_message_is_followed_by_status_webhooks() {
    let (emulator, receiver) = (emulator().await, Receiver::start().await);
    let c = subscribed(&emulator, &receiver).await;
    let message = json!({"messaging_product": "whatsapp", "to": "15550199999", "type": "text"});
    let path = format!("/{}/messages", c.number);
    let early = c.graph.post(&path, message.clone()).await;
    assert_eq!(early.error().0, 133_010);
    c.graph.register(&c.number, "123456").await;
    emulator.send_due_webhooks().await;
    receiver.take();
    assert_eq!(c.graph.post(&path, message.clone()).await.status, 200);
    emulator.act_on_waba(&c.waba, WabaAction::Payment { missing: true }).await.expect("waba");
    assert_eq!(c.graph.post(&path, message).await.status, 200, "accepted, then failed (facts D20)");
    emulator.send_due_webhooks().await;
    let arrived = receiver.take();
    let statuses: Vec<_> = arrived.iter().map(|a| a.value()["statuses"][0]["status"].clone()).collect();
    assert_eq!(statuses, ["sent", "delivered", "failed"]);
    assert_eq!(arrived[2].value()["statuses"][0]["errors"][0]["code"], 131_042);
}
