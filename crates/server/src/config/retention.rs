//! `[retention]`: how long events are kept and how large the database may grow. Only reads and checks the
//! values; `domain` decides what they mean for an event or a database of a given size.

use domain::capacity::StorageLimits;
use jiff::SignedDuration;

use super::{ConfigError, check_range};

/// How long events are kept, and how large the database may grow.
#[derive(Debug, Clone, confique::Config)]
pub struct Retention {
    /// Days after which an event is deleted, 1 to 3650. An event that was not interpreted yet is kept.
    /// An event that an enabled endpoint did not receive yet is kept for as many days again.
    #[config(default = 7, env = "LINEKEEPER_RETENTION_DAYS")]
    pub days: u32,

    /// Hours after which a signup that nobody finished ends and its token is destroyed, 1 to 168.
    #[config(default = 24, env = "LINEKEEPER_RETENTION_UNFINISHED_SIGNUP_HOURS")]
    pub unfinished_signup_hours: u32,

    /// Maximum size of the database in gigabytes (10^9 bytes), 0 to 1000000. 0 means no limit. At the
    /// limit Meta's webhooks are refused with 503, and Meta sends them again for up to seven days.
    /// Everything else keeps working.
    #[config(default = 20.0, env = "LINEKEEPER_RETENTION_MAX_GIGABYTES")]
    pub max_gigabytes: f64,

    /// Percentage of `max_gigabytes` from which a warning is shown, 1 to 100.
    #[config(default = 80, env = "LINEKEEPER_RETENTION_WARN_AT_PERCENT")]
    pub warn_at_percent: u8,
}

impl Retention {
    /// The age at which an event is deleted.
    pub fn age(&self) -> SignedDuration {
        SignedDuration::from_hours(i64::from(self.days) * 24)
    }

    /// How long an unfinished signup keeps its token.
    pub fn unfinished_signup(&self) -> SignedDuration {
        SignedDuration::from_hours(i64::from(self.unfinished_signup_hours))
    }

    /// The size limits of the database, in bytes.
    pub fn bounds(&self) -> StorageLimits {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked when it was read")]
        let limit = (self.max_gigabytes * 1e9) as u64;
        StorageLimits { limit, warn_at_percent: self.warn_at_percent }
    }

    pub(super) fn check(&self) -> Result<(), ConfigError> {
        check_range("retention.days", self.days, 1..=3650)?;
        check_range("retention.unfinished_signup_hours", self.unfinished_signup_hours, 1..=168)?;
        check_range("retention.max_gigabytes", self.max_gigabytes, 0.0..=1e6)?;
        check_range("retention.warn_at_percent", self.warn_at_percent, 1..=100)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_out_of_range_is_named() {
        let retention = |days, max_gigabytes, warn_at_percent| Retention {
            days,
            unfinished_signup_hours: 24,
            max_gigabytes,
            warn_at_percent,
        };
        let error_of = |retention: Retention| retention.check().unwrap_err().to_string();
        assert!(retention(7, 0.5, 80).check().is_ok());
        assert_eq!(retention(7, 0.5, 80).bounds(), StorageLimits { limit: 500_000_000, warn_at_percent: 80 });
        assert!(error_of(retention(0, 0.5, 80)).starts_with("retention.days"));
        assert!(error_of(retention(7, -1.0, 80)).starts_with("retention.max_gigabytes"));
        assert!(error_of(retention(7, f64::NAN, 80)).starts_with("retention.max_gigabytes"));
        let hours = Retention { unfinished_signup_hours: 0, ..retention(7, 0.5, 80) };
        assert!(error_of(hours).starts_with("retention.unfinished_signup_hours"));
        assert!(error_of(retention(7, 20.0, 101)).starts_with("retention.warn_at_percent"));
    }
}
