//! Measures the size of the database and reports when its level changes. What follows from a full
//! database is up to the receiver of posts.

use std::time::Duration;

use domain::capacity::StorageLevel;

use crate::App;
use crate::store::{self, size};

/// How often the size is measured. A flood of 20 MB a second exceeds the limit by 200 MB.
const MEASURE_INTERVAL: Duration = Duration::from_secs(10);

/// Measures until the app stops. Every process measures for itself, since every one receives posts.
pub async fn watch(app: App) {
    while !app.shutdown.is_cancelled() {
        if let Err(error) = measure(&app).await
            && !error.is_retryable()
        {
            tracing::warn!("the size of the database could not be measured: {}", error.chain());
        }
        tokio::select! {
            () = tokio::time::sleep(MEASURE_INTERVAL) => {}
            () = app.shutdown.cancelled() => {}
        }
    }
}

/// Measures once, and logs a change of the level.
pub async fn measure(app: &App) -> Result<StorageLevel, store::Error> {
    let mut tx = app.store.read().await?;
    let bytes = size::bytes_in_use(&mut tx).await?;
    drop(tx);
    let bounds = app.config.retention.bounds();
    app.metrics.database_size(bytes, bounds.limit);
    let (before, after) = app.capacity.record(bounds, bytes);
    if before != after {
        let limit = bounds.limit;
        match after {
            StorageLevel::Full => tracing::error!(
                bytes,
                limit,
                "the database is full: Meta's posts are refused, and Meta sends them again for up to seven days; \
                 lower retention.days or raise retention.max_gigabytes"
            ),
            StorageLevel::NearLimit => tracing::warn!(bytes, limit, "the database is near its limit"),
            StorageLevel::Ok => tracing::info!(bytes, limit, "the database is below its warning level again"),
        }
    }
    Ok(after)
}
