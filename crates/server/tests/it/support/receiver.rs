//! A receiver of posts as a customer runs one: real HTTP on loopback, told how to answer. Asserts nothing.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use serde_json::Value;
use tokio::sync::Notify;

/// A post as it arrived.
#[derive(Debug, Clone)]
pub(crate) struct Got {
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    /// What it was answered.
    pub(crate) status: u16,
}

impl Got {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// What tells it from every other.
    pub(crate) fn id(&self) -> &str {
        let standard = self.header("webhook-id");
        if standard.is_empty() { self.header("x-linekeeper-event") } else { standard }
    }
}

/// How a post is answered.
#[derive(Debug, Clone, Default)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) retry_after: Option<String>,
    pub(crate) after: Duration,
}

impl Reply {
    pub(crate) fn status(status: u16) -> Self {
        Self { status, ..Self::default() }
    }
}

type Script = Box<dyn Fn(&Value) -> Reply + Send>;

#[derive(Clone)]
pub(crate) struct Receiver {
    pub(crate) url: String,
    inner: Arc<Inner>,
}

struct Inner {
    got: Mutex<Vec<Got>>,
    script: Mutex<Script>,
    came: Notify,
}

impl Receiver {
    pub(crate) async fn start() -> Self {
        let inner = Arc::new(Inner {
            got: Mutex::default(),
            script: Mutex::new(Box::new(|_| Reply::status(200))),
            came: Notify::new(),
        });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        let service = Router::new().fallback(take).with_state(Arc::clone(&inner));
        tokio::spawn(async move { axum::serve(listener, service).await });
        Self { url, inner }
    }

    /// From now on every post is answered as this says of its body.
    pub(crate) fn answer(&self, script: impl Fn(&Value) -> Reply + Send + 'static) {
        *self.inner.script.lock().unwrap() = Box::new(script);
    }

    /// Everything that arrived, in order.
    pub(crate) fn got(&self) -> Vec<Got> {
        self.inner.got.lock().unwrap().clone()
    }

    /// What was answered with 200.
    pub(crate) fn taken(&self) -> Vec<Got> {
        self.got().into_iter().filter(|got| got.status == 200).collect()
    }

    /// How many posts arrived.
    pub(crate) fn count(&self) -> usize {
        self.inner.got.lock().unwrap().len()
    }

    /// Waits until so many arrived; all of them.
    #[track_caller]
    pub(crate) fn wait_for(&self, count: usize) -> impl Future<Output = Vec<Got>> + use<'_> {
        let caller = std::panic::Location::caller();
        async move {
            let wait = async {
                loop {
                    let came = self.inner.came.notified();
                    if self.inner.got.lock().unwrap().len() >= count {
                        return;
                    }
                    came.await;
                }
            };
            let came = tokio::time::timeout(Duration::from_secs(30), wait).await;
            let got = self.got();
            assert!(came.is_ok(), "{caller}: {} of {count} came: {got:#?}", got.len());
            got
        }
    }
}

async fn take(State(inner): State<Arc<Inner>>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap();
    let reply = (inner.script.lock().unwrap())(&serde_json::from_slice(&body).unwrap_or(Value::Null));
    tokio::time::sleep(reply.after).await;
    inner.got.lock().unwrap().push(Got { headers: head.headers, body, status: reply.status });
    inner.came.notify_waiters();
    let mut response = StatusCode::from_u16(reply.status).unwrap().into_response();
    if let Some(after) = reply.retry_after {
        response.headers_mut().insert("retry-after", after.parse().unwrap());
    }
    response
}
