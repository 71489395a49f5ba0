//! The ledger's rows: one per register or deregister call, written before the call is made.

use domain::ids::PhoneNumberId;
use domain::meta::failure::Failure;
use domain::registration::ledger::{Attempt, AttemptOutcome, Basis, CallKind};
use jiff::Timestamp;
use uuid::Uuid;

use super::failure_json::{failure_from_json, failure_to_json};
use crate::engine::columns::{At, micros};
use crate::ids::AttemptId;
use crate::{Conflict, Error, Tx};

/// The columns of an attempt, as [`Row`] reads them.
macro_rules! columns {
    () => {
        "id, phone_number_id, kind, basis, reason, started_at, settled_at, succeeded, failure, is_assumed"
    };
}

statements! {
    OPEN = "insert into number_attempt (id, phone_number_id, kind, basis, reason, started_at, is_assumed)
        values ($1, $2, $3, $4, $5, $6, $7) on conflict do nothing";
    SETTLE = "update number_attempt set settled_at = $2, succeeded = $3, failure = $4, is_assumed = $5
        where id = $1 and (settled_at is null or is_assumed)";
    ASSUME = "update number_attempt set settled_at = $2, succeeded = $3, failure = $4, is_assumed = $5
        where id = $1 and settled_at is null";
    FIND = concat!("select ", columns!(), " from number_attempt where id = $1");
    NEWEST = concat!("select ", columns!(),
        " from number_attempt where phone_number_id = $1 order by started_at desc, id desc limit $2");
    UNSETTLED = concat!("select ", columns!(),
        " from number_attempt where settled_at is null and started_at <= $1 order by started_at limit $2");
}

/// A call as recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedAttempt {
    pub id: AttemptId,
    pub phone_number_id: PhoneNumberId,
    pub attempt: Attempt,
    /// Why it was made, by code.
    pub reason: String,
    /// Its outcome was concluded from what the number says; the call's own answer never came.
    pub is_assumed: bool,
}

/// Writes a call down before it is made. [`Conflict::UnsettledCall`] when another one for the number
/// has no outcome yet.
pub async fn open_attempt(
    tx: &mut Tx,
    number: &PhoneNumberId,
    kind: CallKind,
    basis: Basis,
    reason: &str,
    now: Timestamp,
) -> Result<AttemptId, Error> {
    let id = AttemptId::fresh(now);
    let written = run!(tx, OPEN, id, number.as_str(), kind.into_str(), basis.into_str(), reason, micros(now), false)?;
    if written == 1 { Ok(id) } else { Err(Error::Conflict(Conflict::UnsettledCall)) }
}

/// Writes the call's own answer down; it overwrites an assumed outcome, not an earlier answer.
pub async fn settle_attempt(
    tx: &mut Tx,
    id: AttemptId,
    outcome: &AttemptOutcome,
    now: Timestamp,
) -> Result<bool, Error> {
    let (succeeded, failure) = outcome_columns(outcome);
    Ok(run!(tx, SETTLE, id, micros(now), succeeded, failure, false)? == 1)
}

/// Settles a call whose answer never came by what the number says; a late answer overwrites it.
pub async fn assume_attempt(
    tx: &mut Tx,
    id: AttemptId,
    outcome: &AttemptOutcome,
    now: Timestamp,
) -> Result<bool, Error> {
    let (succeeded, failure) = outcome_columns(outcome);
    Ok(run!(tx, ASSUME, id, micros(now), succeeded, failure, true)? == 1)
}

/// Finds a call by its id, settled or not.
#[cfg(feature = "testing")]
pub async fn attempt(tx: &mut Tx, id: AttemptId) -> Result<Option<RecordedAttempt>, Error> {
    let row: Option<Row> = one!(tx, FIND, id)?;
    row.map(RecordedAttempt::try_from).transpose()
}

/// The newest calls of a number, newest first.
#[cfg(feature = "testing")]
pub async fn attempts(tx: &mut Tx, number: &PhoneNumberId, limit: i64) -> Result<Vec<RecordedAttempt>, Error> {
    read(all!(tx, NEWEST, number.as_str(), limit)?)
}

