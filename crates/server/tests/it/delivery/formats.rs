//! Formats: Meta's own bytes in Meta's envelope, or Standard Webhooks; signatures; only the subscribed kinds.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use domain::delivery::{AttemptOutcome, Format};
use graph_api::webhook::split;
use jiff::SignedDuration;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};
use server::flows::forwarding::endpoints;
use server::store::Engine;
use server::store::deliveries::replay::ReplaySelector;

use super::support::{Place, message};
use crate::support::on_each_engine;
use crate::support::receiver::Got;

on_each_engine!(
    the_meta_format_keeps_the_value_byte_for_byte_and_signs_with_the_endpoints_secret,
    the_standard_format_sends_one_message_a_request_with_stable_ids,
    an_endpoint_receives_only_the_kinds_it_subscribed_to,
    announcements_are_forwarded_like_other_events,
);

/// As a consumer of Standard Webhooks checks it.
fn is_signed(got: &Got, secret: &SecretString) -> bool {
    let key = STANDARD.decode(secret.expose_secret().strip_prefix("whsec_").unwrap()).unwrap();
    let content = format!("{}.{}.", got.header("webhook-id"), got.header("webhook-timestamp"));
    let signed = [content.as_bytes(), &got.body].concat();
    let expected = STANDARD.encode(hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &key), &signed));
    got.header("webhook-signature").split(' ').any(|one| one == format!("v1,{expected}"))
}

async fn the_meta_format_keeps_the_value_byte_for_byte_and_signs_with_the_endpoints_secret(engine: Engine) {
    let place = Place::on(engine).await;
    let line = place.line(Format::Meta).await;
    // as Meta escapes it, with white space and an order of keys that no serializer would keep
    let value = format!(
        r#"{{ "zeta":1, "metadata": {{"phone_number_id":"{}"}}, "messages":[{{"id":"wamid.X","from":"15550199999","text":{{"body":"sm\u00f8rrebr\u00f8d \ud83c\udf5e http:\/\/x"}} }}] }}"#,
        place.phone_id()
    );
    let body = format!(
        r#"{{"object":"whatsapp_business_account","entry":[{{"id":"{}","changes":[{{"value":{value},"field":"messages"}}]}}]}}"#,
        place.waba()
    );
    place.post_body(&body).await;
    let got = line.receiver.wait_for(1).await.remove(0);
    let changes = split(&got.body).unwrap();
    assert_eq!(changes.len(), 1);
    assert_eq!(changes[0].value.get(), value, "byte for byte");
    assert_eq!(changes[0].entry_id, place.waba());
    let signature = graph_api::webhook::sign(&line.secret, &got.body);
    assert_eq!(got.header("x-hub-signature-256"), signature);
    assert_eq!(got.header("content-type"), "application/json");
    place.until_delivered(&line).await;
    let attempts = place.attempts(&line.endpoint).await;
    assert_eq!((attempts.len(), attempts[0].status, attempts[0].outcome), (1, Some(200), AttemptOutcome::Delivered));
}

