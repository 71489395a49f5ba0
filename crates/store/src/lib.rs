//! The database: SQLite by default, PostgreSQL when outgrown. Nothing outside this module knows SQL.
//!
//! Every query is a plain function over [`&mut Tx`](Tx) in a file per noun, so that composing two in
//! one transaction is two lines after each other. One SQL text serves both engines; where they must
//! differ it is a named pair. A transaction is never held across a call to Meta or to a customer.

use std::fmt;

use sqlx::{PgPool, Postgres, Sqlite, SqlitePool, Transaction};

use crate::sealing::Keyring;

#[macro_use]
mod sql;

pub mod accounts;
pub mod announcements;
pub mod channels;
pub mod deliveries;
pub mod endpoints;
pub mod erasures;
mod error;
pub mod events;
mod failures;
pub mod graph_usage;
pub mod idempotency;
pub mod ids;
pub mod jobs;
pub mod keys;
mod migrations;
pub mod numbers;
mod postgres;
pub mod random;
mod readings;
pub mod reseal;
mod row;
pub mod sealing;
pub mod settings;
pub mod signups;
pub mod size;
pub mod snapshots;
mod sqlite;
mod statements;
mod words;

pub use error::{Conflict, Error};
pub use failures::{failure_from_json, failure_to_json};
pub use readings::{number_from_json, number_to_json, waba_from_json, waba_to_json};

/// Which database stands behind a [`Store`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    /// A file, one writer.
    Sqlite,
    /// A server, any number of replicas.
    Postgres,
}

impl Engine {
    /// Its name for people.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sqlite => "SQLite",
            Self::Postgres => "PostgreSQL",
        }
    }
}

/// The database; clones share its connections.
#[derive(Clone)]
pub struct Store {
    pools: Pools,
    keyring: Keyring,
}

#[derive(Clone)]
enum Pools {
    Sqlite { writer: SqlitePool, readers: SqlitePool },
    Postgres(PgPool),
}

/// One transaction; dropped without [`Tx::commit`] it leaves nothing behind.
pub struct Tx {
    conn: Conn,
    keyring: Keyring,
}

enum Conn {
    Sqlite(Transaction<'static, Sqlite>),
    Postgres(Transaction<'static, Postgres>),
}

impl Store {
    /// Opens a database whose tables are up to date: `sqlite://path/to/file` or `postgres://…`.
    pub async fn open(url: &str, keyring: Keyring) -> Result<Self, Error> {
        let store = Self::connect(url, keyring, false).await?;
        store.refuse_if_pending().await?;
        Ok(store)
    }

    /// Opens a database, makes the file where there is none, and brings its tables up to date.
    pub async fn open_and_migrate(url: &str, keyring: Keyring) -> Result<Self, Error> {
        let store = Self::connect(url, keyring, true).await?;
        store.migrate().await?;
        Ok(store)
    }

    async fn connect(url: &str, keyring: Keyring, create: bool) -> Result<Self, Error> {
        let pools = match url.split_once(':').map(|(scheme, _)| scheme) {
            Some("sqlite") => sqlite::open(url, create).await?,
            Some("postgres" | "postgresql") => postgres::open(url).await?,
            _ => return Err(Error::Url),
        };
        Ok(Self { pools, keyring })
    }

    /// Begins a transaction that may write. On SQLite it waits its turn: there is one writer.
    pub async fn write(&self) -> Result<Tx, Error> {
        let conn = match &self.pools {
            // a plain `begin` would fail as soon as two transactions read before they write
            Pools::Sqlite { writer, readers: _ } => Conn::Sqlite(writer.begin_with("begin immediate").await?),
            Pools::Postgres(pool) => Conn::Postgres(pool.begin().await?),
        };
        Ok(Tx { conn, keyring: self.keyring.clone() })
    }

    /// Begins a transaction that sees one state of the database and cannot write.
    pub async fn read(&self) -> Result<Tx, Error> {
        let conn = match &self.pools {
            Pools::Sqlite { writer: _, readers } => Conn::Sqlite(readers.begin().await?),
            Pools::Postgres(pool) => {
                Conn::Postgres(pool.begin_with("begin isolation level repeatable read, read only").await?)
            }
        };
        Ok(Tx { conn, keyring: self.keyring.clone() })
    }

    /// Fails when the database does not answer.
    pub async fn ping(&self) -> Result<(), Error> {
        match &self.pools {
            Pools::Sqlite { writer: _, readers } => sqlx::query("select 1").execute(readers).await.map(|_| ())?,
            Pools::Postgres(pool) => sqlx::query("select 1").execute(pool).await.map(|_| ())?,
        }
        Ok(())
    }

    /// Which database it is.
    pub fn engine(&self) -> Engine {
        match &self.pools {
            Pools::Sqlite { .. } => Engine::Sqlite,
            Pools::Postgres(_) => Engine::Postgres,
        }
    }

    /// What secrets are sealed with.
    pub fn keyring(&self) -> &Keyring {
        &self.keyring
    }

    /// Waits for what is under way and ends every connection.
    pub async fn close(&self) {
        match &self.pools {
            Pools::Sqlite { writer, readers } => {
                readers.close().await;
                writer.close().await;
            }
            Pools::Postgres(pool) => pool.close().await,
        }
    }
}

impl Tx {
    /// Makes everything done in it last.
    pub async fn commit(self) -> Result<(), Error> {
        match self.conn {
            Conn::Sqlite(tx) => tx.commit().await?,
            Conn::Postgres(tx) => tx.commit().await?,
        }
        Ok(())
    }

    /// Which database it is in.
    pub fn engine(&self) -> Engine {
        match &self.conn {
            Conn::Sqlite(_) => Engine::Sqlite,
            Conn::Postgres(_) => Engine::Postgres,
        }
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").field("engine", &self.engine()).finish_non_exhaustive()
    }
}

impl fmt::Debug for Tx {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tx").field("engine", &self.engine()).finish_non_exhaustive()
    }
}
