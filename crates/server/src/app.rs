//! The handles of one installation. It starts nothing and knows no flow: see [`crate::startup`].

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use domain::callbacks::AppCallback;
use domain::ids::{AppId, ChannelId, WabaId};
use ipnet::IpNet;
use jiff::SignedDuration;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::config::Config;
use crate::flows::database::Database;
use crate::runtime::attempt_limiter::{AttemptLimiter, AttemptLimits};
use crate::runtime::byte_budget::ByteBudget;
use crate::runtime::capacity::Capacity;
use crate::runtime::clock::Clock;
use crate::runtime::ingest_queue::{IngestQueue, QueuedPosts};
use crate::runtime::last_logged::LastLogged;
use crate::runtime::liveness::Liveness;
use crate::runtime::metrics::Metrics;
use crate::runtime::notifier::Notifier;
use crate::runtime::single_flight::SingleFlight;

/// Ten wrong keys from one address, then one a minute. The callers' addresses take less than a megabyte.
const SIGN_IN_LIMITS: AttemptLimits =
    AttemptLimits { burst: 10, interval: SignedDuration::from_mins(1), max_callers: 10_000 };

/// The handles of one installation; cheap to clone.
#[derive(Clone)]
pub struct App(Arc<Handles>);

/// What an [`App`] dereferences to.
pub struct Handles {
    pub config: Config,
    pub store: Database,
    /// The client of Meta's Graph API.
    pub graph: graph_api::Client,
    /// The one client for customers' addresses.
    pub outbound: outbound::Guard,
    /// How full the database is, as last measured by this process.
    pub capacity: Capacity,
    pub clock: Clock,
    pub notifier: Notifier,
    pub metrics: Metrics,
    /// Whether the job runner of this process is alive.
    pub runner: Liveness,
    /// When the database was last proven to be writable, for readiness.
    pub writable_at: tokio::sync::Mutex<Option<Instant>>,
    /// At most one health reading per number at a time (H1).
    pub reads: SingleFlight<ChannelId>,
    /// At most one change of a WABA's subscription at a time: subscribing for one number erases the override that was
    /// just set for another.
    pub subscriptions: SingleFlight<WabaId>,
    /// The state of the app-level callback that this process logged last.
    pub logged_callback: LastLogged<AppCallback>,
    /// Checks the signatures of Meta's posts.
    pub verifier: graph_api::webhook::Verifier,
    /// The bytes of request bodies in flight, over all connections.
    pub bodies: ByteBudget,
    /// Attempts to sign in, by the network of the caller's address.
    pub sign_ins: AttemptLimiter<IpAddr>,
    /// Proxies that may name the address of a caller.
    pub trusted_proxies: Vec<IpNet>,
    /// Where accepted posts wait for the ingest writer.
    pub ingest: IngestQueue,
    /// Cancelled when the process shuts down; every background task watches it.
    pub shutdown: CancellationToken,
    /// The background tasks, so that a shutdown can wait for them.
    pub tasks: TaskTracker,
}

impl std::ops::Deref for App {
    type Target = Handles;

    fn deref(&self) -> &Handles {
        &self.0
    }
}

impl App {
    /// Wires the handles over an open store. The second value is the end of the ingest queue that the
    /// writer owns.
    pub(crate) fn new(config: Config, store: Database, clock: Clock) -> anyhow::Result<(Self, QueuedPosts)> {
        let metrics = Metrics::new()?;
        let graph = graph_api::Client::new(graph_api::Settings {
            base_url: url::Url::parse(&config.meta.base_url)?,
            version: config.meta.version.clone(),
            app_id: AppId(config.meta.app_id.clone()),
            app_secret: config.meta.app_secret.clone(),
            deadline: Duration::from_secs(config.limits.graph_deadline_seconds),
            now: Arc::new({
                let clock = clock.clone();
                move || clock.now()
            }),
            observe: Arc::new({
                let metrics = metrics.clone();
                move |call: &graph_api::FinishedCall<'_>| metrics.graph_call(call)
            }),
        })?;
        let secrets: Vec<_> =
            std::iter::once(config.meta.app_secret.clone()).chain(config.meta.previous_app_secret.clone()).collect();
        let verifier = graph_api::webhook::Verifier::new(&secrets);
        let outbound = outbound::Guard::new(config.delivery.rules()?);
        let (ingest, posts) = IngestQueue::new();
        let notifier = Notifier::default();
        let store = store.with_commit_hook({
            let notifier = notifier.clone();
            move |committed| notifier.committed(committed)
        });
        let handles = Handles {
            bodies: ByteBudget::new(config.limits.max_body_bytes_in_flight),
            sign_ins: AttemptLimiter::new(SIGN_IN_LIMITS),
            trusted_proxies: config.trusted_proxies()?,
            config,
            store,
            graph,
            outbound,
            capacity: Capacity::default(),
            clock,
            notifier,
            metrics,
            runner: Liveness::default(),
            writable_at: tokio::sync::Mutex::default(),
            reads: SingleFlight::default(),
            subscriptions: SingleFlight::default(),
            logged_callback: LastLogged::default(),
            verifier,
            ingest,
            shutdown: CancellationToken::new(),
            tasks: TaskTracker::new(),
        };
        Ok((Self(Arc::new(handles)), posts))
    }

    /// This installation's app at Meta.
    pub fn app_id(&self) -> AppId {
        AppId(self.config.meta.app_id.clone())
    }

    /// Cancels every background task and waits until the last has ended.
    pub async fn stop(&self) {
        self.shutdown.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}
