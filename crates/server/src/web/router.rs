//! The table of routes, grouped by caller, and the layers each group passes.
//!
//! Meta's webhook posts pass no layer. Every other request passes [`mod@middleware`] (request id, log line, metrics,
//! rendering of failures), panic handling, a deadline and security headers. Handlers live in the other files; this
//! file must not contain any.

use std::sync::OnceLock;
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

use super::{api, middleware, openapi, operations, pages, session, webhook};
use crate::App;

/// A signup or a registration takes less; work that was started continues after a timeout.
const DEADLINE: Duration = Duration::from_mins(1);

const ONE_YEAR: &str = "max-age=31536000";

/// The whole product as one service.
pub fn router(app: App) -> Router {
    // people write the address into Meta's dashboard by hand, with a slash at its end too
    let with_slash = Router::new()
        .route("/webhooks/whatsapp/", get(webhook::verify_subscription).post(webhook::receive_post))
        .route(
            "/webhooks/whatsapp/{phone_number}/",
            get(webhook::verify_subscription_of_number).post(webhook::receive_post_for_number),
        );
    let meta = Router::from(for_meta()).merge(with_slash).method_not_allowed_fallback(webhook::refuse_method);
    layered(&app).merge(meta).with_state(app)
}

/// The same service, except that Meta's posts are verified and not stored: the upper bound that `make bench` compares
/// the product with. No command of the program serves it.
pub(super) fn router_without_storing(app: App) -> Router {
    let check = post(webhook::verify_only);
    layered(&app).route("/webhooks/whatsapp", check).with_state(app)
}

/// All routes except Meta's webhook, with their layers.
fn layered(app: &App) -> Router<App> {
    let programs = for_programs().layer(from_fn_with_state(app.clone(), api::idempotency::heed_key));
    Router::new()
        .merge(programs)
        .merge(for_key_holders())
        .merge(for_operators())
        .merge(for_readers())
        .merge(for_people(app))
        .fallback(middleware::not_found)
        .layer(TimeoutLayer::with_status_code(StatusCode::GATEWAY_TIMEOUT, DEADLINE))
        .layer(CatchPanicLayer::custom(middleware::panicked))
        .layer(from_fn_with_state(app.clone(), middleware::observe))
        .layer(always("x-content-type-options", "nosniff"))
        .layer(always("referrer-policy", "same-origin"))
        .layer(absent("cache-control", "no-store"))
        .layer(option_layer(session::is_secure(app).then(|| always("strict-transport-security", ONE_YEAR))))
}

/// The OpenAPI description of every documented route; `linekeeper openapi` prints it.
pub fn openapi_document() -> utoipa::openapi::OpenApi {
    let routes = OpenApiRouter::with_openapi(openapi::head());
    routes.merge(for_programs()).merge(for_key_holders()).merge(for_operators()).merge(for_meta()).into_openapi()
}

fn openapi_json() -> &'static str {
    static TEXT: OnceLock<String> = OnceLock::new();
    TEXT.get_or_init(|| openapi_document().to_pretty_json().unwrap_or_default())
}

/// The webhook that Meta calls.
fn for_meta() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        // /webhooks/whatsapp
        .routes(routes!(webhook::verify_subscription, webhook::receive_post))
        // /webhooks/whatsapp/{phone_number}
        .routes(routes!(webhook::verify_subscription_of_number, webhook::receive_post_for_number))
}

/// The REST API, `/api/v1/accounts/…`.
fn for_programs() -> OpenApiRouter<App> {
    use api::{
        accounts, announcements, app_callback, deliveries, endpoints, erasures, events, health, inboxes, registration,
        signups, webhook,
    };
    OpenApiRouter::new()
        // …
        .routes(routes!(accounts::list_accounts, accounts::create_account))
        // /api/v1/app_callback
        .routes(routes!(app_callback::show_app_callback))
        // /api/v1/app_callback/take_over
        .routes(routes!(app_callback::take_over_app_callback))
        // …/{account_id}/whatsapp/authorization
        .routes(routes!(signups::authorize))
        // …/{account_id}/signups
        .routes(routes!(signups::list_signups, signups::create_signup))
        // …/{account_id}/signups/{signup_id}
        .routes(routes!(signups::show_signup, signups::continue_signup, signups::revoke_signup))
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
        // …/{account_id}/endpoints/{endpoint_id}/retrying
        .routes(routes!(deliveries::list_retrying))
        // …/{account_id}/endpoints/{endpoint_id}/dead_letters
        .routes(routes!(deliveries::list_dead_letters, deliveries::discard_dead_letters))
}

/// Routes that create a secret or show an address that may contain one. They take no `Idempotency-Key`: an answer with
/// a secret must not be stored in order to repeat it.
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

/// Liveness, readiness and metrics.
fn for_operators() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        // /healthz
        .routes(routes!(operations::show_liveness))
        // /readyz
        .routes(routes!(operations::show_readiness))
        // /metrics
        .routes(routes!(operations::show_metrics))
}

/// The pages for people.
fn for_people(app: &App) -> Router<App> {
    pages::routes()
        .layer(pages::same_site_only(app))
        .layer(CompressionLayer::new())
        .layer(absent("content-security-policy", pages::POLICY))
        .layer(always("permissions-policy", "camera=(), geolocation=(), microphone=()"))
}

/// The API's reference: description, explorer and error codes.
fn for_readers() -> Router<App> {
    Router::new()
        .route("/openapi.json", get(|| async { openapi::show(openapi_json()) }))
        .route("/docs/errors", get(pages::error::show_catalogue))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_committed_description_is_current() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/openapi.json");
        let committed = std::fs::read_to_string(path).unwrap_or_default();
        assert!(
            committed.trim() == openapi_json().trim(),
            "docs/openapi.json is not what the code says; run: linekeeper openapi > docs/openapi.json"
        );
    }

    #[test]
    fn every_operation_says_what_it_is() {
        let document = serde_json::to_value(openapi_document()).unwrap();
        assert_eq!(document["openapi"], "3.1.0");
        for (path, item) in document["paths"].as_object().unwrap() {
            for (method, operation) in item.as_object().unwrap() {
                assert!(operation["summary"].is_string(), "{method} {path} has no summary");
                assert!(operation["tags"][0].is_string(), "{method} {path} has no tag");
            }
        }
    }
}
