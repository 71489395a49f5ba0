//! Changes Meta sent, kept as they came. Bodies hold customers' messages, so they are sealed. The
//! path in is hot ([`insert_batch`]); what a change means is decided elsewhere.

use std::fmt;

use bytes::Bytes;
use domain::ids::{AccountId, ChannelId, PhoneNumberId, WabaId};
use jiff::Timestamp;

use crate::engine::columns::{At, micros};
use crate::ids::EventId;
use crate::numbers::channels::find_in_account;
use crate::{Error, Tx};

pub mod body;
pub(crate) mod earlier;
pub mod erasures;
pub(crate) mod insert;
pub mod quarantine;
pub(crate) mod retention;

pub use earlier::assign_earlier;
pub use insert::{SealedEvent, insert_batch, insert_sealed};
pub use quarantine::UnreadableEvent;
pub use retention::{PurgeLimits, Purged, first, purge};

/// The columns of an event without its body, as [`Row`] reads them.
macro_rules! columns {
    () => {
        "id, received_at, waba_id, phone_number_id, channel_id, account_id, field, state"
    };
}

statements! {
    TO_INTERPRET = concat!("select ", columns!(), ", body from event where state = 1 order by id limit $1");
    MARK_INTERPRETED = "update event set state = 2, interpreted_at = $2
        where state = 1 and id in (select value from json_each($1))",
        postgres: "update event set state = 2, interpreted_at = $2
        where state = 1 and id in (select value::bigint from json_array_elements_text($1::json))";
    LIST = concat!("select ", columns!(), " from
        (select * from (select ", columns!(), " from event
         where phone_number_id = $1 and channel_id is null and received_at >= $2 and id < $4
         order by id desc limit $5) as by_number
         union all
         select * from (select ", columns!(), " from event
         where channel_id = $3 and id < $4 order by id desc limit $5) as by_channel) as both_ways
        order by id desc limit $5");
    FIND = concat!("select ", columns!(), " from event where id = $1");
    BODY = "select body from event where id = $1";
    BACKLOG = "select count(*), min(received_at) from event where state = 1";
}

/// Where bodies are sealed for: one place for all, since they are many and none is worth swapping.
pub(crate) const BODY_PLACE: &str = "event/body";

/// What is to be done with an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EventState {
    /// Stored and counted; nobody has to look at it.
    Stored,
    /// Waits to be interpreted.
    ToInterpret,
    Interpreted,
    /// Its body cannot be opened; nothing waits for it.
    Quarantined,
}

impl EventState {
    const ALL: [Self; 4] = [Self::Stored, Self::ToInterpret, Self::Interpreted, Self::Quarantined];

    const fn number(self) -> i64 {
        match self {
            Self::Stored => 0,
            Self::ToInterpret => 1,
            Self::Interpreted => 2,
            Self::Quarantined => 3,
        }
    }

    fn read(number: i64) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.number() == number)
    }
}

/// A change that was just received.
#[derive(Clone)]
pub struct NewEvent {
    pub received_at: Timestamp,
    /// The account it is about.
    pub waba_id: Option<WabaId>,
    /// The number it is about.
    pub phone_number_id: Option<PhoneNumberId>,
    /// Its digits, where no id is given; not kept.
    pub phone_digits: Option<String>,
    /// The channel it belongs to; found by the number's id where it is not given.
    pub channel_id: Option<ChannelId>,
    /// That channel's account, likewise.
    pub account_id: Option<AccountId>,
    pub field: String,
    /// Whether somebody has to look at it.
    pub state: EventState,
    /// Equal for the same change sent twice; 16 or 32 bytes of a hash.
    pub dedup_key: Vec<u8>,
    /// The change as it came.
    pub body: Bytes,
}

/// Without the body: customers' messages belong into no log.
impl fmt::Debug for NewEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { received_at, waba_id, phone_number_id, field, state, .. } = self;
        write!(f, "NewEvent({field}, {state:?}, {waba_id:?}, {phone_number_id:?}, {received_at})")
    }
}

/// A change as kept, without its body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredEvent {
    /// Ours, in the order of arrival.
    pub id: EventId,
    /// When it was received.
    pub received_at: Timestamp,
    /// The account it is about.
    pub waba_id: Option<WabaId>,
    /// The number it is about.
    pub phone_number_id: Option<PhoneNumberId>,
    /// The channel it belonged to on arrival.
    pub channel_id: Option<ChannelId>,
    pub account_id: Option<AccountId>,
    pub field: String,
    /// What is to be done with it.
    pub state: EventState,
}

/// How much waits to be interpreted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backlog {
    pub count: i64,
    /// Since when the oldest of them waits.
    pub oldest: Option<Timestamp>,
}

