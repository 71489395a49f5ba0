//! Requests with an `Idempotency-Key`: the first one with a key runs, later ones get its response. Knows nothing of
//! HTTP but a status and a body.

use domain::ids::AccountId;

use crate::App;
use crate::store;
use crate::store::idempotency::{self, Reservation};

/// Reserves a key for a request, which `hash` identifies, or finds the earlier request with the key. `account` is
/// `None` for an operator's key.
pub async fn reserve(
    app: &App,
    account: Option<AccountId>,
    key: &str,
    hash: &[u8],
) -> Result<Reservation, store::Error> {
    let mut tx = app.store.write().await?;
    let reservation = idempotency::reserve(&mut tx, account, key, hash, app.clock.now()).await?;
    tx.commit().await?;
    Ok(reservation)
}

/// Stores the response of a request, for later requests with its key.
pub async fn complete(
    app: &App,
    account: Option<AccountId>,
    key: &str,
    status: u16,
    body: &str,
) -> Result<(), store::Error> {
    let mut tx = app.store.write().await?;
    idempotency::complete(&mut tx, account, key, status, body).await?;
    tx.commit().await
}

/// Releases the key of a request that failed in a way that a repetition may not, so that the next one runs.
pub async fn release(app: &App, account: Option<AccountId>, key: &str) -> Result<(), store::Error> {
    let mut tx = app.store.write().await?;
    idempotency::release(&mut tx, account, key).await?;
    tx.commit().await
}
