//! The state of the world and how an empty one is made. Must not answer calls; methods on [`World`] live beside the
//! concept they belong to.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::accounts::account::{App, Business, Waba};
use super::graph::routes::{Kind, Route};
use super::graph::usage::CallUsage;
use super::id_generator::IdGenerator;
use super::meta_enums::BusinessVerification;
use super::numbers::number::Number;
use super::oauth::token::{Code, Install, Token};
use super::schedule::Schedule;
use super::settings::Settings;
use super::webhooks::challenge::PendingChallenge;
use super::webhooks::outbox::Outbox;

/// Everything Meta knows: apps, portfolios, accounts, numbers, tokens and queued webhooks.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct World {
    /// Switches for behaviour the facts leave open.
    pub settings: Settings,
    pub(super) ids: IdGenerator,
    default_app: String,
    pub(super) apps: BTreeMap<String, App>,
    pub(super) businesses: BTreeMap<String, Business>,
    pub(super) wabas: BTreeMap<String, Waba>,
    pub(super) numbers: BTreeMap<String, Number>,
    pub(super) installs: Vec<Install>,
    pub(super) tokens: BTreeMap<String, Token>,
    pub(super) codes: BTreeMap<String, Code>,
    pub(super) usage: CallUsage,
    pub(super) schedule: Schedule,
    pub(super) outbox: Outbox,
    pub(super) challenges: BTreeMap<u64, PendingChallenge>,
    pub(super) uncovered: BTreeMap<String, u64>,
}

impl World {
    /// Creates a world with one app, owned by one partner portfolio, and nothing else.
    pub fn new(seed: u64, app_id: &str, app_secret: &str, partner_business_id: &str) -> Self {
        let mut world = Self {
            settings: Settings::default(),
            ids: IdGenerator::new(seed),
            default_app: app_id.to_owned(),
            apps: BTreeMap::new(),
            businesses: BTreeMap::new(),
            wabas: BTreeMap::new(),
            numbers: BTreeMap::new(),
            installs: Vec::new(),
            tokens: BTreeMap::new(),
            codes: BTreeMap::new(),
            usage: CallUsage::default(),
            schedule: Schedule::default(),
            outbox: Outbox::default(),
            challenges: BTreeMap::new(),
            uncovered: BTreeMap::new(),
        };
        world.add_app(app_id, app_secret, "Onboarder", partner_business_id);
        world
    }

    /// Adds an app and, if it is new, the partner portfolio that owns it.
    pub fn add_app(&mut self, id: &str, secret: &str, name: &str, partner_business_id: &str) {
        self.businesses
            .entry(partner_business_id.to_owned())
            .or_insert_with(|| Business::new(partner_business_id, "Partner", BusinessVerification::Verified));
        self.apps.insert(id.to_owned(), App::new(id, secret, name, partner_business_id));
    }

    /// The first app: signups go through it unless they name another.
    pub fn default_app(&self) -> &str {
        &self.default_app
    }

    /// Routes that were called although the emulator does not cover them, with the number of calls of each.
    pub fn uncovered(&self) -> &BTreeMap<String, u64> {
        &self.uncovered
    }

    /// The kind of node that an id names.
    pub(super) fn kind_of(&self, id: &str) -> Kind {
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

    /// The WABA and the number that a call concerns, for faults, limits and the log.
    pub(crate) fn subject(&self, route: &Route) -> (Option<String>, Option<String>) {
        match self.kind_of(&route.id) {
            Kind::Phone => (self.numbers.get(&route.id).map(|n| n.waba_id.clone()), Some(route.id.clone())),
            Kind::Waba => (Some(route.id.clone()), None),
            Kind::App | Kind::Business | Kind::Unknown => (None, None),
        }
    }
}
