//! A Graph caller and a webhook receiver for the tests. Must not assert anything itself.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::get;
use graph_emulator::{ClockMode, Config, Emulator, Popup, SignupResult};
use jiff::Timestamp;
use serde_json::{Value, json};

pub(crate) const APP: &str = "740000000000001";
pub(crate) const SECRET: &str = "emulated-app-secret";
pub(crate) const VERIFY: &str = "verify-me";

/// World time at the start of every test.
pub(crate) fn epoch() -> Timestamp {
    "2026-10-20T08:00:00Z".parse().expect("time")
}

pub(crate) async fn emulator() -> Emulator {
    Emulator::start(Config { clock: ClockMode::Stepped(epoch()), ..Config::default() }).await.expect("emulator")
}

/// One answer of Graph over HTTP.
#[derive(Debug)]
pub(crate) struct GraphAnswer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
}

impl GraphAnswer {
    /// Code and subcode of an error; zeros after success.
    pub(crate) fn error(&self) -> (i64, i64) {
        let e = &self.body["error"];
        (e["code"].as_i64().unwrap_or(0), e["error_subcode"].as_i64().unwrap_or(0))
    }
}

/// A client of Graph with a token.
#[derive(Clone)]
pub(crate) struct Caller {
    pub(crate) base: String,
    pub(crate) token: String,
    http: reqwest::Client,
}

impl Caller {
    pub(crate) fn new(emulator: &Emulator, token: &str) -> Self {
        let http = reqwest::Client::builder().no_proxy().build().expect("client");
        Self { base: emulator.base_url(), token: token.to_owned(), http }
    }

    pub(crate) async fn try_send(
        &self,
        method: &str,
        path: &str,
        body: Option<Value>,
    ) -> Result<GraphAnswer, reqwest::Error> {
        let url = format!("{}/v25.0{path}", self.base);
        let mut request = self.http.request(method.parse().expect("method"), url);
        if !self.token.is_empty() {
            request = request.bearer_auth(&self.token);
        }
        if let Some(body) = body {
            request = request.json(&body);
        }
        let response = request.send().await?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let text = response.text().await?;
        Ok(GraphAnswer { status, headers, body: serde_json::from_str(&text).unwrap_or(Value::String(text)) })
    }

    pub(crate) async fn get(&self, path: &str) -> GraphAnswer {
        self.try_send("GET", path, None).await.expect("answer")
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> GraphAnswer {
        self.try_send("POST", path, Some(body)).await.expect("answer")
    }

    pub(crate) async fn delete(&self, path: &str) -> GraphAnswer {
        self.try_send("DELETE", path, None).await.expect("answer")
    }

    /// Calls any path of the emulator unchanged: `/_emulator/…` or an unversioned one.
    pub(crate) async fn raw(&self, method: &str, path: &str, body: Option<Value>) -> GraphAnswer {
        let mut request = self.http.request(method.parse().expect("method"), format!("{}{path}", self.base));
        if let Some(body) = body {
            request = request.json(&body);
        }
        let response = request.send().await.expect("answer");
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let text = response.text().await.expect("text");
        GraphAnswer { status, headers, body: serde_json::from_str(&text).unwrap_or(Value::String(text)) }
    }

    pub(crate) async fn form(&self, path: &str, pairs: &[(&str, &str)]) -> GraphAnswer {
        let url = format!("{}/v25.0{path}", self.base);
        let response = self.http.post(url).bearer_auth(&self.token).form(pairs).send().await.expect("answer");
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        GraphAnswer { status, headers, body: response.json().await.expect("JSON") }
    }

    pub(crate) async fn register(&self, number: &str, pin: &str) -> GraphAnswer {
        self.post(&format!("/{number}/register"), json!({"messaging_product": "whatsapp", "pin": pin})).await
    }
}

/// A signed-up customer with its business token.
pub(crate) struct Customer {
    pub(crate) graph: Caller,
    pub(crate) waba: String,
    pub(crate) number: String,
    pub(crate) business: String,
}

pub(crate) async fn exchange(emulator: &Emulator, code: &str) -> GraphAnswer {
    let path = format!("/oauth/access_token?client_id={APP}&client_secret={SECRET}&code={code}");
    Caller::new(emulator, "").get(&path).await
}

pub(crate) async fn customer(emulator: &Emulator, popup: Popup) -> Customer {
    let SignupResult { code, waba_id, phone_number_id, business_id, .. } = emulator.sign_up(popup).await;
    let got = exchange(emulator, &code.expect("code")).await;
    let token = got.body["access_token"].as_str().expect("token").to_owned();
    Customer {
        graph: Caller::new(emulator, &token),
        waba: waba_id.expect("waba"),
        number: phone_number_id.unwrap_or_default(),
        business: business_id.expect("business"),
    }
}

/// One webhook that the receiver got.
#[derive(Debug, Clone)]
pub(crate) struct Arrived {
    pub(crate) path: String,
    pub(crate) signature: String,
    pub(crate) raw: String,
    pub(crate) body: Value,
}

impl Arrived {
    pub(crate) fn field(&self) -> &str {
        self.body["entry"][0]["changes"][0]["field"].as_str().unwrap_or_default()
    }

