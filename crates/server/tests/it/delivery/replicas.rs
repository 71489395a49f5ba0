//! Several processes on one PostgreSQL: they share the endpoints, take over from one that died, and keep
//! the order wherever a message was received.

use domain::delivery::Format;
use serde_json::json;
use server::store::Engine;

use super::support::{Place, from_of, message, text_of};
use crate::app::APP_SECRET;
use crate::support::receiver::Got;

#[tokio::test(flavor = "multi_thread")]
async fn two_processes_receive_and_deliver_and_the_order_holds_across_them() {
    let place = Place::on(Engine::Postgres).await;
    let other = place.app.start_again().await;
    server::startup::start_forwarding(&other);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let second = format!("http://{}/webhooks/whatsapp", listener.local_addr().unwrap());
    tokio::spawn(server::web::serve(other.clone(), listener));
    let lines = [place.line(Format::Meta).await, place.line(Format::Meta).await];
    let http = reqwest::Client::new();
    for n in 0..60 {
        let change = json!({ "field": "messages", "value": message(place.phone_id(), "1555000", &format!("{n:02}")) });
        let body =
            json!({ "object": "whatsapp_business_account", "entry": [{ "id": place.waba(), "changes": [change] }] });
        let body = body.to_string();
        // each waits for its 200, so that the order in which they were received is known
        if n % 2 == 0 {
            place.post_body(&body).await;
        } else {
            let signature = graph_api::webhook::sign(&APP_SECRET.into(), body.as_bytes());
            let sent = http.post(&second).header("x-hub-signature-256", signature).body(body).send().await.unwrap();
            assert_eq!(sent.status(), 200);
        }
    }
    for line in &lines {
        place.until_delivered(line).await;
        let texts: Vec<String> = line.receiver.taken().iter().map(|got| text_of(&got.json())).collect();
        assert_eq!(texts, (0..60).map(|n| format!("{n:02}")).collect::<Vec<_>>());
    }
    // one stops; what it had is the other's, at once
    place.app.app.stop().await;
    let change = json!({ "field": "messages", "value": message(place.phone_id(), "1555000", "last") });
    let body = json!({ "object": "whatsapp_business_account", "entry": [{ "id": place.waba(), "changes": [change] }] });
    let signature = graph_api::webhook::sign(&APP_SECRET.into(), body.to_string().as_bytes());
    let sent = http.post(&second).header("x-hub-signature-256", signature).body(body.to_string()).send().await.unwrap();
    assert_eq!(sent.status(), 200);
    for line in &lines {
        let is_last = |got: &Got| from_of(&got.json()) == "1555000" && text_of(&got.json()) == "last";
        place.until("the other takes over", async || line.receiver.taken().iter().any(is_last)).await;
    }
    other.stop().await;
}
