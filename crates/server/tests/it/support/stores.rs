//! Open stores on both engines, each empty and migrated, for one story each.

use secrecy::SecretString;
use server::seal::Keyring;
use server::store::{Engine, Store};
use tempfile::TempDir;

use super::postgres::Postgres;

pub(crate) fn keyring() -> Keyring {
    Keyring::parse(&Keyring::generate()).unwrap()
}

/// An empty database: its address, and what has to live as long as it.
pub(crate) struct Database {
    pub(crate) url: String,
    _folder: Option<TempDir>,
}

impl Database {
    /// A file or a database of the shared server.
    pub(crate) async fn empty(engine: Engine) -> Self {
        match engine {
            Engine::Sqlite => {
                let folder = tempfile::tempdir().unwrap();
                let url = format!("sqlite://{}", folder.path().join("linekeeper.db").display());
                Self { url, _folder: Some(folder) }
            }
            Engine::Postgres => Self { url: Postgres::shared().await.create_database().await, _folder: None },
        }
    }

    /// Opens it with these keys, its tables brought up to date.
    pub(crate) async fn open(&self, keys: &SecretString) -> Store {
        Store::open_and_migrate(&self.url, Keyring::parse(keys).unwrap()).await.unwrap()
    }
}

/// Tells a story on SQLite, then on PostgreSQL.
pub(crate) async fn both(tell: impl AsyncFn(Store)) {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        println!("on {}", engine.as_str());
        let database = Database::empty(engine).await;
        let store = Store::open_and_migrate(&database.url, keyring()).await.unwrap();
        tell(store.clone()).await;
        store.close().await;
    }
}
