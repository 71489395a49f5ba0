//! Meta as a deterministic state machine: `call` answers a request, `take_due_webhooks` applies due events and returns
//! the webhooks to send. It uses no sockets and no clock, and its only randomness is the seed: the same calls at the
//! same instants give the same world.
//!
//! The modules form layers. Data types import nothing but each other; `state` holds them in a [`World`]; every other
//! module adds methods to `World` and imports `state`; `dispatch` stands above all and picks the method for a route.

mod accounts;
mod dispatch;
mod due_events;
mod fleet;
mod graph;
mod id_generator;
mod meta_enums;
mod numbers;
mod oauth;
mod schedule;
mod settings;
mod signup;
mod state;
mod view;
mod webhooks;

pub use self::accounts::action::WabaAction;
pub use self::accounts::node::names as waba_field_names;
pub use self::fleet::{Fleet, FleetSpec};
pub use self::graph::error::GraphError;
pub use self::graph::request::{Answer, Challenge, Handshake, Method, Reply, Request};
pub use self::graph::routes::{COMMON_PARAMS, RouteRow, routes};
pub use self::meta_enums::{
    AccountMode, BusinessVerification, CertificateShown, CodeStatus, DroppedStatus, NameDecision, NameStatus,
    NumberRestriction, Obstacle, Quality, ReviewStatus, TerminalStatus, Throughput, Tier,
};
pub use self::numbers::action::{ActionError, NumberAction};
pub use self::numbers::node::names as number_field_names;
pub use self::numbers::number::{Override, RegisterCall, RegisterKind};
pub use self::oauth::token::{TokenDeath, TokenScopes};
pub use self::settings::Settings;
pub use self::signup::{Popup, PopupEnd, Review, SignupResult};
pub use self::state::World;
pub use self::view::{AppView, NumberView, TokenView, WabaView, WorldView};
pub use self::webhooks::outbox::{OutgoingWebhook, WebhookEffect, WebhookFault};

pub(crate) use self::graph::error::NAME_NOT_PROCESSED;
