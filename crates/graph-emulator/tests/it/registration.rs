//! Register and deregister: every refusal of facts §2.2, and properties of the call budget.

use graph_emulator::world::{Answer, Method, NameDecision, Obstacle, Request};
use graph_emulator::{NumberAction, Popup, Review, Settings, World};
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use serde_json::json;

use crate::support::{APP, SECRET, customer, emulator, epoch};

const HOUR: SignedDuration = SignedDuration::from_hours(1);

#[tokio::test]
async fn a_wrong_pin_is_refused_guesses_lock_and_a_reset_unlocks() {
    let emulator = emulator().await;
    let c = customer(&emulator, Popup { existing_pin: Some("111111".to_owned()), ..Popup::default() }).await;
    let read = c.graph.get(&format!("/{}?fields=is_pin_enabled", c.number)).await;
    assert_eq!(read.body["is_pin_enabled"], true);
    assert_eq!(c.graph.register(&c.number, "222222").await.error().0, 133_005);
    let fast = c.graph.register(&c.number, "222222").await;
    assert_eq!(fast.error().0, 133_009);
    assert_eq!(fast.body["error"]["error_data"]["details"], "Please try again in 15 minutes.");
    assert_eq!(c.graph.register(&c.number, "111111").await.error().0, 133_009, "even the right one");
    emulator.act(&c.number, NumberAction::LockPin { code: 133_008, minutes: 720 }).await.expect("number");
    let locked = c.graph.register(&c.number, "111111").await;
    assert_eq!(locked.error().0, 133_008);
    assert_eq!(locked.body["error"]["error_data"]["details"], "Please try again in 12 hours.");
    emulator.act(&c.number, NumberAction::TurnOffTwoStep).await.expect("number");
    assert_eq!(c.graph.register(&c.number, "333333").await.status, 200);
    assert_eq!(emulator.number(&c.number).expect("number").pin.as_deref(), Some("333333"));
}

#[tokio::test]
async fn six_wrong_pins_lock_for_twelve_hours() {
    let emulator = emulator().await;
    let c = customer(&emulator, Popup { existing_pin: Some("111111".to_owned()), ..Popup::default() }).await;
    let mut codes = Vec::new();
    for _ in 0..6 {
        codes.push(c.graph.register(&c.number, "222222").await.error().0);
        emulator.advance(SignedDuration::from_mins(1)).await;
    }
    assert_eq!(codes, [133_005, 133_005, 133_005, 133_005, 133_005, 133_008]);
    emulator.advance(12 * HOUR).await;
    assert_eq!(c.graph.register(&c.number, "111111").await.status, 200);
}

#[tokio::test]
async fn each_obstacle_has_its_own_text_and_can_be_removed() {
    let emulator = emulator().await;
    let c = customer(&emulator, Popup { obstacle: Some(Obstacle::StillInPhoneApp), ..Popup::default() }).await;
    let message = async |c: &crate::support::Customer| {
        let got = c.graph.register(&c.number, "123456").await;
        assert_eq!(got.error(), (100, 2_388_001));
        got.body["error"]["error_user_msg"].as_str().expect("text").to_owned()
    };
    assert!(message(&c).await.contains("registered to an existing WhatsApp account"));
    let set_obstacle = |obstacle| NumberAction::SetObstacle { obstacle };
    emulator.act(&c.number, set_obstacle(Obstacle::TwoStepAtOldOwner)).await.expect("number");
    assert!(message(&c).await.contains("two-step authentication is disabled"));
    emulator.act(&c.number, set_obstacle(Obstacle::ConfirmOwnership)).await.expect("number");
    assert!(message(&c).await.contains("confirm ownership"));
    let ask = json!({"code_method": "SMS", "language": "en"});
    assert_eq!(c.graph.post(&format!("/{}/request_code", c.number), ask).await.status, 200);
    let code = emulator.number(&c.number).and_then(|n| n.sent_code).expect("a code");
    assert_eq!(c.graph.post(&format!("/{}/verify_code", c.number), json!({ "code": code })).await.status, 200);
    assert_eq!(c.graph.register(&c.number, "123456").await.status, 200);
}

