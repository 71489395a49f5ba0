//! Work to do. Asking for a job that is queued or running makes it run once more, never twice at
//! once: an enqueue raises the generation, a claim takes a lease, and a run ends only what it claimed.
//! A job names whom it is about and carries nothing else. What jobs do is not known here.

use jiff::{SignedDuration, Timestamp};

use crate::engine::columns::{At, micros};
use crate::engine::enqueued::Request;
use crate::{Error, Tx};

/// The columns of a job, as [`Row`] reads them.
macro_rules! columns {
    () => {
        "kind, dedup_key, run_at, generation, attempts, leased_until, last_error"
    };
}

statements! {
    /// While a run has its lease, `run_at` is when it must run again: never, until the job is enqueued again.
    CLAIM = concat!("update job set leased_until = $2, attempts = attempts + 1, run_at = $4
        where (kind, dedup_key) in
        (select kind, dedup_key from job where coalesce(leased_until, run_at) <= $1
         order by coalesce(leased_until, run_at) limit $3)
        returning ", columns!()),
        postgres: "with due as materialized
        (select kind, dedup_key from job where coalesce(leased_until, run_at) <= $1
         order by coalesce(leased_until, run_at) limit $3 for update skip locked)
        update job set leased_until = $2, attempts = attempts + 1, run_at = $4
        from due where job.kind = due.kind and job.dedup_key = due.dedup_key
        returning job.kind, job.dedup_key, job.run_at, job.generation, job.attempts, job.leased_until,
        job.last_error";
    END = "delete from job where kind = $1 and dedup_key = $2 and leased_until = $3 and generation = $4";
    RELEASE = "update job set leased_until = null, attempts = 0, last_error = null
        where kind = $1 and dedup_key = $2 and leased_until = $3";
    POSTPONE = "update job set leased_until = null, attempts = 0, last_error = null,
        run_at = case when $4 < run_at then $4 else run_at end
        where kind = $1 and dedup_key = $2 and leased_until = $3";
    FAIL = "update job set leased_until = null, last_error = $5,
        run_at = case when $4 < run_at then $4 else run_at end
        where kind = $1 and dedup_key = $2 and leased_until = $3";
    RENEW_LEASE = "update job set leased_until = $4 where kind = $1 and dedup_key = $2 and leased_until = $3";
    /// `run_at` is [`NEVER`] while a run has its lease; a job that loses its lease here runs again.
    PULL_IN = "update job set leased_until = null, run_at = case when $1 < run_at then $1 else run_at end
        where leased_until is null and run_at > $2 and run_at < $4 or leased_until > $3";
    NEXT_DUE = "select min(coalesce(leased_until, run_at)) from job";
    GET = concat!("select ", columns!(), " from job where kind = $1 and dedup_key = $2");
}

/// Later than every instant a job could be due at.
const NEVER: i64 = i64::MAX;

/// A job; as claimed it is the proof of the lease.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    pub kind: String,
    pub key: String,
    /// When it is due; `None` while it runs and was not enqueued again.
    pub run_at: Option<Timestamp>,
    /// The number of times it was enqueued.
    pub generation: i64,
    /// How often it was claimed since it last went well; the present claim included.
    pub attempts: i64,
    /// Until when a worker has it.
    pub leased_until: Option<Timestamp>,
    /// How the last run failed.
    pub last_error: Option<String>,
}

/// Enqueues a job for `run_at` when the transaction commits. A job that is queued keeps the earlier date; one
/// that runs will run again.
pub fn enqueue(tx: &mut Tx, kind: &'static str, dedup_key: &str, run_at: Timestamp) {
    tx.enqueued.add(kind, dedup_key, Request { run_at, must_run: true });
}

/// Enqueues a job when the transaction commits, unless it is queued or runs: then it stays as it is.
pub fn enqueue_if_absent(tx: &mut Tx, kind: &'static str, dedup_key: &str, run_at: Timestamp) {
    tx.enqueued.add(kind, dedup_key, Request { run_at, must_run: false });
}

