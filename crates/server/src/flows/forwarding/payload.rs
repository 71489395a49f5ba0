//! Encoding of an event for an endpoint: as Meta posts it, or by Standard Webhooks, with the endpoint's signature.
//! Pure: an entry of the log in, payloads out. Must not send, and must not decide whether to.

use std::hash::{Hash, Hasher};

use aws_lc_rs::digest::{SHA256, digest};
use bytes::Bytes;
use domain::delivery::{ANNOUNCEMENT_FIELD, EventKind, Format, OrderingKey};
use domain::ids::AccountId;
use graph_api::webhook::{Items, RawChange};
use jiff::Timestamp;
use secrecy::SecretString;
use serde::Serialize;
use serde_json::value::RawValue;

use super::signature;
use crate::store::deliveries::log::Entry;
use crate::store::endpoints::Endpoint;
use crate::store::events::body::{self, StoredBody};

/// The body of one request to an endpoint. It is signed when it is sent, because a signature may hold the time.
#[derive(Debug, Clone)]
pub(super) struct Payload {
    /// The index within the event; stable across retries and replays.
    pub(super) part: u32,
    /// The id that a receiver deduplicates by; stable across retries and replays.
    pub(super) id: String,
    pub(super) body: Bytes,
}

/// An event encoded for one endpoint.
#[derive(Debug, Clone, Default)]
pub(super) struct Encoded {
    /// In order; empty when the endpoint wants nothing of the event.
    pub(super) payloads: Vec<Payload>,
    /// The conversations of the event.
    pub(super) keys: Vec<OrderingKey>,
}

/// Encodes an event for an endpoint.
pub(super) fn encode(endpoint: &Endpoint, entry: &Entry) -> Encoded {
    let kinds = &endpoint.settings.kinds;
    let Some(StoredBody { entry_id, time, value }) = body::decode(&entry.body) else { return Encoded::default() };
    let Ok(change) = RawChange::from_parts(entry_id, &entry.field, time, value) else { return Encoded::default() };
    let items = change.items();
    let wants = |kind| kinds.contains(&kind);
    let kind = EventKind::of_field(&entry.field);
    let is_wanted = if kind == EventKind::Messages {
        let only_statuses = items.messages.is_empty() && !items.statuses.is_empty();
        (wants(EventKind::Messages) && !only_statuses) || (wants(EventKind::Statuses) && !items.statuses.is_empty())
    } else {
        wants(kind)
    };
    if !is_wanted {
        return Encoded::default();
    }
    let payloads = match endpoint.format {
        Format::Meta => vec![Payload { part: 0, id: entry.id.to_string(), body: change.as_post().into() }],
        Format::Standard => encode_standard(endpoint.account_id, entry, kind, &change, &items, wants),
    };
    Encoded { payloads, keys: ordering_keys(entry, kind, &items.people) }
}

/// One key per person. Events about no person keep their order among events of their kind.
fn ordering_keys(entry: &Entry, kind: EventKind, people: &[String]) -> Vec<OrderingKey> {
    let key = |name: &str| {
        // a hasher without random keys: no other process compares them
        let mut hasher = std::hash::DefaultHasher::new();
        (entry.channel, name).hash(&mut hasher);
        OrderingKey(hasher.finish())
    };
    if people.is_empty() { vec![key(kind.into_str())] } else { people.iter().map(|name| key(name)).collect() }
}

/// The body of a Standard Webhooks request.
#[derive(Serialize)]
struct Envelope<'a, D> {
    #[serde(rename = "type")]
    kind: &'a str,
    /// When Linekeeper received the event.
    timestamp: String,
    data: D,
}

/// The number and the account of the event, and Meta's own JSON.
#[derive(Serialize)]
struct Data<'a> {
    account_id: i64,
    inbox_id: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    waba_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    metadata: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    contacts: Option<&'a [&'a RawValue]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<&'a RawValue>,
}

