//! Authentication and authorisation: extractors that check the key *and* load the entity, so that a handler that takes
//! [`ChannelOf`] cannot access a foreign channel. The checks in order: the key (401), the account and the channel (404), the
//! scope (403).

use std::marker::PhantomData;

use axum::extract::FromRequestParts;
use axum::http::header;
use axum::http::request::Parts;
use domain::channel::Channel;
use domain::ids::{AccountId, ChannelId};
use secrecy::SecretString;

use super::path::path_ids;
use crate::App;
use crate::flows::sessions;
use crate::store::api_keys::{self, ApiKey, Scope};
use crate::store::{accounts, channels};
use crate::web::error::{ApiError, Code, Result};
use crate::web::session;

/// The origin's header for an API key.
const ORIGIN_HEADER: &str = "api_access_token";

/// The header in which a script sends the session's token.
const CSRF_HEADER: &str = "x-csrf-token";

/// A scope as a type, so that a signature says what a handler needs.
pub(crate) trait Needs: Send + Sync + 'static {
    /// The lowest scope that is accepted.
    const SCOPE: Scope;
}

/// Scope `read`: reading data.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Read;
/// Scope `operate`: reading, and actions on numbers and endpoints.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Operate;
/// Scope `admin`: everything, including keys and deletion.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Admin;

impl Needs for Read {
    const SCOPE: Scope = Scope::Read;
}
impl Needs for Operate {
    const SCOPE: Scope = Scope::Operate;
}
impl Needs for Admin {
    const SCOPE: Scope = Scope::Admin;
}

/// The authenticated caller: a key, and the session's token if the caller is a browser.
#[derive(Debug, Clone)]
pub(crate) struct Principal {
    pub key: ApiKey,
    /// The token that forms must contain; `None` if the key itself was sent.
    pub csrf_token: Option<String>,
}

impl Principal {
    /// Whether the key can access the account.
    pub(crate) fn sees(&self, account: AccountId) -> bool {
        self.key.account_id.is_none_or(|own| own == account)
    }

    /// Fails if the scope of the key is lower.
    pub(crate) fn must(&self, scope: Scope) -> Result<()> {
        if self.key.scope >= scope {
            return Ok(());
        }
        let (has, needs) = (self.key.scope.as_str(), scope.as_str());
        Err(ApiError::new(Code::Forbidden, format!("This needs a key of scope \"{needs}\"; this one has \"{has}\".")))
    }

    /// Whether the key may change what belongs to the installation: an operator's key of scope `admin`.
    pub(crate) fn administers_installation(&self) -> bool {
        self.key.account_id.is_none() && self.key.scope >= Scope::Admin
    }

    /// Fails if the key belongs to an account.
    pub(crate) fn must_operate_installation(&self) -> Result<()> {
        if self.key.account_id.is_none() {
            return Ok(());
        }
        Err(ApiError::new(Code::Forbidden, "This needs an operator's key, one that belongs to no account."))
    }

    /// Loads a channel if the key can access it.
    pub(crate) async fn channel(&self, app: &App, id: ChannelId) -> Result<Channel> {
        let mut tx = app.store.read().await?;
        let found = channels::find(&mut tx, id).await?;
        found.filter(|channel| self.sees(channel.account_id)).ok_or_else(|| ApiError::not_found("inbox"))
    }
}

/// A caller with the scope, of any account.
#[derive(Debug, Clone)]
pub(crate) struct SignedIn<N> {
    pub principal: Principal,
    needs: PhantomData<N>,
}

/// A caller with an operator's key, which can access all accounts.
#[derive(Debug, Clone)]
pub(crate) struct OperatorOf<N> {
    needs: PhantomData<N>,
}

/// The account in the path, which exists and is accessible to the key.
#[derive(Debug, Clone)]
pub(crate) struct TenantOf<N> {
    pub account_id: AccountId,
    pub principal: Principal,
    needs: PhantomData<N>,
}

/// The channel in the path, which belongs to the account and is accessible to the key.
#[derive(Debug, Clone)]
pub(crate) struct ChannelOf<N> {
    pub channel: Channel,
    pub principal: Principal,
    needs: PhantomData<N>,
}

impl<N: Needs> FromRequestParts<App> for SignedIn<N> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self> {
        let principal = authenticate(parts, app).await?;
        principal.must(N::SCOPE)?;
        Ok(Self { principal, needs: PhantomData })
    }
}

