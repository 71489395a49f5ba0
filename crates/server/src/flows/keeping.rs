//! How long and how much is kept: removes what is old, in small bites between which others write, and
//! watches the size of the database. What waits to be interpreted is never removed, however old; what an
//! endpoint has yet to get is kept for as long again.

use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::time::Duration;

use domain::capacity::{Bounds, Stage};
use jiff::{SignedDuration, Timestamp};

use super::{FlowError, Next, PAUSE};
use crate::App;
use crate::store::deliveries::{self, attempts};
use crate::store::events::Ages;
use crate::store::ids::{EndpointId, EventId};
use crate::store::{self, announcements, endpoints, events, graph_usage, idempotency, keys, settings, size, snapshots};

/// How many events one transaction looks at: some milliseconds in which no post can be stored.
const BITE: i64 = 400;

/// How many bites one run takes; well within a job's lease.
const BITES: usize = 500;

/// How often the size is measured. A flood of 20 MB a second passes the limit by 200 MB.
const MEASURE_EVERY: Duration = Duration::from_secs(10);

/// How often everything but events is looked through, and how long it is kept.
const TIDY_EVERY: SignedDuration = SignedDuration::from_hours(6);
const ANSWERS_KEPT: SignedDuration = SignedDuration::from_hours(48);
const TOLD_KEPT: SignedDuration = SignedDuration::from_hours(90 * 24);

/// Where a run ended that did not come to the end, so that the next goes on there: what is owed may be more than one
/// run looks at. JSON.
const LOOKED_TO: &str = "keeping_looked_to";

/// When everything but events was last looked through; JSON.
const TIDIED_AT: &str = "tidied_at";

/// What this process knows of the room that is left; read for every post.
#[derive(Debug, Default)]
pub struct Room {
    bytes: AtomicU64,
    stage: AtomicU8,
}

impl Room {
    /// The bytes in use as last measured; `None` before the first time.
    pub fn bytes(&self) -> Option<u64> {
        Some(self.bytes.load(Ordering::Relaxed)).filter(|bytes| *bytes > 0)
    }

    /// How full it is.
    pub fn stage(&self) -> Stage {
        match self.stage.load(Ordering::Relaxed) {
            2 => Stage::Full,
            1 => Stage::NearlyFull,
            _ => Stage::Plenty,
        }
    }

    /// Takes a measurement in; the stages before and after.
    fn note(&self, bounds: Bounds, bytes: u64) -> (Stage, Stage) {
        let before = self.stage();
        let after = bounds.stage(before, bytes);
        self.bytes.store(bytes, Ordering::Relaxed);
        self.stage.store(after as u8, Ordering::Relaxed);
        (before, after)
    }
}

/// Measures from now on until the app stops: every process for itself, since every one takes posts.
pub async fn watch(app: App) {
    while !app.shutdown.is_cancelled() {
        if let Err(error) = measure(&app).await {
            tracing::warn!(%error, "the size of the database could not be measured");
        }
        tokio::select! {
            () = tokio::time::sleep(MEASURE_EVERY) => {}
            () = app.shutdown.cancelled() => {}
        }
    }
}

/// Measures once, and says so when the answer is another than before.
#[expect(clippy::cast_precision_loss, reason = "a gauge is a float; sizes stay below 2^52")]
pub async fn measure(app: &App) -> Result<Stage, store::Error> {
    let mut tx = app.store.read().await?;
    let bytes = size::bytes_in_use(&mut tx).await?;
    drop(tx);
    let bounds = app.config.keeping.bounds();
    metrics::gauge!("linekeeper_database_bytes").set(bytes as f64);
    metrics::gauge!("linekeeper_database_limit_bytes").set(bounds.limit as f64);
    let (before, after) = app.room.note(bounds, bytes);
    if before != after {
        let limit = bounds.limit;
        match after {
            Stage::Full => tracing::error!(
                bytes,
                limit,
                "the database is full: Meta's posts are refused, and Meta sends them again for up to seven days; \
                 lower keeping.days or raise keeping.max_gigabytes"
            ),
            Stage::NearlyFull => tracing::warn!(bytes, limit, "the database is nearly full"),
            Stage::Plenty => tracing::info!(bytes, limit, "the database has room again"),
        }
    }
    Ok(after)
}