#[tokio::test]
async fn an_unverified_number_must_be_verified_by_code_first() {
    let emulator = emulator().await;
    let c = customer(&emulator, Popup { verified: false, ..Popup::default() }).await;
    assert_eq!(c.graph.register(&c.number, "123456").await.error().0, 133_006);
    let ask = [("code_method", "VOICE"), ("language", "en_US")];
    assert_eq!(c.graph.form(&format!("/{}/request_code", c.number), &ask).await.status, 200);
    let verify = format!("/{}/verify_code", c.number);
    let wrong =
        emulator.number(&c.number).and_then(|n| n.sent_code).map(|code| if code == "000000" { "1" } else { "000000" });
    assert_eq!(c.graph.form(&verify, &[("code", wrong.expect("a code"))]).await.status, 400);
    let code = emulator.number(&c.number).and_then(|n| n.sent_code).expect("a code");
    assert_eq!(c.graph.form(&verify, &[("code", &code)]).await.body["success"], true);
    let again = c.graph.form(&format!("/{}/request_code", c.number), &ask).await;
    assert_eq!(again.error().0, 136_024);
    assert_eq!(c.graph.register(&c.number, "123456").await.status, 200);
}

#[tokio::test]
async fn the_onboarding_window_ends_after_fourteen_days() {
    let emulator = emulator().await;
    let c = customer(&emulator, Popup::default()).await;
    let v = customer(&emulator, Popup { preverified: true, ..Popup::default() }).await;
    emulator.advance(14 * 24 * HOUR).await;
    let read = async || {
        c.graph.get(&format!("/{}?fields=code_verification_status", c.number)).await.body["code_verification_status"]
            .clone()
    };
    assert_eq!(read().await, "VERIFIED");
    emulator.advance(HOUR).await;
    assert_eq!(read().await, "EXPIRED");
    assert_eq!(c.graph.register(&c.number, "123456").await.error().0, 133_006);
    assert_eq!(v.graph.register(&v.number, "123456").await.status, 200, "pre-verified: 90 days");
    let again = Popup {
        waba_id: Some(c.waba.clone()),
        phone_number: emulator.number(&c.number).map(|n| n.phone_number),
        ..Popup::default()
    };
    assert_eq!(emulator.sign_up(again).await.phone_number_id.as_deref(), Some(c.number.as_str()));
    assert_eq!(c.graph.register(&c.number, "123456").await.status, 200);
}

#[tokio::test]
async fn coexistence_numbers_are_never_registered_or_deregistered() {
    let emulator = emulator().await;
    let popup = Popup { coexistence: true, message_names_number: false, ..Popup::default() };
    let result = emulator.sign_up(popup).await;
    let event = result.event.expect("a message");
    assert_eq!(event["event"], "FINISH_WHATSAPP_BUSINESS_APP_ONBOARDING");
    assert_eq!(event["data"].get("phone_number_id"), None);
    let code = result.code.expect("code");
    let token =
        crate::support::exchange(&emulator, &code).await.body["access_token"].as_str().expect("token").to_owned();
    let graph = crate::support::Caller::new(&emulator, &token);
    let number = result.phone_number_id.expect("number");
    assert_eq!(graph.register(&number, "123456").await.error().0, 100);
    let got = graph.post(&format!("/{number}/deregister"), json!({})).await;
    assert!(got.body["error"]["message"].as_str().expect("text").contains("SMB businesses"));
    let read = graph.get(&format!("/{number}?fields=is_on_biz_app,platform_type,status")).await.body;
    assert_eq!(read, json!({"id": number, "is_on_biz_app": true, "platform_type": "CLOUD_API", "status": "CONNECTED"}));
    let sync = |kind: &str| json!({"messaging_product": "whatsapp", "sync_type": kind});
    let path = format!("/{number}/smb_app_data");
    assert_eq!(graph.post(&path, sync("smb_app_state_sync")).await.status, 200);
    assert_eq!(graph.post(&path, sync("smb_app_state_sync")).await.error().0, 2_593_107);
    emulator.advance(25 * HOUR).await;
    assert_eq!(graph.post(&path, sync("history")).await.error().0, 2_593_108);
}

