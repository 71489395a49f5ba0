//! What was sent to an endpoint and what it answered: status, time, the beginning of the answer. Kept as
//! long as the events themselves; nothing here decides anything.

use std::fmt;
use std::str::FromStr;

use domain::delivery::AttemptOutcome;
use jiff::Timestamp;
use serde_json::json;

use crate::engine::columns::{At, micros};
use crate::ids::{EndpointId, EventId, NotAnId};
use crate::{Error, Tx};

/// The columns of an attempt, as [`Row`] reads them.
macro_rules! columns {
    () => {
        "event_id, at, part, attempt, status, duration_ms, outcome, answer"
    };
}

statements! {
    RECORD = "insert into delivery_attempt
        (endpoint_id, event_id, at, part, attempt, status, duration_ms, outcome, answer)
        select $1, json_extract(value, '$.event'), json_extract(value, '$.at'), json_extract(value, '$.part'),
        json_extract(value, '$.attempt'), json_extract(value, '$.status'), json_extract(value, '$.duration_ms'),
        json_extract(value, '$.outcome'), json_extract(value, '$.answer') from json_each($2) where true
        on conflict do nothing",
        postgres: "insert into delivery_attempt
        (endpoint_id, event_id, at, part, attempt, status, duration_ms, outcome, answer)
        select $1, x.event, x.at, x.part, x.attempt, x.status, x.duration_ms, x.outcome, x.answer
        from json_to_recordset($2::json) as x (event bigint, at bigint, part bigint, attempt bigint,
        status bigint, duration_ms bigint, outcome text, answer text) on conflict do nothing";
    LIST = concat!("select ", columns!(), " from delivery_attempt
        where endpoint_id = $1 and (at, event_id) < ($2, $3) order by at desc, event_id desc limit $4");
    /// As the index of failures has it: word for word, so that it is used.
    FAILED = concat!("select ", columns!(), " from delivery_attempt
        where endpoint_id = $1 and (at, event_id) < ($2, $3) and outcome <> 'delivered'
        order by at desc, event_id desc limit $4");
    OF_EVENT = concat!("select ", columns!(), " from delivery_attempt
        where endpoint_id = $1 and event_id = $2 order by at");
    PRUNE = "delete from delivery_attempt where (endpoint_id, event_id, at) in
        (select endpoint_id, event_id, at from delivery_attempt
         where endpoint_id = $1 and event_id < $2 order by event_id limit $3)";
}

/// One post and its answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    pub event: EventId,
    /// When it was answered.
    pub at: Timestamp,
    /// Which part of the event.
    pub part: u32,
    /// How many tries of this event it makes.
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
        Place { at: self.at, event: self.event }
    }
}

/// A place among the attempts at an endpoint. By time, not by event: what is tried again, or asked for
/// again, happens now, however old its event is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    pub at: Timestamp,
    /// Which event, where two were answered at one instant.
    pub event: EventId,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}_{}", micros(self.at), self.event)
    }
}

impl FromStr for Place {
    type Err = NotAnId;

    fn from_str(text: &str) -> Result<Self, NotAnId> {
        let (at, event) = text.split_once('_').ok_or(NotAnId)?;
        let at = at.parse().ok().and_then(|micros| Timestamp::from_microsecond(micros).ok()).ok_or(NotAnId)?;
        Ok(Self { at, event: event.parse()? })
    }
}

/// Stores the attempts of one flush.
pub async fn record(tx: &mut Tx, endpoint: EndpointId, attempts: &[Attempt]) -> Result<(), Error> {
    if attempts.is_empty() {
        return Ok(());
    }
    let row = |it: &Attempt| {
        json!({ "event": it.event.0, "at": micros(it.at), "part": it.part, "attempt": it.attempt, "status": it.status,
            "duration_ms": it.duration_ms, "outcome": it.outcome.into_str(), "answer": it.answer })
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
    let (at, event) = before.map_or((i64::MAX, EventId(i64::MAX)), |place| (micros(place.at), place.event));
    let statement = if only_failed { FAILED } else { LIST };
    read(endpoint, all!(tx, statement, endpoint, at, event, limit)?)
}

/// Every attempt at one event, oldest first.
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
        at: i64,
        part: i64,
        attempt: i64,
        status: Option<i64>,
        duration_ms: i64,
        outcome: String,
        answer: Option<String>,
    }
}

fn read(endpoint: EndpointId, rows: Vec<Row>) -> Result<Vec<Attempt>, Error> {
    let attempt = |row: Row| {
        let at = At { table: "delivery_attempt", id: &format!("{endpoint}/{}", row.event_id) };
        Ok(Attempt {
            event: row.event_id,
            at: at.time("at", row.at)?,
            part: u32::try_from(row.part).unwrap_or(0),
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
        let place = Place { at: "2026-11-25T10:00:00.000123Z".parse().unwrap(), event: EventId(12) };
        assert_eq!(place.to_string().parse(), Ok(place));
        for odd in ["", "evt_12", "1_12", "x_evt_12", "99999999999999999999_evt_12", "9223372036854775807_evt_1"] {
            assert_eq!(odd.parse::<Place>(), Err(NotAnId), "{odd}");
        }
    }
}
