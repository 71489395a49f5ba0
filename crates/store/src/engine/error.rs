//! What can go wrong in the store, one variant per thing a caller does differently.

use std::error::Error as StdError;
use std::fmt;

use super::plain_error::plain;
use crate::sealing::keyring::SealError;

/// Which rule of uniqueness a write would break.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Conflict {
    /// A channel with this phone number exists, in this or another account (A2).
    PhoneNumber,
    /// A channel with this `phone_number_id` exists.
    PhoneNumberId,
    /// This signup code was handed over before.
    SignupCode,
    /// A call for this number has no outcome yet.
    UnsettledCall,
    /// Something else that must be unique.
    Other,
}

impl fmt::Display for Conflict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::PhoneNumber => "a channel with this phone number exists",
            Self::PhoneNumberId => "a channel with this phone_number_id exists",
            Self::SignupCode => "this signup code was used before",
            Self::UnsettledCall => "a call for this number is under way",
            Self::Other => "it exists already",
        })
    }
}

/// A failure of the store.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It would break a rule of uniqueness; nothing was written and the transaction goes on, except
    /// after [`Conflict::Other`].
    #[error("{0}")]
    Conflict(Conflict),
    /// A row does not read as what it should be.
    #[error("{table} {id}: column {column} cannot be read")]
    Corrupt {
        table: &'static str,
        id: String,
        column: &'static str,
        #[source]
        source: Box<dyn StdError + Send + Sync>,
    },
    /// The database cannot be reached, is overloaded, or asked to try again.
    #[error("the database is not available")]
    Unavailable(#[source] sqlx::Error),
    /// The statement failed: a bug, or a full disk.
    #[error("the database refused a statement")]
    Database(#[source] sqlx::Error),
    /// The tables are older than this version needs.
    #[error(
        "the database needs migration: it is at version {found}, this version needs {needed}; run `linekeeper migrate`"
    )]
    Pending {
        /// The newest migration applied; 0 when empty.
        found: i64,
        /// The newest this version has.
        needed: i64,
    },
    /// The tables were made by a version that was never released; there is no way to migrate them.
    #[error(
        "the database was made by an unreleased version of Linekeeper (migration {migration} differs) and cannot be \
         migrated; set `database` to a new file or an empty PostgreSQL database, then run `linekeeper migrate`"
    )]
    Unreleased {
        /// The first migration whose text differs.
        migration: i64,
    },
    /// The tables are newer than this version knows, or a migration of them failed half-way.
    #[error("the database was migrated by another version of Linekeeper")]
    Foreign(#[source] Box<dyn StdError + Send + Sync>),
    #[error("a migration failed")]
    Migration(#[source] sqlx::migrate::MigrateError),
    /// The address is none of `sqlite://path` and `postgres://…`.
    #[error("the database address must begin with sqlite:// or postgres:// and a SQLite database must be a file")]
    Url,
    /// A part of the address cannot be read, such as its port.
    #[error("the database address cannot be read: {0}")]
    Address(sqlx::Error),
    /// There is no such file.
    #[error("there is no database at {0}; run `linekeeper migrate` to make one")]
    Missing(String),
    /// A secret cannot be sealed.
    #[error("a secret cannot be sealed")]
    Seal(#[from] SealError),
}

impl Error {
    /// A row that does not read; for `map_err`.
    pub(crate) fn corrupt<E>(table: &'static str, id: impl fmt::Display, column: &'static str) -> impl FnOnce(E) -> Self
    where
        E: Into<Box<dyn StdError + Send + Sync>>,
    {
        let id = id.to_string();
        move |source| Self::Corrupt { table, id, column, source: source.into() }
    }

    /// Whether trying again later may help.
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Unavailable(_))
    }
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        let error = plain(error);
        #[expect(clippy::wildcard_enum_match_arm, reason = "sqlx's error is open and long")]
        let unavailable = match &error {
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed => true,
            sqlx::Error::Database(database) if database.is_unique_violation() => {
                return Self::Conflict(Conflict::Other);
            }
            sqlx::Error::Database(database) => database.code().is_some_and(|code| is_retryable(&code)),
            _ => false,
        };
        if unavailable { Self::Unavailable(error) } else { Self::Database(error) }
    }
}

/// Codes that ask to try again: SQLite's busy and locked; PostgreSQL's classes for lost connections,
/// exhausted resources, an operator's stop, and its two for transactions that met.
fn is_retryable(code: &str) -> bool {
    let sqlite = matches!(code, "5" | "6" | "261" | "262" | "517" | "518");
    let met = matches!(code, "40001" | "40P01" | "55P03");
    sqlite || met || ["08", "53", "57"].iter().any(|class| code.len() == 5 && code.starts_with(class))
}

/// A statement that must return a row returned none.
pub(crate) fn nothing_returned() -> Error {
    Error::Database(sqlx::Error::RowNotFound)
}
