//! Receives a verified post: splits it into changes, seals them and hands them to the writer. It does
//! not know what a change means, only which changes are worth interpreting.

use std::sync::Arc;

use bytes::Bytes;
use domain::capacity::StorageLevel;
use domain::meta::event::MessagesSeen;
use graph_api::webhook::{BodyError, RawChange, dedup_key, split};
use jiff::Timestamp;

use crate::App;
use crate::store;
use crate::store::events::{EventState, NewEvent, SealedEvent, body};

/// Why a post was not stored. Nothing of it was.
#[derive(Debug, thiserror::Error)]
pub enum ReceiveError {
    /// The body is not a webhook of Meta's.
    #[error(transparent)]
    Body(#[from] BodyError),
    #[error("the events could not be stored")]
    Store(#[source] Arc<store::Error>),
    /// The writer's queue is full or the app stops; Meta sends the post again.
    #[error("the ingest queue is full")]
    Busy,
    /// The database has reached its limit; Meta sends the post again.
    #[error("the database is full")]
    Full,
}

/// Stores every change of a post whose signature was verified; returns once they are on disk.
pub async fn receive(app: &App, post: Bytes) -> Result<(), ReceiveError> {
    if app.capacity.level() == StorageLevel::Full {
        return Err(ReceiveError::Full);
    }
    let now = app.clock.now();
    let keyring = app.store.keyring();
    let changes = split(&post)?;
    let events = changes.iter().map(|change| SealedEvent::seal(keyring, new_event(change, now)));
    let events: Vec<_> = events.collect::<Result<_, _>>().map_err(|error| ReceiveError::Store(Arc::new(error)))?;
    // the connection reads the next post into the same memory
    drop(changes);
    drop(post);
    if events.is_empty() {
        return Ok(());
    }
    let answer = app.ingest.push(events).ok_or(ReceiveError::Busy)?;
    answer.await.map_err(|_| ReceiveError::Busy)?.map_err(ReceiveError::Store)
}

fn new_event(change: &RawChange<'_>, now: Timestamp) -> NewEvent {
    let peek = change.peek();
    NewEvent {
        received_at: now,
        waba_id: peek.subject.waba_id,
        phone_number_id: peek.subject.phone_number_id,
        phone_digits: peek.subject.phone_digits,
        channel_id: None,
        account_id: None,
        field: change.field.to_string(),
        state: first_state(&change.field, &peek.messages),
        dedup_key: event_key(change, peek.time),
        body: body::encode(&change.entry_id, change.time, change.value.get()),
    }
}

/// High-volume fields are interpreted only when they report a failed send; all other fields always are.
fn first_state(field: &str, messages: &MessagesSeen) -> EventState {
    let is_high_volume = matches!(field, "messages" | "smb_message_echoes" | "history");
    if is_high_volume && messages.error_codes.is_empty() { EventState::Stored } else { EventState::ToInterpret }
}

/// Equal for the same change sent twice. It starts with the change's own time, so that the keys of one
/// moment are neighbours in the index and a commit writes few of its pages.
fn event_key(change: &RawChange<'_>, time: Option<i64>) -> Vec<u8> {
    let seconds = time.and_then(|time| u32::try_from(time).ok()).unwrap_or_default();
    let mut key = Vec::with_capacity(16);
    key.extend_from_slice(&seconds.to_be_bytes());
    key.extend_from_slice(&dedup_key(change)[..12]);
    key
}
