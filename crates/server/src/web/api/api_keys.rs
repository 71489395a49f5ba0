//! API keys of an account. A secret is shown once, in the answer that creates it.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use secrecy::ExposeSecret as _;
use serde::{Deserialize, Serialize};

use super::rfc3339;
use crate::App;
use crate::flows::admin;
use crate::store::api_keys::{self, ApiKey, NewApiKey, Scope};
use crate::store::ids::ApiKeyId;
use crate::web::error::{ApiError, Problem, Result};
use crate::web::extract::auth::{Admin, TenantOf};
use crate::web::extract::body::Body;
use crate::web::extract::path::{NestedId, nested_id};

/// An API key without its secret.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct ApiKeyView {
    #[schema(example = "key_0190f3a2c0de7000b000000000000001")]
    id: String,
    name: String,
    /// The scope: `read`, `operate` or `admin`.
    scope: &'static str,
    created_at: String,
    /// The time of the last use, accurate to one minute.
    last_used_at: Option<String>,
    revoked_at: Option<String>,
    /// The secret; only in the answer that creates the key.
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<String>,
}

impl From<ApiKey> for ApiKeyView {
    fn from(key: ApiKey) -> Self {
        Self {
            id: key.id.to_string(),
            name: key.name,
            scope: key.scope.as_str(),
            created_at: rfc3339(key.created_at),
            last_used_at: key.last_used_at.map(rfc3339),
            revoked_at: key.revoked_at.map(rfc3339),
            secret: None,
        }
    }
}

/// All API keys of the account.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct ApiKeys {
    data: Vec<ApiKeyView>,
}

/// The data of a new API key.
#[derive(Debug, Default, Deserialize, utoipa::ToSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct NewKey {
    #[schema(example = "helpdesk")]
    name: String,
    /// The scope: `read`, `operate` or `admin`.
    #[schema(example = "operate")]
    scope: String,
}

/// List API keys of an account
#[utoipa::path(get, path = "/api/v1/accounts/{account_id}/api_keys", tag = "API keys",
    params(("account_id" = i64, Path)),
    responses((status = 200, body = ApiKeys, description = "Keys without secrets, including revoked keys"),
        (status = 404, body = Problem)))]
pub(crate) async fn list_api_keys(State(app): State<App>, tenant: TenantOf<Admin>) -> Result<Json<ApiKeys>> {
    let mut tx = app.store.read().await?;
    let found = api_keys::list(&mut tx, Some(tenant.account_id)).await?;
    Ok(Json(ApiKeys { data: found.into_iter().map(ApiKeyView::from).collect() }))
}

/// Create an API key
///
/// The secret is shown only in this answer; therefore this route ignores `Idempotency-Key`.
#[utoipa::path(post, path = "/api/v1/accounts/{account_id}/api_keys", tag = "API keys", request_body = NewKey,
    params(("account_id" = i64, Path)),
    responses((status = 201, body = ApiKeyView, description = "Created; save the secret"), (status = 404, body = Problem),
        (status = 422, body = Problem)))]
pub(crate) async fn create_api_key(
    State(app): State<App>,
    tenant: TenantOf<Admin>,
    Body(new): Body<NewKey>,
) -> Result<(StatusCode, Json<ApiKeyView>)> {
    let name = super::accounts::named(&new.name)?;
    let scope = Scope::parse(&new.scope).ok_or_else(|| ApiError::invalid("scope", "read, operate or admin"))?;
    let key = NewApiKey { account_id: Some(tenant.account_id), name: name.clone(), scope };
    let created = admin::create_api_key(&app, &key).await?;
    let view = ApiKeyView {
        id: created.id.to_string(),
        name,
        scope: scope.as_str(),
        created_at: rfc3339(created.created_at),
        last_used_at: None,
        revoked_at: None,
        secret: Some(created.secret.expose_secret().to_owned()),
    };
    Ok((StatusCode::CREATED, Json(view)))
}

/// Revoke an API key
///
/// Browser sessions that were started with the key end too.
#[utoipa::path(delete, path = "/api/v1/accounts/{account_id}/api_keys/{key_id}", tag = "API keys",
    params(("account_id" = i64, Path), ("key_id" = String, Path)),
    responses((status = 204, description = "Revoked"), (status = 404, body = Problem)))]
pub(crate) async fn revoke_api_key(
    State(app): State<App>,
    tenant: TenantOf<Admin>,
    path: NestedId,
) -> Result<StatusCode> {
    let id: ApiKeyId = nested_id(&path, "key_id", "API key")?;
    if !admin::revoke_api_key(&app, Some(tenant.account_id), id).await? {
        return Err(ApiError::not_found("API key"));
    }
    Ok(StatusCode::NO_CONTENT)
}
