//! The table of contents of the product: every route in one list, grouped by who calls it.
//!
//! Meta's posts pass no layer at all. Everything else passes the edge (request id, log line,
//! measurement, how a failure looks), catch-panic, a deadline and security headers. Nothing below
//! this module knows HTTP.

use std::time::Duration;

use axum::Router;
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};
use tower::util::option_layer;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use tower_http::set_header::SetResponseHeaderLayer;
use tower_http::timeout::TimeoutLayer;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::App;

mod api;
mod assets;
mod auth;
mod body;
mod cards;
mod edge;
mod error;
mod error_page;
mod listener;
mod meta;
mod openapi;
mod pages;
mod paging;
mod query;
mod telemetry;
#[cfg(test)]
mod tests;
mod webhook;

pub use listener::{serve, serve_without_storing};
pub use openapi::openapi;
pub use telemetry::install as install_metrics;

/// Longer than any signup or press may take; what was begun goes on behind it.
const DEADLINE: Duration = Duration::from_mins(1);

const A_YEAR: &str = "max-age=31536000";

/// The whole product as one service.
pub fn router(app: App) -> Router {
    let meta = Router::from(for_meta()).method_not_allowed_fallback(webhook::refuse_method);
    layered(&app).merge(meta).with_state(app)
}

/// The same, but a post is verified and not kept: the ceiling of `make bench`. No command serves it.
fn router_without_storing(app: App) -> Router {
    let check = post(webhook::verify_only);
    layered(&app).route("/webhooks/whatsapp", check).with_state(app)
}

/// Everything but what Meta calls.
fn layered(app: &App) -> Router<App> {
    telemetry::install();
    let programs = for_programs().layer(from_fn_with_state(app.clone(), api::idempotency::heed_key));
    Router::new()
        .merge(programs)
        .merge(for_key_holders())
        .merge(for_operators())
        .merge(for_readers())
        .merge(for_people(app))
        .fallback(edge::not_found)
        .layer(TimeoutLayer::with_status_code(StatusCode::GATEWAY_TIMEOUT, DEADLINE))
        .layer(CatchPanicLayer::custom(edge::panicked))
        .layer(from_fn_with_state(app.clone(), edge::edge))
        .layer(always("x-content-type-options", "nosniff"))
        .layer(always("referrer-policy", "same-origin"))
        .layer(absent("cache-control", "no-store"))
        .layer(option_layer(auth::session::is_secure(app).then(|| always("strict-transport-security", A_YEAR))))
}

/// The same routes without layers, for their description.
fn documented() -> utoipa::openapi::OpenApi {
    let routes = OpenApiRouter::with_openapi(openapi::head());
    routes.merge(for_programs()).merge(for_key_holders()).merge(for_operators()).merge(for_meta()).into_openapi()
}

/// What Meta calls.
fn for_meta() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        // /webhooks/whatsapp
        .routes(routes!(webhook::shake_hands, webhook::receive_post))
        // /webhooks/whatsapp/{phone_number}
        .routes(routes!(webhook::shake_hands_for_number, webhook::receive_post_for_number))
}

