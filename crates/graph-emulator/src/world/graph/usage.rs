//! How many calls each app made about each WABA in the last hour. Must not know limits or refuse calls.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Calls per minute of the last hour, by `app:waba`.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct CallUsage {
    buckets: BTreeMap<String, BTreeMap<i64, u64>>,
    /// App and WABA of the current call, whose usage its reply shows.
    #[serde(skip)]
    pub current: Option<(String, String)>,
}

impl CallUsage {
    pub(crate) fn forget_current(&mut self) {
        self.current = None;
    }

    /// Calls by minute since the epoch; minutes older than an hour are dropped first.
    pub(crate) fn minutes(&mut self, app: &str, waba: &str, now: Timestamp) -> &mut BTreeMap<i64, u64> {
        let minute = now.as_second().div_euclid(60);
        let bucket = self.buckets.entry(format!("{app}:{waba}")).or_default();
        bucket.retain(|m, _| *m > minute - 60);
        bucket
    }
}
