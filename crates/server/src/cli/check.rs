//! `linekeeper check`: looks at everything the service stands on, and says for each what to mend.
//! Nothing is changed, neither here nor at Meta.

use std::path::Path;

use domain::capacity::Stage;
use domain::health::is_of_this_installation;
use domain::meta::failure::{Failure, FailureKind};
use serde_json::{Value, json};
use server::App;
use server::config::Config;
use server::flows::app_callback;
use server::runtime::clock::Clock;
use server::seal::Keyring;
use server::store::{Error, Store, size};

use super::Verdict;
use super::open::{From, keyring};
use super::output::{Output, table};

pub(super) const EXAMPLES: &str = "\
Examples:
  linekeeper check              exit status 3 when something fails
  linekeeper check --offline    do not ask Meta
  linekeeper check --json";

#[derive(Debug, clap::Args)]
pub(super) struct Check {
    /// Do not ask Meta.
    #[arg(long)]
    offline: bool,
}

/// What came of one look.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Found {
    Pass(String),
    Fail { found: String, fix: String },
    Skip(String),
}

impl Found {
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
}

/// The looks in their order.
#[derive(Debug, Default)]
struct Looks(Vec<(&'static str, Found)>);

impl Looks {
    fn add(&mut self, what: &'static str, result: Found) {
        self.0.push((what, result));
    }

    fn skip(&mut self, whats: &[&'static str], why: &str) {
        self.0.extend(whats.iter().map(|what| (*what, Found::Skip(why.to_owned()))));
    }
}

const DATABASE: &str = "database";
const ROOM: &str = "database size";
const META: &str = "Meta answers";
const CALLBACK: &str = "app-level callback";

impl Check {
    pub(super) async fn run(self, from: &From, output: Output) -> anyhow::Result<Verdict> {
        let mut looks = Looks::default();
        match from.config() {
            Err(error) => {
                looks.add(
                    "configuration",
                    Found::fail(error.root_cause().to_string(), "linekeeper config template shows all settings"),
                );
                looks.skip(
                    &["public address", "seal keys", DATABASE, ROOM, META, CALLBACK],
                    "there is no configuration",
                );
            }
            Ok(config) => self.look(&config, &mut looks).await,
        }
        show(&looks, output)
    }

    async fn look(self, config: &Config, looks: &mut Looks) {
        looks.add("configuration", Found::Pass("every setting makes sense".to_owned()));
        looks.add("public address", public_address(config));
        let keys = match keyring(config) {
            Ok(keys) => keys,
            Err(error) => {
                looks.add("seal keys", Found::fail(format!("{error:#}"), "linekeeper key seal --new"));
                looks.skip(&[DATABASE, ROOM, META, CALLBACK], "there is no seal key");
                return;
            }
        };
        looks.add("seal keys", key_file(config, &keys));
        let store = match Store::open(&config.database, keys).await {
            Ok(store) => store,
            Err(error) => {
                looks.add(DATABASE, database_failed(error));
                looks.skip(&[ROOM, META, CALLBACK], "the database cannot be used");
                return;
            }
        };
        let engine = store.engine().as_str();
        looks.add(DATABASE, Found::Pass(format!("{engine} answers, its tables are up to date")));
        looks.add(ROOM, room(config, &store).await);
        if self.offline {
            looks.skip(&[META, CALLBACK], "asked to stay offline");
            return;
        }
        match server::startup::build(config.clone(), store, Clock::system()) {
            Ok(app) => {
                meta(&app, looks).await;
                app.stop().await;
            }
            Err(error) => looks.add(META, Found::fail(format!("{error:#}"), "mend the settings under [meta]")),
        }
    }
}

fn public_address(config: &Config) -> Found {
    if config.public_url.starts_with("https://") {
        return Found::Pass(config.public_url.clone());
    }
    if !config.meta.base_url.starts_with("https://graph.facebook.com") {
        return Found::Skip(format!("{}, for a rehearsal with {}", config.public_url, config.meta.base_url));
    }
    let found = format!("{} is not HTTPS, and Meta calls back over HTTPS only", config.public_url);
    Found::fail(found, "set public_url to the address of your proxy or tunnel, such as https://numbers.example.com")
}

fn key_file(config: &Config, ring: &Keyring) -> Found {
    let file: &Path = &config.seal.key_file;
    if config.seal.keys.is_none() && is_open_to_others(file) {
        let found = format!("{} can be read by others on this machine", file.display());
        return Found::fail(found, format!("chmod 600 {}", file.display()));
    }
    Found::Pass(format!("key {} seals", hex::encode(ring.current())))
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

fn database_failed(error: Error) -> Found {
    let fix = if matches!(error, Error::Missing(_) | Error::Pending { .. }) {
        "linekeeper migrate"
    } else if matches!(error, Error::Foreign(_)) {
        "run the version of Linekeeper that migrated it, or a newer one"
    } else if matches!(error, Error::Unreleased { .. }) {
        "set database to a new file or an empty PostgreSQL database, then run linekeeper migrate"
    } else if matches!(error, Error::Url) {
        "set database like sqlite://linekeeper.db or postgres://user@host/linekeeper"
    } else {
        "is the database there, and may we write to it?"
    };
    Found::fail(format!("{:#}", anyhow::Error::from(error)), fix)
}

/// How full the database is, measured afresh.
async fn room(config: &Config, store: &Store) -> Found {
    let measured = async { size::bytes_in_use(&mut store.read().await?).await };
    let bytes = match measured.await {
        Ok(bytes) => bytes,
        Err(error) => return Found::fail(format!("it cannot be measured: {error}"), "may we read it?"),
    };
    let bounds = config.keeping.bounds();
    if bounds.limit == 0 {
        return Found::Pass(format!("{}, without a limit", gigabytes(bytes)));
    }
    let found = format!("{} of {}", gigabytes(bytes), gigabytes(bounds.limit));
    match bounds.stage(Stage::Plenty, bytes) {
        Stage::Plenty => Found::Pass(found),
        Stage::NearlyFull => Found::fail(format!("{found}: nearly full"), MAKE_ROOM),
        Stage::Full => Found::fail(format!("{found}: full, and Meta's posts are refused"), MAKE_ROOM),
    }
}

const MAKE_ROOM: &str = "lower keeping.days, or raise keeping.max_gigabytes where the disk has room";

#[expect(clippy::cast_precision_loss, reason = "two digits of it are shown")]
fn gigabytes(bytes: u64) -> String {
    format!("{:.2} GB", bytes as f64 / 1e9)
}

async fn meta(app: &App, looks: &mut Looks) {
    let subscription = match app.graph.app_subscription().await {
        Ok(subscription) => subscription,
        Err(failure) => {
            looks.add(META, meta_failed(&failure));
            looks.skip(&[CALLBACK], "Meta could not be asked");
            return;
        }
    };
    let at = format!("app {} at {}, {}", app.app_id(), app.config.meta.base_url, app.config.meta.version);
    looks.add(META, Found::Pass(at));
    let ours = app_callback::url(app);
    let fix = if app.config.meta.manage_app_callback {
        "linekeeper serve sets it when it starts, unless another service holds it: then remove that one at Meta first"
    } else {
        "meta.manage_app_callback is off: forward account, name and quality events here, or switch it on"
    };
    let result = match &subscription {
        None => Found::fail("the app has none: account, name and quality events reach nobody", fix),
        Some(it) if !is_of_this_installation(&ours, &it.callback_url) => {
            Found::fail(format!("{} gets account, name and quality events", it.callback_url), fix)
        }
        Some(it) => {
            let is_wanted = |field: &&&str| !it.fields.iter().any(|known| known == **field);
            let missing: Vec<&str> = app_callback::FIELDS.iter().filter(is_wanted).copied().collect();
            match missing.as_slice() {
                [] => Found::Pass(it.callback_url.clone()),
                missing => Found::fail(format!("it is ours and lacks {}", missing.join(", ")), fix),
            }
        }
    };
    looks.add(CALLBACK, result);
}

fn meta_failed(failure: &Failure) -> Found {
    let fix = if failure.kind == FailureKind::Transient {
        "can this machine reach meta.base_url? https://metastatus.com says how Meta is"
    } else if matches!(failure.kind, FailureKind::TokenDead | FailureKind::AppMisconfigured) {
        "compare meta.app_id and meta.app_secret with App settings, Basic, at developers.facebook.com"
    } else {
        "look up Meta's words in the app dashboard at developers.facebook.com"
    };
    Found::fail(failure.message.clone(), fix)
}

fn show(looks: &Looks, output: Output) -> anyhow::Result<Verdict> {
    let values: Vec<Value> = looks
        .0
        .iter()
        .map(|(what, result)| {
            let (found, fix) = parts(result);
            json!({ "check": what, "result": result.word().to_lowercase(), "found": found, "fix": fix })
        })
        .collect();
    output.either(&values, || {
        let mut table = table(["check", "", "found", "to mend it"]);
        for (what, result) in &looks.0 {
            let (found, fix) = parts(result);
            table.add_row([*what, result.word(), found, fix.unwrap_or_default()]);
        }
        table.trim_fmt()
    })?;
    let failed = looks.0.iter().any(|(_, result)| matches!(result, Found::Fail { .. }));
    Ok(if failed { Verdict::NotWell } else { Verdict::Well })
}

fn parts(found: &Found) -> (&str, Option<&str>) {
    match found {
        Found::Pass(text) | Found::Skip(text) => (text, None),
        Found::Fail { found, fix } => (found, Some(fix)),
    }
}
