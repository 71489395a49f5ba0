//! Browser sessions: created from an API key, identified by a cookie that scripts cannot read. The database stores only
//! the hash of the cookie.

use axum::http::HeaderMap;
use axum_extra::extract::cookie::{Cookie, CookieJar, SameSite};
use secrecy::{ExposeSecret as _, SecretString};

use super::error::{ApiError, Code, Result};
use crate::App;
use crate::flows::sessions;
use crate::store::api_keys::ApiKey;
use crate::store::sessions::{self as stored, Session};

/// Whether the public address uses HTTPS, so that the cookie can be `Secure`.
pub(in crate::web) fn is_secure(app: &App) -> bool {
    app.config.public_url.starts_with("https://")
}

fn cookie_name(app: &App) -> &'static str {
    if is_secure(app) { "__Host-linekeeper" } else { "linekeeper" }
}

fn cookie(app: &App, value: String) -> Cookie<'static> {
    Cookie::build((cookie_name(app), value))
        .path("/")
        .http_only(true)
        .same_site(SameSite::Lax)
        .secure(is_secure(app))
        .build()
}

fn token_of(app: &App, headers: &HeaderMap) -> Option<SecretString> {
    let jar = CookieJar::from_headers(headers);
    jar.get(cookie_name(app)).map(|cookie| SecretString::from(cookie.value()))
}

/// The valid session of a request's cookie.
pub(in crate::web) async fn of_request(app: &App, headers: &HeaderMap) -> Result<Option<Session>> {
    let Some(token) = token_of(app, headers) else { return Ok(None) };
    let mut tx = app.store.read().await?;
    Ok(stored::find(&mut tx, &token, app.clock.now()).await?)
}

/// Creates a session for a key and returns its cookie.
pub(in crate::web) async fn begin(app: &App, key: &ApiKey) -> Result<Cookie<'static>> {
    let token = sessions::start(app, key.id).await?;
    let mut cookie = cookie(app, token.expose_secret().to_owned());
    // the database limits the lifetime, not the browser
    cookie.make_permanent();
    Ok(cookie)
}

/// Deletes the session of a request and returns the cookie that removes it from the browser.
pub(in crate::web) async fn end(app: &App, headers: &HeaderMap) -> Result<Cookie<'static>> {
    if let Some(token) = token_of(app, headers) {
        sessions::end(app, &token).await?;
    }
    let mut cookie = cookie(app, String::new());
    cookie.make_removal();
    Ok(cookie)
}

/// Checks the token of a form or script against the session's, in constant time.
pub(in crate::web) fn check_csrf(expected: &str, given: &str) -> Result<()> {
    let is_same = aws_lc_rs::constant_time::verify_slices_are_equal(expected.as_bytes(), given.as_bytes()).is_ok();
    if is_same && !expected.is_empty() {
        return Ok(());
    }
    Err(ApiError::new(Code::Csrf, "Reload the page and try again; the form did not contain the token of this session."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_sessions_own_token_passes() {
        assert!(check_csrf("abc", "abc").is_ok());
        assert!(check_csrf("abc", "abd").is_err());
        assert!(check_csrf("abc", "").is_err());
        assert!(check_csrf("", "").is_err());
    }
}
