//! Opening PostgreSQL: a pool whose sessions are clean when they are handed on, and deadlines for a server or a
//! network that goes silent.

use std::str::FromStr as _;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{ConnectOptions as _, Connection as _, Executor as _, PgConnection};

use super::error::no_answer_within;
use super::{Error, Pools};

const CONNECTIONS: u32 = 16;

/// How long a request waits for a session before it is answered with 503.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);

/// What every session sets: an acknowledged webhook is on disk; nothing waits for ever; the server ends sessions whose
/// client went silent, and with them their locks; the `rollback` below is no warning.
const SESSION: &str = "set client_min_messages = error; set synchronous_commit = on; \
     set statement_timeout = '30s'; set lock_timeout = '20s'; set idle_in_transaction_session_timeout = '60s'; \
     set tcp_user_timeout = '30s'; set tcp_keepalives_idle = 30; set tcp_keepalives_interval = 10; \
     set tcp_keepalives_count = 3";

/// How long a statement may take, the way to the server and back included: longer than the server's own limit, which
/// it therefore reaches only where nothing comes back.
const STATEMENT_DEADLINE: Duration = Duration::from_secs(35);

/// How long a server may take to accept a connection while the database is opened.
const CONNECT_DEADLINE: Duration = Duration::from_secs(5);

/// A connection that rested for longer is asked whether it is still there before it is used.
const TRUSTED_IDLE: Duration = Duration::from_secs(1);

/// How long a connection may take to answer that, or to end its transaction, before it is thrown away.
const ANSWER_DEADLINE: Duration = Duration::from_secs(3);

pub(super) async fn open(url: &str) -> Result<Pools, Error> {
    let options = PgConnectOptions::from_str(url)
        .map_err(Error::Address)?
        .application_name("linekeeper")
        .statement_cache_capacity(256);
    // the pool would try again until its timeout, and would not say why
    reach(&options).await?;
    let pool = PgPoolOptions::new()
        .max_connections(CONNECTIONS)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        // `before_acquire` asks where it is worth it
        .test_before_acquire(false)
        .after_connect(|conn, _| Box::pin(async move { conn.execute(SESSION).await.map(|_| ()) }))
        .before_acquire(|conn, connection| {
            let is_trusted = connection.idle_for < TRUSTED_IDLE;
            Box::pin(async move { if is_trusted { Ok(true) } else { answers(conn.ping()).await.map(|()| true) } })
        })
        .after_release(|conn, _| Box::pin(clean(conn)))
        .connect_lazy_with(options);
    Ok(Pools::Postgres(pool))
}

/// Connects once and hangs up. Names the address where the server cannot be reached.
async fn reach(options: &PgConnectOptions) -> Result<(), Error> {
    let connected = tokio::time::timeout(CONNECT_DEADLINE, options.connect()).await;
    match connected.unwrap_or_else(|_| Err(no_answer_within(CONNECT_DEADLINE))) {
        Ok(conn) => Ok(conn.close().await?),
        Err(source @ (sqlx::Error::Io(_) | sqlx::Error::Tls(_))) => {
            let socket = options.get_socket().map(|folder| folder.display().to_string());
            let address = socket.unwrap_or_else(|| format!("{}:{}", options.get_host(), options.get_port()));
            Err(Error::Unreachable { address, source })
        }
        Err(error) => Err(error.into()),
    }
}

/// The result of a statement, or an error at its deadline. The connection is not usable after that error, and its
/// transaction must be dropped.
pub(crate) async fn bounded<T>(statement: impl Future<Output = sqlx::Result<T>>) -> sqlx::Result<T> {
    let answered = tokio::time::timeout(STATEMENT_DEADLINE, statement).await;
    answered.unwrap_or_else(|_| Err(no_answer_within(STATEMENT_DEADLINE)))
}

/// Ends a transaction that a cancelled `begin` left behind (sqlx issue 4385: the session would go on
/// inside it). A session that does not answer in time is thrown away.
///
/// What the connection was sent last is as large as a batch of events, and would stay with each of them.
async fn clean(conn: &mut PgConnection) -> Result<bool, sqlx::Error> {
    // an error and not `false`: a connection that does not answer cannot be closed politely
    answers(conn.execute("rollback")).await?;
    conn.shrink_buffers();
    Ok(true)
}

async fn answers<T>(question: impl Future<Output = sqlx::Result<T>>) -> sqlx::Result<T> {
    let answered = tokio::time::timeout(ANSWER_DEADLINE, question).await;
    answered.unwrap_or_else(|_| Err(no_answer_within(ANSWER_DEADLINE)))
}
