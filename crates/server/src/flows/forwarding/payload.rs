//! Encoding of an event for an endpoint, item by item: as Meta posts it, or by Standard Webhooks, with the endpoint's signature.
//! Pure: an entry of the log in, payloads out. Must not send, and must not decide whether to.

use std::collections::HashMap;

use aws_lc_rs::digest::{Context, SHA256};
use bytes::Bytes;
use domain::delivery::{ANNOUNCEMENT_FIELD, Counterpart, EventKind, Format, OrderingKey};
use domain::ids::AccountId;
use graph_api::webhook::RawChange;
use jiff::Timestamp;
use secrecy::SecretString;
use serde::Serialize;
use serde_json::value::RawValue;

use super::signature;
use crate::store::deliveries::log::Entry;
use crate::store::endpoints::Endpoint;
use crate::store::events::body::{self, StoredBody};
use crate::store::ids::{DeliveryKey, EventId, ItemId};

/// An item with its position in the log. The index keeps the order of an event's items; it moves when an item before it is
/// erased, and nothing stored depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Position {
    pub(super) event: EventId,
    pub(super) index: u32,
    pub(super) item: ItemId,
}

impl Position {
    /// The first position of an event.
    pub(super) const fn first_of(event: EventId) -> Self {
        Self { event, index: 0, item: ItemId::WHOLE }
    }

    /// What the delivery is stored under.
    pub(super) const fn key(self) -> DeliveryKey {
        DeliveryKey { event: self.event, item: self.item }
    }
}

/// The body of one request to an endpoint. It is signed when it is sent, because a signature may hold the time.
#[derive(Debug, Clone)]
pub(super) struct Payload {
    /// The id that a receiver deduplicates by; stable across retries, replays and Meta's own repetitions.
    pub(super) id: String,
    pub(super) body: Bytes,
}

/// An item encoded for one endpoint: one request.
#[derive(Debug, Clone)]
pub(super) struct EncodedItem {
    pub(super) position: Position,
    /// The conversations of the item.
    pub(super) keys: Vec<OrderingKey>,
    pub(super) payload: Payload,
}

/// Encodes an event for an endpoint: its items in order; none when the endpoint wants nothing of it.
pub(super) fn encode(endpoint: &Endpoint, entry: &Entry) -> Vec<EncodedItem> {
    encode_where(endpoint, entry, |_| true)
}

/// The items that the endpoint wants of an event, without their payloads.
pub(super) fn list_items(endpoint: &Endpoint, entry: &Entry) -> Vec<(Position, Vec<OrderingKey>)> {
    encode(endpoint, entry).into_iter().map(|encoded| (encoded.position, encoded.keys)).collect()
}

/// Encodes one item of an event; `None` when it was removed or the endpoint does not want it any more.
pub(super) fn encode_one(endpoint: &Endpoint, entry: &Entry, item: ItemId) -> Option<Payload> {
    encode_where(endpoint, entry, |other| other == item).pop().map(|encoded| encoded.payload)
}

