//! Endpoints as their owners handle them: made after a handshake, changed, tried out, switched on again.
//! Who may do so is checked by the caller; what is delivered when is `delivery`'s.
//!
//! Beside: [`mod@replay`] (events sent again, and dead letters), [`mod@view`] (an endpoint with all there is to say of it).

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use domain::delivery::standing::WhyDisabled;
use domain::delivery::{EventKind, Format};
use domain::ids::{AccountId, ChannelId};
use domain::name::EndpointName;
use jiff::SignedDuration;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;

use super::delivery::post::{Post, SECRET_PREFIX};
use super::delivery::send_one;
use super::{FlowError, Refusal};
use crate::App;
use crate::runtime::clock::random_token;
use crate::store::deliveries::attempts::Attempt;
use crate::store::endpoints::{self, Endpoint, NewEndpoint, Settings};
use crate::store::ids::{EndpointId, EventId};
use crate::store::{self, channels};
use outbound::exchange::Request;

pub mod replay;
pub mod view;

/// How long the secret before is still honoured after a change.
pub const OLD_SECRET_LASTS: SignedDuration = SignedDuration::from_hours(24);

/// How many endpoints an account may have.
const MOST: usize = 50;

/// How long an address may be.
const LONGEST_URL: usize = 2048;

/// How many headers of its own an endpoint may ask for.
const MOST_HEADERS: usize = 20;

/// Headers that are ours to set.
const OURS: [&str; 11] = [
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "expect",
    "host",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "x-hub-signature-256",
];

/// What somebody wrote down for an endpoint; what is left out keeps its value, or its default.
#[derive(Debug, Clone, Default)]
pub struct Wish {
    /// Its name; its host when left out.
    pub name: Option<String>,
    /// Where events go.
    pub url: Option<SecretString>,
    /// What it wants, by word.
    pub kinds: Option<Vec<String>>,
    /// Headers it gets with every post.
    pub headers: Option<BTreeMap<String, SecretString>>,
    /// Posts a second, at most; 0 is no limit.
    pub per_second: Option<u32>,
    /// What the consumer's handshake expects; no handshake is made when left out. Not kept.
    pub verify_token: Option<SecretString>,
}

/// An endpoint that somebody wants.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// Whose.
    pub account: AccountId,
    /// Of one inbox.
    pub inbox: Option<ChannelId>,
    /// How events are written.
    pub format: Format,
    /// What posts are signed with; drawn when left out.
    pub secret: Option<SecretString>,
    /// The rest.
    pub wish: Wish,
}

/// Makes an endpoint; the secret its posts are signed with is shown this once.
pub async fn create(app: &App, wanted: Wanted) -> Result<(Endpoint, SecretString), FlowError> {
    let mut wish = wanted.wish;
    let token = wish.verify_token.take();
    let settings = settings(app, wanted.format, None, wish)?;
    check_address(app, &settings).await?;
    let secret = checked_secret(wanted.format, wanted.secret)?;
    if let Some(token) = &token {
        shake_hands(app, &settings, token).await?;
    }
    let now = app.clock.now();
    let mut tx = app.store.write().await?;
    if let Some(inbox) = wanted.inbox
        && channels::find_in_account(&mut tx, wanted.account, inbox).await?.is_none()
    {
        return Err(FlowError::refused(Refusal::NotFound, "The inbox does not exist"));
    }
    if endpoints::list(&mut tx, wanted.account, None).await?.len() >= MOST {
        return Err(invalid(format!("An account may have {MOST} endpoints; delete one first")));
    }
    let new = NewEndpoint {
        account_id: wanted.account,
        channel_id: wanted.inbox,
        format: wanted.format,
        secret: secret.clone(),
        settings,
    };
    let id = endpoints::insert(&mut tx, &new, now).await?;
    let made = endpoints::find(&mut tx, id).await?.ok_or_else(gone)?;
    tx.commit().await?;
    app.notifier.notify_endpoints();
    Ok((made, secret))
}

