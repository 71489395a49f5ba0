//! Replays of events and dead letters, and deletion of dead letters. With SQLite, which has one writer, they run in
//! batches, so that Meta's webhooks are stored in between. When replays are sent is decided in `forwarding::worker`.

use super::{invalid, not_found};
use crate::App;
use crate::flows::{BATCH_DELAY, FlowError, Refusal};
use crate::store::Engine;
use crate::store::deliveries::log;
use crate::store::deliveries::replay::{self, ReplaySelector};
use crate::store::endpoints::Endpoint;

/// Events per transaction with SQLite: a few milliseconds in which no webhook can be stored.
const SQLITE_BATCH: i64 = 2000;

/// Marks events for a replay and returns their number. `on_progress` receives the number marked so far.
///
/// When it is interrupted, some events are marked; a repeated request marks the rest.
pub async fn request_replay(
    app: &App,
    endpoint: &Endpoint,
    selector: ReplaySelector,
    on_progress: &(dyn Fn(u64) + Sync),
) -> Result<u64, FlowError> {
    let mut tx = app.store.read().await?;
    match selector {
        ReplaySelector::Event(event)
            if !log::is_visible(&mut tx, endpoint.account_id, endpoint.channel_id, event).await? =>
        {
            return Err(FlowError::refused(Refusal::NotFound, "There is no such event for this endpoint."));
        }
        ReplaySelector::Between(from, to) if from >= to => {
            return Err(invalid(
                "to: the time must end after it begins; write an instant later than from, or leave it out for until now",
            ));
        }
        ReplaySelector::Event(_) | ReplaySelector::Between(..) | ReplaySelector::DeadLetters => {}
    }
    let mut rest = replay::span(&mut tx, endpoint, selector).await?;
    drop(tx);
    let now = app.clock.now();
    let mut marked = 0;
    loop {
        let mut tx = app.store.write().await?;
        let batch = replay::mark(&mut tx, endpoint, selector, rest, batch_size(app), now).await?;
        // the worker starts with the first batch while the others are marked
        let is_first = marked == 0 && batch.events > 0;
        let is_last = batch.rest.is_empty();
        if (is_first || is_last) && !replay::wake(&mut tx, endpoint.id).await? {
            return Err(not_found());
        }
        tx.commit().await?;
        marked += batch.events;
        on_progress(marked);
        if is_last {
            return Ok(marked);
        }
        rest = batch.rest;
        tokio::time::sleep(BATCH_DELAY).await;
    }
}

/// Events per transaction. With PostgreSQL one transaction blocks no other writer, and is faster.
fn batch_size(app: &App) -> i64 {
    match app.store.engine() {
        Engine::Sqlite => SQLITE_BATCH,
        Engine::Postgres => i64::MAX,
    }
}

/// Deletes every dead letter of the endpoint and returns their number.
pub async fn discard_dead_letters(app: &App, endpoint: &Endpoint) -> Result<u64, FlowError> {
    let (mut deleted, mut rest) = (0, replay::ALL);
    while !rest.is_empty() {
        let mut tx = app.store.write().await?;
        let batch = replay::discard_dead(&mut tx, endpoint.id, rest, batch_size(app)).await?;
        tx.commit().await?;
        deleted += batch.events;
        rest = batch.rest;
        tokio::time::sleep(BATCH_DELAY).await;
    }
    Ok(deleted)
}
