//! The load generator, a process of its own: posts arrive on a fixed schedule whether or not earlier
//! ones were answered, and an answer's time counts from the scheduled instant. So a server that stalls
//! is charged for every post that should have arrived meanwhile (no coordinated omission).
//!
//! One thread, non-blocking sockets, one post at a time per connection.

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

/// What is posted, how fast and for how long.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Load {
    /// Where to.
    #[arg(long)]
    pub(crate) target: SocketAddr,
    /// Posts per second; 0 posts as fast as answers come (a closed loop, to find where to begin).
    #[arg(long)]
    pub(crate) rate: f64,
    /// How long, after the warm-up.
    #[arg(long, default_value_t = 10.0)]
    pub(crate) seconds: f64,
    /// Posted at the same rate before, and left out of the times.
    #[arg(long, default_value_t = 1.0)]
    pub(crate) warmup: f64,
    /// Changes in one post.
    #[arg(long, default_value_t = 1)]
    pub(crate) changes: usize,
    /// Connections that are kept open.
    #[arg(long, default_value_t = 512)]
    pub(crate) connections: usize,
    /// Signs the posts.
    #[arg(long)]
    pub(crate) secret: String,
    /// The numbers the messages are for, as `phone_number_id:waba_id`.
    #[arg(long = "number", default_value = "106000000000001:102000000000001")]
    pub(crate) numbers: Vec<String>,
    /// Persons that write to each number: as many conversations.
    #[arg(long, default_value_t = 1)]
    pub(crate) people: usize,
    /// The number of the first message; every message of a run has its own.
    #[arg(long, default_value_t = 0)]
    pub(crate) first: u64,
    /// Stop as soon as it is certain that the 99th percentile will be above so many milliseconds.
    #[arg(long)]
    pub(crate) hopeless_above: Option<f64>,
    /// Where to write down which messages were acknowledged.
    #[arg(long)]
    pub(crate) acks: Option<PathBuf>,
}

/// What came of it.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Outcome {
    /// Posts asked for per second; 0 for the closed loop.
    pub(crate) rate: f64,
    /// Changes in one post.
    pub(crate) changes: usize,
    /// Bytes of one body.
    pub(crate) body_bytes: usize,
    /// Posts sent, the warm-up included.
    pub(crate) sent: u64,
    /// Posts by the status they were answered with.
    pub(crate) statuses: BTreeMap<u16, u64>,
    /// Posts never answered.
    pub(crate) unanswered: u64,
    /// Whether it was stopped because it was hopeless.
    #[serde(default)]
    pub(crate) gave_up: bool,
    /// Posts answered 200 per second of the schedule.
    pub(crate) achieved: f64,
    /// How long after the last scheduled instant the last answer came.
    pub(crate) drain_ms: f64,
    /// Times from the scheduled instant to the answer, in milliseconds.
    pub(crate) p50_ms: f64,
    /// The same.
    pub(crate) p90_ms: f64,
    /// The same.
    pub(crate) p99_ms: f64,
    /// The same.
    pub(crate) p999_ms: f64,
    /// The same.
    pub(crate) max_ms: f64,
    /// How late the generator itself sent, at the 99th percentile; part of the times above.
    pub(crate) sent_late_p99_ms: f64,
    /// Processor seconds the generator used.
    pub(crate) generator_cpu_s: f64,
}

impl Outcome {
    /// Whether every post was answered 200.
    pub(crate) fn is_all_stored(&self) -> bool {
        self.unanswered == 0 && self.statuses.keys().all(|status| *status == 200)
    }

    /// Posts answered 200.
    pub(crate) fn stored(&self) -> u64 {
        self.statuses.get(&200).copied().unwrap_or_default()
    }
}

impl Load {
    /// Runs it and prints the outcome as one line of JSON.
    #[expect(clippy::print_stdout, reason = "its answer to the process that started it")]
    pub(crate) fn run(&self) -> anyhow::Result<()> {
        let outcome = drive::drive(self)?;
        println!("{}", serde_json::to_string(&outcome)?);
        Ok(())
    }

    fn lasts(&self) -> Duration {
        Duration::from_secs_f64(self.warmup + self.seconds)
    }

    /// An answer slower than this …
    fn is_slow(&self, took: Duration) -> bool {
        self.hopeless_above.is_some_and(|limit| took.as_secs_f64() * 1000.0 > limit)
    }

    /// … may come so often: were all that are still to come fast, the 99th percentile would be below it.
    fn slow_allowed(&self) -> f64 {
        self.rate * self.seconds * 0.01
    }
}
