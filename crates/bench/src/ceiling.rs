//! The ceiling: the product's own listener, router, body reader and signature check, built from the same code with the same
//! settings and allocator. It answers 200 to every valid signature and stores nothing.
//!
//! It is a process of the bench and not a mode of the product: a shipped program must not be able to acknowledge events
//! without storing them.

use anyhow::Context as _;
use server::config::Config;
use server::flows::database::Database;
use server::runtime::clock::Clock;
use server::seal::Keyring;
use tokio::net::TcpListener;

/// Configured like `linekeeper serve`, from the environment.
#[derive(Debug, clap::Args)]
pub(crate) struct Ceiling {}

impl Ceiling {
    /// Serves until the process is stopped.
    pub(crate) async fn run(&self) -> anyhow::Result<()> {
        let config = Config::load(None)?;
        let keys = config.seal.keys.clone().context("LINEKEEPER_SEAL_KEYS is not set")?;
        let database = Database::open_and_migrate(&config.database, Keyring::parse(&keys)?).await?;
        let listener = TcpListener::bind(config.listen).await?;
        let app = server::startup::build(config, database, Clock::system())?;
        server::web::serve_without_storing(app, listener).await
    }
}
