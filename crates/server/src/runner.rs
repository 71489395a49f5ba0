//! The job runner: claims due jobs, runs each in a task of its own, renews its lease meanwhile, and records
//! how it ended. What a job does is the handler's business.
//!
//! A job that fails or panics is retried with back-off; its siblings run on. A job whose lease was lost is
//! aborted and leaves its row alone: another runner has it. The sweep enqueues whatever should be queued and
//! is not, so an enqueue that was lost is made up for.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::future::BoxFuture;
use jiff::{SignedDuration, Timestamp};
use tokio::task::{JoinError, JoinSet};
use tokio_util::task::AbortOnDropHandle;

use crate::App;
use crate::flows::queue::{self, Job, enqueue_now};
use crate::flows::{FlowError, Next};
use crate::runtime::liveness::Alive;
use crate::runtime::metrics::JobOutcome;
use crate::store::{self, jobs};

mod dispatch;

/// How long the loop sleeps at most: another replica may have enqueued a job.
const POLL_INTERVAL: Duration = Duration::from_secs(2);

/// How long the loop sleeps when a job is due and could not be claimed, since another transaction holds its row.
const HELD_ROW_DELAY: Duration = Duration::from_millis(20);

/// How often jobs are looked for whose date no schedule allows. The sweep may be one of them, so it cannot do it.
const PULL_IN_INTERVAL: Duration = Duration::from_mins(5);

/// A clock that goes back by more than this has jumped.
const CLOCK_TOLERANCE: SignedDuration = SignedDuration::from_mins(1);

/// The wait after the first failed claim; it doubles up to [`MAX_CLAIM_BACKOFF`].
const CLAIM_BACKOFF: Duration = Duration::from_millis(200);
const MAX_CLAIM_BACKOFF: Duration = Duration::from_secs(30);

/// The wait after the first failed run of a job; it doubles up to about twenty minutes.
const JOB_BACKOFF: SignedDuration = SignedDuration::from_secs(10);
const MAX_DOUBLINGS: i64 = 7;

/// Runs one job. Production dispatches to the flows; tests of the runner bring their own.
pub type Handler = Arc<dyn Fn(App, Job) -> BoxFuture<'static, Result<Next, FlowError>> + Send + Sync>;

/// The limits of a runner.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// How many jobs run at once.
    pub workers: usize,
    /// How long a job belongs to a runner that does not renew it. Renewed three times as often.
    pub lease: SignedDuration,
}

/// Runs the jobs of one process.
#[derive(Clone)]
pub struct Runner {
    app: App,
    settings: Settings,
    handler: Handler,
}

/// Runs the flows' jobs until the app stops.
pub async fn run(app: App) {
    Runner::new(app).run().await;
}

/// What the runner knows of the dates of jobs.
#[derive(Debug, Default)]
struct Dates {
    /// When they were last corrected, by a clock that does not jump.
    corrected_at: Option<Instant>,
    /// The latest time that the wall clock showed.
    latest: Option<Timestamp>,
}

/// How a run ended, unless its lease was lost.
enum Ended {
    Done,
    Postponed(Timestamp),
    Failed(FlowError),
    Panicked(String),
}

impl Runner {
    /// A runner of the flows' jobs, with as many workers as configured.
    pub fn new(app: App) -> Self {
        let settings =
            Settings { workers: app.config.limits.job_workers.max(1), lease: SignedDuration::from_secs(120) };
        Self::with_handler(app, settings, Arc::new(|app, job| Box::pin(dispatch::dispatch(app, job))))
    }

    /// A runner with other limits and another handler.
    pub fn with_handler(app: App, settings: Settings, handler: Handler) -> Self {
        Self { app, settings, handler }
    }

    /// Claims and runs jobs until the app stops, then waits for those that run.
    pub async fn run(self) {
        let alive = self.app.runner.start();
        self.enqueue_first_jobs(&alive).await;
        let mut running = JoinSet::new();
        let mut failed_claims = 0;
        let mut dates = Dates::default();
        while !self.app.shutdown.is_cancelled() {
            alive.tick();
            self.correct_dates(&mut dates).await;
            while let Some(ended) = running.try_join_next() {
                report_lost_task(ended);
            }
            let free = self.settings.workers.saturating_sub(running.len());
            if free == 0 {
                self.wait(&mut running, POLL_INTERVAL, false).await;
                continue;
            }
            match self.claim(free).await {
                Ok(claimed) if claimed.is_empty() => self.wait_until_due(&mut running).await,
                Ok(claimed) => {
                    for row in claimed {
                        running.spawn(self.clone().run_claimed(row));
                    }
                    failed_claims = 0;
                }
                Err(error) => {
                    failed_claims += 1;
                    if !error.is_retryable() {
                        tracing::error!(failed_claims, "jobs could not be claimed: {}", error.chain());
                    }
                    self.wait(&mut running, claim_backoff(failed_claims), false).await;
                }
            }
        }
        while let Some(ended) = running.join_next().await {
            report_lost_task(ended);
        }
    }

