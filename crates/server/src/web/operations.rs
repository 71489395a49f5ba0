//! Routes for operators: liveness, readiness and metrics.

use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use domain::health::Level;
use serde::Serialize;

use super::error::{ApiError, Code, Result};
use crate::App;
use crate::flows::readiness::{self, NotReady};
use crate::store::events::{self, quarantine};
use crate::store::{self, channels};
use strum::VariantArray as _;

/// The answer of the liveness check.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct Health {
    #[schema(example = "ok")]
    status: &'static str,
    version: &'static str,
}

const ALIVE: Health = Health { status: "ok", version: env!("CARGO_PKG_VERSION") };

/// The answer of the readiness check.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct Readiness {
    #[schema(example = "ok")]
    status: &'static str,
    version: &'static str,
    database: DatabaseView,
}

/// The size of the database and its limit.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct DatabaseView {
    /// Bytes in use, as last measured by this process.
    bytes: Option<u64>,
    /// The limit in bytes; null for no limit.
    limit_bytes: Option<u64>,
    /// `ok`, `near_limit`, or `full`: then Meta's posts are refused until events are removed.
    #[schema(example = "ok")]
    capacity: &'static str,
}

impl DatabaseView {
    fn of(app: &App) -> Self {
        let limit = app.config.retention.bounds().limit;
        Self {
            bytes: app.capacity.bytes(),
            limit_bytes: Some(limit).filter(|limit| *limit > 0),
            capacity: app.capacity.level().into_str(),
        }
    }
}

/// Check liveness of the process
#[utoipa::path(get, path = "/healthz", tag = "Operation",
    responses((status = 200, body = Health, description = "The process answers")))]
pub(crate) async fn show_liveness() -> Json<Health> {
    Json(ALIVE)
}

/// Check readiness for traffic
///
/// The database can be written, and background jobs run. 503 while the process shuts down, while the database does not
/// answer or its disk is full, and when the job runner has ended or is stuck; the body names the cause. A database that
/// has reached the limit of its size is still 200, because only Meta's webhook posts are refused.
#[utoipa::path(get, path = "/readyz", tag = "Operation",
    responses((status = 200, body = Readiness, description = "Ready for traffic"),
        (status = 503, body = super::error::Problem, description = "Not ready")))]
pub(crate) async fn show_readiness(State(app): State<App>) -> Result<Json<Readiness>> {
    let refuse = |why: NotReady| ApiError::new(Code::Unavailable, why.to_string()).with_retry_after(2);
    readiness::check(&app).await.map_err(refuse)?;
    Ok(Json(Readiness { status: ALIVE.status, version: ALIVE.version, database: DatabaseView::of(&app) }))
}

/// Show metrics for Prometheus
#[utoipa::path(get, path = "/metrics", tag = "Operation",
    responses((status = 200, body = String, content_type = "text/plain", description = "Prometheus text")))]
pub(crate) async fn show_metrics(State(app): State<App>) -> Response {
    app.metrics.request_body_bytes(app.bodies.reserved());
    if let Err(error) = measure(&app).await
        && !error.is_retryable()
    {
        tracing::warn!("metrics lack what the database knows: {}", error.chain());
    }
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], app.metrics.render()).into_response()
}

/// Sets the gauges that are read from the database.
async fn measure(app: &App) -> std::result::Result<(), store::Error> {
    let mut tx = app.store.read().await?;
    let counted = channels::count_by_level(&mut tx).await?;
    // a level without numbers is zero, not missing
    for level in Level::VARIANTS {
        let is_it = |word: &str| word == level.into_str() || (word.is_empty() && *level == Level::Unknown);
        let count: i64 = counted.iter().filter(|(word, _)| is_it(word)).map(|(_, count)| count).sum();
        app.metrics.numbers(level.into_str(), count);
    }
    let backlog = events::backlog(&mut tx).await?;
    let oldest = backlog.oldest.map_or(0.0, |oldest| app.clock.now().duration_since(oldest).as_secs_f64());
    app.metrics.events_to_interpret(backlog.count, oldest);
    app.metrics.unreadable(quarantine::count(&mut tx).await?, app.store.unreadable_rows());
    Ok(())
}
