//! Erases one person from everything an account keeps: passes over its events in small batches, each of
//! which records its progress, so that an erasure resumes after a crash and two callers may drive the same.
//!
//! The person's ids are sealed while the erasure runs and deleted with its end; nothing here logs them.

use domain::ids::AccountId;
use graph_api::webhook::{Erased, Person, erase};
use jiff::{SignedDuration, Timestamp};

use super::quarantine;
use super::queue::{Job, enqueue, enqueue_if_absent, enqueue_now};
use super::{BATCH_DELAY, FlowError, Next, Refusal};
use crate::App;
use crate::store::erasures::{self, AccountEvent, Erasure};
use crate::store::events::body;
use crate::store::ids::ErasureId;
use crate::store::{self, Tx, channels};

/// How many events one transaction looks at.
const BATCH_SIZE: i64 = 200;

/// How many batches one run of the job takes.
const MAX_BATCHES: usize = 300;

/// The most passes over the events. A further pass finds the events that name only an id which the pass before
/// learnt at its end; a person who changed number or id again and again takes one per change.
const MAX_PASSES: i64 = 20;

/// How long an erasure waits for events that are being interpreted.
const INTERPRET_DELAY: SignedDuration = SignedDuration::from_secs(2);

/// How long an erasure may be without a job before the sweep enqueues one: its caller may have ended.
const ABANDONED_AFTER: SignedDuration = SignedDuration::from_mins(5);

/// Who drives an erasure first. The sweep takes over one that is not finished.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Driver {
    Job,
    /// The caller, with [`erase_batch`]. The job takes over after this time, in case the caller ended.
    Caller(SignedDuration),
}

/// Starts an erasure. Refuses text that identifies no person, and the account's own numbers.
pub async fn start(app: &App, account: AccountId, person: &str, driver: Driver) -> Result<Erasure, FlowError> {
    let invalid = |text: &str| FlowError::refused(Refusal::InvalidParameter, text);
    let person = Person::parse(person).ok_or_else(|| {
        invalid("person: a phone number such as +15550199999, or an id of Meta’s such as US.13491208655302741918")
    })?;
    let ids: Vec<String> = person.ids().map(str::to_owned).collect();
    let now = app.clock.now();
    let mut tx = app.store.write().await?;
    if owns_number(&mut tx, account, &ids).await? {
        return Err(invalid("person: this is the number of an inbox; delete the inbox instead"));
    }
    let erasure = erasures::insert(&mut tx, account, ids, now).await?;
    match driver {
        Driver::Job => enqueue(&mut tx, &Job::Erase(erasure.id), now),
        Driver::Caller(grace) => enqueue_if_absent(&mut tx, &Job::Erase(erasure.id), now + grace),
    }
    tx.commit().await?;
    tracing::info!(erasure = %erasure.id, %account, "an erasure was requested");
    Ok(erasure)
}

