//! Pending deliveries of endpoints: items of events to retry, replays, dead letters. A delivered item has no row here.
//! Attempts and their answers are in [`mod@attempts`].

use jiff::Timestamp;
use serde_json::json;

use crate::engine::columns::{At, maybe_micros, micros};
use crate::ids::{DeliveryKey, EndpointId, EventId, ItemId};
use crate::{Error, Tx};

pub mod attempts;
pub mod log;
pub mod replay;

use log::Reader;

/// The columns of a delivery, as [`Row`] reads them.
macro_rules! columns {
    () => {
        "event_id, item, state, attempts, first_failed_at, due_at, failure"
    };
}

statements! {
    LOAD = concat!("select ", columns!(), " from delivery
        where endpoint_id = $1 and state = $2 and (event_id, item) > ($3, $4) order by event_id, item limit $5");
    SET_ASIDE = "insert into delivery (endpoint_id, event_id, item, state, attempts, first_failed_at, due_at, failure)
        select $1, json_extract(value, '$.event'), unhex(json_extract(value, '$.item')), json_extract(value, '$.state'),
        json_extract(value, '$.attempts'), json_extract(value, '$.first_failed_at'), json_extract(value, '$.due_at'),
        json_extract(value, '$.failure') from json_each($2) where true
        on conflict (endpoint_id, event_id, item) do update set state = excluded.state,
        attempts = excluded.attempts, first_failed_at = excluded.first_failed_at, due_at = excluded.due_at,
        failure = excluded.failure",
        postgres: "insert into delivery
        (endpoint_id, event_id, item, state, attempts, first_failed_at, due_at, failure)
        select $1, x.event, x.item, x.state, x.attempts, x.first_failed_at, x.due_at, x.failure
        from json_to_recordset($2::json) as x (event bigint, item uuid, state bigint, attempts bigint,
        first_failed_at bigint, due_at bigint, failure text)
        on conflict (endpoint_id, event_id, item) do update set state = excluded.state,
        attempts = excluded.attempts, first_failed_at = excluded.first_failed_at, due_at = excluded.due_at,
        failure = excluded.failure";
    DONE = "delete from delivery where endpoint_id = $1 and (event_id, item) in
        (select json_extract(value, '$.event'), unhex(json_extract(value, '$.item')) from json_each($2))",
        postgres: "delete from delivery where endpoint_id = $1 and (event_id, item) in
        (select x.event, x.item from json_to_recordset($2::json) as x (event bigint, item uuid))";
    /// What stands behind another delivery has not been tried itself and is due when that one is gone.
    COUNTS = "select state, count(*), min(case when attempts > 0 then due_at end) from delivery
        where endpoint_id = $1 group by state";
    LIST = concat!("select ", columns!(), " from delivery
        where endpoint_id = $1 and state = $2 and (event_id, item) < ($3, $4)
        order by event_id desc, item desc limit $5");
    OF_EVENT = concat!("select ", columns!(), " from delivery where endpoint_id = $1 and event_id = $2 order by item");
    BEHIND = "select count(*) from (select 1 from event
        where account_id = $1 and id > $2 and ($3 = 1 or field <> 'messages') limit $4) as behind";
    BEHIND_OF_CHANNEL = "select count(*) from (select 1 from event
        where channel_id = $1 and id > $2 and ($3 = 1 or field <> 'messages') limit $4) as behind";
    PRUNE = "delete from delivery where endpoint_id = $1 and event_id in
        (select event_id from delivery where endpoint_id = $1 and event_id < $2 order by event_id limit $3)";
}

/// What is to become of a delivery that has a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DeliveryState {
    /// A pending retry: the later deliveries of its conversation wait for it.
    Retrying,
    /// A replay was requested; it is sent after everything else.
    Replayed,
    /// Given up: a dead letter.
    Dead,
}

impl DeliveryState {
    const ALL: [Self; 3] = [Self::Retrying, Self::Replayed, Self::Dead];

    const fn number(self) -> i64 {
        match self {
            Self::Retrying => 0,
            Self::Replayed => 1,
            Self::Dead => 2,
        }
    }
}

/// A pending delivery of one item to one endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    pub key: DeliveryKey,
    /// What is to become of it.
    pub state: DeliveryState,
    /// How often it failed.
    pub attempts: u32,
    /// When it failed first.
    pub first_failed_at: Option<Timestamp>,
    /// It is not tried before this.
    pub due_at: Timestamp,
    /// How it failed last.
    pub failure: Option<String>,
}

/// The number of pending deliveries of an endpoint, by state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Deliveries that are tried again.
    pub waiting: i64,
    /// Deliveries of which a replay was requested; a whole event counts as one until the worker has come to it.
    pub replayed: i64,
    pub dead: i64,
    /// When the next of those that failed before is tried again.
    pub next_try_at: Option<Timestamp>,
}

/// Pending deliveries in one state, in the order of the log, after a given one.
pub async fn load(
    tx: &mut Tx,
    endpoint: EndpointId,
    state: DeliveryState,
    after: DeliveryKey,
    limit: usize,
) -> Result<Vec<Delivery>, Error> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    read(endpoint, all!(tx, LOAD, endpoint, state.number(), after.event, after.item, limit)?)
}

