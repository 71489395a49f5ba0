//! The load generator, a process of its own. It sends posts on a fixed schedule, even if earlier ones are not answered, and
//! the time of an answer counts from the scheduled instant. A server that stalls therefore pays for every post that is due
//! meanwhile (no coordinated omission).
//!
//! It uses one thread, non-blocking sockets, and one post at a time on each connection.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

pub(crate) mod acks;
pub(crate) mod body;
mod connection;
mod drive;
#[cfg(test)]
mod tests;

/// The posts of one load, their rate and duration.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Load {
    /// Address of the server.
    #[arg(long)]
    pub(crate) target: SocketAddr,
    /// Posts per second; 0 posts as fast as answers arrive (a closed loop).
    #[arg(long)]
    pub(crate) rate: f64,
    /// Duration in seconds after the warm-up.
    #[arg(long, default_value_t = 10.0)]
    pub(crate) seconds: f64,
    /// Seconds of warm-up at the same rate, excluded from the times.
    #[arg(long, default_value_t = 1.0)]
    pub(crate) warmup: f64,
    /// Number of changes in one post.
    #[arg(long, default_value_t = 1)]
    pub(crate) changes: usize,
    /// Number of connections, which stay open.
    #[arg(long, default_value_t = 512)]
    pub(crate) connections: usize,
    /// App secret that signs the posts.
    #[arg(long)]
    pub(crate) secret: String,
    /// Numbers that the messages are for, each as `phone_number_id:waba_id`.
    #[arg(long = "number", default_value = "106000000000001:102000000000001")]
    pub(crate) numbers: Vec<String>,
    /// People who write to each number; each makes a conversation.
    #[arg(long, default_value_t = 1)]
    pub(crate) people: usize,
    /// Number of the first message; every message of a run has a number of its own.
    #[arg(long, default_value_t = 0)]
    pub(crate) first: u64,
    /// Stop as soon as the 99th percentile is certain to exceed this number of milliseconds.
    #[arg(long)]
    pub(crate) abort_above: Option<f64>,
    /// File for the set of acknowledged messages.
    #[arg(long)]
    pub(crate) acks: Option<PathBuf>,
}

/// The results of one load, printed as JSON.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct GeneratorReport {
    /// Scheduled posts per second; 0 for the closed loop.
    pub(crate) rate: f64,
    pub(crate) changes: usize,
    /// Size of one body in bytes.
    pub(crate) body_bytes: usize,
    /// Number of posts sent, with the warm-up.
    pub(crate) sent: u64,
    /// Number of posts by the status of the answer.
    pub(crate) statuses: BTreeMap<u16, u64>,
    /// Number of posts without an answer.
    pub(crate) unanswered: u64,
    /// Whether the load was stopped early because it was too slow.
    #[serde(default)]
    pub(crate) aborted: bool,
    /// Posts answered 200 per second of the schedule.
    pub(crate) achieved: f64,
    /// Time between the end of the schedule and the last answer.
    pub(crate) drain_ms: f64,
    /// Median time from the scheduled instant to the answer; percentiles and the maximum follow.
    pub(crate) p50_ms: f64,
    pub(crate) p90_ms: f64,
    pub(crate) p99_ms: f64,
    pub(crate) p999_ms: f64,
    pub(crate) max_ms: f64,
    /// Delay of the generator itself at the 99th percentile; the times above include it.
    pub(crate) sent_late_p99_ms: f64,
    /// Processor seconds of the generator.
    pub(crate) generator_cpu_s: f64,
}

impl GeneratorReport {
    /// Whether every post was answered 200.
    pub(crate) fn is_all_stored(&self) -> bool {
        self.unanswered == 0 && self.statuses.keys().all(|status| *status == 200)
    }

    /// The number of posts answered 200.
    pub(crate) fn stored(&self) -> u64 {
        self.statuses.get(&200).copied().unwrap_or_default()
    }
}

impl Load {
    /// Runs the load and prints the report as one line of JSON.
    #[expect(clippy::print_stdout, reason = "the report for the process that started this one")]
    pub(crate) fn run(&self) -> anyhow::Result<()> {
        let outcome = drive::drive(self)?;
        println!("{}", serde_json::to_string(&outcome)?);
        Ok(())
    }

    fn duration(&self) -> Duration {
        Duration::from_secs_f64(self.warmup + self.seconds)
    }

    /// Whether an answer exceeds the limit.
    fn is_slow(&self, took: Duration) -> bool {
        self.abort_above.is_some_and(|limit| took.as_secs_f64() * 1000.0 > limit)
    }

    /// Number of slow answers that still allow a 99th percentile below the limit.
    fn slow_allowed(&self) -> f64 {
        self.rate * self.seconds * 0.01
    }
}