    pub(crate) fn value(&self) -> &Value {
        &self.body["entry"][0]["changes"][0]["value"]
    }
}

#[derive(Debug, Default)]
struct Inbox {
    arrived: Vec<Arrived>,
    refuse: usize,
}

/// A callback server that records the webhooks it gets.
#[derive(Clone)]
pub(crate) struct Receiver {
    pub(crate) url: String,
    inbox: Arc<Mutex<Inbox>>,
}

type Pairs = Vec<(String, String)>;

impl Receiver {
    pub(crate) async fn start() -> Self {
        let inbox = Arc::<Mutex<Inbox>>::default();
        let challenge = async |Query(query): Query<Pairs>| {
            let of = |name: &str| query.iter().find(|(n, _)| n == name).map(|(_, v)| v.clone());
            match of("hub.verify_token") {
                Some(token) if token == VERIFY => (StatusCode::OK, of("hub.challenge").unwrap_or_default()),
                _ => (StatusCode::FORBIDDEN, String::new()),
            }
        };
        let event =
            async |State(inbox): State<Arc<Mutex<Inbox>>>, uri: axum::http::Uri, headers: HeaderMap, raw: String| {
                let mut inbox = inbox.lock().expect("inbox");
                if inbox.refuse > 0 {
                    inbox.refuse -= 1;
                    return StatusCode::INTERNAL_SERVER_ERROR;
                }
                let signature = headers["x-hub-signature-256"].to_str().expect("text").to_owned();
                let body = serde_json::from_str(&raw).expect("JSON");
                inbox.arrived.push(Arrived { path: uri.path().to_owned(), signature, raw, body });
                StatusCode::OK
            };
        let router = Router::new().route("/{*path}", get(challenge).post(event)).with_state(Arc::clone(&inbox));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("port");
        let url = format!("http://{}", listener.local_addr().expect("address"));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, inbox }
    }

    pub(crate) fn callback(&self, path: &str) -> String {
        format!("{}/{path}", self.url)
    }

    pub(crate) fn take(&self) -> Vec<Arrived> {
        std::mem::take(&mut self.inbox.lock().expect("inbox").arrived)
    }

    pub(crate) fn refuse(&self, times: usize) {
        self.inbox.lock().expect("inbox").refuse = times;
    }
}

/// Subscribes the app-level callback to every field that the tests check.
pub(crate) async fn subscribe_app(emulator: &Emulator, receiver: &Receiver) -> GraphAnswer {
    let app = Caller::new(emulator, &format!("{APP}|{SECRET}"));
    let fields = "messages,account_update,account_review_update,phone_number_name_update,phone_number_quality_update,business_capability_update,security,history,smb_app_state_sync";
    let body = json!({"object": "whatsapp_business_account", "callback_url": receiver.callback("app"),
        "verify_token": VERIFY, "fields": fields, "include_values": true});
    app.post(&format!("/{APP}/subscriptions"), body).await
}
