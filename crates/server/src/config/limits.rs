//! `[limits]`: deadlines, sizes and intervals that apply to the whole process.

use super::ConfigError;

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

    /// Maximum size of a webhook body in bytes, at least 1. Meta sends up to 3 MB, which may be
    /// 3 MiB; the default leaves room beyond that.
    #[config(default = 4_194_304, env = "LINEKEEPER_LIMITS_MAX_WEBHOOK_BODY_BYTES")]
    pub max_webhook_body_bytes: usize,

    /// Number of background jobs that run at the same time, 1 to 256.
    #[config(default = 8, env = "LINEKEEPER_LIMITS_JOB_WORKERS")]
    pub job_workers: usize,

    /// Minimum seconds between two full reads of one WhatsApp Business Account, 10 to 86400. A number with
    /// work to do is read on its own schedule in between.
    #[config(default = 300, env = "LINEKEEPER_LIMITS_ACCOUNT_CHECK_INTERVAL_SECONDS")]
    pub account_check_interval_seconds: u64,
}

impl Limits {
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        let wrong = |setting, value: u64, fix| {
            Err(ConfigError::Value { setting, problem: format!("{value} is out of range"), fix })
        };
        if !(1..=60).contains(&self.graph_deadline_seconds) {
            return wrong("limits.graph_deadline_seconds", self.graph_deadline_seconds, "write 1 to 60");
        }
        if !(1..=60).contains(&self.signup_deadline_seconds) {
            return wrong("limits.signup_deadline_seconds", self.signup_deadline_seconds, "write 1 to 60");
        }
        if self.max_webhook_body_bytes == 0 {
            return wrong(
                "limits.max_webhook_body_bytes",
                0,
                "write 4194304, more than the largest body that Meta sends",
            );
        }
        if !(1..=256).contains(&self.job_workers) {
            let value = u64::try_from(self.job_workers).unwrap_or(u64::MAX);
            return wrong("limits.job_workers", value, "write 1 to 256");
        }
        if !(10..=86_400).contains(&self.account_check_interval_seconds) {
            let value = self.account_check_interval_seconds;
            return wrong("limits.account_check_interval_seconds", value, "write 10 to 86400");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_out_of_range_is_named() {
        let limits = Limits {
            graph_deadline_seconds: 10,
            signup_deadline_seconds: 12,
            max_webhook_body_bytes: 4_194_304,
            job_workers: 8,
            account_check_interval_seconds: 300,
        };
        assert!(limits.check().is_ok());
        let error_of = |limits: Limits| limits.check().unwrap_err().to_string();
        assert!(error_of(Limits { graph_deadline_seconds: 0, ..limits.clone() }).starts_with("limits.graph_deadline"));
        assert!(error_of(Limits { signup_deadline_seconds: 61, ..limits.clone() }).starts_with("limits.signup_dead"));
        assert!(error_of(Limits { max_webhook_body_bytes: 0, ..limits.clone() }).starts_with("limits.max_webhook"));
        assert!(error_of(Limits { job_workers: 0, ..limits.clone() }).starts_with("limits.job_workers"));
        assert!(error_of(Limits { account_check_interval_seconds: 9, ..limits }).starts_with("limits.account_check"));
    }
}