/// Changes an endpoint, after a handshake where one is wished for; this process posts by it from the answer on,
/// another one within seconds.
pub async fn change(app: &App, endpoint: &Endpoint, mut wish: Wish) -> Result<Endpoint, FlowError> {
    let token = wish.verify_token.take();
    let wished = settings(app, endpoint.format, Some(&endpoint.settings), wish.clone())?;
    check_address(app, &wished).await?;
    if let Some(token) = &token {
        shake_hands(app, &wished, token).await?;
    }
    let mut tx = app.store.write().await?;
    // a handshake takes as long as its address likes: what else was changed meanwhile stays changed
    let current = endpoints::find(&mut tx, endpoint.id).await?.ok_or_else(gone)?;
    let settings = settings(app, endpoint.format, Some(&current.settings), wish)?;
    endpoints::set(&mut tx, endpoint.id, &settings, app.clock.now()).await?;
    finish(app, tx, endpoint.id).await
}

/// Signs with another secret from now on. Standard posts carry both signatures for [`OLD_SECRET_LASTS`].
pub async fn rotate(
    app: &App,
    endpoint: &Endpoint,
    secret: Option<SecretString>,
) -> Result<(Endpoint, SecretString), FlowError> {
    let secret = checked_secret(endpoint.format, secret)?;
    let now = app.clock.now();
    let mut tx = app.store.write().await?;
    endpoints::rotate(&mut tx, endpoint.id, &secret, now + OLD_SECRET_LASTS, now).await?;
    Ok((finish(app, tx, endpoint.id).await?, secret))
}

/// Sends to it again: from where it stopped, or leaving out what arrived meanwhile. One that is on stays as
/// it is: what is on its way to it is not left out.
pub async fn enable(app: &App, endpoint: &Endpoint, from_now: bool) -> Result<Endpoint, FlowError> {
    let mut tx = app.store.write().await?;
    if endpoints::enable(&mut tx, endpoint.id, app.clock.now()).await? && from_now {
        endpoints::skip_to_now(&mut tx, endpoint.id).await?;
    }
    finish(app, tx, endpoint.id).await
}

/// Forgets it, with everything that waits for it and what was written down about it: millions of rows, perhaps, and
/// while one transaction takes them away nothing that arrives could be stored.
pub async fn delete(app: &App, endpoint: &Endpoint) -> Result<(), FlowError> {
    disable(app, endpoint).await?;
    super::retention::purge_deliveries_of(app, endpoint.id, EventId(i64::MAX), usize::MAX).await?;
    let mut tx = app.store.write().await?;
    if !endpoints::delete(&mut tx, endpoint.account_id, endpoint.id).await? {
        return Err(gone());
    }
    tx.commit().await?;
    app.notifier.notify_endpoints();
    Ok(())
}

/// Sends it nothing more, until it is switched on again.
pub async fn disable(app: &App, endpoint: &Endpoint) -> Result<Endpoint, FlowError> {
    let mut tx = app.store.write().await?;
    endpoints::disable(&mut tx, endpoint.id, WhyDisabled::SwitchedOff.as_str(), app.clock.now()).await?;
    finish(app, tx, endpoint.id).await
}

/// Posts a made-up message at once and says what came of it; nothing of it is kept.
pub async fn test(app: &App, endpoint: &Endpoint) -> Attempt {
    let now = app.clock.now();
    let message = json!({ "from": "15550199999", "id": "wamid.TEST", "timestamp": now.as_second().to_string(),
        "type": "text", "text": { "body": "A test from Linekeeper" } });
    let metadata = json!({ "display_phone_number": "15550100000", "phone_number_id": "0" });
    let contact = json!({ "profile": { "name": "Test" }, "wa_id": "15550199999" });
    let body = match endpoint.format {
        Format::Meta => {
            let value = json!({ "messaging_product": "whatsapp", "metadata": metadata, "contacts": [contact],
                "messages": [message] });
            json!({ "object": "whatsapp_business_account",
                "entry": [{ "id": "0", "changes": [{ "field": "messages", "value": value }] }] })
        }
        Format::Standard => json!({ "type": "linekeeper.test", "timestamp": now.to_string(),
            "data": { "account_id": endpoint.account_id.0, "message": message } }),
    };
    let id = format!("evt_test_{}", now.as_microsecond());
    let post = Post { part: 0, id, body: body.to_string().into() };
    send_one(app, endpoint, EventId(0), &post, 1).await.1
}

