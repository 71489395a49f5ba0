//! The two engines behind one [`Store`], and the transaction that every query takes.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use domain::ids::AccountId;
use sqlx::{PgPool, Postgres, Sqlite, SqlitePool, Transaction};

use crate::sealing::Keyring;

#[macro_use]
pub(crate) mod sql;
#[macro_use]
mod row;

pub(crate) mod columns;
mod data_file;
pub(crate) mod enqueued;
pub(crate) mod error;
pub(crate) mod keys_in_use;
mod migrations;
mod outage;
mod plain_error;
pub(crate) mod postgres;
mod service_lock;
pub mod size;
mod sqlite;
mod unreadable;

use data_file::DataFile;
pub use error::{Conflict, Error};
use outage::Outage;
pub use service_lock::ServiceLock;
use unreadable::UnreadableRows;

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
    outage: Arc<Outage>,
    unreadable: Arc<UnreadableRows>,
    on_commit: Option<CommitHook>,
    #[cfg(feature = "testing")]
    statements: Statements,
}

/// The texts of the statements that ran, for tests that count them.
#[cfg(feature = "testing")]
type Statements = Arc<std::sync::Mutex<Vec<&'static str>>>;

/// Called after each commit that brought something tasks wait for.
type CommitHook = Arc<dyn Fn(&Committed) + Send + Sync>;

/// What a committed transaction brought that tasks of this process may wait for. Other processes find it by
/// looking at the database themselves.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Committed {
    pub jobs: bool,
    /// Endpoints were created, changed, deleted, or asked for a replay.
    pub endpoints: bool,
    /// The accounts that have new events.
    pub accounts: BTreeSet<AccountId>,
}

#[derive(Clone)]
enum Pools {
    Sqlite { writer: SqlitePool, readers: SqlitePool, file: Arc<DataFile> },
    Postgres(PgPool),
}

/// One transaction. Dropped without [`Tx::commit`], it is rolled back and makes nothing known.
pub struct Tx {
    pub(crate) conn: Conn,
    pub(crate) keyring: Keyring,
    /// What the commit will make known; nothing is made known of a transaction that is dropped.
    pub(crate) pending: Committed,
    pub(crate) enqueued: enqueued::Enqueued,
    outage: Arc<Outage>,
    unreadable: Arc<UnreadableRows>,
    /// The file that a SQLite transaction writes to.
    file: Option<Arc<DataFile>>,
    on_commit: Option<CommitHook>,
    #[cfg(feature = "testing")]
    statements: Statements,
}