    /// Runs one due job to its end; false when none is due.
    pub async fn run_next(&self) -> Result<bool, store::Error> {
        let claimed = self.claim(1).await?;
        let found = !claimed.is_empty();
        for row in claimed {
            self.clone().run_claimed(row).await;
        }
        Ok(found)
    }

    /// The jobs every process asks for as it starts. They are tried until they are queued.
    async fn enqueue_first_jobs(&self, alive: &Alive) {
        let mut failures = 0;
        while !self.app.shutdown.is_cancelled() {
            alive.tick();
            match enqueue_now(&self.app, &[Job::Sweep, Job::AppCallback, Job::Interpret]).await {
                Ok(()) => return,
                Err(error) => {
                    failures += 1;
                    if !error.is_retryable() {
                        tracing::error!("the first jobs could not be enqueued: {}", error.chain());
                    }
                    self.wait(&mut JoinSet::new(), claim_backoff(failures), false).await;
                }
            }
        }
    }

    /// Pulls in jobs whose dates come from a wrong clock: at the start, from time to time, and when the clock went back.
    async fn correct_dates(&self, dates: &mut Dates) {
        let now = self.app.clock.now();
        let went_back = dates.latest.is_some_and(|latest| now + CLOCK_TOLERANCE < latest);
        if !went_back && dates.corrected_at.is_some_and(|at| at.elapsed() < PULL_IN_INTERVAL) {
            dates.latest = dates.latest.max(Some(now));
            return;
        }
        match queue::pull_in(&self.app, went_back).await {
            Ok(jobs) => {
                *dates = Dates { corrected_at: Some(Instant::now()), latest: Some(now) };
                if jobs > 0 {
                    tracing::warn!(jobs, went_back, "the clock was wrong: jobs that were due too late are due now");
                }
            }
            // the next round tries again; its claim waits if the database is not available
            Err(error) if error.is_retryable() => {}
            Err(error) => tracing::error!("the dates of jobs could not be corrected: {}", error.chain()),
        }
    }

    async fn claim(&self, limit: usize) -> Result<Vec<jobs::Job>, store::Error> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        queue::claim(&self.app, self.settings.lease, limit).await
    }

    /// Waits until a job is due, one is enqueued, or one of those that run has ended.
    async fn wait_until_due(&self, running: &mut JoinSet<()>) {
        let now = self.app.clock.now();
        let due = match self.app.store.read().await {
            Ok(mut tx) => jobs::next_due(&mut tx).await.ok().flatten(),
            Err(_) => None,
        };
        // a job that is due already was enqueued after the claim, or another runner holds its row at this moment
        if due.is_some_and(|at| at <= now) {
            return self.wait(running, HELD_ROW_DELAY, true).await;
        }
        let due = due.unwrap_or(now + SignedDuration::from_hours(1));
        tokio::select! {
            () = self.wait(running, POLL_INTERVAL, true) => {}
            () = self.app.clock.sleep_until(due) => {}
        }
    }

    /// Waits until a running job ends, the app stops, or the time is over; on demand, until a job is enqueued.
    async fn wait(&self, running: &mut JoinSet<()>, time: Duration, or_enqueued: bool) {
        tokio::select! {
            Some(ended) = running.join_next() => report_lost_task(ended),
            () = self.app.notifier.jobs_enqueued(), if or_enqueued => {}
            () = self.app.shutdown.cancelled() => {}
            () = tokio::time::sleep(time) => {}
        }
    }

    /// Runs a claimed job and records its end.
    async fn run_claimed(self, mut row: jobs::Job) {
        let Some(job) = Job::parse(&row.kind, &row.key) else {
            tracing::warn!(kind = row.kind, "a job of an unknown kind is dropped");
            self.record(&row, Ended::Done).await;
            return;
        };
        // a task of its own: it can neither starve the renewal of its lease nor panic through it
        let mut work = AbortOnDropHandle::new(tokio::spawn((self.handler)(self.app.clone(), job.clone())));
        let (kind, key) = (job.kind(), job.key());
        let ended = loop {
            let renew_at = self.app.clock.now() + self.settings.lease / 3;
            tokio::select! {
                ended = &mut work => break Ended::of(ended),
                () = self.app.clock.sleep_until(renew_at) => {}
            }
            match queue::renew(&self.app, &row, self.settings.lease).await {
                Ok(Some(renewed)) => row = renewed,
                // it may have ended just now; else dropping the handle aborts it
                _ if work.is_finished() => {}
                Ok(None) => return self.report_fenced(kind, &key),
                Err(error) => {
                    if !error.is_retryable() {
                        tracing::warn!(job = kind, key, "a job's lease could not be renewed: {}", error.chain());
                    }
                    if row.leased_until.is_none_or(|until| until <= self.app.clock.now()) {
                        return self.report_fenced(kind, &key);
                    }
                }
            }
        };
        match &ended {
            Ended::Failed(error) if error.is_outage() => {}
            Ended::Failed(error) => {
                tracing::warn!(job = kind, key, error = error.chain(), "a job failed and is retried");
            }
            Ended::Panicked(error) => tracing::error!(job = kind, key, error, "a job panicked and is retried"),
            Ended::Done | Ended::Postponed(_) => {}
        }
        let outcome = ended.outcome();
        match self.record(&row, ended).await {
            Some(false) => self.report_fenced(kind, &key),
            Some(true) | None => self.app.metrics.job_run(kind, outcome),
        }
    }

    /// A job whose lease was lost is another runner's: this one writes nothing about it.
    fn report_fenced(&self, kind: &'static str, key: &str) {
        self.app.metrics.job_run(kind, JobOutcome::Fenced);
        tracing::warn!(job = kind, key, "a job lost its lease; another runner may have it");
    }

    /// Writes how a run ended. While the database is not available it tries again for as long as the lease lasts: else
    /// the job would wait for the end of its lease. `None` where it could not be written: the job runs again. False
    /// where the lease was lost.
    async fn record(&self, row: &jobs::Job, ended: Ended) -> Option<bool> {
        let mut failures = 0;
        loop {
            let error = match self.try_record(row, &ended).await {
                Ok(held) => return Some(held),
                Err(error) => error,
            };
            let is_leased = row.leased_until.is_some_and(|until| self.app.clock.now() < until);
            if !error.is_retryable() {
                let (kind, key, error) = (&row.kind, &row.key, error.chain());
                tracing::error!(job = kind, key, error, "the end of a job could not be recorded; it runs again");
                return None;
            }
            if !is_leased || self.app.shutdown.is_cancelled() {
                return None;
            }
            failures += 1;
            tokio::time::sleep(claim_backoff(failures)).await;
        }
    }

    async fn try_record(&self, row: &jobs::Job, ended: &Ended) -> Result<bool, store::Error> {
        match ended {
            Ended::Done => {
                // false here may as well mean that it was enqueued again while it ran
                queue::finish(&self.app, row).await?;
                Ok(true)
            }
            Ended::Postponed(at) => queue::postpone(&self.app, row, *at).await,
            Ended::Failed(error) => self.retry(row, &error.chain()).await,
            Ended::Panicked(error) => self.retry(row, error).await,
        }
    }

    async fn retry(&self, row: &jobs::Job, error: &str) -> Result<bool, store::Error> {
        let retry_at = self.app.clock.now() + job_backoff(row.attempts);
        queue::fail(&self.app, row, retry_at, error).await
    }
}

