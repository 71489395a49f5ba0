//! What Meta posts: the whole batch is split and stored before Meta gets its 200, then interpreted.
//!
//! Storing is group commit: one writer gathers what waits, one multi-row insert, one fsync for many
//! posts. Interpreting only wakes: it writes evidence down and pokes the flows that read the facts.

use std::sync::Arc;

use bytes::Bytes;
use domain::capacity::Stage;
use domain::channel::Channel;
use domain::health::{AccountStanding, SendingFacts};
use domain::interpretation::{Meaning, Scope, Wake, interpret as meaning_of};
use domain::meta::event::{Change, MessagesSeen};
use domain::registration::Source;
use graph_api::webhook::{BodyError, RawChange, dedup_key, split};
use jiff::{SignedDuration, Timestamp};
use secrecy::SecretString;

use super::signup::shared_owner_key;
use super::{FlowError, Next, app_callback};
use crate::App;
use crate::jobs::{Job, poke};
use crate::store::events::{EventState, NewEvent, SealedEvent, StoredEvent};
use crate::store::numbers::{KeptAccount, KeptSending};
use crate::store::{self, Tx, channels, events, numbers, settings};

mod ingest;
mod owners;

pub use ingest::{Ingest, Wakes};

/// How many events one run interprets.
const BATCH: i64 = 200;

/// Why a post was not stored; nothing of it was.
#[derive(Debug, thiserror::Error)]
pub enum InboundError {
    /// It is not what Meta sends.
    #[error(transparent)]
    Body(#[from] BodyError),
    /// It could not be stored.
    #[error("the events could not be stored")]
    Store(#[source] Arc<store::Error>),
    /// The writer is behind or stopping; Meta sends it again.
    #[error("too much waits to be stored")]
    Busy,
    /// The database holds as much as it may; Meta sends it again.
    #[error("the database is full")]
    Full,
}

/// Splits a post whose signature was verified and stores every change of it; returns once they are
/// on disk.
pub async fn accept(app: &App, body: Bytes) -> Result<(), InboundError> {
    if app.room.stage() == Stage::Full {
        return Err(InboundError::Full);
    }
    let now = app.clock.now();
    let keyring = app.store.keyring();
    let changes = split(&body)?;
    let new = changes.iter().map(|change| SealedEvent::seal(keyring, as_event(change, now)));
    let new: Vec<_> = new.collect::<Result<_, _>>().map_err(|error| InboundError::Store(Arc::new(error)))?;
    // the connection reads the next post into the same memory
    drop(changes);
    drop(body);
    if new.is_empty() {
        return Ok(());
    }
    app.ingest.store(new).await
}

fn as_event(change: &RawChange<'_>, now: Timestamp) -> NewEvent {
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
        dedup_key: key(change, peek.time),
        body: kept_body(change),
    }
}

/// What comes in masses is looked at only where it says that a send failed; all else is interpreted.
fn first_state(field: &str, messages: &MessagesSeen) -> EventState {
    let comes_in_masses = matches!(field, "messages" | "smb_message_echoes" | "history");
    if comes_in_masses && messages.error_codes.is_empty() { EventState::Kept } else { EventState::ToInterpret }
}

/// Equal for the same change sent twice. It begins with the time the change itself tells, so that keys of
/// one moment lie beside each other and a commit writes few pages of their index.
fn key(change: &RawChange<'_>, time: Option<i64>) -> Vec<u8> {
    let seconds = time.and_then(|time| u32::try_from(time).ok()).unwrap_or_default();
    let mut key = Vec::with_capacity(16);
    key.extend_from_slice(&seconds.to_be_bytes());
    key.extend_from_slice(&dedup_key(change)[..12]);
    key
}

/// A change as it is kept: its place in the post, then its value byte for byte.
fn kept_body(change: &RawChange<'_>) -> Bytes {
    let time = change.time.map(|time| time.to_string()).unwrap_or_default();
    let mut body = Vec::with_capacity(change.value.get().len() + 48);
    body.extend_from_slice(change.entry_id.as_bytes());
    body.push(b'\n');
    body.extend_from_slice(time.as_bytes());
    body.push(b'\n');
    body.extend_from_slice(change.value.get().as_bytes());
    body.into()
}

/// Where the value begins in a kept body.
pub(super) fn value_begins(body: &[u8]) -> Option<usize> {
    let mut ends = body.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at + 1);
    ends.nth(1)
}

/// A kept change's parts: its entry's id, its entry's time, its value.
pub(crate) fn kept_parts(body: &[u8]) -> Option<(&str, Option<i64>, &str)> {
    let text = std::str::from_utf8(body).ok()?;
    let (entry_id, rest) = text.split_once('\n')?;
    let (time, value) = rest.split_once('\n')?;
    Some((entry_id, time.parse().ok(), value))
}

fn read_back(field: &str, body: &[u8]) -> Option<Change> {
    let (entry_id, time, value) = kept_parts(body)?;
    RawChange::from_parts(entry_id, field, time, value).ok().map(|change| change.read())
}

