//! Which process delivers to which endpoint, and how far it is. A lease keeps two from working at the same
//! endpoint; that nothing is lost does not hang on it, since what is delivered twice has the same id.

use domain::delivery::CircuitBreaker;
use jiff::{SignedDuration, Timestamp};

use super::breaker_columns;
use crate::engine::columns::{maybe_micros, micros};
use crate::ids::{EndpointId, EventId, ReplicaId};
use crate::{Error, Tx};

statements! {
    HEARTBEAT = "insert into replica (id, heartbeat_at) values ($1, $2)
        on conflict (id) do update set heartbeat_at = excluded.heartbeat_at";
    GONE = "delete from replica where heartbeat_at <= $1";
    COUNTS = "select (select count(*) from replica), (select count(*) from endpoint where disabled_at is null)";
    RENEW = "update endpoint set leased_until = $2 where leased_by = $1 and disabled_at is null
        returning id, generation";
    CLAIM = "update endpoint set leased_by = $1, leased_until = $2 where id in
        (select id from endpoint where disabled_at is null and (leased_by is null or leased_by <> $1)
         and (leased_by is null or leased_until <= $3 or leased_until > $5) order by leased_until, id limit $4)
        returning id, generation",
        postgres: "update endpoint set leased_by = $1, leased_until = $2 where id in
        (select id from endpoint where disabled_at is null and (leased_by is null or leased_by <> $1)
         and (leased_by is null or leased_until <= $3 or leased_until > $5)
         order by leased_until nulls first, id limit $4
         for update skip locked)
        returning id, generation";
    RELEASE = "update endpoint set leased_by = null, leased_until = null where id = $1 and leased_by = $2";
    RELEASE_ALL = "update endpoint set leased_by = null, leased_until = null where leased_by = $1";
    LEFT = "delete from replica where id = $1";
    PROGRESS = "update endpoint set cursor_event = case when $3 > cursor_event then $3 else cursor_event end,
        failures = $4, failing_since = $5, blocked_until = $6, last_delivered_at = coalesce($7, last_delivered_at)
        where id = $1 and leased_by = $2";
    ANY = "select count(*) from endpoint where disabled_at is null or leased_by is not null";
}

row! {
    /// An endpoint a process works at, as of which change of its settings.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub struct Leased {
        pub id: EndpointId,
        /// Raised by every change of its settings.
        pub generation: i64,
    }
}

/// How far an endpoint is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    /// The cursor: every event up to this one was delivered or is a pending delivery.
    pub cursor: EventId,
    pub breaker: CircuitBreaker,
    /// When it took something, if it did since.
    pub last_delivered_at: Option<Timestamp>,
}

/// How many processes share how many endpoints.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shares {
    /// Processes that were seen lately.
    pub replicas: usize,
    /// Endpoints that are delivered to.
    pub endpoints: usize,
}

/// Whether there is any endpoint to look after.
pub async fn any(tx: &mut Tx) -> Result<bool, Error> {
    let row: Option<(i64,)> = one!(tx, ANY)?;
    Ok(row.is_some_and(|(count,)| count > 0))
}

/// Says that a process lives, forgets those not seen since `gone_before`, and counts.
pub async fn heartbeat(tx: &mut Tx, me: ReplicaId, now: Timestamp, gone_before: Timestamp) -> Result<Shares, Error> {
    run!(tx, HEARTBEAT, me, micros(now))?;
    run!(tx, GONE, micros(gone_before))?;
    let row: Option<(i64, i64)> = one!(tx, COUNTS)?;
    let (replicas, endpoints) = row.unwrap_or((1, 0));
    let size = |count: i64| usize::try_from(count).unwrap_or(0);
    Ok(Shares { replicas: size(replicas), endpoints: size(endpoints) })
}

/// Keeps what is leased; everything that still is.
pub async fn renew(tx: &mut Tx, me: ReplicaId, until: Timestamp) -> Result<Vec<Leased>, Error> {
    all!(tx, RENEW, me, micros(until))
}

/// How much later than ours a lease of another process may end. One that ends later comes from a clock that was wrong.
const MAX_SKEW: SignedDuration = SignedDuration::from_mins(10);

/// Takes up to `limit` endpoints that nobody works at: whose lease ended by `ended`, or ends at a time that no clock
/// has reached.
pub async fn claim(
    tx: &mut Tx,
    me: ReplicaId,
    ended: Timestamp,
    until: Timestamp,
    limit: usize,
) -> Result<Vec<Leased>, Error> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    all!(tx, CLAIM, me, micros(until), micros(ended), limit, micros(until + MAX_SKEW))
}

/// Gives an endpoint back.
pub async fn release(tx: &mut Tx, me: ReplicaId, id: EndpointId) -> Result<(), Error> {
    run!(tx, RELEASE, id, me)?;
    Ok(())
}

/// Gives every endpoint back, and takes no share any more.
pub async fn release_all(tx: &mut Tx, me: ReplicaId) -> Result<(), Error> {
    run!(tx, RELEASE_ALL, me)?;
    run!(tx, LEFT, me)?;
    Ok(())
}

/// Stores the cursor of an endpoint; false when it is another's now, after which the transaction must
/// not be committed.
pub async fn save_progress(tx: &mut Tx, me: ReplicaId, id: EndpointId, made: &Progress) -> Result<bool, Error> {
    let (failures, failing_since, blocked_until) = breaker_columns(&made.breaker);
    let last_delivered_at = maybe_micros(made.last_delivered_at);
    Ok(run!(tx, PROGRESS, id, me, made.cursor, failures, failing_since, blocked_until, last_delivered_at)? == 1)
}
