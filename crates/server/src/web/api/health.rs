//! Health of a number: the current state, a refresh on demand, and the history.

use axum::Json;
use axum::extract::State;
use serde::Serialize;

use super::health_view::HealthView;
use super::rfc3339;
use crate::App;
use crate::flows::health;
use crate::store::snapshots::{self, HistoryEntry};
use crate::web::completion::run_to_completion;
use crate::web::error::{Problem, Result};
use crate::web::extract::auth::{ChannelOf, Operate, Read};
use crate::web::extract::paging::{List, Page};

/// Show the health of a number
///
/// Reads the number at Meta if the stored reading is older than 60 seconds. If Meta fails and a reading exists, the answer is
/// that reading with `health_checked_at` and `health_error`.
#[utoipa::path(get, path = "/api/v1/accounts/{account_id}/inboxes/{id}/health", tag = "Health",
    params(("account_id" = i64, Path), ("id" = i64, Path)),
    responses((status = 200, body = HealthView, description = "The origin's members and ours"),
        (status = 404, body = Problem), (status = 422, body = Problem, description = "Meta failed and no reading is stored")))]
pub(crate) async fn show_health(State(app): State<App>, on: ChannelOf<Read>) -> Result<Json<HealthView>> {
    let worker = app.clone();
    let view = run_to_completion(&app, async move { health::fresh(&worker, &on.channel).await }).await??;
    Ok(Json(HealthView::new(&view)))
}

/// Refresh the health of a number
///
/// Reads the number at Meta now.
#[utoipa::path(post, path = "/api/v1/accounts/{account_id}/inboxes/{id}/health/refresh", tag = "Health",
    params(("account_id" = i64, Path), ("id" = i64, Path)),
    responses((status = 200, body = HealthView, description = "The current health"), (status = 404, body = Problem),
        (status = 422, body = Problem)))]
pub(crate) async fn refresh_health(State(app): State<App>, on: ChannelOf<Operate>) -> Result<Json<HealthView>> {
    let worker = app.clone();
    let view = run_to_completion(&app, async move { health::refresh(&worker, &on.channel).await }).await??;
    Ok(Json(HealthView::new(&view)))
}

/// The facts and the level from one instant until the next entry.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct HistoryView {
    id: String,
    /// The begin of the period.
    at: String,
    level: String,
    name_status: Option<String>,
    status: Option<String>,
    platform_type: Option<String>,
    throughput_level: Option<String>,
    quality_rating: Option<String>,
    messaging_limit_tier: Option<String>,
    code_verification_status: Option<String>,
}

impl From<HistoryEntry> for HistoryView {
    fn from(entry: HistoryEntry) -> Self {
        let reading = entry.reading;
        Self {
            id: entry.id.to_string(),
            at: rfc3339(entry.at),
            level: entry.level,
            name_status: reading.name_status.map(|word| word.to_string()),
            status: reading.status.map(|word| word.to_string()),
            platform_type: reading.platform_type.map(|word| word.to_string()),
            throughput_level: reading.throughput.map(|word| word.to_string()),
            quality_rating: reading.quality_rating.map(|word| word.to_string()),
            messaging_limit_tier: reading.portfolio_limit.or(reading.messaging_limit_tier).map(|word| word.to_string()),
            code_verification_status: reading.code_verification.map(|word| word.to_string()),
        }
    }
}

/// List the health history of a number
#[utoipa::path(get, path = "/api/v1/accounts/{account_id}/inboxes/{id}/health/history", tag = "Health",
    params(("account_id" = i64, Path), ("id" = i64, Path),
        ("limit" = Option<i64>, Query, description = "1 to 200, 50 by default"),
        ("after" = Option<String>, Query, description = "`next` of the previous page")),
    responses((status = 200, body = List<HistoryView>, description = "Newest first; an entry per change"),
        (status = 404, body = Problem)))]
pub(crate) async fn list_health_history(
    State(app): State<App>,
    on: ChannelOf<Read>,
    page: Page,
) -> Result<Json<List<HistoryView>>> {
    let mut tx = app.store.read().await?;
    let rows = snapshots::history(&mut tx, on.channel.id, page.after()?, page.probe()).await?;
    Ok(Json(page.finish(rows, |row| row.id.to_string(), HistoryView::from)))
}