/// Takes up to `limit` due jobs, longest due first; they are the caller's until `now + lease`.
pub async fn claim(tx: &mut Tx, now: Timestamp, lease: SignedDuration, limit: i64) -> Result<Vec<Job>, Error> {
    let rows: Vec<Row> = all!(tx, CLAIM, micros(now), micros(now + lease), limit, NEVER)?;
    rows.into_iter().map(Job::try_from).collect()
}

/// Ends a run. False when the job stays: it was enqueued meanwhile and is due again at the time of that request,
/// or the lease was lost to another worker.
pub async fn finish(tx: &mut Tx, job: &Job) -> Result<bool, Error> {
    let lease = lease(job);
    let ended = run!(tx, END, job.kind.as_str(), job.key.as_str(), lease, job.generation)?;
    if ended == 1 {
        return Ok(true);
    }
    run!(tx, RELEASE, job.kind.as_str(), job.key.as_str(), lease)?;
    Ok(false)
}

/// Ends a run that went well and asks for the next one at `run_at`, or earlier where it was enqueued
/// meanwhile. False when the lease was lost.
pub async fn postpone(tx: &mut Tx, job: &Job, run_at: Timestamp) -> Result<bool, Error> {
    Ok(run!(tx, POSTPONE, job.kind.as_str(), job.key.as_str(), lease(job), micros(run_at))? == 1)
}

/// Ends a run that failed and asks for another at `run_at`, or earlier where it was enqueued meanwhile.
/// False when the lease was lost.
pub async fn fail(tx: &mut Tx, job: &Job, run_at: Timestamp, error: &str) -> Result<bool, Error> {
    Ok(run!(tx, FAIL, job.kind.as_str(), job.key.as_str(), lease(job), micros(run_at), error)? == 1)
}

/// Keeps a job for longer; `None` when the lease was lost.
pub async fn renew_lease(tx: &mut Tx, job: &Job, until: Timestamp) -> Result<Option<Job>, Error> {
    let kept = run!(tx, RENEW_LEASE, job.kind.as_str(), job.key.as_str(), lease(job), micros(until))?;
    Ok((kept == 1).then(|| Job { leased_until: Some(until), ..job.clone() }))
}

/// Makes jobs due now that are due after `later_than`, and those whose lease ends after `leased_beyond`: their dates come
/// from a clock that was wrong. Returns how many it were.
pub async fn pull_in(
    tx: &mut Tx,
    now: Timestamp,
    later_than: Timestamp,
    leased_beyond: Timestamp,
) -> Result<u64, Error> {
    run!(tx, PULL_IN, micros(now), micros(later_than), micros(leased_beyond), NEVER)
}

/// When the next job is due, or a lost lease runs out.
pub async fn next_due(tx: &mut Tx) -> Result<Option<Timestamp>, Error> {
    let row: Option<(Option<i64>,)> = one!(tx, NEXT_DUE)?;
    let due = row.and_then(|(due,)| due).filter(|due| *due != NEVER);
    At { table: "job", id: &"next" }.maybe_time("run_at", due)
}

/// A job on record.
#[cfg(feature = "testing")]
pub async fn get(tx: &mut Tx, kind: &str, dedup_key: &str) -> Result<Option<Job>, Error> {
    let row: Option<Row> = one!(tx, GET, kind, dedup_key)?;
    row.map(Job::try_from).transpose()
}

/// What the claim is known by; a job that was never claimed has none and matches nothing.
fn lease(job: &Job) -> Option<i64> {
    job.leased_until.map(micros)
}

row! {
    struct Row {
        kind: String,
        dedup_key: String,
        run_at: i64,
        generation: i64,
        attempts: i64,
        leased_until: Option<i64>,
        last_error: Option<String>,
    }
}

impl TryFrom<Row> for Job {
    type Error = Error;

    fn try_from(row: Row) -> Result<Self, Error> {
        let at = At { table: "job", id: &format!("{}:{}", row.kind, row.dedup_key) };
        let run_at = (row.run_at != NEVER).then_some(row.run_at);
        Ok(Self {
            run_at: at.maybe_time("run_at", run_at)?,
            leased_until: at.maybe_time("leased_until", row.leased_until)?,
            kind: row.kind,
            key: row.dedup_key,
            generation: row.generation,
            attempts: row.attempts,
            last_error: row.last_error,
        })
    }
}
