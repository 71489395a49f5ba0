//! The product ready for a load: its own process over an empty database, the emulator of Meta, live numbers and a load
//! generator for them. Must not know what is measured.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use jiff::Timestamp;
use reqwest::{Client, Method};
use serde_json::json;
use server::seal::Keyring;
use tokio::task::JoinHandle;

use super::clients::ApiClients;
use super::database::{Engine, Postgres, Preload, Tuning};
use super::process::Process;
use super::product::{ProductConfig, Tenant, free_address, start_emulator};
use super::rate_search::Loader;
use super::rig::Rig;
use super::stored_rows::{self, StoredRows};

/// The running product with everything it needs. Fields are dropped in their order.
pub(crate) struct TestBed {
    /// The process of the product.
    pub(crate) server: Process,
    _meta: Process,
    /// Runs loads against the product.
    pub(crate) loader: Loader,
    config: ProductConfig,
    tenant: Tenant,
    http: Client,
    database: TestDatabase,
}

impl TestBed {
    /// Starts everything and waits until all numbers are live.
    pub(crate) async fn open(rig: &Rig, engine: Engine, fsync_added_ms: u32, numbers: usize) -> anyhow::Result<Self> {
        let preload = match fsync_added_ms {
            0 => None,
            milliseconds => Some(Preload::build(&rig.folder, milliseconds)?),
        };
        let tuning = Tuning { preload: preload.as_ref(), settings: &rig.postgres_settings };
        let database = TestDatabase::open(engine, &rig.folder, tuning).await?;
        let (meta, address) = start_emulator(&rig.programs, &rig.folder).await?;
        let config =
            ProductConfig { preload: preload.filter(|_| engine == Engine::Sqlite), ..database.config(&address)? };
        let tenant = config.prepare(&rig.programs)?;
        let server = config.serve(&rig.programs).await?;
        let http = Client::new();
        let clients = ApiClients { http: http.clone(), config: &config, tenant: &tenant };
        let numbers = clients.sign_up(numbers, false).await?;
        for number in &numbers {
            ensure!(clients.is_live_in_time(number).await?, "inbox {} is not live", number.inbox);
        }
        let numbers = numbers.iter().map(|number| format!("{}:{}", number.phone_number_id, number.waba_id)).collect();
        let loader = rig.loader(&config, 1, numbers);
        Ok(Self { server, _meta: meta, loader, config, tenant, http, database })
    }

    /// Creates an endpoint for every message of the account from now on; returns its id.
    pub(crate) async fn add_endpoint(&self, url: &str) -> anyhow::Result<String> {
        let new = json!({ "url": url, "format": "standard", "kinds": ["messages"] });
        let made = self.clients().product(Method::POST, "/endpoints", Some(&new)).await?;
        made["id"].as_str().map(str::to_owned).with_context(|| format!("no endpoint: {made}"))
    }

    /// Deletes an endpoint of the account.
    pub(crate) async fn remove_endpoint(&self, id: &str) -> anyhow::Result<()> {
        self.clients().product(Method::DELETE, &format!("/endpoints/{id}"), None).await.map(|_| ())
    }

    /// Requests a replay of everything received since an instant, after a delay; returns the number of events that the
    /// product reports.
    pub(crate) fn replay(&self, endpoint: &str, from: Timestamp, after: Duration) -> JoinHandle<anyhow::Result<u64>> {
        let (http, config, tenant) = (self.http.clone(), self.config.clone(), self.tenant.clone());
        let path = format!("/endpoints/{endpoint}/replay");
        tokio::spawn(async move {
            tokio::time::sleep(after).await;
            let clients = ApiClients { http, config: &config, tenant: &tenant };
            let marked = clients.product(Method::POST, &path, Some(&json!({ "from": from }))).await?;
            marked["events"].as_u64().with_context(|| format!("not marked: {marked}"))
        })
    }

    fn clients(&self) -> ApiClients<'_> {
        ApiClients { http: self.http.clone(), config: &self.config, tenant: &self.tenant }
    }

    /// Stops everything; returns the comparison of acknowledged messages with the database.
    pub(crate) async fn end(self) -> anyhow::Result<StoredRows> {
        let Self { server, _meta: meta, loader, config, database, .. } = self;
        drop((server, meta));
        let rows = stored_rows::check(&config.database, &Keyring::parse(&config.keys)?, &loader.acks).await?;
        database.remove().await?;
        Ok(rows)
    }
}

/// A temporary database of one engine.
pub(crate) enum TestDatabase {
    Sqlite { folder: PathBuf, file: PathBuf },
    Postgres { folder: PathBuf, server: Postgres, url: String },
}

impl TestDatabase {
    const NAME: &'static str = "linekeeper_bench";

    /// Creates an empty database.
    pub(crate) async fn open(engine: Engine, folder: &Path, tuning: Tuning<'_>) -> anyhow::Result<Self> {
        let owned = folder.to_owned();
        match engine {
            Engine::Sqlite => Ok(Self::Sqlite { file: folder.join("rig.db"), folder: owned }),
            Engine::Postgres => {
                let server = Postgres::start(&folder.join("postgres"), tuning).await?;
                let url = server.create(Self::NAME).await?;
                Ok(Self::Postgres { folder: owned, server, url })
            }
        }
    }

    /// Configuration of the product for this database, with a new key and port.
    pub(crate) fn config(&self, meta: &str) -> anyhow::Result<ProductConfig> {
        let (url, folder) = match self {
            Self::Sqlite { folder, file } => (format!("sqlite://{}", file.display()), folder),
            Self::Postgres { folder, url, .. } => (url.clone(), folder),
        };
        Ok(ProductConfig { listen: free_address()?, ..ProductConfig::new(&url, meta, folder)? })
    }

    /// Removes the database with its server.
    pub(crate) async fn remove(self) -> anyhow::Result<()> {
        match self {
            Self::Sqlite { file, .. } => remove_sqlite(&file),
            Self::Postgres { server, .. } => server.remove(Self::NAME).await?,
        }
        Ok(())
    }
}

/// Removes a SQLite database with its WAL files.
pub(crate) fn remove_sqlite(file: &Path) {
    for ending in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(format!("{}{ending}", file.display()));
    }
}
