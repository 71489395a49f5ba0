//! `linekeeper serve`: runs the service until it is stopped; then finishes the requests and jobs in progress.

use anyhow::Context as _;
use server::App;
use server::flows::database::Database;
use server::runtime::clock::Clock;
use tokio::net::TcpListener;

use super::context::{ConfigSource, keyring};
use super::output::CommandStatus;

pub(super) const EXAMPLES: &str = "\
Examples:
  linekeeper serve
  linekeeper --config /etc/linekeeper.toml serve --migrate
  LINEKEEPER_LISTEN=0.0.0.0:8080 LINEKEEPER_LOG_FORMAT=json linekeeper serve";

#[derive(Debug, clap::Args)]
pub(super) struct Serve {
    /// Apply pending migrations first. Without it, an outdated database is an error.
    #[arg(long)]
    migrate: bool,
}

impl Serve {
    pub(super) async fn run(self, source: &ConfigSource) -> anyhow::Result<CommandStatus> {
        let config = source.service_config()?;
        let keys = keyring(&config)?;
        let database = if self.migrate {
            Database::open_and_migrate(&config.database, keys).await?
        } else {
            Database::open(&config.database, keys).await?
        };
        // held until the process ends
        let _lock = database.lock_for_service()?;
        let address = config.listen;
        let listener = TcpListener::bind(address)
            .await
            .with_context(|| format!("cannot listen on {address}: is another service using it? (setting: listen)"))?;
        let engine = database.engine().as_str();
        let app = server::startup::build(config, database, Clock::system())?;
        server::startup::start_background_tasks(&app);
        listen(&app, listener);
        tracing::info!(engine, public_url = app.config.public_url, "Linekeeper is running");
        stop_requested().await;
        tracing::info!("stopping: no new requests are accepted, requests and jobs in progress are finished");
        app.stop().await;
        app.store.close().await;
        Ok(CommandStatus::Success)
    }
}

/// Serves requests in the background until the app stops.
pub(super) fn listen(app: &App, listener: TcpListener) {
    let serving = server::web::serve(app.clone(), listener);
    app.tasks.spawn(async move {
        if let Err(error) = serving.await {
            tracing::error!("the server stopped answering requests: {error:#}");
        }
    });
}

/// Waits for Ctrl-C or SIGTERM.
pub(super) async fn stop_requested() {
    let interrupted = async {
        // without signals only SIGKILL ends the process
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
