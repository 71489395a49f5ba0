//! `Idempotency-Key` on POST: the first request works, later ones with the same key get its answer.
//! Keys belong to the API key that sent them, so nobody is given another's answer.

use aws_lc_rs::hmac;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use secrecy::{ExposeSecret as _, SecretString};

use crate::App;
use crate::flows::idempotency;
use crate::store::idempotency::Reservation;
use crate::web::completion::run_to_completion;
use crate::web::error::{ApiError, Code, Result};
use crate::web::extract::auth;
use crate::web::extract::body;

const HEADER: &str = "idempotency-key";

/// Marks an answer that was given before.
const REPLAYED: &str = "idempotency-replayed";

/// The middleware; costs nothing where the header is not sent.
pub(crate) async fn heed_key(State(app): State<App>, request: Request, next: Next) -> Response {
    if request.method() != Method::POST || !request.headers().contains_key(HEADER) {
        return next.run(request).await;
    }
    match once(&app, request, next).await {
        Ok(response) => response,
        Err(error) => error.into_response(),
    }
}

async fn once(app: &App, request: Request, next: Next) -> Result<Response> {
    let (parts, raw) = request.into_parts();
    let key = key_of(parts.headers.get(HEADER))?;
    let principal = auth::authenticate(&parts, app).await?;
    let account = principal.key.account_id;
    let key = format!("{}:{key}", principal.key.id);
    let (bytes, _reserved) = body::read(&parts.headers, raw, app).await?;
    let hash = hash_of(&app.config.meta.app_secret, &parts.method, parts.uri.path(), &bytes);

    match idempotency::reserve(app, account, &key, &hash).await? {
        Reservation::Fresh => {}
        Reservation::Completed { status, body } => return Ok(replay(status, body)),
        Reservation::InProgress => {
            let text = "Ask again in a moment; the first request is still being worked on.";
            return Err(ApiError::new(Code::IdempotencyInProgress, text).with_retry_after(2));
        }
        Reservation::Mismatch => {
            let text = "Use a fresh key for a request with another path or body.";
            return Err(ApiError::new(Code::IdempotencyMismatch, text));
        }
    }
    // goes on to its end although the caller may hang up: else the key would stay taken
    let (worker, request) = (app.clone(), Request::from_parts(parts, Body::from(bytes)));
    run_to_completion(app, async move { answer(&worker, account, &key, next.run(request).await).await }).await?
}

/// Keeps the answer, unless trying again may help.
async fn answer(app: &App, account: Option<domain::ids::AccountId>, key: &str, response: Response) -> Result<Response> {
    let (parts, body) = response.into_parts();
    let bytes = axum::body::to_bytes(body, usize::MAX).await.map_err(ApiError::internal)?;
    match std::str::from_utf8(&bytes) {
        Ok(text) if !parts.status.is_server_error() && parts.status != StatusCode::UNAUTHORIZED => {
            idempotency::complete(app, account, key, parts.status.as_u16(), text).await?;
        }
        _ => {
            idempotency::release(app, account, key).await?;
        }
    }
    Ok(Response::from_parts(parts, Body::from(bytes)))
}

fn key_of(value: Option<&HeaderValue>) -> Result<String> {
    let text = value.and_then(|value| value.to_str().ok()).unwrap_or_default().trim();
    if (1..=200).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic()) {
        return Ok(text.to_owned());
    }
    Err(ApiError::invalid("Idempotency-Key", "1 to 200 visible ASCII characters, such as a UUID"))
}

/// Keyed, since the rest of a request may be known but for six digits: a bare hash of it in the database
/// would be a PIN for a million guesses. The key is the one secret all replicas share and none stores.
fn hash_of(key: &SecretString, method: &Method, path: &str, body: &Bytes) -> Vec<u8> {
    let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, key.expose_secret().as_bytes()));
    for part in [method.as_str().as_bytes(), b" ", path.as_bytes(), b"\n", body] {
        context.update(part);
    }
    context.sign().as_ref().to_vec()
}

fn replay(status: u16, body: String) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
    let kind = if status.is_client_error() { "application/problem+json" } else { "application/json" };
    (status, [(header::CONTENT_TYPE, kind), (header::HeaderName::from_static(REPLAYED), "true")], body).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_short_and_visible() {
        let key = |text: &str| key_of(Some(&HeaderValue::from_str(text).unwrap()));
        assert_eq!(key("5f0c").unwrap(), "5f0c");
        assert!(key("").is_err() && key("a b").is_err() && key(&"x".repeat(201)).is_err());
        assert!(key_of(None).is_err());
    }

    #[test]
    fn another_path_or_body_is_another_request() {
        let keyed =
            |key: &str, path: &str, body: &'static str| hash_of(&key.into(), &Method::POST, path, &Bytes::from(body));
        let hash = |path: &str, body: &'static str| keyed("secret", path, body);
        assert_ne!(hash("/a", "x"), keyed("another", "/a", "x"), "anybody could guess what was hashed");
        assert_eq!(hash("/a", "x"), hash("/a", "x"));
        assert_ne!(hash("/a", "x"), hash("/b", "x"));
        assert_ne!(hash("/a", "x"), hash("/a", "y"));
    }
}
