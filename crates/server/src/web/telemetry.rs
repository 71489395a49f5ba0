//! Metrics for Prometheus: the recorder of the process, and the metrics of the web layer. Flows and jobs use the macros of
//! `metrics` directly; this file must not know them.

use std::sync::OnceLock;
use std::time::Duration;

use axum::http::{Method, StatusCode};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};

/// Bucket bounds in seconds, from a webhook post to a signup.
const BUCKETS: &[f64] = &[0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];

static RECORDER: OnceLock<Option<PrometheusHandle>> = OnceLock::new();

/// Installs the recorder once per process; metrics recorded before are lost.
pub fn install() {
    RECORDER.get_or_init(|| {
        let builder = PrometheusBuilder::new().set_buckets(BUCKETS).ok()?;
        let handle = builder.install_recorder().ok()?;
        describe();
        Some(handle)
    });
}

fn describe() {
    metrics::describe_counter!("linekeeper_http_requests_total", "Requests answered, by method, route and status");
    metrics::describe_histogram!("linekeeper_http_request_seconds", "Time to answer, by route");
    metrics::describe_counter!("linekeeper_webhook_posts_total", "Posts to the webhook, by outcome");
    metrics::describe_counter!("linekeeper_webhook_changes_total", "Changes in accepted posts, new or duplicate");
    metrics::describe_counter!("linekeeper_graph_calls_total", "Calls made to Meta, by route template and outcome");
    metrics::describe_histogram!("linekeeper_graph_call_seconds", "Time Meta took, by route template");
}

/// Renders all metrics; `None` if another recorder was installed first.
pub(super) fn render() -> Option<String> {
    let handle = RECORDER.get()?.as_ref()?;
    handle.run_upkeep();
    Some(handle.render())
}

/// Counts one answered request. The route is a template, so the number of series is bounded.
pub(super) fn request(method: &Method, route: &str, status: StatusCode, duration: Duration) {
    let labels =
        [("method", method.as_str().to_owned()), ("route", route.to_owned()), ("status", status.as_u16().to_string())];
    metrics::counter!("linekeeper_http_requests_total", &labels).increment(1);
    metrics::histogram!("linekeeper_http_request_seconds", "route" => route.to_owned()).record(duration.as_secs_f64());
}

/// Counters of webhook posts, looked up once for the hot path.
#[derive(Clone)]
pub(super) struct PostCounters {
    pub(super) stored: metrics::Counter,
    /// Posts that were invalid or not signed by Meta.
    pub(super) refused: metrics::Counter,
    /// Posts that could not be stored: full queue, or no database.
    pub(super) unavailable: metrics::Counter,
}

/// The counters of webhook posts.
pub(super) fn posts() -> &'static PostCounters {
    static COUNTERS: OnceLock<PostCounters> = OnceLock::new();
    COUNTERS.get_or_init(|| PostCounters {
        stored: metrics::counter!("linekeeper_webhook_posts_total", "outcome" => "stored"),
        refused: metrics::counter!("linekeeper_webhook_posts_total", "outcome" => "refused"),
        unavailable: metrics::counter!("linekeeper_webhook_posts_total", "outcome" => "unavailable"),
    })
}
