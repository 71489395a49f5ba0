//! Administration: creates accounts and API keys, revokes keys, renames inboxes, encrypts again with a new
//! seal key. Calls nobody. Checks no permission: pages, API and command line do that before they call.

use domain::channel::Channel;
use domain::ids::AccountId;
use jiff::Timestamp;
use secrecy::SecretString;

use super::seal_keys;
use crate::App;
use crate::seal::SealKeyId;
use crate::store::accounts::{self, Account};
use crate::store::api_keys::{self, NewApiKey};
use crate::store::ids::{ApiKeyId, ServiceId};
use crate::store::reseal::{Unopened, reseal as reseal_batch};
use crate::store::{self, channels};

/// Values of each sealed column that one transaction encrypts again.
const RESEAL_BATCH: i64 = 200;

/// Creates an account and returns it with its id.
pub async fn create_account(app: &App, name: &str) -> Result<Account, store::Error> {
    let created_at = app.clock.now();
    let mut tx = app.store.write().await?;
    let id = accounts::create(&mut tx, name, created_at).await?;
    tx.commit().await?;
    Ok(Account { id, name: name.to_owned(), created_at })
}

/// A new API key with its secret, which exists here only: the database holds its hash.
#[derive(Debug, Clone)]
pub struct CreatedApiKey {
    pub id: ApiKeyId,
    pub secret: SecretString,
    pub created_at: Timestamp,
}

/// Creates an API key.
pub async fn create_api_key(app: &App, new: &NewApiKey) -> Result<CreatedApiKey, store::Error> {
    let (secret, created_at) = (api_keys::fresh_secret(), app.clock.now());
    let mut tx = app.store.write().await?;
    let id = api_keys::insert(&mut tx, new, &secret, created_at).await?;
    tx.commit().await?;
    Ok(CreatedApiKey { id, secret, created_at })
}

/// Revokes an API key; with `account` only a key of that account. Returns false if there is no such key, or
/// it was revoked before.
pub async fn revoke_api_key(app: &App, account: Option<AccountId>, id: ApiKeyId) -> Result<bool, store::Error> {
    let mut tx = app.store.write().await?;
    if account.is_some() && !api_keys::list(&mut tx, account).await?.iter().any(|key| key.id == id) {
        return Ok(false);
    }
    let is_revoked = api_keys::revoke(&mut tx, id, app.clock.now()).await?;
    tx.commit().await?;
    Ok(is_revoked)
}

/// Renames an inbox and returns the renamed channel; `None` if it was deleted meanwhile.
pub async fn rename_inbox(app: &App, channel: Channel, name: String) -> Result<Option<Channel>, store::Error> {
    let mut tx = app.store.write().await?;
    if !channels::rename(&mut tx, channel.account_id, channel.id, &name, app.clock.now()).await? {
        return Ok(None);
    }
    tx.commit().await?;
    Ok(Some(Channel { name, ..channel }))
}

/// Result of encrypting everything again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resealed {
    /// Number of values that an older key had encrypted.
    pub count: u64,
    /// The key that encrypts everything now, except what could not be opened.
    pub key: SealKeyId,
    /// What no key of the key ring opens; it was left as it is.
    pub unopened: Unopened,
}

/// Why a rotation did not begin, or did not end.
#[derive(Debug, thiserror::Error)]
pub enum ResealError {
    #[error(transparent)]
    Store(#[from] store::Error),
    /// Services would go on encrypting with an older key.
    #[error(
        "{} running {} with another seal key; give each the new key file (it takes the file by itself), or restart it with \
         the new keys; nothing was changed", .0.len(), if .0.len() == 1 { "service encrypts" } else { "services encrypt" }
    )]
    OldKeyInUse(Vec<ServiceId>),
}

/// Encrypts every value that an older seal key encrypted with the current key, in one transaction per batch.
/// Calls `on_progress` with the number of values done so far.
///
/// Begins only when every running service encrypts with the current key, which takes a moment after the key file changed.
pub async fn reseal(app: &App, on_progress: &(dyn Fn(u64) + Sync)) -> Result<Resealed, ResealError> {
    let others = seal_keys::wait_for_services(app).await?;
    if !others.is_empty() {
        return Err(ResealError::OldKeyInUse(others));
    }
    let (mut count, mut unopened) = (0, Unopened::default());
    loop {
        let mut tx = app.store.write().await?;
        let batch = reseal_batch(&mut tx, RESEAL_BATCH, &mut unopened).await?;
        tx.commit().await?;
        if batch.is_last() {
            return Ok(Resealed { count, key: app.store.keyring().current(), unopened });
        }
        count += batch.resealed;
        on_progress(count);
    }
}
