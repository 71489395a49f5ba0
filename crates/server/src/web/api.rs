//! The REST API under `/api/v1`: one file per noun. Views are structs here, never domain types.

use axum::extract::Path;
use jiff::Timestamp;

use super::error::{ApiError, Result};
use crate::App;

pub(super) mod accounts;
pub(super) mod announcements;
pub(super) mod api_keys;
pub(super) mod deliveries;
pub(super) mod endpoint_view;
pub(super) mod endpoints;
pub(super) mod erasures;
pub(super) mod events;
pub(super) mod health;
pub(super) mod health_view;
pub(super) mod idempotency;
pub(super) mod inboxes;
pub(super) mod registration;
pub(super) mod registration_view;
pub(super) mod signups;
pub(super) mod webhook;

/// RFC 3339.
fn rfc3339(at: Timestamp) -> String {
    at.to_string()
}

/// The last id of a path of three: `accounts/{account_id}/<noun>/{<noun>_id}`.
pub(super) type NestedId = Path<std::collections::HashMap<String, String>>;

pub(super) fn nested_id<T: std::str::FromStr>(Path(params): &NestedId, name: &str, noun: &str) -> Result<T> {
    params.get(name).and_then(|text| text.parse().ok()).ok_or_else(|| ApiError::not_found(noun))
}

/// Runs to its end even when the caller hangs up: a call to Meta that was begun is settled.
pub(super) async fn to_the_end<T, F>(app: &App, work: F) -> Result<T>
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    use tracing::Instrument as _;
    app.tasks.spawn(work.in_current_span()).await.map_err(ApiError::internal)
}
