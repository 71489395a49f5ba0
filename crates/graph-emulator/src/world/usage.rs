//! Hourly limits per app and WABA, and the headers of every reply (facts §5, §1.18). Must not refuse for other reasons.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::error::{GraphError, numbered};
use super::route::Route;
use super::{Context, Reply, Request, World};

/// Calls per minute of the last hour, by `app:waba`.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Usage {
    buckets: BTreeMap<String, BTreeMap<i64, u64>>,
    /// The app of the current call, for its headers.
    #[serde(skip)]
    current: Option<(String, String)>,
}

impl Usage {
    pub(crate) fn forget_current(&mut self) {
        self.current = None;
    }

    fn minutes(&mut self, app: &str, waba: &str, now: Timestamp) -> &mut BTreeMap<i64, u64> {
        let minute = now.as_second().div_euclid(60);
        let bucket = self.buckets.entry(format!("{app}:{waba}")).or_default();
        bucket.retain(|m, _| *m > minute - 60);
        bucket
    }
}

impl World {
    fn hourly_limit(&self, waba: &str) -> u64 {
        let live = self.numbers.values().any(|n| n.waba_id == waba && n.registered);
        if live { self.settings.hourly_limit_live } else { self.settings.hourly_limit_new }
    }

    /// Counts a management call and refuses it past the limit.
    pub(crate) fn count_usage(&mut self, c: &Context<'_>) -> Result<(), GraphError> {
        self.usage.current = None;
        let Some(waba) = self.subject(c.route).0.filter(|w| self.sees_waba(&c.caller, w)) else {
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

    /// Percent of the limit used, and minutes until a call is free again.
    fn usage_percent(&mut self, app: &str, waba: &str, now: Timestamp) -> (u64, u64) {
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

    /// Sets, for tests, how many calls of this hour are gone already.
    pub fn set_usage(&mut self, waba: &str, calls: u64, now: Timestamp) {
        let app = self.default_app().to_owned();
        let minutes = self.usage.minutes(&app, waba, now);
        minutes.clear();
        minutes.insert(now.as_second().div_euclid(60), calls);
    }

    /// Finishes a reply: trace id, version, usage, and the challenge header of errors.
    pub(crate) fn reply(
        &mut self,
        request: &Request,
        route: &Route,
        outcome: Result<Value, GraphError>,
        now: Timestamp,
    ) -> Reply {
        let trace = self.ids.fbtrace();
        let mut headers = vec![
            ("facebook-api-version".to_owned(), format!("v{}.0", route.version)),
            ("x-fb-request-id".to_owned(), trace.clone()),
            ("x-fb-trace-id".to_owned(), trace.clone()),
            ("x-fb-rev".to_owned(), "1000000000".to_owned()),
            ("x-fb-debug".to_owned(), self.ids.letters(24)),
            ("strict-transport-security".to_owned(), "max-age=15552000; preload".to_owned()),
            ("x-app-usage".to_owned(), r#"{"call_count":0,"total_cputime":0,"total_time":0}"#.to_owned()),
        ];
        if let Some((app, waba)) = self.usage.current.take().filter(|_| request.token().is_some()) {
            let (percent, regain) = self.usage_percent(&app, &waba, now);
            let usage = json!({waba: [{"type": "whatsapp_business_management", "call_count": percent,
                "total_cputime": percent / 4, "total_time": percent / 4, "estimated_time_to_regain_access": regain}]});
            headers.push(("x-business-use-case-usage".to_owned(), usage.to_string()));
        }
        match outcome {
            Ok(body) => Reply { status: 200, headers, body },
            Err(error) => {
                let reason = if error.code() == 190 { "invalid_token" } else { "invalid_request" };
                let message: String = error.message().chars().filter(|c| !c.is_control()).collect();
                headers.push((
                    "www-authenticate".to_owned(),
                    format!("OAuth \"Facebook Platform\" \"{reason}\" \"{message}\""),
                ));
                Reply { status: error.status(), headers, body: error.body(&trace) }
            }
        }
    }
}
