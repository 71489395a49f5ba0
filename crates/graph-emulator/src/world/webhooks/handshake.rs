//! The handshake that a new callback must pass before it takes effect (facts §1.9, §1.11, §1.12, §3.1). Must not send the
//! challenge itself.

use jiff::Timestamp;
use serde_json::json;

use super::challenge::{ChallengeFor, PendingChallenge};
use crate::world::accounts::account::AppSubscription;
use crate::world::graph::context::{CallResult, Context, Response};
use crate::world::graph::error::{GraphError, numbered};
use crate::world::graph::request::{Answer, Challenge, Handshake, Method, Request};
use crate::world::numbers::number::Override;
use crate::world::state::World;

impl World {
    /// Starts a handshake. The call is answered when `finish_challenge` gets the result.
    pub(crate) fn start_challenge(
        &mut self,
        c: &Context<'_>,
        url: &str,
        verify_token: &str,
        target: ChallengeFor,
    ) -> CallResult {
        if url.chars().count() > 200 || !(url.starts_with("https://") || url.starts_with("http://")) {
            return Err(numbered(400, 100, "override_callback_uri must be a valid URL of at most 200 characters"));
        }
        let id = self.outbox.next_id();
        let challenge = self.ids.digits(10);
        let pending = PendingChallenge {
            target,
            app_id: c.caller.app_id().to_owned(),
            node: c.route.id.clone(),
            callback_url: url.to_owned(),
            verify_token: verify_token.to_owned(),
            path: c.request.path.clone(),
        };
        self.challenges.insert(id, pending);
        Ok(Response::Challenge(Challenge {
            id,
            callback_url: url.to_owned(),
            verify_token: verify_token.to_owned(),
            challenge,
        }))
    }

    /// Answers the call that waited for this handshake.
    pub fn finish_challenge(&mut self, id: u64, outcome: &Handshake, now: Timestamp) -> Answer {
        let Some(pending) = self.challenges.remove(&id) else {
            let request = Request::new(Method::Post, "/");
            let route = self.route(&request);
            return Answer::Reply(self.reply(&request, &route, Err(GraphError::new(500, 1, "Unknown error")), now));
        };
        let request = Request::new(Method::Post, pending.path.clone());
        let route = self.route(&request);
        let outcome = match failure_text(outcome) {
            None => {
                self.apply_challenge(pending);
                Ok(json!({"success": true}))
            }
            Some(why) => {
                // Only the text at app level is known; the others are not documented (facts D18).
                let code = if matches!(pending.target, ChallengeFor::App { .. }) { 2200 } else { 100 };
                Err(numbered(400, code, &format!("Callback verification failed with the following errors: {why}")))
            }
        };
        Answer::Reply(self.reply(&request, &route, outcome, now))
    }

    fn apply_challenge(&mut self, pending: PendingChallenge) {
        let PendingChallenge { target, app_id, node, callback_url, verify_token, path: _ } = pending;
        match target {
            ChallengeFor::App { object, fields, include_values } => {
                if let Some(app) = self.apps.get_mut(&node) {
                    let subscription = AppSubscription { callback_url, verify_token, fields, include_values };
                    app.subscriptions.insert(object, subscription);
                }
            }
            ChallengeFor::Waba => {
                // If the app was unsubscribed meanwhile, there is nothing to override.
                if let Some(over) = self.wabas.get_mut(&node).and_then(|w| w.subscriptions.get_mut(&app_id)) {
                    *over = Some(Override { callback_url, verify_token });
                }
            }
            ChallengeFor::Number => {
                if let Some(number) = self.numbers.get_mut(&node) {
                    number.overrides.insert(app_id, Override { callback_url, verify_token });
                }
            }
        }
    }
}

/// Why a handshake failed, in Meta's words; `None` if it passed.
fn failure_text(outcome: &Handshake) -> Option<String> {
    match outcome {
        Handshake::Echoed => None,
        Handshake::Refused(200) => Some("The response does not match the challenge".to_owned()),
        Handshake::Refused(status) => Some(format!("HTTP Status Code = {status}")),
        Handshake::Unreachable => Some("Couldn't connect to server".to_owned()),
    }
}
