//! Erasure of one person from the stored webhooks of an account. The answers must never contain the person.

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

/// The person to erase.
#[derive(Default, Deserialize, utoipa::ToSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct NewErasure {
    /// A phone number in any format, or a business-scoped user id.
    #[serde(deserialize_with = "body::text")]
    #[schema(example = "+15550199999")]
    person: Option<String>,
}

/// The progress of an erasure.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct ErasureView {
    #[schema(example = "ers_0190f3a2c0de7000b000000000000001")]
    id: String,
    /// `under_way`, then `done`: no stored webhook contains the person any more.
    #[schema(example = "under_way")]
    state: &'static str,
    /// The share of stored events that were processed. It restarts when another id of the person is found.
    percent: i64,
    /// The number of deleted webhooks, which were about this person only.
    events_deleted: i64,
    /// The number of webhooks from which the person was removed.
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
/// Removes one person from all stored webhooks of the account: messages, statuses, contacts, calls, echoes, history. Data
/// of other people is kept. The erasure runs in the background; webhooks that arrive later are stored as usual.
#[utoipa::path(post, path = "/api/v1/accounts/{account_id}/erasures", tag = "Webhooks", request_body = NewErasure,
    params(("account_id" = i64, Path)),
    responses((status = 202, body = ErasureView, description = "Started"), (status = 403, body = Problem),
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

/// Show the progress of an erasure
#[utoipa::path(get, path = "/api/v1/accounts/{account_id}/erasures/{erasure_id}", tag = "Webhooks",
    params(("account_id" = i64, Path), ("erasure_id" = String, Path)),
    responses((status = 200, body = ErasureView, description = "The progress"), (status = 404, body = Problem)))]
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
