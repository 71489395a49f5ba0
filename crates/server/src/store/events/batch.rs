//! The hot path: many events in one transaction, as few statements as possible.
//!
//! SQLite takes multi-row `values` in a few fixed sizes, each prepared once; PostgreSQL takes arrays.
//! A loop of single inserts reaches a third of the speed (docs: crates and measurements).

use std::fmt::Write as _;
use std::sync::LazyLock;

use domain::ids::{PhoneNumberId, WabaId};

use super::{BODY_PLACE, NewEvent};
use crate::store::row::micros;
use crate::store::{Conn, Error, Tx};

const COLUMNS: &str = "received_at, waba_id, phone_number_id, channel_id, account_id, field, state, dedup_key, body";
const COLUMN_COUNT: usize = 9;

statements! {
    /// SQLite inserts by [`SIZES`]; this is how one row of it reads.
    INSERT = "insert into event
        (received_at, waba_id, phone_number_id, channel_id, account_id, field, state, dedup_key, body)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9) on conflict (dedup_key) do nothing",
        postgres: "insert into event
        (received_at, waba_id, phone_number_id, channel_id, account_id, field, state, dedup_key, body)
        select * from unnest($1::bigint[], $2::text[], $3::text[], $4::bigint[], $5::bigint[], $6::text[],
        $7::bigint[], $8::bytea[], $9::bytea[]) on conflict (dedup_key) do nothing";
}

/// How many rows one statement on SQLite takes, most first; each size is one cached statement.
const SIZES: [usize; 4] = [64, 16, 4, 1];

static SQLITE_TEXTS: LazyLock<[String; 4]> = LazyLock::new(|| SIZES.map(sqlite_text));

/// Stores events and says how many were new; one seen before (by its dedup key) is passed over. On
/// PostgreSQL two batches that hold the same events in another order may meet:
/// [`Error::Unavailable`] then, and the batch can be sent again.
pub async fn insert_batch(tx: &mut Tx, events: &[NewEvent]) -> Result<u64, Error> {
    if events.is_empty() {
        return Ok(0);
    }
    let bodies: Vec<Vec<u8>> =
        events.iter().map(|event| tx.keyring.seal(BODY_PLACE, &event.body)).collect::<Result<_, _>>()?;
    match &mut tx.conn {
        Conn::Sqlite(tx) => insert_sqlite(tx, events, bodies).await,
        Conn::Postgres(tx) => insert_postgres(tx, events, bodies).await,
    }
}

async fn insert_sqlite(
    conn: &mut sqlx::SqliteConnection,
    mut events: &[NewEvent],
    bodies: Vec<Vec<u8>>,
) -> Result<u64, Error> {
    let mut bodies = bodies.into_iter();
    let mut written = 0;
    for (size, text) in SIZES.iter().zip(SQLITE_TEXTS.iter()) {
        while let Some((chunk, rest)) = events.split_at_checked(*size) {
            let mut query = sqlx::query(text.as_str());
            for (event, body) in chunk.iter().zip(bodies.by_ref()) {
                query = query
                    .bind(micros(event.received_at))
                    .bind(event.waba_id.as_ref().map(WabaId::as_str))
                    .bind(event.phone_number_id.as_ref().map(PhoneNumberId::as_str))
                    .bind(event.channel_id.map(|id| id.0))
                    .bind(event.account_id.map(|id| id.0))
                    .bind(event.field.as_str())
                    .bind(event.state.number())
                    .bind(event.dedup_key.as_slice())
                    .bind(body);
            }
            written += query.execute(&mut *conn).await?.rows_affected();
            events = rest;
        }
    }
    Ok(written)
}

async fn insert_postgres(
    conn: &mut sqlx::PgConnection,
    events: &[NewEvent],
    bodies: Vec<Vec<u8>>,
) -> Result<u64, Error> {
    let each = events.iter();
    let result = sqlx::query(INSERT.postgres)
        .bind(each.clone().map(|event| micros(event.received_at)).collect::<Vec<_>>())
        .bind(each.clone().map(|event| event.waba_id.as_ref().map(WabaId::as_str)).collect::<Vec<_>>())
        .bind(each.clone().map(|event| event.phone_number_id.as_ref().map(PhoneNumberId::as_str)).collect::<Vec<_>>())
        .bind(each.clone().map(|event| event.channel_id.map(|id| id.0)).collect::<Vec<_>>())
        .bind(each.clone().map(|event| event.account_id.map(|id| id.0)).collect::<Vec<_>>())
        .bind(each.clone().map(|event| event.field.as_str()).collect::<Vec<_>>())
        .bind(each.clone().map(|event| event.state.number()).collect::<Vec<_>>())
        .bind(each.map(|event| event.dedup_key.as_slice()).collect::<Vec<_>>())
        .bind(bodies)
        .execute(conn)
        .await?;
    Ok(result.rows_affected())
}

fn sqlite_text(rows: usize) -> String {
    let mut text = format!("insert into event ({COLUMNS}) values ");
    for row in 0..rows {
        let places: Vec<String> = (1..=COLUMN_COUNT).map(|n| format!("${}", row * COLUMN_COUNT + n)).collect();
        let comma = if row == 0 { "" } else { ", " };
        // writing into a String cannot fail
        let _ = write!(text, "{comma}({})", places.join(", "));
    }
    text.push_str(" on conflict (dedup_key) do nothing");
    text
}
