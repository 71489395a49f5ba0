//! Stored webhooks of a number, without their bodies.

use axum::Json;
use axum::extract::State;
use serde::Serialize;

use super::rfc3339;
use crate::App;
use crate::store::events::{self, EventState, StoredEvent};
use crate::web::error::{Problem, Result};
use crate::web::extract::auth::{ChannelOf, Read};
use crate::web::extract::paging::{List, Page};

/// A stored webhook without its body.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct EventView {
    #[schema(example = "evt_12")]
    id: String,
    /// The field of Meta's webhook, such as `messages`.
    field: String,
    waba_id: Option<String>,
    phone_number_id: Option<String>,
    /// The state: `kept`, `to_interpret`, `interpreted`, or `quarantined`: its body cannot be read.
    state: &'static str,
    received_at: String,
}

impl From<StoredEvent> for EventView {
    fn from(event: StoredEvent) -> Self {
        let state = match event.state {
            EventState::Stored => "kept",
            EventState::ToInterpret => "to_interpret",
            EventState::Interpreted => "interpreted",
            EventState::Quarantined => "quarantined",
        };
        Self {
            id: event.id.to_string(),
            field: event.field,
            waba_id: event.waba_id.map(|id| id.0),
            phone_number_id: event.phone_number_id.map(|id| id.0),
            state,
            received_at: rfc3339(event.received_at),
        }
    }
}

/// List stored webhooks of an inbox
#[utoipa::path(get, path = "/api/v1/accounts/{account_id}/inboxes/{id}/events", tag = "Webhooks",
    params(("account_id" = i64, Path), ("id" = i64, Path),
        ("limit" = Option<i64>, Query, description = "1 to 200, 50 by default"),
        ("after" = Option<String>, Query, description = "`next` of the previous page")),
    responses((status = 200, body = List<EventView>, description = "Newest first"), (status = 404, body = Problem)))]
pub(crate) async fn list_events(
    State(app): State<App>,
    on: ChannelOf<Read>,
    page: Page,
) -> Result<Json<List<EventView>>> {
    let mut tx = app.store.read().await?;
    let rows = events::list(&mut tx, on.channel.account_id, on.channel.id, page.after()?, page.probe()).await?;
    Ok(Json(page.finish(rows, |row| row.id.to_string(), EventView::from)))
}
