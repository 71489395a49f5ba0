//! Retention: purges what is older than `[retention]` allows, in small batches between which others can
//! write. An event that waits to be interpreted is never purged, however old; an event that an endpoint has
//! not received yet is kept for twice as long.

use jiff::{SignedDuration, Timestamp};

use super::{BATCH_DELAY, FlowError, Next, capacity};
use crate::App;
use crate::store::deliveries::{self, attempts};
use crate::store::events::PurgeLimits;
use crate::store::ids::{EndpointId, EventId};
use crate::store::{self, announcements, endpoints, events, idempotency, sessions, settings, snapshots};

/// How many events one transaction looks at: some milliseconds in which no post can be stored.
const BATCH_SIZE: i64 = 400;

/// How many batches one run takes.
const MAX_BATCHES: usize = 500;

/// How often everything but events is purged.
const PURGE_INTERVAL: SignedDuration = SignedDuration::from_hours(6);

/// How long the answers to idempotent requests are kept.
const ANSWERS_KEPT: SignedDuration = SignedDuration::from_hours(48);

/// How long announcements and the history of snapshots are kept.
const HISTORY_KEPT: SignedDuration = SignedDuration::from_hours(90 * 24);

/// Setting: the event at which an unfinished run stopped, JSON. The next run continues there, since the
/// events that endpoints have not received may be more than one run looks at.
const RESUME_AT: &str = "retention_resume_at";

/// Setting: when everything but events was last purged, JSON.
const PURGED_AT: &str = "retention_purged_at";

/// The job: purges old events with their deliveries, then whatever else grows with time.
pub async fn purge_expired(app: &App) -> Result<Next, FlowError> {
    purge_batches(app, MAX_BATCHES).await
}

/// Like [`purge_expired`], in at most `batches` + 1 batches; the next run continues where it stopped.
pub async fn purge_batches(app: &App, batches: usize) -> Result<Next, FlowError> {
    let age = app.config.retention.age();
    let now = app.clock.now();
    let limits = PurgeLimits { before: now - age, undelivered_before: now - age - age };
    let mut tx = app.store.read().await?;
    let resume_at: Option<i64> = settings::get_json(&mut tx, RESUME_AT).await?.flatten();
    drop(tx);
    let (mut after, mut removed, mut undelivered) = (resume_at.map(EventId), 0, 0);
    for batch in 0.. {
        let mut tx = app.store.write().await?;
        let purged = events::purge(&mut tx, after, limits, BATCH_SIZE).await?;
        tx.commit().await?;
        removed += purged.removed;
        undelivered += purged.undelivered;
        after = purged.next;
        if after.is_none() || batch == batches || app.shutdown.is_cancelled() {
            break;
        }
        tokio::time::sleep(BATCH_DELAY).await;
    }
    let stopped_at = after.map(|id| id.0);
    if stopped_at != resume_at {
        let mut tx = app.store.write().await?;
        settings::set_json(&mut tx, RESUME_AT, &stopped_at, now).await?;
        tx.commit().await?;
    }
    if removed > 0 {
        metrics::counter!("linekeeper_events_removed_total").increment(removed);
        tracing::info!(removed, "events older than retention.days were purged");
    }
    if undelivered > 0 {
        metrics::counter!("linekeeper_events_removed_owed_total").increment(undelivered);
        tracing::warn!(undelivered, "events were purged that an endpoint had not received in twice retention.days");
    }
    purge_deliveries(app).await?;
    purge_history(app).await?;
    capacity::measure(app).await?;
    // after a complete run the next sweep enqueues the job again
    Ok(if after.is_some() { Next::At(app.clock.now()) } else { Next::Done })
}

/// Purges the attempts and pending retries of events that are gone.
async fn purge_deliveries(app: &App) -> Result<(), store::Error> {
    let mut tx = app.store.read().await?;
    let (first, ids) = (events::first(&mut tx).await?, endpoints::ids(&mut tx).await?);
    drop(tx);
    // without any event there is no bound between what is old and what is being written
    let Some(first) = first else { return Ok(()) };
    for id in ids {
        purge_deliveries_of(app, id, first, MAX_BATCHES).await?;
    }
    Ok(())
}

/// Purges what one endpoint's deliveries hold about events before a given one, in at most `batches` batches.
pub(super) async fn purge_deliveries_of(
    app: &App,
    id: EndpointId,
    before: EventId,
    batches: usize,
) -> Result<(), store::Error> {
    for _ in 0..batches {
        let mut tx = app.store.write().await?;
        let attempts = attempts::prune(&mut tx, id, before, BATCH_SIZE).await?;
        let pending = deliveries::prune(&mut tx, id, before, BATCH_SIZE).await?;
        tx.commit().await?;
        let is_last = i64::try_from(attempts.max(pending)).is_ok_and(|count| count < BATCH_SIZE);
        if is_last || app.shutdown.is_cancelled() {
            break;
        }
        tokio::time::sleep(BATCH_DELAY).await;
    }
    Ok(())
}

/// Purges idempotent answers, sessions, announcements and snapshot history, once per [`PURGE_INTERVAL`].
async fn purge_history(app: &App) -> Result<(), store::Error> {
    let now = app.clock.now();
    let mut tx = app.store.write().await?;
    let last: Option<Timestamp> = settings::get_json(&mut tx, PURGED_AT).await?;
    if last.is_some_and(|last| now < last + PURGE_INTERVAL) {
        return Ok(());
    }
    settings::set_json(&mut tx, PURGED_AT, &now, now).await?;
    idempotency::purge(&mut tx, now - ANSWERS_KEPT).await?;
    sessions::purge_expired(&mut tx, now).await?;
    tx.commit().await?;
    // the two larger tables have a transaction each
    let mut tx = app.store.write().await?;
    announcements::purge(&mut tx, now - HISTORY_KEPT).await?;
    tx.commit().await?;
    let mut tx = app.store.write().await?;
    snapshots::purge_history(&mut tx, now - HISTORY_KEPT).await?;
    tx.commit().await
}
