//! The only reader of the environment and of the configuration file; checks what it read and says
//! what is wrong and where. Secrets are wrapped at once and never printed.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use confique::Config as _;
use secrecy::{ExposeSecret as _, SecretString};

mod delivery;
mod keeping;

pub use delivery::Delivery;
pub use keeping::Keeping;

/// Linekeeper's configuration: a TOML file, overridden by environment variables.
#[derive(Debug, Clone, confique::Config)]
pub struct Config {
    /// Where people and Meta reach this installation; must be HTTPS for Meta.
    /// Callbacks are built from it: `<public_url>/webhooks/whatsapp/<+number>`.
    #[config(default = "http://127.0.0.1:8080", env = "LINEKEEPER_PUBLIC_URL")]
    pub public_url: String,

    /// The address to listen on.
    #[config(default = "127.0.0.1:8080", env = "LINEKEEPER_LISTEN")]
    pub listen: SocketAddr,

    /// `sqlite://path/to/file.db` (the default engine) or `postgres://user@host/database`.
    #[config(default = "sqlite://linekeeper.db", env = "LINEKEEPER_DATABASE")]
    pub database: String,

    /// The keys that seal tokens and PINs at rest.
    #[config(nested)]
    pub seal: Seal,

    /// The Meta app of this installation.
    #[config(nested)]
    pub meta: Meta,

    /// Bounds.
    #[config(nested)]
    pub limits: Limits,

    /// Which addresses of customers may be called.
    #[config(nested)]
    pub delivery: Delivery,

    /// How long and how much is kept.
    #[config(nested)]
    pub keeping: Keeping,

    /// What is logged.
    #[config(nested)]
    pub log: Log,
}

/// The keys that seal tokens and PINs at rest.
#[derive(Debug, Clone, confique::Config)]
pub struct Seal {
    /// The key ring itself, one key of 32 bytes per line in hex or base64, newest first;
    /// better kept in a file.
    #[config(env = "LINEKEEPER_SEAL_KEYS")]
    pub keys: Option<SecretString>,

    /// A file that holds the key ring. Written by `linekeeper key seal --new` when it is missing.
    #[config(default = "linekeeper.keys", env = "LINEKEEPER_SEAL_KEY_FILE")]
    pub key_file: PathBuf,
}

/// The Meta app of this installation. One app per installation.
#[derive(Debug, Clone, confique::Config)]
pub struct Meta {
    /// The app's id.
    #[config(env = "LINEKEEPER_META_APP_ID")]
    pub app_id: String,

    /// The app's secret; signs webhooks and exchanges codes.
    #[config(env = "LINEKEEPER_META_APP_SECRET")]
    pub app_secret: SecretString,

    /// The app's former secret, accepted for signatures while it is being changed.
    #[config(env = "LINEKEEPER_META_APP_SECRET_BEFORE")]
    pub app_secret_before: Option<SecretString>,

    /// The Embedded Signup configuration's id, for the signup page.
    #[config(env = "LINEKEEPER_META_CONFIG_ID")]
    pub config_id: Option<String>,

    /// The version of the Graph API to call.
    #[config(default = "v25.0", env = "LINEKEEPER_META_VERSION")]
    pub version: String,

    /// Where the Graph API is; the emulator's address for a rehearsal.
    #[config(default = "https://graph.facebook.com", env = "LINEKEEPER_META_BASE_URL")]
    pub base_url: String,

    /// A system user's token of your own portfolio: lets dead business tokens be fetched anew.
    #[config(env = "LINEKEEPER_META_SYSTEM_TOKEN")]
    pub system_token: Option<SecretString>,

    /// What Meta sends back in the handshake of the shared callback; drawn and stored when unset.
    #[config(env = "LINEKEEPER_META_VERIFY_TOKEN")]
    pub verify_token: Option<SecretString>,

    /// Set and keep the app-level callback, so that account, name and quality events arrive.
    #[config(default = true, env = "LINEKEEPER_META_MANAGE_APP_CALLBACK")]
    pub manage_app_callback: bool,
}

/// Bounds.
#[derive(Debug, Clone, confique::Config)]
pub struct Limits {
    /// Seconds one call to Meta may take.
    #[config(default = 10, env = "LINEKEEPER_GRAPH_DEADLINE_SECONDS")]
    pub graph_deadline_seconds: u64,

    /// Seconds after which a signup answers "in progress" and goes on behind.
    #[config(default = 12, env = "LINEKEEPER_SIGNUP_DEADLINE_SECONDS")]
    pub signup_deadline_seconds: u64,

    /// Bytes a webhook body may have; Meta sends up to 3 MB.
    #[config(default = 3_000_000, env = "LINEKEEPER_WEBHOOK_BODY_BYTES")]
    pub webhook_body_bytes: usize,

    /// Jobs run at the same time.
    #[config(default = 8, env = "LINEKEEPER_WORKERS")]
    pub workers: usize,

