//! The middleware of every request except Meta's posts: request id, one log line, metrics, and the rendering of failures
//! (a problem document for programs, a page for people).

use std::sync::Arc;
use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use tracing::Instrument as _;

use super::error::{ApiError, Code, Failed};
use super::pages;
use crate::App;

const REQUEST_ID: &str = "x-request-id";

/// Adds the request id, logs and measures the request, and renders its failure.
pub(super) async fn observe(
    State(app): State<App>,
    matched: Option<MatchedPath>,
    request: Request,
    next: Next,
) -> Response {
    let started = Instant::now();
    let id = request_id(&app, request.headers());
    let method = request.method().clone();
    let path = request.uri().path().to_owned();
    let wants_page = wants_page(&path, request.headers());
    // the route template: an address may contain data that must not be logged
    let route = matched.as_ref().map_or("unmatched", MatchedPath::as_str).to_owned();
    let method_label = method_label(&method);
    let span = tracing::info_span!("request", method = method_label, route, request_id = id);
    let answer = async {
        let response = next.run(request).await;
        let response = if response.status().is_client_error() || response.status().is_server_error() {
            finish_failure(response, &id, &method, wants_page.then_some(path.as_str()))
        } else {
            response
        };
        let duration = started.elapsed();
        tracing::info!(status = response.status().as_u16(), ms = duration.as_secs_f64() * 1000.0, "answered");
        app.metrics.http_request(method_label, &route, response.status().as_u16(), duration);
        response
    };
    let mut response = answer.instrument(span).await;
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    response
}

/// The method as a label of logs and metrics. A caller may make methods up: all of them share one label.
fn method_label(method: &Method) -> &'static str {
    const KNOWN: [&str; 9] = ["GET", "POST", "PATCH", "PUT", "DELETE", "HEAD", "OPTIONS", "TRACE", "CONNECT"];
    KNOWN.into_iter().find(|known| *known == method.as_str()).unwrap_or("other")
}

/// The id sent by the caller if it is well formed, else a new one.
fn request_id(app: &App, headers: &HeaderMap) -> String {
    let given = headers.get(REQUEST_ID).and_then(|value| value.to_str().ok()).filter(|text| {
        (8..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    });
    given.map_or_else(|| format!("req_{}", app.clock.uuid().simple()), str::to_owned)
}

/// Whether the request comes from a browser that opens a page.
fn wants_page(path: &str, headers: &HeaderMap) -> bool {
    let accepts_html = headers
        .get(header::ACCEPT)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|text| text.contains("text/html"));
    accepts_html && !["/api/", "/webhooks/", "/openapi.json"].iter().any(|prefix| path.starts_with(prefix))
}

fn finish_failure(response: Response, id: &str, method: &Method, page: Option<&str>) -> Response {
    let error = match response.extensions().get::<Failed>() {
        Some(Failed(error)) => Arc::clone(error),
        // a page that already shows the failure, or a stored answer
        None if is_finished(&response) => return response,
        None => Arc::new(ApiError::of_status(response.status())),
    };
    if let Some(chain) = error.source_chain() {
        tracing::error!(code = error.code().as_str(), "{chain}");
    }
    let mut finished = match page {
        Some(path) if error.code() == Code::Unauthenticated && method == Method::GET => sign_in_first(path),
        Some(_) => pages::error::render(&error, id),
        None => error.as_json(Some(id)),
    };
    if let Some(allow) = response.headers().get(header::ALLOW) {
        finished.headers_mut().insert(header::ALLOW, allow.clone());
    }
    finished
}

fn is_finished(response: &Response) -> bool {
    let kind = response.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    kind.is_some_and(|kind| kind.starts_with("text/html") || kind == "application/problem+json")
}

fn sign_in_first(path: &str) -> Response {
    let next: String = url::form_urlencoded::Serializer::new(String::new()).append_pair("next", path).finish();
    Redirect::to(&format!("/sign-in?{next}")).into_response()
}

/// Renders a panic of a handler as an internal error.
#[expect(clippy::needless_pass_by_value, reason = "the signature that the layer requires")]
pub(super) fn panicked(cause: Box<dyn std::any::Any + Send + 'static>) -> Response {
    let text = cause
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| cause.downcast_ref::<&'static str>().copied())
        .unwrap_or("no text");
    ApiError::internal(anyhow::anyhow!("a handler panicked: {text}")).into_response()
}

/// Answers a request for an unknown address.
pub(super) async fn not_found() -> ApiError {
    ApiError::not_found("page")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_method_that_is_made_up_has_the_label_of_all_others() {
        assert_eq!(method_label(&Method::PATCH), "PATCH");
        assert_eq!(method_label(&Method::from_bytes(b"PATCHX").unwrap()), "other");
        assert_eq!(method_label(&Method::from_bytes(b"get").unwrap()), "other");
    }
}
