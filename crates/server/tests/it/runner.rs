//! The job runner on both engines: a panic costs a job a retry and nothing else, a job longer than its lease
//! runs once, a lost lease fences its runner, and readiness follows the runner.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use domain::ids::ChannelId;
use jiff::{SignedDuration, Timestamp};
use secrecy::SecretString;
use server::App;
use server::flows::Next;
use server::flows::queue::{Job, enqueue_now};
use server::runner::{Handler, Runner, Settings};
use server::runtime::clock::Clock;
use server::seal::Keyring;
use server::store::{Engine, Store, jobs};
use tokio::net::TcpListener;
use tokio::sync::Notify;

use crate::app::{START, config};
use crate::support::on_each_engine;
use crate::support::stores::Database;

on_each_engine!(
    a_panic_costs_its_job_a_retry_and_nothing_else,
    a_job_longer_than_its_lease_runs_once,
    a_lost_lease_aborts_the_job_and_leaves_its_row_alone,
    readiness_follows_the_runner,
);

const LEASE: SignedDuration = SignedDuration::from_secs(60);

const LONG: Job = Job::Health(ChannelId(1));
const OTHER: Job = Job::Health(ChannelId(2));

/// A database and a clock that several processes share.
struct Place {
    database: Database,
    keys: SecretString,
    clock: Clock,
}

impl Place {
    async fn on(engine: Engine) -> Self {
        let start: Timestamp = START.parse().unwrap();
        Self { database: Database::empty(engine).await, keys: Keyring::generate(), clock: Clock::stepped(start) }
    }

    async fn process(&self) -> App {
        let store = self.store().await;
        let config = config("http://127.0.0.1:1", &self.database.url, "http://127.0.0.1:1");
        server::startup::build(config, server::flows::database::Database::new(store), self.clock.clone()).unwrap()
    }

    /// Write access to the database, for what another process does.
    async fn store(&self) -> Store {
        self.database.open(&self.keys).await
    }

    /// Moves the clock past the next renewal of a lease.
    fn advance_a_third_of_the_lease(&self) {
        self.clock.advance(LEASE / 3 + SignedDuration::from_secs(1));
    }
}

/// How often each job ran.
#[derive(Clone, Default)]
struct Runs(Arc<Mutex<HashMap<String, usize>>>);

impl Runs {
    /// Counts a run; returns how many there were with it.
    fn count(&self, job: &Job) -> usize {
        let mut runs = self.0.lock().unwrap();
        let count = runs.entry(format!("{job:?}")).or_default();
        *count += 1;
        *count
    }

    fn of(&self, job: &Job) -> usize {
        self.0.lock().unwrap().get(&format!("{job:?}")).copied().unwrap_or_default()
    }
}

fn start(app: &App, handler: Handler) {
    let settings = Settings { workers: 3, lease: LEASE };
    app.tasks.spawn(Runner::with_handler(app.clone(), settings, handler).run());
}

