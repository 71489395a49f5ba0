//! The closed set of background jobs, and how a flow enqueues one. The runner above the flows claims
//! and dispatches them.
//!
//! A job carries ids only; the flow it runs loads the facts again. Enqueueing a job that is queued or
//! running makes it run once more. A periodic job returns [`Next::At`](super::Next) and is named in `sweep`,
//! which enqueues it again where it was lost.

use domain::ids::{ChannelId, WabaId};
use jiff::{SignedDuration, Timestamp};
use strum::{EnumDiscriminants, EnumString, IntoStaticStr};
use uuid::Uuid;

use crate::App;
use crate::store::ids::ErasureId;
use crate::store::{self, Tx, jobs};

/// The longest time until a job runs again. A flow that has nothing to do before then runs, and says so again.
const MAX_DELAY: SignedDuration = SignedDuration::from_hours(30 * 24);

/// A job or a lease with a later date than this got it from a clock that was wrong.
const LATEST_DATE: SignedDuration = SignedDuration::from_hours(31 * 24);

/// A background job with the id of what it is about.
#[derive(Debug, Clone, PartialEq, Eq, EnumDiscriminants)]
#[strum_discriminants(name(JobKind), vis(pub), derive(EnumString, IntoStaticStr), strum(serialize_all = "snake_case"))]
#[strum_discriminants(doc = "The word kept in the `kind` column, and the label of the runner's metrics.")]
pub enum Job {
    /// Interprets the events stored since the last run.
    Interpret,
    /// Assigns the events that came before a number was connected to its inbox.
    AssignEarlier(ChannelId),
    /// Decides about a number's registration on the planner's behalf.
    Register(ChannelId),
    /// Restores a number's webhook subscription and callback override where they are missing.
    Subscribe(ChannelId),
    /// Reads one number's health.
    Health(ChannelId),
    /// Reads all numbers of a WABA, a hundred per call.
    Fleet(WabaId),
    /// Assesses a number again without a new reading, because time alone moved its level.
    Assess(ChannelId),
    /// Checks a number's token and fetches a new one where possible.
    Token(ChannelId),
    /// Requests contacts and history of a coexistence number, each once.
    Coexistence(ChannelId),
    /// Resumes a signup that was interrupted.
    Signup(Uuid),
    /// Finds the signup to which a WABA shared with this app belongs.
    SharedWaba(WabaId),
    /// Reconciles the app-level callback at Meta with ours.
    AppCallback,
    /// Continues the erasure of one person.
    Erase(ErasureId),
    /// Purges what is older than the retention allows.
    Purge,
    /// Enqueues whatever is due and not queued.
    Sweep,
}

impl Job {
    /// The word kept in the `kind` column.
    pub fn kind(&self) -> &'static str {
        JobKind::from(self).into()
    }

    /// The id kept in the `dedup_key` column; empty for a job of the whole installation.
    pub fn key(&self) -> String {
        match self {
            Self::AssignEarlier(id)
            | Self::Register(id)
            | Self::Subscribe(id)
            | Self::Health(id)
            | Self::Assess(id)
            | Self::Token(id)
            | Self::Coexistence(id) => id.to_string(),
            Self::Fleet(waba) | Self::SharedWaba(waba) => waba.to_string(),
            Self::Signup(id) => id.to_string(),
            Self::Erase(id) => id.to_string(),
            Self::Interpret | Self::AppCallback | Self::Purge | Self::Sweep => String::new(),
        }
    }

    /// Reads a row back; `None` for a kind or a key that this version does not know.
    pub fn parse(kind: &str, key: &str) -> Option<Self> {
        let channel = || key.parse().ok().map(ChannelId);
        let waba = || WabaId(key.to_owned());
        Some(match kind.parse().ok()? {
            JobKind::Interpret => Self::Interpret,
            JobKind::AssignEarlier => Self::AssignEarlier(channel()?),
            JobKind::Register => Self::Register(channel()?),
            JobKind::Subscribe => Self::Subscribe(channel()?),
            JobKind::Health => Self::Health(channel()?),
            JobKind::Fleet => Self::Fleet(waba()),
            JobKind::Assess => Self::Assess(channel()?),
            JobKind::Token => Self::Token(channel()?),
            JobKind::Coexistence => Self::Coexistence(channel()?),
            JobKind::Signup => Self::Signup(key.parse().ok()?),
            JobKind::SharedWaba => Self::SharedWaba(waba()),
            JobKind::AppCallback => Self::AppCallback,
            JobKind::Erase => Self::Erase(key.parse().ok()?),
            JobKind::Purge => Self::Purge,
            JobKind::Sweep => Self::Sweep,
        })
    }
}

