//! Every metric of the product, in one list, and the recorder that keeps them. One recorder per [`App`], so
//! that two installations in one process do not share counters. Labels are words of closed sets and route
//! templates: the number of series is bounded, and no label holds an id.
//!
//! [`App`]: crate::App

use std::sync::Arc;
use std::time::Duration;

use graph_api::{CallOutcome, FinishedCall};
use metrics::{Counter, Gauge, Histogram, Key, Label, Level, Metadata, Recorder as _};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle, PrometheusRecorder};
use strum::IntoStaticStr;
use tokio_util::sync::CancellationToken;

/// The bounds of every histogram in seconds: from one post of Meta's to a whole signup.
const BUCKETS: &[f64] = &[0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];

/// How often samples are folded: at 10,000 requests a second that is less than a megabyte of them.
const FOLD_INTERVAL: Duration = Duration::from_secs(5);

/// The three kinds of Prometheus metrics that are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum Kind {
    Counter,
    Gauge,
    Histogram,
}

/// One metric: `docs/LOGGING.md` lists the same, which a test compares.
#[derive(Debug, Clone, Copy)]
pub struct Definition {
    pub name: &'static str,
    pub kind: Kind,
    pub labels: &'static [&'static str],
    /// What Prometheus shows as the help text.
    pub help: &'static str,
}

macro_rules! metrics {
    ($($constant:ident: $kind:ident $name:literal $labels:expr, $help:literal;)+) => {
        $(const $constant: Definition =
            Definition { name: $name, kind: Kind::$kind, labels: &$labels, help: $help };)+

        /// Every metric there is.
        pub const ALL: &[Definition] = &[$($constant),+];
    };
}

metrics! {
    HTTP_REQUESTS: Counter "linekeeper_http_requests_total" ["method", "route", "status"],
        "Requests answered; Meta's posts are counted apart";
    HTTP_REQUEST_DURATION: Histogram "linekeeper_http_request_duration_seconds" ["route"],
        "Time to answer a request";
    WEBHOOK_POSTS: Counter "linekeeper_webhook_posts_total" ["outcome"],
        "Posts to the webhook: stored, refused, or unavailable";
    WEBHOOK_CHANGES: Counter "linekeeper_webhook_changes_total" ["kind"],
        "Changes in stored posts: new or duplicate";
    GRAPH_CALLS: Counter "linekeeper_graph_calls_total" ["route", "outcome"],
        "Calls to Meta: ok, unreachable, or the kind of refusal";
    GRAPH_CALL_DURATION: Histogram "linekeeper_graph_call_duration_seconds" ["route"],
        "Time Meta took to answer a call";
    REGISTER_CALLS: Counter "linekeeper_register_calls_total" ["basis"],
        "Register and deregister calls by what justified them";
    DELIVERY_ATTEMPTS: Counter "linekeeper_delivery_attempts_total" ["outcome"],
        "Attempts to deliver an event to an endpoint";
    JOB_RUNS: Counter "linekeeper_job_runs_total" ["kind", "outcome"],
        "Runs of background jobs: done, postponed, failed, panicked, or fenced";
    EVENTS_PURGED: Counter "linekeeper_events_purged_total" [],
        "Events removed because they were older than the retention";
    EVENTS_PURGED_UNDELIVERED: Counter "linekeeper_events_purged_undelivered_total" [],
        "Events removed although an endpoint had not received them in twice the retention";
    DATABASE_SIZE: Gauge "linekeeper_database_size_bytes" [],
        "Bytes the database uses, as last measured";
    DATABASE_LIMIT: Gauge "linekeeper_database_limit_bytes" [],
        "Bytes the database may use; 0 for no limit";
    REQUEST_BODY_BYTES: Gauge "linekeeper_request_body_bytes" [],
        "Bytes of request bodies in flight, of at most limits.max_body_bytes_in_flight";
    NUMBERS: Gauge "linekeeper_numbers" ["level"],
        "Connected numbers by their health level";
    EVENTS_TO_INTERPRET: Gauge "linekeeper_events_to_interpret" [],
        "Stored events that wait to be interpreted";
    OLDEST_EVENT_TO_INTERPRET: Gauge "linekeeper_oldest_event_to_interpret_seconds" [],
        "Age of the oldest event that waits to be interpreted";
    EVENTS_QUARANTINED: Gauge "linekeeper_events_quarantined" [],
        "Events that cannot be opened; the log names each";
    UNREADABLE_ROWS: Gauge "linekeeper_unreadable_rows" [],
        "Other rows that could not be read since the process started; the log names each";
}

