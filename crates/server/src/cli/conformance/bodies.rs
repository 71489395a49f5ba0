//! What is posted: bodies as Meta writes them (facts §3.1 and §3.2), every message with an id of its own.
//! Must not know what a receiver should do with them.

use std::fmt::Write as _;

use serde_json::{Value, json};

/// A body and the ids of the messages in it.
#[derive(Debug, Clone, Default)]
pub(super) struct Post {
    pub(super) bytes: Vec<u8>,
    pub(super) messages: Vec<String>,
}

/// Writes the posts of one run.
#[derive(Debug)]
pub(super) struct Author {
    /// Told apart from every other run.
    run: String,
    /// When the run began, in Unix seconds.
    pub(super) seconds: i64,
    numbers: [String; 2],
}

/// The accounts the two numbers belong to.
const ACCOUNTS: [&str; 2] = ["710000000000101", "710000000000102"];

/// A number of no tenant, and its account.
pub(super) const STRANGER: (&str, &str) = ("729999999999999", "719999999999999");

/// The sender's business-scoped id where it shows no number.
const SCOPED: &str = "DE.1349120865530274";

impl Author {
    pub(super) fn new(run: &str, seconds: i64, numbers: [String; 2]) -> Self {
        Self { run: run.to_owned(), seconds, numbers }
    }

    /// The id of a message of this run.
    pub(super) fn id(&self, case: &str, at: usize) -> String {
        format!("wamid.{}.{case}.{at}", self.run)
    }

    /// One text, of this many seconds after the run began, and what is changed about its value.
    pub(super) fn text(&self, case: &str, at: usize, change: impl FnOnce(&mut Value)) -> Post {
        let id = self.id(case, at);
        let mut value = self.value(0, &[self.message(&id, at)]);
        change(&mut value);
        self.post(&json!([entry(ACCOUNTS[0], &[("messages", value)])]), vec![id])
    }

    /// Two accounts with two changes of three messages each.
    pub(super) fn batch(&self, case: &str) -> Post {
        let ids: Vec<String> = (0..12).map(|at| self.id(case, at)).collect();
        let change = |tenant: usize, ids: &[String]| {
            let messages: Vec<Value> = ids.iter().map(|id| self.message(id, 0)).collect();
            ("messages", self.value(tenant, &messages))
        };
        let of = |tenant: usize, ids: &[String]| {
            let changes: Vec<_> = ids.chunks(3).map(|three| change(tenant, three)).collect();
            entry(ACCOUNTS[tenant], &changes)
        };
        self.post(&json!([of(0, &ids[..6]), of(1, &ids[6..])]), ids)
    }

    /// A thousand changes of one message each, and exactly so many bytes.
    pub(super) fn large(&self, case: &str, bytes: usize) -> Post {
        let ids: Vec<String> = (0..1000).map(|at| self.id(case, at)).collect();
        let written = |text: usize, last: usize| {
            let change = |(at, id): (usize, &String)| {
                let mut message = self.message(id, 0);
                message["text"]["body"] = "p".repeat(if at == 0 { last } else { text }).into();
                ("messages", self.value(0, &[message]))
            };
            let changes: Vec<_> = ids.iter().enumerate().map(change).collect();
            self.post(&json!([entry(ACCOUNTS[0], &changes)]), ids.clone())
        };
        let room = bytes.saturating_sub(written(0, 0).bytes.len());
        let each = room / ids.len();
        written(each, each + room % ids.len())
    }

    /// A message for a number that is no tenant's.
    pub(super) fn for_a_stranger(&self, case: &str) -> Post {
        let id = self.id(case, 0);
        let mut value = self.value(0, &[self.message(&id, 0)]);
        value["metadata"]["phone_number_id"] = STRANGER.0.into();
        self.post(&json!([entry(STRANGER.1, &[("messages", value)])]), vec![id])
    }

    /// A change of a field that no document names.
    pub(super) fn unknown_field(&self) -> Post {
        let value = json!({ "anything": [true], "display_phone_number": "15550100001" });
        self.post(&json!([entry(ACCOUNTS[0], &[("a_field_of_tomorrow", value)])]), Vec::new())
    }

    /// An entry without a change.
    pub(super) fn empty(&self) -> Post {
        self.post(&json!([entry(ACCOUNTS[0], &[])]), Vec::new())
    }

    fn post(&self, entries: &Value, messages: Vec<String>) -> Post {
        let whole = json!({ "object": "whatsapp_business_account", "entry": entries });
        debug_assert!(messages.iter().all(|id| id.contains(&self.run)));
        Post { bytes: as_meta_writes(&whole), messages }
    }

    fn value(&self, tenant: usize, messages: &[Value]) -> Value {
        json!({ "messaging_product": "whatsapp",
            "metadata": { "display_phone_number": format!("1555010000{}", tenant + 1),
                "phone_number_id": self.numbers[tenant] },
            "contacts": [{ "profile": { "name": "Example Customer" }, "wa_id": "16505550111", "user_id": SCOPED }],
            "messages": messages })
    }

    fn message(&self, id: &str, later: usize) -> Value {
        let at = self.seconds + i64::try_from(later).unwrap_or(0);
        json!({ "from": "16505550111", "from_user_id": SCOPED, "id": id, "timestamp": at.to_string(),
            "type": "text", "text": { "body": "Two loaves for Saturday, please" } })
    }
}

/// The sender shows no phone number: only the business-scoped id tells who it was (facts §3.3).
pub(super) fn without_phone_number(value: &mut Value) {
    value["contacts"] = json!([{ "profile": { "name": "Example Customer" }, "user_id": SCOPED }]);
    if let Some(message) = value["messages"][0].as_object_mut() {
        message.remove("from");
    }
}

/// A kind of message that no document names.
pub(super) fn of_unknown_type(value: &mut Value) {
    if let Some(message) = value["messages"][0].as_object_mut() {
        message.remove("text");
        message.insert("type".to_owned(), json!("hologram"));
        message.insert("hologram".to_owned(), json!({ "id": "1", "depth": 3 }));
    }
}

/// Nobody's row stands beside the message.
pub(super) fn without_contacts(value: &mut Value) {
    if let Some(value) = value.as_object_mut() {
        value.remove("contacts");
    }
}

/// A text and a name beyond ASCII, and a slash.
pub(super) fn beyond_ascii(value: &mut Value) {
    value["contacts"][0]["profile"]["name"] = "Bäckerei Łódź".into();
    value["messages"][0]["text"]["body"] = "Zwölf Brötchen 🥐 für 3 €/Stück".into();
}

fn entry(id: &str, changes: &[(&str, Value)]) -> Value {
    let changes: Vec<Value> = changes.iter().map(|(field, value)| json!({ "value": value, "field": field })).collect();
    json!({ "id": id, "changes": changes })
}

/// Non-ASCII as `\uXXXX` in lower hex and `/` as `\/`: what Meta signs (facts §3.1).
fn as_meta_writes(value: &Value) -> Vec<u8> {
    let plain = value.to_string();
    let mut out = String::with_capacity(plain.len());
    for letter in plain.chars() {
        if letter == '/' {
            out.push_str("\\/");
        } else if letter.is_ascii() {
            out.push(letter);
        } else {
            for unit in letter.encode_utf16(&mut [0; 2]) {
                // writing into a text cannot fail
                let _ = write!(out, "\\u{unit:04x}");
            }
        }
    }
    out.into_bytes()
}
