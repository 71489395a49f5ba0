//! Shared set-up of the forwarding tests: a product with a live number, webhooks of Meta, endpoints with receivers.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use domain::delivery::Format;
use domain::ids::{AccountId, ChannelId};
use graph_emulator::{Config as EmulatorConfig, Popup, SignupResult};
use jiff::{SignedDuration, Timestamp};
use secrecy::SecretString;
use serde_json::{Value, json};
use server::flows::forwarding::endpoints::{self, CreateEndpoint, EndpointPatch};
use server::store::deliveries::attempts::{self, Attempt};
use server::store::deliveries::log::Reader;
use server::store::deliveries::{self, Counts};
use server::store::endpoints::Endpoint;
use server::store::{Engine, endpoints as store};

use crate::app::{APP_SECRET, TestApp};
use crate::support::receiver::{Receiver, Reply};

/// The pause between two looks at a condition.
const POLL: Duration = Duration::from_millis(20);

/// A product that forwards, with a live number.
pub(super) struct Place {
    pub(super) app: TestApp,
    pub(super) number: SignupResult,
    pub(super) inbox: ChannelId,
}

/// An endpoint with the receiver behind it.
pub(super) struct Line {
    pub(super) endpoint: Endpoint,
    pub(super) secret: SecretString,
    pub(super) receiver: Receiver,
}

impl Place {
    pub(super) async fn on(engine: Engine) -> Self {
        let place = Self::idle_on(engine).await;
        server::startup::start_forwarding(&place.app.app);
        place
    }

    /// The same, and nothing is delivered yet.
    pub(super) async fn idle_on(engine: Engine) -> Self {
        let app = TestApp::with(engine, loopback_is_allowed, EmulatorConfig::default()).await;
        let (number, inbox) = app.signed_up(Popup::default()).await;
        app.settle().await;
        Self { app, number, inbox }
    }

    pub(super) fn phone_id(&self) -> &str {
        self.number.phone_number_id.as_deref().unwrap()
    }

    pub(super) fn waba(&self) -> &str {
        self.number.waba_id.as_deref().unwrap()
    }

    /// A receiver, and an endpoint of the account's for it.
    pub(super) async fn line(&self, format: Format) -> Line {
        self.line_of(self.app.account, None, format, &[]).await
    }

    pub(super) async fn line_of(
        &self,
        account: AccountId,
        inbox: Option<ChannelId>,
        format: Format,
        kinds: &[&str],
    ) -> Line {
        let receiver = Receiver::start().await;
        let kinds = (!kinds.is_empty()).then(|| kinds.iter().map(|kind| (*kind).to_owned()).collect());
        let patch = EndpointPatch { url: Some(receiver.url.clone().into()), kinds, ..EndpointPatch::default() };
        let new = CreateEndpoint { account, inbox, format, secret: None, settings: patch };
        let (endpoint, secret) = endpoints::create(&self.app.app, new).await.unwrap();
        Line { endpoint, secret, receiver }
    }

    /// Meta posts messages of these people to the number, one change each.
    pub(super) async fn messages(&self, texts: &[(&str, &str)]) {
        for (from, text) in texts {
            let value = message(self.phone_id(), from, text);
            self.post(&json!([{ "field": "messages", "value": value }])).await;
        }
    }

    /// Meta posts changes of the number's account.
    pub(super) async fn post(&self, changes: &Value) {
        let body =
            json!({ "object": "whatsapp_business_account", "entry": [{ "id": self.waba(), "changes": changes }] });
        self.post_body(&body.to_string()).await;
    }

    pub(super) async fn post_body(&self, body: &str) {
        self.app.post_webhook("/webhooks/whatsapp", body.as_bytes(), Some(APP_SECRET)).await.expect(200);
    }

    /// Time goes by, and everybody notices.
    pub(super) fn later(&self, by: SignedDuration) {
        self.app.clock.advance(by);
        self.app.app.notifier.notify_endpoints();
    }

    pub(super) async fn kept(&self, endpoint: &Endpoint) -> Endpoint {
        let mut tx = self.app.app.store.read().await.unwrap();
        store::find(&mut tx, endpoint.id).await.unwrap().unwrap()
    }

