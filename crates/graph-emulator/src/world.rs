//! Meta as a pure machine: `call` answers a request, `tick` moves what is due and hands out webhooks.
//! No sockets, no clock, no chance but the seed: the same calls at the same instants give the same world.

mod accounts;
mod action;
mod agenda;
mod business;
mod delivery;
mod error;
mod fields;
mod fixture;
mod health;
mod ids;
mod messages;
mod moves;
mod number;
mod number_fields;
mod number_settings;
mod oauth;
mod outbox;
mod paging;
mod popup;
mod registration;
mod request;
mod route;
mod settings;
mod subscription;
mod token;
mod usage;
mod verification;
mod view;
mod waba;
mod waba_action;
mod waba_fields;
mod words;

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

pub use self::action::{ActionError, NumberAction};
pub use self::delivery::{WebhookEffect, WebhookFault};
pub use self::error::GraphError;
pub use self::fixture::{Fleet, FleetSpec};
pub use self::number::{Override, RegisterCall, RegisterKind};
pub use self::number_fields::names as number_field_names;
pub use self::outbox::Outgoing;
pub use self::popup::{Popup, PopupEnd, Review, SignupResult};
pub use self::request::{Answer, Challenge, Handshake, Method, Reply, Request};
pub use self::route::{COMMON_PARAMS, RouteRow, routes};
pub use self::settings::Settings;
pub use self::token::TokenDeath;
pub use self::view::{AppView, NumberView, TokenView, WabaView, WorldView};
pub use self::waba_action::WabaAction;
pub use self::waba_fields::names as waba_field_names;
pub use self::words::{
    AccountMode, BusinessVerification, CertificateShown, CodeStatus, DroppedStatus, Fate, NameDecision, NameStatus,
    NumberRestriction, Obstacle, Quality, ReviewStatus, Throughput, Tier,
};

use self::agenda::Agenda;
use self::ids::Ids;
use self::number::Number;
use self::outbox::Outbox;
use self::route::{Kind, Op, Route};
use self::subscription::PendingChallenge;
use self::token::{Caller, Code, Install, Token};
use self::usage::Usage;
use self::waba::{App, Business, Waba};

pub(crate) use self::delivery::sign;
pub(crate) use self::error::NAME_NOT_PROCESSED;

/// Everything Meta knows.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct World {
    /// Switches for behaviour the facts leave open.
    pub settings: Settings,
    ids: Ids,
    default_app: String,
    apps: BTreeMap<String, App>,
    businesses: BTreeMap<String, Business>,
    wabas: BTreeMap<String, Waba>,
    numbers: BTreeMap<String, Number>,
    installs: Vec<Install>,
    tokens: BTreeMap<String, Token>,
    codes: BTreeMap<String, Code>,
    usage: Usage,
    agenda: Agenda,
    outbox: Outbox,
    challenges: BTreeMap<u64, PendingChallenge>,
    uncovered: BTreeMap<String, u64>,
}

/// What an operation leads to.
pub(crate) enum Done {
    Body(Value),
    Challenge(Challenge),
}

pub(crate) type Outcome = Result<Done, GraphError>;

/// The success body of most writes.
pub(crate) fn success() -> Done {
    Done::Body(json!({"success": true}))
}

/// A call past routing and authentication.
pub(crate) struct Context<'a> {
    pub request: &'a Request,
    pub route: &'a Route,
    pub caller: Caller,
    pub now: Timestamp,
}

impl World {
    /// A world with one app owned by one partner portfolio, and nothing else.
    pub fn new(seed: u64, app_id: &str, app_secret: &str, partner_business_id: &str) -> Self {
        let mut world = Self {
            settings: Settings::default(),
            ids: Ids::new(seed),
            default_app: app_id.to_owned(),
            apps: BTreeMap::new(),
            businesses: BTreeMap::new(),
            wabas: BTreeMap::new(),
            numbers: BTreeMap::new(),
            installs: Vec::new(),
            tokens: BTreeMap::new(),
            codes: BTreeMap::new(),
            usage: Usage::default(),
            agenda: Agenda::default(),
            outbox: Outbox::default(),
            challenges: BTreeMap::new(),
            uncovered: BTreeMap::new(),
        };
        world.add_app(app_id, app_secret, "Onboarder", partner_business_id);
        world
    }

