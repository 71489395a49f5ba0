//! Webhook bodies as Meta writes them (facts §3.1 and §3.2). Every message has an id of its own. Must not know what
//! a receiver should do with a body.

use std::fmt::Write as _;

use serde_json::{Value, json};

/// A body and the ids of the messages in it.
#[derive(Debug, Clone, Default)]
pub(super) struct Payload {
    pub(super) bytes: Vec<u8>,
    pub(super) messages: Vec<String>,
}

/// Builds the payloads of one run.
#[derive(Debug)]
pub(super) struct Author {
    /// Id of the run; part of every message id.
    run: String,
    /// Start of the run, in Unix seconds.
    pub(super) seconds: i64,
    numbers: [String; 2],
}

/// WhatsApp Business Accounts of the two numbers.
const ACCOUNTS: [&str; 2] = ["710000000000101", "710000000000102"];

/// A number that the receiver does not know, and its account.
const UNKNOWN_NUMBER: (&str, &str) = ("729999999999999", "719999999999999");

/// Business-scoped user id of the sender.
const SCOPED_USER_ID: &str = "DE.1349120865530274";

/// The sender's business-scoped user id after a change.
const NEW_SCOPED_USER_ID: &str = "DE.2481730591287364";

impl Author {
    pub(super) fn new(run: &str, seconds: i64, numbers: [String; 2]) -> Self {
        Self { run: run.to_owned(), seconds, numbers }
    }

    /// Id of a message of this run.
    pub(super) fn id(&self, case: &str, at: usize) -> String {
        format!("wamid.{}.{case}.{at}", self.run)
    }

    /// A text message sent `at` seconds after the start of the run; `change` edits the webhook's value.
    pub(super) fn text(&self, case: &str, at: usize, change: impl FnOnce(&mut Value)) -> Payload {
        let id = self.id(case, at);
        let mut value = self.value(0, &[self.message(&id, at)]);
        change(&mut value);
        self.post(&json!([entry(ACCOUNTS[0], &[("messages", value)])]), vec![id])
    }

