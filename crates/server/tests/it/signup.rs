//! A stuck number goes live by itself: the request's own story, end to end.

use graph_emulator::world::NameDecision;
use graph_emulator::{NumberAction, Popup, Review};
use jiff::SignedDuration;

use crate::app::TestApp;

/// A name in review, approved when told.
fn in_review() -> Popup {
    Popup {
        review: Some(Review { lasts: None, outcome: NameDecision::Approved }),
        registrable_during_review: false,
        ..Popup::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stuck_number_goes_live_by_itself_once_its_name_is_approved() {
    let app = TestApp::new().await;
    let (result, inbox) = app.signed_up(in_review()).await;
    let number = result.phone_number_id.clone().unwrap();
    app.settle().await;
    assert!(!app.meta.number(&number).unwrap().registered);
    let before = app.clock.now();

    app.meta.act(&number, NumberAction::ApproveName).await.unwrap();
    app.settle().await;

    let passed = app.clock.now().duration_since(before);
    assert!(passed < SignedDuration::from_secs(1), "the clock was not moved: {passed}");
    assert!(app.meta.number(&number).unwrap().registered);
    let health = app.get(&app.inbox(inbox, "/health")).await.expect(200);
    assert_eq!(health["status"], "CONNECTED");
    assert_eq!(health["platform_type"], "CLOUD_API");
}

#[tokio::test(flavor = "multi_thread")]
async fn with_the_approval_webhook_lost_the_next_reading_finds_it() {
    let app = TestApp::new().await;
    let (result, _) = app.signed_up(in_review()).await;
    let number = result.phone_number_id.clone().unwrap();
    app.settle().await;
    app.meta.add_webhook_fault(graph_emulator::WebhookFault {
        field: Some("phone_number_name_update".to_owned()),
        waba_id: None,
        times: 1,
        effect: graph_emulator::WebhookEffect::Lose,
    });
    app.advance(SignedDuration::from_mins(12)).await;
    app.meta.act(&number, NumberAction::ApproveName).await.unwrap();
    app.settle().await;
    assert!(!app.meta.number(&number).unwrap().registered);
    app.advance(SignedDuration::from_mins(4)).await;
    assert!(app.meta.number(&number).unwrap().registered);
}
