//! The services that run on a database, and the key that each seals with: a rotation must not end before every one of them
//! seals with the new key.

use jiff::Timestamp;

use super::keyring::{KEY_ID_LEN, SealKeyId};
use crate::engine::columns::{At, micros};
use crate::ids::ServiceId;
use crate::{Error, Tx};

statements! {
    SEEN = "insert into service (id, seal_key, seen_at) values ($1, $2, $3)
        on conflict (id) do update set seal_key = excluded.seal_key, seen_at = excluded.seen_at";
    LEFT = "delete from service where id = $1";
    FORGET = "delete from service where seen_at < $1";
    OTHERS = "select id, seal_key, seen_at from service where seal_key <> $1 and seen_at >= $2 order by id";
}

/// A service that seals with another key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    pub id: ServiceId,
    pub seal_key: SealKeyId,
    /// When it was last known to run.
    pub seen_at: Timestamp,
}

/// Notes that a service runs and seals with the current key of its keyring; forgets those not seen since `gone_before`.
pub async fn seen(tx: &mut Tx, id: ServiceId, now: Timestamp, gone_before: Timestamp) -> Result<(), Error> {
    let key = tx.keyring.current();
    run!(tx, FORGET, micros(gone_before))?;
    run!(tx, SEEN, id, key.as_slice(), micros(now))?;
    Ok(())
}

/// Notes that a service has ended.
pub async fn left(tx: &mut Tx, id: ServiceId) -> Result<(), Error> {
    run!(tx, LEFT, id)?;
    Ok(())
}

/// The services seen since an instant that seal with another key than the current one of this keyring.
pub async fn with_another_key(tx: &mut Tx, since: Timestamp) -> Result<Vec<Service>, Error> {
    let current = tx.keyring.current();
    let rows: Vec<(ServiceId, Vec<u8>, i64)> = all!(tx, OTHERS, current.as_slice(), micros(since))?;
    let read = |(id, key, seen_at): (ServiceId, Vec<u8>, i64)| {
        let at = At { table: "service", id: &id };
        let seal_key: Option<[u8; KEY_ID_LEN]> = key.try_into().ok();
        Ok(Service { id, seal_key: at.some("seal_key", seal_key)?, seen_at: at.time("seen_at", seen_at)? })
    };
    tx.readable(rows.into_iter().map(read))
}
