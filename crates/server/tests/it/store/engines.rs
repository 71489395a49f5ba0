//! What both engines must have in common, and what opening a database promises.

use std::collections::BTreeSet;
use std::time::Duration;

use server::store::{Engine, Error, Store, accounts};
use sqlx::{Connection as _, PgConnection, SqliteConnection};

use super::noon;
use crate::support::stores::{Database, both, keyring};

#[tokio::test(flavor = "multi_thread")]
async fn every_statement_prepares() {
    both(async |store| {
        let count = store.check_statements().await.unwrap().unwrap();
        assert!(count > 100, "only {count} statements were found");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn both_migration_folders_make_the_same_tables_and_columns() {
    let lite = Database::empty(Engine::Sqlite).await;
    Store::open_and_migrate(&lite.url, keyring()).await.unwrap().close().await;
    let mut conn = SqliteConnection::connect(&lite.url).await.unwrap();
    let on_sqlite: Vec<(String, String)> = sqlx::query_as(
        "select t.name, c.name from sqlite_master t, pragma_table_info(t.name) c
         where t.type = 'table' and t.name not like '\\_sqlx%' escape '\\' and t.name not like 'sqlite%'",
    )
    .fetch_all(&mut conn)
    .await
    .unwrap();

    let pg = Database::empty(Engine::Postgres).await;
    Store::open_and_migrate(&pg.url, keyring()).await.unwrap().close().await;
    let mut conn = PgConnection::connect(&pg.url).await.unwrap();
    let on_postgres: Vec<(String, String)> = sqlx::query_as(
        "select table_name::text, column_name::text from information_schema.columns
         where table_schema = 'public' and table_name not like '\\_sqlx%'",
    )
    .fetch_all(&mut conn)
    .await
    .unwrap();

    let (on_sqlite, on_postgres) = (BTreeSet::from_iter(on_sqlite), BTreeSet::from_iter(on_postgres));
    assert!(on_sqlite.len() > 100);
    assert_eq!(on_sqlite, on_postgres);
}

/// Built with it, the writer would take the pages of those that read, one after the other, and grow for
/// minutes: `.cargo/config.toml` builds SQLite without.
#[tokio::test]
async fn each_connection_of_sqlite_keeps_to_its_own_cache() {
    let mut conn = SqliteConnection::connect("sqlite::memory:").await.unwrap();
    let (shared, known): (bool, bool) = sqlx::query_as(
        "select sqlite_compileoption_used('ENABLE_MEMORY_MANAGEMENT'), sqlite_compileoption_used('ENABLE_API_ARMOR')",
    )
    .fetch_one(&mut conn)
    .await
    .unwrap();
    assert!(known && !shared, "options are told: {known}, caches are shared: {shared}");
}

#[test]
fn every_table_says_what_a_row_is() {
    for text in [
        include_str!("../../../../store/migrations/sqlite/0001_init.sql"),
        include_str!("../../../../store/migrations/postgres/0001_init.sql"),
    ] {
        let lines: Vec<&str> = text.lines().collect();
        for (n, line) in lines.iter().enumerate().filter(|(_, line)| line.starts_with("create table")) {
            assert!(lines[n - 1].starts_with("-- "), "{line}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_needs_migration_is_refused_until_it_is_migrated() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let database = Database::empty(engine).await;
        let refusal = Store::open(&database.url, keyring()).await.unwrap_err();
        match engine {
            Engine::Sqlite => assert!(matches!(refusal, Error::Missing(_)), "{refusal}"),
            Engine::Postgres => {
                assert!(matches!(refusal, Error::Pending { found: 0, needed: 1 }), "{refusal}");
            }
        }
        let store = Store::open_and_migrate(&database.url, keyring()).await.unwrap();
        assert_eq!(store.pending().await.unwrap(), Vec::<i64>::new());
        assert_eq!(store.migrate().await.unwrap(), Vec::<i64>::new());
        store.close().await;
        Store::open(&database.url, keyring()).await.unwrap().read().await.unwrap();
    }
}

/// No version was released yet, so no migration leads here from the schema of an earlier commit.
#[tokio::test(flavor = "multi_thread")]
async fn a_database_of_an_unreleased_version_is_refused_by_name() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let database = Database::empty(engine).await;
        Store::open_and_migrate(&database.url, keyring()).await.unwrap().close().await;
        // an earlier commit had another first migration and two more after it
        let forged = "update _sqlx_migrations set checksum = $1";
        let more = "insert into _sqlx_migrations (version, description, success, checksum, execution_time)
            values (2, 'delivery', true, $1, 0)";
        match engine {
            Engine::Sqlite => {
                let mut conn = SqliteConnection::connect(&database.url).await.unwrap();
                sqlx::query(forged).bind([7_u8; 48].as_slice()).execute(&mut conn).await.unwrap();
                sqlx::query(more).bind([8_u8; 48].as_slice()).execute(&mut conn).await.unwrap();
                conn.close().await.unwrap();
            }
            Engine::Postgres => {
                let mut conn = PgConnection::connect(&database.url).await.unwrap();
                sqlx::query(forged).bind([7_u8; 48].as_slice()).execute(&mut conn).await.unwrap();
                sqlx::query(more).bind([8_u8; 48].as_slice()).execute(&mut conn).await.unwrap();
                conn.close().await.unwrap();
            }
        }
        for refusal in [
            Store::open(&database.url, keyring()).await.unwrap_err(),
            Store::open_and_migrate(&database.url, keyring()).await.unwrap_err(),
        ] {
            assert!(matches!(refusal, Error::Unreleased { migration: 1 }), "{refusal}");
            let text = refusal.to_string();
            assert!(text.contains("unreleased version") && text.contains("set `database` to a new file"), "{text}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_of_neither_engine_and_a_database_in_memory_are_refused() {
    for url in ["mysql://x", "linekeeper.db", "sqlite::memory:", "sqlite://?mode=memory", ""] {
        let refusal = Store::open_and_migrate(url, keyring()).await.unwrap_err();
        assert!(matches!(refusal, Error::Url), "{url}: {refusal}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_part_of_an_address_that_cannot_be_read_is_named_without_the_password() {
    for (url, says) in [
        ("postgres://me:canary@localhost:abc/linekeeper", "port"),
        ("postgres://me:canary@localhost:99999/linekeeper", "port"),
        ("postgres://me:canary@localhost/linekeeper?sslmode=canary", "ssl_mode"),
        ("sqlite://linekeeper.db?mode=fast", "mode"),
    ] {
        let refusal = Store::open_and_migrate(url, keyring()).await.unwrap_err();
        let text = refusal.to_string();
        assert!(matches!(refusal, Error::Address(_)) && text.contains(says), "{url}: {text}");
        assert!(!text.contains("me:canary"), "{text}");
    }
}

/// sqlx appends the line of PostgreSQL's own source, which looks like a line of something the operator wrote.
#[tokio::test(flavor = "multi_thread")]
async fn an_error_of_postgres_names_no_line_of_its_source() {
    let database = Database::empty(Engine::Postgres).await;
    let (server, name) = database.url.rsplit_once('/').unwrap();
    let refusal = Store::open(&format!("{server}/{name}_missing"), keyring()).await.unwrap_err();
    let text = format!("{:#}", anyhow::Error::from(refusal));
    assert!(text.contains("does not exist (3D000)") && !text.contains("at line"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_not_committed_leaves_nothing_and_readers_cannot_write() {
    both(async |store| {
        let mut tx = store.write().await.unwrap();
        accounts::create(&mut tx, "lost", noon()).await.unwrap();
        drop(tx);
        let mut tx = store.read().await.unwrap();
        assert_eq!(accounts::list(&mut tx).await.unwrap(), []);
        assert!(accounts::create(&mut tx, "refused", noon()).await.is_err());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_sees_one_state_while_others_write() {
    both(async |store| {
        let mut reader = store.read().await.unwrap();
        assert_eq!(accounts::list(&mut reader).await.unwrap(), []);
        let mut writer = store.write().await.unwrap();
        accounts::create(&mut writer, "new", noon()).await.unwrap();
        writer.commit().await.unwrap();
        assert_eq!(accounts::list(&mut reader).await.unwrap(), []);
        drop(reader);
        let mut reader = store.read().await.unwrap();
        assert_eq!(accounts::list(&mut reader).await.unwrap().len(), 1);
    })
    .await;
}

/// Whoever waited for a `begin` may be gone before it came through (a client hung up); the session
/// must not be handed on inside a transaction.
#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_begin_leaves_no_session_inside_a_transaction() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let database = Database::empty(engine).await;
        let store = Store::open_and_migrate(&database.url, keyring()).await.unwrap();
        for patience in 0..200 {
            let mut begin = Box::pin(store.write());
            for _ in 0..=patience % 4 {
                // timers are too coarse: it is given up between two polls, while its `begin` is under way
                if futures::poll!(&mut begin).is_ready() {
                    break;
                }
            }
            drop(begin);
        }
        if engine == Engine::Postgres {
            tokio::time::sleep(Duration::from_millis(100)).await;
            let mut conn = PgConnection::connect(&database.url).await.unwrap();
            let stuck: (i64,) = sqlx::query_as(
                "select count(*) from pg_stat_activity
                 where datname = current_database() and state like 'idle in transaction%'",
            )
            .fetch_one(&mut conn)
            .await
            .unwrap();
            assert_eq!(stuck.0, 0);
        }
        // whatever session it is written on, everybody sees it at once
        for n in 0..20 {
            let mut tx = store.write().await.unwrap();
            accounts::create(&mut tx, &format!("account {n}"), noon()).await.unwrap();
            tx.commit().await.unwrap();
            let mut tx = store.read().await.unwrap();
            assert_eq!(accounts::list(&mut tx).await.unwrap().len(), n + 1);
        }
        store.close().await;
    }
}
