//! Work that must finish even when the caller closes the connection.

use super::error::{ApiError, Result};
use crate::App;

/// Runs `work` as a task of the process, so that a call to Meta that was started is also settled after the caller
/// disconnects. A panic of `work` becomes an internal error.
pub(super) async fn run_to_completion<T, F>(app: &App, work: F) -> Result<T>
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    use tracing::Instrument as _;
    app.tasks.spawn(work.in_current_span()).await.map_err(ApiError::internal)
}
