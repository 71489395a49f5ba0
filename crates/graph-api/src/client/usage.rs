//! Meta's hourly limits, as its usage headers and throttle errors report them (facts §5): how much is used, and until when
//! calls on a bucket are refused here. It never waits and never retries.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use domain::meta::failure::MetaError;
use jiff::{SignedDuration, Timestamp};
use reqwest::header::HeaderMap;
use serde_json::Value;

/// The limits count a moving hour: an older figure says nothing any more.
const WINDOW: SignedDuration = SignedDuration::from_hours(1);

/// The pause after a full bucket for which Meta names no time.
const FULL_WITHOUT_TIME: SignedDuration = SignedDuration::from_mins(1);

/// The first pause after a throttle error for which Meta names no time; doubled up to [`WINDOW`].
const FIRST_PAUSE: SignedDuration = SignedDuration::from_mins(5);

/// Codes that speak of the whole app, not of one account (facts §2.4).
const APP_WIDE: [i64; 1] = [4];

/// How much of an hourly limit is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Usage {
    /// The fullest of Meta's three counters in percent; `None` when Meta sent none within the last hour.
    pub percent: Option<u32>,
    /// Calls before this are refused here, without asking Meta.
    pub blocked_until: Option<Timestamp>,
}

impl Usage {
    /// Whether 80 % or more is used: reads that are not urgent should wait (facts §5).
    pub fn is_high(&self) -> bool {
        self.blocked_until.is_some() || self.percent.is_some_and(|percent| percent >= 80)
    }
}

/// A call that must not be made now.
#[derive(Debug, Clone, Copy)]
pub(super) struct Refusal {
    pub until: Timestamp,
    pub wait: SignedDuration,
}

#[derive(Debug, Default)]
struct Bucket {
    percent: u32,
    reported_at: Option<Timestamp>,
    blocked_until: Option<Timestamp>,
    throttles_in_a_row: u32,
}

impl Bucket {
    fn report(&mut self, percent: u32, regain: SignedDuration, now: Timestamp) {
        self.percent = percent;
        self.reported_at = Some(now);
        if percent >= 100 {
            let wait = if regain.is_positive() { regain } else { FULL_WITHOUT_TIME };
            self.block_until(later(now, wait));
        }
    }

    fn block_until(&mut self, until: Timestamp) {
        self.blocked_until = Some(self.blocked_until.map_or(until, |known| known.max(until)));
    }

    fn blocked(&self, now: Timestamp) -> Option<Timestamp> {
        self.blocked_until.filter(|until| *until > now)
    }

    /// Twice the pause before, since no call went through in between.
    fn next_pause(&mut self) -> SignedDuration {
        let pause = FIRST_PAUSE * (1 << self.throttles_in_a_row.min(10));
        self.throttles_in_a_row = self.throttles_in_a_row.saturating_add(1);
        pause.min(WINDOW)
    }

    fn usage(&self, now: Timestamp) -> Usage {
        let fresh = self.reported_at.is_some_and(|at| now.duration_since(at) < WINDOW);
        Usage { percent: fresh.then_some(self.percent), blocked_until: self.blocked(now) }
    }
}

/// Every known bucket: the app's own, and one per account.
#[derive(Debug, Default)]
pub(super) struct Budgets {
    buckets: Mutex<Buckets>,
}

#[derive(Debug, Default)]
struct Buckets {
    app: Bucket,
    accounts: HashMap<String, Bucket>,
}

