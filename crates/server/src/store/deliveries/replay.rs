//! Events asked for again: marked for an endpoint, in one statement however many they are. They go behind
//! everything else; what waits already keeps its place.

use jiff::{SignedDuration, Timestamp};

use super::DeliveryState;
use crate::store::endpoints::Endpoint;
use crate::store::ids::EventId;
use crate::store::row::micros;
use crate::store::{Error, Tx};

/// How far the order of arrival may be from that of the clocks: several processes have each its own.
const SKEW: SignedDuration = SignedDuration::from_mins(10);

/// Whose events an endpoint of one inbox ($4) gets: the inbox's own, and those of its whole WABA, as
/// [`super::log`] reads them. 0 is an endpoint of the whole account.
macro_rules! of_endpoint {
    () => {
        "account_id = $3 and ($4 = 0 or channel_id = $4 or (channel_id is null
         and waba_id in (select waba_id from channel where id = $4)))"
    };
}

statements! {
    BY_TIME = concat!("insert into delivery (endpoint_id, event_id, state, part, attempts, due_at)
        select $1, id, 1, 0, 0, $2 from event where ", of_endpoint!(), "
        and received_at >= $5 and received_at < $6 and id >= $7 and id < $8
        on conflict (endpoint_id, event_id) do update
        set state = 1, part = 0, attempts = 0, first_failed_at = null, due_at = excluded.due_at, failure = null
        where delivery.state = 2");
    BY_EVENT = concat!("insert into delivery (endpoint_id, event_id, state, part, attempts, due_at)
        select $1, id, 1, 0, 0, $2 from event where ", of_endpoint!(), " and id = $5 and id <= $6
        on conflict (endpoint_id, event_id) do update
        set state = 1, part = 0, attempts = 0, first_failed_at = null, due_at = excluded.due_at, failure = null
        where delivery.state = 2");
    BOUNDS = "select min(id), max(id) from event";
    NEXT = "select id, received_at from event where id >= $1 order by id limit 1";
    DEAD = "update delivery set state = 1, part = 0, attempts = 0, first_failed_at = null, due_at = $2,
        failure = null where endpoint_id = $1 and state = 2";
    DISCARD = "delete from delivery where endpoint_id = $1 and state = $2";
    WAKE = "update endpoint set generation = generation + 1 where id = $1";
}

/// Which events to send again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    /// One.
    Event(EventId),
    /// Those received from one instant on and before another.
    Between(Timestamp, Timestamp),
    /// Every dead letter.
    DeadLetters,
}

/// Marks events to be sent again; how many. What the endpoint has yet to get for the first time is not
/// among them.
pub async fn ask(tx: &mut Tx, endpoint: &Endpoint, which: Which, now: Timestamp) -> Result<u64, Error> {
    let (id, at, account) = (endpoint.id, micros(now), endpoint.account_id.0);
    let channel = endpoint.channel_id.map_or(0, |channel| channel.0);
    let marked = match which {
        Which::Event(event) => run!(tx, BY_EVENT, id, at, account, channel, event, endpoint.cursor)?,
        Which::Between(from, to) => {
            let first = around(tx, from.checked_sub(SKEW).unwrap_or(Timestamp::MIN)).await?;
            let end = around(tx, to.checked_add(SKEW).unwrap_or(Timestamp::MAX)).await?.min(endpoint.cursor.0 + 1);
            run!(tx, BY_TIME, id, at, account, channel, micros(from), micros(to), first, end)?
        }
        Which::DeadLetters => run!(tx, DEAD, id, at)?,
    };
    // whoever delivers looks again
    run!(tx, WAKE, id)?;
    Ok(marked)
}

/// Where in the log an instant is: the id of the first event received by then, or the one behind the last. Looked for by
/// halves, since an index by time would cost every insert.
async fn around(tx: &mut Tx, at: Timestamp) -> Result<i64, Error> {
    let bounds: Option<(Option<i64>, Option<i64>)> = one!(tx, BOUNDS)?;
    let Some((Some(mut low), Some(last))) = bounds else { return Ok(0) };
    let mut high = last + 1;
    while low < high {
        let middle = low + (high - low) / 2;
        let next: Option<(i64, i64)> = one!(tx, NEXT, middle)?;
        match next {
            Some((id, received_at)) if received_at < micros(at) => low = id + 1,
            _ => high = middle,
        }
    }
    Ok(low)
}

/// Forgets what was given up; how many.
pub async fn discard_dead(tx: &mut Tx, endpoint: &Endpoint) -> Result<u64, Error> {
    run!(tx, DISCARD, endpoint.id, DeliveryState::Dead.number())
}
