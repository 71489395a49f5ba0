//! The hourly limit of management calls per app and WABA (facts §5). Must not refuse calls for other reasons.

use jiff::Timestamp;

use super::context::Context;
use super::error::{GraphError, numbered};
use crate::world::state::World;

impl World {
    fn hourly_limit(&self, waba: &str) -> u64 {
        let live = self.numbers.values().any(|n| n.waba_id == waba && n.registered);
        if live { self.settings.hourly_limit_live } else { self.settings.hourly_limit_new }
    }

    /// Counts a management call and refuses it above the limit.
    pub(crate) fn count_usage(&mut self, c: &Context<'_>) -> Result<(), GraphError> {
        self.usage.current = None;
        let Some(waba) = self.subject(c.route).0.filter(|w| self.can_access_waba(&c.caller, w)) else {
            return Ok(());
        };
        let app = c.caller.app_id().to_owned();
        self.usage.current = Some((app.clone(), waba.clone()));
        if c.route.row.is_none_or(|row| !row.counted) {
            return Ok(());
        }
        let limit = self.hourly_limit(&waba);
        let minutes = self.usage.minutes(&app, &waba, c.now);
        *minutes.entry(c.now.as_second().div_euclid(60)).or_default() += 1;
        if minutes.values().sum::<u64>() > limit {
            let code = self.settings.rate_limit_code;
            return Err(numbered(
                400,
                code,
                "There have been too many calls to this WhatsApp Business account. Wait a bit and try again. For more info, please refer to https://developers.facebook.com/docs/graph-api/overview/rate-limiting.",
            ));
        }
        Ok(())
    }

    /// Percent of the limit that is used, and the minutes until a call is possible again.
    pub(super) fn usage_percent(&mut self, app: &str, waba: &str, now: Timestamp) -> (u64, u64) {
        let limit = self.hourly_limit(waba).max(1);
        let minute = now.as_second().div_euclid(60);
        let minutes = self.usage.minutes(app, waba, now);
        let used: u64 = minutes.values().sum();
        let mut left = used;
        let mut regain = 0;
        for (m, count) in minutes.iter() {
            if left < limit {
                break;
            }
            left -= count;
            regain = u64::try_from(m + 60 - minute).unwrap_or(0);
        }
        (used * 100 / limit, if used >= limit { regain } else { 0 })
    }

    /// Sets the number of calls already made in this hour, for tests.
    pub fn set_usage(&mut self, waba: &str, calls: u64, now: Timestamp) {
        let app = self.default_app().to_owned();
        let minutes = self.usage.minutes(&app, waba, now);
        minutes.clear();
        minutes.insert(now.as_second().div_euclid(60), calls);
    }
}
