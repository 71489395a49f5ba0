//! What a command runs on: configuration, log, seal keys, database, app. Each error says what to do when one
//! of them is missing.

use std::io::{self, IsTerminal as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use server::App;
use server::config::{Config, DEFAULT_FILE, Log, LogFormat};
use server::flows::database::Database;
use server::flows::seal_keys;
use server::runtime::clock::Clock;
use server::seal::Keyring;
use tracing_subscriber::fmt;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

/// Where a command takes its configuration from.
#[derive(Debug)]
pub(super) struct ConfigSource {
    /// The file named with `--config`.
    pub(super) file: Option<PathBuf>,
    /// Log what the configuration selects, not warnings only.
    pub(super) verbose: bool,
}

impl ConfigSource {
    /// The configuration; sets logging up for a command that runs and ends.
    pub(super) fn config(&self) -> anyhow::Result<Config> {
        let config = self.read()?;
        let quiet = Log { filter: "warn".to_owned(), ..config.log.clone() };
        log_to_stderr(if self.verbose { &config.log } else { &quiet })?;
        Ok(config)
    }

    /// The configuration; sets logging up for the service.
    pub(super) fn service_config(&self) -> anyhow::Result<Config> {
        let config = self.read()?;
        log_to_stderr(&config.log)?;
        Ok(config)
    }

    fn read(&self) -> anyhow::Result<Config> {
        Config::load(self.file.as_deref()).with_context(|| match &self.file {
            Some(file) => format!("the configuration in {} cannot be used", file.display()),
            None if Path::new(DEFAULT_FILE).exists() => format!("the configuration in {DEFAULT_FILE} cannot be used"),
            None => format!(
                "there is no usable configuration; `linekeeper config template > {DEFAULT_FILE}` writes a file to fill in"
            ),
        })
    }

    /// The app on the configured database, whose tables must be up to date. Starts no jobs.
    pub(super) async fn app(&self) -> anyhow::Result<App> {
        let config = self.config()?;
        let database = Database::open(&config.database, keyring(&config)?).await?;
        server::startup::build(config, database, Clock::system())
    }
}

/// The seal keys of the configuration.
pub(super) fn keyring(config: &Config) -> anyhow::Result<Keyring> {
    seal_keys::load(&config.seal)
}

fn log_to_stderr(log: &Log) -> anyhow::Result<()> {
    let filtered = tracing_subscriber::registry().with(log.targets()?);
    let lines = fmt::layer().with_writer(io::stderr).with_ansi(io::stderr().is_terminal());
    match log.format {
        // the list of spans ends with the current one
        LogFormat::Json => filtered.with(lines.json().flatten_event(true).with_current_span(false)).init(),
        LogFormat::Text => filtered.with(lines.compact()).init(),
    }
    Ok(())
}
