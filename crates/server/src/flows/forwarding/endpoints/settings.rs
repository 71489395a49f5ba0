//! Validation of an endpoint's settings: address, kinds, headers, name, rate. Must not store them.

use std::collections::{BTreeMap, BTreeSet};

use domain::delivery::{EventKind, Format};
use domain::name::Name;
use secrecy::{ExposeSecret as _, SecretString};

use super::{EndpointPatch, invalid};
use crate::App;
use crate::flows::FlowError;
use crate::store::endpoints::Settings;

/// The longest address, in bytes.
const MAX_URL: usize = 2048;

/// The most headers that an endpoint may add.
const MAX_HEADERS: usize = 20;

/// The longest header name, in bytes.
const MAX_HEADER_NAME: usize = 100;

/// The longest header value, in bytes.
const MAX_HEADER_VALUE: usize = 4096;

/// Headers that Linekeeper or its HTTP client sets; `webhook-…` and `x-linekeeper-…` are reserved too.
const RESERVED_HEADERS: [&str; 11] = [
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

/// Applies a patch to the current settings, or to the defaults of a new endpoint, and validates the result.
pub(super) fn apply_patch(
    app: &App,
    format: Format,
    current: Option<&Settings>,
    patch: EndpointPatch,
) -> Result<Settings, FlowError> {
    let url = patch.url.or_else(|| current.map(|it| it.url.clone()));
    let url = url.ok_or_else(|| invalid("url: missing; write the address that events are to be posted to"))?;
    if url.expose_secret().len() > MAX_URL {
        return Err(invalid(format!("url: at most {MAX_URL} characters")));
    }
    let address = app.outbound.parse(url.expose_secret()).map_err(|refused| invalid(format!("url: {refused}")))?;
    let host = address.host_str().unwrap_or_default().to_owned();
    let kinds = match (patch.kinds, current) {
        (Some(words), _) => parse_kinds(&words)?,
        (None, Some(current)) => current.kinds.clone(),
        (None, None) => default_kinds(format),
    };
    if format == Format::Meta && kinds.contains(&EventKind::Announcements) {
        return Err(invalid("kinds: announcements are Linekeeper's own; only the format \"standard\" carries them"));
    }
    let headers = patch.headers.or_else(|| current.map(|it| it.headers.clone())).unwrap_or_default();
    check_headers(&headers)?;
    let per_second = match patch.per_second {
        Some(0) => None,
        Some(limit) => Some(limit),
        None => current.and_then(|it| it.per_second),
    };
    let name = match (patch.name, current) {
        (Some(name), _) => Name::parse(&name).map_err(|error| invalid(format!("name: {error}")))?.into_string(),
        (None, Some(current)) => current.name.clone(),
        (None, None) => Name::sanitize(&host).into_string(),
    };
    Ok(Settings { name, url, host, kinds, headers, per_second })
}

/// Resolves the host name of the address and checks what it resolves to.
pub(super) async fn check_resolved(app: &App, settings: &Settings) -> Result<(), FlowError> {
    let refused = |refused| invalid(format!("url: {refused}"));
    let address = app.outbound.parse(settings.url.expose_secret()).map_err(refused)?;
    app.outbound.check_resolved(&address).await.map_err(refused)
}

fn default_kinds(format: Format) -> Vec<EventKind> {
    let is_possible = |kind: &EventKind| format == Format::Standard || *kind != EventKind::Announcements;
    EventKind::ALL.iter().copied().filter(is_possible).collect()
}

fn parse_kinds(words: &[String]) -> Result<Vec<EventKind>, FlowError> {
    let mut kinds = Vec::with_capacity(words.len());
    for word in words {
        let Ok(kind) = word.trim().parse() else {
            let known: Vec<&str> = EventKind::ALL.iter().map(EventKind::into_str).collect();
            return Err(invalid(format!("kinds: \"{word}\" is none; there are {}", known.join(", "))));
        };
        if !kinds.contains(&kind) {
            kinds.push(kind);
        }
    }
    if kinds.is_empty() { Err(invalid("kinds: at least one")) } else { Ok(kinds) }
}

fn check_headers(headers: &BTreeMap<String, SecretString>) -> Result<(), FlowError> {
    if headers.len() > MAX_HEADERS {
        return Err(invalid(format!("headers: at most {MAX_HEADERS}")));
    }
    let mut seen = BTreeSet::new();
    for (name, value) in headers {
        let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        if name.is_empty() || name.len() > MAX_HEADER_NAME || !name.bytes().all(is_token) {
            return Err(invalid(format!("headers: \"{}\" is no name of a header", name.escape_debug())));
        }
        let lower = name.to_ascii_lowercase();
        let is_reserved = RESERVED_HEADERS.contains(&lower.as_str())
            || lower.starts_with("webhook-")
            || lower.starts_with("x-linekeeper-");
        if is_reserved {
            return Err(invalid(format!("headers: {lower} is set by Linekeeper itself")));
        }
        if !seen.insert(lower.clone()) {
            return Err(invalid(format!(
                "headers: {lower} stands there twice; a header's name is the same in any case"
            )));
        }
        let value = value.expose_secret();
        if value.len() > MAX_HEADER_VALUE || !value.bytes().all(|byte| (0x20..0x7f).contains(&byte)) {
            return Err(invalid(format!(
                "headers: the value of {lower} must be printable ASCII of at most {MAX_HEADER_VALUE} bytes"
            )));
        }
    }
    Ok(())
}
