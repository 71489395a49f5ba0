//! How a channel's facts and level changed over time: rows are written only when they did.

use domain::ids::ChannelId;
use domain::meta::reading::{NumberReading, WabaReading};
use jiff::Timestamp;
use serde_json::Value;
use uuid::Uuid;

use crate::engine::columns::{At, maybe_micros, micros};
use crate::ids::HistoryId;
use crate::numbers::channels::set_assessment;
use crate::numbers::reading_json::{number_from_json, number_to_json, waba_from_json, waba_to_json};
use crate::{Engine, Error, Tx};

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
    /// One round trip where the engine can write two tables in one statement.
    ASSESSED = "select 1", postgres: concat!("with entry as (",
        append!("$1::uuid, $2::bigint, $3::bigint, $4::text, $5::text, $6::text", "$6::text is null"),
        ") update channel set level = $4, level_until = $7, last_assessment = $8 where id = $2");
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

/// Stores an assessment with the facts it was made from: on the channel, and in the history where level or facts
/// changed. False when the channel is gone.
pub async fn store_assessment(
    tx: &mut Tx,
    id: ChannelId,
    assessment: &NewAssessment<'_>,
    now: Timestamp,
) -> Result<bool, Error> {
    let NewAssessment { level, until, last, reading, waba } = assessment;
    if tx.engine() == Engine::Sqlite {
        append_history(tx, id, level, reading, Some(waba), now).await?;
        return set_assessment(tx, id, level, *until, last).await;
    }
    let (reading, waba) = (number_to_json(reading).to_string(), waba_to_json(waba).to_string());
    let (entry, until) = (HistoryId::fresh(now), maybe_micros(*until));
    Ok(run!(tx, ASSESSED, entry, id.0, micros(now), *level, reading, waba, until, last.to_string())? == 1)
}

/// An assessment and the facts it was made from.
#[derive(Debug, Clone, Copy)]
pub struct NewAssessment<'a> {
    pub level: &'a str,
    /// Until when the level holds if no fact changes.
    pub until: Option<Timestamp>,
    /// The flow's own JSON, as [`StoredAssessment::last`](crate::channels::StoredAssessment::last).
    pub last: &'a Value,
    pub reading: &'a NumberReading,
    pub waba: &'a WabaReading,
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
    tx.readable(rows.into_iter().map(Row::read))
}

/// Forgets entries older than `before`, save each channel's newest.
pub async fn purge_history(tx: &mut Tx, before: Timestamp) -> Result<u64, Error> {
    run!(tx, PURGE, micros(before))
}

row! {
    struct Row {
        id: HistoryId,
        at: i64,
        level: String,
        reading: String,
        waba: Option<String>,
    }
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
