//! Reads of the log and of pending retries for a worker. Must not change the worker's state.

use std::time::Duration;

use domain::delivery::OrderingKey;

use super::payload::{Payload, Position, encode_one, list_items};
use crate::flows::database::Database;
use crate::store;
use crate::store::deliveries::log::{self, Page, Reader};
use crate::store::deliveries::{self, Delivery, DeliveryState};
use crate::store::endpoints::Endpoint;
use crate::store::ids::{DeliveryKey, EndpointId, EventId};

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
    after: DeliveryKey,
) -> Result<Vec<Delivery>, store::Error> {
    let mut tx = database.read().await?;
    deliveries::load(&mut tx, endpoint, state, after, FETCH_SIZE).await
}

/// The rows of one event, and the items that the endpoint wants of it: none when it was removed.
pub(super) struct EventRows {
    pub(super) rows: Vec<Delivery>,
    pub(super) items: Vec<(Position, Vec<OrderingKey>)>,
}

/// Reads the events of the rows, in order.
pub(super) async fn read_events_of(
    database: &Database,
    endpoint: &Endpoint,
    rows: Vec<Delivery>,
) -> Result<Vec<EventRows>, store::Error> {
    let mut ids: Vec<EventId> = rows.iter().map(|row| row.key.event).collect();
    ids.dedup();
    let mut events: &[EventId] = &ids;
    let mut rows = rows.into_iter().peekable();
    let mut read = Vec::with_capacity(ids.len());
    let mut tx = database.read().await?;
    while !events.is_empty() {
        let page = log::entries(&mut tx, endpoint.account_id, events).await?;
        let (covered, rest) = events.split_at(events.partition_point(|event| *event <= page.read_to));
        events = rest;
        let mut entries = page.entries.into_iter().peekable();
        for event in covered {
            let entry = entries.next_if(|entry| entry.id == *event);
            read.push(EventRows {
                rows: std::iter::from_fn(|| rows.next_if(|row| row.key.event == *event)).collect(),
                items: entry.map(|entry| list_items(endpoint, &entry)).unwrap_or_default(),
            });
        }
    }
    Ok(read)
}

/// Encodes one item of the log; `None` when it was removed or is not wanted any more.
pub(super) async fn encode_item(
    database: &Database,
    endpoint: &Endpoint,
    key: DeliveryKey,
) -> Result<Option<Payload>, store::Error> {
    let mut tx = database.read().await?;
    let entry = log::entry(&mut tx, endpoint.account_id, key.event).await?;
    Ok(entry.and_then(|entry| encode_one(endpoint, &entry, key.item)))
}
