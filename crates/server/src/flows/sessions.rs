//! Sessions of browsers, and the last use of API keys: the writes behind authentication. Checks no permission and
//! knows no cookies: `web` does that.

use jiff::SignedDuration;
use secrecy::{ExposeSecret as _, SecretString};

use crate::App;
use crate::runtime::clock::random_token;
use crate::store::ids::ApiKeyId;
use crate::store::sessions::{self, NewSession};
use crate::store::{self, api_keys};

/// Lifetime of a session.
const LIFETIME: SignedDuration = SignedDuration::from_hours(7 * 24);

/// Starts a session with an API key and returns its token. Removes expired sessions.
pub async fn start(app: &App, key: ApiKeyId) -> Result<SecretString, store::Error> {
    let now = app.clock.now();
    let token = random_token(32);
    let csrf_token = random_token(24).expose_secret().to_owned();
    let session = NewSession { token: token.clone(), key_id: key, csrf_token, expires_at: now + LIFETIME };
    let mut tx = app.store.write().await?;
    sessions::insert(&mut tx, &session, now).await?;
    sessions::purge_expired(&mut tx, now).await?;
    tx.commit().await?;
    Ok(token)
}

/// Ends the session with this token, if there is one.
pub async fn end(app: &App, token: &SecretString) -> Result<(), store::Error> {
    let mut tx = app.store.write().await?;
    sessions::delete(&mut tx, token).await?;
    tx.commit().await
}

/// Records that an API key was used now, at most once a minute.
pub async fn record_key_use(app: &App, key: ApiKeyId) -> Result<(), store::Error> {
    let mut tx = app.store.write().await?;
    api_keys::touch(&mut tx, key, app.clock.now()).await?;
    tx.commit().await
}
