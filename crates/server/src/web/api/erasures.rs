//! Erasing one person out of what an account keeps: asked for, done behind, followed here. Who it is
//! is never answered.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};

use super::rfc3339;
use crate::App;
use crate::flows::erasure::{self, Driver};
use crate::store::erasures::{self, Erasure};
use crate::store::ids::ErasureId;
use crate::web::error::{ApiError, Problem, Result};
use crate::web::extract::auth::{Admin, TenantOf};
use crate::web::extract::body::{self, Body};
use crate::web::extract::path::{NestedId, nested_id};

/// Whom to erase.
#[derive(Default, Deserialize, utoipa::ToSchema)]
#[serde(default)]
pub(crate) struct NewErasure {
    /// A phone number, however it is written, or a business-scoped user id.
    #[serde(deserialize_with = "body::text")]
    #[schema(example = "+15550199999")]
    person: Option<String>,
}

/// How far an erasure is.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct ErasureView {
    #[schema(example = "ers_0190f3a2c0de7000b000000000000001")]
    id: String,
    /// `under_way`, then `done`: nothing kept names the person any more.
    #[schema(example = "under_way")]
    state: &'static str,
    /// How much of the kept events was looked at. It begins anew where ids of the person were learnt.
    percent: i64,
    /// Kept webhooks that were about nobody else.
    events_deleted: i64,
    /// Kept webhooks that were about others too, and are now about them alone.
    events_rewritten: i64,
    created_at: String,
    finished_at: Option<String>,
}

impl From<Erasure> for ErasureView {
    fn from(it: Erasure) -> Self {
        Self {
            id: it.id.to_string(),
            state: if it.finished_at.is_some() { "done" } else { "under_way" },
            percent: it.percent(),
            events_deleted: it.deleted,
            events_rewritten: it.rewritten,
            created_at: rfc3339(it.created_at),
            finished_at: it.finished_at.map(rfc3339),
        }
    }
}

/// Erase a person
///
/// Takes one person out of every webhook that is kept for this account: messages, statuses, contacts,
/// calls, echoes, history. What others said stays. It runs behind; what Meta sends afterwards is kept
/// like anything else.
#[utoipa::path(post, path = "/api/v1/accounts/{account_id}/erasures", tag = "Webhooks", request_body = NewErasure,
    params(("account_id" = i64, Path)),
    responses((status = 202, body = ErasureView, description = "Begun"), (status = 403, body = Problem),
        (status = 404, body = Problem), (status = 422, body = Problem)))]
pub(crate) async fn create_erasure(
    State(app): State<App>,
    tenant: TenantOf<Admin>,
    Body(new): Body<NewErasure>,
) -> Result<(StatusCode, Json<ErasureView>)> {
    let person = new.person.unwrap_or_default();
    let it = erasure::start(&app, tenant.account_id, &person, Driver::Job).await?;
    Ok((StatusCode::ACCEPTED, Json(it.into())))
}

/// Show an erasure
#[utoipa::path(get, path = "/api/v1/accounts/{account_id}/erasures/{erasure_id}", tag = "Webhooks",
    params(("account_id" = i64, Path), ("erasure_id" = String, Path)),
    responses((status = 200, body = ErasureView, description = "How far it is"), (status = 404, body = Problem)))]
pub(crate) async fn show_erasure(
    State(app): State<App>,
    tenant: TenantOf<Admin>,
    path: NestedId,
) -> Result<Json<ErasureView>> {
    let id: ErasureId = nested_id(&path, "erasure_id", "erasure")?;
    let mut tx = app.store.read().await?;
    let found = erasures::find(&mut tx, id).await?.filter(|it| it.account_id == tenant.account_id);
    found.map(|it| Json(it.into())).ok_or_else(|| ApiError::not_found("erasure"))
}
