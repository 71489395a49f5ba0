//! Replays: events marked to be sent again to an endpoint, and dead letters deleted, as many in one transaction as the caller
//! likes: while SQLite marks a million in one, nothing that arrives can be stored. They go behind everything else; what waits already
//! keeps its place.

use std::ops::Range;

use jiff::{SignedDuration, Timestamp};

use crate::delivery::endpoints::Endpoint;
use crate::engine::columns::micros;
use crate::ids::{EndpointId, EventId, ItemId};
use crate::{Error, Tx};

/// How far the order of arrival may be from that of the clocks: several processes have each its own.
const SKEW: SignedDuration = SignedDuration::from_mins(10);

/// Which events a request is for: of the account ($1), or of one inbox of it ($2; 0 is none), whose are its own and those
/// of its whole WABA, as [`super::log`] reads them; received from $3 on and before $4, with ids from $5 on and before $6.
macro_rules! asked_for {
    () => {
        "account_id = $1 and ($2 = 0 or channel_id = $2 or (channel_id is null
         and waba_id in (select waba_id from channel where id = $2)))
         and received_at >= $3 and received_at < $4 and id >= $5 and id < $6"
    };
}

statements! {
    END = concat!("select max(id), count(*) from
        (select id from event where ", asked_for!(), " order by id limit $7) as batch");
    /// A row for the whole event: which items it has is known when its body is opened.
    MARK = concat!("insert into delivery (endpoint_id, event_id, item, state, attempts, due_at)
        select $7, id, $9, 1, 0, $8 from event where ", asked_for!(), "
        and exists (select 1 from endpoint where id = $7)
        on conflict (endpoint_id, event_id, item) do update
        set state = 1, attempts = 0, first_failed_at = null, due_at = excluded.due_at, failure = null
        where delivery.state = 2");
    /// Dead letters of single items of these events: the whole event is sent again with them.
    REPLACED = concat!("delete from delivery where endpoint_id = $7 and state = 2 and item <> $8
        and event_id in (select id from event where ", asked_for!(), ")");
    END_OF_DEAD = "select max(event_id), count(*) from (select event_id from delivery
        where endpoint_id = $1 and state = 2 and event_id >= $2 and event_id < $3 order by event_id limit $4) as batch";
    MARK_DEAD = "update delivery set state = 1, attempts = 0, first_failed_at = null, due_at = $4,
        failure = null where endpoint_id = $1 and state = 2 and event_id >= $2 and event_id < $3";
    DISCARD = "delete from delivery where endpoint_id = $1 and state = 2 and event_id >= $2 and event_id < $3";
    BOUNDS = "select min(id), max(id) from event";
    NEXT = "select id, received_at from event where id >= $1 order by id limit 1";
    WAKE = "update endpoint set generation = generation + 1 where id = $1";
}

/// Which events to send again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReplaySelector {
    Event(EventId),
    /// Those received from one instant on and before another.
    Between(Timestamp, Timestamp),
    DeadLetters,
}

/// What one transaction did.
#[derive(Debug)]
pub struct Batch {
    /// How many events it was, or how many dead letters.
    pub events: u64,
    /// Where in the log the others are; empty at the end.
    pub rest: Range<EventId>,
}

/// Where in the log the events are that are asked for. What the endpoint has yet to get for the first time is not among
/// them.
pub async fn span(tx: &mut Tx, endpoint: &Endpoint, which: ReplaySelector) -> Result<Range<EventId>, Error> {
    let behind_cursor = EventId(endpoint.cursor.0.saturating_add(1));
    Ok(match which {
        ReplaySelector::Event(event) => event..EventId(event.0.saturating_add(1)).min(behind_cursor),
        ReplaySelector::Between(from, to) => {
            let first = around(tx, from.checked_sub(SKEW).unwrap_or(Timestamp::MIN)).await?;
            first..around(tx, to.checked_add(SKEW).unwrap_or(Timestamp::MAX)).await?.min(behind_cursor)
        }
        ReplaySelector::DeadLetters => ALL,
    })
}

/// Everything there may be.
pub const ALL: Range<EventId> = EventId(0)..EventId(i64::MAX);

/// Marks up to `limit` of the events in a part of the log to be sent again; none where the endpoint is no more. Whoever
/// delivers is to be told ([`wake`]).
pub async fn mark(
    tx: &mut Tx,
    endpoint: &Endpoint,
    which: ReplaySelector,
    ids: Range<EventId>,
    limit: i64,
    now: Timestamp,
) -> Result<Batch, Error> {
    let (id, at) = (endpoint.id, micros(now));
    let (from, to) = match which {
        ReplaySelector::Event(_) => (i64::MIN, i64::MAX),
        ReplaySelector::Between(from, to) => (micros(from), micros(to)),
        ReplaySelector::DeadLetters => {
            let (batch, rest) = dead_batch(tx, id, ids, limit).await?;
            return Ok(Batch { events: run!(tx, MARK_DEAD, id, batch.start, batch.end, at)?, rest });
        }
    };
    let account = endpoint.account_id.0;
    let channel = endpoint.channel_id.map_or(0, |channel| channel.0);
    let end = one!(tx, END, account, channel, from, to, ids.start, ids.end, limit)?;
    let (batch, rest) = split(ids, end, limit);
    let whole = ItemId::WHOLE;
    let events = run!(tx, MARK, account, channel, from, to, batch.start, batch.end, id, at, whole)?;
    run!(tx, REPLACED, account, channel, from, to, batch.start, batch.end, id, whole)?;
    Ok(Batch { events, rest })
}

/// Forgets up to `limit` dead letters of a part of the log.
pub async fn discard_dead(tx: &mut Tx, id: EndpointId, ids: Range<EventId>, limit: i64) -> Result<Batch, Error> {
    let (batch, rest) = dead_batch(tx, id, ids, limit).await?;
    Ok(Batch { events: run!(tx, DISCARD, id, batch.start, batch.end)?, rest })
}

/// Has whoever delivers look again; false where the endpoint is no more.
pub async fn wake(tx: &mut Tx, id: EndpointId) -> Result<bool, Error> {
    tx.pending.endpoints = true;
    Ok(run!(tx, WAKE, id)? == 1)
}

async fn dead_batch(
    tx: &mut Tx,
    id: EndpointId,
    ids: Range<EventId>,
    limit: i64,
) -> Result<(Range<EventId>, Range<EventId>), Error> {
    let end = one!(tx, END_OF_DEAD, id, ids.start, ids.end, limit)?;
    Ok(split(ids, end, limit))
}

/// A part of the log up to where so many events end, and the rest of it; `end` is the last of them, and how many they are.
fn split(ids: Range<EventId>, end: Option<(Option<EventId>, i64)>, limit: i64) -> (Range<EventId>, Range<EventId>) {
    match end {
        Some((Some(last), count)) if count >= limit => {
            let next = EventId(last.0 + 1);
            (ids.start..next, next..ids.end)
        }
        _ => (ids.clone(), ids.end..ids.end),
    }
}

/// Where in the log an instant is: the id of the first event received by then, or the one behind the last. Looked for by
/// halves, since an index by time would cost every insert.
async fn around(tx: &mut Tx, at: Timestamp) -> Result<EventId, Error> {
    let bounds: Option<(Option<i64>, Option<i64>)> = one!(tx, BOUNDS)?;
    let Some((Some(mut low), Some(last))) = bounds else { return Ok(EventId(0)) };
    let mut high = last + 1;
    while low < high {
        let middle = low + (high - low) / 2;
        let next: Option<(i64, i64)> = one!(tx, NEXT, middle)?;
        match next {
            Some((id, received_at)) if received_at < micros(at) => low = id + 1,
            _ => high = middle,
        }
    }
    Ok(EventId(low))
}
