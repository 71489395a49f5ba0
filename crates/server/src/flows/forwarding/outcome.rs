//! What the report of an attempt means for its item: delivered, to be retried, given up. Pure; must not change the
//! backlog.

use domain::delivery::{DEFAULT_RETRY_AFTER, ResponseClass, classify, retry_at};
use jiff::Timestamp;

use super::attempt::AttemptReport;
use super::backlog::QueuedItem;

/// What follows for an item after an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The endpoint accepted the item.
    Delivered,
    /// There is nothing to send: the item was removed, or the endpoint does not want it any more.
    Skipped,
    /// The endpoint answered that it is gone.
    Gone,
    /// The item is retried.
    Retry {
        due_at: Timestamp,
        is_first_attempt: bool,
        /// The endpoint asked for a pause of all its events.
        pause_until: Option<Timestamp>,
    },
    /// The item becomes a dead letter.
    GivenUp {
        is_first_attempt: bool,
        /// The endpoint asked for a pause of all its events.
        pause_until: Option<Timestamp>,
    },
}

impl Outcome {
    /// Classifies a report. `jitter` (0 to 1) is as for [`retry_at`].
    pub(super) fn of(report: &AttemptReport, item: Option<&QueuedItem>, now: Timestamp, jitter: f64) -> Self {
        let Some(response) = &report.failure else {
            return if report.attempt.is_none() { Self::Skipped } else { Self::Delivered };
        };
        let (attempts, first_failed_at) = item.map_or((0, None), |item| (item.attempts, item.first_failed_at));
        let is_first_attempt = attempts == 0;
        match classify(response, now) {
            ResponseClass::Delivered => Self::Delivered,
            ResponseClass::Gone => Self::Gone,
            ResponseClass::Retry { not_before, pause_all } => {
                let pause_until = pause_all.then(|| not_before.unwrap_or(now + DEFAULT_RETRY_AFTER));
                match retry_at(attempts + 1, first_failed_at.unwrap_or(now), not_before, now, jitter) {
                    Some(due_at) => Self::Retry { due_at, is_first_attempt, pause_until },
                    None => Self::GivenUp { is_first_attempt, pause_until },
                }
            }
        }
    }

    /// The label of the attempt in the metrics; `None` when it is not counted.
    pub(super) const fn label(self) -> Option<&'static str> {
        match self {
            Self::Delivered => Some("delivered"),
            Self::Retry { .. } => Some("failed"),
            Self::GivenUp { .. } => Some("given_up"),
            Self::Skipped | Self::Gone => None,
        }
    }
}