/// The job: removes what is old, then whatever else only grows.
pub async fn keep(app: &App) -> Result<Next, FlowError> {
    keep_some(app, BITES).await
}

/// The same in at most so many bites, and one; the next run goes on where it ended.
pub async fn keep_some(app: &App, bites: usize) -> Result<Next, FlowError> {
    let age = app.config.keeping.age();
    let now = app.clock.now();
    let ages = Ages { old: now - age, too_old: now - age - age };
    let mut tx = app.store.read().await?;
    let began: Option<i64> = settings::get_json(&mut tx, LOOKED_TO).await?.flatten();
    drop(tx);
    let (mut after, mut removed, mut owed) = (began.map(EventId), 0, 0);
    for bite in 0.. {
        let mut tx = app.store.write().await?;
        let pruned = events::prune(&mut tx, after, ages, BITE).await?;
        tx.commit().await?;
        removed += pruned.removed;
        owed += pruned.owed;
        after = pruned.next;
        if after.is_none() || bite == bites || app.shutdown.is_cancelled() {
            break;
        }
        tokio::time::sleep(PAUSE).await;
    }
    let ended = after.map(|id| id.0);
    if ended != began {
        let mut tx = app.store.write().await?;
        settings::set_json(&mut tx, LOOKED_TO, &ended, now).await?;
        tx.commit().await?;
    }
    if removed > 0 {
        metrics::counter!("linekeeper_events_removed_total").increment(removed);
        tracing::info!(removed, "events older than keeping.days were removed");
    }
    if owed > 0 {
        metrics::counter!("linekeeper_events_removed_owed_total").increment(owed);
        tracing::warn!(owed, "of the events removed, an endpoint had not taken these in twice keeping.days");
    }
    forget_deliveries(app).await?;
    tidy(app).await?;
    measure(app).await?;
    // the next sweep asks again where this run reached the end
    Ok(if after.is_some() { Next::At(app.clock.now()) } else { Next::Done })
}

/// What endpoints were sent and answered, and what was set aside for them, goes with the events it is about.
async fn forget_deliveries(app: &App) -> Result<(), store::Error> {
    let mut tx = app.store.read().await?;
    let (first, ids) = (events::first(&mut tx).await?, endpoints::ids(&mut tx).await?);
    drop(tx);
    // without any event nothing tells what is old from what is being written
    let Some(first) = first else { return Ok(()) };
    for id in ids {
        forget_deliveries_of(app, id, first, BITES).await?;
    }
    Ok(())
}

/// The same for one endpoint, in at most so many bites.
pub(super) async fn forget_deliveries_of(
    app: &App,
    id: EndpointId,
    before: EventId,
    bites: usize,
) -> Result<(), store::Error> {
    for _ in 0..bites {
        let mut tx = app.store.write().await?;
        let forgotten =
            attempts::prune(&mut tx, id, before, BITE).await?.max(deliveries::prune(&mut tx, id, before, BITE).await?);
        tx.commit().await?;
        if i64::try_from(forgotten).is_ok_and(|count| count < BITE) || app.shutdown.is_cancelled() {
            break;
        }
        tokio::time::sleep(PAUSE).await;
    }
    Ok(())
}

async fn tidy(app: &App) -> Result<(), store::Error> {
    let now = app.clock.now();
    let mut tx = app.store.write().await?;
    let last: Option<Timestamp> = settings::get_json(&mut tx, TIDIED_AT).await?;
    if last.is_some_and(|last| now < last + TIDY_EVERY) {
        return Ok(());
    }
    settings::set_json(&mut tx, TIDIED_AT, &now, now).await?;
    idempotency::prune(&mut tx, now - ANSWERS_KEPT).await?;
    keys::prune_sessions(&mut tx, now).await?;
    graph_usage::prune(&mut tx, now).await?;
    tx.commit().await?;
    // the larger two by themselves
    let mut tx = app.store.write().await?;
    announcements::prune(&mut tx, now - TOLD_KEPT).await?;
    tx.commit().await?;
    let mut tx = app.store.write().await?;
    snapshots::prune_history(&mut tx, now - TOLD_KEPT).await?;
    tx.commit().await
}