async fn owns_number(tx: &mut Tx, account: AccountId, ids: &[String]) -> Result<bool, store::Error> {
    for id in ids {
        let Ok(number) = domain::phone::E164::parse(&format!("+{id}")) else { continue };
        if channels::find_by_phone(tx, &number).await?.is_some_and(|channel| channel.account_id == account) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The job: erases some batches; the next run continues.
pub async fn run(app: &App, id: ErasureId) -> Result<Next, FlowError> {
    for _ in 0..MAX_BATCHES {
        match erase_batch(app, id).await? {
            BatchResult::Finished => return Ok(Next::Done),
            BatchResult::Waiting => return Ok(Next::At(app.clock.now() + INTERPRET_DELAY)),
            BatchResult::More(_) if app.shutdown.is_cancelled() => break,
            BatchResult::More(_) => tokio::time::sleep(BATCH_DELAY).await,
        }
    }
    Ok(Next::At(app.clock.now()))
}

/// The state of an erasure after a batch.
#[derive(Debug)]
pub enum BatchResult {
    /// No event names the person any more, or there is no such erasure.
    Finished,
    /// Events must be interpreted first, so that what they prove about a number is not lost with them.
    Waiting,
    /// More events may have to be looked at.
    More(Box<Erasure>),
}

/// Erases one batch of events, in one transaction that also records the progress.
pub async fn erase_batch(app: &App, id: ErasureId) -> Result<BatchResult, FlowError> {
    let mut tx = app.store.read().await?;
    let Some(erasure) = erasures::find(&mut tx, id).await? else { return Ok(BatchResult::Finished) };
    let Some((ids, known)) = &erasure.person else { return Ok(BatchResult::Finished) };
    if erasures::has_uninterpreted(&mut tx, erasure.last).await? {
        drop(tx);
        enqueue_now(app, &[Job::Interpret]).await?;
        return Ok(BatchResult::Waiting);
    }
    let window = erasures::window(&mut tx, &erasure, BATCH_SIZE).await?;
    drop(tx);
    // nobody can tell whether they name the person; an erasure that has passed them keeps them from being opened again
    quarantine::put(app, &window.unreadable).await?;
    let mut person = Person::from_ids(ids.iter().cloned());
    let changes: Vec<(&AccountEvent, Change)> =
        window.own.iter().filter_map(|kept| Some((kept, change_of(&kept.body, &mut person)?))).collect();
    let ids: Vec<String> = person.ids().map(str::to_owned).collect();
    let mut next = Erasure { person: Some((ids, *known)), ..erasure.clone() };
    match window.until {
        Some(until) => next.cursor = until,
        None if next.has_learnt_ids() && erasure.pass < MAX_PASSES => next = next.next_pass(),
        None => return finish(app, erasure).await,
    }
    let mut tx = app.store.write().await?;
    let Some((deleted, rewritten)) = apply(&mut tx, erasure.account_id, &changes).await? else {
        return Ok(BatchResult::More(Box::new(erasure)));
    };
    if erasures::advance(&mut tx, &erasure, &next, deleted, rewritten).await? {
        tx.commit().await?;
        return Ok(BatchResult::More(Box::new(next)));
    }
    // another caller took this batch: its transaction counts, this one is dropped
    Ok(BatchResult::More(Box::new(erasure)))
}

async fn finish(app: &App, erasure: Erasure) -> Result<BatchResult, FlowError> {
    // payloads that endpoints of this process are about to receive are built again before the end is reported
    app.notifier.apply_endpoint_changes().await;
    let mut tx = app.store.write().await?;
    let was_first = erasures::finish(&mut tx, &erasure, app.clock.now()).await?;
    tx.commit().await?;
    if !was_first {
        return Ok(BatchResult::More(Box::new(erasure)));
    }
    tracing::info!(erasure = %erasure.id, erasure.deleted, erasure.rewritten, "an erasure is finished");
    Ok(BatchResult::Finished)
}

/// What an erasure does to one event.
enum Change {
    Delete,
    Rewrite(Vec<u8>),
}

/// What to do with an event's body; `None` where it does not name the person.
fn change_of(body: &[u8], person: &mut Person) -> Option<Change> {
    match erase(body::decode(body)?.value, person) {
        Erased::Untouched => None,
        Erased::Nothing => Some(Change::Delete),
        Erased::Rest(rest) => Some(Change::Rewrite(body::with_value(body, &rest)?.into())),
    }
}

/// Deletes and rewrites events; returns how many of each. `None` where a body changed meanwhile: the batch
/// must be read again.
async fn apply(
    tx: &mut Tx,
    account: AccountId,
    changes: &[(&AccountEvent, Change)],
) -> Result<Option<(u64, u64)>, store::Error> {
    let (mut deleted, mut rewritten) = (0, 0);
    for (kept, change) in changes {
        match change {
            Change::Delete => {
                erasures::remove(tx, account, kept).await?;
                deleted += 1;
            }
            Change::Rewrite(body) if erasures::replace(tx, account, kept, body).await? => rewritten += 1,
            Change::Rewrite(_) => return Ok(None),
        }
    }
    Ok(Some((deleted, rewritten)))
}

/// Enqueues the jobs of erasures that are not finished.
pub async fn enqueue_unfinished(tx: &mut Tx, now: Timestamp) -> Result<(), store::Error> {
    for id in erasures::unfinished(tx, now - ABANDONED_AFTER, 100).await? {
        enqueue_if_absent(tx, &Job::Erase(id), now);
    }
    Ok(())
}
