//! Announcements of an account: one entry per status change, newest first.

use axum::Json;
use axum::extract::State;
use domain::ids::ChannelId;
use serde::Serialize;
use serde_json::Value;

use super::rfc3339;
use crate::App;
use crate::messages;
use crate::store::announcements::{self, Announcement};
use crate::web::error::{ApiError, Problem, Result};
use crate::web::extract::auth::{Read, TenantOf};
use crate::web::extract::paging::{List, Page};
use crate::web::extract::query::Params;

/// An announcement: one status change of a number or an endpoint.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct AnnouncementView {
    id: String,
    /// The inbox it is about; the inbox may have been deleted.
    inbox_id: Option<i64>,
    /// The kind of change as a code.
    #[schema(example = "number_live")]
    kind: String,
    title: String,
    text: String,
    /// The arguments of the sentence.
    #[schema(value_type = Object)]
    args: Value,
    /// The time of the change.
    at: String,
}

impl From<Announcement> for AnnouncementView {
    fn from(told: Announcement) -> Self {
        let message = messages::announcement(&told.kind, &told.args);
        Self {
            id: told.id.to_string(),
            inbox_id: told.channel_id.map(|id| id.0),
            kind: told.kind,
            title: message.title,
            text: message.text.to_string(),
            args: told.args,
            at: rfc3339(told.at),
        }
    }
}

/// List announcements of an account
#[utoipa::path(get, path = "/api/v1/accounts/{account_id}/announcements", tag = "Announcements",
    params(("account_id" = i64, Path), ("inbox_id" = Option<i64>, Query, description = "Only announcements about this inbox"),
        ("limit" = Option<i64>, Query, description = "1 to 200, 50 by default"),
        ("after" = Option<String>, Query, description = "`next` of the previous page")),
    responses((status = 200, body = List<AnnouncementView>, description = "Newest first"), (status = 404, body = Problem)))]
pub(crate) async fn list_announcements(
    State(app): State<App>,
    tenant: TenantOf<Read>,
    page: Page,
    params: Params,
) -> Result<Json<List<AnnouncementView>>> {
    let inbox = match params.one("inbox_id")? {
        Some(text) => Some(ChannelId(text.parse().map_err(|_| ApiError::invalid("inbox_id", "the id of an inbox"))?)),
        None => None,
    };
    let mut tx = app.store.read().await?;
    let rows = announcements::list(&mut tx, tenant.account_id, inbox, page.after()?, page.probe()).await?;
    Ok(Json(page.finish(rows, |row| row.id.to_string(), AnnouncementView::from)))
}
