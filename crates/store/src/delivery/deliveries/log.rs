//! The log as an endpoint reads it: its account's events in order, behind where it is, with their bodies.

use domain::delivery::EventKind;
use domain::ids::{AccountId, ChannelId};
use futures::{Stream, TryStreamExt as _};
use jiff::Timestamp;

use super::ids_as_json;
use crate::delivery::endpoints::Endpoint;
use crate::engine::columns::At;
use crate::events::{UnreadableEvent, open_body};
use crate::ids::EventId;
use crate::{Error, Tx};

/// How much of bodies one look at the log brings, but for the last of them.
pub const PAGE_BYTES: usize = 4 << 20;

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
    ENTRIES = concat!("select ", columns!(), " from event
        where account_id = $1 and id in (select value from json_each($2)) order by id"),
        postgres: concat!("select ", columns!(), " from event
        where account_id = $1 and id in (select value::bigint from json_array_elements_text($2::json)) order by id");
    /// Of one inbox ($3) or any (0); what names no inbox belongs to all.
    IS_VISIBLE = "select count(*) from event
        where account_id = $1 and id = $2 and ($3 = 0 or channel_id is null or channel_id = $3)";
}

/// Whose events an endpoint receives: those of one channel, or of a whole account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reader {
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
    pub entries: Vec<Entry>,
    /// Events among them that cannot be opened, with Meta's field or ours.
    pub unreadable: Vec<(UnreadableEvent, String)>,
    /// Up to here everything that is wanted was read.
    pub read_to: EventId,
    /// There was nothing behind it.
    pub is_end: bool,
}

/// Up to `limit` events behind `after`, or fewer that hold [`PAGE_BYTES`].
pub async fn read(tx: &mut Tx, reader: &Reader, after: EventId, limit: usize) -> Result<Page, Error> {
    // in the same snapshot, so that a short page is known to end at the log's end
    let head: Option<(EventId,)> = one!(tx, HEAD)?;
    let head = head.map_or(after, |(id,)| id.max(after));
    if head == after {
        return Ok(Page { entries: Vec::new(), unreadable: Vec::new(), read_to: after, is_end: true });
    }
    let (wants, most) = (i64::from(reader.wants_messages), i64::try_from(limit).unwrap_or(i64::MAX));
    let account = reader.account.0;
    let (rows, is_cut) = match reader.channel {
        Some(channel) => {
            let text = OF_CHANNEL.text(tx.engine());
            on!(tx, |conn| {
                let query = sqlx::query_as(text).bind(channel.0).bind(after).bind(wants).bind(most).bind(account);
                some_of(query.fetch(conn))
            })
        }
        None => {
            let text = OF_ACCOUNT.text(tx.engine());
            on!(tx, |conn| some_of(sqlx::query_as(text).bind(account).bind(after).bind(wants).bind(most).fetch(conn)))
        }
    }
    .map_err(|error| tx.failed(error))?;
    let is_end = !is_cut && rows.len() < limit;
    let read_to = if is_end { head } else { rows.last().map_or(after, |row| row.id) };
    Ok(page(tx, rows, read_to, is_end))
}

/// What a page holds, and whether there may be more: a body may be of 3 MB, and so may hundreds behind it.
async fn some_of(mut rows: impl Stream<Item = sqlx::Result<Row>> + Unpin) -> sqlx::Result<(Vec<Row>, bool)> {
    let (mut taken, mut bytes) = (Vec::new(), 0);
    while let Some(row) = rows.try_next().await? {
        bytes += row.body.len();
        taken.push(row);
        if bytes >= PAGE_BYTES {
            return Ok((taken, true));
        }
    }
    Ok((taken, false))
}

/// These events of an account, given in order: those that are still there, or the first of them that hold [`PAGE_BYTES`].
pub async fn entries(tx: &mut Tx, account: AccountId, events: &[EventId]) -> Result<Page, Error> {
    let text = ENTRIES.text(tx.engine());
    let ids = ids_as_json(events);
    let taken = on!(tx, |conn| some_of(sqlx::query_as(text).bind(account.0).bind(&ids).fetch(conn)));
    let (rows, is_cut) = taken.map_err(|error| tx.failed(error))?;
    let last = if is_cut { rows.last().map(|row| row.id) } else { events.last().copied() };
    Ok(page(tx, rows, last.unwrap_or(EventId(0)), !is_cut))
}

fn page(tx: &Tx, rows: Vec<Row>, read_to: EventId, is_end: bool) -> Page {
    let mut page = Page { entries: Vec::with_capacity(rows.len()), unreadable: Vec::new(), read_to, is_end };
    for row in rows {
        let (id, field) = (row.id, row.field.clone());
        match row.open(tx) {
            Ok(entry) => page.entries.push(entry),
            Err(error) => page.unreadable.push((UnreadableEvent::new(id, &error), field)),
        }
    }
    page
}

/// Whether an account has such an event, and one of its inboxes may see it. The event need not be readable.
pub async fn is_visible(
    tx: &mut Tx,
    account: AccountId,
    channel: Option<ChannelId>,
    event: EventId,
) -> Result<bool, Error> {
    let row: Option<(i64,)> = one!(tx, IS_VISIBLE, account.0, event, channel.map_or(0, |id| id.0))?;
    Ok(row.is_some_and(|(count,)| count > 0))
}

row! {
    struct Row {
        id: EventId,
        received_at: i64,
        channel_id: Option<i64>,
        field: String,
        body: Vec<u8>,
    }
}

impl Row {
    fn open(self, tx: &Tx) -> Result<Entry, Error> {
        let at = At { table: "event", id: &self.id };
        let body = open_body(tx, self.id, &self.body)?;
        Ok(Entry {
            id: self.id,
            received_at: at.time("received_at", self.received_at)?,
            channel: self.channel_id.map(ChannelId),
            field: self.field,
            body,
        })
    }
}