/// What the handshake for a callback must carry; `None` for a number nobody connected.
pub async fn handshake_token(app: &App, phone: Option<&str>) -> Result<Option<SecretString>, FlowError> {
    let Some(phone) = phone else { return app_callback::verify_token(app).await.map(Some) };
    let Ok(phone) = domain::phone::E164::parse(phone) else { return Ok(None) };
    let mut tx = app.store.read().await?;
    let Some(channel) = channels::find_by_phone(&mut tx, &phone).await? else { return Ok(None) };
    Ok(channels::credentials(&mut tx, channel.id).await?.map(|credentials| credentials.verify_token))
}

/// Notes that Meta's handshake for a number's callback was answered.
pub async fn handshake_answered(app: &App, phone: &str) -> Result<(), FlowError> {
    let Ok(phone) = domain::phone::E164::parse(phone) else { return Ok(()) };
    let now = app.clock.now();
    let mut tx = app.store.write().await?;
    if let Some(channel) = channels::find_by_phone(&mut tx, &phone).await? {
        channels::verified(&mut tx, channel.id, now).await?;
    }
    tx.commit().await?;
    Ok(())
}

/// The job: interprets what was stored since.
pub async fn interpret(app: &App) -> Result<Next, FlowError> {
    loop {
        let mut tx = app.store.read().await?;
        let waiting = events::to_interpret(&mut tx, BATCH).await?;
        drop(tx);
        if waiting.is_empty() {
            return Ok(Next::Done);
        }
        let now = app.clock.now();
        let mut tx = app.store.write().await?;
        let mut ids = Vec::with_capacity(waiting.len());
        for (event, body) in &waiting {
            ids.push(event.id);
            match read_back(&event.field, body) {
                Some(change) => take_in(&mut tx, event, &change, now).await?,
                None => tracing::warn!(event = ?event.id, field = event.field, "a kept event cannot be read"),
            }
        }
        events::interpreted(&mut tx, &ids, now).await?;
        tx.commit().await?;
        app.wake_jobs();
    }
}

async fn take_in(tx: &mut Tx, event: &StoredEvent, change: &Change, now: Timestamp) -> Result<(), store::Error> {
    let meaning = meaning_of(change);
    // Meta's own time where it gives one, since a repeated or older webhook is no evidence; Meta writes
    // whole seconds, so that anything within the second may have come after what we did in it
    let told = change.time.map(|time| time + SignedDuration::from_micros(999_999));
    let at = told.unwrap_or(event.received_at).min(event.received_at);
    let concerned = concerned(tx, change, &meaning).await?;
    for channel in &concerned {
        let number = &channel.phone_number_id;
        numbers::note_changes(tx, number, &meaning.proves, at, Source::Webhook).await?;
        note(tx, channel, &meaning, at, now).await?;
        for wake in &meaning.wakes {
            let job = match wake {
                Wake::Registration => Job::Register(channel.id),
                Wake::Health => Job::Health(channel.id),
                Wake::Subscription => Job::Subscribe(channel.id),
                Wake::Token => Job::Token(channel.id),
                Wake::Signup => continue,
            };
            poke(tx, &job, now).await?;
        }
    }
    if meaning.wakes.contains(&Wake::Signup)
        && let Some(waba) = &change.subject.waba_id
    {
        if let Some(owner) = &change.subject.owner_business_id {
            settings::set(tx, &shared_owner_key(waba), owner.as_str(), now).await?;
        }
        poke(tx, &Job::Shared(waba.clone()), now + BROWSER_FIRST).await?;
    }
    Ok(())
}

/// An ordinary signup's browser is given this long before Meta's word is followed up.
const BROWSER_FIRST: SignedDuration = SignedDuration::from_mins(2);

/// The channels a change is about, found inside the change.
async fn concerned(tx: &mut Tx, change: &Change, meaning: &Meaning) -> Result<Vec<Channel>, store::Error> {
    let subject = &change.subject;
    match meaning.scope {
        Scope::Waba => match &subject.waba_id {
            Some(waba) => channels::list_by_waba(tx, waba).await,
            None => Ok(Vec::new()),
        },
        Scope::Number => {
            let found = match (&subject.phone_number_id, &subject.waba_id, &subject.phone_digits) {
                (Some(id), ..) => channels::find_by_phone_number_id(tx, id).await?,
                (None, Some(waba), Some(digits)) => channels::find_by_waba_and_digits(tx, waba, digits).await?,
                _ => None,
            };
            Ok(found.into_iter().collect())
        }
    }
}

async fn note(
    tx: &mut Tx,
    channel: &Channel,
    meaning: &Meaning,
    at: Timestamp,
    now: Timestamp,
) -> Result<(), store::Error> {
    if meaning.notes.is_empty() {
        return Ok(());
    }
    let number = &channel.phone_number_id;
    let mut facts = numbers::facts_for_update(tx, number).await?;
    let mut account: AccountStanding = facts.account_standing();
    let mut sending: SendingFacts = facts.sending();
    for note in &meaning.notes {
        account.take(note, at);
        sending.take(note, at);
        if let domain::interpretation::Note::SendRefused(133_010 | 131_045) = note {
            facts.dropped_seen_at = facts.dropped_seen_at.or(Some(at));
        }
    }
    facts.account = KeptAccount::from(&account);
    facts.sending = KeptSending::from(&sending);
    numbers::set_facts(tx, number, &facts, now).await
}