#[tokio::test]
async fn a_deregister_that_fails_half_way_must_be_repeated() {
    let emulator = emulator().await;
    let c = customer(&emulator, Popup::default()).await;
    let deregister = async || c.graph.post(&format!("/{}/deregister", c.number), json!({})).await;
    assert_eq!(deregister().await.error(), (100, 2_207_051), "not registered");
    c.graph.register(&c.number, "123456").await;
    emulator.act(&c.number, NumberAction::FailNextDeregister).await.expect("number");
    assert_eq!(deregister().await.status, 500);
    assert_eq!(c.graph.register(&c.number, "123456").await.error().0, 133_000);
    assert_eq!(deregister().await.status, 200);
    let read = c.graph.get(&format!("/{}?fields=status,platform_type", c.number)).await.body;
    assert_eq!((&read["status"], &read["platform_type"]), (&json!("DISCONNECTED"), &json!("NOT_APPLICABLE")));
    assert_eq!(c.graph.register(&c.number, "123456").await.status, 200);
    let sent = json!({"messaging_product": "whatsapp", "to": "15550199999", "type": "text"});
    assert_eq!(
        c.graph.post(&format!("/{}/messages", c.number), sent).await.body["messages"][0]["message_status"],
        "accepted"
    );
}

#[tokio::test]
async fn an_activating_number_reads_pending_on_cloud_api() {
    let emulator = emulator().await;
    let c = customer(&emulator, Popup { activation_delay: SignedDuration::from_mins(10), ..Popup::default() }).await;
    c.graph.register(&c.number, "123456").await;
    let read = async || c.graph.get(&format!("/{}?fields=status,platform_type", c.number)).await.body;
    assert_eq!(read().await, json!({"id": c.number, "status": "PENDING", "platform_type": "CLOUD_API"}));
    emulator.advance(SignedDuration::from_mins(10)).await;
    assert_eq!(read().await["status"], "CONNECTED");
}

#[tokio::test]
async fn a_new_name_takes_effect_with_the_next_register() {
    let emulator = emulator().await;
    let c = customer(&emulator, Popup::default()).await;
    c.graph.register(&c.number, "123456").await;
    c.graph.post(&format!("/{}", c.number), json!({"new_display_name": "Better Bakery"})).await;
    let read = async || {
        c.graph.get(&format!("/{}?fields=verified_name,new_display_name,new_name_status", c.number)).await.body
    };
    assert_eq!(read().await["new_name_status"], "PENDING_REVIEW");
    emulator.act(&c.number, NumberAction::ApproveName).await.expect("number");
    assert_eq!(
        (&read().await["verified_name"], &read().await["new_name_status"]),
        (&json!("Example Bakery"), &json!("APPROVED"))
    );
    assert_eq!(c.graph.register(&c.number, "123456").await.status, 200);
    assert_eq!(
        (&read().await["verified_name"], &read().await["new_name_status"]),
        (&json!("Better Bakery"), &json!("NONE"))
    );
}

#[tokio::test]
async fn a_disconnected_number_registers_again_under_the_name_approved_meanwhile() {
    let emulator = emulator().await;
    let c = customer(&emulator, Popup::default()).await;
    c.graph.register(&c.number, "123456").await;
    emulator.act(&c.number, NumberAction::DeclineName { reason: None }).await.expect("number");
    c.graph.post(&format!("/{}", c.number), json!({"new_display_name": "Better Bakery"})).await;
    emulator.act(&c.number, NumberAction::ApproveName).await.expect("number");
    emulator.act(&c.number, NumberAction::Disconnect { reads: None }).await.expect("number");
    assert_eq!(c.graph.register(&c.number, "123456").await.status, 200);
    let read = c.graph.get(&format!("/{}?fields=verified_name,name_status", c.number)).await.body;
    assert_eq!((&read["verified_name"], &read["name_status"]), (&json!("Better Bakery"), &json!("APPROVED")));
}

