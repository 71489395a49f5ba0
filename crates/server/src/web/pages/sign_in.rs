//! Sign in with an API key, and sign out.

use askama::Template;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use axum_extra::extract::cookie::CookieJar;
use jiff::SignedDuration;
use secrecy::SecretString;

use super::layout::{Layout, page};
use crate::App;
use crate::web::error::{ApiError, Code, Result};
use crate::web::extract::auth::find_key;
use crate::web::extract::client_address::ClientNetwork;
use crate::web::extract::form::Fields;
use crate::web::extract::query::Params;
use crate::web::session;

#[derive(Template)]
#[template(path = "sign_in.html")]
struct SignInPage {
    layout: Layout,
    next: String,
    error: Option<String>,
}

/// The form; a signed-in reader is redirected.
pub(super) async fn show_sign_in(State(app): State<App>, headers: HeaderMap, params: Params) -> Result<Response> {
    let next = local(Some(params.first("next")));
    if session::of_request(&app, &headers).await?.is_some() {
        return Ok(Redirect::to(&next).into_response());
    }
    page(&SignInPage { layout: Layout::plain("Sign in"), next, error: None })
}

/// Checks the key and creates a session. Wrong keys are counted by the caller's address.
pub(super) async fn sign_in(
    State(app): State<App>,
    ClientNetwork(caller): ClientNetwork,
    request: Request,
) -> Result<Response> {
    let now = app.clock.now();
    app.sign_ins.try_acquire(caller, now).map_err(|until| {
        // rounded up: a caller that comes back a moment early is refused again
        let wait = until.duration_since(now) + SignedDuration::from_millis(999);
        let seconds = u64::try_from(wait.as_secs()).unwrap_or(1);
        let text = format!("Too many wrong keys came from this address. Try again in {seconds} seconds.");
        ApiError::new(Code::TooManyAttempts, text).with_retry_after(seconds)
    })?;
    let (parts, body) = request.into_parts();
    let fields = Fields::read(&parts.headers, body, &app).await?;
    let next = local(fields.get("next"));
    let secret = SecretString::from(fields.get("key").unwrap_or_default());
    match find_key(&app, &secret).await {
        Ok(key) => {
            app.sign_ins.refund(&caller);
            let cookie = session::begin(&app, &key).await?;
            Ok((CookieJar::new().add(cookie), Redirect::to(&next)).into_response())
        }
        Err(error) if error.code() == Code::Unauthenticated => {
            let error = Some(error.detail().to_owned());
            let shown = page(&SignInPage { layout: Layout::plain("Sign in"), next, error })?;
            Ok((StatusCode::UNPROCESSABLE_ENTITY, shown).into_response())
        }
        Err(error) => Err(error),
    }
}

/// Ends the session. The form needs no token: another site cannot send it and would gain nothing.
pub(super) async fn sign_out(State(app): State<App>, headers: HeaderMap) -> Result<Response> {
    let removal = session::end(&app, &headers).await?;
    Ok((CookieJar::new().add(removal), Redirect::to("/sign-in")).into_response())
}

/// A path on this server, never another site. Browsers remove tabs and line ends from an address before they parse it,
/// and no other control character is valid in a header.
fn local(next: Option<&str>) -> String {
    let next = next.unwrap_or_default();
    let is_local =
        next.starts_with('/') && !next.starts_with("//") && !next.contains(|c: char| c == '\\' || c.is_control());
    if is_local { next.to_owned() } else { "/numbers".to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_local_addresses_are_redirect_targets() {
        assert_eq!(local(Some("/numbers/7")), "/numbers/7");
        let tricks = [Some("/\t/evil.example"), Some("/a\0"), Some("/\r\n/evil.example"), Some("/\u{85}")];
        let plain = [None, Some("https://evil.example"), Some("//evil.example"), Some("/\\evil.example"), Some("")];
        for foreign in tricks.into_iter().chain(plain) {
            assert_eq!(local(foreign), "/numbers", "{foreign:?}");
        }
    }
}