/// How a run of a job ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum JobOutcome {
    Done,
    Postponed,
    Failed,
    Panicked,
    /// Its lease was lost: another runner may have it.
    Fenced,
}

/// The metrics of one app; clones record into the same.
#[derive(Clone)]
pub struct Metrics(Arc<Recorded>);

struct Recorded {
    recorder: PrometheusRecorder,
    handle: PrometheusHandle,
    // the hot path looks its counters up once
    changes_new: Counter,
    changes_duplicate: Counter,
    posts_stored: Counter,
    posts_refused: Counter,
    posts_unavailable: Counter,
}

impl Metrics {
    /// A recorder without any sample.
    pub fn new() -> anyhow::Result<Self> {
        let recorder = PrometheusBuilder::new().set_buckets(BUCKETS)?.build_recorder();
        for Definition { name, kind, help, .. } in ALL {
            let (name, help) = ((*name).into(), (*help).into());
            match kind {
                Kind::Counter => recorder.describe_counter(name, None, help),
                Kind::Gauge => recorder.describe_gauge(name, None, help),
                Kind::Histogram => recorder.describe_histogram(name, None, help),
            }
        }
        let handle = recorder.handle();
        let of = |metric: Definition, label: &'static str| counter(&recorder, metric, vec![label.to_owned()]);
        let counters = Recorded {
            changes_new: of(WEBHOOK_CHANGES, "new"),
            changes_duplicate: of(WEBHOOK_CHANGES, "duplicate"),
            posts_stored: of(WEBHOOK_POSTS, "stored"),
            posts_refused: of(WEBHOOK_POSTS, "refused"),
            posts_unavailable: of(WEBHOOK_POSTS, "unavailable"),
            recorder,
            handle,
        };
        Ok(Self(Arc::new(counters)))
    }

    /// The samples in Prometheus' text format.
    pub fn render(&self) -> String {
        self.0.handle.run_upkeep();
        self.0.handle.render()
    }

    /// Moves the samples of histograms into their buckets until the token is cancelled. Until it is moved a sample
    /// takes memory of its own, and only `render` does it otherwise, which nobody may ever call.
    pub async fn fold_samples(self, shutdown: CancellationToken) {
        while shutdown.run_until_cancelled(tokio::time::sleep(FOLD_INTERVAL)).await.is_some() {
            self.0.handle.run_upkeep();
        }
    }

    /// A request was answered. `method` is of a closed set, and `route` is a template, never an address.
    pub fn http_request(&self, method: &'static str, route: &str, status: u16, time: Duration) {
        let labels = vec![method.to_owned(), route.to_owned(), status.to_string()];
        self.counter(HTTP_REQUESTS, labels).increment(1);
        self.histogram(HTTP_REQUEST_DURATION, route).record(time.as_secs_f64());
    }

    /// A post of Meta's is on disk.
    pub fn post_stored(&self) {
        self.0.posts_stored.increment(1);
    }

    /// A post was refused because of what it is.
    pub fn post_refused(&self) {
        self.0.posts_refused.increment(1);
    }

    /// A post could not be stored now; Meta sends it again.
    pub fn post_unavailable(&self) {
        self.0.posts_unavailable.increment(1);
    }

    /// A commit stored changes: how many were received, and how many of them were new. Which post of several
    /// brought the new ones is not known.
    pub fn changes(&self, received: u64, new: u64) {
        self.0.changes_new.increment(new);
        self.0.changes_duplicate.increment(received.saturating_sub(new));
    }

    /// A call to Meta ended.
    pub fn graph_call(&self, call: &FinishedCall<'_>) {
        let outcome = match call.outcome {
            CallOutcome::Answered => "ok",
            CallOutcome::Refused(kind) => kind.into_str(),
            CallOutcome::Unreachable => "unreachable",
        };
        self.counter(GRAPH_CALLS, vec![call.route.to_owned(), outcome.to_owned()]).increment(1);
        self.histogram(GRAPH_CALL_DURATION, call.route).record(call.took.as_secs_f64());
    }

    /// A register or deregister call is about to be call.
    pub fn register_call(&self, basis: &'static str) {
        self.counter(REGISTER_CALLS, vec![basis.to_owned()]).increment(1);
    }

    /// An attempt to deliver an event ended.
    pub fn delivery_attempt(&self, outcome: &'static str) {
        self.counter(DELIVERY_ATTEMPTS, vec![outcome.to_owned()]).increment(1);
    }

    /// A run of a job ended.
    pub fn job_run(&self, kind: &'static str, outcome: JobOutcome) {
        let outcome: &str = outcome.into();
        self.counter(JOB_RUNS, vec![kind.to_owned(), outcome.to_owned()]).increment(1);
    }