/// The newest of one state before a given one, for people.
pub async fn list(
    tx: &mut Tx,
    endpoint: EndpointId,
    state: DeliveryState,
    before: Option<DeliveryKey>,
    limit: i64,
) -> Result<Vec<Delivery>, Error> {
    let before = before.unwrap_or(DeliveryKey { event: EventId(i64::MAX), item: ItemId::WHOLE });
    read(endpoint, all!(tx, LIST, endpoint, state.number(), before.event, before.item, limit)?)
}

/// Stores pending deliveries, or updates those that exist.
pub async fn upsert_pending(tx: &mut Tx, endpoint: EndpointId, deliveries: &[Delivery]) -> Result<(), Error> {
    if deliveries.is_empty() {
        return Ok(());
    }
    let row = |it: &Delivery| {
        json!({ "event": it.key.event.0, "item": it.key.item.digits(), "state": it.state.number(),
            "attempts": it.attempts, "first_failed_at": maybe_micros(it.first_failed_at), "due_at": micros(it.due_at), "failure": it.failure })
    };
    let rows = serde_json::Value::Array(deliveries.iter().map(row).collect());
    run!(tx, SET_ASIDE, endpoint, rows.to_string())?;
    Ok(())
}

/// Deletes pending deliveries that were accepted, or of which nothing is to be sent any more.
pub async fn mark_delivered(tx: &mut Tx, endpoint: EndpointId, done: &[DeliveryKey]) -> Result<(), Error> {
    if !done.is_empty() {
        let key = |key: &DeliveryKey| json!({ "event": key.event.0, "item": key.item.digits() });
        let keys = serde_json::Value::Array(done.iter().map(key).collect());
        run!(tx, DONE, endpoint, keys.to_string())?;
    }
    Ok(())
}

/// Forgets what stands before an event, at most `limit`: events that are no more.
pub async fn prune(tx: &mut Tx, endpoint: EndpointId, before: EventId, limit: i64) -> Result<u64, Error> {
    run!(tx, PRUNE, endpoint, before, limit)
}

/// Counts the pending deliveries of an endpoint by state.
pub async fn counts(tx: &mut Tx, endpoint: EndpointId) -> Result<Counts, Error> {
    let rows: Vec<(i64, i64, Option<i64>)> = all!(tx, COUNTS, endpoint)?;
    let of =
        |state: DeliveryState| rows.iter().find(|(it, ..)| *it == state.number()).map_or(0, |(_, count, _)| *count);
    let due = rows.iter().filter(|(state, ..)| *state != DeliveryState::Dead.number()).filter_map(|(.., due)| *due);
    let at = At { table: "delivery", id: &endpoint };
    Ok(Counts {
        waiting: of(DeliveryState::Retrying),
        replayed: of(DeliveryState::Replayed),
        dead: of(DeliveryState::Dead),
        next_try_at: at.maybe_time("due_at", due.min())?,
    })
}

/// The pending deliveries of one event's items.
pub async fn of_event(tx: &mut Tx, endpoint: EndpointId, event: EventId) -> Result<Vec<Delivery>, Error> {
    read(endpoint, all!(tx, OF_EVENT, endpoint, event)?)
}

/// How many events a reader has before it, behind the cursor; counted up to `most`.
pub async fn count_behind(tx: &mut Tx, reader: &Reader, cursor: EventId, most: i64) -> Result<i64, Error> {
    let wants = i64::from(reader.wants_messages);
    let row: Option<(i64,)> = match reader.channel {
        Some(channel) => one!(tx, BEHIND_OF_CHANNEL, channel.0, cursor, wants, most)?,
        None => one!(tx, BEHIND, reader.account.0, cursor, wants, most)?,
    };
    Ok(row.map_or(0, |(count,)| count))
}

fn ids_as_json(events: &[EventId]) -> String {
    let ids: Vec<String> = events.iter().map(|id| id.0.to_string()).collect();
    format!("[{}]", ids.join(","))
}

row! {
    struct Row {
        event_id: EventId,
        item: ItemId,
        state: i64,
        attempts: i64,
        first_failed_at: Option<i64>,
        due_at: i64,
        failure: Option<String>,
    }
}

fn read(endpoint: EndpointId, rows: Vec<Row>) -> Result<Vec<Delivery>, Error> {
    let delivery = |row: Row| {
        let key = DeliveryKey { event: row.event_id, item: row.item };
        let at = At { table: "delivery", id: &format!("{endpoint}/{key}") };
        let state = DeliveryState::ALL.into_iter().find(|state| state.number() == row.state);
        Ok(Delivery {
            key,
            state: at.some("state", state)?,
            attempts: u32::try_from(row.attempts).unwrap_or(u32::MAX),
            first_failed_at: at.maybe_time("first_failed_at", row.first_failed_at)?,
            due_at: at.time("due_at", row.due_at)?,
            failure: row.failure,
        })
    };
    rows.into_iter().map(delivery).collect()
}
