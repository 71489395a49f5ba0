//! What can go wrong in the store, one variant per thing a caller does differently.

use std::error::Error as StdError;
use std::time::Duration;
use std::{fmt, io};

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
    /// The database cannot be reached, is overloaded, has no disk space or cannot use its disk, or asked to try again.
    #[error("the database is not available")]
    Unavailable(#[source] sqlx::Error),
    /// The server does not answer at this address while the database is opened.
    #[error("PostgreSQL at {address} cannot be reached; check that it runs and that the setting `database` is right")]
    Unreachable {
        /// Host and port, or the folder of its socket.
        address: String,
        #[source]
        source: sqlx::Error,
    },
    /// The file of a SQLite database is not at its path any more. What was written since is lost.
    #[error("the database file {0} was removed or replaced while it was open; restore it, then restart Linekeeper")]
    FileGone(String),
    /// The file of a SQLite database can be read and not be written.
    #[error("the database file {0} is read-only; let this user write to it and to its folder")]
    ReadOnly(String),
    /// The statement failed: a bug, or a damaged database.
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
    /// Another service runs on the same SQLite file.
    #[error(
        "another Linekeeper service runs on {0}; stop it first, or use PostgreSQL, where several services may share a \
         database"
    )]
    InUse(String),
    #[error("the lock file {file} of the database cannot be used")]
    ServiceLock {
        file: String,
        #[source]
        source: io::Error,
    },
    /// No key of the keyring opens anything that is stored.
    #[error(
        "the seal keys open nothing in this database: its secrets are sealed with key {0}; put that key into the key \
         file, below the first line if another key is to encrypt from now on"
    )]
    WrongKeys(String),
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

    /// Whether trying again later may help. Such an error is logged by the store, once per outage: whoever gets it
    /// logs nothing.
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Unavailable(_) | Self::Unreachable { .. } | Self::FileGone(_))
    }

    /// Whether one row does not read as what it should be; the database and its other rows are well.
    pub fn is_unreadable_row(&self) -> bool {
        matches!(self, Self::Corrupt { .. })
    }

    /// The error with its causes, in one line.
    pub fn chain(&self) -> String {
        let mut text = self.to_string();
        let mut cause = self.source();
        while let Some(error) = cause {
            text = format!("{text}: {error}");
            cause = error.source();
        }
        text
    }
}

/// The error of a statement that was given up at its deadline.
pub(crate) fn no_answer_within(deadline: Duration) -> sqlx::Error {
    let text = format!("there was no answer within {} seconds", deadline.as_secs());
    sqlx::Error::Io(io::Error::new(io::ErrorKind::TimedOut, text))
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
            | sqlx::Error::BeginFailed
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

/// SQLite's code for a database that may only be read.
pub(super) const READONLY: u32 = 8;

/// SQLite's primary codes that pass without a change of ours: busy, locked, out of memory, read-only, I/O error,
/// full, cannot be opened.
const SQLITE_PASSING: [u32; 7] = [5, 6, 7, READONLY, 10, 13, 14];

/// PostgreSQL's classes for lost connections, exhausted resources such as a full disk, an operator's stop, and
/// errors of the system under it.
const POSTGRES_PASSING: [&str; 4] = ["08", "53", "57", "58"];

/// PostgreSQL's codes for two transactions that met, and for a server that became a read-only standby.
const POSTGRES_PASSING_CODES: [&str; 4] = ["40001", "40P01", "55P03", "25006"];

/// Whether a code of either engine asks to try again.
fn is_retryable(code: &str) -> bool {
    match sqlite_primary(code) {
        Some(code) => SQLITE_PASSING.contains(&code),
        None => POSTGRES_PASSING_CODES.contains(&code) || POSTGRES_PASSING.iter().any(|class| code.starts_with(class)),
    }
}

/// The primary code in one of SQLite's extended ones; `None` for the codes of PostgreSQL, which have five characters.
pub(super) fn sqlite_primary(code: &str) -> Option<u32> {
    (code.len() < 5).then(|| code.parse::<u32>().ok()).flatten().map(|code| code & 0xff)
}

/// A statement that must return a row returned none.
pub(crate) fn nothing_returned() -> Error {
    Error::Database(sqlx::Error::RowNotFound)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_passes_and_a_damaged_database_does_not() {
        // full, I/O error while reading, out of memory, read-only, busy; PostgreSQL: full, I/O error, standby
        for code in ["13", "266", "7", "8", "261", "53100", "58030", "25006"] {
            assert!(is_retryable(code), "{code}");
        }
        // damaged, not a database, a broken constraint; PostgreSQL: syntax, a damaged page
        for code in ["11", "26", "19", "1299", "42601", "XX001"] {
            assert!(!is_retryable(code), "{code}");
        }
    }

    #[test]
    fn the_chain_names_every_cause() {
        let chain = Error::Unavailable(no_answer_within(Duration::from_secs(5))).chain();
        assert!(chain.starts_with("the database is not available: "), "{chain}");
        assert!(chain.ends_with("there was no answer within 5 seconds"), "{chain}");
    }
}