async fn finish(app: &App, mut tx: store::Tx, id: EndpointId) -> Result<Endpoint, FlowError> {
    let changed = endpoints::find(&mut tx, id).await?.ok_or_else(gone)?;
    tx.commit().await?;
    app.notifier.apply_endpoint_changes().await;
    Ok(changed)
}

fn gone() -> FlowError {
    FlowError::refused(Refusal::NotFound, "The endpoint does not exist")
}

fn invalid(text: impl Into<String>) -> FlowError {
    FlowError::refused(Refusal::InvalidParameter, text)
}

/// What is wished for on top of what is, or of the defaults; refused where it makes no sense.
fn settings(app: &App, format: Format, before: Option<&Settings>, wish: Wish) -> Result<Settings, FlowError> {
    let url = wish.url.or_else(|| before.map(|it| it.url.clone()));
    let url = url.ok_or_else(|| invalid("url: missing; write the address that events are to be posted to"))?;
    if url.expose_secret().len() > LONGEST_URL {
        return Err(invalid(format!("url: at most {LONGEST_URL} characters")));
    }
    let address = app.outbound.parse(url.expose_secret()).map_err(|refused| invalid(format!("url: {refused}")))?;
    let host = address.host_str().unwrap_or_default().to_owned();
    let kinds = match (wish.kinds, before) {
        (Some(words), _) => read_kinds(&words)?,
        (None, Some(before)) => before.kinds.clone(),
        (None, None) => default_kinds(format),
    };
    if format == Format::Meta && kinds.contains(&EventKind::Announcements) {
        return Err(invalid("kinds: announcements are Linekeeper's own; only the format \"standard\" carries them"));
    }
    let headers = wish.headers.or_else(|| before.map(|it| it.headers.clone())).unwrap_or_default();
    check_headers(&headers)?;
    let per_second = match wish.per_second {
        Some(0) => None,
        Some(limit) => Some(limit),
        None => before.and_then(|it| it.per_second),
    };
    let name = wish.name.map(|name| name.trim().to_owned()).filter(|name| !name.is_empty());
    let name = name.or_else(|| before.map(|it| it.name.clone())).unwrap_or_else(|| host.clone());
    let name = EndpointName::parse(&name).map_err(|error| invalid(format!("name: {error}")))?.into_string();
    Ok(Settings { name, url, host, kinds, headers, per_second })
}

/// Refuses an address whose name leads where nothing may be sent.
async fn check_address(app: &App, settings: &Settings) -> Result<(), FlowError> {
    let refused = |refused| invalid(format!("url: {refused}"));
    let address = app.outbound.parse(settings.url.expose_secret()).map_err(refused)?;
    app.outbound.check_resolved(&address).await.map_err(refused)
}

fn default_kinds(format: Format) -> Vec<EventKind> {
    EventKind::ALL.into_iter().filter(|kind| format == Format::Standard || *kind != EventKind::Announcements).collect()
}

fn read_kinds(words: &[String]) -> Result<Vec<EventKind>, FlowError> {
    let mut kinds = Vec::with_capacity(words.len());
    for word in words {
        let Some(kind) = EventKind::parse(word.trim()) else {
            let known: Vec<&str> = EventKind::ALL.iter().map(|kind| kind.as_str()).collect();
            return Err(invalid(format!("kinds: \"{word}\" is none; there are {}", known.join(", "))));
        };
        if !kinds.contains(&kind) {
            kinds.push(kind);
        }
    }
    if kinds.is_empty() { Err(invalid("kinds: at least one")) } else { Ok(kinds) }
}

