//! How an event is written for an endpoint: as Meta posts it, or by Standard Webhooks, signed with the
//! endpoint's own secret. Pure: an entry of the log in, posts out. Must not send, and must not decide
//! whether to.

use std::hash::{Hash, Hasher};

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use domain::delivery::lanes::Lane;
use domain::delivery::{ANNOUNCEMENT_FIELD, EventKind, Format};
use domain::ids::AccountId;
use graph_api::webhook::{Items, RawChange};
use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Serialize;
use serde_json::value::RawValue;

use crate::store::deliveries::log::Entry;
use crate::store::endpoints::Endpoint;
use crate::store::events::body::{self, StoredBody};

/// What a Standard Webhooks secret begins with.
pub(crate) const SECRET_PREFIX: &str = "whsec_";

/// One post to an endpoint, not yet signed: a signature may hold the time.
#[derive(Debug, Clone)]
pub(crate) struct Post {
    /// Which part of the event; the same for the same event, however it is sent.
    pub(crate) part: u32,
    /// What tells it from every other; the same whenever it is sent.
    pub(crate) id: String,
    pub(crate) body: Bytes,
}

/// An event as an endpoint gets it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Written {
    /// In order; empty where the endpoint wants none of it.
    pub(crate) posts: Vec<Post>,
    /// The conversations it belongs to.
    pub(crate) lanes: Vec<Lane>,
}

/// Writes an event for an endpoint.
pub(crate) fn write(endpoint: &Endpoint, entry: &Entry) -> Written {
    let kinds = &endpoint.settings.kinds;
    let Some(StoredBody { entry_id, time, value }) = body::decode(&entry.body) else {
        return Written::default();
    };
    let Ok(change) = RawChange::from_parts(entry_id, &entry.field, time, value) else { return Written::default() };
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
        return Written::default();
    }
    let posts = match endpoint.format {
        Format::Meta => vec![Post { part: 0, id: entry.id.to_string(), body: change.as_post().into() }],
        Format::Standard => standard(endpoint.account_id, entry, kind, &change, &items, wants),
    };
    Written { posts, lanes: lanes(entry, kind, &items.people) }
}

/// The conversations of an event. What is about no person keeps its order among its like.
fn lanes(entry: &Entry, kind: EventKind, people: &[String]) -> Vec<Lane> {
    let lane = |name: &str| {
        // fixed keys: only its own process ever sees it
        let mut hasher = std::hash::DefaultHasher::new();
        (entry.channel, name).hash(&mut hasher);
        hasher.finish()
    };
    if people.is_empty() { vec![lane(kind.as_str())] } else { people.iter().map(|name| lane(name)).collect() }
}

/// The body of a Standard Webhooks post.
#[derive(Serialize)]
struct Envelope<'a, D> {
    #[serde(rename = "type")]
    kind: &'a str,
    /// When it was received.
    timestamp: String,
    data: D,
}

/// Whom it is about, and Meta's own words.
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

fn standard(
    account: AccountId,
    entry: &Entry,
    kind: EventKind,
    change: &RawChange<'_>,
    items: &Items<'_>,
    wants: impl Fn(EventKind) -> bool,
) -> Vec<Post> {
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
        return vec![post(entry, 0, entry.id.to_string(), type_of(kind), &data)];
    }
    let metadata = metadata(change.value);
    let contacts = Some(items.contacts.as_slice()).filter(|contacts| !contacts.is_empty());
    let mut posts = Vec::with_capacity(items.messages.len() + items.statuses.len());
    let messages = items.messages.iter().map(|raw| (EventKind::Messages, *raw));
    let statuses = items.statuses.iter().map(|raw| (EventKind::Statuses, *raw));
    // numbered before any is left out, so that a part keeps its number whatever is wanted
    for (part, (kind, raw)) in (0_u32..).zip(messages.chain(statuses)) {
        if !wants(kind) {
            continue;
        }
        let data = if kind == EventKind::Statuses {
            Data { metadata, status: Some(raw), ..base() }
        } else {
            Data { metadata, contacts, message: Some(raw), ..base() }
        };
        posts.push(post(entry, part, item_id(entry, raw), type_of(kind), &data));
    }
    posts
}

fn post(entry: &Entry, part: u32, id: String, kind: &str, data: &Data<'_>) -> Post {
    let envelope = Envelope { kind, timestamp: entry.received_at.to_string(), data };
    let body = serde_json::to_vec(&envelope).unwrap_or_default();
    Post { part, id, body: body.into() }
}

/// What tells a message from the others of its event: by what it says, not by its place, which changes
/// when one before it is erased.
fn item_id(entry: &Entry, raw: &RawValue) -> String {
    let hash = digest(&SHA256, raw.get().as_bytes());
    format!("{}_{}", entry.id, hex::encode(hash.as_ref().get(..6).unwrap_or_default()))
}

/// The `type` of a Standard Webhooks post.
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

/// The headers a post carries, its signature among them; made when it is sent.
pub(crate) fn headers(endpoint: &Endpoint, post: &Post, now: Timestamp) -> Vec<(String, SecretString)> {
    let mut headers: Vec<(String, SecretString)> =
        endpoint.settings.headers.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
    let mut add = |name: &str, value: String| headers.push((name.to_owned(), value.into()));
    add("content-type", "application/json".to_owned());
    let before = endpoint.secret_before.as_ref().filter(|(_, until)| *until > now).map(|(secret, _)| secret);
    match endpoint.format {
        Format::Meta => {
            add("x-hub-signature-256", graph_api::webhook::sign(&endpoint.secret, &post.body));
            if let Some(before) = before {
                // Meta's header holds one signature; a consumer that changes its secret may look here too
                add("x-linekeeper-signature-256-before", graph_api::webhook::sign(before, &post.body));
            }
            add("x-linekeeper-event", post.id.clone());
        }
        Format::Standard => {
            let seconds = now.as_second();
            let sign =
                |secret: &SecretString| format!("v1,{}", standard_signature(secret, &post.id, seconds, &post.body));
            let signatures: Vec<String> = std::iter::once(&endpoint.secret).chain(before).map(sign).collect();
            add("webhook-id", post.id.clone());
            add("webhook-timestamp", seconds.to_string());
            add("webhook-signature", signatures.join(" "));
        }
    }
    headers
}

/// Standard Webhooks: base64 of the HMAC-SHA256 over id, time and body.
fn standard_signature(secret: &SecretString, id: &str, seconds: i64, body: &[u8]) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, &standard_key(secret));
    let mut context = hmac::Context::with_key(&key);
    context.update(format!("{id}.{seconds}.").as_bytes());
    context.update(body);
    STANDARD.encode(context.sign().as_ref())
}

/// The bytes a `whsec_…` stands for; another text stands for itself.
fn standard_key(secret: &SecretString) -> zeroize::Zeroizing<Vec<u8>> {
    let text = secret.expose_secret();
    let decoded = text.strip_prefix(SECRET_PREFIX).and_then(|rest| STANDARD.decode(rest).ok());
    zeroize::Zeroizing::new(decoded.unwrap_or_else(|| text.as_bytes().to_vec()))
}