/// Calls of any number begun by `before` that have no outcome: a crash came between.
pub async fn unsettled(tx: &mut Tx, before: Timestamp, limit: i64) -> Result<Vec<RecordedAttempt>, Error> {
    let rows: Vec<Row> = all!(tx, UNSETTLED, micros(before), limit)?;
    tx.readable(rows.into_iter().map(RecordedAttempt::try_from))
}

/// An attempt as an element of a JSON array: an array of its columns, without the number's id.
#[derive(serde::Deserialize)]
struct JsonRow {
    id: String,
    kind: String,
    basis: String,
    reason: String,
    started_at: i64,
    settled_at: Option<i64>,
    succeeded: Option<Flag>,
    failure: Option<String>,
    is_assumed: Flag,
}

/// A truth value: SQLite's JSON has numbers, PostgreSQL's has booleans.
#[derive(serde::Deserialize)]
#[serde(untagged)]
enum Flag {
    Bool(bool),
    Number(u8),
}

impl From<Flag> for bool {
    fn from(flag: Flag) -> Self {
        match flag {
            Flag::Bool(flag) => flag,
            Flag::Number(number) => number != 0,
        }
    }
}

/// The attempts of a number from a JSON array of arrays, oldest first.
pub(super) fn from_json(number: &PhoneNumberId, text: &str) -> Result<Vec<RecordedAttempt>, Error> {
    let all: Vec<JsonRow> = serde_json::from_str(text).map_err(Error::corrupt("number_attempt", number, "id"))?;
    let mut rows = Vec::with_capacity(all.len());
    for row in all {
        rows.push(Row {
            id: row.id.parse().map_err(Error::corrupt("number_attempt", number, "id"))?,
            phone_number_id: number.0.clone(),
            kind: row.kind,
            basis: row.basis,
            reason: row.reason,
            started_at: row.started_at,
            settled_at: row.settled_at,
            succeeded: row.succeeded.map(bool::from),
            failure: row.failure,
            is_assumed: row.is_assumed.into(),
        });
    }
    rows.sort_by_key(|row| (row.started_at, row.id));
    read(rows)
}

row! {
    struct Row {
        id: Uuid,
        phone_number_id: String,
        kind: String,
        basis: String,
        reason: String,
        started_at: i64,
        settled_at: Option<i64>,
        succeeded: Option<bool>,
        failure: Option<String>,
        is_assumed: bool,
    }
}

impl TryFrom<Row> for RecordedAttempt {
    type Error = Error;

    fn try_from(row: Row) -> Result<Self, Error> {
        let at = At { table: "number_attempt", id: &row.id };
        let outcome = match (row.succeeded, &row.failure) {
            (None, _) => None,
            (Some(true), _) => Some(AttemptOutcome::Success),
            (Some(false), text) => {
                let json = at.json("failure", text.as_deref().unwrap_or("null"))?;
                // a kind of another version is still a failure
                let failure = failure_from_json(&json).unwrap_or_else(|| Failure::unanswered(json.to_string()));
                Some(AttemptOutcome::Failed(failure))
            }
        };
        Ok(Self {
            id: AttemptId(row.id),
            attempt: Attempt {
                kind: at.some("kind", row.kind.parse().ok())?,
                basis: at.some("basis", row.basis.parse().ok())?,
                started_at: at.time("started_at", row.started_at)?,
                settled_at: at.maybe_time("settled_at", row.settled_at)?,
                outcome,
            },
            phone_number_id: PhoneNumberId(row.phone_number_id),
            reason: row.reason,
            is_assumed: row.is_assumed,
        })
    }
}

fn read(rows: Vec<Row>) -> Result<Vec<RecordedAttempt>, Error> {
    rows.into_iter().map(RecordedAttempt::try_from).collect()
}

fn outcome_columns(outcome: &AttemptOutcome) -> (bool, Option<String>) {
    match outcome {
        AttemptOutcome::Success => (true, None),
        AttemptOutcome::Failed(failure) => (false, Some(failure_to_json(failure).to_string())),
    }
}
