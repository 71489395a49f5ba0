//! `linekeeper check`: checks everything the service depends on, and prints a fix for each problem. Changes
//! nothing, neither here nor at Meta.

use std::path::Path;

use domain::callbacks::AppCallback;
use domain::capacity::StorageLevel;
use domain::meta::failure::{Failure, FailureKind};
use serde_json::{Value, json};
use server::App;
use server::config::Config;
use server::flows::app_callback;
use server::flows::database::Database;
use server::runtime::clock::Clock;
use server::seal::Keyring;
use server::store::{Error, size};

use super::context::{ConfigSource, keyring};
use super::output::{CommandStatus, Output, table};

pub(super) const EXAMPLES: &str = "\
Examples:
  linekeeper check              exit status 3 when a check fails
  linekeeper check --offline    without calls to Meta
  linekeeper check --json";

#[derive(Debug, clap::Args)]
pub(super) struct Check {
    /// Do not call Meta.
    #[arg(long)]
    offline: bool,
}

/// Result of one check.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Outcome {
    Pass(String),
    Fail { found: String, fix: String },
    Skip(String),
}

impl Outcome {
    fn fail(found: impl Into<String>, fix: impl Into<String>) -> Self {
        Self::Fail { found: found.into(), fix: fix.into() }
    }

    const fn word(&self) -> &'static str {
        match self {
            Self::Pass(_) => "pass",
            Self::Fail { .. } => "FAIL",
            Self::Skip(_) => "skip",
        }
    }

    /// What was found, and the fix of a failure.
    fn texts(&self) -> (&str, Option<&str>) {
        match self {
            Self::Pass(text) | Self::Skip(text) => (text, None),
            Self::Fail { found, fix } => (found, Some(fix)),
        }
    }
}

