//! One call to Graph: built, bounded in time, sent, logged, its answer turned into a value or a
//! [`Failure`]. Must not know what any route means, and must never log a URL or a header: the proof,
//! and for `debug_token` the token asked about, stand there.

use std::time::Duration;

use domain::graph::{Failure, FailureKind};
use jiff::SignedDuration;
use reqwest::header::HeaderMap;
use reqwest::{Method, Url};
use serde_json::Value;
use tokio::time::Instant;

use super::Client;
use super::usage::Refusal;
use crate::redact::redact;
use crate::wire;

/// No answer of Meta's is larger; more is not read.
const LARGEST_ANSWER: usize = 8 * 1024 * 1024;

/// What a call carries.
pub(super) enum Body<'a> {
    Empty,
    Json(Value),
    Form(Vec<(&'static str, &'a str)>),
}

/// One call, before it is made.
pub(super) struct Call<'a> {
    pub method: Method,
    /// With `{…}` where the node's id goes; this is what logs show.
    pub route: &'static str,
    /// The id of the node.
    pub node: &'a str,
    pub query: Vec<(&'static str, String)>,
    pub body: Body<'a>,
    /// The bearer; the code exchange has none.
    pub token: Option<&'a str>,
    /// Every secret the call carries beside the token: cleaned out of Meta's texts.
    pub secrets: Vec<&'a str>,
    /// The account whose hourly limit the call draws on.
    pub account: Option<&'a str>,
}

impl<'a> Call<'a> {
    pub(super) fn new(method: Method, route: &'static str, node: &'a str) -> Self {
        Self {
            method,
            route,
            node,
            query: Vec::new(),
            body: Body::Empty,
            token: None,
            secrets: Vec::new(),
            account: None,
        }
    }

    pub(super) fn get(route: &'static str, node: &'a str) -> Self {
        Self::new(Method::GET, route, node)
    }

    pub(super) fn post(route: &'static str, node: &'a str) -> Self {
        Self::new(Method::POST, route, node)
    }

    pub(super) fn delete(route: &'static str, node: &'a str) -> Self {
        Self::new(Method::DELETE, route, node)
    }

    pub(super) fn query(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.query.push((name, value.into()));
        self
    }

    pub(super) fn json(mut self, body: Value) -> Self {
        self.body = Body::Json(body);
        self
    }

    pub(super) fn form(mut self, members: Vec<(&'static str, &'a str)>) -> Self {
        self.body = Body::Form(members);
        self
    }

    pub(super) fn token(mut self, token: &'a str) -> Self {
        self.token = Some(token);
        self
    }

    pub(super) fn secret(mut self, secret: &'a str) -> Self {
        self.secrets.push(secret);
        self
    }

    fn all_secrets(&self) -> Vec<&'a str> {
        self.secrets.iter().copied().chain(self.token).collect()
    }
}

/// A good answer, still as JSON.
#[derive(Debug)]
pub(super) struct Answer {
    pub body: Value,
    name: String,
}

impl Answer {
    /// The failure of an answer that lacks what it must have; the call may have worked.
    pub(super) fn unexpected(&self, missing: &str) -> Failure {
        Failure::unanswered(format!("{}: Meta's answer has no {missing}", self.name))
    }

    /// `{"success": true}`; facts §1.2 shows the word as text too.
    pub(super) fn success(&self) -> Result<(), Failure> {
        match self.body.get("success") {
            Some(Value::Bool(true)) => Ok(()),
            Some(Value::String(word)) if word == "true" => Ok(()),
            _ => Err(self.unexpected("\"success\": true")),
        }
    }
}

/// What came back over the wire.
struct Raw {
    status: u16,
    headers: HeaderMap,
    body: Vec<u8>,
}

