//! Linekeeper: brings WhatsApp Business numbers live and keeps them live.
//!
//! [`App`] is everything a handler or a job may reach. Arrows: `web → flows → {store, graph-api,
//! domain}` and `jobs → flows`. Nothing below `web` knows HTTP; nothing outside `store` knows SQL;
//! nothing outside `graph-api` and `outbound` calls out.

use std::sync::Arc;
use std::time::Duration;

use domain::ids::AppId;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub mod clock;
pub mod config;
mod counted;
pub mod flows;
pub mod jobs;
pub mod killpoint;
pub mod seal;
pub mod store;
pub mod web;
pub mod words;

use clock::Clock;
use config::Config;
use store::Store;

/// Everything a handler or a job may reach; cheap to clone.
#[derive(Clone)]
pub struct App(Arc<Parts>);

/// What an [`App`] is made of.
pub struct Parts {
    /// The configuration.
    pub config: Config,
    /// The database.
    pub store: Store,
    /// Meta.
    pub graph: graph_api::Client,
    /// Customers' addresses.
    pub outbound: outbound::Guard,
    /// How full the database is.
    pub room: flows::keeping::Room,
    /// Time and chance.
    pub clock: Clock,
    /// Wakes the job loop after a poke was committed.
    pub job_poked: Arc<Notify>,
    /// One health reading per number at a time (H1).
    pub flights: flows::health::Flights,
    /// Checks the signatures of Meta's posts.
    pub verifier: graph_api::webhook::Verifier,
    /// Wakes what forwards events.
    pub delivery: flows::delivery::Hub,
    /// Where accepted events wait for their commit.
    pub ingest: flows::inbound::Ingest,
    /// Ends everything that runs.
    pub shutdown: CancellationToken,
    /// What runs behind.
    pub tasks: TaskTracker,
}

impl std::ops::Deref for App {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}

impl App {
    /// Wires an app over an open store; starts nothing but the writer of inbound events.
    pub fn build(config: Config, store: Store, clock: Clock) -> anyhow::Result<Self> {
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
            observe: Arc::new(counted::graph_call),
        })?;
        let secrets: Vec<_> =
            std::iter::once(config.meta.app_secret.clone()).chain(config.meta.app_secret_before.clone()).collect();
        let verifier = graph_api::webhook::Verifier::new(&secrets);
        let shutdown = CancellationToken::new();
        let tasks = TaskTracker::new();
        let job_poked = Arc::new(Notify::new());
        let delivery = flows::delivery::Hub::default();
        let wakes = flows::inbound::Wakes { jobs: Arc::clone(&job_poked), endpoints: delivery.clone() };
        let ingest = flows::inbound::Ingest::start(&store, &clock, wakes, &tasks, &shutdown)?;
        let outbound = outbound::Guard::new(config.delivery.rules()?);
        let parts = Parts {
            config,
            store,
            graph,
            outbound,
            room: flows::keeping::Room::default(),
            clock,
            job_poked,
            flights: flows::health::Flights::default(),
            verifier,
            delivery,
            ingest,
            shutdown,
            tasks,
        };
        Ok(Self(Arc::new(parts)))
    }

    /// This installation's app at Meta.
    pub fn app_id(&self) -> AppId {
        AppId(self.config.meta.app_id.clone())
    }

    /// Runs the jobs, what forwards events, and what watches the size of the database, until
    /// [`Parts::shutdown`] is cancelled.
    pub fn start_jobs(&self) {
        let app = self.clone();
        self.tasks.spawn(async move { jobs::run(app).await });
        let app = self.clone();
        self.tasks.spawn(async move { flows::keeping::watch(app).await });
        self.start_delivery();
    }

    /// Forwards events until [`Parts::shutdown`] is cancelled.
    pub fn start_delivery(&self) {
        self.tasks.spawn(flows::delivery::supervise(self.clone()));
    }

    /// Ends everything and waits for it.
    pub async fn stop(&self) {
        self.shutdown.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}
