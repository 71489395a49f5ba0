//! The posts of Meta (facts §3.1 and §3.2), and the updates that a consumer must get from them. Must not know who forwards.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::HandledUpdate;

/// A number and its WABA.
pub(super) struct Number {
    pub(super) id: String,
    pub(super) waba: String,
}

/// One or more posts, and the updates that the endpoint's account must get.
pub(super) struct Case {
    pub(super) name: &'static str,
    pub(super) bodies: Vec<Vec<u8>>,
    /// The expected updates, sorted.
    pub(super) due: Vec<HandledUpdate>,
    /// Whether one change contains several messages.
    pub(super) in_one_change: bool,
}

/// The sender. pywa 4.5 needs a contact with a `user_id` for a sender.
const PERSON: &str = "16505550111";
const SCOPED: &str = "US.1349120865530274";

/// Characters outside ASCII and outside the basic plane, with a line break and characters that JSON escapes.
const UNUSUAL_TEXT: &str = "Zwei Laibe für Samstag, bitte \u{1f950}\u{1f1e9}\u{1f1ea}\n\"مرحبا\" \\ </b> \u{2028}";

/// Every case: `first` and `second` belong to the account, `foreign` to another tenant.
pub(super) fn all(first: &Number, second: &Number, foreign: &Number) -> Vec<Case> {
    let mut cases = vec![
        one("text", first, &text("text", "Two loaves for Saturday, please")),
        one("text beyond ASCII", first, &text("unicode", UNUSUAL_TEXT)),
        one("image with a caption", first, &image("image")),
        one("reply button", first, &button("button")),
        one("list selection", first, &selection("list")),
        one("status", first, &status("status")),
    ];
    let again = text("again", "Sent twice");
    let duplicated = post(&[(first, vec![&again])]);
    cases.push(Case {
        name: "the same post twice",
        bodies: vec![duplicated.clone(), duplicated],
        due: vec![again.due(first)],
        in_one_change: false,
    });
    let things = ["a", "b", "c"].map(|id| text(id, "One of a batch"));
    let (pressed, read, other) = (button("d"), status("e"), text("f", "Not for you"));
    let [a, b, c] = &things;
    let mut due = vec![a.due(first), b.due(first), c.due(second), pressed.due(second), read.due(first)];
    due.sort();
    cases.push(Case {
        name: "one post: two accounts of Meta's and another tenant's, six changes",
        bodies: vec![post(&[
            (first, vec![a]),
            (first, vec![b]),
            (foreign, vec![&other]),
            (second, vec![c]),
            (second, vec![&pressed]),
            (first, vec![&read]),
        ])],
        due,
        in_one_change: false,
    });
    let three = ["one", "two", "three"].map(|id| text(id, "Three in one change"));
    let mut due: Vec<_> = three.iter().map(|thing| thing.due(first)).collect();
    due.sort();
    cases.push(Case {
        name: "three messages in one change",
        bodies: vec![post(&[(first, three.iter().collect())])],
        due,
        in_one_change: true,
    });
    cases.push(Case {
        name: "another tenant's text",
        bodies: vec![post(&[(foreign, vec![&text("foreign", "Not for you either")])])],
        due: Vec::new(),
        in_one_change: false,
    });
    cases
}

/// A message or a status, and the update that a handler must get.
struct Thing {
    handler: &'static str,
    body: Value,
    content: String,
}

impl Thing {
    fn due(&self, number: &Number) -> HandledUpdate {
        HandledUpdate {
            handler: self.handler.to_owned(),
            id: self.body["id"].as_str().unwrap_or_default().to_owned(),
            waba: number.waba.clone(),
            number: number.id.clone(),
            person: Some(PERSON.to_owned()),
            content: Some(self.content.clone()),
        }
    }
}

fn one(name: &'static str, number: &Number, thing: &Thing) -> Case {
    let due = vec![thing.due(number)];
    Case { name, bodies: vec![post(&[(number, vec![thing])])], due, in_one_change: false }
}

