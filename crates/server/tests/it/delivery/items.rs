//! The unit of delivery in the format `standard`: each message and each status for itself, in the order of its own
//! conversation, under an id of its own.

use std::collections::BTreeMap;

use domain::delivery::{Format, GIVE_UP_AFTER};
use jiff::SignedDuration;
use serde_json::{Value, json};
use server::flows::forwarding::endpoints::replay::{discard_dead_letters, request_replay};
use server::store::Engine;
use server::store::deliveries::replay::ReplaySelector;
use server::store::deliveries::{self, Counts, DeliveryState};

use super::support::{Line, Place, message};
use crate::support::on_each_engine;
use crate::support::receiver::{Got, Reply};

on_each_engine!(
    no_message_is_lost_behind_another_persons_refused_message,
    no_status_is_lost_behind_another_persons_refused_status,
    a_message_waits_only_for_its_own_conversation_and_survives_a_restart,
    a_replay_of_an_event_sends_each_item_once_and_leaves_pending_ones_in_their_place,
    the_api_lists_each_item_by_its_webhook_id,
    a_caller_delays_no_other_caller,
    a_group_keeps_its_order_and_delays_nobody_outside,
    errors_of_a_number_are_no_message,
    a_message_keeps_its_id_in_whichever_batch_it_comes,
);

const ADA: &str = "15550199999";
const BEN: &str = "15550177777";

/// The person or group a request is about, in the format `standard`.
fn whose(post: &Value) -> &str {
    let data = &post["data"];
    let of = [&data["message"]["from"], &data["status"]["recipient_id"], &data["value"]["calls"][0]["from"]];
    of.into_iter().find_map(Value::as_str).unwrap_or_default()
}

fn text(post: &Value) -> &str {
    post["data"]["message"]["text"]["body"].as_str().unwrap_or_default()
}

fn texts(taken: &[Got]) -> Vec<String> {
    taken.iter().map(|got| text(&got.json()).to_owned()).collect()
}

impl Place {
    /// Meta posts one change with these messages.
    async fn batch(&self, messages: &[(&str, &str)]) {
        let mut value = message(self.phone_id(), messages[0].0, messages[0].1);
        for (from, text) in &messages[1..] {
            let one = message(self.phone_id(), from, text);
            for list in ["messages", "contacts"] {
                value[list].as_array_mut().unwrap().push(one[list][0].clone());
            }
        }
        self.post(&json!([{ "field": "messages", "value": value }])).await;
    }

    /// Time goes by until a delivery is given up.
    async fn until_dead(&self, line: &Line) {
        let (mut passed, mut tries) = (SignedDuration::ZERO, 1);
        while passed < GIVE_UP_AFTER + SignedDuration::from_hours(24) {
            let is_tried = async || {
                self.attempts(&line.endpoint).await.iter().filter(|attempt| attempt.status != Some(200)).count()
                    >= tries
            };
            self.until("it is tried", is_tried).await;
            if self.counts(&line.endpoint).await.dead > 0 {
                return;
            }
            self.later(SignedDuration::from_hours(15));
            passed += SignedDuration::from_hours(15);
            tries += 1;
        }
        panic!("never given up");
    }
}

/// From here on one person's requests are refused.
fn refuse(line: &Line, person: &'static str) {
    line.receiver.answer(move |post| Reply::status(if whose(post) == person { 400 } else { 200 }));
}

async fn no_message_is_lost_behind_another_persons_refused_message(engine: Engine) {
    let place = Place::on(engine).await;
    let line = place.line(Format::Standard).await;
    refuse(&line, ADA);
    place.batch(&[(ADA, "refused"), (BEN, "for ben"), (ADA, "after")]).await;
    place.until("the other person's is taken", async || texts(&line.receiver.taken()) == ["for ben"]).await;
    place.until("hers are pending", async || place.counts(&line.endpoint).await.waiting == 2).await;

    // only the first is refused; the second comes when the first is given up
    line.receiver.answer(|post| Reply::status(if text(post) == "refused" { 400 } else { 200 }));
    place.until_dead(&line).await;
    place.until("what came after it is taken", async || texts(&line.receiver.taken()) == ["for ben", "after"]).await;
    let only_one = Counts { dead: 1, ..Counts::default() };
    place.until("nothing else is left", async || place.counts(&line.endpoint).await == only_one).await;

    // the dead letter alone is sent again, under the id it was refused under
    line.receiver.answer(|_| Reply::status(200));
    let endpoint = place.kept(&line.endpoint).await;
    let marked = request_replay(&place.app.app, &endpoint, ReplaySelector::DeadLetters, &|_| {}).await.unwrap();
    assert_eq!(marked, 1);
    place.until_delivered(&line).await;
    assert_eq!(texts(&line.receiver.taken()), ["for ben", "after", "refused"]);
    let all = line.receiver.got();
    let refused = all.iter().filter(|got| text(&got.json()) == "refused");
    assert_eq!(refused.map(Got::id).collect::<std::collections::BTreeSet<_>>().len(), 1, "one id for every attempt");
}

