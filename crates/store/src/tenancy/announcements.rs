//! What an account was told, once per transition. Which transition is worth telling is decided
//! elsewhere; the sentence comes from the catalogue by `kind`.

use domain::ids::{AccountId, ChannelId};
use jiff::Timestamp;
use serde_json::Value;
use uuid::Uuid;

use crate::engine::columns::{At, micros};
use crate::ids::AnnouncementId;
use crate::{Error, Tx};

statements! {
    INSERT = "insert into announcement (id, account_id, channel_id, kind, args, at) values ($1, $2, $3, $4, $5, $6)";
    LIST = "select id, account_id, channel_id, kind, args, at from announcement
        where account_id = $1 and id < $2 order by id desc limit $3";
    LIST_OF_CHANNEL = "select id, account_id, channel_id, kind, args, at from announcement
        where channel_id = $2 and account_id = $1 and id < $3 order by id desc limit $4";
    PURGE = "delete from announcement where at < $1";
}

/// Something to be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewAnnouncement {
    pub account_id: AccountId,
    /// About which channel; it may be gone by the time somebody reads it.
    pub channel_id: Option<ChannelId>,
    pub kind: String,
    /// What the sentence needs.
    pub args: Value,
    /// When it became so.
    pub at: Timestamp,
}

/// Something that was told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Announcement {
    /// Ours; later ones sort after earlier ones.
    pub id: AnnouncementId,
    pub account_id: AccountId,
    pub channel_id: Option<ChannelId>,
    pub kind: String,
    /// What the sentence needs.
    pub args: Value,
    /// When it became so.
    pub at: Timestamp,
}

/// Appends an announcement to the timeline of its account.
pub async fn append(tx: &mut Tx, new: &NewAnnouncement) -> Result<AnnouncementId, Error> {
    let NewAnnouncement { account_id, channel_id, kind, args, at } = new;
    let id = AnnouncementId::fresh(*at);
    run!(tx, INSERT, id, account_id.0, channel_id.map(|id| id.0), kind.as_str(), args.to_string(), micros(*at))?;
    Ok(id)
}

/// What an account was told, of all its channels or of one; newest first, before a given one.
pub async fn list(
    tx: &mut Tx,
    account: AccountId,
    channel: Option<ChannelId>,
    before: Option<AnnouncementId>,
    limit: i64,
) -> Result<Vec<Announcement>, Error> {
    let before = before.unwrap_or(AnnouncementId(Uuid::max()));
    let rows = match channel {
        Some(channel) => all!(tx, LIST_OF_CHANNEL, account.0, channel.0, before, limit)?,
        None => all!(tx, LIST, account.0, before, limit)?,
    };
    read(tx, rows)
}

/// Forgets announcements older than `before`.
pub async fn purge(tx: &mut Tx, before: Timestamp) -> Result<u64, Error> {
    run!(tx, PURGE, micros(before))
}

row! {
    struct Row {
        id: AnnouncementId,
        account_id: i64,
        channel_id: Option<i64>,
        kind: String,
        args: String,
        at: i64,
    }
}

fn read(tx: &Tx, rows: Vec<Row>) -> Result<Vec<Announcement>, Error> {
    let announcement = |row: Row| {
        let at = At { table: "announcement", id: &row.id };
        Ok(Announcement {
            id: row.id,
            account_id: AccountId(row.account_id),
            channel_id: row.channel_id.map(ChannelId),
            args: at.json("args", &row.args)?,
            at: at.time("at", row.at)?,
            kind: row.kind,
        })
    };
    tx.readable(rows.into_iter().map(announcement))
}
