//! Reads of the log and of pending retries for a worker. Must not change the worker's state.

use std::time::Duration;

use super::payload::{Encoded, encode};
use crate::flows::database::Database;
use crate::store;
use crate::store::deliveries::log::{self, Page, Reader};
use crate::store::deliveries::{self, Delivery, DeliveryState};
use crate::store::endpoints::Endpoint;
use crate::store::ids::{EndpointId, EventId};

/// The interval of polls of the log without a notification: another process may have written to it.
pub(super) const POLL_INTERVAL: Duration = Duration::from_millis(500);

/// Events per fetch. While enough requests are in flight, no smaller fetch starts: every fetch costs the same.
pub(super) const FETCH_SIZE: usize = 256;

/// Reads the events of the log after `after`.
pub(super) async fn fetch_log(
    database: Database,
    reader: Reader,
    after: EventId,
    limit: usize,
) -> Result<Page, store::Error> {
    let mut tx = database.read().await?;
    log::read(&mut tx, &reader, after, limit).await
}

/// Reads rows in one state after `after`, oldest first.
pub(super) async fn fetch_rows(
    database: &Database,
    endpoint: EndpointId,
    state: DeliveryState,
    after: EventId,
) -> Result<Vec<Delivery>, store::Error> {
    let mut tx = database.read().await?;
    deliveries::load(&mut tx, endpoint, state, after, FETCH_SIZE).await
}

/// Encodes the events of the rows, in order; `None` for an event that was removed.
pub(super) async fn encode_rows(
    database: &Database,
    endpoint: &Endpoint,
    rows: Vec<Delivery>,
) -> Result<Vec<(Delivery, Option<Encoded>)>, store::Error> {
    let ids: Vec<EventId> = rows.iter().map(|row| row.event).collect();
    let mut events: &[EventId] = &ids;
    let mut rows = rows.into_iter().peekable();
    let mut encoded = Vec::with_capacity(ids.len());
    let mut tx = database.read().await?;
    while !events.is_empty() {
        let page = log::entries(&mut tx, endpoint.account_id, events).await?;
        events = &events[events.partition_point(|event| *event <= page.read_to)..];
        let mut entries = page.entries.into_iter().peekable();
        while let Some(row) = rows.next_if(|row| row.event <= page.read_to) {
            let entry = entries.next_if(|entry| entry.id == row.event);
            encoded.push((row, entry.map(|entry| encode(endpoint, &entry))));
        }
    }
    Ok(encoded)
}

/// Encodes one event of the log; no payload when it was removed.
pub(super) async fn encode_event(
    database: &Database,
    endpoint: &Endpoint,
    event: EventId,
) -> Result<Encoded, store::Error> {
    let mut tx = database.read().await?;
    let entry = log::entry(&mut tx, endpoint.account_id, event).await?;
    Ok(entry.map(|entry| encode(endpoint, &entry)).unwrap_or_default())
}
