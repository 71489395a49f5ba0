//! The proof behind every rate: each acknowledged message is looked for in the database itself, by its
//! own number inside the opened body. It must be there, and once.

use anyhow::ensure;
use serde::Serialize;
use server::seal::Keyring;
use sqlx::{Connection as _, PgConnection, SqliteConnection};

use crate::load::acks::Acks;
use crate::load::body::number_of;

/// Where the store seals bodies for.
const PLACE: &str = "event/body";

/// Rows read at once.
const AT_ONCE: i64 = 5000;

const BODIES: &str = "select id, body from event where id > $1 order by id limit $2";

/// What the database held.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub(crate) struct Rows {
    /// Messages acknowledged with 200.
    pub(crate) acknowledged: u64,
    /// Rows of messages of ours.
    pub(crate) stored: u64,
    /// Acknowledged, and not there.
    pub(crate) missing: u64,
    /// There more than once.
    pub(crate) twice: u64,
}

impl Rows {
    /// Whether everything acknowledged is there exactly once.
    pub(crate) fn is_right(&self) -> bool {
        self.missing == 0 && self.twice == 0 && self.stored >= self.acknowledged
    }
}

/// Reads every event and compares.
pub(crate) async fn check(url: &str, keyring: &Keyring, acknowledged: &[Acks]) -> anyhow::Result<Rows> {
    let mut found = Acks::new(0);
    let mut rows = Rows { acknowledged: acknowledged.iter().map(Acks::len).sum(), ..Rows::default() };
    let mut take = |bodies: &[(i64, Vec<u8>)]| -> anyhow::Result<Option<i64>> {
        for (id, body) in bodies {
            let body = keyring.open(PLACE, body)?;
            let Some(number) = number_of(&body) else { continue };
            ensure!(number < 1 << 40, "event {id} holds a strange number");
            rows.stored += 1;
            rows.twice += u64::from(!found.insert(number));
        }
        Ok(bodies.last().map(|(id, _)| *id))
    };
    let mut after = Some(0);
    if url.starts_with("sqlite") {
        let mut conn = SqliteConnection::connect(url).await?;
        while let Some(id) = after {
            after = take(&sqlx::query_as(BODIES).bind(id).bind(AT_ONCE).fetch_all(&mut conn).await?)?;
        }
        conn.close().await?;
    } else {
        let mut conn = PgConnection::connect(url).await?;
        while let Some(id) = after {
            after = take(&sqlx::query_as(BODIES).bind(id).bind(AT_ONCE).fetch_all(&mut conn).await?)?;
        }
        conn.close().await?;
    }
    rows.missing = acknowledged.iter().flat_map(Acks::iter).filter(|number| !found.contains(*number)).count() as u64;
    Ok(rows)
}
