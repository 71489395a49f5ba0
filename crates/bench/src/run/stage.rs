//! The product as it stands before every load: its own process over an empty database, Meta's stand-in beside
//! it, numbers that are live, and a generator that knows them. What is measured on it is not known here.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use jiff::Timestamp;
use reqwest::{Client, Method};
use serde_json::json;
use server::seal::Keyring;
use tokio::task::JoinHandle;

use super::Bench;
use super::database::{Engine, Postgres, Preload, Tuning};
use super::live::Sides;
use super::process::Process;
use super::product::{Setting, Tenant, free_address, start_meta};
use super::rows::{self, Rows};
use super::search::Loader;

/// The product with everything around it. The order of the fields is that of their ends.
pub(crate) struct Stage {
    /// The product.
    pub(crate) server: Process,
    _meta: Process,
    /// Starts loads against it.
    pub(crate) loader: Loader,
    setting: Setting,
    tenant: Tenant,
    http: Client,
    place: Place,
}

impl Stage {
    /// Starts everything and waits until the numbers are live.
    pub(crate) async fn open(
        bench: &Bench<'_>,
        engine: Engine,
        fsync_added_ms: u32,
        numbers: usize,
    ) -> anyhow::Result<Self> {
        let preload = match fsync_added_ms {
            0 => None,
            milliseconds => Some(Preload::build(&bench.folder, milliseconds)?),
        };
        let tuning = Tuning { preload: preload.as_ref(), settings: &bench.run.postgres };
        let place = Place::open(engine, &bench.folder, tuning).await?;
        let (meta, address) = start_meta(&bench.programs, &bench.folder).await?;
        let setting = Setting { preload: preload.filter(|_| engine == Engine::Sqlite), ..place.setting(&address)? };
        let tenant = setting.prepare(&bench.programs)?;
        let server = setting.serve(&bench.programs).await?;
        let http = Client::new();
        let sides = Sides { http: http.clone(), setting: &setting, tenant: &tenant };
        let numbers = sides.sign_up(numbers, false).await?;
        for number in &numbers {
            ensure!(sides.is_live_in_time(number).await?, "inbox {} is not live", number.inbox);
        }
        let numbers = numbers.iter().map(|number| format!("{}:{}", number.phone_number_id, number.waba_id)).collect();
        let loader = bench.loader(&setting, 1, numbers);
        Ok(Self { server, _meta: meta, loader, setting, tenant, http, place })
    }

    /// Makes an endpoint that gets every message of the account from now on; its id.
    pub(crate) async fn add_endpoint(&self, url: &str) -> anyhow::Result<String> {
        let new = json!({ "url": url, "format": "standard", "kinds": ["messages"] });
        let made = self.sides().product(Method::POST, "/endpoints", Some(&new)).await?;
        made["id"].as_str().map(str::to_owned).with_context(|| format!("no endpoint: {made}"))
    }

    /// Takes an endpoint away.
    pub(crate) async fn remove_endpoint(&self, id: &str) -> anyhow::Result<()> {
        self.sides().product(Method::DELETE, &format!("/endpoints/{id}"), None).await.map(|_| ())
    }

    /// Asks, after a while, for everything received from an instant on to be sent again; how many events the product says it
    /// is, once it does.
    pub(crate) fn replay(&self, endpoint: &str, from: Timestamp, after: Duration) -> JoinHandle<anyhow::Result<u64>> {
        let (http, setting, tenant) = (self.http.clone(), self.setting.clone(), self.tenant.clone());
        let path = format!("/endpoints/{endpoint}/replay");
        tokio::spawn(async move {
            tokio::time::sleep(after).await;
            let sides = Sides { http, setting: &setting, tenant: &tenant };
            let marked = sides.product(Method::POST, &path, Some(&json!({ "from": from }))).await?;
            marked["events"].as_u64().with_context(|| format!("not marked: {marked}"))
        })
    }

    fn sides(&self) -> Sides<'_> {
        Sides { http: self.http.clone(), setting: &self.setting, tenant: &self.tenant }
    }

    /// Ends everything; what the database held of what was acknowledged.
    pub(crate) async fn end(self) -> anyhow::Result<Rows> {
        let Self { server, _meta: meta, loader, setting, place, .. } = self;
        drop((server, meta));
        let rows = rows::check(&setting.database, &Keyring::parse(&setting.keys)?, &loader.acks).await?;
        place.remove().await?;
        Ok(rows)
    }
}

/// Where an engine's database is.
pub(crate) enum Place {
    /// A file.
    Sqlite { folder: PathBuf, file: PathBuf },
    /// A database on a server of its own.
    Postgres { folder: PathBuf, server: Postgres, url: String },
}

impl Place {
    const NAME: &'static str = "linekeeper_bench";

    /// An empty one.
    pub(crate) async fn open(engine: Engine, folder: &Path, tuning: Tuning<'_>) -> anyhow::Result<Self> {
        let owned = folder.to_owned();
        match engine {
            Engine::Sqlite => Ok(Self::Sqlite { file: folder.join("bench.db"), folder: owned }),
            Engine::Postgres => {
                let server = Postgres::start(&folder.join("postgres"), tuning).await?;
                let url = server.create(Self::NAME).await?;
                Ok(Self::Postgres { folder: owned, server, url })
            }
        }
    }

    /// The product over it, with a fresh key and port.
    pub(crate) fn setting(&self, meta: &str) -> anyhow::Result<Setting> {
        let (url, folder) = match self {
            Self::Sqlite { folder, file } => (format!("sqlite://{}", file.display()), folder),
            Self::Postgres { folder, url, .. } => (url.clone(), folder),
        };
        Ok(Setting { listen: free_address()?, ..Setting::new(&url, meta, folder)? })
    }

    /// Throws it away.
    pub(crate) async fn remove(self) -> anyhow::Result<()> {
        match self {
            Self::Sqlite { file, .. } => remove_sqlite(&file),
            Self::Postgres { server, .. } => server.remove(Self::NAME).await?,
        }
        Ok(())
    }
}

/// Removes a SQLite database with what stands beside it.
pub(crate) fn remove_sqlite(file: &Path) {
    for ending in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(format!("{}{ending}", file.display()));
    }
}