async fn the_standard_format_sends_one_message_a_request_with_stable_ids(engine: Engine) {
    let place = Place::on(engine).await;
    let line = place.line(Format::Standard).await;
    let mut value = message(place.phone_id(), "15550199999", "one");
    let second = json!({ "from": "15550199999", "id": "wamid.2", "type": "text", "text": { "body": "two" } });
    value["messages"].as_array_mut().unwrap().push(second);
    value["statuses"] = json!([{ "id": "wamid.3", "status": "read", "recipient_id": "15550199999" }]);
    place.post(&json!([{ "field": "messages", "value": value }])).await;
    let got = line.receiver.wait_for(3).await;
    let kinds: Vec<Value> = got.iter().map(|got| got.json()["type"].clone()).collect();
    assert_eq!(kinds, ["whatsapp.message", "whatsapp.message", "whatsapp.status"]);
    let ids: Vec<&str> = got.iter().map(|got| got.header("webhook-id")).collect();
    assert!(ids.iter().all(|id| id.starts_with("itm_")), "{ids:?}");
    assert!(ids[0] != ids[1] && ids[1] != ids[2] && ids[0] != ids[2], "{ids:?}");
    let data = &got[1].json()["data"];
    assert_eq!((&data["message"]["text"]["body"], &data["inbox_id"]), (&json!("two"), &json!(place.inbox.0)));
    assert_eq!(data["contacts"][0]["wa_id"], "15550199999");
    assert!(got.iter().all(|got| is_signed(got, &line.secret)));

    // a replay keeps the ids
    place.until_delivered(&line).await;
    let which = ReplaySelector::Event(place.attempts(&line.endpoint).await[0].key.event);
    assert_eq!(
        endpoints::replay::request_replay(&place.app.app, &place.kept(&line.endpoint).await, which, &|_| {})
            .await
            .unwrap(),
        1
    );
    let again = line.receiver.wait_for(6).await.split_off(3);
    assert_eq!(again.iter().map(|got| got.header("webhook-id")).collect::<Vec<_>>(), ids);

    // a changed secret: both signatures for a day, then the new one alone
    let (_, fresh) = endpoints::rotate_secret(&place.app.app, &place.kept(&line.endpoint).await, None).await.unwrap();
    place.messages(&[("15550199999", "three")]).await;
    let got = line.receiver.wait_for(7).await.remove(6);
    assert!(is_signed(&got, &line.secret) && is_signed(&got, &fresh));
    place.later(SignedDuration::from_hours(25));
    place.messages(&[("15550199999", "four")]).await;
    let got = line.receiver.wait_for(8).await.remove(7);
    assert!(!is_signed(&got, &line.secret) && is_signed(&got, &fresh));
}

async fn an_endpoint_receives_only_the_kinds_it_subscribed_to(engine: Engine) {
    let place = Place::on(engine).await;
    let statuses = place.line_of(place.app.account, None, Format::Standard, &["statuses"]).await;
    let account = place.line_of(place.app.account, None, Format::Meta, &["account", "templates"]).await;
    place.messages(&[("15550199999", "not for them")]).await;
    let status = json!({ "metadata": { "phone_number_id": place.phone_id() },
        "statuses": [{ "id": "wamid.9", "status": "sent", "recipient_id": "15550199999" }] });
    let name = json!({ "display_phone_number": "15550109999", "decision": "APPROVED", "requested_verified_name": "X" });
    let template = json!({ "event": "APPROVED", "message_template_name": "hello" });
    place
        .post(&json!([
            { "field": "messages", "value": status },
            { "field": "phone_number_name_update", "value": name },
            { "field": "message_template_status_update", "value": template },
            { "field": "something_new", "value": { "a": 1 } },
        ]))
        .await;
    assert_eq!(statuses.receiver.wait_for(1).await[0].json()["data"]["status"]["id"], "wamid.9");
    account.receiver.wait_for(2).await;
    place.until_delivered(&statuses).await;
    place.until_delivered(&account).await;
    assert_eq!(statuses.receiver.got().len(), 1);
    let mut fields: Vec<String> = account
        .receiver
        .got()
        .iter()
        .map(|got| got.json()["entry"][0]["changes"][0]["field"].as_str().unwrap().to_owned())
        .collect();
    fields.sort();
    assert_eq!(fields, ["message_template_status_update", "phone_number_name_update"]);
}

async fn announcements_are_forwarded_like_other_events(engine: Engine) {
    let place = Place::on(engine).await;
    let line = place.line_of(place.app.account, None, Format::Standard, &["announcements"]).await;
    let number = place.phone_id().to_owned();
    place.app.meta.act(&number, graph_emulator::NumberAction::Ban).await.unwrap();
    place.app.advance(SignedDuration::from_mins(2)).await;
    place.app.post(&place.app.inbox(place.inbox, "/health/refresh"), json!({})).await.expect(200);
    let got = line.receiver.wait_for(1).await;
    let post = got[0].json();
    assert_eq!(post["type"], "linekeeper.announcement");
    let value = &post["data"]["value"];
    assert!(value["id"].as_str().unwrap().starts_with("ann_"), "{post}");
    assert!(got.iter().any(|got| got.json()["data"]["value"]["kind"] == "blocked"), "{got:#?}");
}
