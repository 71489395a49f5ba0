//! Until when Meta asked for no further calls about an account: replicas share it.

use domain::ids::WabaId;
use jiff::Timestamp;

use super::row::{At, micros};
use super::{Error, Tx};

statements! {
    BLOCK = "insert into graph_usage (waba_id, blocked_until, reason, updated_at) values ($1, $2, $3, $4)
        on conflict (waba_id) do update set blocked_until = excluded.blocked_until, reason = excluded.reason,
        updated_at = excluded.updated_at where graph_usage.blocked_until < excluded.blocked_until";
    UNTIL = "select blocked_until from graph_usage where waba_id = $1 and blocked_until > $2";
    PRUNE = "delete from graph_usage where blocked_until < $1";
}

/// Notes that Meta asked to wait; a later date on record stands.
pub async fn block(tx: &mut Tx, waba: &WabaId, until: Timestamp, reason: &str, now: Timestamp) -> Result<(), Error> {
    run!(tx, BLOCK, waba.as_str(), micros(until), reason, micros(now))?;
    Ok(())
}

/// Until when to wait; `None` when nothing stands in the way.
pub async fn blocked_until(tx: &mut Tx, waba: &WabaId, now: Timestamp) -> Result<Option<Timestamp>, Error> {
    let row: Option<(i64,)> = one!(tx, UNTIL, waba.as_str(), micros(now))?;
    At { table: "graph_usage", id: waba }.maybe_time("blocked_until", row.map(|(until,)| until))
}

/// Forgets waits that are over.
pub async fn prune(tx: &mut Tx, now: Timestamp) -> Result<u64, Error> {
    run!(tx, PRUNE, micros(now))
}
