//! How a statement is written once and run on either engine: [`Sql`] and four small macros.
//! No statement lives here.

use super::Engine;

/// A statement: one text for both engines, or a pair where they must differ.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sql {
    pub(crate) sqlite: &'static str,
    pub(crate) postgres: &'static str,
}

impl Sql {
    pub(crate) const fn text(self, engine: Engine) -> &'static str {
        match engine {
            Engine::Sqlite => self.sqlite,
            Engine::Postgres => self.postgres,
        }
    }
}

/// Declares a file's statements and lists them, so that a test can prepare each on both engines.
macro_rules! statements {
    ($($(#[$meta:meta])* $name:ident = $first:expr $(, postgres: $second:expr)?;)+) => {
        $($(#[$meta])* const $name: crate::engine::sql::Sql = statements!(@sql $first $(, $second)?);)+
        pub(crate) const STATEMENTS: &[(&str, crate::engine::sql::Sql)] =
            &[$((concat!(module_path!(), "::", stringify!($name)), $name)),+];
    };
    (@sql $text:expr) => { crate::engine::sql::Sql { sqlite: $text, postgres: $text } };
    (@sql $sqlite:expr, $postgres:expr) => {
        crate::engine::sql::Sql { sqlite: $sqlite, postgres: $postgres }
    };
}

/// Awaits one future on whichever engine the transaction is of. PostgreSQL is beyond a network that may go silent, so
/// there it has a deadline.
macro_rules! on {
    ($tx:expr, |$conn:ident| $future:expr) => {
        match &mut $tx.conn {
            crate::engine::Conn::Sqlite(tx) => {
                let $conn = &mut **tx;
                $future.await
            }
            crate::engine::Conn::Postgres(tx) => {
                let $conn = &mut **tx;
                crate::engine::postgres::bounded($future).await
            }
        }
    };
}

/// Runs a statement; the number of rows it touched.
macro_rules! run {
    ($tx:expr, $sql:expr $(, $arg:expr)* $(,)?) => {{
        let text = $tx.begin_statement($sql);
        let done = on!($tx, |conn| {
            let query = sqlx::query(text)$(.bind($arg))*;
            futures::TryFutureExt::map_ok(query.execute(conn), |done| done.rows_affected())
        });
        done.map_err(|error| $tx.failed(error))
    }};
}

/// The one row a statement yields, if it yields one.
macro_rules! one {
    ($tx:expr, $sql:expr $(, $arg:expr)* $(,)?) => {{
        let text = $tx.begin_statement($sql);
        let row = on!($tx, |conn| sqlx::query_as(text)$(.bind($arg))*.fetch_optional(conn));
        row.map_err(|error| $tx.failed(error))
    }};
}

/// Every row a statement yields.
macro_rules! all {
    ($tx:expr, $sql:expr $(, $arg:expr)* $(,)?) => {{
        let text = $tx.begin_statement($sql);
        let rows = on!($tx, |conn| sqlx::query_as(text)$(.bind($arg))*.fetch_all(conn));
        rows.map_err(|error| $tx.failed(error))
    }};
}
