//! Removing what is old. Ids are in the order of arrival, so the walk goes along the primary key and
//! needs no index of its own, which every insert would pay for.

use jiff::Timestamp;

use super::EventState;
use crate::engine::columns::micros;
use crate::ids::EventId;
use crate::{Error, Tx};

/// An endpoint that is switched on has yet to get it: its place is before the event, or set it aside.
macro_rules! is_undelivered {
    () => {
        "exists (select 1 from endpoint where endpoint.account_id = event.account_id and endpoint.disabled_at is null
         and (endpoint.cursor_event < event.id or exists (select 1 from delivery
         where delivery.endpoint_id = endpoint.id and delivery.event_id = event.id and delivery.state <> 2)))"
    };
}

statements! {
    OLDEST = "select id, received_at, state from event where id > $1 order by id limit $2";
    REMOVE = concat!("delete from event where state <> 1 and id in (select value from json_each($1))
        and not ", is_undelivered!()),
        postgres: concat!("delete from event where state <> 1
        and id in (select value::bigint from json_array_elements_text($1::json)) and not ", is_undelivered!());
    REMOVE_UNDELIVERED = "delete from event where state <> 1 and id in (select value from json_each($1))",
        postgres: "delete from event where state <> 1
        and id in (select value::bigint from json_array_elements_text($1::json))";
    FIRST = "select min(id) from event";
}

/// What is too old to be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PurgeLimits {
    /// What was received before this goes, but for what an endpoint has yet to get.
    pub before: Timestamp,
    /// What was received before this goes, whoever has yet to get it.
    pub undelivered_before: Timestamp,
}

/// What one step of the walk did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Purged {
    pub removed: u64,
    /// Those of them that an endpoint should still have got.
    pub undelivered: u64,
    /// Where to go on; `None` where nothing older is left.
    pub next: Option<EventId>,
}

/// Looks at `limit` events after a given one and removes those that are too old; what waits to be
/// interpreted stays.
pub async fn purge(tx: &mut Tx, after: Option<EventId>, limits: PurgeLimits, limit: i64) -> Result<Purged, Error> {
    let after = after.unwrap_or(EventId(i64::MIN));
    let rows: Vec<(i64, i64, i64)> = all!(tx, OLDEST, after, limit)?;
    let next = next(&rows, limits, limit);
    let (old, too_old) = (older(&rows, limits.before), older(&rows, limits.undelivered_before));
    let removed = if old.is_empty() { 0 } else { run!(tx, REMOVE, as_json(&old))? };
    let undelivered = if too_old.is_empty() { 0 } else { run!(tx, REMOVE_UNDELIVERED, as_json(&too_old))? };
    Ok(Purged { removed: removed + undelivered, undelivered, next })
}

/// The oldest event there is.
pub async fn first(tx: &mut Tx) -> Result<Option<EventId>, Error> {
    let row: Option<(Option<EventId>,)> = one!(tx, FIRST)?;
    Ok(row.and_then(|(id,)| id))
}

/// The ids to remove: what was received before an instant and does not wait to be interpreted.
fn older(rows: &[(i64, i64, i64)], before: Timestamp) -> Vec<String> {
    let waits = EventState::ToInterpret.number();
    let old = rows.iter().filter(|(_, at, state)| *at < micros(before) && *state != waits);
    old.map(|(id, ..)| id.to_string()).collect()
}

fn as_json(ids: &[String]) -> String {
    format!("[{}]", ids.join(","))
}

/// Where to go on: behind a full window in which something was old.
fn next(rows: &[(i64, i64, i64)], limits: PurgeLimits, limit: i64) -> Option<EventId> {
    let is_full = i64::try_from(rows.len()).is_ok_and(|count| count == limit);
    let some_are_old = rows.iter().any(|(_, at, _)| *at < micros(limits.before));
    rows.last().filter(|_| is_full && some_are_old).map(|(id, ..)| EventId(*id))
}
