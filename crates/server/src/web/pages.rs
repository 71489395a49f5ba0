//! Pages for people: sign in, the list of numbers, one number, one endpoint. Rendered on the server; the script only
//! formats times, polls for changes and prevents double clicks. Pages call the same flows as the API and must not
//! contain rules of their own.

use axum::Router;
use axum::response::Redirect;
use axum::routing::{get, post};
use tower_http::csrf::CsrfLayer;

use crate::App;

mod assets;
mod badge;
pub(super) mod error;
mod forwarding;
mod icons;
mod layout;
mod notice;
mod number;
mod numbers;
mod sign_in;

pub(super) use layout::POLICY;

/// All routes for people, without layers.
pub(super) fn routes() -> Router<App> {
    Router::new()
        .route("/", get(|| async { Redirect::to("/numbers") }))
        .route("/sign-in", get(sign_in::show_sign_in).post(sign_in::sign_in))
        .route("/sign-out", post(sign_in::sign_out))
        .route("/numbers", get(numbers::list_numbers))
        .merge(number::routes())
        .merge(forwarding::routes())
        .route("/assets/{hash}/{name}", get(assets::show))
}

/// Refuses requests that another site makes a browser send, before any handler runs.
pub(super) fn same_site_only(app: &App) -> CsrfLayer {
    let origin = url::Url::parse(&app.config.public_url).map(|url| url.origin().ascii_serialization());
    let layer = CsrfLayer::new();
    // behind a proxy that rewrites Host, browsers name the public address
    match origin.map(|origin| layer.clone().add_trusted_origin(origin)) {
        Ok(Ok(trusting)) => trusting,
        Ok(Err(_)) | Err(_) => layer,
    }
}
