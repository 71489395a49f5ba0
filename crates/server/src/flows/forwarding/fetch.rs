//! Reads of the log and of pending retries for a worker. Must not change the worker's state.

use std::sync::Arc;
use std::time::Duration;

use domain::delivery::{EventKind, OrderingKey};

use super::payload::{Payload, Position, encode_one, list_items};
use crate::App;
use crate::flows::database::Database;
use crate::flows::quarantine;
use crate::store;
use crate::store::deliveries::log::{self, Page, Reader};
use crate::store::deliveries::{self, Delivery, DeliveryState};
use crate::store::endpoints::Endpoint;
use crate::store::ids::{DeliveryKey, EndpointId, EventId, ItemId};

/// The interval of polls of the log without a notification: another process may have written to it.
pub(super) const POLL_INTERVAL: Duration = Duration::from_millis(500);

/// Events per fetch. While enough requests are in flight, no smaller fetch starts: every fetch costs the same.
pub(super) const FETCH_SIZE: usize = 256;

/// Reads the events of the log after `after`. One that cannot be opened becomes a dead letter of the endpoint.
pub(super) async fn fetch_log(
    app: App,
    endpoint: Arc<Endpoint>,
    reader: Reader,
    after: EventId,
    limit: usize,
) -> Result<Page, store::Error> {
    let mut tx = app.store.read().await?;
    let page = log::read(&mut tx, &reader, after, limit).await?;
    drop(tx);
    give_up_unreadable(&app, &endpoint, &page).await?;
    Ok(page)
}

async fn give_up_unreadable(app: &App, endpoint: &Endpoint, page: &Page) -> Result<(), store::Error> {
    let is_wanted = |field: &str| {
        let kind = EventKind::of_field(field);
        let is_of_messages = kind == EventKind::Messages;
        if is_of_messages { Reader::of(endpoint).wants_messages } else { endpoint.settings.kinds.contains(&kind) }
    };
    let wanted = page.unreadable.iter().filter(|(_, field)| is_wanted(field));
    let wanted: Vec<_> = wanted.map(|(event, _)| event.clone()).collect();
    quarantine::make_dead_letters(app, endpoint.id, &wanted).await
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

/// Reads the events of the rows, in order. An event that cannot be opened becomes a dead letter as a whole: its row stays,
/// and those of its items are as of an event that was removed.
pub(super) async fn read_events_of(
    app: &App,
    endpoint: &Endpoint,
    rows: Vec<Delivery>,
) -> Result<Vec<EventRows>, store::Error> {
    let mut ids: Vec<EventId> = rows.iter().map(|row| row.key.event).collect();
    ids.dedup();
    let mut events: &[EventId] = &ids;
    let mut rows = rows.into_iter().peekable();
    let mut read = Vec::with_capacity(ids.len());
    let mut tx = app.store.read().await?;
    while !events.is_empty() {
        let page = log::entries(&mut tx, endpoint.account_id, events).await?;
        give_up_unreadable(app, endpoint, &page).await?;
        let (covered, rest) = events.split_at(events.partition_point(|event| *event <= page.read_to));
        events = rest;
        let mut entries = page.entries.into_iter().peekable();
        for event in covered {
            let entry = entries.next_if(|entry| entry.id == *event);
            let mut of_event: Vec<Delivery> =
                std::iter::from_fn(|| rows.next_if(|row| row.key.event == *event)).collect();
            if page.unreadable.iter().any(|(unreadable, _)| unreadable.id == *event) {
                of_event.retain(|row| row.key.item != ItemId::WHOLE);
            }
            let items = entry.map(|entry| list_items(endpoint, &entry)).unwrap_or_default();
            read.push(EventRows { rows: of_event, items });
        }
    }
    Ok(read)
}

/// Encodes one item of the log; `None` when it was removed, cannot be opened or is not wanted any more.
pub(super) async fn encode_item(
    app: &App,
    endpoint: &Endpoint,
    key: DeliveryKey,
) -> Result<Option<Payload>, store::Error> {
    let mut tx = app.store.read().await?;
    let page = log::entries(&mut tx, endpoint.account_id, &[key.event]).await?;
    drop(tx);
    give_up_unreadable(app, endpoint, &page).await?;
    Ok(page.entries.first().and_then(|entry| encode_one(endpoint, entry, key.item)))
}
