//! What is counted of the way to Meta and of the way in: names of measurements and their labels, nothing else.

use std::sync::OnceLock;

use domain::health::failure_word;
use graph_api::{Ended, Made};

/// One call to Meta. Routes are templates and outcomes words, so the number of series is bounded.
pub(crate) fn graph_call(made: &Made<'_>) {
    let outcome = match made.ended {
        Ended::Answered => "ok",
        Ended::Refused(kind) => failure_word(kind),
        Ended::Unreachable => "unreachable",
    };
    let route = made.route.to_owned();
    metrics::counter!("linekeeper_graph_calls_total", "route" => route.clone(), "outcome" => outcome).increment(1);
    metrics::histogram!("linekeeper_graph_call_seconds", "route" => route).record(made.took.as_secs_f64());
}

/// Changes that are on disk: so many were sent, and so many of them nobody had seen before. Counted by the
/// commit: which post of several brought the new ones is not known.
pub(crate) fn changes(sent: u64, new: u64) {
    // looked up once: it is the hot path
    static COUNTERS: OnceLock<(metrics::Counter, metrics::Counter)> = OnceLock::new();
    let (news, duplicates) = COUNTERS.get_or_init(|| {
        let of = |kind: &'static str| metrics::counter!("linekeeper_webhook_changes_total", "kind" => kind);
        (of("new"), of("duplicate"))
    });
    news.increment(new);
    duplicates.increment(sent.saturating_sub(new));
}
