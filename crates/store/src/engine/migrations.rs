//! Bringing the tables up to date, and refusing to run on tables that are not.

use std::collections::BTreeMap;

use sqlx::Connection as _;
use sqlx::migrate::{AppliedMigration, Migrate, Migrator};

use super::{Error, Pools, Store};

static SQLITE: Migrator = sqlx::migrate!("migrations/sqlite");
static POSTGRES: Migrator = sqlx::migrate!("migrations/postgres");

/// The table that sqlx records migrations in.
const TABLE: &str = "_sqlx_migrations";

impl Store {
    /// Applies what is pending; the versions applied. Two processes may do it at once.
    pub async fn migrate(&self) -> Result<Vec<i64>, Error> {
        let before = self.applied().await?;
        let result = match &self.pools {
            Pools::Sqlite { writer, readers: _ } => SQLITE.run(writer).await,
            Pools::Postgres(pool) => POSTGRES.run(pool).await,
        };
        result.map_err(Error::Migration)?;
        Ok(self.migrator().iter().map(|m| m.version).filter(|v| !before.contains_key(v)).collect())
    }

    /// The versions this program has that the database lacks.
    pub async fn pending(&self) -> Result<Vec<i64>, Error> {
        let applied = self.applied().await?;
        Ok(self.migrator().iter().map(|m| m.version).filter(|v| !applied.contains_key(v)).collect())
    }

    pub(super) async fn refuse_if_pending(&self) -> Result<(), Error> {
        let applied = self.applied().await?;
        let known: BTreeMap<i64, &[u8]> = self.migrator().iter().map(|m| (m.version, m.checksum.as_ref())).collect();
        for (version, checksum) in &applied {
            if known.get(version).is_none_or(|known| *known != checksum.as_slice()) {
                return Err(Error::Foreign(format!("migration {version} is not the one of this version").into()));
            }
        }
        match known.keys().rev().find(|version| !applied.contains_key(version)) {
            None => Ok(()),
            Some(needed) => Err(Error::Pending { found: applied.keys().last().copied().unwrap_or(0), needed: *needed }),
        }
    }

    fn migrator(&self) -> &'static Migrator {
        match &self.pools {
            Pools::Sqlite { .. } => &SQLITE,
            Pools::Postgres(_) => &POSTGRES,
        }
    }

    /// What was applied, by version; nothing is written to find out.
    async fn applied(&self) -> Result<BTreeMap<i64, Vec<u8>>, Error> {
        let rows = match &self.pools {
            Pools::Sqlite { writer, readers: _ } => {
                let mut conn = writer.acquire().await?;
                let exists: (i64,) =
                    sqlx::query_as("select count(*) from sqlite_master where name = '_sqlx_migrations'")
                        .fetch_one(&mut *conn)
                        .await?;
                list(&mut *conn, exists.0 > 0).await?
            }
            Pools::Postgres(pool) => {
                let mut conn = pool.acquire().await?;
                conn.ping().await?;
                let exists: (bool,) =
                    sqlx::query_as("select to_regclass('_sqlx_migrations') is not null").fetch_one(&mut *conn).await?;
                list(&mut *conn, exists.0).await?
            }
        };
        Ok(rows.into_iter().map(|row| (row.version, row.checksum.into_owned())).collect())
    }
}

async fn list(conn: &mut impl Migrate, exists: bool) -> Result<Vec<AppliedMigration>, Error> {
    if !exists {
        return Ok(Vec::new());
    }
    if let Some(version) = conn.dirty_version(TABLE).await.map_err(Error::Migration)? {
        return Err(Error::Foreign(format!("migration {version} failed half-way").into()));
    }
    conn.list_applied_migrations(TABLE).await.map_err(Error::Migration)
}
