//! Events sent again to an endpoint, and dead letters that are sent again or forgotten: where there is one writer in bites,
//! between which Meta's posts are stored. When they are sent is `delivery`'s.

use super::{gone, invalid};
use crate::App;
use crate::flows::{BATCH_DELAY, FlowError, Refusal};
use crate::store::deliveries::log;
use crate::store::deliveries::replay::{self, Which};
use crate::store::endpoints::Endpoint;
use crate::store::ids::EventId;
use crate::store::{self, Engine, Tx};

/// How many events one transaction takes on over SQLite, which has one writer: some milliseconds in which no post can be
/// stored.
const BITE: i64 = 2000;

/// Sends events again; how many. `told` hears how many they are so far.
///
/// Ended in the middle, some are sent again; asked for once more, all are.
pub async fn ask(app: &App, endpoint: &Endpoint, which: Which, told: &(dyn Fn(u64) + Sync)) -> Result<u64, FlowError> {
    let mut tx = app.store.read().await?;
    match which {
        Which::Event(event) if !is_for(&mut tx, endpoint, event).await? => {
            return Err(FlowError::refused(Refusal::NotFound, "There is no such event for this endpoint."));
        }
        Which::Between(from, to) if from >= to => {
            return Err(invalid(
                "to: the time must end after it begins; write an instant later than from, or leave it out for until now",
            ));
        }
        Which::Event(_) | Which::Between(..) | Which::DeadLetters => {}
    }
    let mut rest = replay::span(&mut tx, endpoint, which).await?;
    drop(tx);
    let now = app.clock.now();
    let mut marked = 0;
    loop {
        let mut tx = app.store.write().await?;
        let done = replay::mark(&mut tx, endpoint, which, rest, bite(app), now).await?;
        // the first are sent while the others are marked
        let is_first = marked == 0 && done.events > 0;
        let is_last = done.rest.is_empty();
        if (is_first || is_last) && !replay::wake(&mut tx, endpoint.id).await? {
            return Err(gone());
        }
        tx.commit().await?;
        if is_first || is_last {
            app.notifier.notify_endpoints();
        }
        marked += done.events;
        told(marked);
        if is_last {
            return Ok(marked);
        }
        rest = done.rest;
        tokio::time::sleep(BATCH_DELAY).await;
    }
}

/// How many events one transaction takes on. PostgreSQL's keeps nobody waiting, and does all of them sooner.
fn bite(app: &App) -> i64 {
    match app.store.engine() {
        Engine::Sqlite => BITE,
        Engine::Postgres => i64::MAX,
    }
}

/// Whether an event is one that the endpoint may get.
async fn is_for(tx: &mut Tx, endpoint: &Endpoint, event: EventId) -> Result<bool, store::Error> {
    let found = log::entry(tx, endpoint.account_id, event).await?;
    Ok(found.is_some_and(|entry| {
        endpoint.channel_id.is_none() || entry.channel.is_none() || entry.channel == endpoint.channel_id
    }))
}

/// Forgets every dead letter; how many.
pub async fn discard_dead(app: &App, endpoint: &Endpoint) -> Result<u64, FlowError> {
    let (mut forgotten, mut rest) = (0, replay::ALL);
    while !rest.is_empty() {
        let mut tx = app.store.write().await?;
        let done = replay::discard_dead(&mut tx, endpoint.id, rest, bite(app)).await?;
        tx.commit().await?;
        forgotten += done.events;
        rest = done.rest;
        tokio::time::sleep(BATCH_DELAY).await;
    }
    Ok(forgotten)
}
