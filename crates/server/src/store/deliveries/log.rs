//! The log as an endpoint reads it: its account's events in order, behind where it is, with their bodies.

use domain::delivery::EventKind;
use domain::ids::{AccountId, ChannelId};
use jiff::Timestamp;

use crate::store::endpoints::Endpoint;
use crate::store::events::BODY_PLACE;
use crate::store::ids::EventId;
use crate::store::row::At;
use crate::store::{Error, Tx};

/// The columns of an entry, as [`Row`] reads them.
macro_rules! columns {
    () => {
        "id, received_at, channel_id, field, body"
    };
}

statements! {
    HEAD = "select coalesce(max(id), 0) from event";
    OF_ACCOUNT = concat!("select ", columns!(), " from event
        where account_id = $1 and id > $2 and ($3 = 1 or field <> 'messages') order by id limit $4");
    /// What names no number of the account's (a name of the whole WABA's, say) concerns every inbox.
    OF_CHANNEL = concat!("select ", columns!(), " from
        (select * from (select ", columns!(), " from event
         where channel_id = $1 and id > $2 and ($3 = 1 or field <> 'messages') order by id limit $4) as of_channel
         union all
         select * from (select ", columns!(), " from event
         where account_id = $5 and channel_id is null and id > $2 and waba_id in
         (select waba_id from channel where id = $1) order by id limit $4) as of_waba) as both_ways
        order by id limit $4");
    ENTRY = concat!("select ", columns!(), " from event where account_id = $1 and id = $2");
}

/// Whose events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reader {
    /// The account.
    pub account: AccountId,
    /// One of its inboxes; `None` is all.
    pub channel: Option<ChannelId>,
    /// Whether the field that comes in masses is wanted.
    pub wants_messages: bool,
}

impl Reader {
    /// As an endpoint reads.
    pub fn of(endpoint: &Endpoint) -> Self {
        let is_of_messages = |kind: &EventKind| matches!(kind, EventKind::Messages | EventKind::Statuses);
        Self {
            account: endpoint.account_id,
            channel: endpoint.channel_id,
            wants_messages: endpoint.settings.kinds.iter().any(is_of_messages),
        }
    }
}

/// An event with its body.
#[derive(Clone)]
pub struct Entry {
    /// Which.
    pub id: EventId,
    /// When it was received.
    pub received_at: Timestamp,
    /// The inbox it belongs to; none where it is about an account of Meta's.
    pub channel: Option<ChannelId>,
    /// Meta's field, or ours.
    pub field: String,
    /// The change as it is kept.
    pub body: Vec<u8>,
}

/// Without the body: customers' messages belong into no log.
impl std::fmt::Debug for Entry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { id, field, body, .. } = self;
        write!(f, "Entry({id}, {field}, {} bytes)", body.len())
    }
}

/// A piece of the log.
#[derive(Debug, Clone)]
pub struct Page {
    /// In order.
    pub entries: Vec<Entry>,
    /// Up to here everything that is wanted was read.
    pub read_to: EventId,
}

/// Up to `limit` events behind `after`.
pub async fn read(tx: &mut Tx, reader: &Reader, after: EventId, limit: usize) -> Result<Page, Error> {
    // in the same snapshot, so that a short page is known to end at the log's end
    let head: Option<(EventId,)> = one!(tx, HEAD)?;
    let head = head.map_or(after, |(id,)| id.max(after));
    if head == after {
        return Ok(Page { entries: Vec::new(), read_to: after });
    }
    let (wants, most) = (i64::from(reader.wants_messages), i64::try_from(limit).unwrap_or(i64::MAX));
    let rows: Vec<Row> = match reader.channel {
        Some(channel) => all!(tx, OF_CHANNEL, channel.0, after, wants, most, reader.account.0)?,
        None => all!(tx, OF_ACCOUNT, reader.account.0, after, wants, most)?,
    };
    let is_all = rows.len() < limit;
    let entries: Vec<Entry> = rows.into_iter().map(|row| row.open(tx)).collect::<Result<_, _>>()?;
    let read_to = if is_all { head } else { entries.last().map_or(after, |entry| entry.id) };
    Ok(Page { entries, read_to })
}

/// One event of an account.
pub async fn entry(tx: &mut Tx, account: AccountId, id: EventId) -> Result<Option<Entry>, Error> {
    let row: Option<Row> = one!(tx, ENTRY, account.0, id)?;
    row.map(|row| row.open(tx)).transpose()
}

#[derive(sqlx::FromRow)]
struct Row {
    id: EventId,
    received_at: i64,
    channel_id: Option<i64>,
    field: String,
    body: Vec<u8>,
}

impl Row {
    fn open(self, tx: &Tx) -> Result<Entry, Error> {
        let at = At { table: "event", id: &self.id };
        let body = tx.keyring.open(BODY_PLACE, &self.body).map_err(Error::corrupt("event", self.id, "body"))?;
        Ok(Entry {
            id: self.id,
            received_at: at.time("received_at", self.received_at)?,
            channel: self.channel_id.map(ChannelId),
            field: self.field,
            body: body.to_vec(),
        })
    }
}
