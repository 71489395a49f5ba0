//! Meta's webhook: verification of the subscription, and posts. The hot path of the product: a post is verified on its raw
//! bytes, stored, and only then answered 200. The address of a post must not decide whom it concerns.

use std::collections::HashMap;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use secrecy::{ExposeSecret as _, SecretString};

use super::error::{ApiError, Code, Problem, Result};
use super::extract::body::{self, ReadError};
use crate::App;
use crate::flows::ingest::handshake::{self, Callback};
use crate::flows::ingest::receive::{self, ReceiveError};
use crate::runtime::byte_budget::Reservation;

const SIGNATURE: &str = "x-hub-signature-256";

/// Maximum time for a body to arrive; Meta sends it at once.
const BODY_DEADLINE: Duration = Duration::from_secs(20);

/// Seconds after which a full database may accept posts again; old events are removed about as often.
const FULL_RETRY: u64 = 300;

/// Meta's parameters; an unreadable query counts as one without a token.
type Challenge = std::result::Result<Query<HashMap<String, String>>, QueryRejection>;

/// Verify the callback of the app
///
/// Meta sends `hub.mode`, `hub.verify_token` and `hub.challenge`; the bare challenge is the answer.
#[utoipa::path(get, path = "/webhooks/whatsapp", tag = "Meta",
    params(("hub.mode" = String, Query), ("hub.verify_token" = String, Query), ("hub.challenge" = String, Query)),
    responses((status = 200, body = String, content_type = "text/plain", description = "The challenge"),
        (status = 401, body = Problem)))]
pub(super) async fn verify_subscription(State(app): State<App>, query: Challenge) -> Response {
    answer_challenge(&app, None, query).await.unwrap_or_else(|error| refuse(&app, &error))
}

/// Verify the callback of a number
#[utoipa::path(get, path = "/webhooks/whatsapp/{phone_number}", tag = "Meta",
    params(("phone_number" = String, Path, example = "+15550100001"), ("hub.mode" = String, Query),
        ("hub.verify_token" = String, Query), ("hub.challenge" = String, Query)),
    responses((status = 200, body = String, content_type = "text/plain", description = "The challenge"),
        (status = 401, body = Problem)))]
pub(super) async fn verify_subscription_of_number(
    State(app): State<App>,
    phone: std::result::Result<Path<String>, PathRejection>,
    query: Challenge,
) -> Response {
    answer_challenge(&app, Some(phone.as_deref().map_or("", String::as_str)), query)
        .await
        .unwrap_or_else(|error| refuse(&app, &error))
}

async fn answer_challenge(app: &App, phone: Option<&str>, query: Challenge) -> Result<Response> {
    let params = query.map(|Query(params)| params).unwrap_or_default();
    let param = |name: &str| params.get(name).map_or("", String::as_str);
    let is_right =
        |callback: &Callback| param("hub.mode") == "subscribe" && is_same(&callback.token, param("hub.verify_token"));
    let Some(callback) = handshake::find(app, phone).await?.filter(is_right) else {
        tracing::warn!("a webhook handshake came with a wrong verify token");
        return Err(ApiError::new(Code::WrongVerifyToken, "Error; wrong verify token"));
    };
    handshake::record_verified(app, &callback).await?;
    tracing::info!("Whatsapp webhook verified");
    // the answer echoes input: a browser must not render it as a page
    let plain = [
        (header::CONTENT_TYPE, "text/plain; charset=utf-8"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    Ok((plain, param("hub.challenge").to_owned()).into_response())
}

/// Constant-time; an empty token matches nothing.
fn is_same(expected: &SecretString, given: &str) -> bool {
    let expected = expected.expose_secret();
    !expected.is_empty()
        && aws_lc_rs::constant_time::verify_slices_are_equal(expected.as_bytes(), given.as_bytes()).is_ok()
}

/// Receive a webhook of Meta's
///
/// 200 means that the webhook is stored. The number of a change is read from its content, not from the address.
#[utoipa::path(post, path = "/webhooks/whatsapp", tag = "Meta",
    params(("X-Hub-Signature-256" = String, Header, description = "`sha256=` and the HMAC of the raw body")),
    request_body = Object,
    responses((status = 200, description = "Stored"), (status = 400, body = Problem), (status = 401, body = Problem),
        (status = 413, body = Problem), (status = 503, body = Problem, description = "Not stored; Meta sends it again")))]
pub(super) async fn receive_post(State(app): State<App>, request: Request) -> Response {
    receive(&app, request).await
}