/// Enqueues a job in the caller's transaction. A job that is queued keeps the earlier of the two dates;
/// one that is running runs once more afterwards.
pub fn enqueue(tx: &mut Tx, job: &Job, run_at: Timestamp) {
    jobs::enqueue(tx, job.kind(), &job.key(), run_at);
}

/// Enqueues a job unless it is queued or running already; then it keeps its date.
pub fn enqueue_if_absent(tx: &mut Tx, job: &Job, run_at: Timestamp) {
    jobs::enqueue_if_absent(tx, job.kind(), &job.key(), run_at);
}

/// Enqueues jobs in a transaction of their own, due now.
pub async fn enqueue_now(app: &App, jobs: &[Job]) -> Result<(), store::Error> {
    let now = app.clock.now();
    let mut tx = app.store.write().await?;
    for job in jobs {
        enqueue(&mut tx, job, now);
    }
    tx.commit().await?;
    Ok(())
}

/// Claims up to `limit` due jobs; each is this runner's until its lease ends.
pub(crate) async fn claim(app: &App, lease: SignedDuration, limit: i64) -> Result<Vec<jobs::Job>, store::Error> {
    let mut tx = app.store.write().await?;
    let claimed = jobs::claim(&mut tx, app.clock.now(), lease, limit).await?;
    tx.commit().await?;
    Ok(claimed)
}

/// Extends the lease of a claimed job; `None` if the lease was lost.
pub(crate) async fn renew(
    app: &App,
    row: &jobs::Job,
    lease: SignedDuration,
) -> Result<Option<jobs::Job>, store::Error> {
    let until = app.clock.now() + lease;
    let mut tx = app.store.write().await?;
    let renewed = jobs::renew_lease(&mut tx, row, until).await?;
    tx.commit().await?;
    Ok(renewed)
}

/// Removes a claimed job that is done. False if the lease was lost, or if the job was enqueued again while it ran.
pub(crate) async fn finish(app: &App, row: &jobs::Job) -> Result<bool, store::Error> {
    let mut tx = app.store.write().await?;
    let is_removed = jobs::finish(&mut tx, row).await?;
    tx.commit().await?;
    Ok(is_removed)
}

/// Queues a claimed job again for `run_at`. False if the lease was lost.
pub(crate) async fn postpone(app: &App, row: &jobs::Job, run_at: Timestamp) -> Result<bool, store::Error> {
    let run_at = run_at.min(app.clock.now() + MAX_DELAY);
    let mut tx = app.store.write().await?;
    let is_held = jobs::postpone(&mut tx, row, run_at).await?;
    tx.commit().await?;
    Ok(is_held)
}

/// Queues a failed job again for `retry_at` and stores the error. False if the lease was lost.
pub(crate) async fn fail(app: &App, row: &jobs::Job, retry_at: Timestamp, error: &str) -> Result<bool, store::Error> {
    let mut tx = app.store.write().await?;
    let is_held = jobs::fail(&mut tx, row, retry_at, error).await?;
    tx.commit().await?;
    Ok(is_held)
}

/// Makes jobs due now whose date no schedule allows; with `clock_went_back` every queued job, whatever its date.
/// Returns how many it were. A flow that runs too early decides again when it is due.
pub(crate) async fn pull_in(app: &App, clock_went_back: bool) -> Result<u64, store::Error> {
    let now = app.clock.now();
    let latest = now + LATEST_DATE;
    let mut tx = app.store.write().await?;
    let pulled = jobs::pull_in(&mut tx, now, if clock_went_back { now } else { latest }, latest).await?;
    tx.commit().await?;
    Ok(pulled)
}
