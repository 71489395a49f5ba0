//! Pages for people: sign in, the list of numbers, one page per number. Rendered on the server; the
//! script only words times, looks again and spares clicks. Pages read the store and call the same
//! flows as the API.

use askama::Template;
use axum::Router;
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use tower_http::csrf::CsrfLayer;

use super::assets::{self, Addresses};
use super::auth::Principal;
use super::error::{ApiError, Result};
use crate::App;

mod actions;
mod badges;
mod forwarding;
mod icons;
mod list;
mod number;
mod number_view;
mod panels;
mod sign_in;

/// Scripts and styles come from here alone, and nothing inline.
pub(super) const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
    connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// The pages.
pub(super) fn routes() -> Router<App> {
    Router::new()
        .route("/", get(|| async { Redirect::to("/numbers") }))
        .route("/sign-in", get(sign_in::show_sign_in).post(sign_in::sign_in))
        .route("/sign-out", post(sign_in::sign_out))
        .route("/numbers", get(list::list_numbers))
        .route("/numbers/{id}", get(number::show_number))
        .route("/numbers/{id}/live", get(number::show_live))
        .route("/numbers/{id}/refresh", post(actions::refresh))
        .route("/numbers/{id}/complete", post(actions::complete_registration))
        .route("/numbers/{id}/pin", post(actions::enter_pin))
        .route("/numbers/{id}/code", post(actions::request_code))
        .route("/numbers/{id}/code/verify", post(actions::verify_code))
        .route("/numbers/{id}/webhook", post(actions::register_webhook))
        .merge(forwarding::routes())
        .route("/assets/{hash}/{name}", get(assets::show))
}

/// Refuses what another site makes a browser send, before any handler runs.
pub(super) fn same_site_only(app: &App) -> CsrfLayer {
    let origin = url::Url::parse(&app.config.public_url).map(|url| url.origin().ascii_serialization());
    let layer = CsrfLayer::new();
    // behind a proxy that rewrites Host, the public address is what browsers name
    match origin.map(|origin| layer.clone().add_trusted_origin(origin)) {
        Ok(Ok(trusting)) => trusting,
        Ok(Err(_)) | Err(_) => layer,
    }
}

/// What every page needs.
#[derive(Debug, Clone)]
pub(super) struct Layout {
    /// The page's title.
    pub(super) title: String,
    /// Where style sheet and script are.
    pub(super) assets: Addresses,
    /// The key's name, where somebody is signed in.
    pub(super) signed_in: Option<String>,
    /// What forms must carry.
    pub(super) csrf: String,
}

impl Layout {
    /// A page that needs nobody.
    pub(super) fn plain(title: &str) -> Self {
        Self { title: title.to_owned(), assets: assets::addresses(), signed_in: None, csrf: String::new() }
    }

    /// A page of somebody.
    pub(super) fn of(title: &str, principal: &Principal) -> Self {
        Self {
            signed_in: Some(principal.key.name.clone()),
            csrf: principal.csrf_token.clone().unwrap_or_default(),
            ..Self::plain(title)
        }
    }
}

/// A rendered page.
pub(super) fn page(template: &impl Template) -> Result<Response> {
    template.render().map(|text| Html(text).into_response()).map_err(ApiError::internal)
}
