//! The demo's environment: Meta's emulator, a folder with a database and a seal key, the service on a port, an
//! account, and API keys. Reads no configuration of the machine: neither its files nor its environment.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use anyhow::{Context as _, ensure};
use domain::ids::AccountId;
use graph_emulator::Emulator;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;
use server::App;
use server::config::Config;
use server::flows::admin;
use server::flows::database::Database;
use server::runtime::clock::{Clock, uuid_at};
use server::seal::Keyring;
use server::store::api_keys::{NewApiKey, Scope};
use tokio::net::TcpListener;

use crate::cli::{key, serve};

/// Ports and folder of a demo.
pub(super) struct Settings {
    /// Port of the pages and the API; 0 chooses a free port.
    pub(super) port: u16,
    /// Port of Meta's emulator; 0 chooses a free port.
    pub(super) meta_port: u16,
    /// Folder to keep; a temporary one without it.
    pub(super) folder: Option<PathBuf>,
}

/// The running services of a demo.
pub(super) struct Environment {
    pub(super) app: App,
    pub(super) meta: Emulator,
    pub(super) account: AccountId,
    /// API key of the whole installation.
    pub(super) operator_key: SecretString,
    /// API key of the account.
    pub(super) account_key: SecretString,
    folder: Folder,
}

impl Environment {
    pub(super) async fn start(settings: Settings) -> anyhow::Result<Self> {
        let folder = Folder::create(settings.folder.as_deref())?;
        log_to(&folder.path.join("linekeeper.log"))?;
        let listener = TcpListener::bind(("127.0.0.1", settings.port)).await.with_context(|| {
            format!("port {} cannot be used; choose another with --port, or a free one with --port 0", settings.port)
        })?;
        let meta = graph_emulator::Config { port: settings.meta_port, ..graph_emulator::Config::default() };
        let (app_id, app_secret) = (meta.app_id.clone(), meta.app_secret.clone());
        let meta = Emulator::start(meta).await.context("Meta's emulator cannot start")?;
        let file = folder.write_configuration(listener.local_addr()?.port(), &meta.base_url(), &app_id, &app_secret)?;
        // without the environment, which may name a database that is in use
        let config = Config::parse(&fs::read_to_string(&file)?)?;
        let keyring = Keyring::parse(&fs::read_to_string(&config.seal.key_file)?.into())?;
        let database = Database::open_and_migrate(&config.database, keyring).await?;
        let app = server::startup::build(config, database, Clock::system())?;
        let (account, operator_key, account_key) = create_tenant(&app).await?;
        server::startup::start_background_tasks(&app);
        serve::listen(&app, listener);
        Ok(Self { app, meta, account, operator_key, account_key, folder })
    }

    /// The configuration file, for `--config` of other commands while the demo runs.
    pub(super) fn configuration(&self) -> PathBuf {
        self.folder.path.join(CONFIGURATION)
    }
}

/// Creates the sample account and returns it with an operator's key and a key of the account.
async fn create_tenant(app: &App) -> anyhow::Result<(AccountId, SecretString, SecretString)> {
    let account = admin::create_account(app, "Sample platform").await?.id;
    let operator = NewApiKey { account_id: None, name: "demo operator".to_owned(), scope: Scope::Admin };
    let operator_key = admin::create_api_key(app, &operator).await?.secret;
    let helpdesk = NewApiKey { account_id: Some(account), name: "demo account".to_owned(), scope: Scope::Operate };
    let account_key = admin::create_api_key(app, &helpdesk).await?.secret;
    Ok((account, operator_key, account_key))
}

const CONFIGURATION: &str = "linekeeper.toml";

/// Writes the log to a file, so that log lines do not disturb the table on the terminal.
fn log_to(file: &Path) -> anyhow::Result<()> {
    let file = fs::File::create(file).with_context(|| format!("{} cannot be written", file.display()))?;
    tracing_subscriber::fmt()
        .with_ansi(false)
        .with_max_level(tracing::Level::INFO)
        .with_writer(Mutex::new(file))
        .init();
    Ok(())
}

/// The demo's files; a temporary folder is deleted when the demo ends.
struct Folder {
    path: PathBuf,
    is_temporary: bool,
}

impl Folder {
    fn create(chosen: Option<&Path>) -> anyhow::Result<Self> {
        let (path, is_temporary) = match chosen {
            Some(path) => (path.to_owned(), false),
            None => (
                std::env::temp_dir().join(format!("linekeeper-demo-{}", uuid_at(Clock::system().now()).simple())),
                true,
            ),
        };
        let is_used = path.join(CONFIGURATION).exists();
        ensure!(
            !is_used,
            "{} holds the files of an earlier demo, whose emulator has ended; choose another folder",
            path.display()
        );
        fs::create_dir_all(&path).with_context(|| format!("the folder {} cannot be created", path.display()))?;
        Ok(Self { path: path.canonicalize()?, is_temporary })
    }

    /// Writes the configuration file and the seal key.
    fn write_configuration(&self, port: u16, meta: &str, app_id: &str, secret: &str) -> anyhow::Result<PathBuf> {
        let path_of = |name: &str| self.path.join(name).display().to_string();
        let keys = self.path.join("linekeeper.keys");
        key::seal_file::write_private(&keys, Keyring::generate().expose_secret())?;
        let settings = json!({
            "public_url": format!("http://127.0.0.1:{port}"),
            "listen": format!("127.0.0.1:{port}"),
            "database": format!("sqlite://{}", path_of("linekeeper.db")),
            "seal": { "key_file": path_of("linekeeper.keys") },
            "meta": { "app_id": app_id, "app_secret": secret, "base_url": meta },
            // endpoints of a demo listen on this machine
            "delivery": { "allow_subnets": ["127.0.0.0/8"], "allow_http": true },
        });
        let file = self.path.join(CONFIGURATION);
        fs::write(&file, toml::to_string(&settings)?)?;
        Ok(file)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if self.is_temporary {
            // the system cleans its temporary folder; a failure needs no report
            let _ = fs::remove_dir_all(&self.path);
        }
    }
}
