//! The newest reading of each channel, and the newest failure to read it. A failure keeps the
//! reading; an older attempt never overwrites a newer one. Beside: [`mod@history`] of what changed.

use domain::ids::ChannelId;
use domain::meta::failure::Failure;
use domain::meta::reading::{NumberReading, WabaReading};
use jiff::Timestamp;

use super::failure_json::{failure_from_json, failure_to_json};
use super::reading_json::{number_from_json, number_to_json, waba_from_json, waba_to_json};
use crate::engine::columns::{At, micros};
use crate::{Error, Tx};

pub mod history;

pub use history::{HistoryEntry, NewAssessment, append_history, history, purge_history, store_assessment};

statements! {
    SAVE = "insert into snapshot (channel_id, reading, waba, checked_at)
        select id, $2, $3, $4 from channel where id = $1
        on conflict (channel_id) do update set
        reading = excluded.reading, waba = coalesce(excluded.waba, snapshot.waba), checked_at = excluded.checked_at,
        failure = case when snapshot.failed_at > excluded.checked_at then snapshot.failure end,
        failed_at = case when snapshot.failed_at > excluded.checked_at then snapshot.failed_at end
        where snapshot.checked_at is null or snapshot.checked_at <= excluded.checked_at";
    SAVE_FAILURE = "insert into snapshot (channel_id, failure, failed_at)
        select id, $2, $3 from channel where id = $1
        on conflict (channel_id) do update set failure = excluded.failure, failed_at = excluded.failed_at
        where (snapshot.checked_at is null or snapshot.checked_at <= excluded.failed_at)
        and (snapshot.failed_at is null or snapshot.failed_at <= excluded.failed_at)";
    LATEST = "select reading, waba, checked_at, failure, failed_at from snapshot where channel_id = $1";
}

/// What was last read of a channel, and whether the newest attempt failed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StoredSnapshot {
    /// The number; empty while no read has worked.
    pub reading: NumberReading,
    /// Its account, where it was ever read.
    pub waba: Option<WabaReading>,
    /// When the number was last read; `None` while no read has worked.
    pub checked_at: Option<Timestamp>,
    /// How the newest attempt failed; `None` when it worked.
    pub error: Option<Failure>,
    pub error_at: Option<Timestamp>,
}

/// Keeps a reading; the account's reading on record stays where none is given. False when a newer
/// reading is on record or the channel is gone.
pub async fn save(
    tx: &mut Tx,
    id: ChannelId,
    reading: &NumberReading,
    waba: Option<&WabaReading>,
    now: Timestamp,
) -> Result<bool, Error> {
    let waba = waba.map(|waba| waba_to_json(waba).to_string());
    Ok(run!(tx, SAVE, id.0, number_to_json(reading).to_string(), waba, micros(now))? == 1)
}

/// Keeps a failure beside the reading on record. False when a newer attempt is on record or the
/// channel is gone.
pub async fn save_failure(tx: &mut Tx, id: ChannelId, failure: &Failure, now: Timestamp) -> Result<bool, Error> {
    Ok(run!(tx, SAVE_FAILURE, id.0, failure_to_json(failure).to_string(), micros(now))? == 1)
}

/// What was last read; `None` when no read was ever tried.
pub async fn latest(tx: &mut Tx, id: ChannelId) -> Result<Option<StoredSnapshot>, Error> {
    let row: Option<Row> = one!(tx, LATEST, id.0)?;
    row.map(|row| row.read(id)).transpose()
}

row! {
    pub(crate) struct Row {
        pub(in crate::numbers) reading: Option<String>,
        pub(in crate::numbers) waba: Option<String>,
        pub(in crate::numbers) checked_at: Option<i64>,
        pub(in crate::numbers) failure: Option<String>,
        pub(in crate::numbers) failed_at: Option<i64>,
    }
}

impl Row {
    pub(in crate::numbers) fn read(self, id: ChannelId) -> Result<StoredSnapshot, Error> {
        let at = At { table: "snapshot", id: &id };
        let json = |column, text: Option<String>| text.map(|text| at.json(column, &text)).transpose();
        let failure = json("failure", self.failure)?
            .map(|json| failure_from_json(&json).unwrap_or_else(|| Failure::unanswered(json.to_string())));
        Ok(StoredSnapshot {
            reading: json("reading", self.reading)?.as_ref().map(number_from_json).unwrap_or_default(),
            waba: json("waba", self.waba)?.as_ref().map(waba_from_json),
            checked_at: at.maybe_time("checked_at", self.checked_at)?,
            error: failure,
            error_at: at.maybe_time("failed_at", self.failed_at)?,
        })
    }
}