fn check_headers(headers: &BTreeMap<String, SecretString>) -> Result<(), FlowError> {
    if headers.len() > MOST_HEADERS {
        return Err(invalid(format!("headers: at most {MOST_HEADERS}")));
    }
    let mut seen = BTreeSet::new();
    for (name, value) in headers {
        let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        if name.is_empty() || name.len() > 100 || !name.bytes().all(is_token) {
            return Err(invalid(format!("headers: \"{}\" is no name of a header", name.escape_debug())));
        }
        let lower = name.to_ascii_lowercase();
        if OURS.contains(&lower.as_str()) || lower.starts_with("webhook-") || lower.starts_with("x-linekeeper-") {
            return Err(invalid(format!("headers: {lower} is set by Linekeeper itself")));
        }
        if !seen.insert(lower.clone()) {
            return Err(invalid(format!(
                "headers: {lower} stands there twice; a header's name is the same in any case"
            )));
        }
        let value = value.expose_secret();
        if value.len() > 4096 || !value.bytes().all(|byte| (0x20..0x7f).contains(&byte)) {
            return Err(invalid(format!(
                "headers: the value of {lower} must be printable ASCII of at most 4096 bytes"
            )));
        }
    }
    Ok(())
}

/// A drawn secret, or one that somebody brought.
fn checked_secret(format: Format, brought: Option<SecretString>) -> Result<SecretString, FlowError> {
    let Some(secret) = brought else {
        let drawn = random_token(32);
        return Ok(match format {
            Format::Meta => drawn,
            Format::Standard => format!("{SECRET_PREFIX}{}", STANDARD.encode(drawn.expose_secret().as_bytes())).into(),
        });
    };
    let text = secret.expose_secret();
    if !(16..=512).contains(&text.len()) || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(invalid("secret: 16 to 512 printable ASCII characters without spaces"));
    }
    let is_standard = text.strip_prefix(SECRET_PREFIX).is_some_and(|rest| STANDARD.decode(rest).is_ok());
    if format == Format::Standard && !is_standard {
        return Err(invalid("secret: \"whsec_\" and base64, as Standard Webhooks writes it; or leave it out"));
    }
    Ok(secret)
}

/// The handshake a consumer of Meta's answers: it gets a challenge and must say it back.
async fn shake_hands(app: &App, settings: &Settings, token: &SecretString) -> Result<(), FlowError> {
    let challenge = random_token(16);
    let request = Request {
        url: &settings.url,
        headers: settings.headers.iter().map(|(name, value)| (name.clone(), value.clone())).collect(),
        body: bytes::Bytes::new(),
        deadline: Duration::from_secs(app.config.delivery.deadline_seconds),
    };
    let query = [
        ("hub.mode", "subscribe"),
        ("hub.challenge", challenge.expose_secret()),
        ("hub.verify_token", token.expose_secret()),
    ];
    let answered = app.outbound.get(request, &query).await;
    let answered = answered.map_err(|failed| handshake_failed(&format!("it gave no answer: {failed}")))?;
    if answered.status != 200 {
        return Err(handshake_failed(&format!("it answered {} instead of 200", answered.status)));
    }
    let said = answered.body_start.trim();
    if verify_slices_are_equal(said.as_bytes(), challenge.expose_secret().as_bytes()).is_err() {
        return Err(handshake_failed("it answered 200, and not with the challenge it was sent"));
    }
    Ok(())
}

fn handshake_failed(why: &str) -> FlowError {
    let text = format!(
        "The handshake failed: {why}. The endpoint was asked with hub.mode, hub.challenge and hub.verify_token, as Meta \
         asks; is the verify token the one it expects?"
    );
    invalid(text)
}
