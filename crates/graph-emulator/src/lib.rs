//! Meta's Graph API for WhatsApp onboarding as a stateful emulator: a library for tests, a program for everybody else.
//!
//! Start reading at [`Emulator`] (a running one), then [`world::World`] (the rules). Behaviour follows the facts file,
//! which comments cite as "facts §x"; the README lists what is not covered. Must not use any other crate of this
//! workspace: as an independent witness it must not share their mistakes.

mod clock;
mod emulator;
mod fault;
mod http;
mod log;
mod runtime;
mod scenario;
mod webhook_client;
pub mod world;

pub use self::clock::ClockMode;
pub use self::emulator::{Config, Emulator, Error};
pub use self::fault::{Fault, FaultError};
pub use self::log::{LogEntry, WebhookEntry, fingerprint};
pub use self::scenario::{
    LoadedScenario, LoadedSignup, PastRegister, PastSignup, Scenario, ScenarioError, names as scenario_names,
};
pub use self::world::{
    Fleet, FleetSpec, NumberAction, NumberView, Popup, PopupEnd, Review, Settings, SignupResult, WabaAction,
    WebhookEffect, WebhookFault, World,
};