    /// Two accounts with two changes each and three messages in each change.
    pub(super) fn batch(&self, case: &str) -> Payload {
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

    /// One change with these messages of a case.
    pub(super) fn grouped(&self, case: &str, at: &[usize]) -> Payload {
        let ids: Vec<String> = at.iter().map(|at| self.id(case, *at)).collect();
        let messages: Vec<Value> = ids.iter().map(|id| self.message(id, 0)).collect();
        self.post(&json!([entry(ACCOUNTS[0], &[("messages", self.value(0, &messages))])]), ids)
    }

    /// Errors of the number itself, which belong to no message.
    pub(super) fn errors_only(&self) -> Payload {
        let error = json!({ "code": 130_429, "title": "Rate limit hit", "message": "Rate limit hit",
            "error_data": { "details": "Too many messages sent from this phone number in a short period of time." } });
        let mut value = self.value(0, &[]);
        without_contacts(&mut value);
        if let Some(value) = value.as_object_mut() {
            value.remove("messages");
            value.insert("errors".to_owned(), json!([error]));
        }
        self.post(&json!([entry(ACCOUNTS[0], &[("messages", value)])]), Vec::new())
    }

    /// Two people call the number at the same time.
    pub(super) fn calls(&self, case: &str) -> Payload {
        let change = |at: usize, from: &str| {
            let mut value = self.value(0, &[]);
            let id = self.id(case, at).replace("wamid", "wacid");
            let call = json!({ "id": id, "from": from, "to": value["metadata"]["display_phone_number"],
                "event": "connect", "timestamp": self.seconds.to_string(), "direction": "USER_INITIATED" });
            if let Some(value) = value.as_object_mut() {
                value.remove("messages");
                value.insert("contacts".to_owned(), json!([{ "wa_id": from }]));
                value.insert("calls".to_owned(), json!([call]));
            }
            ("calls", value)
        };
        let changes = [change(0, "16505550111"), change(1, "16505550122")];
        self.post(&json!([entry(ACCOUNTS[0], &changes)]), Vec::new())
    }

    /// A message that the business sent from its phone app.
    pub(super) fn echo(&self, case: &str) -> Payload {
        let mut value = self.value(0, &[]);
        let number = value["metadata"]["display_phone_number"].clone();
        let mut sent = self.message(&self.id(case, 0), 0);
        (sent["from"], sent["to"]) = (number, "16505550111".into());
        without_contacts(&mut value);
        if let (Some(value), Some(sent)) = (value.as_object_mut(), sent.as_object_mut()) {
            sent.remove("from_user_id");
            value.remove("messages");
            value.insert("message_echoes".to_owned(), json!([sent]));
        }
        self.post(&json!([entry(ACCOUNTS[0], &[("smb_message_echoes", value)])]), Vec::new())
    }

    /// A thousand changes with one message each, of exactly `bytes` bytes.
    pub(super) fn large(&self, case: &str, bytes: usize) -> Payload {
        let ids: Vec<String> = (0..1000).map(|at| self.id(case, at)).collect();
        let build = |text: usize, first: usize| {
            let change = |(at, id): (usize, &String)| {
                let mut message = self.message(id, 0);
                message["text"]["body"] = "p".repeat(if at == 0 { first } else { text }).into();
                ("messages", self.value(0, &[message]))
            };
            let changes: Vec<_> = ids.iter().enumerate().map(change).collect();
            self.post(&json!([entry(ACCOUNTS[0], &changes)]), ids.clone())
        };
        let padding = bytes.saturating_sub(build(0, 0).bytes.len());
        let each = padding / ids.len();
        build(each, each + padding % ids.len())
    }

    /// A message for a number that the receiver does not know.
    pub(super) fn for_unknown_number(&self, case: &str) -> Payload {
        let id = self.id(case, 0);
        let mut value = self.value(0, &[self.message(&id, 0)]);
        value["metadata"]["phone_number_id"] = UNKNOWN_NUMBER.0.into();
        self.post(&json!([entry(UNKNOWN_NUMBER.1, &[("messages", value)])]), vec![id])
    }

    /// A change of a field that Meta does not document.
    pub(super) fn unknown_field(&self) -> Payload {
        let value = json!({ "anything": [true], "display_phone_number": "15550100001" });
        self.post(&json!([entry(ACCOUNTS[0], &[("undocumented_field", value)])]), Vec::new())
    }

    /// An entry without changes.
    pub(super) fn empty(&self) -> Payload {
        self.post(&json!([entry(ACCOUNTS[0], &[])]), Vec::new())
    }

    fn post(&self, entries: &Value, messages: Vec<String>) -> Payload {
        let body = json!({ "object": "whatsapp_business_account", "entry": entries });
        debug_assert!(messages.iter().all(|id| id.contains(&self.run)));
        Payload { bytes: encode_as_meta(&body), messages }
    }

    fn value(&self, tenant: usize, messages: &[Value]) -> Value {
        json!({ "messaging_product": "whatsapp",
            "metadata": { "display_phone_number": format!("1555010000{}", tenant + 1),
                "phone_number_id": self.numbers[tenant] },
            "contacts": [{ "profile": { "name": "Example Customer" }, "wa_id": "16505550111", "user_id": SCOPED_USER_ID }],
            "messages": messages })
    }

    fn message(&self, id: &str, seconds: usize) -> Value {
        let at = self.seconds + i64::try_from(seconds).unwrap_or(0);
        json!({ "from": "16505550111", "from_user_id": SCOPED_USER_ID, "id": id, "timestamp": at.to_string(),
            "type": "text", "text": { "body": "Two loaves for Saturday, please" } })
    }
}

/// Removes the sender's phone number, so that only the business-scoped user id identifies the sender (facts §3.3).
pub(super) fn without_phone_number(value: &mut Value) {
    value["contacts"] = json!([{ "profile": { "name": "Example Customer" }, "user_id": SCOPED_USER_ID }]);
    if let Some(message) = value["messages"][0].as_object_mut() {
        message.remove("from");
    }
}

/// Writes the message in a group.
pub(super) fn in_group(value: &mut Value) {
    value["messages"][0]["group_id"] = "Y2FwaV9ncm91cDoxNTU1MDEwMDAwMQ".into();
}

/// Makes the message Meta's notice that the sender has another business-scoped user id now.
pub(super) fn with_changed_user_id(value: &mut Value) {
    without_contacts(value);
    if let Some(message) = value["messages"][0].as_object_mut() {
        for member in ["from", "from_user_id", "text"] {
            message.remove(member);
        }
        message.insert("type".to_owned(), json!("system"));
        let system = json!({ "type": "user_changed_user_id", "user_id": NEW_SCOPED_USER_ID,
            "previous_user_id": SCOPED_USER_ID,
            "body": format!("User Example Customer changed from {SCOPED_USER_ID} to {NEW_SCOPED_USER_ID}") });
        message.insert("system".to_owned(), system);
    }
}

/// Gives the sender the new business-scoped user id, and no phone number.
pub(super) fn from_new_user_id(value: &mut Value) {
    without_phone_number(value);
    value["contacts"][0]["user_id"] = NEW_SCOPED_USER_ID.into();
    value["messages"][0]["from_user_id"] = NEW_SCOPED_USER_ID.into();
}

/// Gives the message a type that Meta does not document.
pub(super) fn with_unknown_type(value: &mut Value) {
    if let Some(message) = value["messages"][0].as_object_mut() {
        message.remove("text");
        message.insert("type".to_owned(), json!("hologram"));
        message.insert("hologram".to_owned(), json!({ "id": "1", "depth": 3 }));
    }
}

pub(super) fn without_contacts(value: &mut Value) {
    if let Some(value) = value.as_object_mut() {
        value.remove("contacts");
    }
}

/// Puts non-ASCII characters and a slash into name and text.
pub(super) fn with_unicode(value: &mut Value) {
    value["contacts"][0]["profile"]["name"] = "Bäckerei Łódź".into();
    value["messages"][0]["text"]["body"] = "Zwölf Brötchen 🥐 für 3 €/Stück".into();
}

fn entry(id: &str, changes: &[(&str, Value)]) -> Value {
    let changes: Vec<Value> = changes.iter().map(|(field, value)| json!({ "value": value, "field": field })).collect();
    json!({ "id": id, "changes": changes })
}

/// JSON with non-ASCII characters as `\uXXXX` in lower-case hex and `/` as `\/`, as Meta signs it (facts §3.1).
fn encode_as_meta(value: &Value) -> Vec<u8> {
    let plain = value.to_string();
    let mut out = String::with_capacity(plain.len());
    for letter in plain.chars() {
        if letter == '/' {
            out.push_str("\\/");
        } else if letter.is_ascii() {
            out.push(letter);
        } else {
            for unit in letter.encode_utf16(&mut [0; 2]) {
                // writing to a String cannot fail
                let _ = write!(out, "\\u{unit:04x}");
            }
        }
    }
    out.into_bytes()
}
