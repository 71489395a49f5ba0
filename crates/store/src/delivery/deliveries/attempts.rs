//! What was sent to an endpoint and what it answered: status, time, the beginning of the answer. Kept as
//! long as the events themselves; nothing here decides anything.

use std::fmt;
use std::str::FromStr;

use domain::delivery::AttemptOutcome;
use jiff::Timestamp;
use serde_json::json;

use crate::engine::columns::{At, micros};
use crate::ids::{DeliveryKey, EndpointId, EventId, ItemId, NotAnId};
use crate::{Error, Tx};

/// The columns of an attempt, as [`Row`] reads them.
macro_rules! columns {
    () => {
        "event_id, item, at, attempt, status, duration_ms, outcome, answer"
    };
}

statements! {
    RECORD = "insert into delivery_attempt
        (endpoint_id, event_id, item, at, attempt, status, duration_ms, outcome, answer)
        select $1, json_extract(value, '$.event'), unhex(json_extract(value, '$.item')), json_extract(value, '$.at'),
        json_extract(value, '$.attempt'), json_extract(value, '$.status'), json_extract(value, '$.duration_ms'),
        json_extract(value, '$.outcome'), json_extract(value, '$.answer') from json_each($2) where true
        on conflict do nothing",
        postgres: "insert into delivery_attempt
        (endpoint_id, event_id, item, at, attempt, status, duration_ms, outcome, answer)
        select $1, x.event, x.item, x.at, x.attempt, x.status, x.duration_ms, x.outcome, x.answer
        from json_to_recordset($2::json) as x (event bigint, item uuid, at bigint, attempt bigint,
        status bigint, duration_ms bigint, outcome text, answer text) on conflict do nothing";
    LIST = concat!("select ", columns!(), " from delivery_attempt
        where endpoint_id = $1 and (at, event_id, item) < ($2, $3, $4)
        order by at desc, event_id desc, item desc limit $5");
    /// As the index of failures has it: word for word, so that it is used.
    FAILED = concat!("select ", columns!(), " from delivery_attempt
        where endpoint_id = $1 and (at, event_id, item) < ($2, $3, $4) and outcome <> 'delivered'
        order by at desc, event_id desc, item desc limit $5");
    OF_EVENT = concat!("select ", columns!(), " from delivery_attempt
        where endpoint_id = $1 and event_id = $2 order by at, item");
    PRUNE = "delete from delivery_attempt where (endpoint_id, event_id, item, at) in
        (select endpoint_id, event_id, item, at from delivery_attempt
         where endpoint_id = $1 and event_id < $2 order by event_id limit $3)";
}

/// One post and its answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    pub key: DeliveryKey,
    /// When it was answered.
    pub at: Timestamp,
    /// How many tries of this item it makes.
    pub attempt: u32,
    /// The HTTP status; none where nobody answered.
    pub status: Option<u16>,
    /// How long it took, in milliseconds.
    pub duration_ms: u32,
    pub outcome: AttemptOutcome,
    /// The beginning of a failing answer.
    pub answer: Option<String>,
}

impl Attempt {
    /// Where it stands among an endpoint's attempts.
    pub const fn place(&self) -> Place {
        Place { at: self.at, key: self.key }
    }
}

/// A place among the attempts at an endpoint. By time, not by event: what is tried again, or asked for
/// again, happens now, however old its event is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    pub at: Timestamp,
    /// Which delivery, where two were answered at one instant.
    pub key: DeliveryKey,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}_{}", micros(self.at), self.key)
    }
}

impl FromStr for Place {
    type Err = NotAnId;

    fn from_str(text: &str) -> Result<Self, NotAnId> {
        let (at, key) = text.split_once('_').ok_or(NotAnId)?;
        let at = at.parse().ok().and_then(|micros| Timestamp::from_microsecond(micros).ok()).ok_or(NotAnId)?;
        Ok(Self { at, key: key.parse()? })
    }
}

/// Stores the attempts of one flush.
pub async fn record(tx: &mut Tx, endpoint: EndpointId, attempts: &[Attempt]) -> Result<(), Error> {
    if attempts.is_empty() {
        return Ok(());
    }
    let row = |it: &Attempt| {
        json!({ "event": it.key.event.0, "item": it.key.item.digits(), "at": micros(it.at), "attempt": it.attempt,
            "status": it.status, "duration_ms": it.duration_ms, "outcome": it.outcome.into_str(), "answer": it.answer })
    };
    let rows = serde_json::Value::Array(attempts.iter().map(row).collect());
    run!(tx, RECORD, endpoint, rows.to_string())?;
    Ok(())
}

/// The newest attempts at an endpoint before a place in the list, or only those that failed.
pub async fn list(
    tx: &mut Tx,
    endpoint: EndpointId,
    before: Option<Place>,
    only_failed: bool,
    limit: i64,
) -> Result<Vec<Attempt>, Error> {
    let end = DeliveryKey { event: EventId(i64::MAX), item: ItemId::WHOLE };
    let (at, key) = before.map_or((i64::MAX, end), |place| (micros(place.at), place.key));
    let statement = if only_failed { FAILED } else { LIST };
    read(endpoint, all!(tx, statement, endpoint, at, key.event, key.item, limit)?)
}

/// Every attempt at one event's items, oldest first.
pub async fn of_event(tx: &mut Tx, endpoint: EndpointId, event: EventId) -> Result<Vec<Attempt>, Error> {
    read(endpoint, all!(tx, OF_EVENT, endpoint, event)?)
}

/// Forgets attempts at events before one, at most `limit`.
pub async fn prune(tx: &mut Tx, endpoint: EndpointId, before: EventId, limit: i64) -> Result<u64, Error> {
    run!(tx, PRUNE, endpoint, before, limit)
}

row! {
    struct Row {
        event_id: EventId,
        item: ItemId,
        at: i64,
        attempt: i64,
        status: Option<i64>,
        duration_ms: i64,
        outcome: String,
        answer: Option<String>,
    }
}

fn read(endpoint: EndpointId, rows: Vec<Row>) -> Result<Vec<Attempt>, Error> {
    let attempt = |row: Row| {
        let key = DeliveryKey { event: row.event_id, item: row.item };
        let at = At { table: "delivery_attempt", id: &format!("{endpoint}/{key}") };
        Ok(Attempt {
            key,
            at: at.time("at", row.at)?,
            attempt: u32::try_from(row.attempt).unwrap_or(0),
            status: row.status.and_then(|status| u16::try_from(status).ok()),
            duration_ms: u32::try_from(row.duration_ms).unwrap_or(u32::MAX),
            outcome: at.some("outcome", row.outcome.parse().ok())?,
            answer: row.answer,
        })
    };
    rows.into_iter().map(attempt).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_reads_back_and_nothing_else_does() {
        let whole = DeliveryKey { event: EventId(12), item: ItemId::WHOLE };
        for key in [whole, DeliveryKey { item: ItemId::of_digest([7; 16]), ..whole }] {
            let place = Place { at: "2026-11-25T10:00:00.000123Z".parse().unwrap(), key };
            assert_eq!(place.to_string().parse(), Ok(place));
        }
        for odd in ["", "evt_12", "1_12", "x_evt_12", "99999999999999999999_evt_12", "9223372036854775807_evt_1"] {
            assert_eq!(odd.parse::<Place>(), Err(NotAnId), "{odd}");
        }
    }
}
