//! Sends one item to an endpoint and reports the result. Must not write to the store.

use std::time::Duration;

use domain::delivery::{AttemptOutcome, MAX_RETRY_AFTER, Response};
use jiff::Timestamp;
use outbound::exchange::{ExchangeError, Reply, Request};

use super::backlog::Dispatch;
use super::fetch::encode_item;
use super::payload::{Payload, Position, headers};
use super::redact::redact_answer;
use crate::App;
use crate::store::deliveries::attempts::Attempt;
use crate::store::endpoints::Endpoint;
use crate::store::ids::DeliveryKey;

/// The result of sending one item.
#[derive(Debug)]
pub(super) struct AttemptReport {
    pub(super) position: Position,
    /// The response; `None` when the item was accepted or there was nothing to send.
    pub(super) failure: Option<Response>,
    /// The request; `None` when none was made.
    pub(super) attempt: Option<Attempt>,
}

/// Sends an item. The caller has a permit for the request.
pub(super) async fn send_item(app: &App, endpoint: &Endpoint, position: Position, dispatch: Dispatch) -> AttemptReport {
    let Dispatch { payload, attempts: failed } = dispatch;
    let key = position.key();
    let report = AttemptReport { position, failure: None, attempt: None };
    let payload = match payload {
        Some(payload) => payload,
        None => match encode_item(app, endpoint, key).await {
            Ok(Some(payload)) => payload,
            Ok(None) => return report,
            Err(error) => {
                // retried like an endpoint that does not answer
                if !error.is_retryable() {
                    tracing::warn!(endpoint = %endpoint.id, "cannot read an event for forwarding: {}", error.chain());
                }
                return AttemptReport { failure: Some(Response::Unreachable), ..report };
            }
        },
    };
    let (response, attempt) = send_attempt(app, endpoint, key, &payload, failed + 1).await;
    AttemptReport {
        failure: Some(response).filter(|response| !is_accepted(response)),
        attempt: Some(attempt),
        ..report
    }
}

/// Sends one payload and reports the response. `number` counts the attempts of the item from 1.
pub(super) async fn send_attempt(
    app: &App,
    endpoint: &Endpoint,
    key: DeliveryKey,
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
    (response, Attempt { key, at: now, attempt: number, status, duration_ms, outcome, answer })
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
