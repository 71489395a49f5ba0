//! The OpenAPI document of the API and its explorer; both are served to everybody.

use axum::Router;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{ComponentsBuilder, InfoBuilder, LicenseBuilder, OpenApi, OpenApiBuilder, SecurityRequirement};

use crate::App;

/// Content security policy of the explorer, which sets inline styles; scripts come from this server only.
pub(super) const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
    img-src 'self' data:; font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const ABOUT: &str = "Brings WhatsApp Business numbers live and keeps them live.\n\n\
    Authenticate with `Authorization: Bearer lk_…` or the header `api_access_token`. A key has a scope (`read`, \
    `operate`, `admin`) and accesses only its account. An unknown or foreign entity is 404, a scope that is too low 403.\n\n\
    Errors are problem documents (RFC 9457) with a closed `code` ([the list](/docs/errors)) and the origin's \
    `error`. POST takes an `Idempotency-Key`. Lists page with `limit` and `after`. Times are RFC 3339.";

/// The head of the document: title, description and security schemes.
pub(super) fn head() -> OpenApi {
    let info = InfoBuilder::new()
        .title("Linekeeper")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(ABOUT))
        .license(Some(LicenseBuilder::new().name("Apache-2.0").identifier(Some("Apache-2.0")).build()))
        .build();
    let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some("A key: `lk_…`")).build();
    let header = ApiKey::Header(ApiKeyValue::new("api_access_token"));
    let components = ComponentsBuilder::new()
        .security_scheme("key", SecurityScheme::Http(bearer))
        .security_scheme("origin_key", SecurityScheme::ApiKey(header))
        .build();
    let nothing: [&str; 0] = [];
    OpenApiBuilder::new()
        .info(info)
        .components(Some(components))
        .security(Some([SecurityRequirement::new("key", nothing), SecurityRequirement::new("origin_key", nothing)]))
        .build()
}

/// `GET /openapi.json`: the OpenAPI document.
pub(super) fn show(description: &'static str) -> Response {
    ([(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "no-cache")], description).into_response()
}

/// `GET /docs`: the embedded explorer.
pub(super) fn explorer() -> Router<App> {
    let config = utoipa_swagger_ui::Config::from("/openapi.json").try_it_out_enabled(true);
    utoipa_swagger_ui::SwaggerUi::new("/docs").config(config).into()
}
