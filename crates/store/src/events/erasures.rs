//! Erasures: people whose messages are being taken out of what an account keeps, and how far that is.
//! Who they are is sealed, and forgotten with the last of their messages.

use domain::ids::AccountId;
use jiff::Timestamp;

use crate::engine::columns::{At, maybe_micros, micros};
use crate::ids::{ErasureId, EventId};
use crate::{Error, Tx};

pub(crate) mod walk;

pub use walk::{AccountEvent, Window, has_uninterpreted, remove, replace, window};

/// The columns, as [`Row`] reads them.
macro_rules! columns {
    () => {
        "id, account_id, person, first_event_id, last_event_id, cursor_event_id, pass, deleted, rewritten,
        created_at, finished_at"
    };
}

statements! {
    BOUNDS = "select (select min(id) from event), (select max(id) from event)";
    INSERT = "insert into erasure (id, account_id, person, first_event_id, last_event_id, cursor_event_id, pass,
        deleted, rewritten, created_at, finished_at) values ($1, $2, $3, $4, $5, $6, 1, 0, 0, $7, null)";
    FIND = concat!("select ", columns!(), " from erasure where id = $1");
    UNFINISHED = "select id from erasure where finished_at is null and created_at < $1 order by id limit $2";
    ADVANCE = "update erasure set cursor_event_id = $3, pass = $4, person = $5, deleted = deleted + $6,
        rewritten = rewritten + $7
        where id = $1 and cursor_event_id = $2 and finished_at is null";
    FINISH = "update erasure set finished_at = $3, person = null
        where id = $1 and cursor_event_id = $2 and finished_at is null";
}

/// The erasure of one person from an account's events, and how far it is.
#[derive(Clone, PartialEq, Eq)]
pub struct Erasure {
    pub id: ErasureId,
    pub account_id: AccountId,
    /// Every known id of the person, and how many were known when the pass began; nobody when finished.
    pub person: Option<(Vec<String>, usize)>,
    /// The oldest event when it began.
    pub first: EventId,
    /// The newest event when it began.
    pub last: EventId,
    /// The last event that was looked at.
    pub cursor: EventId,
    /// Which walk over the events this is: one more where ids of the person were learnt on the way.
    pub pass: i64,
    /// Events that were about nobody else.
    pub deleted: i64,
    /// Events that were about others too.
    pub rewritten: i64,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// When nothing was left.
    pub finished_at: Option<Timestamp>,
}

impl Erasure {
    /// Whether ids of the person were learnt since this pass started.
    pub fn has_learnt_ids(&self) -> bool {
        self.person.as_ref().is_some_and(|(ids, known)| ids.len() > *known)
    }

    /// The same erasure at the first event again.
    #[must_use]
    pub fn next_pass(self) -> Self {
        let person = self.person.map(|(ids, _)| {
            let known = ids.len();
            (ids, known)
        });
        let cursor = EventId(self.first.0 - 1);
        Self { person, cursor, pass: self.pass + 1, ..self }
    }

    /// How much of the current pass is done, in percent.
    pub fn percent(&self) -> i64 {
        if self.finished_at.is_some() || self.last < self.first {
            return 100;
        }
        let done = self.cursor.0 - self.first.0 + 1;
        (done * 100 / (self.last.0 - self.first.0 + 1)).clamp(0, 99)
    }
}

impl std::fmt::Debug for Erasure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Erasure({}, {}, {:?} of {:?})", self.id, self.account_id, self.cursor, self.last)
    }
}

/// Where the person is sealed for.
pub(crate) fn place(id: &ErasureId) -> String {
    format!("erasure/person/{id}")
}

fn seal(tx: &Tx, id: ErasureId, person: &(Vec<String>, usize)) -> Result<Vec<u8>, Error> {
    let text = serde_json::to_vec(person).map_err(Error::corrupt("erasure", id, "person"))?;
    Ok(tx.keyring.seal(&place(&id), &text)?)
}

