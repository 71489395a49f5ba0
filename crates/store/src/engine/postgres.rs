//! Opening PostgreSQL: a pool whose sessions are clean when they are handed on.

use std::str::FromStr as _;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{Connection as _, Executor as _, PgConnection};

use super::{Error, Pools};

const CONNECTIONS: u32 = 16;

/// How long a request waits for a session before it is answered with 503.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);

/// What every session sets: an acknowledged webhook is on disk; nothing waits for ever; the
/// `rollback` below is no warning.
const SESSION: &str = "set client_min_messages = error; set synchronous_commit = on; \
     set lock_timeout = '20s'; set idle_in_transaction_session_timeout = '60s'";

pub(super) async fn open(url: &str) -> Result<Pools, Error> {
    let options = PgConnectOptions::from_str(url)
        .map_err(Error::Address)?
        .application_name("linekeeper")
        .statement_cache_capacity(256);
    let pool = PgPoolOptions::new()
        .max_connections(CONNECTIONS)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        // the connection is known good: `after_release` just spoke to it
        .test_before_acquire(false)
        .after_connect(|conn, _| Box::pin(async move { conn.execute(SESSION).await.map(|_| ()) }))
        .after_release(|conn, _| Box::pin(clean(conn)))
        .connect_with(options)
        .await?;
    Ok(Pools::Postgres(pool))
}

/// Ends a transaction that a cancelled `begin` left behind (sqlx issue 4385: the session would go on
/// inside it). A session that does not answer in time is thrown away.
///
/// What the connection was sent last is as large as a batch of events, and would stay with each of them.
async fn clean(conn: &mut PgConnection) -> Result<bool, sqlx::Error> {
    let rollback = tokio::time::timeout(Duration::from_secs(5), conn.execute("rollback")).await;
    conn.shrink_buffers();
    Ok(matches!(rollback, Ok(Ok(_))))
}
