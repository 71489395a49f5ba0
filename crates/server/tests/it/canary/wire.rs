//! A proxy between the product and Meta: records every address that is called, and passes the call on or answers with an
//! echo of the whole call.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::{IntoResponse as _, Response};
use serde_json::json;

/// How a call is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    Pass,
    /// By an error of Meta's with this code, whose texts hold the whole call.
    TellBack(i64),
    /// The same, but what only reads is passed on.
    TellBackWrites(i64),
    /// By an error without a code, whose text holds the whole call.
    TellBackVaguely,
    /// By a page that holds the whole call.
    Page,
}

#[derive(Clone)]
pub(super) struct Wire {
    target: String,
    http: reqwest::Client,
    mode: Arc<Mutex<Mode>>,
    addresses: Arc<Mutex<Vec<String>>>,
}

impl Wire {
    /// Stands before Meta; its own address is the answer's second half.
    pub(super) fn before(target: &str) -> (Self, String) {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let wire = Self {
            target: target.to_owned(),
            http: reqwest::Client::new(),
            mode: Arc::new(Mutex::new(Mode::Pass)),
            addresses: Arc::default(),
        };
        let service = Router::new().fallback(carry).with_state(wire.clone());
        let listener = tokio::net::TcpListener::from_std(listener).unwrap();
        tokio::spawn(async move { axum::serve(listener, service).await });
        (wire, url)
    }

    pub(super) fn answer(&self, mode: Mode) {
        *self.mode.lock().unwrap() = mode;
    }

    /// Every address that was called, one a line.
    pub(super) fn addresses(&self) -> Vec<String> {
        self.addresses.lock().unwrap().clone()
    }
}

async fn carry(State(wire): State<Wire>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap();
    wire.addresses.lock().unwrap().push(format!("{} {}", head.method, head.uri));
    let mode = *wire.mode.lock().unwrap();
    let said = format!("{} {} {:?} {}", head.method, head.uri, head.headers, String::from_utf8_lossy(&body));
    // what a header hides from its own Debug
    let bearer = head.headers.get("authorization").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let said = format!("Malformed request {said} {bearer}");
    match mode {
        Mode::TellBackWrites(_) if head.method == "GET" || head.uri.path().contains("/oauth/") => {
            pass(&wire, head, body).await
        }
        Mode::Pass => pass(&wire, head, body).await,
        Mode::TellBack(code) | Mode::TellBackWrites(code) => {
            let error = json!({ "message": said, "code": code, "error_user_title": said, "error_user_msg": said,
                "error_data": { "details": said }, "fbtrace_id": "Atrace" });
            (StatusCode::BAD_REQUEST, axum::Json(json!({ "error": error }))).into_response()
        }
        Mode::TellBackVaguely => {
            (StatusCode::BAD_REQUEST, axum::Json(json!({ "error": { "message": said } }))).into_response()
        }
        Mode::Page => (StatusCode::BAD_GATEWAY, axum::response::Html(format!("<html>{said}</html>"))).into_response(),
    }
}

async fn pass(wire: &Wire, head: Parts, body: Bytes) -> Response {
    let url = format!("{}{}", wire.target, head.uri);
    let mut headers = head.headers;
    headers.remove("host");
    let sent = wire.http.request(head.method, url).headers(headers).body(body).send().await;
    let Ok(answer) = sent else { return StatusCode::BAD_GATEWAY.into_response() };
    let mut response = Response::builder().status(answer.status());
    for (name, value) in answer.headers().iter().filter(|(name, _)| *name != "transfer-encoding") {
        response = response.header(name, value);
    }
    response.body(Body::from(answer.bytes().await.unwrap_or_default())).unwrap()
}