#[tokio::test]
async fn a_declined_name_can_be_replaced_by_another() {
    let emulator = emulator().await;
    let review = Some(Review { lasts: Some(HOUR), outcome: NameDecision::Declined });
    let c = customer(&emulator, Popup { review, ..Popup::default() }).await;
    emulator.advance(HOUR).await;
    let fields = "name_status,new_name_status,verified_name";
    let read = async || c.graph.get(&format!("/{}?fields={fields}", c.number)).await.body;
    assert_eq!(read().await["name_status"], "DECLINED");
    assert_eq!(c.graph.register(&c.number, "123456").await.error(), (100, 2_388_001));
    let name = "Example Bakery Berlin".to_owned();
    let submit = NumberAction::SubmitName { name, lasts: Some(2 * HOUR), outcome: None };
    emulator.act(&c.number, submit).await.expect("number");
    assert_eq!(read().await["new_name_status"], "PENDING_REVIEW");
    emulator.advance(2 * HOUR).await;
    let now = read().await;
    assert_eq!((&now["name_status"], &now["verified_name"]), (&json!("APPROVED"), &json!("Example Bakery Berlin")));
    assert_eq!(c.graph.register(&c.number, "123456").await.status, 200);
}

/// A world with one number that can be registered, and the token for it.
fn world() -> (World, String, String) {
    let mut world = World::new(1, APP, SECRET, "750000000000001");
    world.settings = Settings { pin_guesses: 1_000, pin_fast_seconds: 0, ..Settings::default() };
    let signup = world.sign_up(&Popup::default(), epoch());
    let token = world.issue_business_token(&signup.business_id.expect("business"), epoch());
    (world, signup.phone_number_id.expect("number"), token)
}

fn code_of(world: &mut World, request: &Request, now: Timestamp) -> i64 {
    match world.call(request, now) {
        Answer::Reply(reply) => reply.body["error"]["code"].as_i64().unwrap_or(0),
        Answer::AfterChallenge(_) => panic!("no handshake is due"),
    }
}

proptest! {
    /// Compares the call budget with a simple model: ten calls in any 72 h, the eleventh locks for 72 h.
    #[test]
    fn the_eleventh_call_in_72_hours_locks_for_72(
        steps in prop::collection::vec((0_i64..30 * 3600, any::<bool>(), any::<bool>()), 1..60)
    ) {
        let (mut world, number, token) = world();
        let window = SignedDuration::from_hours(72);
        let (mut now, mut counted, mut locked) = (epoch(), Vec::<Timestamp>::new(), None::<Timestamp>);
        for (wait, deregister, right_pin) in steps {
            now += SignedDuration::from_secs(wait);
            let edge = if deregister { "deregister" } else { "register" };
            let pin = if right_pin { "123456" } else { "999999" };
            let request = Request::new(Method::Post, format!("/{number}/{edge}"))
                .bearer(token.clone()).body("messaging_product", "whatsapp").body("pin", pin);
            let recent = counted.iter().filter(|at| **at > now - window).count();
            let is_locked = locked.is_some_and(|until| until > now);
            let refused = is_locked || recent >= 10;
            if !is_locked && recent >= 10 { locked = Some(now + window); }
            if !refused { counted.push(now); }
            prop_assert_eq!(code_of(&mut world, &request, now) == 133_016, refused, "{} calls", recent);
        }
    }

    #[test]
    fn the_same_seed_and_calls_give_the_same_world(seed in any::<u64>(), pins in prop::collection::vec("[0-9]{6}", 1..5)) {
        let run = || {
            let mut world = World::new(seed, APP, SECRET, "750000000000001");
            let signup = world.sign_up(&Popup::default(), epoch());
            let token = world.issue_business_token(&signup.business_id.expect("business"), epoch());
            for pin in &pins {
                let path = format!("/{}/register", signup.phone_number_id.as_deref().expect("number"));
                let request = Request::new(Method::Post, path).bearer(token.clone()).body("pin", pin.clone());
                let _answer = world.call(&request, epoch());
            }
            serde_json::to_string(&world).expect("JSON")
        };
        prop_assert_eq!(run(), run());
    }
}
