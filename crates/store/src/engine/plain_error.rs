//! Errors of PostgreSQL in PostgreSQL's words alone. sqlx appends the line of PostgreSQL's own source at which the error
//! was reported, which people take for a line of their configuration.

use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt;

use sqlx::error::{DatabaseError, ErrorKind};
use sqlx::migrate::MigrateError;
use sqlx::postgres::PgDatabaseError;

/// The same error without a line of PostgreSQL's source in its text.
#[expect(clippy::wildcard_enum_match_arm, reason = "the error of sqlx is open and long")]
pub(super) fn plain(error: sqlx::Error) -> sqlx::Error {
    match error {
        sqlx::Error::Database(inner) if inner.try_downcast_ref::<PgDatabaseError>().is_some() => {
            sqlx::Error::Database(Box::new(Plain(inner)))
        }
        other => other,
    }
}

/// The same for an error of a migration.
#[expect(clippy::wildcard_enum_match_arm, reason = "the error of sqlx is open and long")]
pub(super) fn plain_migration(error: MigrateError) -> MigrateError {
    match error {
        MigrateError::Execute(error) => MigrateError::Execute(plain(error)),
        MigrateError::ExecuteMigration(error, version) => MigrateError::ExecuteMigration(plain(error), version),
        other => other,
    }
}

#[derive(Debug)]
struct Plain(Box<dyn DatabaseError>);

impl fmt::Display for Plain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.0.message(), self.0.code().unwrap_or_default())
    }
}

impl StdError for Plain {}

impl DatabaseError for Plain {
    fn message(&self) -> &str {
        self.0.message()
    }

    fn code(&self) -> Option<Cow<'_, str>> {
        self.0.code()
    }

    fn as_error(&self) -> &(dyn StdError + Send + Sync + 'static) {
        self
    }

    fn as_error_mut(&mut self) -> &mut (dyn StdError + Send + Sync + 'static) {
        self
    }

    fn into_error(self: Box<Self>) -> Box<dyn StdError + Send + Sync + 'static> {
        self
    }

    fn constraint(&self) -> Option<&str> {
        self.0.constraint()
    }

    fn table(&self) -> Option<&str> {
        self.0.table()
    }

    fn kind(&self) -> ErrorKind {
        self.0.kind()
    }
}
