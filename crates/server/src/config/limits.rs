//! `[limits]`: deadlines, sizes and intervals that apply to the whole process.

use super::{ConfigError, check_range};

/// Deadlines, sizes and intervals of the whole process.
#[derive(Debug, Clone, confique::Config)]
pub struct Limits {
    /// Seconds that one call to Meta may take, 1 to 60.
    #[config(default = 10, env = "LINEKEEPER_LIMITS_GRAPH_DEADLINE_SECONDS")]
    pub graph_deadline_seconds: u64,

    /// Seconds after which a signup request is answered with "in progress", 1 to 60. The signup itself
    /// continues in the background.
    #[config(default = 12, env = "LINEKEEPER_LIMITS_SIGNUP_DEADLINE_SECONDS")]
    pub signup_deadline_seconds: u64,

    /// Maximum size of a webhook body in bytes, 3145728 to 100000000. Meta sends up to 3 MB, which may be 3 MiB; the default
    /// leaves room beyond that.
    #[config(default = 4_194_304, env = "LINEKEEPER_LIMITS_MAX_WEBHOOK_BODY_BYTES")]
    pub max_webhook_body_bytes: usize,

    /// Maximum number of body bytes that all requests together may have in flight, from
    /// `max_webhook_body_bytes` to 100000000000. Beyond it requests are refused with 503 until others end.
    #[config(default = 64_000_000, env = "LINEKEEPER_LIMITS_MAX_BODY_BYTES_IN_FLIGHT")]
    pub max_body_bytes_in_flight: usize,

    /// Maximum number of open connections, 16 to 100000. Further ones wait until another one ends. Each takes a
    /// file descriptor; the default leaves some of the usual 1024 for the database and for endpoints.
    #[config(default = 900, env = "LINEKEEPER_LIMITS_MAX_CONNECTIONS")]
    pub max_connections: usize,

    /// Number of background jobs that run at the same time, 1 to 256.
    #[config(default = 8, env = "LINEKEEPER_LIMITS_JOB_WORKERS")]
    pub job_workers: usize,

    /// Minimum seconds between two full reads of one WhatsApp Business Account, 10 to 86400. A number with
    /// work to do is read on its own schedule in between.
    #[config(default = 300, env = "LINEKEEPER_LIMITS_ACCOUNT_CHECK_INTERVAL_SECONDS")]
    pub account_check_interval_seconds: u64,
}

/// The largest body that Meta sends (facts §3.1) in bytes, if its 3 MB are 3 MiB.
const LARGEST_OF_META: usize = 3 * 1024 * 1024;

impl Limits {
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        check_range("limits.graph_deadline_seconds", self.graph_deadline_seconds, 1..=60)?;
        check_range("limits.signup_deadline_seconds", self.signup_deadline_seconds, 1..=60)?;
        check_range("limits.max_webhook_body_bytes", self.max_webhook_body_bytes, LARGEST_OF_META..=100_000_000)?;
        let in_flight = self.max_webhook_body_bytes..=100_000_000_000;
        check_range("limits.max_body_bytes_in_flight", self.max_body_bytes_in_flight, in_flight)?;
        check_range("limits.max_connections", self.max_connections, 16..=100_000)?;
        check_range("limits.job_workers", self.job_workers, 1..=256)?;
        check_range("limits.account_check_interval_seconds", self.account_check_interval_seconds, 10..=86_400)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn defaults() -> Limits {
        Limits {
            graph_deadline_seconds: 10,
            signup_deadline_seconds: 12,
            max_webhook_body_bytes: 4_194_304,
            max_body_bytes_in_flight: 64_000_000,
            max_connections: 900,
            job_workers: 8,
            account_check_interval_seconds: 300,
        }
    }

    #[test]
    fn a_limit_out_of_range_is_named_with_its_bounds() {
        type Change = fn(&mut Limits);
        let wrong: [(Change, &str); 9] = [
            (|it| it.graph_deadline_seconds = 0, "limits.graph_deadline_seconds: 0 is out of range; write 1 to 60"),
            (|it| it.signup_deadline_seconds = 61, "limits.signup_deadline_seconds: 61 is out of range; write 1 to 60"),
            (|it| it.max_webhook_body_bytes = 0, "write 3145728 to 100000000"),
            (|it| it.max_webhook_body_bytes = 3_145_727, "write 3145728 to 100000000"),
            (|it| it.max_body_bytes_in_flight = 4_194_303, "write 4194304 to 100000000000"),
            (|it| it.max_connections = 0, "write 16 to 100000"),
            (|it| it.job_workers = 0, "limits.job_workers: 0 is out of range; write 1 to 256"),
            (|it| it.account_check_interval_seconds = 9, "write 10 to 86400"),
            (|it| it.max_webhook_body_bytes = 70_000_000, "limits.max_body_bytes_in_flight: 64000000 is out of range"),
        ];
        assert!(defaults().check().is_ok());
        for (change, says) in wrong {
            let mut limits = defaults();
            change(&mut limits);
            let text = limits.check().unwrap_err().to_string();
            assert!(text.contains(says), "{text}");
        }
    }
}
