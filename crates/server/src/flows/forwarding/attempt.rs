//! Sends one event to an endpoint, payload by payload, and reports the result. Must not write to the store.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use domain::delivery::{AttemptOutcome, MAX_RETRY_AFTER, RateLimiter, Response};
use jiff::Timestamp;
use outbound::exchange::{ExchangeError, Reply, Request};

use super::backlog::Dispatch;
use super::fetch::encode_event;
use super::payload::{Payload, headers};
use super::redact::redact_answer;
use crate::App;
use crate::store::deliveries::attempts::Attempt;
use crate::store::endpoints::Endpoint;
use crate::store::ids::EventId;

/// The result of sending one event.
#[derive(Debug)]
pub(super) struct AttemptReport {
    pub(super) event: EventId,
    /// The payload that was not accepted; the first one when all were.
    pub(super) part: u32,
    /// The response to that payload; `None` when all were accepted.
    pub(super) failure: Option<Response>,
    /// One per request; empty when there was nothing to send.
    pub(super) attempts: Vec<Attempt>,
}

/// Takes a permit for one request, or says when the next one is free.
pub(super) fn try_acquire(limiter: &Mutex<RateLimiter>, now: Timestamp) -> Result<(), Timestamp> {
    limiter.lock().unwrap_or_else(PoisonError::into_inner).try_acquire(now)
}

/// Sends an event from `dispatch.part` on, up to the first payload that is not accepted. The caller has a permit for
/// the first request; the others wait for their own.
pub(super) async fn send_event(
    app: &App,
    endpoint: &Endpoint,
    limiter: &Mutex<RateLimiter>,
    event: EventId,
    dispatch: Dispatch,
) -> AttemptReport {
    let Dispatch { payloads, part: first, attempts: failed } = dispatch;
    let mut report = AttemptReport { event, part: first, failure: None, attempts: Vec::with_capacity(1) };
    let payloads = match payloads {
        Some(payloads) => payloads,
        None => match encode_event(&app.store, endpoint, event).await {
            Ok(encoded) => encoded.payloads,
            Err(error) => {
                // retried like an endpoint that does not answer
                tracing::warn!(endpoint = %endpoint.id, %event, %error, "cannot read an event for forwarding");
                return AttemptReport { failure: Some(Response::Unreachable), ..report };
            }
        },
    };
    for payload in payloads.into_iter().filter(|payload| payload.part >= first) {
        if !report.attempts.is_empty() {
            while let Err(until) = try_acquire(limiter, app.clock.now()) {
                app.clock.sleep_until(until).await;
            }
        }
        let (response, attempt) = send_attempt(app, endpoint, event, &payload, failed + 1).await;
        report.attempts.push(attempt);
        if !is_accepted(&response) {
            (report.part, report.failure) = (payload.part, Some(response));
            break;
        }
    }
    report
}

/// Sends one payload and reports the response. `number` counts the attempts of the event from 1.
pub(super) async fn send_attempt(
    app: &App,
    endpoint: &Endpoint,
    event: EventId,
    payload: &Payload,
    number: u32,
) -> (Response, Attempt) {
    let began = tokio::time::Instant::now();
    let request = Request {
        url: &endpoint.settings.url,
        headers: headers(endpoint, payload, app.clock.now()),
        body: payload.body.clone(),
        deadline: Duration::from_secs(app.config.delivery.deadline_seconds),
    };
    let result = app.outbound.post(request).await;
    let now = app.clock.now();
    let duration_ms = u32::try_from(began.elapsed().as_millis()).unwrap_or(u32::MAX);
    let (response, status, outcome, answer) = read_result(result, now);
    let answer = answer.map(|answer| redact_answer(endpoint, &answer));
    (response, Attempt { event, at: now, part: payload.part, attempt: number, status, duration_ms, outcome, answer })
}

fn read_result(
    result: Result<Reply, ExchangeError>,
    now: Timestamp,
) -> (Response, Option<u16>, AttemptOutcome, Option<String>) {
    match result {
        Ok(reply) => {
            let retry_after = reply.retry_after.as_deref().and_then(|value| retry_after_instant(value, now));
            let response = Response::Status { code: reply.status, retry_after };
            let (outcome, answer) = if is_accepted(&response) {
                (AttemptOutcome::Delivered, None)
            } else {
                (AttemptOutcome::Refused, Some(reply.body_start).filter(|text| !text.is_empty()))
            };
            (response, Some(reply.status), outcome, answer)
        }
        Err(ExchangeError::TimedOut) => (Response::TimedOut, None, AttemptOutcome::TimedOut, None),
        Err(ExchangeError::Unreachable(why)) => (Response::Unreachable, None, AttemptOutcome::Unreachable, Some(why)),
        Err(ExchangeError::Forbidden(why)) => (Response::Forbidden, None, AttemptOutcome::Forbidden, Some(why)),
    }
}

/// The instant that a `Retry-After` names. A wait beyond the range of a timestamp is bounded, like every long one.
fn retry_after_instant(value: &str, now: Timestamp) -> Option<Timestamp> {
    let wait = domain::retry_after::parse(value, now)?;
    Some(now + wait.min(MAX_RETRY_AFTER))
}

fn is_accepted(response: &Response) -> bool {
    matches!(response, Response::Status { code: 200..=299, .. })
}
