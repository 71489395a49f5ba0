//! Browsers that signed in with a key. The cookie's token is 256 random bits; only its hash is kept.

use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};

use super::api_keys::{ApiKey, Row, columns, hash};
use crate::engine::columns::{At, micros};
use crate::ids::ApiKeyId;
use crate::{Error, Tx};

statements! {
    INSERT = "insert into session (token_hash, api_key_id, csrf_token, created_at, expires_at)
        values ($1, $2, $3, $4, $5)";
    FIND = "select api_key_id, csrf_token, expires_at from session where token_hash = $1 and expires_at > $2";
    KEY = concat!("select ", columns!(), " from api_key where id = $1 and revoked_at is null");
    DELETE = "delete from session where token_hash = $1";
    PURGE_EXPIRED = "delete from session where expires_at <= $1";
}

/// A session to be made.
#[derive(Debug, Clone)]
pub struct NewSession {
    pub token: SecretString,
    /// The key it was made with.
    pub key_id: ApiKeyId,
    /// What forms must carry.
    pub csrf_token: String,
    pub expires_at: Timestamp,
}

/// A session that has not expired.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// The key it was made with: what it may do.
    pub key: ApiKey,
    /// What forms must carry.
    pub csrf_token: String,
    pub expires_at: Timestamp,
}

/// Stores a session under the hash of its token.
pub async fn insert(tx: &mut Tx, session: &NewSession, now: Timestamp) -> Result<(), Error> {
    let NewSession { token, key_id, csrf_token, expires_at } = session;
    let token_hash = hash(token.expose_secret());
    run!(tx, INSERT, token_hash, *key_id, csrf_token.as_str(), micros(now), micros(*expires_at))?;
    Ok(())
}

/// Finds a session that has not ended and whose key was not revoked.
pub async fn find(tx: &mut Tx, token: &SecretString, now: Timestamp) -> Result<Option<Session>, Error> {
    let found: Option<(ApiKeyId, String, i64)> = one!(tx, FIND, hash(token.expose_secret()), micros(now))?;
    let Some((key_id, csrf_token, expires_at)) = found else { return Ok(None) };
    let key: Option<Row> = one!(tx, KEY, key_id)?;
    let Some(key) = key else { return Ok(None) };
    let expires_at = At { table: "session", id: &key_id }.time("expires_at", expires_at)?;
    Ok(Some(Session { key: ApiKey::try_from(key)?, csrf_token, expires_at }))
}

/// Deletes a session; false where the token names none.
pub async fn delete(tx: &mut Tx, token: &SecretString) -> Result<bool, Error> {
    Ok(run!(tx, DELETE, hash(token.expose_secret()))? == 1)
}

/// Forgets sessions that have ended.
pub async fn purge_expired(tx: &mut Tx, now: Timestamp) -> Result<u64, Error> {
    run!(tx, PURGE_EXPIRED, micros(now))
}
