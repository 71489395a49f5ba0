//! Answers a call: routing, parameters, authentication, call limits, then the method of the route. Must not hold the
//! rules of any single route.

use jiff::Timestamp;

use super::graph::context::{CallResult, Context, Response};
use super::graph::error::{self, GraphError};
use super::graph::request::{Answer, Reply, Request};
use super::graph::routes::{self, COMMON_PARAMS, Op, Route, RouteRow};
use super::numbers::registration;
use super::oauth::endpoints::multi_get_refused;
use super::state::World;

impl World {
    /// Answers one call, after applying every event that was due before it.
    pub fn call(&mut self, request: &Request, now: Timestamp) -> Answer {
        self.run_due_events(now);
        let route = self.route(request);
        let outcome = self.dispatch(request, &route, now);
        match outcome {
            Ok(Response::Challenge(challenge)) => {
                self.usage.forget_current();
                Answer::AfterChallenge(challenge)
            }
            Ok(Response::Body(body)) => Answer::Reply(self.reply(request, &route, Ok(body), now)),
            Err(error) => Answer::Reply(self.reply(request, &route, Err(error), now)),
        }
    }

    /// Answers a call with the error that a fault asks for. A register call refused this way is still recorded
    /// (facts §1.7).
    pub fn refuse(&mut self, request: &Request, error: GraphError, now: Timestamp) -> Reply {
        self.run_due_events(now);
        let route = self.route(request);
        if let Some(kind) = registration::kind_of(route.row.map(|r| r.op)) {
            self.record_call(&route.id, kind, request.text("pin"), Some(&error), now);
        }
        self.reply(request, &route, Err(error), now)
    }

    fn dispatch(&mut self, request: &Request, route: &Route, now: Timestamp) -> CallResult {
        let Some(row) = route.row else {
            *self.uncovered.entry(route.template(request.method)).or_default() += 1;
            return Err(error::unknown_path(&route.rest));
        };
        let request = with_known_params(request, row);
        // These authenticate by app secret, or not at all.
        if row.op == Op::OauthToken {
            return self.oauth_token(&request, now);
        }
        if row.op == Op::OauthRevoke {
            return self.oauth_revoke(&request, now);
        }
        if row.op == Op::MultiGet {
            return Err(multi_get_refused(&request));
        }
        let caller = self.authenticate(&request, now)?;
        let context = Context { request: &request, route, caller, now };
        self.count_usage(&context)?;
        self.operate(row.op, &context)
    }

    /// Runs an operation that needs authentication; each one checks by itself that the caller may access the node.
    fn operate(&mut self, op: Op, c: &Context<'_>) -> CallResult {
        match op {
            Op::DebugToken => self.debug_token(c),
            Op::Me => Self::me(c),
            Op::ReadNumber => self.read_number(c),
            Op::ChangeNumber => self.change_number(c),
            Op::Register => self.register(c),
            Op::Deregister => self.deregister(c),
            Op::RequestCode => self.request_code(c),
            Op::VerifyCode => self.verify_code(c),
            Op::SyncPhoneApp => self.sync_phone_app(c),
            Op::SendMessage => self.send_message(c),
            Op::ReadWaba => self.read_waba(c),
            Op::ChangeWaba => self.change_waba(c),
            Op::ListNumbers => self.list_numbers(c),
            Op::AddNumber => self.add_number(c),
            Op::ListSubscribedApps => self.list_subscribed_apps(c),
            Op::SubscribeApp => self.subscribe_app(c),
            Op::UnsubscribeApp => self.unsubscribe_app(c),
            Op::ReadSubscriptions => self.read_subscriptions(c),
            Op::ChangeSubscription => self.change_subscription(c),
            Op::DropSubscription => self.drop_subscription(c),
            Op::ReadBusiness => self.read_business(c),
            Op::FetchBusinessToken => self.fetch_business_token(c),
            Op::ClientWabas => self.list_wabas(c, false),
            Op::OwnedWabas => self.list_wabas(c, true),
            Op::ReadNothing => Err(error::no_such_object(c.request.method.into_str(), &c.route.id)),
            // The HTTP layer takes batches apart; a call that arrives here had no `batch`.
            Op::Batch => Err(error::missing("batch")),
            Op::OauthToken | Op::OauthRevoke | Op::MultiGet => Err(error::unknown_path(&c.route.rest)),
        }
    }

    pub(crate) fn route(&self, request: &Request) -> Route {
        routes::find(request, self.settings.versions(), |id| self.kind_of(id))
    }
}

/// Drops every parameter that the route's row does not name, so that no route can read one its row leaves out.
fn with_known_params(request: &Request, row: &RouteRow) -> Request {
    let is_known = |name: &str| row.params.contains(&name) || COMMON_PARAMS.contains(&name);
    let mut request = request.clone();
    request.query.retain(|(name, _)| is_known(name));
    request.body.retain(|name, _| is_known(name));
    request
}
