//! How a channel's facts and level changed over time: rows are written only when they did.

use domain::ids::ChannelId;
use domain::meta::reading::{NumberReading, WabaReading};
use jiff::Timestamp;
use uuid::Uuid;

use crate::engine::columns::{At, micros};
use crate::ids::HistoryId;
use crate::numbers::reading_json::{number_from_json, number_to_json, waba_from_json, waba_to_json};
use crate::{Error, Tx};

/// Inserts an entry where level or facts differ from the newest one.
macro_rules! append {
    ($values:literal, $no_waba:literal) => {
        concat!(
            "insert into snapshot_history (id, channel_id, at, level, reading, waba) select ",
            $values,
            " where not exists (select 1 from snapshot_history newest where newest.channel_id = $2
            and newest.id = (select id from snapshot_history where channel_id = $2 order by id desc limit 1)
            and newest.level = $4 and newest.reading = $5 and (",
            $no_waba,
            " or newest.waba = $6))"
        )
    };
}

statements! {
    APPEND = append!("$1, $2, $3, $4, $5, $6", "$6 is null"),
        postgres: append!("$1::uuid, $2::bigint, $3::bigint, $4::text, $5::text, $6::text", "$6::text is null");
    LIST = "select id, at, level, reading, waba from snapshot_history
        where channel_id = $1 and id < $2 order by id desc limit $3";
    PURGE = "delete from snapshot_history where at < $1 and exists
        (select 1 from snapshot_history newer
         where newer.channel_id = snapshot_history.channel_id and newer.id > snapshot_history.id)";
}

/// The facts and the level from one instant until the next entry's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryEntry {
    pub id: HistoryId,
    pub at: Timestamp,
    pub level: String,
    /// What was read of the number.
    pub reading: NumberReading,
    /// What was read of its account.
    pub waba: Option<WabaReading>,
}

/// Keeps facts and level where they differ from the newest entry; whether they did.
pub async fn append_history(
    tx: &mut Tx,
    id: ChannelId,
    level: &str,
    reading: &NumberReading,
    waba: Option<&WabaReading>,
    now: Timestamp,
) -> Result<bool, Error> {
    let reading = number_to_json(reading).to_string();
    let waba = waba.map(|waba| waba_to_json(waba).to_string());
    Ok(run!(tx, APPEND, HistoryId::fresh(now), id.0, micros(now), level, reading, waba)? == 1)
}

/// Entries of a channel, newest first, before a given one.
pub async fn history(
    tx: &mut Tx,
    id: ChannelId,
    before: Option<HistoryId>,
    limit: i64,
) -> Result<Vec<HistoryEntry>, Error> {
    let before = before.unwrap_or(HistoryId(Uuid::max()));
    let rows: Vec<Row> = all!(tx, LIST, id.0, before, limit)?;
    rows.into_iter().map(Row::read).collect()
}

/// Forgets entries older than `before`, save each channel's newest.
pub async fn purge_history(tx: &mut Tx, before: Timestamp) -> Result<u64, Error> {
    run!(tx, PURGE, micros(before))
}

#[derive(sqlx::FromRow)]
struct Row {
    id: HistoryId,
    at: i64,
    level: String,
    reading: String,
    waba: Option<String>,
}

impl Row {
    fn read(self) -> Result<HistoryEntry, Error> {
        let at = At { table: "snapshot_history", id: &self.id };
        let waba = self.waba.map(|text| at.json("waba", &text)).transpose()?;
        Ok(HistoryEntry {
            id: self.id,
            at: at.time("at", self.at)?,
            reading: number_from_json(&at.json("reading", &self.reading)?),
            waba: waba.as_ref().map(waba_from_json),
            level: self.level,
        })
    }
}
