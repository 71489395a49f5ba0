//! The harness: the real server over HTTP, a real database, the emulator for Meta, one stepped clock
//! for both. It speaks the product's words; it asserts nothing about a story.

use std::time::Duration;

use domain::ids::{AccountId, ChannelId};
use graph_emulator::{ClockMode, Config as EmulatorConfig, Emulator, Popup, SignupResult};
use jiff::{SignedDuration, Timestamp};
use reqwest::{Method, StatusCode};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};
use server::App;
use server::config::{Config, Delivery, Limits, Log, LogFormat, Meta, Retention, Seal};
use server::flows::database;
use server::flows::queue::{Job, enqueue_now};
use server::runner::Runner;
use server::runtime::clock::Clock;
use server::runtime::liveness::Alive;
use server::seal::Keyring;
use server::store::api_keys::{self, NewApiKey, Scope};
use server::store::{Engine, Store, accounts};
use tokio::net::TcpListener;

use crate::support::stores::Database;

/// When every story begins.
pub(crate) const START: &str = "2026-11-02T09:00:00Z";

/// The app secret the emulator signs with.
pub(crate) const APP_SECRET: &str = "canary-app-secret-0f3a";

/// The partner portfolio's system token, known to the emulator.
pub(crate) const APP_ID: &str = "740000000000001";

/// A running installation of the product with an emulator for Meta.
pub(crate) struct TestApp {
    pub(crate) app: App,
    /// The same database with write access, for facts that no flow writes.
    pub(crate) store: Store,
    pub(crate) meta: Emulator,
    pub(crate) clock: Clock,
    pub(crate) url: String,
    pub(crate) account: AccountId,
    pub(crate) key: SecretString,
    pub(crate) database: Database,
    /// The keys its secrets are sealed with.
    pub(crate) keys: SecretString,
    http: reqwest::Client,
    /// This harness runs the jobs, so it is the runner that readiness asks for.
    alive: Alive,
}

/// What the server answered.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    /// The body as JSON; null when it is none.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or(Value::Null)
    }

    /// Fails the test, with the body, unless the status is this.
    #[track_caller]
    pub(crate) fn expect(&self, status: u16) -> Value {
        assert_eq!(self.status.as_u16(), status, "{}", self.text);
        self.json()
    }
}

impl TestApp {
    /// The program beside this one: on the same database, in a folder where it finds no file of settings.
    pub(crate) fn command(&self, folder: &std::path::Path) -> tokio::process::Command {
        let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_linekeeper"));
        command
            .current_dir(folder)
            .env("LINEKEEPER_DATABASE", &self.database.url)
            .env("LINEKEEPER_SEAL_KEYS", self.keys.expose_secret())
            .env("LINEKEEPER_META_APP_ID", APP_ID)
            .env("LINEKEEPER_META_APP_SECRET", APP_SECRET);
        command
    }

    /// On the embedded default.
    pub(crate) async fn new() -> Self {
        Self::on(Engine::Sqlite).await
    }

    /// A test installation on a given engine.
    pub(crate) async fn on(engine: Engine) -> Self {
        Self::with(engine, |_| {}, EmulatorConfig::default()).await
    }

    /// With another configuration or another world.
    pub(crate) async fn with(engine: Engine, change: impl FnOnce(&mut Config), meta: EmulatorConfig) -> Self {
        Self::with_meta(engine, |config, _| change(config), meta).await
    }

    /// The same with Meta at hand, whose tokens a configuration may hold.
    pub(crate) async fn with_meta(
        engine: Engine,
        change: impl FnOnce(&mut Config, &Emulator),
        meta: EmulatorConfig,
    ) -> Self {
        every_event_is_wanted();
        let start: Timestamp = START.parse().unwrap();
        let meta = EmulatorConfig {
            clock: ClockMode::Stepped(start),
            app_id: APP_ID.to_owned(),
            app_secret: APP_SECRET.to_owned(),
            ..meta
        };
        let meta = Emulator::start(meta).await.unwrap();
        let database = Database::empty(engine).await;
        let keys = Keyring::generate();
        let store = database.open(&keys).await;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let clock = Clock::stepped(start);
        let mut config = config(&url, &database.url, &meta.base_url());
        change(&mut config, &meta);
        let (account, key) = first_account(&store, start).await;
        let app = server::startup::build(config, database::Database::new(store.clone()), clock.clone()).unwrap();
        tokio::spawn(server::web::serve(app.clone(), listener));
        let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        let alive = app.runner.start();
        let it = Self { app, store, meta, clock, url, account, key, database, keys, http, alive };
        enqueue_now(&it.app, &[Job::AppCallback]).await.unwrap();
        it.settle().await;
        it
    }

