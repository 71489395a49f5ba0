//! Quarantine of events whose body cannot be opened: altered on disk, or sealed with a lost key. Each is named in the log,
//! counted, and kept until retention removes it; interpreting, forwarding and erasing go on without it.

use jiff::Timestamp;

use super::FlowError;
use super::queue::{Job, enqueue_now};
use crate::App;
use crate::store::deliveries::{self, Delivery, DeliveryState};
use crate::store::events::{UnreadableEvent, quarantine};
use crate::store::ids::{DeliveryKey, EndpointId, EventId, ItemId};
use crate::store::{self, Tx};

/// How many quarantined events one transaction tries to open.
const BATCH_SIZE: i64 = 200;

/// What a dead letter says of an event that cannot be opened.
const UNREADABLE: &str = "the stored event cannot be read";

/// Puts events into quarantine, in a transaction of their own. The first to meet one names it in the log.
pub(crate) async fn put(app: &App, events: &[UnreadableEvent]) -> Result<(), store::Error> {
    if events.is_empty() {
        return Ok(());
    }
    let mut tx = app.store.write().await?;
    put_in(&mut tx, events).await?;
    tx.commit().await
}

async fn put_in(tx: &mut Tx, events: &[UnreadableEvent]) -> Result<(), store::Error> {
    for event in events {
        // one by one: only who finds it first logs it
        if quarantine::quarantine(tx, std::slice::from_ref(event)).await? > 0 {
            tracing::error!(event = %event.id, "an event is in quarantine: {}", event.cause);
        }
    }
    Ok(())
}

/// Puts events into quarantine and makes each a dead letter of the endpoint: its owner sees that it was not sent.
pub(crate) async fn make_dead_letters(
    app: &App,
    endpoint: EndpointId,
    events: &[UnreadableEvent],
) -> Result<(), store::Error> {
    if events.is_empty() {
        return Ok(());
    }
    let now = app.clock.now();
    let letters: Vec<Delivery> = events.iter().map(|event| dead_letter(event.id, now)).collect();
    let mut tx = app.store.write().await?;
    put_in(&mut tx, events).await?;
    deliveries::upsert_pending(&mut tx, endpoint, &letters).await?;
    tx.commit().await
}

fn dead_letter(event: EventId, now: Timestamp) -> Delivery {
    Delivery {
        key: DeliveryKey { event, item: ItemId::WHOLE },
        state: DeliveryState::Dead,
        attempts: 0,
        first_failed_at: Some(now),
        due_at: now,
        failure: Some(UNREADABLE.to_owned()),
    }
}

/// Tries to open every quarantined event, after a lost key has come back; those that open are interpreted again.
/// Returns their number.
pub async fn retry(app: &App) -> Result<u64, FlowError> {
    let (mut after, mut released) = (EventId(0), 0);
    loop {
        let mut tx = app.store.write().await?;
        let (next, opened) = quarantine::retry(&mut tx, after, BATCH_SIZE).await?;
        tx.commit().await?;
        released += opened;
        match next {
            Some(next) => after = next,
            None => break,
        }
    }
    if released > 0 {
        tracing::info!(released, "events left the quarantine: their key is back");
        enqueue_now(app, &[Job::Interpret]).await?;
    }
    Ok(released)
}
