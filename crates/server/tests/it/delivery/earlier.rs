//! Events that came before their number was connected: its inbox gets them when it is connected, its endpoints in their place.

use domain::delivery::Format;
use graph_emulator::{Popup, SignupResult};
use reqwest::Method;
use serde_json::json;
use server::store::Engine;
use server::store::api_keys::Scope;

use super::support::{Place, message};
use crate::app::browser;
use crate::support::on_each_engine;
use crate::support::receiver::Got;

on_each_engine!(
    events_from_before_a_number_was_connected_reach_its_inbox_and_its_endpoints,
    events_from_before_stay_where_they_are_when_they_are_anothers,
);

const ADA: &str = "15550199999";

impl Place {
    /// Meta posts a message to a number, in this WABA.
    async fn message_to(&self, number: &SignupResult, waba: &str, text: &str) {
        let value = message(number.phone_number_id.as_deref().unwrap(), ADA, text);
        let change = json!({ "field": "messages", "value": value });
        let body = json!({ "object": "whatsapp_business_account", "entry": [{ "id": waba, "changes": [change] }] });
        self.post_body(&body.to_string()).await;
    }
}

/// The text and the inbox of each message that was taken.
fn taken(got: &[Got]) -> Vec<(String, i64)> {
    let of = |got: &Got| {
        let data = got.json()["data"].clone();
        (data["message"]["text"]["body"].as_str().unwrap().to_owned(), data["inbox_id"].as_i64().unwrap())
    };
    got.iter().map(of).collect()
}

async fn events_from_before_a_number_was_connected_reach_its_inbox_and_its_endpoints(engine: Engine) {
    let place = Place::on(engine).await;
    let line = place.line_of(place.app.account, None, Format::Standard, &["messages"]).await;
    let of_first_inbox = place.line_of(place.app.account, Some(place.inbox), Format::Standard, &["messages"]).await;
    let number = place.app.meta.sign_up(Popup::default()).await;
    let waba = number.waba_id.clone().unwrap();
    for text in ["1", "2"] {
        place.message_to(&number, &waba, text).await;
    }
    place.message_to(&number, "999", "of another account at Meta").await;
    // the cursor passes them
    place.messages(&[(ADA, "first inbox")]).await;
    place.until_delivered(&line).await;
    assert_eq!(taken(&line.receiver.got()), [("first inbox".to_owned(), place.inbox.0)]);

    let inbox = place.app.authorize(&number).await.expect(200)["id"].as_i64().unwrap();
    let late = place.line_of(place.app.account, None, Format::Standard, &["messages"]).await;
    place.app.settle().await;
    line.receiver.wait_for(3).await;
    place.message_to(&number, &waba, "3").await;
    line.receiver.wait_for(4).await;
    place.until_delivered(&line).await;
    let of_inbox: Vec<(String, i64)> = taken(&line.receiver.got()).split_off(1);
    assert_eq!(of_inbox, ["1", "2", "3"].map(|text| (text.to_owned(), inbox)), "in order, and once");
    place.until_delivered(&late).await;
    assert_eq!(
        taken(&late.receiver.got()),
        [("3".to_owned(), inbox)],
        "an endpoint gets what came since it was created"
    );
    place.until_delivered(&of_first_inbox).await;
    assert_eq!(of_first_inbox.receiver.count(), 1);

    let listed = place.app.get(&place.app.path(&format!("/inboxes/{inbox}/events"))).await.expect(200);
    let fields = listed["data"].as_array().unwrap().iter().filter(|event| event["field"] == "messages");
    assert_eq!(fields.count(), 3, "{listed}");
}

async fn events_from_before_stay_where_they_are_when_they_are_anothers(engine: Engine) {
    let place = Place::on(engine).await;
    // another account has the number, gets a message, and gives the number away
    let number = place.app.meta.sign_up(Popup::default()).await;
    let (other, key) = place.app.another_account(Scope::Admin).await;
    let path = format!("/api/v1/accounts/{other}/whatsapp/authorization");
    let theirs = place.app.send(Method::POST, &path, Some(browser(&number)), Some(&key)).await.expect(200);
    place.app.settle().await;
    let waba = number.waba_id.clone().unwrap();
    place.message_to(&number, &waba, "theirs").await;
    let inbox = format!("/api/v1/accounts/{other}/inboxes/{}", theirs["id"]);
    place.app.send(Method::DELETE, &inbox, None, Some(&key)).await.expect(204);
    place.app.settle().await;
    place.message_to(&number, &waba, "nobodys").await;

    let line = place.line_of(place.app.account, None, Format::Standard, &["messages"]).await;
    let number = place.app.meta.sign_up(same_customer(&number)).await;
    let mine = place.app.authorize(&number).await.expect(200);
    place.app.settle().await;
    place.message_to(&number, &waba, "mine").await;
    line.receiver.wait_for(1).await;
    place.until_delivered(&line).await;
    let texts: Vec<String> = taken(&line.receiver.got()).into_iter().map(|(text, _)| text).collect();
    assert_eq!(texts, ["mine"], "the endpoint is younger than what came before");
    let listed = place.app.get(&place.app.path(&format!("/inboxes/{}/events", mine["id"]))).await.expect(200);
    let count = listed["data"].as_array().unwrap().iter().filter(|event| event["field"] == "messages").count();
    assert_eq!(count, 2, "what came while the number was nobody's, and what came since: {listed}");
}

/// The same customer at Meta.
fn same_customer(number: &SignupResult) -> Popup {
    let SignupResult { waba_id, business_id, phone_number, .. } = number.clone();
    Popup { waba_id, business_id, phone_number, ..Popup::default() }
}