fn message(id: &str, kind: &str, content: &Value) -> Value {
    json!({ "from": PERSON, "from_user_id": SCOPED, "id": format!("wamid.consumer.{id}"), "timestamp": "1795600000",
        "type": kind, kind: content })
}

fn text(id: &str, content: &str) -> Thing {
    Thing { handler: "message", body: message(id, "text", &json!({ "body": content })), content: content.to_owned() }
}

fn image(id: &str) -> Thing {
    let (media, hash) = ("1479537139650973", "oVX7hQ0vJ+q1B2DgVt5T0pA6Q8y0Yq0Xh6m1cQ==");
    let payload = json!({ "caption": "The order \u{1f35e}", "mime_type": "image/jpeg", "sha256": hash, "id": media });
    let content = format!("{media} {hash} The order \u{1f35e}");
    Thing { handler: "message", body: message(id, "image", &payload), content }
}

/// A reply to the message with the button or the list.
fn reply(id: &str, content: &Value) -> Value {
    let mut body = message(id, "interactive", content);
    body["context"] = json!({ "from": "15550100001", "id": "wamid.consumer.asked" });
    body
}

fn button(id: &str) -> Thing {
    let payload = json!({ "type": "button_reply", "button_reply": { "id": "confirm:17", "title": "Confirm" } });
    Thing { handler: "button", body: reply(id, &payload), content: "confirm:17 Confirm".to_owned() }
}

fn selection(id: &str) -> Thing {
    let payload = json!({ "type": "list_reply",
        "list_reply": { "id": "slot:9", "title": "Nine o'clock", "description": "Pick it up at nine" } });
    Thing { handler: "selection", body: reply(id, &payload), content: "slot:9 Nine o'clock".to_owned() }
}

fn status(id: &str) -> Thing {
    let body = json!({ "id": format!("wamid.consumer.{id}"), "status": "delivered", "timestamp": "1795600001",
        "recipient_id": PERSON, "recipient_user_id": SCOPED,
        "pricing": { "billable": true, "pricing_model": "PMP", "category": "utility", "type": "regular" } });
    Thing { handler: "status", body, content: "delivered".to_owned() }
}

/// One post with a change for each of these, in order; consecutive ones of one account share an entry.
fn post(changes: &[(&Number, Vec<&Thing>)]) -> Vec<u8> {
    let entries = changes.chunk_by(|(one, _), (next, _)| one.waba == next.waba).filter_map(|same| {
        let (number, _) = same.first()?;
        let changes: Vec<Value> = same.iter().map(|(number, things)| change(number, things)).collect();
        Some(json!({ "id": number.waba, "changes": changes }))
    });
    let whole = json!({ "object": "whatsapp_business_account", "entry": entries.collect::<Vec<_>>() });
    as_meta_escapes(&whole.to_string())
}

fn change(number: &Number, things: &[&Thing]) -> Value {
    let is_status = things.iter().all(|thing| thing.handler == "status");
    let bodies: Vec<&Value> = things.iter().map(|thing| &thing.body).collect();
    let items = if is_status { "statuses" } else { "messages" };
    json!({ "field": "messages", "value": { "messaging_product": "whatsapp",
        "metadata": { "display_phone_number": "15550100001", "phone_number_id": number.id },
        "contacts": [{ "profile": { "name": "Zoë \u{1f950}" }, "wa_id": PERSON, "user_id": SCOPED }],
        items: bodies } })
}

/// Meta escapes characters outside ASCII as `\uXXXX`, and `/` as `\/`.
fn as_meta_escapes(json: &str) -> Vec<u8> {
    let mut written = String::with_capacity(json.len());
    for character in json.chars() {
        match character {
            '/' => written.push_str("\\/"),
            character if character.is_ascii() => written.push(character),
            character => {
                for unit in character.encode_utf16(&mut [0; 2]) {
                    let _ = write!(written, "\\u{unit:04x}");
                }
            }
        }
    }
    written.into_bytes()
}
