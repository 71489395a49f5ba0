//! `[keeping]`: how long and how much is kept. Read here, decided in `domain::capacity`.

use domain::capacity::Bounds;
use jiff::SignedDuration;

use super::ConfigError;

/// How long and how much is kept.
#[derive(Debug, Clone, confique::Config)]
pub struct Keeping {
    /// Days after which what Meta sent is removed. What waits to be interpreted never is; what an endpoint has
    /// yet to get, after as many days more.
    #[config(default = 7, env = "LINEKEEPER_KEEPING_DAYS")]
    pub days: u32,

    /// Gigabytes (10^9 bytes) the database may hold. At the limit Meta's posts are refused with 503,
    /// and Meta sends them again for up to seven days; all else goes on. 0: no limit.
    #[config(default = 20.0, env = "LINEKEEPER_KEEPING_MAX_GIGABYTES")]
    pub max_gigabytes: f64,

    /// From this percentage of the limit on there is a warning.
    #[config(default = 80, env = "LINEKEEPER_KEEPING_WARN_AT_PERCENT")]
    pub warn_at_percent: u8,
}

impl Keeping {
    /// How long events are kept.
    pub fn age(&self) -> SignedDuration {
        SignedDuration::from_hours(i64::from(self.days) * 24)
    }

    /// How much is kept.
    pub fn bounds(&self) -> Bounds {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked when it was read")]
        let limit = (self.max_gigabytes * 1e9) as u64;
        Bounds { limit, warn_at_percent: self.warn_at_percent }
    }

    pub(super) fn check(&self) -> Result<(), ConfigError> {
        let wrong = |setting, problem: String, fix| Err(ConfigError::Value { setting, problem, fix });
        if !(1..=3650).contains(&self.days) {
            return wrong("keeping.days", format!("{} is not possible", self.days), "write 1 to 3650");
        }
        if !(0.0..=1e6).contains(&self.max_gigabytes) {
            let fix = "write 0 for no limit, or up to 1000000";
            return wrong("keeping.max_gigabytes", format!("{} is not possible", self.max_gigabytes), fix);
        }
        if !(1..=100).contains(&self.warn_at_percent) {
            let problem = format!("{} is no percentage", self.warn_at_percent);
            return wrong("keeping.warn_at_percent", problem, "write 1 to 100");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_possible_is_named() {
        let keeping = |days, max_gigabytes, warn_at_percent| Keeping { days, max_gigabytes, warn_at_percent };
        let named = |keeping: Keeping| keeping.check().unwrap_err().to_string();
        assert!(keeping(7, 0.5, 80).check().is_ok());
        assert_eq!(keeping(7, 0.5, 80).bounds(), Bounds { limit: 500_000_000, warn_at_percent: 80 });
        assert!(named(keeping(0, 0.5, 80)).starts_with("keeping.days"));
        assert!(named(keeping(7, -1.0, 80)).starts_with("keeping.max_gigabytes"));
        assert!(named(keeping(7, f64::NAN, 80)).starts_with("keeping.max_gigabytes"));
        assert!(named(keeping(7, 20.0, 101)).starts_with("keeping.warn_at_percent"));
    }
}
