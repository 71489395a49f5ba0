//! A wall clock that jumps years ahead and back: jobs and leases get dates that no schedule allows.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use domain::ids::ChannelId;
use jiff::{SignedDuration, Timestamp};
use server::App;
use server::flows::Next;
use server::flows::queue::{Job, enqueue_now};
use server::runner::{Handler, Runner, Settings};
use server::runtime::clock::Clock;
use server::seal::Keyring;
use server::store::{Engine, jobs};

use crate::app::{START, config};
use crate::support::on_each_engine;
use crate::support::stores::Database;

on_each_engine!(
    a_clock_that_jumped_ahead_and_back_delays_no_job,
    a_service_that_starts_after_the_jump_pulls_its_jobs_in,
);

const JUMP: SignedDuration = SignedDuration::from_hours(74 * 365 * 24);
const JOB: Job = Job::Health(ChannelId(1));

/// A handler that counts the runs of [`JOB`], which asks to run again in an hour.
fn hourly(runs: &Arc<AtomicUsize>) -> Handler {
    let runs = Arc::clone(runs);
    Arc::new(move |app: App, job| {
        let runs = Arc::clone(&runs);
        Box::pin(async move {
            if job != JOB {
                return Ok(Next::Done);
            }
            runs.fetch_add(1, Ordering::SeqCst);
            Ok(Next::At(app.clock.now() + SignedDuration::from_hours(1)))
        })
    })
}

struct Process {
    app: App,
    runs: Arc<AtomicUsize>,
}

impl Process {
    async fn start(database: &Database, keys: &secrecy::SecretString, clock: &Clock) -> Self {
        let store = database.open(keys).await;
        let config = config("http://127.0.0.1:1", &database.url, "http://127.0.0.1:1");
        let app = server::startup::build(config, server::flows::database::Database::new(store), clock.clone()).unwrap();
        let runs = Arc::new(AtomicUsize::new(0));
        let settings = Settings { workers: 2, lease: SignedDuration::from_secs(60) };
        app.tasks.spawn(Runner::with_handler(app.clone(), settings, hourly(&runs)).run());
        Self { app, runs }
    }

    /// Waits until the job ran so often and is queued again: a run that ends takes its next date from the clock.
    async fn until_runs(&self, count: usize) {
        for _ in 0..3_000 {
            let mut tx = self.app.store.read().await.unwrap();
            let row = jobs::get(&mut tx, JOB.kind(), &JOB.key()).await.unwrap();
            drop(tx);
            let is_queued = row.is_some_and(|row| row.leased_until.is_none());
            if is_queued && self.runs.load(Ordering::SeqCst) >= count {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("it ran {} times, not {count}", self.runs.load(Ordering::SeqCst));
    }
}

async fn a_clock_that_jumped_ahead_and_back_delays_no_job(engine: Engine) {
    let (database, keys) = (Database::empty(engine).await, Keyring::generate());
    let clock = Clock::stepped(START.parse::<Timestamp>().unwrap());
    let process = Process::start(&database, &keys, &clock).await;
    enqueue_now(&process.app, &[JOB]).await.unwrap();
    process.until_runs(1).await;
    clock.advance(JUMP);
    process.until_runs(2).await;
    // half a day is no date that no schedule allows; the runner sees that the clock went back
    for back in [JUMP - SignedDuration::from_hours(12), SignedDuration::from_hours(12)] {
        let before = process.runs.load(Ordering::SeqCst);
        clock.advance(-back);
        process.until_runs(before + 1).await;
    }
    process.app.stop().await;
}

async fn a_service_that_starts_after_the_jump_pulls_its_jobs_in(engine: Engine) {
    let (database, keys) = (Database::empty(engine).await, Keyring::generate());
    let clock = Clock::stepped(START.parse::<Timestamp>().unwrap());
    clock.advance(JUMP);
    let ahead = Process::start(&database, &keys, &clock).await;
    enqueue_now(&ahead.app, &[JOB]).await.unwrap();
    ahead.until_runs(1).await;
    ahead.app.stop().await;
    clock.advance(-JUMP);
    let process = Process::start(&database, &keys, &clock).await;
    process.until_runs(1).await;
    process.app.stop().await;
}
