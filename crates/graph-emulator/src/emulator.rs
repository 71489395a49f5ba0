//! The handle of a running emulator, for tests, `linekeeper demo` and the program. Must not know routes or rules.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::net::TcpListener;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::clock::{Clock, ClockMode};
use crate::fault::Fault;
use crate::http;
use crate::log::{LogEntry, WebhookEntry};
use crate::runtime::Runtime;
use crate::webhook_client::WebhookClient;
use crate::world::{
    ActionError, NumberAction, NumberView, Popup, Settings, SignupResult, WabaAction, WebhookFault, World,
};

/// How to start an emulator; `..Config::default()` fills the members a test does not set.
#[derive(Debug, Clone)]
pub struct Config {
    pub host: IpAddr,
    /// Port to listen on; 0 takes any free one.
    pub port: u16,
    pub clock: ClockMode,
    /// Seed of every id, code, token and trace.
    pub seed: u64,
    pub app_id: String,
    /// Secret of the app, which signs webhooks.
    pub app_secret: String,
    /// Portfolio of the partner that owns the app.
    pub partner_business_id: String,
    pub settings: Settings,
    /// How long a callback may take to answer.
    pub webhook_timeout: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            host: IpAddr::V4(Ipv4Addr::LOCALHOST),
            port: 0,
            clock: ClockMode::Wall,
            seed: 1,
            app_id: "740000000000001".to_owned(),
            app_secret: "emulated-app-secret".to_owned(),
            partner_business_id: "750000000000001".to_owned(),
            settings: Settings::default(),
            webhook_timeout: Duration::from_secs(10),
        }
    }
}

/// Why an emulator could not start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address is in use or does not belong to this state.
    #[error("cannot listen on {address}")]
    Listen {
        address: String,
        #[source]
        source: std::io::Error,
    },
    /// The webhook client could not be built.
    #[error("cannot build the webhook client")]
    Client(#[from] reqwest::Error),
}

/// A handle of a running emulator. Clones share it; it stops when the last one is dropped.
#[derive(Debug, Clone)]
pub struct Emulator {
    shared: Arc<Runtime>,
    _stop: Arc<DropGuard>,
}

impl Emulator {
    /// Starts an emulator that listens for calls.
    pub async fn start(config: Config) -> Result<Self, Error> {
        let address = format!("{}:{}", config.host, config.port);
        let failed = |source| Error::Listen { address: address.clone(), source };
        let listener = TcpListener::bind((config.host, config.port)).await.map_err(failed)?;
        let port = listener.local_addr().map_err(failed)?.port();
        let mut world = World::new(config.seed, &config.app_id, &config.app_secret, &config.partner_business_id);
        world.settings = config.settings;
        let shared =
            Arc::new(Runtime::new(world, Clock::new(config.clock), WebhookClient::new(config.webhook_timeout)?));
        let host = if config.host.is_unspecified() { IpAddr::V4(Ipv4Addr::LOCALHOST) } else { config.host };
        shared.base_url.get_or_init(|| format!("http://{host}:{port}"));
        let stop = CancellationToken::new();
        tokio::spawn(http::listen(listener, Arc::clone(&shared), stop.clone()));
        let (sending, stopped) = (Arc::clone(&shared), stop.clone());
        tokio::spawn(async move { stopped.run_until_cancelled(sending.run()).await });
        Ok(Self { shared, _stop: Arc::new(stop.drop_guard()) })
    }

    /// The address to use instead of `https://graph.facebook.com`, for example `http://127.0.0.1:9000`.
    pub fn base_url(&self) -> String {
        self.shared.base_url.get().cloned().unwrap_or_default()
    }

    /// Reads or changes the world at the current instant. Call [`Emulator::send_due_webhooks`] to send what it queued.
    pub fn with_world<T>(&self, f: impl FnOnce(&mut World, Timestamp) -> T) -> T {
        let mut state = self.shared.lock();
        let now = state.clock.now();
        let out = f(&mut state.world, now);
        if !state.clock.is_stepped() {
            self.shared.wake.notify_one();
        }
        out
    }

    /// Sends every webhook that is due now and waits for the answers.
    pub async fn send_due_webhooks(&self) {
        self.shared.send_due_webhooks().await;
    }

    /// Advances world time and applies every event that falls due meanwhile, at its own instant.
    pub async fn advance(&self, by: SignedDuration) {
        let to = self.now().checked_add(by).unwrap_or(Timestamp::MAX);
        self.shared.set_now(to).await;
    }

    /// Sets world time and applies every event that falls due until then, at its own instant.
    pub async fn set_now(&self, to: Timestamp) {
        self.shared.set_now(to).await;
    }

    /// The current world time.
    pub fn now(&self) -> Timestamp {
        self.shared.now()
    }

    /// Runs the signup popup; its `PARTNER_ADDED` webhook is sent when this returns.
    pub async fn sign_up(&self, popup: Popup) -> SignupResult {
        let result = self.with_world(|world, now| world.sign_up(&popup, now));
        self.send_due_webhooks().await;
        result
    }

    /// Applies an action to a number; its webhooks are sent when this returns.
    pub async fn act(&self, phone_number_id: &str, action: NumberAction) -> Result<(), ActionError> {
        let done = self.with_world(|world, now| world.act(phone_number_id, &action, now));
        self.send_due_webhooks().await;
        done
    }

    /// Applies an action to a WABA; its webhooks are sent when this returns.
    pub async fn act_on_waba(&self, waba_id: &str, action: WabaAction) -> Result<(), ActionError> {
        let done = self.with_world(|world, now| world.act_on_waba(waba_id, &action, now));
        self.send_due_webhooks().await;
        done
    }

    /// A customer sends a text to a number; returns the id of the message.
    pub async fn receive_text(&self, phone_number_id: &str, from: &str, text: &str) -> Result<String, ActionError> {
        let done = self.with_world(|world, now| world.receive_text(phone_number_id, from, text, now));
        self.send_due_webhooks().await;
        done
    }

    /// Adds a fault that coming calls meet.
    pub fn fail(&self, fault: Fault) {
        self.shared.lock().faults.push(fault);
    }

    /// Removes every fault of coming calls.
    pub fn clear_faults(&self) {
        self.shared.lock().faults.clear();
    }

    /// Adds a fault that coming webhooks meet.
    pub fn add_webhook_fault(&self, fault: WebhookFault) {
        self.with_world(|world, _| world.add_webhook_fault(fault));
    }

    /// Every Graph call since the start or the last `clear_log`.
    pub fn log(&self) -> Vec<LogEntry> {
        self.shared.lock().calls.iter().cloned().collect()
    }

    /// The logged calls of one route, for example `"POST /{phone}/register"`.
    pub fn calls(&self, route: &str) -> Vec<LogEntry> {
        self.shared.lock().calls.iter().filter(|c| c.route == route).cloned().collect()
    }

    /// Removes all calls from the log.
    pub fn clear_log(&self) {
        self.shared.lock().calls.clear();
    }

    /// Every webhook and handshake since the start or the last `clear_webhook_log`.
    pub fn webhook_log(&self) -> Vec<WebhookEntry> {
        self.shared.lock().webhooks.iter().cloned().collect()
    }

    /// Removes all webhooks from the log.
    pub fn clear_webhook_log(&self) {
        self.shared.lock().webhooks.clear();
    }

    /// Returns a number with its hidden state.
    pub fn number(&self, id: &str) -> Option<NumberView> {
        self.with_world(|world, now| world.number(id, now))
    }
}
