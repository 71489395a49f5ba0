//! Answers already given to requests with an `Idempotency-Key`: the first one works, the others get
//! its answer. `None` as account is the installation's operator.

use domain::ids::AccountId;
use jiff::Timestamp;

use crate::engine::columns::micros;
use crate::{Error, Tx};

statements! {
    RESERVE = "insert into idempotency_key (account_id, request_key, request_hash, created_at)
        values ($1, $2, $3, $4) on conflict do nothing";
    FIND = "select request_hash, status, body from idempotency_key where account_id = $1 and request_key = $2";
    COMPLETE = "update idempotency_key set status = $3, body = $4 where account_id = $1 and request_key = $2";
    RELEASE = "delete from idempotency_key where account_id = $1 and request_key = $2 and status is null";
    PURGE = "delete from idempotency_key where created_at < $1";
}

/// What a request with a key meets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reservation {
    /// It is the first: work, then [`complete`] or [`release`].
    Fresh,
    /// The first one is still at work.
    InProgress,
    /// The first one was answered so.
    Completed { status: u16, body: String },
    /// The key was used for another request.
    Mismatch,
}

/// Takes a key for a request, known by the hash of its method, path and body.
pub async fn reserve(
    tx: &mut Tx,
    account: Option<AccountId>,
    key: &str,
    request_hash: &[u8],
    now: Timestamp,
) -> Result<Reservation, Error> {
    let account = number(account);
    if run!(tx, RESERVE, account, key, request_hash, micros(now))? == 1 {
        return Ok(Reservation::Fresh);
    }
    let row: Option<(Vec<u8>, Option<i64>, Option<String>)> = one!(tx, FIND, account, key)?;
    let Some((hash, status, body)) = row else { return Ok(Reservation::InProgress) };
    if hash != request_hash {
        return Ok(Reservation::Mismatch);
    }
    Ok(match status.and_then(|status| u16::try_from(status).ok()) {
        Some(status) => Reservation::Completed { status, body: body.unwrap_or_default() },
        None => Reservation::InProgress,
    })
}

/// Keeps the answer for those who ask again.
pub async fn complete(
    tx: &mut Tx,
    account: Option<AccountId>,
    key: &str,
    status: u16,
    body: &str,
) -> Result<bool, Error> {
    Ok(run!(tx, COMPLETE, number(account), key, i64::from(status), body)? == 1)
}

/// Gives a key back: the request failed in a way worth trying again.
pub async fn release(tx: &mut Tx, account: Option<AccountId>, key: &str) -> Result<bool, Error> {
    Ok(run!(tx, RELEASE, number(account), key)? == 1)
}

/// Forgets keys older than `before`.
pub async fn purge(tx: &mut Tx, before: Timestamp) -> Result<u64, Error> {
    run!(tx, PURGE, micros(before))
}

fn number(account: Option<AccountId>) -> i64 {
    account.map_or(0, |id| id.0)
}
