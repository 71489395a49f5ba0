//! The configuration: the only reader of the environment and of the configuration file. Checks each value it
//! read and names the setting that is wrong and its fix. Secrets are wrapped at once and never printed.
//!
//! One file per section. A variable is named after its setting: `LINEKEEPER_<SECTION>_<KEY>`.

use std::net::SocketAddr;
use std::path::Path;

use confique::{Config as _, File, Layer as _};

mod debug;
mod delivery;
mod limits;
mod log;
mod meta;
mod retention;
mod seal;

pub(crate) use debug::clock_speed;
#[cfg(debug_assertions)]
pub(crate) use debug::failpoint;
pub use delivery::Delivery;
pub use limits::Limits;
pub use log::{Log, LogFormat};
pub use meta::Meta;
pub use retention::Retention;
pub use seal::Seal;

/// The file that is read when no other is named.
pub const DEFAULT_FILE: &str = "linekeeper.toml";

/// Linekeeper's configuration: a TOML file, overridden by environment variables.
#[derive(Debug, Clone, confique::Config)]
pub struct Config {
    /// Public address of this installation, for people and for Meta. Meta requires HTTPS. Meta's webhooks
    /// are sent to `<public_url>/webhooks/whatsapp/<+number>`.
    #[config(default = "http://127.0.0.1:8080", env = "LINEKEEPER_PUBLIC_URL")]
    pub public_url: String,

    /// Address and port to listen on.
    #[config(default = "127.0.0.1:8080", env = "LINEKEEPER_LISTEN")]
    pub listen: SocketAddr,

    /// Database: `sqlite://path/to/file.db` or `postgres://user@host/database`.
    #[config(default = "sqlite://linekeeper.db", env = "LINEKEEPER_DATABASE")]
    pub database: String,

    /// The keys that encrypt tokens and PINs in the database.
    #[config(nested)]
    pub seal: Seal,

    /// The Meta app of this installation.
    #[config(nested)]
    pub meta: Meta,

    /// Deadlines, sizes and intervals of the whole process.
    #[config(nested)]
    pub limits: Limits,

    /// How events are forwarded to endpoints, and which addresses may be called.
    #[config(nested)]
    pub delivery: Delivery,

    /// How long events are kept, and how large the database may grow.
    #[config(nested)]
    pub retention: Retention,

    /// Which log lines are written, and in which format.
    #[config(nested)]
    pub log: Log,
}

/// Why a configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file or a variable could not be read.
    #[error("{0}")]
    Read(String),
    /// A setting without a default has no value.
    #[error("{setting} is not set; set it in the configuration file or as the environment variable {variable}: {fix}")]
    Missing { setting: &'static str, variable: &'static str, fix: &'static str },
    /// A value was read and cannot be used.
    #[error("{setting}: {problem}; {fix}")]
    Value { setting: &'static str, problem: String, fix: &'static str },
}

impl Config {
    /// Reads the environment, then the file, and checks the result. Without `file` the default file is read
    /// if it exists; a named file must exist.
    pub fn load(file: Option<&Path>) -> Result<Self, ConfigError> {
        if let Some(file) = file
            && !file.exists()
        {
            return Err(ConfigError::Read(format!("{} does not exist", file.display())));
        }
        let read = || -> Result<<Self as confique::Config>::Layer, confique::Error> {
            let from_file = File::new(file.unwrap_or(Path::new(DEFAULT_FILE)))?.load()?;
            Ok(<Self as confique::Config>::Layer::from_env()?.with_fallback(from_file))
        };
        Self::from_values(read().map_err(|error| ConfigError::Read(format!("{error:#}")))?)
    }

    /// The configuration in a file's text, without the environment, checked.
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        Self::from_values(toml::from_str(text).map_err(|error| ConfigError::Read(error.to_string()))?)
    }

    fn from_values(values: <Self as confique::Config>::Layer) -> Result<Self, ConfigError> {
        let required = [
            (values.meta.app_id.is_some(), "meta.app_id", "LINEKEEPER_META_APP_ID", meta::APP_ID_FIX),
            (values.meta.app_secret.is_some(), "meta.app_secret", "LINEKEEPER_META_APP_SECRET", meta::APP_SECRET_FIX),
        ];
        if let Some(&(_, setting, variable, fix)) = required.iter().find(|(is_set, ..)| !is_set) {
            return Err(ConfigError::Missing { setting, variable, fix });
        }
        let config = Self::builder().preloaded(values).load();
        let config = config.map_err(|error| ConfigError::Read(format!("{error:#}")))?;
        config.check()?;
        Ok(config)
    }

    /// A commented configuration file with every setting and its default.
    pub fn template() -> String {
        confique::toml::template::<Self>(confique::toml::FormatOptions::default())
    }

    /// Checks the values without asking anybody; reports the first one that is wrong.
    pub fn check(&self) -> Result<(), ConfigError> {
        let url = url::Url::parse(&self.public_url).map_err(|error| ConfigError::Value {
            setting: "public_url",
            problem: format!("\"{}\" is not an address: {error}", self.public_url),
            fix: "write it like https://numbers.example.com",
        })?;
        if !matches!(url.scheme(), "http" | "https") || url.query().is_some() {
            return Err(ConfigError::Value {
                setting: "public_url",
                problem: format!("\"{}\" must begin with http:// or https:// and have no query", self.public_url),
                fix: "write it like https://numbers.example.com",
            });
        }
        if !self.database.starts_with("sqlite:") && !self.database.starts_with("postgres") {
            return Err(ConfigError::Value {
                setting: "database",
                problem: "the address begins with neither sqlite:// nor postgres://".to_owned(),
                fix: "write it like sqlite://linekeeper.db or postgres://user@host/linekeeper",
            });
        }
        self.meta.check()?;
        self.limits.check()?;
        self.retention.check()?;
        self.delivery.check()
    }
}

#[cfg(test)]
mod tests {
    use confique::meta::{FieldKind, Meta as Section};

    use super::*;

    /// Every setting of a section and of the sections in it, with its variable.
    fn settings(section: &Section, path: &[&str], found: &mut Vec<(String, Option<&'static str>)>) {
        for field in section.fields {
            let path = [path, &[field.name]].concat();
            match field.kind {
                FieldKind::Leaf { env, .. } => found.push((path.join("_").to_uppercase(), env)),
                FieldKind::Nested { meta } => settings(meta, &path, found),
            }
        }
    }

    #[test]
    fn a_variable_is_named_after_its_setting() {
        let mut found = Vec::new();
        settings(&<Config as confique::Config>::META, &[], &mut found);
        assert!(found.len() > 20);
        for (name, variable) in found {
            assert_eq!(variable, Some(format!("LINEKEEPER_{name}").as_str()));
        }
    }

    #[test]
    fn the_template_is_accepted_once_the_meta_app_is_in_it() {
        let error = Config::parse(&Config::template()).unwrap_err().to_string();
        assert!(error.starts_with("meta.app_id is not set"), "{error}");
        assert!(error.contains("LINEKEEPER_META_APP_ID"), "{error}");
        let text =
            Config::template().replace("#app_id =", "app_id = \"1234\"").replace("#app_secret =", "app_secret = \"s\"");
        let config = Config::parse(&text).unwrap();
        assert_eq!((config.retention.days, config.meta.app_id.as_str()), (7, "1234"));
    }
}