async fn no_status_is_lost_behind_another_persons_refused_status(engine: Engine) {
    let place = Place::on(engine).await;
    let line = place.line_of(place.app.account, None, Format::Standard, &["statuses"]).await;
    refuse(&line, ADA);
    let status =
        |id: &str, to: &str| json!({ "id": id, "status": "sent", "timestamp": "1790000000", "recipient_id": to });
    let value = json!({ "metadata": { "phone_number_id": place.phone_id() },
        "statuses": [status("wamid.1", ADA), status("wamid.2", BEN)] });
    place.post(&json!([{ "field": "messages", "value": value }])).await;
    let ids = async || {
        let taken = line.receiver.taken();
        taken.iter().map(|got| got.json()["data"]["status"]["id"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    place.until("the other person's is taken", async || ids().await == ["wamid.2"]).await;
    place.until("hers is pending", async || place.counts(&line.endpoint).await.waiting == 1).await;
    line.receiver.answer(|_| Reply::status(200));
    place.later(SignedDuration::from_mins(1));
    place.until_delivered(&line).await;
    assert_eq!(ids().await, ["wamid.2", "wamid.1"]);
}

async fn a_message_waits_only_for_its_own_conversation_and_survives_a_restart(engine: Engine) {
    let place = Place::on(engine).await;
    let line = place.line(Format::Standard).await;
    refuse(&line, ADA);
    place.batch(&[(ADA, "1"), (BEN, "2"), (ADA, "3"), (BEN, "4")]).await;
    place.messages(&[(BEN, "5"), (ADA, "6")]).await;
    place.until("his are taken in order", async || texts(&line.receiver.taken()) == ["2", "4", "5"]).await;
    place.until("hers are pending", async || place.counts(&line.endpoint).await.waiting == 3).await;
    place.app.app.stop().await;
    let again = place.app.start_again().await;
    server::startup::start_forwarding(&again);
    line.receiver.answer(|_| Reply::status(200));
    place.app.clock.advance(SignedDuration::from_mins(1));
    again.notifier.notify_endpoints();
    place.until_delivered(&line).await;
    assert_eq!(texts(&line.receiver.taken()), ["2", "4", "5", "1", "3", "6"], "once each, hers in order");
    again.stop().await;
}

async fn a_replay_of_an_event_sends_each_item_once_and_leaves_pending_ones_in_their_place(engine: Engine) {
    let place = Place::on(engine).await;
    let line = place.line(Format::Standard).await;
    refuse(&line, ADA);
    place.batch(&[(ADA, "hers"), (BEN, "his")]).await;
    place.until("hers is pending", async || place.counts(&line.endpoint).await.waiting == 1).await;
    let event = place.attempts(&line.endpoint).await[0].key.event;
    let replay = async |selector| {
        let endpoint = place.kept(&line.endpoint).await;
        request_replay(&place.app.app, &endpoint, selector, &|_| {}).await.unwrap()
    };
    assert_eq!(replay(ReplaySelector::Event(event)).await, 1);
    place.until("his comes again", async || texts(&line.receiver.taken()) == ["his", "his"]).await;
    let pending = Counts { waiting: 1, ..Counts::default() };
    let counts = async || Counts { next_try_at: None, ..place.counts(&line.endpoint).await };
    place.until("hers waits as before", async || counts().await == pending).await;

    // given up, it goes with the rest of its event
    place.until_dead(&line).await;
    line.receiver.answer(|_| Reply::status(200));
    let now = place.app.clock.now();
    let ever = ReplaySelector::Between(now - SignedDuration::from_hours(24 * 6), now);
    assert!(replay(ever).await >= 1);
    place.until_delivered(&line).await;
    let all = texts(&line.receiver.taken());
    let count = |of: &str| all.iter().filter(|text| *text == of).count();
    assert_eq!((count("his"), count("hers")), (3, 1), "{all:?}");
    assert_eq!(discard_dead_letters(&place.app.app, &place.kept(&line.endpoint).await).await.unwrap(), 0);
}

async fn the_api_lists_each_item_by_its_webhook_id(engine: Engine) {
    let place = Place::on(engine).await;
    let line = place.line(Format::Standard).await;
    refuse(&line, ADA);
    place.batch(&[(ADA, "hers"), (BEN, "his"), (ADA, "more")]).await;
    place.until("hers are pending", async || place.counts(&line.endpoint).await.waiting == 2).await;
    place.until("both attempts are stored", async || place.attempts(&line.endpoint).await.len() == 2).await;
    let own = place.app.path(&format!("/endpoints/{}", line.endpoint.id));
    let got = line.receiver.got();
    let id_of = |text_of: &str| got.iter().find(|got| text(&got.json()) == text_of).unwrap().id().to_owned();
    let attempts = place.app.get(&format!("{own}/deliveries")).await.expect(200);
    let outcomes: BTreeMap<&str, &str> = attempts["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| (row["webhook_id"].as_str().unwrap(), row["outcome"].as_str().unwrap()))
        .collect();
    let (hers, his) = (id_of("hers"), id_of("his"));
    assert_eq!(outcomes, BTreeMap::from([(hers.as_str(), "refused"), (his.as_str(), "delivered")]));

    // one at a time, by the cursor of the list
    let mut seen = Vec::new();
    let mut path = format!("{own}/retrying?limit=1");
    loop {
        let page = place.app.get(&path).await.expect(200);
        let row = page["data"][0].clone();
        seen.push((row["webhook_id"].as_str().unwrap().to_owned(), row["attempts"].as_u64().unwrap()));
        let Some(next) = page["next"].as_str() else { break };
        path = format!("{own}/retrying?limit=1&after={next}");
    }
    seen.sort_by_key(|(_, attempts)| *attempts);
    assert_eq!(seen.iter().map(|(_, attempts)| *attempts).collect::<Vec<_>>(), [0, 1]);
    assert_eq!(seen[1].0, hers);
    let event = attempts["data"][0]["event_id"].as_str().unwrap();
    let of_event =
        place.app.get(&place.app.inbox(place.inbox, &format!("/events/{event}/deliveries"))).await.expect(200);
    let entry = &of_event["data"][0];
    let counts = ["pending", "attempts"].map(|list| entry[list].as_array().unwrap().len());
    assert_eq!(counts, [2, 2], "{of_event}");

    let mut tx = place.app.app.store.read().await.unwrap();
    let rows = deliveries::list(&mut tx, line.endpoint.id, DeliveryState::Retrying, None, 10).await.unwrap();
    assert!(rows.iter().any(|row| row.key.webhook_id() == hers));
}

async fn a_caller_delays_no_other_caller(engine: Engine) {
    let place = Place::on(engine).await;
    let number = place.app.meta.number(place.phone_id()).unwrap().phone_number;
    for format in [Format::Standard, Format::Meta] {
        let line = place.line_of(place.app.account, None, format, &["calls"]).await;
        let from = move |post: &Value| match format {
            Format::Standard => whose(post).to_owned(),
            Format::Meta => post["entry"][0]["changes"][0]["value"]["calls"][0]["from"].as_str().unwrap().to_owned(),
        };
        line.receiver.answer(move |post| Reply::status(if from(post) == ADA { 400 } else { 200 }));
        for (id, from) in [("wacid.1", ADA), ("wacid.2", BEN)] {
            let call = json!({ "id": format!("{id}.{format:?}"), "from": from, "to": number, "event": "connect",
                "timestamp": "1790000000", "direction": "USER_INITIATED" });
            let metadata = json!({ "display_phone_number": number, "phone_number_id": place.phone_id() });
            let value = json!({ "messaging_product": "whatsapp", "metadata": metadata, "calls": [call] });
            place.post(&json!([{ "field": "calls", "value": value }])).await;
        }
        place.until("the other caller's is taken", async || line.receiver.taken().len() == 1).await;
        place.until("the first waits", async || place.counts(&line.endpoint).await.waiting == 1).await;
        endpoints_off(&place, &line).await;
    }
}

/// Nothing more is sent to an endpoint.
async fn endpoints_off(place: &Place, line: &Line) {
    server::flows::forwarding::endpoints::disable(&place.app.app, &line.endpoint).await.unwrap();
}

async fn a_group_keeps_its_order_and_delays_nobody_outside(engine: Engine) {
    let place = Place::on(engine).await;
    let line = place.line(Format::Standard).await;
    line.receiver.answer(|post| Reply::status(if text(post) == "first" { 400 } else { 200 }));
    let mut value = message(place.phone_id(), ADA, "first");
    value["messages"][0]["group_id"] = json!("G");
    let mut of_ben = message(place.phone_id(), BEN, "second")["messages"][0].clone();
    of_ben["group_id"] = json!("G");
    let direct = message(place.phone_id(), ADA, "direct")["messages"][0].clone();
    value["messages"].as_array_mut().unwrap().extend([of_ben, direct]);
    place.post(&json!([{ "field": "messages", "value": value }])).await;
    place.until("her own conversation goes on", async || texts(&line.receiver.taken()) == ["direct"]).await;
    place.until("the group waits", async || place.counts(&line.endpoint).await.waiting == 2).await;
    line.receiver.answer(|_| Reply::status(200));
    place.later(SignedDuration::from_mins(1));
    place.until_delivered(&line).await;
    assert_eq!(texts(&line.receiver.taken()), ["direct", "first", "second"]);
}

async fn errors_of_a_number_are_no_message(engine: Engine) {
    let place = Place::on(engine).await;
    let line = place.line(Format::Standard).await;
    let metadata = json!({ "phone_number_id": place.phone_id() });
    let errors = json!([{ "code": 130_429, "title": "Rate limit hit" }]);
    let odd = json!({ "metadata": metadata, "messages": [], "something_new": 1 });
    place
        .post(&json!([
            { "field": "messages", "value": { "metadata": metadata, "errors": errors } },
            { "field": "messages", "value": odd },
        ]))
        .await;
    let mut got: Vec<Value> = line.receiver.wait_for(2).await.iter().map(Got::json).collect();
    got.sort_by_key(|post| post["type"].as_str().unwrap().to_owned());
    assert_eq!((&got[0]["type"], &got[0]["data"]["errors"]), (&json!("whatsapp.error"), &errors));
    assert_eq!((&got[0]["data"]["metadata"], &got[0]["data"]["message"]), (&metadata, &Value::Null));
    assert_eq!((&got[1]["type"], &got[1]["data"]["value"]), (&json!("whatsapp.other"), &odd), "a shape nobody knows");
    // they are not repetitions of each other when they come again later
    place.post(&json!([{ "field": "messages", "value": { "errors": errors, "metadata": metadata, "n": 2 } }])).await;
    let got = line.receiver.wait_for(3).await;
    assert_eq!(got.iter().map(Got::id).collect::<std::collections::BTreeSet<_>>().len(), 3);
}

async fn a_message_keeps_its_id_in_whichever_batch_it_comes(engine: Engine) {
    let place = Place::on(engine).await;
    let line = place.line(Format::Standard).await;
    place.batch(&[(ADA, "one"), (BEN, "two")]).await;
    place.batch(&[(BEN, "two"), (ADA, "one")]).await;
    place.batch(&[(BEN, "two"), (BEN, "three")]).await;
    let got = line.receiver.wait_for(6).await;
    let mut ids: BTreeMap<String, Vec<(&str, Value)>> = BTreeMap::new();
    for got in &got {
        let data = got.json()["data"].clone();
        ids.entry(text(&got.json()).to_owned()).or_default().push((got.id(), data));
    }
    assert_eq!(ids.values().map(Vec::len).collect::<Vec<_>>(), [2, 1, 3], "{ids:?}");
    for (text, same) in &ids {
        assert!(same.iter().all(|it| *it == same[0]), "{text} differs: {same:?}");
    }
    let different: std::collections::BTreeSet<&str> = ids.values().map(|same| same[0].0).collect();
    assert_eq!(different.len(), 3, "{different:?}");
}
