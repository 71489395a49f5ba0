//! Opening SQLite: one connection that writes, several that read. No statement of ours lives here.

use std::str::FromStr as _;
use std::sync::Arc;
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Connection as _, Executor as _, SqliteConnection, SqlitePool};

use super::data_file::DataFile;
use super::error::{READONLY, sqlite_primary};
use super::{Error, Pools};

const READERS: u32 = 4;

/// KiB of pages the writer keeps: the ends of the indexes that every commit goes to.
const WRITER_CACHE: u32 = 16_000;

/// KiB of pages each reader keeps: what it reads, it reads in passing, and the system keeps the file as well.
const READER_CACHE: u32 = 4_000;

/// Opens the file; `create` makes it where there is none.
pub(super) async fn open(url: &str, create: bool) -> Result<Pools, Error> {
    let options = SqliteConnectOptions::from_str(url).map_err(Error::Address)?;
    let file = options.get_filename().to_owned();
    if url.contains(":memory:") || url.contains("mode=memory") || file.as_os_str().is_empty() {
        return Err(Error::Url);
    }
    if !create && !file.exists() {
        return Err(Error::Missing(file.display().to_string()));
    }
    let options = options
        .journal_mode(SqliteJournalMode::Wal)
        // an acknowledged webhook survives a power loss
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        // two bodies of 2 KiB waste half of a page of 4 KiB; counts only when the file is made
        .page_size(16384)
        .busy_timeout(Duration::from_secs(10))
        .statement_cache_capacity(256)
        // No `secure_delete`: what a removed event leaves in a free page is sealed like the event was, and
        // overwriting it would double what every removal writes. No `auto_vacuum`: pages that removals
        // leave free are filled by the next events, a file that shrinks only to grow again helps
        // nobody, and its map of pages would be written with every insert.
        .pragma("journal_size_limit", "67108864");
    if create {
        SqliteConnection::connect_with(&options.clone().create_if_missing(true)).await?.close().await?;
    }
    let pool = || {
        let pool = SqlitePoolOptions::new().idle_timeout(None).max_lifetime(None).test_before_acquire(false);
        pool.after_release(|conn, _| Box::pin(is_outside_transaction(conn)))
    };
    let with_cache = |kib: u32| options.clone().pragma("cache_size", format!("-{kib}"));
    let writer = pool().max_connections(1).connect_with(with_cache(WRITER_CACHE)).await?;
    if is_read_only(&writer).await? {
        return Err(Error::ReadOnly(file.display().to_string()));
    }
    let readers = pool().max_connections(READERS).connect_with(with_cache(READER_CACHE).read_only(true)).await?;
    Ok(Pools::Sqlite { writer, readers, file: Arc::new(DataFile::at(&file)) })
}

/// Whether a connection may be used again. After some errors, such as a full disk, SQLite undoes the transaction by
/// itself; sqlx then takes the connection to be inside of one for ever, and every later transaction on it fails or reads
/// an old state. The connection is thrown away, and the pool opens another.
///
/// sqlx does not tell how it counts; but it refuses to begin with a statement inside of a transaction, and outside of
/// one it answers [`sqlx::Error::BeginFailed`] to a statement that begins nothing.
async fn is_outside_transaction(conn: &mut SqliteConnection) -> Result<bool, sqlx::Error> {
    Ok(matches!(conn.begin_with("select 1").await, Err(sqlx::Error::BeginFailed)))
}

/// Whether the file can be read and not be written. SQLite begins a transaction on such a file, and tells it to the first
/// statement that writes; this one is undone.
async fn is_read_only(writer: &SqlitePool) -> Result<bool, Error> {
    let mut transaction = writer.begin_with("begin immediate").await?;
    match transaction.execute("pragma user_version = 0").await {
        Ok(_) => transaction.rollback().await.map(|()| false).map_err(Error::from),
        Err(sqlx::Error::Database(error)) if error.code().and_then(|code| sqlite_primary(&code)) == Some(READONLY) => {
            Ok(true)
        }
        Err(error) => Err(error.into()),
    }
}