/// Names and results of the checks, in the order they ran.
#[derive(Debug, Default)]
struct Results(Vec<(&'static str, Outcome)>);

impl Results {
    fn add(&mut self, check: &'static str, outcome: Outcome) {
        self.0.push((check, outcome));
    }

    fn skip(&mut self, checks: &[&'static str], why: &str) {
        self.0.extend(checks.iter().map(|check| (*check, Outcome::Skip(why.to_owned()))));
    }
}

const CONFIGURATION: &str = "configuration";
const PUBLIC_ADDRESS: &str = "public address";
const SEAL_KEYS: &str = "seal keys";
const DATABASE: &str = "database";
const DATABASE_SIZE: &str = "database size";
const META: &str = "Meta";
const CALLBACK: &str = "app-level callback";

impl Check {
    pub(super) async fn run(self, source: &ConfigSource, output: Output) -> anyhow::Result<CommandStatus> {
        let mut results = Results::default();
        match source.config() {
            Err(error) => {
                results.add(
                    CONFIGURATION,
                    Outcome::fail(error.root_cause().to_string(), "`linekeeper config template` prints every setting"),
                );
                results.skip(
                    &[PUBLIC_ADDRESS, SEAL_KEYS, DATABASE, DATABASE_SIZE, META, CALLBACK],
                    "there is no configuration",
                );
            }
            Ok(config) => self.check(&config, &mut results).await,
        }
        print(&results, output)
    }

    async fn check(self, config: &Config, results: &mut Results) {
        results.add(CONFIGURATION, Outcome::Pass("every setting has a valid value".to_owned()));
        results.add(PUBLIC_ADDRESS, public_address(config));
        let keys = match keyring(config) {
            Ok(keys) => keys,
            Err(error) => {
                results.add(SEAL_KEYS, Outcome::fail(format!("{error:#}"), "linekeeper key seal --new"));
                results.skip(&[DATABASE, DATABASE_SIZE, META, CALLBACK], "there is no seal key");
                return;
            }
        };
        let key_file = key_file(config, &keys);
        let database = match Database::open(&config.database, keys).await {
            Ok(database) => database,
            Err(error @ Error::WrongKeys(_)) => {
                let fix = "restore the copy of the key file that belongs to this database";
                results.add(SEAL_KEYS, Outcome::fail(error.to_string(), fix));
                results.skip(&[DATABASE, DATABASE_SIZE, META, CALLBACK], "the seal keys open nothing in the database");
                return;
            }
            Err(error) => {
                results.add(SEAL_KEYS, key_file);
                results.add(DATABASE, database_failed(error));
                results.skip(&[DATABASE_SIZE, META, CALLBACK], "the database cannot be used");
                return;
            }
        };
        results.add(SEAL_KEYS, key_file);
        let engine = database.engine().as_str();
        results.add(DATABASE, Outcome::Pass(format!("{engine}, reachable and up to date")));
        results.add(DATABASE_SIZE, database_size(config, &database).await);
        if self.offline {
            results.skip(&[META, CALLBACK], "--offline");
            return;
        }
        match server::startup::build(config.clone(), database, Clock::system()) {
            Ok(app) => {
                meta(&app, results).await;
                app.stop().await;
            }
            Err(error) => results.add(META, Outcome::fail(format!("{error:#}"), "correct the settings under [meta]")),
        }
    }
}

fn public_address(config: &Config) -> Outcome {
    if config.public_url.starts_with("https://") {
        return Outcome::Pass(config.public_url.clone());
    }
    if !config.meta.base_url.starts_with("https://graph.facebook.com") {
        return Outcome::Skip(format!("{}, used with {} in place of Meta", config.public_url, config.meta.base_url));
    }
    let found = format!("{} is not HTTPS, and Meta sends webhooks over HTTPS only", config.public_url);
    Outcome::fail(found, "set public_url to the address of your proxy or tunnel, such as https://numbers.example.com")
}

fn key_file(config: &Config, ring: &Keyring) -> Outcome {
    let file: &Path = &config.seal.key_file;
    if config.seal.keys.is_none() && is_open_to_others(file) {
        let found = format!("{} can be read by other users of this machine", file.display());
        return Outcome::fail(found, format!("chmod 600 {}", file.display()));
    }
    Outcome::Pass(format!("key {} encrypts", hex::encode(ring.current())))
}

#[cfg(unix)]
fn is_open_to_others(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::metadata(file).is_ok_and(|meta| meta.permissions().mode() & 0o077 != 0)
}

#[cfg(not(unix))]
fn is_open_to_others(_: &Path) -> bool {
    false
}

fn database_failed(error: Error) -> Outcome {
    let fix = if matches!(error, Error::Missing(_) | Error::Pending { .. }) {
        "linekeeper migrate"
    } else if matches!(error, Error::Foreign(_)) {
        "run the version of Linekeeper that migrated the database, or a newer one"
    } else if matches!(error, Error::Unreleased { .. }) {
        "set database to a new file or an empty PostgreSQL database, then run linekeeper migrate"
    } else if matches!(error, Error::Url | Error::Address(_)) {
        "write the setting database like sqlite://linekeeper.db or postgres://user@host/linekeeper"
    } else if matches!(error, Error::Unreachable { .. }) {
        "start PostgreSQL, or correct host and port in the setting database"
    } else {
        "check that the database exists and that this user may write to it"
    };
    Outcome::fail(format!("{:#}", anyhow::Error::from(error)), fix)
}

/// The size of the database, measured now.
async fn database_size(config: &Config, database: &Database) -> Outcome {
    let measured = async { size::bytes_in_use(&mut database.read().await?).await };
    let bytes = match measured.await {
        Ok(bytes) => bytes,
        Err(error) => {
            return Outcome::fail(
                format!("the size cannot be measured: {error}"),
                "check that this user may read the database",
            );
        }
    };
    let bounds = config.retention.bounds();
    if bounds.limit == 0 {
        return Outcome::Pass(format!("{}, no limit is set", gigabytes(bytes)));
    }
    let found = format!("{} of {}", gigabytes(bytes), gigabytes(bounds.limit));
    match bounds.level(StorageLevel::Ok, bytes) {
        StorageLevel::Ok => Outcome::Pass(found),
        StorageLevel::NearLimit => Outcome::fail(format!("{found}: nearly full"), FREE_SPACE),
        StorageLevel::Full => Outcome::fail(format!("{found}: full, Meta's webhooks are refused"), FREE_SPACE),
    }
}

const FREE_SPACE: &str = "lower retention.days, or raise retention.max_gigabytes if the disk has space";

#[expect(clippy::cast_precision_loss, reason = "only two decimals are shown")]
fn gigabytes(bytes: u64) -> String {
    format!("{:.2} GB", bytes as f64 / 1e9)
}

async fn meta(app: &App, results: &mut Results) {
    let reading = match app_callback::read(app).await {
        Ok(reading) => reading,
        Err(failure) => {
            results.add(META, meta_failed(&failure));
            results.skip(&[CALLBACK], "Meta could not be called");
            return;
        }
    };
    let at = format!("app {} at {}, version {}", app.app_id(), app.config.meta.base_url, app.config.meta.version);
    results.add(META, Outcome::Pass(at));
    let fix = "linekeeper callback take-over, or forward account, name and quality events here";
    let outcome = match reading.callback {
        AppCallback::Ours => Outcome::Pass(reading.url.unwrap_or_default()),
        AppCallback::Missing | AppCallback::Unread => {
            Outcome::fail("the app has no callback: account, name and quality events are lost", fix)
        }
        AppCallback::Foreign(url) => Outcome::fail(format!("account, name and quality events go to {url}"), fix),
        AppCallback::LacksFields(missing) => Outcome::fail(
            format!("the callback is set, and these fields are not subscribed: {}", missing.join(", ")),
            fix,
        ),
    };
    results.add(CALLBACK, outcome);
}

fn meta_failed(failure: &Failure) -> Outcome {
    let fix = if failure.kind == FailureKind::Transient {
        "check that this machine reaches meta.base_url, and Meta's status at https://metastatus.com"
    } else if matches!(failure.kind, FailureKind::TokenDead | FailureKind::AppMisconfigured) {
        "compare meta.app_id and meta.app_secret with App settings, Basic, at developers.facebook.com"
    } else {
        "look the message up at developers.facebook.com"
    };
    Outcome::fail(failure.message.clone(), fix)
}

fn print(results: &Results, output: Output) -> anyhow::Result<CommandStatus> {
    let values: Vec<Value> = results
        .0
        .iter()
        .map(|(check, outcome)| {
            let (found, fix) = outcome.texts();
            json!({ "check": check, "result": outcome.word().to_lowercase(), "found": found, "fix": fix })
        })
        .collect();
    output.print(&values, || {
        let mut table = table(["check", "result", "found", "fix"]);
        for (check, outcome) in &results.0 {
            let (found, fix) = outcome.texts();
            table.add_row([*check, outcome.word(), found, fix.unwrap_or_default()]);
        }
        table.trim_fmt()
    })?;
    let is_failed = results.0.iter().any(|(_, outcome)| matches!(outcome, Outcome::Fail { .. }));
    Ok(CommandStatus::success_if(!is_failed))
}
