//! The hot path: many events in one transaction, as few statements as possible.
//!
//! SQLite takes multi-row `values` of a few sizes, each prepared once; PostgreSQL takes arrays.
//! A loop of single inserts reaches a third of the speed (docs: crates and measurements).

use std::sync::LazyLock;

use domain::ids::{AccountId, ChannelId, PhoneNumberId, WabaId};

use super::{BODY_PLACE, EventState, NewEvent};
use crate::engine::Conn;
use crate::engine::columns::micros;
use crate::engine::postgres::bounded;
use crate::sealing::Keyring;
use crate::{Engine, Error, Tx};

const COLUMN_COUNT: usize = 9;

/// What is written, from rows called `v`. Whose number it is (`c`) is looked up while it is written, so
/// that a channel made or given away a moment ago counts.
macro_rules! insert {
    ($insert:literal) => {
        concat!(
            $insert,
            " into event (received_at, waba_id, phone_number_id, channel_id, account_id, field, state, dedup_key, body)
            select v.received_at, v.waba_id, v.phone_number_id, coalesce(v.channel_id, c.id),
            coalesce(v.account_id, c.account_id), v.field, v.state, v.dedup_key, v.body from "
        )
    };
}

/// `or fail`: a row that breaks a rule ends the statement and leaves it to the transaction to undo it.
/// Without it SQLite copies every page aside before it writes to it. `values` names its columns itself.
macro_rules! sqlite {
    ($rows:expr) => {
        concat!(
            insert!("insert or fail"),
            "(select column1 as received_at, column2 as waba_id, column3 as phone_number_id, column4 as channel_id,
            column5 as account_id, column6 as field, column7 as state, column8 as dedup_key, column9 as body
            from (values ",
            $rows,
            ")) as v left join channel as c on c.phone_number_id = v.phone_number_id
            where true on conflict (dedup_key) do nothing"
        )
    };
}

statements! {
    /// SQLite inserts many rows at once; this is how one of them reads.
    INSERT = sqlite!("($1, $2, $3, $4, $5, $6, $7, $8, $9)"),
        postgres: concat!(insert!("insert"), "unnest($1::bigint[], $2::text[], $3::text[], $4::bigint[],
        $5::bigint[], $6::text[], $7::bigint[], $8::bytea[], $9::bytea[]) with ordinality
        as v (received_at, waba_id, phone_number_id, channel_id, account_id, field, state, dedup_key, body, place)
        left join channel as c on c.phone_number_id = v.phone_number_id
        order by v.place on conflict (dedup_key) do nothing");
    /// Ids are drawn before a commit and seen after it: without this a reader that has seen a later id
    /// could miss an earlier one of another replica's. One writer at a time makes both orders the same.
    IN_ORDER = "select 1", postgres: "select 1 from (select pg_advisory_xact_lock(7210349155)) as held";
}

/// The most rows one statement on SQLite takes.
const MOST: usize = 256;

/// Fewer than this are written by a statement of just that many rows; more by [`MOST`] or as many as
/// this. Each is one cached statement; every statement costs two changes of thread.
const EXACT: usize = 64;

/// By the number of rows; those never used are empty.
static SQLITE_TEXTS: LazyLock<Vec<String>> = LazyLock::new(|| {
    let is_used = |rows: usize| (1..=EXACT).contains(&rows) || rows == MOST;
    (0..=MOST).map(|rows| if is_used(rows) { sqlite_text(rows) } else { String::new() }).collect()
});

/// How many of the rows that are left the next statement takes.
const fn next_size(left: usize) -> usize {
    match left {
        MOST.. => MOST,
        EXACT.. => EXACT,
        _ => left,
    }
}

/// An event whose body is sealed: done where a post is received, on every core, so that the one writer
/// only writes.
#[derive(Debug)]
pub struct SealedEvent {
    /// The event; its body is not here any more.
    pub event: NewEvent,
    body: Vec<u8>,
}

impl SealedEvent {
    /// The same change for another account, as its own event.
    #[must_use]
    pub fn copy_for(&self, account: AccountId, channel: Option<ChannelId>) -> Self {
        let mut event = self.event.clone();
        (event.account_id, event.channel_id) = (Some(account), channel);
        // told apart from the first, and the same whenever the change comes again
        event.dedup_key.extend_from_slice(&account.0.to_be_bytes());
        event.state = EventState::Stored;
        Self { event, body: self.body.clone() }
    }

    /// Seals an event's body.
    pub fn seal(keyring: &Keyring, mut event: NewEvent) -> Result<Self, Error> {
        let body = keyring.seal(BODY_PLACE, &std::mem::take(&mut event.body))?;
        Ok(Self { event, body })
    }
}

/// Seals and stores events: see [`insert_sealed`].
pub async fn insert_batch(tx: &mut Tx, events: &[NewEvent]) -> Result<u64, Error> {
    let sealed = events.iter().map(|event| SealedEvent::seal(&tx.keyring, event.clone()));
    let sealed = sealed.collect::<Result<_, _>>()?;
    insert_sealed(tx, sealed).await
}

/// Stores events and says how many were new; one seen before (by its dedup key) is passed over. On
/// PostgreSQL two batches that hold the same events in another order may meet:
/// [`Error::Unavailable`] then, and the batch can be sent again.
pub async fn insert_sealed(tx: &mut Tx, events: Vec<SealedEvent>) -> Result<u64, Error> {
    if events.is_empty() {
        return Ok(0);
    }
    tx.notify_events(events.iter().filter_map(|sealed| sealed.event.account_id));
    if tx.engine() == Engine::Postgres {
        tx.begin_statement(IN_ORDER);
    }
    tx.begin_statement(INSERT);
    let inserted = match &mut tx.conn {
        Conn::Sqlite(tx) => insert_sqlite(tx, events).await,
        Conn::Postgres(tx) => bounded(insert_postgres(tx, &events)).await,
    };
    inserted.map_err(|error| tx.failed(error))
}

/// Waits until no other transaction stores events; none does so until this one ends.
pub(super) async fn lock_log(tx: &mut Tx) -> Result<(), Error> {
    if tx.engine() == Engine::Postgres {
        run!(tx, IN_ORDER)?;
    }
    Ok(())
}

async fn insert_sqlite(conn: &mut sqlx::SqliteConnection, events: Vec<SealedEvent>) -> sqlx::Result<u64> {
    let mut events = events.into_iter();
    let mut written = 0;
    while events.len() > 0 {
        let size = next_size(events.len());
        let mut query = sqlx::query(SQLITE_TEXTS[size].as_str());
        for SealedEvent { event, body } in events.by_ref().take(size) {
            // moved, not copied: SQLite has a thread of its own
            query = query
                .bind(micros(event.received_at))
                .bind(event.waba_id.map(|id| id.0))
                .bind(event.phone_number_id.map(|id| id.0))
                .bind(event.channel_id.map(|id| id.0))
                .bind(event.account_id.map(|id| id.0))
                .bind(event.field)
                .bind(event.state.number())
                .bind(event.dedup_key)
                .bind(body);
        }
        written += query.execute(&mut *conn).await?.rows_affected();
    }
    Ok(written)
}

async fn insert_postgres(conn: &mut sqlx::PgConnection, events: &[SealedEvent]) -> sqlx::Result<u64> {
    sqlx::query(IN_ORDER.postgres).execute(&mut *conn).await?;
    let each = || events.iter().map(|sealed| &sealed.event);
    let result = sqlx::query(INSERT.postgres)
        .bind(each().map(|event| micros(event.received_at)).collect::<Vec<_>>())
        .bind(each().map(|event| event.waba_id.as_ref().map(WabaId::as_str)).collect::<Vec<_>>())
        .bind(each().map(|event| event.phone_number_id.as_ref().map(PhoneNumberId::as_str)).collect::<Vec<_>>())
        .bind(each().map(|event| event.channel_id.map(|id| id.0)).collect::<Vec<_>>())
        .bind(each().map(|event| event.account_id.map(|id| id.0)).collect::<Vec<_>>())
        .bind(each().map(|event| event.field.as_str()).collect::<Vec<_>>())
        .bind(each().map(|event| event.state.number()).collect::<Vec<_>>())
        .bind(each().map(|event| event.dedup_key.as_slice()).collect::<Vec<_>>())
        .bind(events.iter().map(|sealed| sealed.body.as_slice()).collect::<Vec<_>>())
        .execute(conn)
        .await?;
    Ok(result.rows_affected())
}

/// The statement for so many rows.
///
/// Places without numbers: sqlx asks SQLite for the name of each, which takes as long as there are names
/// before it. With 64 rows that was a fifth of the whole path.
fn sqlite_text(rows: usize) -> String {
    let row = format!("({})", ["?"; COLUMN_COUNT].join(", "));
    let [before, after] = sqlite_parts();
    format!("{before}{}{after}", vec![row; rows].join(", "))
}

/// The text before the rows and the text behind them.
fn sqlite_parts() -> [&'static str; 2] {
    const WITH_MARK: &str = sqlite!("|");
    let (before, after) = WITH_MARK.split_once('|').unwrap_or((WITH_MARK, ""));
    [before, after]
}