/// Makes the call.
pub(super) async fn send(client: &Client, call: Call<'_>) -> Result<Answer, Failure> {
    let name = format!("{} {}", call.method, call.route);
    if let Some(Refusal { until, wait }) = client.shared.budgets.refusal(call.account, client.now())
    {
        tracing::info!(method = %call.method, route = call.route, %until, "not called: Meta asked to wait");
        let message = format!("{name}: not called, Meta asked to wait until {until}");
        return Err(Failure {
            kind: FailureKind::Throttled,
            meta: None,
            wait: Some(wait),
            message,
        });
    }
    let Some(limit) = time_left(client) else {
        return Err(Failure::unanswered(format!("{name}: not called, no time was left")));
    };
    let request = build(client, &call, limit)?;
    let started = Instant::now();
    let raw = match tokio::time::timeout(limit, exchange(client, request)).await {
        Ok(Ok(raw)) => raw,
        Ok(Err(error)) => return Err(no_answer(&call, &name, started, &transport_reason(&error))),
        Err(_) => {
            let reason = format!("no answer within {:.1} s", limit.as_secs_f64());
            return Err(no_answer(&call, &name, started, &reason));
        }
    };
    let outcome = interpret(client, &call, &name, &raw);
    log(&call, &raw, started.elapsed(), outcome.as_ref().err());
    outcome
}

/// The call's deadline or what is left of the flow's, whichever is shorter; `None` when it is over.
fn time_left(client: &Client) -> Option<Duration> {
    let own = client.shared.settings.deadline;
    let left =
        client.flow_deadline.map_or(own, |end| end.saturating_duration_since(Instant::now()));
    Some(own.min(left)).filter(|limit| !limit.is_zero())
}

fn build(client: &Client, call: &Call<'_>, limit: Duration) -> Result<reqwest::Request, Failure> {
    let url = address(client, call)?;
    // Texts are matched and shown: one language for all of them (facts §2.1).
    let mut request = client
        .shared
        .http
        .request(call.method.clone(), url)
        .query(&[("locale", "en_US")])
        .timeout(limit);
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

fn no_answer(call: &Call<'_>, name: &str, started: Instant, reason: &str) -> Failure {
    let reason = redact(reason, &call.all_secrets());
    tracing::info!(
        method = %call.method,
        route = call.route,
        duration_ms = millis(started.elapsed()),
        reason,
        "no answer from Meta"
    );
    Failure::unanswered(format!("{name}: {reason}"))
}

fn interpret(client: &Client, call: &Call<'_>, name: &str, raw: &Raw) -> Result<Answer, Failure> {
    let now = client.now();
    let body = serde_json::from_slice::<Value>(&raw.body).ok();
    client.shared.budgets.note_headers(&raw.headers, now);
    let meta =
        body.as_ref().and_then(|body| wire::error::read(body, raw.status, &call.all_secrets()));
    let failure = match (meta, body) {
        (Some(meta), _) => Failure::from_meta(meta),
        (None, Some(body)) if (200..300).contains(&raw.status) => {
            client.shared.budgets.note_success(call.account);
            return Ok(Answer { body, name: name.to_owned() });
        }
        (None, _) => not_metas(name, raw),
    };
    if failure.kind != FailureKind::Throttled {
        return Err(failure);
    }
    let retry_after = retry_after(&raw.headers);
    let wait =
        client.shared.budgets.note_throttle(call.account, failure.meta.as_ref(), retry_after, now);
    Err(failure.with_wait(Some(wait)))
}

/// An answer that is not in Meta's error shape: a proxy's page, a cut body, an empty 5xx.
fn not_metas(name: &str, raw: &Raw) -> Failure {
    let what = if raw.body.is_empty() { "an empty body" } else { "a body that is not Graph's" };
    let mut failure = Failure::unanswered(format!("{name}: HTTP {} with {what}", raw.status));
    if raw.status == 429 {
        failure.kind = FailureKind::Throttled;
    }
    failure
}

/// `Retry-After` in seconds; Meta does not document it, whatever stands before it may send it.
fn retry_after(headers: &HeaderMap) -> Option<SignedDuration> {
    let seconds: u32 = headers.get("retry-after")?.to_str().ok()?.trim().parse().ok()?;
    Some(SignedDuration::from_secs(i64::from(seconds)))
}

fn log(call: &Call<'_>, raw: &Raw, took: Duration, failure: Option<&Failure>) {
    let (method, route, status, duration_ms) = (&call.method, call.route, raw.status, millis(took));
    let trace_header = ["x-fb-trace-id", "x-fb-request-id"]
        .iter()
        .find_map(|h| raw.headers.get(*h)?.to_str().ok());
    match failure {
        None => {
            tracing::debug!(%method, route, status, duration_ms, fbtrace_id = trace_header, "Graph answered")
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