impl Ended {
    fn of(ended: Result<Result<Next, FlowError>, JoinError>) -> Self {
        match ended {
            Ok(Ok(Next::Done)) => Self::Done,
            Ok(Ok(Next::At(at))) => Self::Postponed(at),
            Ok(Err(error)) => Self::Failed(error),
            Err(error) => Self::Panicked(panic_message(error)),
        }
    }

    const fn outcome(&self) -> JobOutcome {
        match self {
            Self::Done => JobOutcome::Done,
            Self::Postponed(_) => JobOutcome::Postponed,
            Self::Failed(_) => JobOutcome::Failed,
            Self::Panicked(_) => JobOutcome::Panicked,
        }
    }
}

fn panic_message(error: JoinError) -> String {
    let Ok(payload) = error.try_into_panic() else { return "its task was cancelled".to_owned() };
    let text = payload.downcast_ref::<&str>().copied().or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    format!("panicked: {}", text.unwrap_or("without a message"))
}

/// The task around a job catches what the job does; if it ends badly itself, the job's lease runs out.
fn report_lost_task(ended: Result<(), JoinError>) {
    if let Err(error) = ended {
        tracing::error!(%error, "the task around a job ended badly; the job runs again after its lease");
    }
}

fn claim_backoff(failures: u32) -> Duration {
    CLAIM_BACKOFF.saturating_mul(1 << failures.saturating_sub(1).min(8)).min(MAX_CLAIM_BACKOFF)
}

/// `attempts` includes the run that just failed.
fn job_backoff(attempts: i64) -> SignedDuration {
    JOB_BACKOFF * (1 << (attempts - 1).clamp(0, MAX_DOUBLINGS))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_up_to_a_bound() {
        assert_eq!(claim_backoff(1), Duration::from_millis(200));
        assert_eq!(claim_backoff(3), Duration::from_millis(800));
        assert_eq!(claim_backoff(u32::MAX), MAX_CLAIM_BACKOFF);
        assert_eq!(job_backoff(1), SignedDuration::from_secs(10));
        assert_eq!(job_backoff(2), SignedDuration::from_secs(20));
        assert_eq!(job_backoff(i64::MAX), SignedDuration::from_secs(1280));
    }
}
