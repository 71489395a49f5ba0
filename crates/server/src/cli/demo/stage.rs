//! What the demo stands on: Meta's emulator, a folder with a database and a key of its own, an app
//! over it that answers on a port, an account, and keys to sign in with. Nothing of the machine's own
//! configuration is read.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use anyhow::{Context as _, ensure};
use confique::Config as _;
use domain::ids::AccountId;
use graph_emulator::Emulator;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;
use server::App;
use server::config::Config;
use server::runtime::clock::{Clock, uuid_at};
use server::seal::Keyring;
use server::store::api_keys::{self, NewApiKey, Scope};
use server::store::{Store, accounts};
use tokio::net::TcpListener;

use super::Demo;
use crate::cli::{key, serve};

/// Everything the demo runs on.
pub(super) struct Stage {
    pub(super) app: App,
    pub(super) meta: Emulator,
    pub(super) account: AccountId,
    /// Opens everything: the operator's.
    pub(super) operator_key: SecretString,
    /// Opens the account.
    pub(super) account_key: SecretString,
    pub(super) folder: Folder,
}

impl Stage {
    pub(super) async fn set(demo: &Demo) -> anyhow::Result<Self> {
        let folder = Folder::open(demo.data_dir.as_deref())?;
        log_to(&folder.path.join("linekeeper.log"))?;
        let listener = TcpListener::bind(("127.0.0.1", demo.port)).await.with_context(|| {
            format!("port {} cannot be used; choose another with --port, or any free one with --port 0", demo.port)
        })?;
        let meta = graph_emulator::Config { port: demo.meta_port, ..graph_emulator::Config::default() };
        let (app_id, app_secret) = (meta.app_id.clone(), meta.app_secret.clone());
        let meta = Emulator::start(meta).await.context("Meta's emulator cannot start")?;
        let file = folder.write_configuration(listener.local_addr()?.port(), &meta.base_url(), &app_id, &app_secret)?;
        let config = read(&file)?;
        let keyring = Keyring::parse(&fs::read_to_string(&config.seal.key_file)?.into())?;
        let store = Store::open_and_migrate(&config.database, keyring).await?;
        let app = server::startup::build(config, store, Clock::system())?;
        let (account, operator_key, account_key) = tenant(&app).await?;
        serve::listen(&app, listener);
        server::startup::start_background_tasks(&app);
        Ok(Self { app, meta, account, operator_key, account_key, folder })
    }

    /// The configuration that another command can be pointed at while the demo runs.
    pub(super) fn configuration(&self) -> PathBuf {
        self.folder.path.join(CONFIGURATION)
    }
}

async fn tenant(app: &App) -> anyhow::Result<(AccountId, SecretString, SecretString)> {
    let now = app.clock.now();
    let (operator_key, account_key) = (api_keys::fresh_secret(), api_keys::fresh_secret());
    let mut tx = app.store.write().await?;
    let account = accounts::create(&mut tx, "Sample platform", now).await?;
    let operator = NewApiKey { account_id: None, name: "demo operator".to_owned(), scope: Scope::Admin };
    api_keys::insert(&mut tx, &operator, &operator_key, now).await?;
    let helpdesk = NewApiKey { account_id: Some(account), name: "demo account".to_owned(), scope: Scope::Operate };
    api_keys::insert(&mut tx, &helpdesk, &account_key, now).await?;
    tx.commit().await?;
    Ok((account, operator_key, account_key))
}

const CONFIGURATION: &str = "linekeeper.toml";

/// Reads the demo's own file and nothing else: no environment, so no database of somebody's.
fn read(file: &Path) -> anyhow::Result<Config> {
    let layer: <Config as confique::Config>::Layer = toml::from_str(&fs::read_to_string(file)?)?;
    let config = Config::builder().preloaded(layer).load()?;
    config.check()?;
    Ok(config)
}

/// Logs go beside the database, so that the table can be redrawn in peace.
fn log_to(file: &Path) -> anyhow::Result<()> {
    let file = fs::File::create(file).with_context(|| format!("{} cannot be written", file.display()))?;
    tracing_subscriber::fmt()
        .with_ansi(false)
        .with_max_level(tracing::Level::INFO)
        .with_writer(Mutex::new(file))
        .init();
    Ok(())
}

/// Where the demo keeps its files; a temporary one goes when the demo ends.
pub(super) struct Folder {
    path: PathBuf,
    is_temporary: bool,
}

impl Folder {
    fn open(wanted: Option<&Path>) -> anyhow::Result<Self> {
        let (path, is_temporary) = match wanted {
            Some(path) => (path.to_owned(), false),
            None => (
                std::env::temp_dir().join(format!("linekeeper-demo-{}", uuid_at(Clock::system().now()).simple())),
                true,
            ),
        };
        let holds_one = path.join(CONFIGURATION).exists();
        ensure!(!holds_one, "{} holds an earlier demo, whose Meta is gone: choose another folder", path.display());
        fs::create_dir_all(&path).with_context(|| format!("the folder {} cannot be made", path.display()))?;
        Ok(Self { path: path.canonicalize()?, is_temporary })
    }

    /// A configuration file as a person would write it, and the seal key beside it.
    fn write_configuration(&self, port: u16, meta: &str, app_id: &str, secret: &str) -> anyhow::Result<PathBuf> {
        let in_here = |name: &str| self.path.join(name).display().to_string();
        let keys = self.path.join("linekeeper.keys");
        key::write_privately(&keys, Keyring::generate().expose_secret())?;
        let settings = json!({
            "public_url": format!("http://127.0.0.1:{port}"),
            "listen": format!("127.0.0.1:{port}"),
            "database": format!("sqlite://{}", in_here("linekeeper.db")),
            "seal": { "key_file": in_here("linekeeper.keys") },
            "meta": { "app_id": app_id, "app_secret": secret, "base_url": meta },
            // whoever tries forwarding out listens on this machine
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
            // what cannot be removed is left to the system's own cleaning of temporary files
            let _ = fs::remove_dir_all(&self.path);
        }
    }
}