pub(crate) enum Conn {
    Sqlite(Transaction<'static, Sqlite>),
    Postgres(Transaction<'static, Postgres>),
}

impl Store {
    /// Opens a database whose tables are up to date: `sqlite://path/to/file` or `postgres://…`. Fails with
    /// [`Error::WrongKeys`] where the keyring opens nothing of it.
    pub async fn open(url: &str, keyring: Keyring) -> Result<Self, Error> {
        let store = Self::connect(url, keyring, false).await?;
        migrations::check(&store.pools).await?;
        keys_in_use::check(store.read().await?).await?;
        Ok(store)
    }

    /// Opens a database, makes the file where there is none, and brings its tables up to date.
    pub async fn open_and_migrate(url: &str, keyring: Keyring) -> Result<Self, Error> {
        let store = Self::connect(url, keyring, true).await?;
        store.migrate().await?;
        keys_in_use::check(store.read().await?).await?;
        Ok(store)
    }

    async fn connect(url: &str, keyring: Keyring, create: bool) -> Result<Self, Error> {
        let pools = match url.split_once(':').map(|(scheme, _)| scheme) {
            Some("sqlite") => sqlite::open(url, create).await?,
            Some("postgres" | "postgresql") => postgres::open(url).await?,
            _ => return Err(Error::Url),
        };
        Ok(Self {
            pools,
            keyring,
            outage: Arc::default(),
            unreadable: Arc::default(),
            on_commit: None,
            #[cfg(feature = "testing")]
            statements: Statements::default(),
        })
    }

    /// Applies the pending migrations and returns their versions. Two processes may call it at once.
    pub async fn migrate(&self) -> Result<Vec<i64>, Error> {
        migrations::apply(&self.pools).await
    }

    /// The versions of the migrations that this program has and the database lacks.
    pub async fn pending(&self) -> Result<Vec<i64>, Error> {
        migrations::pending(&self.pools).await
    }

    /// Begins a transaction that may write. On SQLite it waits its turn: there is one writer.
    pub async fn write(&self) -> Result<Tx, Error> {
        let (conn, file) = match &self.pools {
            // a plain `begin` would fail as soon as two transactions read before they write
            Pools::Sqlite { writer, file, .. } => {
                let conn = writer.begin_with("begin immediate").await.map(Conn::Sqlite);
                (conn, Some(Arc::clone(file)))
            }
            Pools::Postgres(pool) => (postgres::bounded(pool.begin()).await.map(Conn::Postgres), None),
        };
        self.transaction(conn, file)
    }

    /// Begins a transaction that sees one state of the database and cannot write.
    pub async fn read(&self) -> Result<Tx, Error> {
        let conn = match &self.pools {
            Pools::Sqlite { readers, .. } => readers.begin().await.map(Conn::Sqlite),
            Pools::Postgres(pool) => {
                let begin = pool.begin_with("begin isolation level repeatable read, read only");
                postgres::bounded(begin).await.map(Conn::Postgres)
            }
        };
        self.transaction(conn, None)
    }

    fn transaction(&self, conn: sqlx::Result<Conn>, file: Option<Arc<DataFile>>) -> Result<Tx, Error> {
        Ok(Tx {
            conn: conn.map_err(|error| note(&self.outage, error.into()))?,
            keyring: self.keyring.clone(),
            pending: Committed::default(),
            enqueued: enqueued::Enqueued::default(),
            outage: Arc::clone(&self.outage),
            unreadable: Arc::clone(&self.unreadable),
            file,
            on_commit: self.on_commit.clone(),
            #[cfg(feature = "testing")]
            statements: Statements::clone(&self.statements),
        })
    }

    /// The same store, whose transactions call `hook` after a commit that enqueued jobs, changed endpoints or
    /// stored events. The hook must not block.
    #[must_use]
    pub fn with_commit_hook(self, hook: impl Fn(&Committed) + Send + Sync + 'static) -> Self {
        Self { on_commit: Some(Arc::new(hook)), ..self }
    }

    /// The texts of the statements that ran since the last call, in order. BEGIN and COMMIT are not among them.
    #[cfg(feature = "testing")]
    pub fn take_statements(&self) -> Vec<&'static str> {
        std::mem::take(&mut *self.statements.lock().unwrap_or_else(std::sync::PoisonError::into_inner))
    }

    /// The error of work that was given up at its deadline; it is logged as an outage.
    pub fn no_answer_within(&self, deadline: Duration) -> Error {
        note(&self.outage, Error::Unavailable(error::no_answer_within(deadline)))
    }

    /// How many rows that cannot be read were passed over since the database was opened. The log names each.
    pub fn unreadable_rows(&self) -> usize {
        self.unreadable.count()
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

    /// Takes the lock that keeps a second service from a SQLite file; [`Error::InUse`] when another service holds it.
    pub fn lock_for_service(&self) -> Result<ServiceLock, Error> {
        match &self.pools {
            Pools::Sqlite { file, .. } => ServiceLock::take(file.path()),
            Pools::Postgres(_) => Ok(ServiceLock::NOT_NEEDED),
        }
    }

    /// Waits for what is under way and ends every connection.
    pub async fn close(&self) {
        match &self.pools {
            Pools::Sqlite { writer, readers, .. } => {
                readers.close().await;
                writer.close().await;
            }
            Pools::Postgres(pool) => pool.close().await,
        }
    }
}

impl Tx {
    /// The text of a statement that is about to run.
    pub(crate) fn begin_statement(&self, statement: sql::Sql) -> &'static str {
        let text = statement.text(self.engine());
        #[cfg(feature = "testing")]
        self.statements.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(text);
        text
    }

    /// Writes the enqueued jobs and commits, then wakes the tasks of this process that wait for what was written.
    pub async fn commit(mut self) -> Result<(), Error> {
        if !self.enqueued.is_empty() {
            enqueued::flush(&mut self).await?;
        }
        let committed = match self.conn {
            Conn::Sqlite(tx) => tx.commit().await,
            Conn::Postgres(tx) => postgres::bounded(tx.commit()).await,
        };
        // what was written to a file that is gone is lost with the process
        let committed = committed.map_err(Error::from).and_then(|()| self.file.map_or(Ok(()), |file| file.check()));
        committed.map_err(|error| note(&self.outage, error))?;
        self.outage.on_success();
        if let Some(hook) = self.on_commit.filter(|_| self.pending != Committed::default()) {
            hook(&self.pending);
        }
        Ok(())
    }

    /// The error of a statement; where it is an outage of the database, it is logged.
    pub(crate) fn failed(&self, error: sqlx::Error) -> Error {
        note(&self.outage, error.into())
    }

    /// The rows of a list that can be read. Another row is passed over and noted.
    pub(crate) fn readable<T>(&self, rows: impl Iterator<Item = Result<T, Error>>) -> Result<Vec<T>, Error> {
        let mut readable = Vec::with_capacity(rows.size_hint().0);
        for row in rows {
            match row {
                Ok(row) => readable.push(row),
                Err(error) if error.is_unreadable_row() => self.unreadable.note(&error),
                Err(error) => return Err(error),
            }
        }
        Ok(readable)
    }

    /// Notes that the transaction stores events of these accounts; the commit makes it known.
    pub fn notify_events(&mut self, accounts: impl IntoIterator<Item = AccountId>) {
        self.pending.accounts.extend(accounts);
    }

    /// Which database it is in.
    pub fn engine(&self) -> Engine {
        match &self.conn {
            Conn::Sqlite(_) => Engine::Sqlite,
            Conn::Postgres(_) => Engine::Postgres,
        }
    }
}

fn note(outage: &Outage, error: Error) -> Error {
    if error.is_retryable() {
        outage.on_failure(&error);
    }
    error
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