impl Budgets {
    fn with<T>(&self, act: impl FnOnce(&mut Buckets) -> T) -> T {
        act(&mut self.buckets.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Whether a call on this account (or, without one, of the app) must not be made now.
    pub(super) fn refusal(&self, account: Option<&str>, now: Timestamp) -> Option<Refusal> {
        let until = self.with(|buckets| {
            let own = account.and_then(|id| buckets.accounts.get(id)?.blocked(now));
            own.max(buckets.app.blocked(now))
        })?;
        Some(Refusal { until, wait: until.duration_since(now) })
    }

    pub(super) fn app_usage(&self, now: Timestamp) -> Usage {
        self.with(|buckets| buckets.app.usage(now))
    }

    pub(super) fn account_usage(&self, account: &str, now: Timestamp) -> Usage {
        self.with(|buckets| buckets.accounts.get(account).map(|b| b.usage(now))).unwrap_or_default()
    }

    /// Reads the usage headers of any answer.
    pub(super) fn note_headers(&self, headers: &HeaderMap, now: Timestamp) {
        let json = |name: &str| serde_json::from_slice::<Value>(headers.get(name)?.as_bytes()).ok();
        if let Some(percent) = json("x-app-usage").as_ref().and_then(fullest) {
            self.with(|buckets| buckets.app.report(percent, SignedDuration::ZERO, now));
        }
        let Some(Value::Object(by_account)) = json("x-business-use-case-usage") else { return };
        for (account, entries) in by_account {
            let Some((percent, regain)) = management_usage(&entries) else { continue };
            self.with(|buckets| {
                buckets.accounts.entry(account).or_default().report(percent, regain, now);
            });
        }
    }

    /// A call went through: the next throttle error is the first again.
    pub(super) fn note_success(&self, account: Option<&str>) {
        self.with(|buckets| {
            let bucket = match account {
                Some(id) => buckets.accounts.get_mut(id),
                None => Some(&mut buckets.app),
            };
            if let Some(bucket) = bucket {
                bucket.throttles_in_a_row = 0;
            }
        });
    }

    /// A throttle error came: closes the bucket it speaks of and says for how long.
    pub(super) fn note_throttle(
        &self,
        account: Option<&str>,
        meta: Option<&MetaError>,
        named: Option<SignedDuration>,
        now: Timestamp,
    ) -> SignedDuration {
        let app_wide = meta.is_some_and(|m| APP_WIDE.contains(&m.code));
        self.with(|buckets| {
            let bucket = match account.filter(|_| !app_wide) {
                Some(id) => buckets.accounts.entry(id.to_owned()).or_default(),
                None => &mut buckets.app,
            };
            let known = bucket.blocked(now).map(|until| until.duration_since(now));
            let wait = named.or(known).unwrap_or_else(|| bucket.next_pause());
            bucket.block_until(later(now, wait));
            wait
        })
    }
}

fn later(now: Timestamp, wait: SignedDuration) -> Timestamp {
    now.checked_add(wait).unwrap_or(Timestamp::MAX)
}

/// The fullest of the three counters, which are percentages.
fn fullest(usage: &Value) -> Option<u32> {
    ["call_count", "total_cputime", "total_time"].iter().filter_map(|name| whole(usage.get(name)?)).max()
}

/// Management calls and sends are limited apart; only the former are ours.
fn management_usage(entries: &Value) -> Option<(u32, SignedDuration)> {
    let entries = entries.as_array()?;
    let is_ours = |entry: &&Value| entry.get("type").and_then(Value::as_str) == Some("whatsapp_business_management");
    let any_is_ours = entries.iter().any(|entry| is_ours(&entry));
    let of_interest = entries.iter().filter(|entry| !any_is_ours || is_ours(entry));
    of_interest
        .filter_map(|entry| {
            let minutes = entry.get("estimated_time_to_regain_access").and_then(whole).unwrap_or(0);
            Some((fullest(entry)?, SignedDuration::from_mins(i64::from(minutes))))
        })
        .max()
}

/// A percentage or a count of minutes, whole or not; nonsense is nothing.
fn whole(value: &Value) -> Option<u32> {
    let number = value.as_u64().or_else(|| value.as_f64().and_then(|f| format!("{f:.0}").parse().ok()))?;
    u32::try_from(number).ok()
}

#[cfg(test)]
mod tests;