fn encode_where(endpoint: &Endpoint, entry: &Entry, is_needed: impl Fn(ItemId) -> bool) -> Vec<EncodedItem> {
    let kinds = &endpoint.settings.kinds;
    let Some(StoredBody { entry_id, time, value }) = body::decode(&entry.body) else { return Vec::new() };
    let Ok(change) = RawChange::from_parts(entry_id, &entry.field, time, value) else { return Vec::new() };
    let items = change.items();
    let wants = |kind| kinds.contains(&kind);
    let kind = EventKind::of_field(&entry.field);
    let is_of_messages = kind == EventKind::Messages;
    let has_statuses = !items.statuses.is_empty();
    let only_statuses = items.messages.is_empty() && items.errors.is_none() && has_statuses;
    let wants_messages = (wants(EventKind::Messages) && !only_statuses) || (wants(EventKind::Statuses) && has_statuses);
    if !(if is_of_messages { wants_messages } else { wants(kind) }) {
        return Vec::new();
    }
    let keys = |kind, counterparts: &[Counterpart]| OrderingKey::of(entry.channel, kind, counterparts);
    let whole = |body: Vec<u8>| {
        let position = Position::first_of(entry.id);
        let payload = Payload { id: position.key().webhook_id(), body: body.into() };
        let item = EncodedItem { position, keys: keys(kind, &items.counterparts), payload };
        if is_needed(position.item) { vec![item] } else { Vec::new() }
    };
    let envelope = StandardEnvelope { account: endpoint.account_id, entry, waba: change.entry_id.as_ref() };
    if endpoint.format == Format::Meta {
        return whole(change.as_post());
    }
    if !is_of_messages || (items.messages.is_empty() && items.statuses.is_empty() && items.errors.is_none()) {
        // a messages change of a shape that this version does not know holds no message
        let kind = if is_of_messages { EventKind::Other } else { kind };
        let field = Some(entry.field.as_str()).filter(|field| *field != ANNOUNCEMENT_FIELD);
        return whole(envelope.write(type_of(kind), Data { field, value: Some(change.value), ..Data::default() }));
    }
    let metadata = metadata(change.value);
    let mut encoded = Vec::with_capacity(items.messages.len() + items.statuses.len());
    let mut ids = ItemIds { event: entry.id, seen: HashMap::new() };
    let of_messages = items
        .messages
        .iter()
        .map(|item| (EventKind::Messages, item, Data { metadata, message: Some(item.raw), ..Data::default() }));
    let of_statuses = items
        .statuses
        .iter()
        .map(|item| (EventKind::Statuses, item, Data { metadata, status: Some(item.raw), ..Data::default() }));
    // identified and numbered before the filter, so that nothing changes when the wanted kinds do
    let mut index = 0;
    let mut add = |kind, word, item: ItemId, counterparts: &[Counterpart], data| {
        let position = Position { event: entry.id, index, item };
        index += 1;
        if wants(kind) && is_needed(item) {
            let payload = Payload { id: position.key().webhook_id(), body: envelope.write(word, data).into() };
            encoded.push(EncodedItem { position, keys: keys(kind, counterparts), payload });
        }
    };
    for (kind, item, data) in of_messages.chain(of_statuses) {
        let contacts = Some(item.contacts.as_slice()).filter(|contacts| !contacts.is_empty());
        let id = ids.of(item.identity.as_deref(), item.raw);
        add(kind, type_of(kind), id, &item.counterparts, Data { contacts, ..data });
    }
    if let Some(errors) = items.errors {
        let data = Data { metadata, errors: Some(errors), ..Data::default() };
        add(EventKind::Messages, "whatsapp.error", ids.of(None, errors), &[], data);
    }
    encoded
}

/// Identifies the items of one event.
struct ItemIds {
    event: EventId,
    seen: HashMap<ItemId, u32>,
}

impl ItemIds {
    /// The id of the next item: by what identifies it at Meta, wherever Meta repeats it; without that by its text within the
    /// event. Never by its index, which changes when an item before it is erased.
    fn of(&mut self, identity: Option<&[String]>, raw: &RawValue) -> ItemId {
        let id = match identity {
            Some(identity) => digest_of(identity.iter().map(String::as_str)),
            None => digest_of([self.event.to_string().as_str(), raw.get()]),
        };
        let count = self.seen.entry(id).or_default();
        *count += 1;
        // two items that look the same are two
        if *count == 1 { id } else { digest_of([id.0.simple().to_string().as_str(), &count.to_string()]) }
    }
}

fn digest_of<'a>(parts: impl IntoIterator<Item = &'a str>) -> ItemId {
    let mut hash = Context::new(&SHA256);
    for part in parts {
        hash.update(&(part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    ItemId::of_digest(hash.finish().as_ref().first_chunk().copied().unwrap_or_default())
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
#[derive(Clone, Copy, Serialize, Default)]
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
    errors: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<&'a RawValue>,
}

/// What the payloads of one event have in common.
struct StandardEnvelope<'a> {
    account: AccountId,
    entry: &'a Entry,
    waba: &'a str,
}

impl<'a> StandardEnvelope<'a> {
    fn write(&self, kind: &str, data: Data<'a>) -> Vec<u8> {
        let data = Data {
            account_id: self.account.0,
            inbox_id: self.entry.channel.map(|id| id.0),
            waba_id: Some(self.waba).filter(|id| !id.is_empty()),
            ..data
        };
        let envelope = Envelope { kind, timestamp: self.entry.received_at.to_string(), data };
        serde_json::to_vec(&envelope).unwrap_or_default()
    }
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
