//! The rate limit of an endpoint: so many posts a second, with a second's worth at once at most.

use jiff::{SignedDuration, Timestamp};

/// Spends posts; `None` as a limit is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Pace {
    per_second: Option<u32>,
    /// When everything spent so far is paid for.
    paid_at: Option<Timestamp>,
}

impl Pace {
    /// So many posts a second; 0 is taken for 1.
    pub fn new(per_second: Option<u32>) -> Self {
        Self { per_second: per_second.map(|limit| limit.max(1)), paid_at: None }
    }

    /// Spends one post, or says when one may be spent.
    pub fn spend(&mut self, now: Timestamp) -> Result<(), Timestamp> {
        let Some(limit) = self.per_second else { return Ok(()) };
        let each = SignedDuration::from_micros(1_000_000 / i64::from(limit));
        let paid_at = self.paid_at.map_or(now, |at| at.max(now)) + each;
        let allowed_at = paid_at - SignedDuration::from_secs(1).max(each);
        if allowed_at > now {
            return Err(allowed_at);
        }
        self.paid_at = Some(paid_at);
        Ok(())
    }
}
