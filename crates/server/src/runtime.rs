//! Handles that the whole process shares: time, wake-ups, limits, metrics. Nothing here knows a flow,
//! a route or a command.

pub mod attempt_limiter;
pub mod byte_budget;
pub mod capacity;
pub mod clock;
pub mod failpoint;
pub mod ingest_queue;
pub mod last_logged;
pub mod liveness;
pub mod metrics;
pub mod notifier;
pub mod single_flight;
