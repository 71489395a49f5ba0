//! Sends one call: bounded in time, logged, its answer turned into a value or a [`Failure`]. Must not
//! know what any route means, and must never log a URL or a header: the proof, and for `debug_token`
//! the token asked about, stand there.

use std::time::Duration;

use domain::meta::failure::{Failure, FailureKind};
use jiff::{SignedDuration, Timestamp};
use reqwest::Url;
use reqwest::header::HeaderMap;
use serde_json::Value;
use tokio::time::Instant;

use super::call::{Answer, Body, Call};
use super::usage::Refusal;
use super::{CallOutcome, Client, FinishedCall};
use crate::redact::redact_meta;
use crate::wire;

/// No answer of Meta's is larger; more is not read.
const LARGEST_ANSWER: usize = 8 * 1024 * 1024;

/// What came back over the wire.
struct Raw {
    status: u16,
    headers: HeaderMap,
    body: Vec<u8>,
}

/// Sends one call and reads its answer.
pub(super) async fn send(client: &Client, call: Call<'_>) -> Result<Answer, Failure> {
    let name = format!("{} {}", call.method, call.route);
    if let Some(Refusal { until, wait }) = client.shared.budgets.refusal(call.account, client.now()) {
        tracing::info!(method = %call.method, route = call.route, %until, "not called: Meta asked to wait");
        let message = format!("{name}: not called, Meta asked to wait until {until}");
        return Err(Failure { kind: FailureKind::Throttled, meta: None, wait: Some(wait), message });
    }
    let Some(limit) = time_left(client) else {
        return Err(Failure::unanswered(format!("{name}: not called, no time was left")));
    };
    let request = build(client, &call)?;
    let started = Instant::now();
    let raw = tokio::time::timeout(limit, exchange(client, request)).await;
    let took = started.elapsed();
    let observe = |outcome| (client.shared.settings.observe)(&FinishedCall { route: &name, outcome, took });
    let reason = match raw {
        Ok(Ok(raw)) => {
            let outcome = interpret(client, &call, &name, &raw);
            observe(
                outcome.as_ref().map_or_else(|failure| CallOutcome::Refused(failure.kind), |_| CallOutcome::Answered),
            );
            log(&call, &raw, took, outcome.as_ref().err());
            return outcome;
        }
        Ok(Err(error)) => transport_reason(&error),
        Err(_) => format!("no answer within {:.1} s", limit.as_secs_f64()),
    };
    observe(CallOutcome::Unreachable);
    Err(no_answer(&call, &name, took, &reason))
}

/// The call's deadline or what is left of the flow's, whichever is shorter; `None` when it is over.
fn time_left(client: &Client) -> Option<Duration> {
    let own = client.shared.settings.deadline;
    let left = client.flow_deadline.map_or(own, |end| end.saturating_duration_since(Instant::now()));
    Some(own.min(left)).filter(|limit| !limit.is_zero())
}

fn build(client: &Client, call: &Call<'_>) -> Result<reqwest::Request, Failure> {
    let url = address(client, call)?;
    // Texts are matched and shown: one language for all of them (facts §2.1).
    let mut request = client.shared.http.request(call.method.clone(), url).query(&[("locale", "en_US")]);
    if let Some(token) = call.token {
        request = request.bearer_auth(token).query(&[("appsecret_proof", client.proof(token))]);
    }
    if !call.query.is_empty() {
        request = request.query(&call.query);
    }
    let request = match &call.body {
        Body::Empty => request,
        Body::Json(body) => request.json(body),
        Body::Form(members) => request.form(members),
    };
    request.build().map_err(|error| not_sendable(call, &transport_reason(&error)))
}

/// `<base>/<version>/<node>/<edge>`; an id that is not digits never becomes a path.
fn address(client: &Client, call: &Call<'_>) -> Result<Url, Failure> {
    let mut url = client.shared.settings.base_url.clone();
    let takes_node = call.route.contains('{');
    if takes_node && (call.node.is_empty() || !call.node.bytes().all(|b| b.is_ascii_digit())) {
        return Err(not_sendable(call, "the id is not made of digits"));
    }
    let Ok(mut path) = url.path_segments_mut() else {
        return Err(not_sendable(call, "the base URL takes no path"));
    };
    path.pop_if_empty().push(client.version());
    for segment in call.route.split('/').filter(|s| !s.is_empty()) {
        path.push(if segment.starts_with('{') { call.node } else { segment });
    }
    drop(path);
    Ok(url)
}

fn not_sendable(call: &Call<'_>, reason: &str) -> Failure {
    let message = format!("{} {}: not sent, {reason}", call.method, call.route);
    Failure { kind: FailureKind::Permanent, meta: None, wait: None, message }
}