/// Receive a webhook at a number's callback
#[utoipa::path(post, path = "/webhooks/whatsapp/{phone_number}", tag = "Meta",
    params(("phone_number" = String, Path, example = "+15550100001"),
        ("X-Hub-Signature-256" = String, Header, description = "`sha256=` and the HMAC of the raw body")),
    request_body = Object,
    responses((status = 200, description = "Stored"), (status = 400, body = Problem), (status = 401, body = Problem),
        (status = 413, body = Problem), (status = 503, body = Problem, description = "Not stored; Meta sends it again")))]
pub(super) async fn receive_post_for_number(State(app): State<App>, request: Request) -> Response {
    receive(&app, request).await
}

async fn receive(app: &App, request: Request) -> Response {
    match take(app, request).await {
        Ok(()) => {
            app.metrics.post_stored();
            StatusCode::OK.into_response()
        }
        Err(error) => {
            if matches!(error.code(), Code::Unavailable | Code::StorageFull) {
                app.metrics.post_unavailable();
            } else {
                app.metrics.post_refused();
            }
            refuse(app, &error)
        }
    }
}

/// Verifies a post and does not store it: the upper bound that measurements compare the product with. No command of the
/// program serves this route.
pub(super) async fn verify_only(State(app): State<App>, request: Request) -> Response {
    match verified(&app, request).await {
        Ok(_) => StatusCode::OK.into_response(),
        Err(error) => refuse(&app, &error),
    }
}

async fn take(app: &App, request: Request) -> Result<()> {
    // reserved until the events are on disk: the queue of the writer holds as much as the body
    let (body, _reserved) = verified(app, request).await?;
    receive::receive(app, body).await.map_err(|error| match error {
        ReceiveError::Body(cause) => ApiError::new(Code::MalformedBody, cause.to_string()),
        ReceiveError::Store(cause) => {
            // Meta repeats the post for seven days after any failure; 503 is the truthful status. The cause is logged
            // by the store or by the writer, once for all posts that wait
            tracing::debug!("a webhook post could not be stored: {}", cause.chain());
            ApiError::new(Code::Unavailable, "The post was not stored; send it again").with_retry_after(5)
        }
        ReceiveError::Full => {
            let text = "The database has reached its limit. Send the post again later.";
            ApiError::new(Code::StorageFull, text).with_retry_after(FULL_RETRY)
        }
        ReceiveError::Busy => {
            ApiError::new(Code::Unavailable, "The queue is full; send the post again").with_retry_after(1)
        }
    })
}

/// The body of a post after its signature was verified, and the reservation of its bytes.
async fn verified(app: &App, request: Request) -> Result<(Bytes, Reservation)> {
    let (head, body) = request.into_parts();
    body::refuse_encoded(&head.headers)?;
    let limit = app.config.limits.max_webhook_body_bytes;
    let read = tokio::time::timeout(BODY_DEADLINE, body::collect(body, limit, &app.bodies)).await;
    let read = read.map_err(|_| ApiError::new(Code::TimedOut, "The body did not arrive in time"))?;
    let (body, reserved) = read.map_err(|error| match error {
        ReadError::TooLarge => ApiError::new(Code::BodyTooLarge, format!("A post may have {limit} bytes")),
        ReadError::BrokenOff => ApiError::new(Code::MalformedBody, "The body broke off"),
        ReadError::BudgetExhausted => body::budget_exhausted(),
    })?;
    let signature = head.headers.get(SIGNATURE).and_then(|value| value.to_str().ok());
    app.verifier.verify(signature, &body).map_err(|cause| {
        tracing::warn!(%cause, bytes = body.len(), "a webhook post was refused");
        // the answer gives no hint to a forger
        ApiError::new(Code::BadSignature, "The signature is missing or wrong")
    })?;
    Ok((body, reserved))
}

/// Refuses methods other than GET and POST.
pub(super) async fn refuse_method(State(app): State<App>) -> Response {
    refuse(&app, &ApiError::of_status(StatusCode::METHOD_NOT_ALLOWED))
}

/// Renders a failure as a problem document, because posts pass no layer that does.
fn refuse(app: &App, error: &ApiError) -> Response {
    let id = format!("req_{}", app.clock.uuid().simple());
    match error.source_chain() {
        Some(chain) => tracing::error!(request_id = id, code = error.code().as_str(), "{chain}"),
        None => tracing::debug!(request_id = id, code = error.code().as_str(), "{}", error.detail()),
    }
    error.as_json(Some(&id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_token_matches_nothing() {
        assert!(!is_same(&"".into(), ""));
        assert!(!is_same(&"abc".into(), "abd"));
        assert!(is_same(&"abc".into(), "abc"));
    }
}
