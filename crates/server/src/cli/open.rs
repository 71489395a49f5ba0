//! Opens what a command needs: configuration, log, keys, database, app. Says what to do when one
//! of them is not there.

use std::io::{self, IsTerminal as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use domain::ids::{AccountId, ChannelId};
use secrecy::SecretString;
use server::App;
use server::config::Config;
use server::runtime::clock::Clock;
use server::seal::Keyring;
use server::store::{Store, accounts, accounts::Account};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

/// Whence a command takes its configuration.
#[derive(Debug)]
pub(super) struct From {
    pub(super) config: Option<PathBuf>,
    pub(super) verbose: bool,
}

impl From {
    /// The configuration, with logging set up for a command that runs and ends.
    pub(super) fn config(&self) -> anyhow::Result<Config> {
        let config = self.read()?;
        log_to_stderr(if self.verbose { &config.log.filter } else { "warn" }, &config.log.format)?;
        Ok(config)
    }

    /// The configuration, with logging set up for the service.
    pub(super) fn service_config(&self) -> anyhow::Result<Config> {
        let config = self.read()?;
        log_to_stderr(&config.log.filter, &config.log.format)?;
        Ok(config)
    }

    fn read(&self) -> anyhow::Result<Config> {
        Config::load(self.config.as_deref()).with_context(|| match &self.config {
            Some(file) => format!("the configuration {} cannot be used", file.display()),
            None => {
                "the configuration cannot be used (start with: linekeeper config template > linekeeper.toml)".to_owned()
            }
        })
    }

    /// The app over the configured database.
    pub(super) async fn app(&self) -> anyhow::Result<App> {
        let config = self.config()?;
        let store = store(&config).await?;
        server::startup::build(config, store, Clock::system())
    }
}

/// The keys of the configuration.
pub(super) fn keyring(config: &Config) -> anyhow::Result<Keyring> {
    let lines = match &config.seal.keys {
        Some(keys) => keys.clone(),
        None => key_file(&config.seal.key_file)?,
    };
    Keyring::parse(&lines).context("the seal keys cannot be used")
}

fn key_file(path: &Path) -> anyhow::Result<SecretString> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(text.into()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => bail!(
            "there is no seal key at {}: make one with `linekeeper key seal --new`, and keep a copy where backups of the \
             database are not",
            path.display()
        ),
        Err(error) => Err(error).with_context(|| format!("the seal keys in {} cannot be read", path.display())),
    }
}

/// The database of the configuration; its tables must be up to date.
pub(super) async fn store(config: &Config) -> anyhow::Result<Store> {
    Ok(Store::open(&config.database, keyring(config)?).await?)
}

/// The account, or what there is instead.
pub(super) async fn account(app: &App, id: i64) -> anyhow::Result<Account> {
    let mut tx = app.store.read().await?;
    match accounts::find(&mut tx, AccountId(id)).await? {
        Some(account) => Ok(account),
        None => bail!("there is no account {id}; `linekeeper account list` shows those there are"),
    }
}

/// The inbox, or what there is instead.
pub(super) async fn channel(app: &App, id: i64) -> anyhow::Result<domain::channel::Channel> {
    let mut tx = app.store.read().await?;
    match server::store::channels::find(&mut tx, ChannelId(id)).await? {
        Some(channel) => Ok(channel),
        None => bail!("there is no inbox {id}; `linekeeper inbox list` shows those there are"),
    }
}

fn log_to_stderr(filter: &str, format: &str) -> anyhow::Result<()> {
    let filter: Targets = filter
        .parse()
        .with_context(|| format!("log.filter: \"{filter}\" is no filter; write it like info or server=debug"))?;
    let filtered = tracing_subscriber::registry().with(filter);
    let lines = fmt::layer().with_writer(io::stderr).with_ansi(io::stderr().is_terminal());
    match format {
        "json" => filtered.with(lines.json().flatten_event(true)).init(),
        "text" => filtered.with(lines.compact()).init(),
        _ => bail!("log.format: \"{format}\" is not known; write text or json"),
    }
    Ok(())
}
