//! Searches every acknowledged message in the database, by its number in the opened body. Each must be there exactly once;
//! every rate depends on it.

use anyhow::ensure;
use serde::{Deserialize, Serialize};
use server::seal::Keyring;
use sqlx::{Connection as _, PgConnection, SqliteConnection};

use crate::load::acks::Acks;
use crate::load::body::number_of;

/// Context that the store seals event bodies with.
const SEAL_CONTEXT: &str = "event/body";

/// Rows of one query.
const BATCH: i64 = 5000;

const BODIES: &str = "select id, body from event where id > $1 order by id limit $2";

/// Acknowledged messages compared with the rows of the database.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub(crate) struct StoredRows {
    /// Messages acknowledged with 200.
    pub(crate) acknowledged: u64,
    /// Rows with a message of this run.
    pub(crate) stored: u64,
    /// Acknowledged messages without a row.
    pub(crate) missing: u64,
    /// Rows with a message that another row has too.
    pub(crate) duplicated: u64,
}

impl StoredRows {
    /// Whether every acknowledged message has exactly one row.
    pub(crate) fn is_complete(&self) -> bool {
        self.missing == 0 && self.duplicated == 0 && self.stored >= self.acknowledged
    }
}

/// Reads every event of a database and compares.
pub(crate) async fn check(url: &str, keyring: &Keyring, acknowledged: &[Acks]) -> anyhow::Result<StoredRows> {
    let mut found = Acks::new(0);
    let mut rows = StoredRows { acknowledged: acknowledged.iter().map(Acks::len).sum(), ..StoredRows::default() };
    let mut take = |bodies: &[(i64, Vec<u8>)]| -> anyhow::Result<Option<i64>> {
        for (id, body) in bodies {
            let body = keyring.open(SEAL_CONTEXT, body)?;
            let Some(number) = number_of(&body) else { continue };
            ensure!(number < 1 << 40, "event {id} has an impossible number");
            rows.stored += 1;
            rows.duplicated += u64::from(!found.insert(number));
        }
        Ok(bodies.last().map(|(id, _)| *id))
    };
    let mut after = Some(0);
    if url.starts_with("sqlite") {
        let mut conn = SqliteConnection::connect(url).await?;
        while let Some(id) = after {
            after = take(&sqlx::query_as(BODIES).bind(id).bind(BATCH).fetch_all(&mut conn).await?)?;
        }
        conn.close().await?;
    } else {
        let mut conn = PgConnection::connect(url).await?;
        while let Some(id) = after {
            after = take(&sqlx::query_as(BODIES).bind(id).bind(BATCH).fetch_all(&mut conn).await?)?;
        }
        conn.close().await?;
    }
    rows.missing = acknowledged.iter().flat_map(Acks::iter).filter(|number| !found.contains(*number)).count() as u64;
    Ok(rows)
}