    /// Adds an app and, if new, the partner portfolio that owns it.
    pub fn add_app(&mut self, id: &str, secret: &str, name: &str, partner_business_id: &str) {
        self.businesses
            .entry(partner_business_id.to_owned())
            .or_insert_with(|| Business::new(partner_business_id, "Partner", BusinessVerification::Verified));
        self.apps.insert(id.to_owned(), App::new(id, secret, name, partner_business_id));
    }

    /// The first app: the one signups go through unless they say otherwise.
    pub fn default_app(&self) -> &str {
        &self.default_app
    }

    /// Answers one call. Moves everything that fell due before it first.
    pub fn call(&mut self, request: &Request, now: Timestamp) -> Answer {
        self.catch_up(now);
        let route = self.route(request);
        let outcome = self.dispatch(request, &route, now);
        match outcome {
            Ok(Done::Challenge(challenge)) => {
                self.usage.forget_current();
                Answer::AfterChallenge(challenge)
            }
            Ok(Done::Body(body)) => Answer::Reply(self.reply(request, &route, Ok(body), now)),
            Err(error) => Answer::Reply(self.reply(request, &route, Err(error), now)),
        }
    }

    /// Answers a call with a given refusal, as a fault asks; a register call so refused counts (facts §1.7).
    pub fn refuse(&mut self, request: &Request, error: GraphError, now: Timestamp) -> Reply {
        self.catch_up(now);
        let route = self.route(request);
        if let Some(kind) = registration::kind_of(route.row.map(|r| r.op)) {
            self.note_call(&route.id, kind, request.text("pin"), Some(&error), now);
        }
        self.reply(request, &route, Err(error), now)
    }

    fn dispatch(&mut self, request: &Request, route: &Route, now: Timestamp) -> Outcome {
        let Some(row) = route.row else {
            *self.uncovered.entry(route.template(request.method)).or_default() += 1;
            return Err(error::unknown_path(&route.rest));
        };
        let seen = narrowed(request, row);
        // These authenticate by app secret, or not at all.
        if row.op == Op::OauthToken {
            return self.oauth_token(&seen, now);
        }
        if row.op == Op::OauthRevoke {
            return self.oauth_revoke(&seen, now);
        }
        if row.op == Op::MultiGet {
            return Err(oauth::multi_get_refused(&seen));
        }
        let caller = self.authenticate(&seen, now)?;
        let context = Context { request: &seen, route, caller, now };
        self.count_usage(&context)?;
        self.operate(row.op, &context)
    }

    /// The operations behind authentication; `number`/`waba` guards sit in each of them.
    fn operate(&mut self, op: Op, c: &Context<'_>) -> Outcome {
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
            Op::ReadNothing => Err(error::no_such_object(c.request.method.as_str(), &c.route.id)),
            // The driver takes batches apart; what comes here had no `batch`.
            Op::Batch => Err(error::missing("batch")),
            Op::OauthToken | Op::OauthRevoke | Op::MultiGet => Err(error::unknown_path(&c.route.rest)),
        }
    }

    pub(crate) fn route(&self, request: &Request) -> Route {
        route::find(request, self.settings.versions(), |id| self.kind_of(id))
    }

    fn kind_of(&self, id: &str) -> Kind {
        if self.numbers.contains_key(id) {
            Kind::Phone
        } else if self.wabas.contains_key(id) {
            Kind::Waba
        } else if self.businesses.contains_key(id) {
            Kind::Business
        } else if self.apps.contains_key(id) {
            Kind::App
        } else {
            Kind::Unknown
        }
    }

    /// Which WABA and number a call concerns, for faults, limits and the log.
    pub(crate) fn subject(&self, route: &Route) -> (Option<String>, Option<String>) {
        match self.kind_of(&route.id) {
            Kind::Phone => (self.numbers.get(&route.id).map(|n| n.waba_id.clone()), Some(route.id.clone())),
            Kind::Waba => (Some(route.id.clone()), None),
            Kind::App | Kind::Business | Kind::Unknown => (None, None),
        }
    }

    /// How often each uncovered route was asked for.
    pub fn uncovered(&self) -> &BTreeMap<String, u64> {
        &self.uncovered
    }
}

/// Drops every parameter the route's row does not name: the table of routes is true by construction.
fn narrowed(request: &Request, row: &RouteRow) -> Request {
    let known = |name: &str| row.params.contains(&name) || COMMON_PARAMS.contains(&name);
    let mut seen = request.clone();
    seen.query.retain(|(name, _)| known(name));
    seen.body.retain(|name, _| known(name));
    seen
}