    pub(super) async fn counts(&self, endpoint: &Endpoint) -> Counts {
        let mut tx = self.app.app.store.read().await.unwrap();
        deliveries::counts(&mut tx, endpoint.id).await.unwrap()
    }

    pub(super) async fn attempts(&self, endpoint: &Endpoint) -> Vec<Attempt> {
        let mut tx = self.app.app.store.read().await.unwrap();
        attempts::list(&mut tx, endpoint.id, None, false, 1000).await.unwrap()
    }

    /// Waits until what is on record is so.
    #[track_caller]
    pub(super) fn until(&self, what: &'static str, is_so: impl AsyncFn() -> bool) -> impl Future<Output = ()> {
        let caller = std::panic::Location::caller();
        async move {
            for _ in 0..1_500 {
                if is_so().await {
                    return;
                }
                tokio::time::sleep(POLL).await;
            }
            panic!("{caller}: waited for: {what}; it is {}", self.app.clock.now());
        }
    }

    /// Waits until every request that arrived has a stored attempt and none is in flight; returns their number.
    pub(super) async fn until_quiet(&self, line: &Line) -> usize {
        let mut before = None;
        loop {
            let stored = self.attempts(&line.endpoint).await.len();
            let is_flushed = stored == line.receiver.count();
            if is_flushed && before == Some(stored) {
                return stored;
            }
            before = is_flushed.then_some(stored);
            tokio::time::sleep(POLL).await;
        }
    }

    /// Records the product's time at every request from now on; each is accepted.
    pub(super) fn record_arrivals(&self, line: &Line) -> Arrivals {
        let arrivals = Arrivals::default();
        let (times, clock) = (Arc::clone(&arrivals.0), self.app.clock.clone());
        line.receiver.answer(move |_| {
            times.lock().unwrap().push(clock.now());
            Reply::status(200)
        });
        arrivals
    }

    /// Waits until the cursor of an endpoint is at the end of the log and nothing is pending.
    pub(super) async fn until_delivered(&self, line: &Line) {
        let is_done = async || {
            let kept = self.kept(&line.endpoint).await;
            let mut tx = self.app.app.store.read().await.unwrap();
            let behind = deliveries::count_behind(&mut tx, &Reader::of(&kept), kept.cursor, 1).await.unwrap();
            drop(tx);
            behind == 0 && self.counts(&line.endpoint).await == Counts::default()
        };
        self.until("everything is delivered", is_done).await;
    }
}

/// The product's times at which requests arrived.
#[derive(Default)]
pub(super) struct Arrivals(Arc<Mutex<Vec<Timestamp>>>);

impl Arrivals {
    /// The number of requests in each second of the stepped clock.
    pub(super) fn per_second(&self) -> Vec<usize> {
        let times = self.0.lock().unwrap();
        times.chunk_by(|one, next| one.as_second() == next.as_second()).map(<[Timestamp]>::len).collect()
    }
}

/// Allows endpoints on loopback.
pub(super) fn loopback_is_allowed(config: &mut server::config::Config) {
    config.delivery.allow_subnets = vec!["127.0.0.0/8".to_owned()];
    config.delivery.allow_http = true;
}

/// The value of a message from somebody.
pub(super) fn message(phone_id: &str, from: &str, text: &str) -> Value {
    json!({ "messaging_product": "whatsapp",
        "metadata": { "display_phone_number": "15550100001", "phone_number_id": phone_id },
        "contacts": [{ "profile": { "name": "Ada" }, "wa_id": from }],
        "messages": [{ "from": from, "id": format!("wamid.{from}.{text}"), "timestamp": "1790000000", "type": "text",
            "text": { "body": text } }] })
}

/// The text of the message in a post "as Meta".
pub(super) fn text_of(post: &Value) -> String {
    post["entry"][0]["changes"][0]["value"]["messages"][0]["text"]["body"].as_str().unwrap_or_default().to_owned()
}

pub(super) fn from_of(post: &Value) -> String {
    post["entry"][0]["changes"][0]["value"]["messages"][0]["from"].as_str().unwrap_or_default().to_owned()
}