async fn exchange(client: &Client, request: reqwest::Request) -> Result<Raw, reqwest::Error> {
    let mut response = client.shared.http.execute(request).await?;
    let (status, headers) = (response.status().as_u16(), std::mem::take(response.headers_mut()));
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        if body.len() + chunk.len() > LARGEST_ANSWER {
            break;
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Raw { status, headers, body })
}

/// A library's error without its URL, which holds the proof.
fn transport_reason(error: &reqwest::Error) -> String {
    let kind = if error.is_timeout() {
        "timed out"
    } else if error.is_connect() {
        "could not connect"
    } else if error.is_body() || error.is_decode() {
        "the answer broke off"
    } else {
        "the connection was lost"
    };
    let mut deepest = None;
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        deepest = Some(cause);
        source = cause.source();
    }
    deepest.map_or_else(|| kind.to_owned(), |cause| format!("{kind}: {cause}"))
}

fn no_answer(call: &Call<'_>, name: &str, took: Duration, reason: &str) -> Failure {
    let reason = redact_meta(reason, &call.all_secrets());
    tracing::info!(
        method = %call.method,
        route = call.route,
        duration_ms = millis(took),
        reason,
        "no answer from Meta"
    );
    Failure::unanswered(format!("{name}: {reason}"))
}

fn interpret(client: &Client, call: &Call<'_>, name: &str, raw: &Raw) -> Result<Answer, Failure> {
    let now = client.now();
    let body = serde_json::from_slice::<Value>(&raw.body).ok();
    client.shared.budgets.note_headers(&raw.headers, now);
    let meta = body.as_ref().and_then(|body| wire::error::read(body, raw.status, &call.all_secrets()));
    let failure = match (meta, body) {
        (Some(meta), _) => Failure::from_meta(meta),
        (None, Some(body)) if is_good(raw.status, &body) => {
            client.shared.budgets.note_success(call.account);
            return Ok(Answer { body, name: name.to_owned() });
        }
        (None, body) => not_metas(call, name, raw, body.as_ref()),
    };
    if failure.kind != FailureKind::Throttled {
        return Err(failure);
    }
    let retry_after = retry_after(&raw.headers, now);
    let wait = client.shared.budgets.note_throttle(call.account, failure.meta.as_ref(), retry_after, now);
    Err(failure.with_wait(Some(wait)))
}

fn is_good(status: u16, body: &Value) -> bool {
    (200..300).contains(&status) && body.get("error").is_none()
}

/// An answer that is not in Meta's error shape: a proxy's page, a cut body, an error without a code.
fn not_metas(call: &Call<'_>, name: &str, raw: &Raw, body: Option<&Value>) -> Failure {
    let words = body.and_then(|body| wire::text(body.get("error")?, "message"));
    let what = match words {
        Some(words) => format!("an error without a code: {}", redact_meta(&words, &call.all_secrets())),
        None if raw.body.is_empty() => "an empty body".to_owned(),
        None => "a body that is not Graph's".to_owned(),
    };
    let mut failure = Failure::unanswered(format!("{name}: HTTP {} with {what}", raw.status));
    if raw.status == 429 {
        failure.kind = FailureKind::Throttled;
    }
    failure
}

/// The longest wait taken from a `Retry-After` header, which Meta does not document: a proxy before it may send one.
const MAX_RETRY_AFTER: SignedDuration = SignedDuration::from_hours(24);

fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<SignedDuration> {
    let value = headers.get("retry-after")?.to_str().ok()?;
    Some(domain::retry_after::parse(value, now)?.min(MAX_RETRY_AFTER))
}

fn log(call: &Call<'_>, raw: &Raw, took: Duration, failure: Option<&Failure>) {
    let (method, route, status, duration_ms) = (&call.method, call.route, raw.status, millis(took));
    let trace_header = ["x-fb-trace-id", "x-fb-request-id"].iter().find_map(|h| raw.headers.get(*h)?.to_str().ok());
    match failure {
        None => {
            tracing::debug!(%method, route, status, duration_ms, fbtrace_id = trace_header, "Graph answered");
        }
        Some(failure) => {
            let meta = failure.meta.as_ref();
            let fbtrace_id = meta.and_then(|m| m.fbtrace_id.as_deref()).or(trace_header);
            let (code, subcode) = (meta.map(|m| m.code), meta.and_then(|m| m.subcode));
            let kind = failure.kind;
            tracing::info!(%method, route, status, duration_ms, fbtrace_id, code, subcode, ?kind, "Graph refused");
        }
    }
}

fn millis(took: Duration) -> u64 {
    u64::try_from(took.as_millis()).unwrap_or(u64::MAX)
}
