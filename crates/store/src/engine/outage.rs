//! Logs an outage of the database once: how it began, with its cause, and that it ended. A line for each statement
//! that fails meanwhile would hide the cause, so nobody else logs an error that [`Error::is_retryable`] names.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::Error;

/// An outage has ended when nothing has failed for this long. One success proves nothing: on a full disk a
/// transaction that writes no page succeeds.
const QUIET_TIME: Duration = Duration::from_secs(30);

/// The most causes that are logged in one outage.
const MAX_CAUSES: usize = 8;

/// The outage that a [`super::Store`] is in, if it is in one.
#[derive(Debug, Default)]
pub(crate) struct Outage(Mutex<Option<Failing>>);

#[derive(Debug)]
struct Failing {
    since: Instant,
    last_failure: Instant,
    failures: u64,
    causes: BTreeSet<String>,
}

impl Outage {
    /// Counts a failure. Each cause is logged once per outage.
    pub(crate) fn on_failure(&self, error: &Error) {
        let now = Instant::now();
        let cause = error.chain();
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let failing = state.get_or_insert_with(|| Failing {
            since: now,
            last_failure: now,
            failures: 0,
            causes: BTreeSet::new(),
        });
        failing.last_failure = now;
        failing.failures += 1;
        if failing.causes.len() < MAX_CAUSES && failing.causes.insert(cause.clone()) {
            tracing::error!("{cause}; what could not be done is tried again, and this is not logged again");
        }
    }

    /// Logs the end of an outage, once nothing has failed for a while.
    pub(crate) fn on_success(&self) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(failing) = state.take_if(|failing| failing.last_failure.elapsed() > QUIET_TIME) {
            let seconds = failing.last_failure.duration_since(failing.since).as_secs();
            tracing::info!(failures = failing.failures, seconds, "the database is available again");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outage_lasts_until_nothing_has_failed_for_a_while() {
        let outage = Outage::default();
        outage.on_success();
        outage.on_failure(&Error::Url);
        outage.on_failure(&Error::Url);
        outage.on_success();
        let count = |outage: &Outage| outage.0.lock().unwrap().as_ref().map(|it| (it.failures, it.causes.len()));
        assert_eq!(count(&outage), Some((2, 1)));
        let Some(past) = Instant::now().checked_sub(QUIET_TIME * 2) else { return };
        outage.0.lock().unwrap().as_mut().unwrap().last_failure = past;
        outage.on_success();
        assert_eq!(count(&outage), None);
    }
}