/// The REST API, `/api/v1/accounts/…`.
fn for_programs() -> OpenApiRouter<App> {
    use api::{
        accounts, announcements, deliveries, endpoints, erasures, events, health, inboxes, registration, signups,
        webhook,
    };
    OpenApiRouter::new()
        // …
        .routes(routes!(accounts::list_accounts, accounts::create_account))
        // …/{account_id}/whatsapp/authorization
        .routes(routes!(signups::authorize))
        // …/{account_id}/signups
        .routes(routes!(signups::create_signup))
        // …/{account_id}/signups/{signup_id}
        .routes(routes!(signups::show_signup))
        // …/{account_id}/announcements
        .routes(routes!(announcements::list_announcements))
        // …/{account_id}/erasures
        .routes(routes!(erasures::create_erasure))
        // …/{account_id}/erasures/{erasure_id}
        .routes(routes!(erasures::show_erasure))
        // …/{account_id}/inboxes
        .routes(routes!(inboxes::list_inboxes))
        // …/{account_id}/inboxes/{id}
        .routes(routes!(inboxes::show_inbox, inboxes::rename_inbox, inboxes::delete_inbox))
        // …/{account_id}/inboxes/{id}/health
        .routes(routes!(health::show_health))
        // …/{account_id}/inboxes/{id}/health/refresh
        .routes(routes!(health::refresh_health))
        // …/{account_id}/inboxes/{id}/health/history
        .routes(routes!(health::list_health_history))
        // …/{account_id}/inboxes/{id}/register_webhook
        .routes(routes!(webhook::register_webhook))
        // …/{account_id}/inboxes/{id}/events
        .routes(routes!(events::list_events))
        // …/{account_id}/inboxes/{id}/registration
        .routes(routes!(registration::show_registration, registration::complete_registration))
        // …/{account_id}/inboxes/{id}/registration/pin
        .routes(routes!(registration::enter_pin))
        // …/{account_id}/inboxes/{id}/registration/code
        .routes(routes!(registration::request_code))
        // …/{account_id}/inboxes/{id}/registration/code/verify
        .routes(routes!(registration::verify_code))
        // …/{account_id}/inboxes/{id}/events/{event_id}/deliveries
        .routes(routes!(deliveries::show_event_deliveries))
        // …/{account_id}/endpoints/{endpoint_id}
        .routes(routes!(endpoints::show_endpoint, endpoints::change_endpoint, endpoints::delete_endpoint))
        // …/{account_id}/endpoints/{endpoint_id}/test
        .routes(routes!(deliveries::test_endpoint))
        // …/{account_id}/endpoints/{endpoint_id}/replay
        .routes(routes!(deliveries::replay_events))
        // …/{account_id}/endpoints/{endpoint_id}/deliveries
        .routes(routes!(deliveries::list_deliveries))
        // …/{account_id}/endpoints/{endpoint_id}/waiting
        .routes(routes!(deliveries::list_waiting))
        // …/{account_id}/endpoints/{endpoint_id}/dead_letters
        .routes(routes!(deliveries::list_dead_letters, deliveries::discard_dead_letters))
}

/// Whatever makes a secret, or shows an address that may hold one. No `Idempotency-Key` here: what is shown once, or
/// kept sealed, must not be kept for a second answer.
fn for_key_holders() -> OpenApiRouter<App> {
    use api::{api_keys, endpoints};
    OpenApiRouter::new()
        // …/{account_id}/api_keys
        .routes(routes!(api_keys::list_api_keys, api_keys::create_api_key))
        // …/{account_id}/api_keys/{key_id}
        .routes(routes!(api_keys::revoke_api_key))
        // …/{account_id}/endpoints
        .routes(routes!(endpoints::list_endpoints, endpoints::create_endpoint))
        // …/{account_id}/endpoints/{endpoint_id}/secret
        .routes(routes!(endpoints::rotate_endpoint_secret))
        // …/{account_id}/endpoints/{endpoint_id}/enable
        .routes(routes!(endpoints::enable_endpoint))
        // …/{account_id}/endpoints/{endpoint_id}/disable
        .routes(routes!(endpoints::disable_endpoint))
}

/// What runs beside it asks.
fn for_operators() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        // /healthz
        .routes(routes!(meta::show_liveness))
        // /readyz
        .routes(routes!(meta::show_readiness))
        // /metrics
        .routes(routes!(meta::show_metrics))
}

/// Pages.
fn for_people(app: &App) -> Router<App> {
    pages::routes()
        .layer(pages::same_site_only(app))
        .layer(CompressionLayer::new())
        .layer(absent("content-security-policy", pages::POLICY))
        .layer(always("permissions-policy", "camera=(), geolocation=(), microphone=()"))
}

/// The API's reference.
fn for_readers() -> Router<App> {
    Router::new()
        .route("/openapi.json", get(openapi::show))
        .route("/docs/errors", get(error_page::show_catalogue))
        .merge(openapi::explorer())
        .layer(CompressionLayer::new())
        .layer(absent("content-security-policy", openapi::POLICY))
}

fn always(name: &'static str, value: &'static str) -> SetResponseHeaderLayer<HeaderValue> {
    SetResponseHeaderLayer::overriding(HeaderName::from_static(name), HeaderValue::from_static(value))
}

fn absent(name: &'static str, value: &'static str) -> SetResponseHeaderLayer<HeaderValue> {
    SetResponseHeaderLayer::if_not_present(HeaderName::from_static(name), HeaderValue::from_static(value))
}

/// A text cut to so many characters, for what is shown of somebody's input.
fn shorten(text: &str, most: usize) -> String {
    text.chars().take(most).collect()
}