/// Fails the test when the condition does not become true.
async fn until(what: &str, mut condition: impl AsyncFnMut() -> bool) {
    for _ in 0..3_000 {
        if condition().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("this did not happen: {what}");
}

/// Waits until the metrics of a process count `count` runs of the tests' own jobs with this outcome.
async fn until_counted(app: &App, outcome: &str, count: usize) {
    until_counted_of(app, "health", outcome, count).await;
}

async fn until_counted_of(app: &App, kind: &str, outcome: &str, count: usize) {
    let sample = format!("linekeeper_job_runs_total{{kind=\"{kind}\",outcome=\"{outcome}\"}} {count}\n");
    until(&sample, async || app.metrics.render().contains(&sample)).await;
}

/// Waits until the jobs that every runner enqueues as it starts are done.
async fn until_first_jobs_done(app: &App) {
    for kind in ["sweep", "app_callback", "interpret"] {
        until_counted_of(app, kind, "done", 1).await;
    }
}

async fn next_due(app: &App) -> Option<Timestamp> {
    let mut tx = app.store.read().await.unwrap();
    jobs::next_due(&mut tx).await.unwrap()
}

async fn a_panic_costs_its_job_a_retry_and_nothing_else(engine: Engine) {
    let place = Place::on(engine).await;
    let (runs, go_on) = (Runs::default(), Arc::new(Notify::new()));
    let handler: Handler = {
        let (runs, go_on) = (runs.clone(), Arc::clone(&go_on));
        Arc::new(move |_, job| {
            let (runs, go_on) = (runs.clone(), Arc::clone(&go_on));
            Box::pin(async move {
                let run = runs.count(&job);
                match (&job, run) {
                    (&LONG, 1) => std::panic::panic_any("a test"),
                    (&OTHER, _) => go_on.notified().await,
                    _ => {}
                }
                Ok(Next::Done)
            })
        })
    };
    let app = place.process().await;
    start(&app, Arc::clone(&handler));
    until_first_jobs_done(&app).await;
    // one job runs while another panics
    enqueue_now(&app, &[OTHER]).await.unwrap();
    until("the sibling runs", async || runs.of(&OTHER) == 1).await;
    enqueue_now(&app, &[LONG]).await.unwrap();
    until_counted(&app, "panicked", 1).await;
    go_on.notify_one();
    until_counted(&app, "done", 1).await;
    assert_eq!(app.runner.check(), Ok(()));
    // so do jobs that come after it
    enqueue_now(&app, &[OTHER]).await.unwrap();
    until("a later job runs", async || runs.of(&OTHER) == 2).await;
    go_on.notify_one();
    until_counted(&app, "done", 2).await;
    let retry_at = next_due(&app).await.unwrap();
    let wait = retry_at.duration_since(place.clock.now());
    assert!(wait > SignedDuration::from_secs(9) && wait <= SignedDuration::from_secs(10), "{wait:?}");
    app.stop().await;

    // its row says what happened; whoever claims it runs it again
    place.clock.set(retry_at);
    let mut tx = place.store().await.write().await.unwrap();
    let claimed = jobs::claim(&mut tx, place.clock.now(), LEASE, 9).await.unwrap();
    assert_eq!((claimed.len(), claimed[0].attempts), (1, 2), "{claimed:?}");
    assert_eq!(claimed[0].last_error.as_deref(), Some("panicked: a test"));
    assert!(jobs::fail(&mut tx, &claimed[0], place.clock.now(), "again").await.unwrap());
    tx.commit().await.unwrap();
    let second = place.process().await;
    start(&second, handler);
    until_counted(&second, "done", 1).await;
    assert_eq!(runs.of(&LONG), 2);
    until("nothing is left to do", async || next_due(&second).await.is_none()).await;
    second.stop().await;
}

/// A handler whose long job waits to be told to end.
fn long_job(runs: &Runs, end: &Arc<Notify>) -> Handler {
    let (runs, end) = (runs.clone(), Arc::clone(end));
    Arc::new(move |_, job| {
        let (runs, end) = (runs.clone(), Arc::clone(&end));
        Box::pin(async move {
            runs.count(&job);
            if job == LONG {
                end.notified().await;
            }
            Ok(Next::Done)
        })
    })
}

async fn a_job_longer_than_its_lease_runs_once(engine: Engine) {
    let place = Place::on(engine).await;
    let (runs, end) = (Runs::default(), Arc::new(Notify::new()));
    let (one, other) = (place.process().await, place.process().await);
    for app in [&one, &other] {
        start(app, long_job(&runs, &end));
    }
    enqueue_now(&one, &[LONG]).await.unwrap();
    until("the job runs", async || runs.of(&LONG) == 1).await;
    let began = place.clock.now();
    while place.clock.now().duration_since(began) < LEASE * 3 {
        let before = next_due(&one).await;
        place.advance_a_third_of_the_lease();
        until("its lease is renewed", async || next_due(&one).await > before).await;
        // the other process sees what is due by then
        enqueue_now(&other, &[OTHER]).await.unwrap();
        until("another job runs", async || next_due(&one).await.is_some_and(|at| at > place.clock.now())).await;
        assert_eq!(runs.of(&LONG), 1);
    }
    end.notify_waiters();
    until("nothing is left to do", async || next_due(&one).await.is_none()).await;
    assert_eq!(runs.of(&LONG), 1);
    one.stop().await;
    other.stop().await;
}

async fn a_lost_lease_aborts_the_job_and_leaves_its_row_alone(engine: Engine) {
    let place = Place::on(engine).await;
    let (runs, end) = (Runs::default(), Arc::new(Notify::new()));
    let app = place.process().await;
    start(&app, long_job(&runs, &end));
    until_first_jobs_done(&app).await;
    enqueue_now(&app, &[LONG]).await.unwrap();
    until("the job runs", async || runs.of(&LONG) == 1).await;
    // a process whose clock is ahead takes it over
    let mut tx = place.store().await.write().await.unwrap();
    let taken = jobs::claim(&mut tx, place.clock.now() + LEASE * 2, LEASE, 1).await.unwrap();
    tx.commit().await.unwrap();
    place.advance_a_third_of_the_lease();
    until_counted(&app, "fenced", 1).await;
    // the handler holds one beside the test; the job held another
    until("the job is aborted", async || Arc::strong_count(&end) == 2).await;
    let mut tx = place.store().await.write().await.unwrap();
    assert!(jobs::finish(&mut tx, &taken[0]).await.unwrap(), "the row is the other's");
    tx.commit().await.unwrap();
    assert_eq!(runs.of(&LONG), 1);
    app.stop().await;
}

async fn readiness_follows_the_runner(engine: Engine) {
    let place = Place::on(engine).await;
    let app = place.process().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/readyz", listener.local_addr().unwrap());
    app.tasks.spawn({
        let serving = server::web::serve(app.clone(), listener);
        async move { serving.await.unwrap() }
    });
    let ready = async || {
        let response = reqwest::get(&url).await.unwrap();
        (response.status().as_u16(), response.text().await.unwrap())
    };
    let (status, text) = ready().await;
    assert!(status == 503 && text.contains("The job runner has not started"), "{status} {text}");
    let runs = Runs::default();
    let settings = Settings { workers: 1, lease: LEASE };
    let runner = Runner::with_handler(app.clone(), settings, long_job(&runs, &Arc::new(Notify::new())));
    let runner = tokio::spawn(runner.run());
    until("it is ready", async || ready().await.0 == 200).await;
    runner.abort();
    until("it is not ready", async || ready().await.0 == 503).await;
    let (_, text) = ready().await;
    assert!(text.contains("The job runner has ended"), "{text}");
    app.stop().await;
}
