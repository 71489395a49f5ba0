//! A running emulator: how tests, `linekeeper demo` and the program hold one. Must not know routes or rules.

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
use crate::machine::Shared;
use crate::sender::Sender;
use crate::world::{
    ActionError, NumberAction, NumberView, Popup, Settings, SignupResult, WabaAction, WebhookFault, World,
};

/// How to start an emulator; `..Config::default()` fills what a test does not care about.
#[derive(Debug, Clone)]
pub struct Config {
    /// Address to listen on.
    pub host: IpAddr,
    /// Port; 0 takes any.
    pub port: u16,
    /// How world time passes.
    pub clock: ClockMode,
    /// Seed of every id, code and trace.
    pub seed: u64,
    /// The app.
    pub app_id: String,
    /// Its secret, which signs webhooks.
    pub app_secret: String,
    /// The portfolio of the partner that owns the app.
    pub partner_business_id: String,
    /// Switches of the world.
    pub settings: Settings,
    /// How long a callback may take.
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

/// Why an emulator did not start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address is taken or not ours.
    #[error("cannot listen on {address}")]
    Listen {
        /// Address.
        address: String,
        /// Cause.
        #[source]
        source: std::io::Error,
    },
    /// The webhook client could not be built.
    #[error("cannot build the webhook client")]
    Client(#[from] reqwest::Error),
}

/// A handle; clones share one emulator, which stops when the last is dropped.
#[derive(Debug, Clone)]
pub struct Emulator {
    shared: Arc<Shared>,
    _stop: Arc<DropGuard>,
}

impl Emulator {
    /// Starts listening.
    pub async fn start(config: Config) -> Result<Self, Error> {
        let address = format!("{}:{}", config.host, config.port);
        let failed = |source| Error::Listen { address: address.clone(), source };
        let listener = TcpListener::bind((config.host, config.port)).await.map_err(failed)?;
        let port = listener.local_addr().map_err(failed)?.port();
        let mut world = World::new(config.seed, &config.app_id, &config.app_secret, &config.partner_business_id);
        world.settings = config.settings;
        let shared = Arc::new(Shared::new(world, Clock::new(config.clock), Sender::new(config.webhook_timeout)?));
        let host = if config.host.is_unspecified() { IpAddr::V4(Ipv4Addr::LOCALHOST) } else { config.host };
        shared.base_url.get_or_init(|| format!("http://{host}:{port}"));
        let stop = CancellationToken::new();
        tokio::spawn(http::listen(listener, Arc::clone(&shared), stop.clone()));
        let (sending, stopped) = (Arc::clone(&shared), stop.clone());
        tokio::spawn(async move { stopped.run_until_cancelled(sending.run()).await });
        Ok(Self { shared, _stop: Arc::new(stop.drop_guard()) })
    }

    /// `http://127.0.0.1:PORT`, to stand where `https://graph.facebook.com` stands.
    pub fn base_url(&self) -> String {
        self.shared.base_url.get().cloned().unwrap_or_default()
    }

    /// Inspects or moves the world at the current instant; call [`Emulator::settle`] to send what it queued.
    pub fn with_world<T>(&self, f: impl FnOnce(&mut World, Timestamp) -> T) -> T {
        let mut machine = self.shared.lock();
        let now = machine.clock.now();
        let out = f(&mut machine.world, now);
        if !machine.clock.is_stepped() {
            self.shared.wake.notify_one();
        }
        out
    }

    /// Sends every webhook that is due now and waits for the answers.
    pub async fn settle(&self) {
        self.shared.settle().await;
    }

    /// Moves world time on, through everything due on the way.
    pub async fn advance(&self, by: SignedDuration) {
        let to = self.now().checked_add(by).unwrap_or(Timestamp::MAX);
        self.shared.set_now(to).await;
    }

    /// Moves world time to an instant, through everything due on the way.
    pub async fn set_now(&self, to: Timestamp) {
        self.shared.set_now(to).await;
    }

    /// World time.
    pub fn now(&self) -> Timestamp {
        self.shared.now()
    }

    /// Plays the signup popup; the `PARTNER_ADDED` webhook is out when this returns.
    pub async fn sign_up(&self, popup: Popup) -> SignupResult {
        let result = self.with_world(|world, now| world.sign_up(&popup, now));
        self.settle().await;
        result
    }

    /// Moves a number; the webhooks of the move are out when this returns.
    pub async fn act(&self, phone_number_id: &str, action: NumberAction) -> Result<(), ActionError> {
        let done = self.with_world(|world, now| world.act(phone_number_id, &action, now));
        self.settle().await;
        done
    }

    /// Moves a WABA; the webhooks of the move are out when this returns.
    pub async fn act_on_waba(&self, waba_id: &str, action: WabaAction) -> Result<(), ActionError> {
        let done = self.with_world(|world, now| world.act_on_waba(waba_id, &action, now));
        self.settle().await;
        done
    }

    /// A customer writes to a number.
    pub async fn receive_text(&self, phone_number_id: &str, from: &str, text: &str) -> Result<String, ActionError> {
        let done = self.with_world(|world, now| world.receive_text(phone_number_id, from, text, now));
        self.settle().await;
        done
    }

    /// Orders a failure for coming calls.
    pub fn fail(&self, fault: Fault) {
        self.shared.lock().faults.push(fault);
    }

    /// Forgets every ordered failure.
    pub fn clear_faults(&self) {
        self.shared.lock().faults.clear();
    }

    /// Orders a webhook to go astray.
    pub fn disturb_webhooks(&self, fault: WebhookFault) {
        self.with_world(|world, _| world.disturb_webhooks(fault));
    }

    /// Every Graph call so far.
    pub fn log(&self) -> Vec<LogEntry> {
        self.shared.lock().calls.iter().cloned().collect()
    }

    /// Calls of one route, for example `"POST /{phone}/register"`.
    pub fn calls(&self, route: &str) -> Vec<LogEntry> {
        self.shared.lock().calls.iter().filter(|c| c.route == route).cloned().collect()
    }

    /// Forgets the calls.
    pub fn clear_log(&self) {
        self.shared.lock().calls.clear();
    }

    /// Every webhook and handshake so far.
    pub fn webhook_log(&self) -> Vec<WebhookEntry> {
        self.shared.lock().webhooks.iter().cloned().collect()
    }

    /// Forgets the webhooks.
    pub fn clear_webhook_log(&self) {
        self.shared.lock().webhooks.clear();
    }

    /// One number with all its hidden state.
    pub fn number(&self, id: &str) -> Option<NumberView> {
        self.with_world(|world, now| world.number(id, now))
    }
}