    /// Seconds between two readings of one whole account, at least. A number with something to be
    /// done is read on its own schedule beside.
    #[config(default = 300, env = "LINEKEEPER_ACCOUNT_PACE_SECONDS")]
    pub account_pace_seconds: u64,
}

/// What is logged.
#[derive(Debug, Clone, confique::Config)]
pub struct Log {
    /// A filter such as `info` or `server=debug,graph_api=info`.
    #[config(default = "info", env = "LINEKEEPER_LOG")]
    pub filter: String,

    /// `text` or `json`.
    #[config(default = "text", env = "LINEKEEPER_LOG_FORMAT")]
    pub format: String,
}

/// Why a configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file or a variable could not be read.
    #[error("the configuration cannot be read: {0}")]
    Read(String),
    /// A value was read and makes no sense.
    #[error("{setting}: {problem}; {fix}")]
    Value {
        /// Which setting.
        setting: &'static str,
        /// What is wrong.
        problem: String,
        /// What to do.
        fix: &'static str,
    },
}

impl Config {
    /// Reads the environment, then the file (a missing file is no error), and checks the result.
    pub fn load(file: Option<&Path>) -> Result<Self, ConfigError> {
        let mut builder = Self::builder().env();
        if let Some(file) = file {
            if !file.exists() {
                return Err(ConfigError::Read(format!("{} does not exist", file.display())));
            }
            builder = builder.file(file);
        } else {
            builder = builder.file("linekeeper.toml");
        }
        let config = builder.load().map_err(|error| ConfigError::Read(format!("{error:#}")))?;
        config.check()?;
        Ok(config)
    }

    /// A commented configuration file with every setting and its default.
    pub fn template() -> String {
        confique::toml::template::<Self>(confique::toml::FormatOptions::default())
    }

    /// Everything that can be checked without asking anybody.
    pub fn check(&self) -> Result<(), ConfigError> {
        let url = url::Url::parse(&self.public_url).map_err(|error| ConfigError::Value {
            setting: "public_url",
            problem: format!("\"{}\" is not an address: {error}", self.public_url),
            fix: "write it like https://numbers.example.com",
        })?;
        if !matches!(url.scheme(), "http" | "https") || url.query().is_some() {
            return Err(ConfigError::Value {
                setting: "public_url",
                problem: format!("\"{}\" must be http or https and have no query", self.public_url),
                fix: "write it like https://numbers.example.com",
            });
        }
        if !self.database.starts_with("sqlite:") && !self.database.starts_with("postgres") {
            return Err(ConfigError::Value {
                setting: "database",
                problem: "neither sqlite:// nor postgres://".to_owned(),
                fix: "write it like sqlite://linekeeper.db or postgres://user@host/linekeeper",
            });
        }
        if self.meta.app_id.is_empty() || !self.meta.app_id.bytes().all(|b| b.is_ascii_digit()) {
            return Err(ConfigError::Value {
                setting: "meta.app_id",
                problem: "an app id is digits only".to_owned(),
                fix: "copy it from the app dashboard at developers.facebook.com",
            });
        }
        if self.meta.app_secret.expose_secret().trim().is_empty() {
            return Err(ConfigError::Value {
                setting: "meta.app_secret",
                problem: "it is empty".to_owned(),
                fix: "copy it from App settings, Basic",
            });
        }
        url::Url::parse(&self.meta.base_url).map_err(|error| ConfigError::Value {
            setting: "meta.base_url",
            problem: format!("\"{}\" is not an address: {error}", self.meta.base_url),
            fix: "leave it out, or write it like http://127.0.0.1:9000",
        })?;
        self.keeping.check()?;
        self.delivery.check()
    }
}

/// The failpoint at which a test stops this process, in debug builds (see `runtime::failpoint`).
#[cfg(debug_assertions)]
pub(crate) fn failpoint() -> Option<&'static str> {
    static NAME: std::sync::OnceLock<Option<String>> = std::sync::OnceLock::new();
    #[expect(clippy::disallowed_methods, reason = "config.rs is the reader of the environment")]
    NAME.get_or_init(|| std::env::var("LINEKEEPER_FAILPOINT").ok()).as_deref()
}

/// How many times faster than the wall clock this process runs, and since when, in debug builds (see
/// `runtime::clock`): `20@2026-11-02T09:00:00Z`.
#[cfg(debug_assertions)]
pub(crate) fn clock_speed() -> Option<&'static str> {
    static PACE: std::sync::OnceLock<Option<String>> = std::sync::OnceLock::new();
    #[expect(clippy::disallowed_methods, reason = "config.rs is the reader of the environment")]
    PACE.get_or_init(|| std::env::var("LINEKEEPER_CLOCK_SPEED").ok()).as_deref()
}

/// None in release builds.
#[cfg(not(debug_assertions))]
pub(crate) const fn clock_speed() -> Option<&'static str> {
    None
}
