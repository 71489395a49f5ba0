//! The sweep: enqueues every job that should be queued and is not. It makes up for an enqueue that was
//! lost, for a call that a crash left open, and for levels that time alone moves. It names each kind of job by
//! hand, so a new periodic job is added here. It calls no flow's work.

use domain::registration::UNANSWERED_AFTER;
use jiff::{SignedDuration, Timestamp};

use crate::App;
use crate::flows::queue::{Job, enqueue_if_absent};
use crate::flows::{FlowError, Next, erasure, token};
use crate::store::{self, channels, numbers, signups};

/// How often the sweep runs.
const SWEEP_INTERVAL: SignedDuration = SignedDuration::from_mins(5);

/// How many rows one transaction reads. The next sweep takes what is beyond it.
const PAGE_SIZE: i64 = 500;

/// The job. A fleet read enqueues the registration of a number that reads as not registered.
pub(crate) async fn sweep(app: &App) -> Result<Next, FlowError> {
    let now = app.clock.now();
    enqueue_fleets(app, now).await?;
    let mut tx = app.store.write().await?;
    for call in numbers::unsettled(&mut tx, now - UNANSWERED_AFTER, PAGE_SIZE).await? {
        if let Some(channel) = channels::find_by_phone_number_id(&mut tx, &call.phone_number_id).await? {
            enqueue_if_absent(&mut tx, &Job::Register(channel.id), now);
        }
    }
    for id in channels::assessments_due(&mut tx, now, PAGE_SIZE).await? {
        enqueue_if_absent(&mut tx, &Job::Assess(id), now);
    }
    for id in channels::without_token_watch(&mut tx, PAGE_SIZE).await? {
        enqueue_if_absent(&mut tx, &Job::Token(id), token::first_check(id, now));
    }
    // the public address of this installation changed
    let own = format!("{}/", app.config.public_url.trim_end_matches('/'));
    for id in channels::overrides_elsewhere(&mut tx, &own, PAGE_SIZE).await? {
        enqueue_if_absent(&mut tx, &Job::Subscribe(id), now);
    }
    let mut after = None;
    loop {
        let open = signups::open(&mut tx, after, PAGE_SIZE).await?;
        for signup in &open {
            enqueue_if_absent(&mut tx, &Job::Signup(signup.id.0), now);
        }
        after = open.last().map(|signup| signup.id);
        if i64::try_from(open.len()).is_ok_and(|count| count < PAGE_SIZE) {
            break;
        }
    }
    enqueue_if_absent(&mut tx, &Job::Purge, now);
    erasure::enqueue_unfinished(&mut tx, now).await?;
    tx.commit().await?;
    Ok(Next::At(now + SWEEP_INTERVAL))
}

/// Enqueues the fleet read of every WABA that has channels, each once.
async fn enqueue_fleets(app: &App, now: Timestamp) -> Result<(), store::Error> {
    let mut after = None;
    loop {
        let mut tx = app.store.write().await?;
        let wabas = channels::list_wabas(&mut tx, after.as_ref(), PAGE_SIZE).await?;
        for waba in &wabas {
            enqueue_if_absent(&mut tx, &Job::Fleet(waba.clone()), now);
        }
        tx.commit().await?;
        let is_last = i64::try_from(wabas.len()).is_ok_and(|count| count < PAGE_SIZE);
        after = wabas.into_iter().last();
        if is_last {
            return Ok(());
        }
    }
}
