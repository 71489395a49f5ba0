//! The database handle of an installation: everybody may read, and only flows may write.
//!
//! `web` and `cli` hold a [`Database`] and no [`Store`], and [`Database::write`] is visible in `flows` and below
//! only. A write outside a flow does not compile.

use std::time::Duration;

use crate::seal::Keyring;
use crate::store::{Committed, Engine, Error, ServiceLock, Store, Tx};

/// An open database; clones share its connections.
#[derive(Debug, Clone)]
pub struct Database {
    store: Store,
}

impl Database {
    /// Opens a database whose tables are up to date: `sqlite://path/to/file` or `postgres://…`.
    pub async fn open(url: &str, keyring: Keyring) -> Result<Self, Error> {
        Store::open(url, keyring).await.map(Self::new)
    }

    /// Opens a database, creates the SQLite file if there is none, and applies pending migrations.
    pub async fn open_and_migrate(url: &str, keyring: Keyring) -> Result<Self, Error> {
        Store::open_and_migrate(url, keyring).await.map(Self::new)
    }

    /// The handle of an open store. For tests and measurements, which keep the store to write facts of their own.
    pub fn new(store: Store) -> Self {
        Self { store }
    }

    /// The same database, whose transactions call `hook` after a commit. The hook must not block.
    pub(crate) fn with_commit_hook(self, hook: impl Fn(&Committed) + Send + Sync + 'static) -> Self {
        Self { store: self.store.with_commit_hook(hook) }
    }

    /// Begins a transaction that sees one state of the database and cannot write.
    pub async fn read(&self) -> Result<Tx, Error> {
        self.store.read().await
    }

    /// Begins a transaction that may write. On SQLite it waits for its turn: there is one writer.
    pub(in crate::flows) async fn write(&self) -> Result<Tx, Error> {
        self.store.write().await
    }

    /// The keys that encrypt secrets in the database.
    pub(in crate::flows) fn keyring(&self) -> &Keyring {
        self.store.keyring()
    }

    /// The error of work on the database that was given up at its deadline. It is logged as an outage.
    pub(in crate::flows) fn no_answer_within(&self, deadline: Duration) -> Error {
        self.store.no_answer_within(deadline)
    }

    /// Takes the lock that keeps a second service from a SQLite file; [`Error::InUse`] when another service holds it.
    pub fn lock_for_service(&self) -> Result<ServiceLock, Error> {
        self.store.lock_for_service()
    }

    /// How many rows that cannot be read were passed over since the database was opened. The log names each.
    pub fn unreadable_rows(&self) -> usize {
        self.store.unreadable_rows()
    }

    /// The engine behind the handle.
    pub fn engine(&self) -> Engine {
        self.store.engine()
    }

    /// Waits for the transactions in progress and closes every connection.
    pub async fn close(&self) {
        self.store.close().await;
    }
}
