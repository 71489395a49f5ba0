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

/// Runs one expression on whichever engine the transaction is of.
macro_rules! on {
    ($tx:expr, |$conn:ident| $body:expr) => {
        match &mut $tx.conn {
            crate::engine::Conn::Sqlite(tx) => {
                let $conn = &mut **tx;
                $body
            }
            crate::engine::Conn::Postgres(tx) => {
                let $conn = &mut **tx;
                $body
            }
        }
    };
}

/// Runs a statement; the number of rows it touched.
macro_rules! run {
    ($tx:expr, $sql:expr $(, $arg:expr)* $(,)?) => {{
        let text = $tx.begin_statement($sql);
        on!($tx, |conn| {
            sqlx::query(text)$(.bind($arg))*.execute(conn).await.map(|done| done.rows_affected())
        })
        .map_err(crate::Error::from)
    }};
}

/// The one row a statement yields, if it yields one.
macro_rules! one {
    ($tx:expr, $sql:expr $(, $arg:expr)* $(,)?) => {{
        let text = $tx.begin_statement($sql);
        on!($tx, |conn| sqlx::query_as(text)$(.bind($arg))*.fetch_optional(conn).await)
            .map_err(crate::Error::from)
    }};
}

/// Every row a statement yields.
macro_rules! all {
    ($tx:expr, $sql:expr $(, $arg:expr)* $(,)?) => {{
        let text = $tx.begin_statement($sql);
        on!($tx, |conn| sqlx::query_as(text)$(.bind($arg))*.fetch_all(conn).await)
            .map_err(crate::Error::from)
    }};
}
