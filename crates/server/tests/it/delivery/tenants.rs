//! Tenants: a webhook about several tenants reaches each of them with its own part only.

use domain::delivery::Format;
use domain::ids::{AccountId, ChannelId};
use domain::registration::{ChangeKind, Source};
use graph_emulator::Popup;
use serde_json::json;
use server::store::api_keys::Scope;
use server::store::{Engine, channels, numbers};

use super::support::{Place, message, text_of};
use crate::app::browser;
use crate::support::on_each_engine;

on_each_engine!(
    a_batch_about_two_tenants_reaches_each_with_its_own_part,
    an_endpoint_of_an_inbox_receives_its_events_and_those_of_the_whole_waba,
    an_event_of_no_account_is_forwarded_to_nobody,
    a_name_event_finds_its_number_by_another_spelling,
);

/// A second tenant with a number; on the first one's account of Meta's where that is given.
async fn neighbour(place: &Place, waba: Option<String>) -> (AccountId, ChannelId, String) {
    let (account, key) = place.app.another_account(Scope::Admin).await;
    let result = place.app.meta.sign_up(Popup { waba_id: waba, ..Popup::default() }).await;
    let path = format!("/api/v1/accounts/{account}/whatsapp/authorization");
    let answer = place.app.send(reqwest::Method::POST, &path, Some(browser(&result)), Some(&key)).await;
    let inbox = ChannelId(answer.expect(200)["id"].as_i64().unwrap());
    place.app.settle().await;
    (account, inbox, result.phone_number_id.unwrap())
}

async fn a_batch_about_two_tenants_reaches_each_with_its_own_part(engine: Engine) {
    let place = Place::on(engine).await;
    let (other, _, other_number) = neighbour(&place, None).await;
    let mine = place.line(Format::Meta).await;
    let theirs = place.line_of(other, None, Format::Meta, &[]).await;
    let change = |number: &str, text: &str| json!({ "field": "messages", "value": message(number, "1555000", text) });
    let body = json!({ "object": "whatsapp_business_account", "entry": [
        { "id": place.waba(), "changes": [change(place.phone_id(), "mine 1"), change(&other_number, "theirs 1")] },
        { "id": "999", "changes": [change(&other_number, "theirs 2"), change(place.phone_id(), "mine 2")] },
    ] });
    place.post_body(&body.to_string()).await;
    for (line, expected) in [(&mine, ["mine 1", "mine 2"]), (&theirs, ["theirs 1", "theirs 2"])] {
        line.receiver.wait_for(2).await;
        place.until_delivered(line).await;
        let texts: Vec<String> = line.receiver.got().iter().map(|got| text_of(&got.json())).collect();
        assert_eq!(texts, expected);
        assert!(line.receiver.got().iter().all(|got| got.json()["entry"].as_array().unwrap().len() == 1));
    }
}

async fn an_endpoint_of_an_inbox_receives_its_events_and_those_of_the_whole_waba(engine: Engine) {
    let place = Place::on(engine).await;
    let (other, their_inbox, their_number) = neighbour(&place, Some(place.waba().to_owned())).await;
    let mine = place.line_of(place.app.account, Some(place.inbox), Format::Meta, &[]).await;
    let theirs = place.line_of(other, Some(their_inbox), Format::Meta, &[]).await;
    let digits = place.app.meta.number(place.phone_id()).unwrap().phone_number;
    place.messages(&[("1555000", "mine")]).await;
    let name = json!({ "display_phone_number": digits, "decision": "APPROVED", "requested_verified_name": "X" });
    let template = json!({ "event": "APPROVED", "message_template_name": "hello" });
    place
        .post(&json!([
            { "field": "phone_number_name_update", "value": name },
            { "field": "message_template_status_update", "value": template },
            { "field": "messages", "value": message(&their_number, "1555000", "theirs") },
        ]))
        .await;
    mine.receiver.wait_for(3).await;
    theirs.receiver.wait_for(2).await;
    place.until_delivered(&mine).await;
    place.until_delivered(&theirs).await;
    let fields = |line: &super::support::Line| {
        let field = |got: crate::support::receiver::Got| {
            got.json()["entry"][0]["changes"][0]["field"].as_str().unwrap().to_owned()
        };
        let mut fields: Vec<String> = line.receiver.got().into_iter().map(field).collect();
        fields.sort();
        fields
    };
    assert_eq!(fields(&mine), ["message_template_status_update", "messages", "phone_number_name_update"]);
    assert_eq!(fields(&theirs), ["message_template_status_update", "messages"], "the name is the other number's");
}

async fn an_event_of_no_account_is_forwarded_to_nobody(engine: Engine) {
    let place = Place::on(engine).await;
    let line = place.line(Format::Meta).await;
    place.post(&json!([{ "field": "messages", "value": message("404404", "1555000", "nobody's") }])).await;
    place.messages(&[("1555000", "mine")]).await;
    let got = line.receiver.wait_for(1).await;
    assert_eq!(text_of(&got[0].json()), "mine");
    place.until_delivered(&line).await;
    assert_eq!(line.receiver.got().len(), 1);
}

/// Meta writes a Brazilian number without the ninth digit here. In another WABA the same digits name nobody.
async fn a_name_event_finds_its_number_by_another_spelling(engine: Engine) {
    let place = Place::on(engine).await;
    let popup = Popup {
        waba_id: Some(place.waba().to_owned()),
        phone_number: Some("5511987654321".to_owned()),
        ..Popup::default()
    };
    let (_, inbox) = place.app.signed_up(popup).await;
    place.app.settle().await;
    let kinds = ["account"];
    let mine = place.line_of(place.app.account, Some(inbox), Format::Standard, &kinds).await;
    let neighbours = place.line_of(place.app.account, Some(place.inbox), Format::Standard, &kinds).await;
    let name =
        json!({ "display_phone_number": "551187654321", "decision": "REJECTED", "requested_verified_name": "X" });
    place.post(&json!([{ "field": "phone_number_name_update", "value": name }])).await;
    let got = mine.receiver.wait_for(1).await.remove(0).json();
    assert_eq!(got["data"]["inbox_id"], inbox.0, "{got}");
    place.until_delivered(&mine).await;
    place.until_delivered(&neighbours).await;
    assert_eq!(neighbours.receiver.count(), 0);
    // it is evidence about that number
    place.app.settle().await;
    let mut tx = place.app.app.store.read().await.unwrap();
    let number = channels::find(&mut tx, inbox).await.unwrap().unwrap().phone_number_id;
    let changes = numbers::changes(&mut tx, &number).await.unwrap();
    assert!(changes.0.get(&ChangeKind::NameDeclined).is_some_and(|it| it.source == Source::Webhook), "{changes:?}");
}
