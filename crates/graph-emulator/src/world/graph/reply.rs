//! Completes a reply with the headers that every answer of Graph carries (facts §1.18).

use jiff::Timestamp;
use serde_json::{Value, json};

use super::error::GraphError;
use super::request::{Reply, Request};
use super::routes::Route;
use crate::world::state::World;

impl World {
    /// Builds the reply: trace id, version, usage, and the `www-authenticate` header of errors.
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