fn encode_standard(
    account: AccountId,
    entry: &Entry,
    kind: EventKind,
    change: &RawChange<'_>,
    items: &Items<'_>,
    wants: impl Fn(EventKind) -> bool,
) -> Vec<Payload> {
    let base = || Data {
        account_id: account.0,
        inbox_id: entry.channel.map(|id| id.0),
        waba_id: Some(change.entry_id.as_ref()).filter(|id| !id.is_empty()),
        field: None,
        metadata: None,
        contacts: None,
        message: None,
        status: None,
        value: None,
    };
    if kind != EventKind::Messages || (items.messages.is_empty() && items.statuses.is_empty()) {
        let field = Some(entry.field.as_str()).filter(|field| *field != ANNOUNCEMENT_FIELD);
        let data = Data { field, value: Some(change.value), ..base() };
        return vec![standard_payload(entry, 0, entry.id.to_string(), type_of(kind), &data)];
    }
    let metadata = metadata(change.value);
    let contacts = Some(items.contacts.as_slice()).filter(|contacts| !contacts.is_empty());
    let mut payloads = Vec::with_capacity(items.messages.len() + items.statuses.len());
    let messages = items.messages.iter().map(|raw| (EventKind::Messages, *raw));
    let statuses = items.statuses.iter().map(|raw| (EventKind::Statuses, *raw));
    // numbered before the filter, so that a part keeps its number when the wanted kinds change
    for (part, (kind, raw)) in (0_u32..).zip(messages.chain(statuses)) {
        if !wants(kind) {
            continue;
        }
        let data = if kind == EventKind::Statuses {
            Data { metadata, status: Some(raw), ..base() }
        } else {
            Data { metadata, contacts, message: Some(raw), ..base() }
        };
        payloads.push(standard_payload(entry, part, item_id(entry, raw), type_of(kind), &data));
    }
    payloads
}

fn standard_payload(entry: &Entry, part: u32, id: String, kind: &str, data: &Data<'_>) -> Payload {
    let envelope = Envelope { kind, timestamp: entry.received_at.to_string(), data };
    let body = serde_json::to_vec(&envelope).unwrap_or_default();
    Payload { part, id, body: body.into() }
}

/// The id of one message of an event. It depends on the content and not on the index, which changes when a message
/// before it is erased.
fn item_id(entry: &Entry, raw: &RawValue) -> String {
    let hash = digest(&SHA256, raw.get().as_bytes());
    format!("{}_{}", entry.id, hex::encode(hash.as_ref().get(..6).unwrap_or_default()))
}

/// The `type` of a Standard Webhooks payload.
const fn type_of(kind: EventKind) -> &'static str {
    match kind {
        EventKind::Messages => "whatsapp.message",
        EventKind::Statuses => "whatsapp.status",
        EventKind::Templates => "whatsapp.template",
        EventKind::Calls => "whatsapp.call",
        EventKind::Account => "whatsapp.account",
        EventKind::Coexistence => "whatsapp.coexistence",
        EventKind::Announcements => "linekeeper.announcement",
        EventKind::Other => "whatsapp.other",
    }
}

fn metadata(value: &RawValue) -> Option<&RawValue> {
    #[derive(serde::Deserialize)]
    struct Holder<'a> {
        #[serde(borrow, default)]
        metadata: Option<&'a RawValue>,
    }
    serde_json::from_str::<Holder<'_>>(value.get()).ok()?.metadata
}

/// The headers of a request: the endpoint's own, and the signatures as of `now`.
pub(super) fn headers(endpoint: &Endpoint, payload: &Payload, now: Timestamp) -> Vec<(String, SecretString)> {
    let mut headers: Vec<(String, SecretString)> =
        endpoint.settings.headers.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
    let mut add = |name: &str, value: String| headers.push((name.to_owned(), value.into()));
    add("content-type", "application/json".to_owned());
    let previous = endpoint.previous_secret.as_ref().filter(|(_, until)| *until > now).map(|(secret, _)| secret);
    match endpoint.format {
        Format::Meta => {
            add("x-hub-signature-256", graph_api::webhook::sign(&endpoint.secret, &payload.body));
            if let Some(previous) = previous {
                // Meta's header holds one signature; during a change of the secret a consumer may check this one too
                add("x-linekeeper-signature-256-before", graph_api::webhook::sign(previous, &payload.body));
            }
            add("x-linekeeper-event", payload.id.clone());
        }
        Format::Standard => {
            let seconds = now.as_second();
            let sign = |secret: &SecretString| signature::sign(secret, &payload.id, seconds, &payload.body);
            let signatures: Vec<String> = std::iter::once(&endpoint.secret).chain(previous).map(sign).collect();
            add("webhook-id", payload.id.clone());
            add("webhook-timestamp", seconds.to_string());
            add("webhook-signature", signatures.join(" "));
        }
    }
    headers
}