/// Begins one over everything that is kept now.
pub async fn insert(tx: &mut Tx, account: AccountId, ids: Vec<String>, now: Timestamp) -> Result<Erasure, Error> {
    let bounds: Option<(Option<i64>, Option<i64>)> = one!(tx, BOUNDS)?;
    let (first, last) = match bounds {
        Some((Some(first), Some(last))) => (first, last),
        _ => (1, 0),
    };
    let known = ids.len();
    let id = ErasureId::fresh(now);
    let it = Erasure {
        id,
        account_id: account,
        person: Some((ids, known)),
        first: EventId(first),
        last: EventId(last),
        cursor: EventId(first - 1),
        pass: 1,
        deleted: 0,
        rewritten: 0,
        created_at: now,
        finished_at: None,
    };
    let person = it.person.as_ref().map(|person| seal(tx, id, person)).transpose()?;
    run!(tx, INSERT, id, account.0, person, it.first, it.last, it.cursor, micros(now))?;
    Ok(it)
}

/// Finds one. Whether its account may see it is the caller's to check.
pub async fn find(tx: &mut Tx, id: ErasureId) -> Result<Option<Erasure>, Error> {
    let row: Option<Row> = one!(tx, FIND, id)?;
    row.map(|row| row.read(tx)).transpose()
}

/// Those that were asked for before an instant and are not finished.
pub async fn unfinished(tx: &mut Tx, before: Timestamp, limit: i64) -> Result<Vec<ErasureId>, Error> {
    let rows: Vec<(ErasureId,)> = all!(tx, UNFINISHED, micros(before), limit)?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

/// Stores the progress: `next` instead of `before`. False where somebody else went on meanwhile:
/// then nothing of this transaction may be kept.
pub async fn advance(
    tx: &mut Tx,
    before: &Erasure,
    next: &Erasure,
    deleted: u64,
    rewritten: u64,
) -> Result<bool, Error> {
    let person = next.person.as_ref().map(|person| seal(tx, next.id, person)).transpose()?;
    let count = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
    let (deleted, rewritten) = (count(deleted), count(rewritten));
    Ok(run!(tx, ADVANCE, before.id, before.cursor, next.cursor, next.pass, person, deleted, rewritten)? == 1)
}

/// Notes that nothing is left, and forgets who it was. False where somebody else went on meanwhile.
pub async fn finish(tx: &mut Tx, it: &Erasure, now: Timestamp) -> Result<bool, Error> {
    Ok(run!(tx, FINISH, it.id, it.cursor, maybe_micros(Some(now)))? == 1)
}

row! {
    struct Row {
        id: ErasureId,
        account_id: i64,
        person: Option<Vec<u8>>,
        first_event_id: i64,
        last_event_id: i64,
        cursor_event_id: i64,
        pass: i64,
        deleted: i64,
        rewritten: i64,
        created_at: i64,
        finished_at: Option<i64>,
    }
}

impl Row {
    fn read(self, tx: &Tx) -> Result<Erasure, Error> {
        let at = At { table: "erasure", id: &self.id };
        let person = match self.person {
            None => None,
            Some(blob) => {
                let text = tx.keyring.open(&place(&self.id), &blob);
                let text = text.map_err(Error::corrupt("erasure", self.id, "person"))?;
                Some(serde_json::from_slice(&text).map_err(Error::corrupt("erasure", self.id, "person"))?)
            }
        };
        Ok(Erasure {
            account_id: AccountId(self.account_id),
            person,
            first: EventId(self.first_event_id),
            last: EventId(self.last_event_id),
            cursor: EventId(self.cursor_event_id),
            pass: self.pass,
            deleted: self.deleted,
            rewritten: self.rewritten,
            created_at: at.time("created_at", self.created_at)?,
            finished_at: at.maybe_time("finished_at", self.finished_at)?,
            id: self.id,
        })
    }
}
