//! Work that waits: a closed set of jobs, one loop, one sweep.
//!
//! A job carries ids only; the flow it runs reads the facts again. Poking a job that is queued or
//! running makes it run once more (generations), a lost worker's lease runs out, and the sweep pokes
//! whatever should be queued and is not, so a lost nudge heals.

use std::time::Duration;

use domain::registration::UNANSWERED_AFTER;
use jiff::SignedDuration;

use crate::App;
use crate::flows::queue::{Job, enqueue, enqueue_if_absent, enqueue_now};
use crate::flows::{self, FlowError, Next};
use crate::store::{self, jobs as queue};

/// How long a worker may hold a job before another may take it.
const LEASE: SignedDuration = SignedDuration::from_secs(120);

/// How often the sweep runs.
const SWEEP_EVERY: SignedDuration = SignedDuration::from_mins(5);

/// How long the loop sleeps at most when nothing is due: another replica may have poked.
const IDLE: Duration = Duration::from_secs(2);

/// Runs jobs until the app stops: several workers, one queue.
pub async fn run(app: App) {
    if let Err(error) = enqueue_now(&app, &[Job::Sweep, Job::AppCallback, Job::Interpret]).await {
        tracing::error!(%error, "the first sweep could not be queued");
    }
    let workers = (0..app.config.limits.job_workers.max(1)).map(|_| work(app.clone()));
    futures::future::join_all(workers).await;
}

async fn work(app: App) {
    while !app.shutdown.is_cancelled() {
        match step(&app).await {
            Ok(true) => {}
            Ok(false) => idle(&app).await,
            Err(error) => {
                tracing::error!(%error, "the job queue cannot be read");
                idle(&app).await;
            }
        }
    }
}

async fn idle(app: &App) {
    let now = app.clock.now();
    let due = match app.store.read().await {
        Ok(mut tx) => queue::next_due(&mut tx).await.ok().flatten(),
        Err(_) => None,
    };
    // a poke between the claim and this look is due already
    if due.is_some_and(|at| at <= now) {
        return;
    }
    tokio::select! {
        () = app.notifier.jobs_enqueued() => {}
        () = app.shutdown.cancelled() => {}
        () = app.clock.sleep_until(due.unwrap_or(now + SignedDuration::from_hours(1))) => {}
        () = tokio::time::sleep(IDLE) => {}
    }
}

/// Runs one due job; false when none is due.
pub async fn step(app: &App) -> Result<bool, store::Error> {
    let now = app.clock.now();
    let mut tx = app.store.write().await?;
    let claimed = queue::claim(&mut tx, now, LEASE, 1).await?;
    tx.commit().await?;
    let Some(row) = claimed.into_iter().next() else { return Ok(false) };
    let Some(job) = Job::parse(&row.kind, &row.key) else {
        tracing::warn!(kind = row.kind, "a job of an unknown kind is dropped");
        let mut tx = app.store.write().await?;
        queue::finish(&mut tx, &row).await?;
        tx.commit().await?;
        return Ok(true);
    };
    let result = dispatch(app, &job).await;
    let mut tx = app.store.write().await?;
    match result {
        Ok(Next::Done) => {
            queue::finish(&mut tx, &row).await?;
        }
        Ok(Next::At(at)) => {
            queue::postpone(&mut tx, &row, at).await?;
        }
        Err(error) => {
            let wait = SignedDuration::from_secs(5) * (1 << row.attempts.clamp(1, 8));
            tracing::warn!(job = job.kind(), key = job.key(), %error, "a job failed and is tried again");
            queue::fail(&mut tx, &row, app.clock.now() + wait, &error.to_string()).await?;
        }
    }
    tx.commit().await?;
    Ok(true)
}

async fn dispatch(app: &App, job: &Job) -> Result<Next, FlowError> {
    metrics::counter!("linekeeper_jobs_total", "kind" => job.kind()).increment(1);
    match job {
        Job::Interpret => flows::ingest::interpret::interpret(app).await,
        Job::Register(id) => flows::registration::advance(app, *id).await,
        Job::Subscribe(id) => flows::subscription::reconcile(app, *id).await,
        Job::Health(id) => flows::health::check(app, *id).await,
        Job::Fleet(waba) => flows::health::check_fleet(app, waba).await,
        Job::Assess(id) => flows::health::reassess(app, *id).await,
        Job::Token(id) => flows::token::check(app, *id).await,
        Job::Coexistence(id) => flows::onboarding::coexistence::sync(app, *id).await,
        Job::Signup(id) => flows::onboarding::signup::resume(app, *id).await,
        Job::SharedWaba(waba) => flows::onboarding::recover::adopt_shared_waba(app, waba).await,
        Job::AppCallback => flows::app_callback::reconcile(app).await,
        Job::Erase(id) => flows::erasure::run(app, *id).await,
        Job::Purge => flows::retention::purge_expired(app).await,
        Job::Sweep => sweep(app).await,
    }
}

/// Sees that every account's fleet read is queued, and that what time alone moves is judged again. The
/// fleet read wakes registration where a number reads as not registered; calls left open by a crash
/// are looked for by themselves.
async fn sweep(app: &App) -> Result<Next, FlowError> {
    let now = app.clock.now();
    let mut after = None;
    loop {
        let mut tx = app.store.write().await?;
        let channels = store::channels::all(&mut tx, after, 500).await?;
        for channel in &channels {
            enqueue_if_absent(&mut tx, &Job::Fleet(channel.waba_id.clone()), now).await?;
        }
        for call in store::numbers::unsettled(&mut tx, now - UNANSWERED_AFTER, 500).await? {
            if let Some(channel) = store::channels::find_by_phone_number_id(&mut tx, &call.phone_number_id).await? {
                enqueue_if_absent(&mut tx, &Job::Register(channel.id), now).await?;
            }
        }
        for id in store::channels::assessments_due(&mut tx, now, 500).await? {
            enqueue(&mut tx, &Job::Assess(id), now).await?;
        }
        tx.commit().await?;
        after = channels.last().map(|channel| channel.id);
        if channels.len() < 500 {
            break;
        }
    }
    let mut tx = app.store.write().await?;
    enqueue_if_absent(&mut tx, &Job::Purge, now).await?;
    flows::erasure::enqueue_unfinished(&mut tx, now).await?;
    tx.commit().await?;
    Ok(Next::At(now + SWEEP_EVERY))
}
