//! The last assessment of a channel: kept to announce a change once, to filter the fleet and to wake
//! when it ends. The assessment itself is computed anew from facts each time it is shown.

use domain::channel::Channel;
use domain::ids::{AccountId, ChannelId};
use jiff::Timestamp;
use serde_json::Value;

use super::{Row, columns, many};
use crate::engine::columns::{At, maybe_micros, micros};
use crate::{Error, Tx};

statements! {
    SELECT = "select level, level_until, last_assessment from channel where id = $1";
    SET = "update channel set level = $2, level_until = $3, last_assessment = $4 where id = $1";
    DUE = "select id from channel where level_until is not null and level_until <= $1
        order by level_until, id limit $2";
    LIST = concat!("select ", columns!(),
        " from channel where account_id = $1 and level = $2 and id > $3 order by id limit $4");
    ASSESSED = concat!("select ", columns!(),
        ", level, level_until, last_assessment from channel where id > $1 order by id limit $2");
    ASSESSED_IN_ACCOUNT = concat!("select ", columns!(),
        ", level, level_until, last_assessment from channel where account_id = $3 and id > $1 order by id limit $2");
    COUNT = "select coalesce(level, ''), count(*) from channel group by level order by 1";
}

/// The last assessment of a channel, as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StoredAssessment {
    /// The level's word; `None` before the first.
    pub level: Option<String>,
    /// Until when it holds if no fact changes.
    pub until: Option<Timestamp>,
    /// What was announced, so that it is not announced twice; the flow's own shape.
    pub last: Value,
}

/// The last assessment of a channel; `None` when the channel is gone.
pub async fn assessment(tx: &mut Tx, id: ChannelId) -> Result<Option<StoredAssessment>, Error> {
    let row: Option<Columns> = one!(tx, SELECT, id.0)?;
    row.map(|row| read(id, row)).transpose()
}

/// The columns of a [`StoredAssessment`]: `level`, `level_until`, `last_assessment`.
type Columns = (Option<String>, Option<i64>, Option<String>);

pub(in crate::numbers) fn read(id: ChannelId, columns: Columns) -> Result<StoredAssessment, Error> {
    let (level, until, last) = columns;
    let at = At { table: "channel", id: &id };
    let last = match last {
        Some(text) => at.json("last_assessment", &text)?,
        None => Value::Null,
    };
    Ok(StoredAssessment { level, until: at.maybe_time("level_until", until)?, last })
}

/// Stores an assessment; false when the channel is gone.
pub async fn set_assessment(
    tx: &mut Tx,
    id: ChannelId,
    level: &str,
    until: Option<Timestamp>,
    last: &Value,
) -> Result<bool, Error> {
    Ok(run!(tx, SET, id.0, level, maybe_micros(until), last.to_string())? == 1)
}

/// Channels whose level ended by `now` and has to be judged again.
pub async fn assessments_due(tx: &mut Tx, now: Timestamp, limit: i64) -> Result<Vec<ChannelId>, Error> {
    let rows: Vec<(i64,)> = all!(tx, DUE, micros(now), limit)?;
    Ok(rows.into_iter().map(|(id,)| ChannelId(id)).collect())
}

/// Channels of an account on a level, oldest first, after a given one.
pub async fn list_by_level(
    tx: &mut Tx,
    account: AccountId,
    level: &str,
    after: Option<ChannelId>,
    limit: i64,
) -> Result<Vec<Channel>, Error> {
    let rows: Vec<Row> = all!(tx, LIST, account.0, level, after.map_or(0, |id| id.0), limit)?;
    many(tx, rows)
}

/// How many channels of the installation are on each level; the empty word is "not judged yet".
pub async fn count_by_level(tx: &mut Tx) -> Result<Vec<(String, i64)>, Error> {
    all!(tx, COUNT)
}

/// Channels with their last assessment, of an account or of the installation, oldest first, after a given one.
pub async fn list_assessed(
    tx: &mut Tx,
    account: Option<AccountId>,
    after: Option<ChannelId>,
    limit: i64,
) -> Result<Vec<(Channel, StoredAssessment)>, Error> {
    let after = after.map_or(0, |id| id.0);
    let rows: Vec<Assessed> = match account {
        Some(account) => all!(tx, ASSESSED_IN_ACCOUNT, after, limit, account.0)?,
        None => all!(tx, ASSESSED, after, limit)?,
    };
    let read = |row: Assessed| {
        let channel = Channel::try_from(row.channel)?;
        let assessment = read(channel.id, (row.level, row.level_until, row.last_assessment))?;
        Ok((channel, assessment))
    };
    tx.readable(rows.into_iter().map(read))
}

row! {
    struct Assessed + channel: Row {
        level: Option<String>,
        level_until: Option<i64>,
        last_assessment: Option<String>,
    }
}
