//! Whether this process can do its work: its job runner is alive, and the database can be written. Reading would prove
//! little: a full disk, a removed file and a standby server can all be read.

use std::time::{Duration, Instant};

use crate::App;
use crate::runtime::liveness::NotAlive;
use crate::store::{self, settings};

/// How long one proof that the database can be written counts: whoever asks more often causes no more writes.
const PROOF_LIFETIME: Duration = Duration::from_secs(1);

/// How long the database may take to write.
const WRITE_DEADLINE: Duration = Duration::from_secs(2);

/// The setting that is written.
const PROBE: &str = "readiness_probe";

/// Why a process is not ready. The text is shown to strangers: it names the cause and no detail of it.
#[derive(Debug, thiserror::Error)]
pub enum NotReady {
    #[error("It is shutting down.")]
    ShuttingDown,
    #[error("The job runner {0}.")]
    Runner(NotAlive),
    #[error("The database does not answer.")]
    Silent,
    #[error("The database cannot be written; the log names the cause.")]
    NotWritable(#[source] store::Error),
}

/// Fails while the process cannot do its work.
pub async fn check(app: &App) -> Result<(), NotReady> {
    if app.shutdown.is_cancelled() {
        return Err(NotReady::ShuttingDown);
    }
    app.runner.check().map_err(NotReady::Runner)?;
    match tokio::time::timeout(WRITE_DEADLINE, prove_writable(app)).await {
        Ok(proven) => proven.map_err(NotReady::NotWritable),
        Err(_) => Err(NotReady::Silent),
    }
}

/// Writes one row, unless one was written a moment ago. One caller at a time writes; the others share its proof.
async fn prove_writable(app: &App) -> Result<(), store::Error> {
    let mut proven_at = app.writable_at.lock().await;
    if proven_at.is_some_and(|at| at.elapsed() < PROOF_LIFETIME) {
        return Ok(());
    }
    let now = app.clock.now();
    let mut tx = app.store.write().await?;
    settings::set(&mut tx, PROBE, "", now).await?;
    tx.commit().await?;
    *proven_at = Some(Instant::now());
    Ok(())
}
