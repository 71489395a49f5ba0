//! Events whose body cannot be opened: altered on disk, or sealed with a lost key. They are kept like any other event,
//! and no work waits for them. Whoever meets one puts it here, whatever its state was.

use super::BODY_PLACE;
use crate::ids::EventId;
use crate::{Error, Tx};

statements! {
    QUARANTINE = "update event set state = 3 where state <> 3 and id in (select value from json_each($1))",
        postgres: "update event set state = 3
        where state <> 3 and id in (select value::bigint from json_array_elements_text($1::json))";
    COUNT = "select count(*) from event where state = 3";
    QUARANTINED = "select id, body from event where state = 3 and id > $1 order by id limit $2";
    /// An event that an erasure has passed stays: nobody can tell any more whether it names the person.
    RELEASE = "update event set state = 1 where state = 3 and id in (select value from json_each($1))
        and not exists (select 1 from erasure
        where erasure.account_id = event.account_id and erasure.last_event_id >= event.id)",
        postgres: "update event set state = 1
        where state = 3 and id in (select value::bigint from json_array_elements_text($1::json))
        and not exists (select 1 from erasure
        where erasure.account_id = event.account_id and erasure.last_event_id >= event.id)";
}

/// An event that cannot be opened, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnreadableEvent {
    pub id: EventId,
    /// The error with its causes; it names the event.
    pub cause: String,
}

impl UnreadableEvent {
    pub(crate) fn new(id: EventId, error: &Error) -> Self {
        Self { id, cause: error.chain() }
    }
}

/// Puts events into quarantine; returns how many were not in it.
pub async fn quarantine(tx: &mut Tx, events: &[UnreadableEvent]) -> Result<u64, Error> {
    if events.is_empty() {
        return Ok(0);
    }
    run!(tx, QUARANTINE, as_json(events.iter().map(|event| event.id)))
}

/// How many events are in quarantine.
pub async fn count(tx: &mut Tx) -> Result<i64, Error> {
    let row: Option<(i64,)> = one!(tx, COUNT)?;
    Ok(row.map_or(0, |(count,)| count))
}

/// Tries to open up to `limit` quarantined events after a given one. Those that open now wait to be interpreted again.
/// Returns where to go on, `None` at the end, and how many were released.
pub async fn retry(tx: &mut Tx, after: EventId, limit: i64) -> Result<(Option<EventId>, u64), Error> {
    let rows: Vec<(EventId, Vec<u8>)> = all!(tx, QUARANTINED, after, limit)?;
    let next = rows.last().map(|(id, _)| *id);
    let opens = |body: &Vec<u8>| tx.keyring.open(BODY_PLACE, body).is_ok();
    let readable: Vec<EventId> = rows.iter().filter(|(_, body)| opens(body)).map(|(id, _)| *id).collect();
    let released = if readable.is_empty() { 0 } else { run!(tx, RELEASE, as_json(readable.into_iter()))? };
    Ok((next, released))
}

fn as_json(ids: impl Iterator<Item = EventId>) -> String {
    format!("[{}]", ids.map(|id| id.0.to_string()).collect::<Vec<_>>().join(","))
}
