//! Meta's Graph API for WhatsApp onboarding as a stateful world: as a library for tests, as a program for everybody else.
//!
//! Start reading at [`Emulator`] (a running one), then [`world::World`] (the rules). Behaviour follows the facts file
//! the comments cite as "facts §x"; the README says what is not covered. Must not use any of our other crates.

mod clock;
mod emulator;
mod fault;
mod http;
mod log;
mod machine;
mod scenario;
mod sender;
pub mod world;

pub use self::clock::ClockMode;
pub use self::emulator::{Config, Emulator, Error};
pub use self::fault::{Fault, FaultError};
pub use self::log::{LogEntry, WebhookEntry, fingerprint};
pub use self::scenario::{
    Loaded, LoadedSignup, PastRegister, PastSignup, Scenario, ScenarioError, names as scenario_names,
};
pub use self::world::{
    Fleet, FleetSpec, NumberAction, NumberView, Popup, PopupEnd, Review, Settings, SignupResult, WabaAction,
    WebhookEffect, WebhookFault, World,
};
