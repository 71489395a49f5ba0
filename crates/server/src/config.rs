//! The configuration: the only reader of the environment and of the configuration file. Checks each value it
//! read and names the setting that is wrong and its fix. Secrets are wrapped at once and never printed.
//!
//! One file per section. A variable is named after its setting: `LINEKEEPER_<SECTION>_<KEY>`.

use std::fmt::Display;
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::Path;

use confique::{Config as _, Layer as _};
use ipnet::IpNet;

mod debug;
mod delivery;
mod limits;
mod log;
mod meta;
mod retention;
mod seal;
mod source;
mod unknown;

pub(crate) use debug::clock_speed;
#[cfg(debug_assertions)]
pub(crate) use debug::failpoint;
pub use delivery::Delivery;
pub use limits::Limits;
pub use log::{Log, LogFormat};
pub use meta::Meta;
pub use retention::Retention;
pub use seal::Seal;
pub use unknown::UnknownSetting;

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

    /// Networks, or single addresses, of the proxies in front of Linekeeper. Only such a proxy may name the
    /// address of a client in `X-Forwarded-For`; by that address attempts to sign in are limited.
    #[config(
        default = ["127.0.0.0/8", "::1/128"],
        env = "LINEKEEPER_TRUSTED_PROXIES",
        parse_env = confique::env::parse::list_by_comma
    )]
    pub trusted_proxies: Vec<String>,

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
    Value { setting: &'static str, problem: String, fix: String },
    /// Settings that do not exist, each with the nearest one that does.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Unknown(Vec<UnknownSetting>),
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
        let text = source::read_file(file.unwrap_or(Path::new(DEFAULT_FILE)))?;
        let from_file = source::parse(&text)?;
        Self::from_values(source::read_environment()?.with_fallback(from_file))
    }

    /// The configuration in a file's text, without the environment, checked.
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        Self::from_values(source::parse(text)?)
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

    /// The networks of `trusted_proxies`.
    pub(crate) fn trusted_proxies(&self) -> Result<Vec<IpNet>, ConfigError> {
        let rules = outbound::Rules::parse(&self.trusted_proxies, false).map_err(|found| ConfigError::Value {
            setting: "trusted_proxies",
            problem: format!("\"{found}\" is not a network"),
            fix: NETWORKS_FIX.to_owned(),
        })?;
        Ok(rules.allowed)
    }

    /// Checks the values without asking anybody; reports the first one that is wrong.
    pub fn check(&self) -> Result<(), ConfigError> {
        check_base_address("public_url", &self.public_url, "write it like https://numbers.example.com")?;
        let scheme = self.database.split_once(':').map(|(scheme, _)| scheme);
        if !matches!(scheme, Some("sqlite" | "postgres" | "postgresql")) {
            return Err(ConfigError::Value {
                setting: "database",
                problem: "the address begins with neither sqlite:// nor postgres://".to_owned(),
                fix: "write it like sqlite://linekeeper.db or postgres://user@host/linekeeper".to_owned(),
            });
        }
        self.trusted_proxies()?;
        self.meta.check()?;
        self.limits.check()?;
        self.retention.check()?;
        self.delivery.check()?;
        self.log.targets().map(|_| ())
    }
}

/// How to write a list of networks.
const NETWORKS_FIX: &str = "write networks like 10.1.0.0/16 or fd00:1::/32, or single addresses";

/// Fails unless the value lies in the range, and names the bounds.
fn check_range<T: PartialOrd + Display + Copy>(
    setting: &'static str,
    value: T,
    range: RangeInclusive<T>,
) -> Result<(), ConfigError> {
    let (low, high) = range.into_inner();
    if (low..=high).contains(&value) {
        return Ok(());
    }
    let fix = format!("write {low} to {high}");
    Err(ConfigError::Value { setting, problem: format!("{value} is out of range"), fix })
}

/// Fails unless the value is an address that paths can be appended to.
fn check_base_address(setting: &'static str, value: &str, fix: &str) -> Result<(), ConfigError> {
    let wrong = |problem| Err(ConfigError::Value { setting, problem, fix: fix.to_owned() });
    match url::Url::parse(value) {
        Err(error) => wrong(format!("\"{value}\" is not an address: {error}")),
        // the value may hold a password
        Ok(url) if !url.username().is_empty() || url.password().is_some() => {
            wrong("the address must not hold a user name or a password".to_owned())
        }
        Ok(url) if !matches!(url.scheme(), "http" | "https") || url.query().is_some() || url.fragment().is_some() => {
            wrong(format!("\"{value}\" must begin with http:// or https:// and have no query and no fragment"))
        }
        Ok(_) => Ok(()),
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