    /// Another process on the same database: it is started, its jobs are not.
    pub(crate) async fn start_again(&self) -> App {
        self.start_again_with(|_| {}).await
    }

    /// The same with another configuration.
    pub(crate) async fn start_again_with(&self, change: impl FnOnce(&mut Config)) -> App {
        let store = self.database.open(&self.keys).await;
        let mut config = self.app.config.clone();
        change(&mut config);
        server::startup::build(config, database::Database::new(store), self.clock.clone()).unwrap()
    }

    /// Runs everything that is due now in another process, until nothing is.
    pub(crate) async fn settle_in(&self, process: &App) {
        let runner = Runner::new(process.clone());
        for _ in 0..10_000 {
            self.meta.send_due_webhooks().await;
            if !runner.run_next().await.unwrap() {
                return;
            }
        }
        panic!("jobs loop hot: {:?}", self.clock.now());
    }

    /// Runs everything that is due now, on both sides, until nothing is.
    pub(crate) async fn settle(&self) {
        let runner = Runner::new(self.app.clone());
        self.alive.tick();
        for _ in 0..10_000 {
            self.meta.send_due_webhooks().await;
            if !runner.run_next().await.unwrap() {
                return;
            }
        }
        panic!("jobs loop hot: {:?}", self.clock.now());
    }

    /// Moves both clocks on, through everything that is due on the way on either side.
    pub(crate) async fn advance(&self, by: SignedDuration) {
        self.settle().await;
        let until = self.clock.now() + by;
        loop {
            let due = self.next_due().await.filter(|due| *due < until);
            let next = due.unwrap_or(until).max(self.clock.now());
            self.clock.set(next);
            self.meta.set_now(next).await;
            self.settle().await;
            if due.is_none() {
                return;
            }
        }
    }

    /// When something is next due, on either side.
    pub(crate) async fn next_due(&self) -> Option<Timestamp> {
        let mut tx = self.app.store.read().await.unwrap();
        let job = store::jobs::next_due(&mut tx).await.unwrap();
        let world = self.meta.with_world(|world, _| world.next_due());
        job.into_iter().chain(world).min()
    }

    /// Plays the popup and hands its result to the origin's route.
    pub(crate) async fn sign_up(&self, popup: Popup) -> (SignupResult, Answer) {
        let result = self.meta.sign_up(popup).await;
        let answer = self.authorize(&result).await;
        (result, answer)
    }

