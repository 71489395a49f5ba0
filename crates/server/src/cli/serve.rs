//! `linekeeper serve`: the service, until it is asked to stop; then it finishes what is under way.

use anyhow::Context as _;
use server::App;
use server::runtime::clock::Clock;
use server::store::Store;
use tokio::net::TcpListener;

use super::Verdict;
use super::open::{From, keyring};

pub(super) const EXAMPLES: &str = "\
Examples:
  linekeeper serve
  linekeeper --config /etc/linekeeper.toml serve --migrate
  LINEKEEPER_LISTEN=0.0.0.0:8080 LINEKEEPER_LOG_FORMAT=json linekeeper serve";

#[derive(Debug, clap::Args)]
pub(super) struct Serve {
    /// Bring the database's tables up to date first; without it a database that is behind is refused.
    #[arg(long)]
    migrate: bool,
}

impl Serve {
    pub(super) async fn run(self, from: &From) -> anyhow::Result<Verdict> {
        let config = from.service_config()?;
        let keys = keyring(&config)?;
        let store = if self.migrate {
            Store::open_and_migrate(&config.database, keys).await?
        } else {
            Store::open(&config.database, keys).await?
        };
        let address = config.listen;
        let listener = TcpListener::bind(address)
            .await
            .with_context(|| format!("{address} cannot be listened on: is another service there? (setting: listen)"))?;
        let engine = store.engine().as_str();
        let app = server::startup::build(config, store, Clock::system())?;
        listen(&app, listener);
        server::startup::start_background_tasks(&app);
        tracing::info!(engine, public_url = app.config.public_url, "Linekeeper runs");
        asked_to_stop().await;
        tracing::info!("stopping: no new requests, what is under way is finished");
        app.stop().await;
        app.store.close().await;
        Ok(Verdict::Well)
    }
}

/// Answers requests until the app stops.
pub(super) fn listen(app: &App, listener: TcpListener) {
    let serving = server::web::serve(app.clone(), listener);
    app.tasks.spawn(async move {
        if let Err(error) = serving.await {
            tracing::error!("no requests are answered any more: {error:#}");
        }
    });
}

/// Ctrl-C, or SIGTERM from whoever runs us.
pub(super) async fn asked_to_stop() {
    let interrupted = async {
        // without signals only killing ends us
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    tokio::select! {
        () = interrupted => {}
        () = terminated() => {}
    }
}

#[cfg(unix)]
async fn terminated() {
    match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
        Ok(mut signal) => {
            signal.recv().await;
        }
        Err(_) => std::future::pending().await,
    }
}

#[cfg(not(unix))]
async fn terminated() {
    std::future::pending().await
}