    /// Events were removed by retention; `undelivered` of them were still due to an endpoint.
    pub fn events_purged(&self, removed: u64, undelivered: u64) {
        self.counter(EVENTS_PURGED, Vec::new()).increment(removed);
        self.counter(EVENTS_PURGED_UNDELIVERED, Vec::new()).increment(undelivered);
    }

    /// The database was measured.
    #[expect(clippy::cast_precision_loss, reason = "a gauge is a float; sizes stay below 2^52")]
    pub fn database_size(&self, bytes: u64, limit: u64) {
        self.gauge(DATABASE_SIZE, Vec::new()).set(bytes as f64);
        self.gauge(DATABASE_LIMIT, Vec::new()).set(limit as f64);
    }

    /// How many bytes of request bodies are in flight.
    #[expect(clippy::cast_precision_loss, reason = "a gauge is a float; sizes stay below 2^52")]
    pub fn request_body_bytes(&self, bytes: usize) {
        self.gauge(REQUEST_BODY_BYTES, Vec::new()).set(bytes as f64);
    }

    /// How many numbers are on a health level.
    #[expect(clippy::cast_precision_loss, reason = "a gauge is a float; counts stay far below 2^52")]
    pub fn numbers(&self, level: &'static str, count: i64) {
        self.gauge(NUMBERS, vec![level.to_owned()]).set(count as f64);
    }

    /// How many events wait to be interpreted, and the age of the oldest in seconds.
    #[expect(clippy::cast_precision_loss, reason = "a gauge is a float; counts stay far below 2^52")]
    pub fn events_to_interpret(&self, count: i64, oldest: f64) {
        self.gauge(EVENTS_TO_INTERPRET, Vec::new()).set(count as f64);
        self.gauge(OLDEST_EVENT_TO_INTERPRET, Vec::new()).set(oldest);
    }

    /// How many events are in quarantine, and how many other rows this process could not read.
    #[expect(clippy::cast_precision_loss, reason = "a gauge is a float; counts stay far below 2^52")]
    pub fn unreadable(&self, events: i64, rows: usize) {
        self.gauge(EVENTS_QUARANTINED, Vec::new()).set(events as f64);
        self.gauge(UNREADABLE_ROWS, Vec::new()).set(rows as f64);
    }

    fn counter(&self, metric: Definition, labels: Vec<String>) -> Counter {
        counter(&self.0.recorder, metric, labels)
    }

    fn gauge(&self, metric: Definition, labels: Vec<String>) -> Gauge {
        self.0.recorder.register_gauge(&key(metric, labels), &METADATA)
    }

    fn histogram(&self, metric: Definition, label: &str) -> Histogram {
        self.0.recorder.register_histogram(&key(metric, vec![label.to_owned()]), &METADATA)
    }
}

const METADATA: Metadata<'static> = Metadata::new(module_path!(), Level::INFO, None);

fn counter(recorder: &PrometheusRecorder, metric: Definition, labels: Vec<String>) -> Counter {
    recorder.register_counter(&key(metric, labels), &METADATA)
}

/// The series of a metric with these label values, in the order of its definition.
fn key(metric: Definition, values: Vec<String>) -> Key {
    let labels: Vec<Label> = metric.labels.iter().zip(values).map(|(name, value)| Label::new(*name, value)).collect();
    Key::from_parts(metric.name, labels)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_recorders_share_nothing() {
        let (one, other) = (Metrics::new().unwrap(), Metrics::new().unwrap());
        one.job_run("sweep", JobOutcome::Panicked);
        let sample = "linekeeper_job_runs_total{kind=\"sweep\",outcome=\"panicked\"} 1";
        assert!(one.render().contains(sample), "{}", one.render());
        assert!(!other.render().contains("linekeeper_job_runs_total{"));
    }

    /// A metric that is not documented cannot be found by whoever builds a dashboard.
    #[test]
    fn the_document_lists_every_metric() {
        let text = include_str!("../../../../docs/LOGGING.md");
        let listed: Vec<&str> = text.lines().filter(|line| line.starts_with("| `linekeeper_")).collect();
        let rows: Vec<String> = ALL
            .iter()
            .map(|Definition { name, kind, labels, help }| {
                let labels: Vec<String> = labels.iter().map(|label| format!("`{label}`")).collect();
                let kind: &str = kind.into();
                format!("| `{name}` | {kind} | {} | {help} |", labels.join(", "))
            })
            .collect();
        assert_eq!(listed, rows, "docs/LOGGING.md should list:\n{}", rows.join("\n"));
    }
}
