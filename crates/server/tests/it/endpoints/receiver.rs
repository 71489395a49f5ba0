//! A customer's address on this machine: keeps what it is sent, answers as told, and checks signatures by
//! itself, with none of the product's code.

use std::sync::{Arc, Mutex};

use aws_lc_rs::hmac;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::get;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use tokio::sync::{OwnedRwLockWriteGuard, RwLock};

#[derive(Debug, Clone)]
pub(crate) struct Heard {
    headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Heard {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// Which header, if any, holds Meta's signature under this secret.
    pub(crate) fn is_signed_like_meta(&self, header: &str, secret: &str) -> bool {
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
        let mine = format!("sha256={}", hex::encode(hmac::sign(&key, &self.body)));
        self.header(header) == mine
    }

    /// Whether one of its signatures is that of Standard Webhooks under this secret.
    pub(crate) fn is_signed_by_standard(&self, secret: &str) -> bool {
        let key = STANDARD.decode(secret.strip_prefix("whsec_").unwrap()).unwrap();
        let mut signed = format!("{}.{}.", self.header("webhook-id"), self.header("webhook-timestamp")).into_bytes();
        signed.extend_from_slice(&self.body);
        let mine = STANDARD.encode(hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &key), &signed));
        self.header("webhook-signature").split(' ').any(|one| one == format!("v1,{mine}"))
    }
}

#[derive(Debug, Clone)]
struct Manner {
    status: u16,
    text: String,
    /// The token of its handshake; without one it answers the handshake as anything else.
    verify_token: Option<String>,
}

#[derive(Clone)]
struct Shared {
    manner: Arc<Mutex<Manner>>,
    heard: Arc<Mutex<Vec<Heard>>>,
    asked: Arc<Mutex<Vec<(String, HeaderMap)>>>,
    /// Whoever holds it to write lets handshakes wait.
    gate: Arc<RwLock<()>>,
}

pub(crate) struct Receiver {
    pub(crate) url: String,
    shared: Shared,
}

impl Receiver {
    /// One that takes everything.
    pub(crate) async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        let manner = Manner { status: 200, text: "ok".to_owned(), verify_token: None };
        let shared = Shared {
            manner: Arc::new(Mutex::new(manner)),
            heard: Arc::default(),
            asked: Arc::default(),
            gate: Arc::default(),
        };
        let routes = Router::new().route("/hook", get(shake).post(take)).with_state(shared.clone());
        tokio::spawn(async move { axum::serve(listener, routes).await });
        Self { url, shared }
    }

    /// How it answers from now on.
    pub(crate) fn answer(&self, status: u16, text: &str) {
        let mut manner = self.shared.manner.lock().unwrap();
        (manner.status, manner.text) = (status, text.to_owned());
    }

    /// It answers handshakes with this token.
    pub(crate) fn shakes_hands(&self, token: &str) {
        self.shared.manner.lock().unwrap().verify_token = Some(token.to_owned());
    }

    /// Answers to handshakes wait until what this gives is dropped.
    pub(crate) async fn keeps_waiting(&self) -> OwnedRwLockWriteGuard<()> {
        Arc::clone(&self.shared.gate).write_owned().await
    }

    /// Every post, in the order of arrival.
    pub(crate) fn heard(&self) -> Vec<Heard> {
        self.shared.heard.lock().unwrap().clone()
    }

    pub(crate) fn last(&self) -> Heard {
        self.heard().pop().expect("nothing was posted")
    }

    /// Queries and headers of every handshake.
    pub(crate) fn asked(&self) -> Vec<(String, HeaderMap)> {
        self.shared.asked.lock().unwrap().clone()
    }
}

async fn shake(
    State(shared): State<Shared>,
    axum::extract::RawQuery(raw): axum::extract::RawQuery,
    Query(query): Query<std::collections::HashMap<String, String>>,
    headers: HeaderMap,
) -> (StatusCode, String) {
    shared.asked.lock().unwrap().push((raw.unwrap_or_default(), headers));
    let _open = shared.gate.read().await;
    let manner = shared.manner.lock().unwrap().clone();
    let said = |name: &str| query.get(name).cloned().unwrap_or_default();
    match manner.verify_token {
        Some(token) if said("hub.mode") == "subscribe" && said("hub.verify_token") == token => {
            (StatusCode::OK, said("hub.challenge"))
        }
        Some(_) => (StatusCode::FORBIDDEN, "wrong token".to_owned()),
        None => (StatusCode::from_u16(manner.status).unwrap(), manner.text),
    }
}

async fn take(State(shared): State<Shared>, headers: HeaderMap, body: Bytes) -> (StatusCode, String) {
    shared.heard.lock().unwrap().push(Heard { headers, body });
    let manner = shared.manner.lock().unwrap().clone();
    (StatusCode::from_u16(manner.status).unwrap(), manner.text)
}