/// Events that wait to be interpreted.
#[derive(Debug)]
pub struct ToInterpret {
    /// Oldest first, with their bodies.
    pub events: Vec<(StoredEvent, Vec<u8>)>,
    /// Those of them that cannot be opened.
    pub unreadable: Vec<UnreadableEvent>,
}

/// Up to `limit` events that wait to be interpreted, the oldest.
pub async fn to_interpret(tx: &mut Tx, limit: i64) -> Result<ToInterpret, Error> {
    let rows: Vec<RowWithBody> = all!(tx, TO_INTERPRET, limit)?;
    let mut found = ToInterpret { events: Vec::with_capacity(rows.len()), unreadable: Vec::new() };
    for RowWithBody { row, body } in rows {
        let id = row.id;
        let opened = open_body(tx, id, &body).and_then(|body| Ok((StoredEvent::try_from(row)?, body)));
        match opened {
            Ok(event) => found.events.push(event),
            Err(error) => found.unreadable.push(UnreadableEvent::new(id, &error)),
        }
    }
    Ok(found)
}

/// Opens the body of an event.
pub(crate) fn open_body(tx: &Tx, id: EventId, sealed: &[u8]) -> Result<Vec<u8>, Error> {
    let body = tx.keyring.open(BODY_PLACE, sealed).map_err(Error::corrupt("event", id, "body"))?;
    Ok(body.to_vec())
}

/// Notes that events were interpreted.
pub async fn mark_interpreted(tx: &mut Tx, ids: &[EventId], now: Timestamp) -> Result<u64, Error> {
    let ids: Vec<String> = ids.iter().map(|id| id.0.to_string()).collect();
    run!(tx, MARK_INTERPRETED, format!("[{}]", ids.join(",")), micros(now))
}

/// Events of an account's channel, newest first, before a given one: what names its number since the
/// channel was made, and what was assigned to it. Nothing where the account has no such channel.
pub async fn list(
    tx: &mut Tx,
    account: AccountId,
    channel: ChannelId,
    before: Option<EventId>,
    limit: i64,
) -> Result<Vec<StoredEvent>, Error> {
    let Some(channel) = find_in_account(tx, account, channel).await? else { return Ok(Vec::new()) };
    let before = before.map_or(i64::MAX, |id| id.0);
    let since = micros(channel.created_at);
    let rows: Vec<Row> = all!(tx, LIST, channel.phone_number_id.as_str(), since, channel.id.0, before, limit)?;
    tx.readable(rows.into_iter().map(StoredEvent::try_from))
}

/// Finds an event. Whether its account may see it is the caller's to check.
#[cfg(feature = "testing")]
pub async fn find(tx: &mut Tx, id: EventId) -> Result<Option<StoredEvent>, Error> {
    let row: Option<Row> = one!(tx, FIND, id)?;
    row.map(StoredEvent::try_from).transpose()
}

/// An event's body, opened.
#[cfg(feature = "testing")]
pub async fn body(tx: &mut Tx, id: EventId) -> Result<Option<Vec<u8>>, Error> {
    let row: Option<(Vec<u8>,)> = one!(tx, BODY, id)?;
    let Some((blob,)) = row else { return Ok(None) };
    open_body(tx, id, &blob).map(Some)
}

/// How much waits to be interpreted.
pub async fn backlog(tx: &mut Tx) -> Result<Backlog, Error> {
    let row: Option<(i64, Option<i64>)> = one!(tx, BACKLOG)?;
    let (count, oldest) = row.unwrap_or_default();
    let oldest = At { table: "event", id: &"backlog" }.maybe_time("received_at", oldest)?;
    Ok(Backlog { count, oldest })
}

row! {
    struct Row {
        id: EventId,
        received_at: i64,
        waba_id: Option<String>,
        phone_number_id: Option<String>,
        channel_id: Option<i64>,
        account_id: Option<i64>,
        field: String,
        state: i64,
    }
}

row! {
    struct RowWithBody + row: Row {
        body: Vec<u8>,
    }
}

impl TryFrom<Row> for StoredEvent {
    type Error = Error;

    fn try_from(row: Row) -> Result<Self, Error> {
        let at = At { table: "event", id: &row.id };
        Ok(Self {
            id: row.id,
            received_at: at.time("received_at", row.received_at)?,
            waba_id: row.waba_id.map(WabaId),
            phone_number_id: row.phone_number_id.map(PhoneNumberId),
            channel_id: row.channel_id.map(ChannelId),
            account_id: row.account_id.map(AccountId),
            state: at.some("state", EventState::read(row.state))?,
            field: row.field,
        })
    }
}
