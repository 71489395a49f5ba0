//! Applies migrations, and tells whether a database has exactly the tables of this version.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use sqlx::Executor as _;
use sqlx::migrate::{AppliedMigration, Migrate, MigrateError, Migration, MigrationType, Migrator};

use super::plain_error::plain_migration;
use super::{Error, Pools};

/// Every migration, in order: its number, its name, and its text for either engine.
const MIGRATIONS: &[(i64, &str, &str, &str)] = &[(
    1,
    "init",
    include_str!("../../migrations/sqlite/0001_init.sql"),
    include_str!("../../migrations/postgres/0001_init.sql"),
)];

static SQLITE: LazyLock<Migrator> = LazyLock::new(|| migrator_of(|(_, _, sqlite, _)| sqlite));
static POSTGRES: LazyLock<Migrator> = LazyLock::new(|| migrator_of(|(_, _, _, postgres)| postgres));

fn migrator_of(text: fn((i64, &'static str, &'static str, &'static str)) -> &'static str) -> Migrator {
    let migration = |it: &(i64, &'static str, &'static str, &'static str)| {
        let sql = sqlx::SqlSafeStr::into_sql_str(text(*it));
        Migration::new(it.0, it.1.into(), MigrationType::Simple, sql, false)
    };
    Migrator::with_migrations(MIGRATIONS.iter().map(migration).collect())
}

/// The table that sqlx records migrations in.
const TABLE: &str = "_sqlx_migrations";

/// Applies the pending migrations and returns their versions. Two processes may call it at once.
pub(super) async fn apply(pools: &Pools) -> Result<Vec<i64>, Error> {
    let applied = applied(pools).await?;
    let known = migrator(pools);
    refuse_other_schema(known, &applied)?;
    let result = match pools {
        Pools::Sqlite { writer, .. } => SQLITE.run(writer).await,
        Pools::Postgres(pool) => {
            let mut conn = pool.acquire().await?;
            // a migration of large tables takes its time; the session ends with it
            conn.execute("set statement_timeout = 0; set lock_timeout = 0").await?;
            let result = POSTGRES.run(&mut *conn).await;
            conn.close().await?;
            result
        }
    };
    result.map_err(migration_failed)?;
    Ok(pending_of(known, &applied))
}

/// The versions that this program has and the database lacks.
pub(super) async fn pending(pools: &Pools) -> Result<Vec<i64>, Error> {
    Ok(pending_of(migrator(pools), &applied(pools).await?))
}

/// Fails unless the database has the tables of this version: [`Error::Unreleased`], [`Error::Foreign`] or
/// [`Error::Pending`].
pub(super) async fn check(pools: &Pools) -> Result<(), Error> {
    let applied = applied(pools).await?;
    let known = migrator(pools);
    refuse_other_schema(known, &applied)?;
    match pending_of(known, &applied).last() {
        None => Ok(()),
        Some(needed) => Err(Error::Pending { found: applied.keys().last().copied().unwrap_or(0), needed: *needed }),
    }
}

/// Migrations are append-only from the first release on. A migration whose text differs was therefore applied by a
/// version that was never released; one with an unknown number was applied by a newer version.
fn refuse_other_schema(known: &Migrator, applied: &BTreeMap<i64, Vec<u8>>) -> Result<(), Error> {
    let known: BTreeMap<i64, &[u8]> = known.iter().map(|m| (m.version, m.checksum.as_ref())).collect();
    for (version, checksum) in applied {
        match known.get(version) {
            Some(known) if *known == checksum.as_slice() => {}
            Some(_) => return Err(Error::Unreleased { migration: *version }),
            None => return Err(Error::Foreign(format!("migration {version} is unknown to this version").into())),
        }
    }
    Ok(())
}

fn pending_of(known: &Migrator, applied: &BTreeMap<i64, Vec<u8>>) -> Vec<i64> {
    known.iter().map(|m| m.version).filter(|version| !applied.contains_key(version)).collect()
}

fn migrator(pools: &Pools) -> &'static Migrator {
    match pools {
        Pools::Sqlite { .. } => &SQLITE,
        Pools::Postgres(_) => &POSTGRES,
    }
}

fn migration_failed(error: MigrateError) -> Error {
    Error::Migration(plain_migration(error))
}

/// Checksums of the applied migrations by version; writes nothing.
async fn applied(pools: &Pools) -> Result<BTreeMap<i64, Vec<u8>>, Error> {
    let rows = match pools {
        Pools::Sqlite { writer, .. } => {
            let mut conn = writer.acquire().await?;
            let exists: (i64,) = sqlx::query_as("select count(*) from sqlite_master where name = '_sqlx_migrations'")
                .fetch_one(&mut *conn)
                .await?;
            list(&mut *conn, exists.0 > 0).await?
        }
        Pools::Postgres(pool) => {
            let mut conn = pool.acquire().await?;
            let exists: (bool,) =
                sqlx::query_as("select to_regclass('_sqlx_migrations') is not null").fetch_one(&mut *conn).await?;
            list(&mut *conn, exists.0).await?
        }
    };
    Ok(rows.into_iter().map(|row| (row.version, row.checksum.into_owned())).collect())
}

async fn list(conn: &mut impl Migrate, exists: bool) -> Result<Vec<AppliedMigration>, Error> {
    if !exists {
        return Ok(Vec::new());
    }
    if let Some(version) = conn.dirty_version(TABLE).await.map_err(migration_failed)? {
        return Err(Error::Foreign(format!("migration {version} failed half-way").into()));
    }
    conn.list_applied_migrations(TABLE).await.map_err(migration_failed)
}