impl<N: Needs> FromRequestParts<App> for OperatorOf<N> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self> {
        let principal = authenticate(parts, app).await?;
        principal.must_operate_installation()?;
        principal.must(N::SCOPE)?;
        Ok(Self { needs: PhantomData })
    }
}

impl<N: Needs> FromRequestParts<App> for TenantOf<N> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self> {
        let principal = authenticate(parts, app).await?;
        let path = path_ids(parts, app).await?;
        let account_id = path.account.ok_or_else(|| ApiError::not_found("account"))?;
        see_account(app, &principal, account_id).await?;
        principal.must(N::SCOPE)?;
        Ok(Self { account_id, principal, needs: PhantomData })
    }
}

impl<N: Needs> FromRequestParts<App> for ChannelOf<N> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self> {
        let principal = authenticate(parts, app).await?;
        let path = path_ids(parts, app).await?;
        let id = path.channel.ok_or_else(|| ApiError::not_found("inbox"))?;
        let channel = principal.channel(app, id).await?;
        // addresses of pages contain no account
        if path.account.is_some_and(|account| account != channel.account_id) {
            return Err(ApiError::not_found("inbox"));
        }
        principal.must(N::SCOPE)?;
        Ok(Self { channel, principal, needs: PhantomData })
    }
}

/// Fails unless the account exists and is accessible to the key.
async fn see_account(app: &App, principal: &Principal, account: AccountId) -> Result<()> {
    if !principal.sees(account) {
        return Err(ApiError::not_found("account"));
    }
    let mut tx = app.store.read().await?;
    let found = accounts::find(&mut tx, account).await?;
    found.map(|_| ()).ok_or_else(|| ApiError::not_found("account"))
}

/// Authenticates a request by its API key or its browser session. A session's request that changes something must also
/// contain the session's token.
pub(in crate::web) async fn authenticate(parts: &Parts, app: &App) -> Result<Principal> {
    if let Some(secret) = sent_key(parts)? {
        let key = find_key(app, &secret).await?;
        return Ok(Principal { key, csrf_token: None });
    }
    let session = session::of_request(app, &parts.headers).await?;
    let session = session.ok_or_else(|| ApiError::unauthenticated("Send Authorization: Bearer lk_… or sign in."))?;
    if !parts.method.is_safe() {
        let sent = parts.headers.get(CSRF_HEADER).and_then(|value| value.to_str().ok()).unwrap_or_default();
        session::check_csrf(&session.csrf_token, sent)?;
    }
    Ok(Principal { key: session.key, csrf_token: Some(session.csrf_token) })
}

fn sent_key(parts: &Parts) -> Result<Option<SecretString>> {
    let text = |value: &axum::http::HeaderValue| value.to_str().ok().map(str::trim).map(str::to_owned);
    if let Some(value) = parts.headers.get(header::AUTHORIZATION) {
        let value = text(value).unwrap_or_default();
        let (scheme, key) = value.split_once(' ').unwrap_or((&value, ""));
        if !scheme.eq_ignore_ascii_case("bearer") {
            return Err(ApiError::unauthenticated("Write the header as Authorization: Bearer lk_…"));
        }
        return Ok(Some(key.trim().to_owned().into()));
    }
    Ok(parts.headers.get(ORIGIN_HEADER).and_then(text).map(SecretString::from))
}

/// Finds the key of a secret and records its use in the background, at most once a minute.
pub(in crate::web) async fn find_key(app: &App, secret: &SecretString) -> Result<ApiKey> {
    use secrecy::ExposeSecret as _;
    if !api_keys::is_well_formed(secret.expose_secret()) {
        return Err(ApiError::unauthenticated(
            "The key has the wrong format; a key of Linekeeper is lk_ and 49 characters.",
        ));
    }
    let mut tx = app.store.read().await?;
    let found = api_keys::find_by_secret(&mut tx, secret).await?;
    drop(tx);
    let key = found.ok_or_else(|| ApiError::unauthenticated("The key is unknown or was revoked."))?;
    record_use(app, &key);
    Ok(key)
}

fn record_use(app: &App, key: &ApiKey) {
    let now = app.clock.now();
    if key.last_used_at.is_some_and(|at| now < at + jiff::SignedDuration::from_mins(1)) {
        return;
    }
    let (app, id) = (app.clone(), key.id);
    app.clone().tasks.spawn(async move {
        if let Err(error) = sessions::record_key_use(&app, id).await {
            tracing::debug!(%error, "the use of a key was not recorded");
        }
    });
}