    /// A signup that must succeed: its result and the inbox's id.
    #[track_caller]
    pub(crate) fn signed_up(&self, popup: Popup) -> impl Future<Output = (SignupResult, ChannelId)> + use<'_> {
        let caller = std::panic::Location::caller();
        async move {
            let (result, answer) = self.sign_up(popup).await;
            assert_eq!(answer.status, StatusCode::OK, "{caller}: {}", answer.text);
            let id = answer.json()["id"].as_i64().unwrap();
            (result, ChannelId(id))
        }
    }

    /// `POST …/whatsapp/authorization` with what the browser got.
    pub(crate) async fn authorize(&self, result: &SignupResult) -> Answer {
        self.post(&self.path("/whatsapp/authorization"), browser(result)).await
    }

    /// A path of the first account.
    pub(crate) fn path(&self, rest: &str) -> String {
        format!("/api/v1/accounts/{}{rest}", self.account)
    }

    /// A path of an inbox of the first account.
    pub(crate) fn inbox(&self, id: ChannelId, rest: &str) -> String {
        self.path(&format!("/inboxes/{id}{rest}"))
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, None, Some(&self.key)).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Answer {
        self.send(Method::POST, path, Some(body), Some(&self.key)).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        self.send(Method::DELETE, path, None, Some(&self.key)).await
    }

    /// Any request, with any key or none.
    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<Value>,
        key: Option<&SecretString>,
    ) -> Answer {
        let mut request = self.http.request(method, format!("{}{path}", self.url)).timeout(Duration::from_mins(1));
        if let Some(key) = key {
            request = request.bearer_auth(key.expose_secret());
        }
        if let Some(body) = body {
            request = request.json(&body);
        }
        answer(request).await
    }

    /// A webhook post, signed with this secret (`None`: unsigned).
    pub(crate) async fn post_webhook(&self, path: &str, body: &[u8], secret: Option<&str>) -> Answer {
        let mut request = self
            .http
            .post(format!("{}{path}", self.url))
            .header("content-type", "application/json")
            .body(body.to_vec());
        if let Some(secret) = secret {
            let signature = graph_api::webhook::sign(&SecretString::from(secret), body);
            request = request.header("x-hub-signature-256", signature);
        }
        answer(request).await
    }

    /// A second tenant and its key.
    pub(crate) async fn another_account(&self, scope: Scope) -> (AccountId, SecretString) {
        let now = self.clock.now();
        let mut tx = self.store.write().await.unwrap();
        let account = accounts::create(&mut tx, "Another tenant", now).await.unwrap();
        let secret = api_keys::fresh_secret();
        api_keys::insert(&mut tx, &new_key(Some(account), scope), &secret, now).await.unwrap();
        tx.commit().await.unwrap();
        (account, secret)
    }

    /// A key of the first account, or of the installation.
    pub(crate) async fn another_key(&self, account: Option<AccountId>, scope: Scope) -> SecretString {
        let mut tx = self.store.write().await.unwrap();
        let secret = api_keys::fresh_secret();
        api_keys::insert(&mut tx, &new_key(account, scope), &secret, self.clock.now()).await.unwrap();
        tx.commit().await.unwrap();
        secret
    }
}

async fn answer(request: reqwest::RequestBuilder) -> Answer {
    let response = request.send().await.unwrap();
    let (status, headers) = (response.status(), response.headers().clone());
    Answer { status, headers, text: response.text().await.unwrap() }
}

/// A subscriber for the whole process that wants everything and keeps nothing: without one, whether an
/// event is made at all would hang on which test's thread met it first.
fn every_event_is_wanted() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        // a test that listens to the whole process may have come first
        let _ = tracing::subscriber::set_global_default(tracing_subscriber::registry());
    });
}

/// What a browser sends after the popup.
pub(crate) fn browser(result: &SignupResult) -> Value {
    json!({
        "code": result.code,
        "business_id": result.business_id,
        "waba_id": result.waba_id,
        "phone_number_id": result.phone_number_id,
    })
}

async fn first_account(store: &Store, now: Timestamp) -> (AccountId, SecretString) {
    let mut tx = store.write().await.unwrap();
    let account = accounts::create(&mut tx, "Example Platform", now).await.unwrap();
    let secret = api_keys::fresh_secret();
    api_keys::insert(&mut tx, &new_key(Some(account), Scope::Admin), &secret, now).await.unwrap();
    tx.commit().await.unwrap();
    (account, secret)
}

/// A whole configuration for a server at `url`.
pub(crate) fn config(url: &str, database: &str, meta: &str) -> Config {
    Config {
        public_url: url.to_owned(),
        listen: "127.0.0.1:0".parse().unwrap(),
        database: database.to_owned(),
        trusted_proxies: Vec::new(),
        seal: Seal { keys: None, key_file: "unused".into() },
        meta: Meta {
            app_id: APP_ID.to_owned(),
            app_secret: APP_SECRET.into(),
            previous_app_secret: None,
            version: "v25.0".to_owned(),
            base_url: meta.to_owned(),
            system_user_token: None,
            verify_token: None,
            manage_app_callback: true,
            webhook_fields: Vec::new(),
        },
        limits: Limits {
            graph_deadline_seconds: 10,
            signup_deadline_seconds: 12,
            max_webhook_body_bytes: 4_194_304,
            max_body_bytes_in_flight: 64_000_000,
            max_connections: 900,
            job_workers: 2,
            account_check_interval_seconds: 300,
        },
        delivery: Delivery::default(),
        retention: Retention { days: 7, unfinished_signup_hours: 24, max_gigabytes: 0.0, warn_at_percent: 80 },
        log: Log { filter: "warn".to_owned(), format: LogFormat::Text },
    }
}

fn new_key(account_id: Option<AccountId>, scope: Scope) -> NewApiKey {
    NewApiKey { account_id, name: "test".to_owned(), scope }
}
