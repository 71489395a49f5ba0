//! Worlds to start from, written in TOML or JSON. Must not do anything that control calls could not do.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::world::{Fleet, FleetSpec, Method, NumberAction, Popup, Request, Settings, SignupResult, WabaAction, World};

/// Scenarios that ship with the emulator, as name and TOML.
const SHIPPED: &[(&str, &str)] = &[
    ("empty", include_str!("../scenarios/empty.toml")),
    ("three-stuck-numbers", include_str!("../scenarios/three-stuck-numbers.toml")),
    ("demo", include_str!("../scenarios/demo.toml")),
    ("fleet", include_str!("../scenarios/fleet.toml")),
];

/// The past of a world: customers who signed up, fleets and settings.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Scenario {
    pub name: String,
    /// One sentence about the scenario, for people.
    pub about: String,
    pub settings: Option<Settings>,
    /// Customers who signed up, in order.
    pub signups: Vec<PastSignup>,
    pub fleets: Vec<FleetSpec>,
    /// Whether a system-user token is issued to the partner.
    pub partner_token: bool,
}

/// One customer who signed up in the past, and what happened since.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PastSignup {
    /// Name of the customer, for people and tests.
    pub label: String,
    /// Time since the signup.
    pub ago: SignedDuration,
    pub popup: Popup,
    /// Whether the code was exchanged for a token.
    pub exchanged: bool,
    /// Whether the app was subscribed to the WABA.
    pub subscribed: bool,
    /// Register calls since the signup, with the exchanged token.
    pub register: Vec<PastRegister>,
    /// Actions applied to the number now.
    pub actions: Vec<NumberAction>,
    /// Actions applied to the WABA now.
    pub waba_actions: Vec<WabaAction>,
}

/// One register call of the past.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PastRegister {
    /// Time between the signup and the call.
    pub after: SignedDuration,
    pub pin: String,
}

/// The ids and tokens that a scenario created.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LoadedScenario {
    pub name: String,
    pub signups: Vec<LoadedSignup>,
    pub fleets: Vec<Fleet>,
    /// System-user token of the partner, if the scenario issues one.
    pub partner_token: Option<String>,
}

/// One customer of a loaded scenario.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LoadedSignup {
    pub label: String,
    pub result: SignupResult,
    /// The token, if the code was exchanged.
    pub token: Option<String>,
}

/// Why a scenario could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ScenarioError {
    #[error("no scenario named {0:?}; there are: {names}", names = names().join(", "))]
    Unknown(String),
    /// The text is neither the TOML nor the JSON of a scenario.
    #[error("not a scenario: {0}")]
    Invalid(String),
}

/// Names of the shipped scenarios.
pub fn names() -> Vec<&'static str> {
    SHIPPED.iter().map(|(name, _)| *name).collect()
}

impl Scenario {
    /// Returns the shipped scenario of this name.
    pub fn named(name: &str) -> Result<Self, ScenarioError> {
        let text = SHIPPED.iter().find(|(n, _)| *n == name).map(|(_, text)| *text);
        Self::parse(text.ok_or_else(|| ScenarioError::Unknown(name.to_owned()))?)
    }

    /// Parses TOML, or JSON if the text starts with a brace.
    pub fn parse(text: &str) -> Result<Self, ScenarioError> {
        if text.trim_start().starts_with('{') {
            serde_json::from_str(text).map_err(|e| ScenarioError::Invalid(e.to_string()))
        } else {
            toml::from_str(text).map_err(|e| ScenarioError::Invalid(e.to_string()))
        }
    }

    /// Applies the scenario to a world.
    pub fn apply(&self, world: &mut World, now: Timestamp) -> LoadedScenario {
        if let Some(settings) = &self.settings {
            world.settings = settings.clone();
        }
        let signups = self.signups.iter().map(|signup| apply_signup(signup, world, now)).collect();
        let fleets = self.fleets.iter().map(|spec| world.build_fleet(spec, now)).collect();
        let partner_token = self.partner_token.then(|| world.issue_partner_token(now));
        LoadedScenario { name: self.name.clone(), signups, fleets, partner_token }
    }
}

fn apply_signup(signup: &PastSignup, world: &mut World, now: Timestamp) -> LoadedSignup {
    let then = now - signup.ago;
    let result = world.sign_up(&signup.popup, then);
    let token = result
        .business_id
        .as_ref()
        .filter(|_| signup.exchanged)
        .map(|business| world.issue_business_token(business, then));
    if let Some(waba) = result.waba_id.as_ref().filter(|_| signup.subscribed) {
        world.subscribe_waba(waba, None);
    }
    if let (Some(token), Some(number)) = (&token, &result.phone_number_id) {
        for call in &signup.register {
            let request = Request::new(Method::Post, format!("/{number}/register"))
                .bearer(token.clone())
                .body("messaging_product", "whatsapp")
                .body("pin", call.pin.clone());
            let _answer = world.call(&request, then + call.after);
        }
    }
    for action in &signup.actions {
        if let Some(number) = &result.phone_number_id {
            let _known = world.act(number, action, now);
        }
    }
    for action in &signup.waba_actions {
        if let Some(waba) = &result.waba_id {
            let _known = world.act_on_waba(waba, action, now);
        }
    }
    LoadedSignup { label: signup.label.clone(), result, token }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shipped_scenario_can_be_applied() {
        let now = "2026-10-20T08:00:00Z".parse().expect("time");
        for name in names() {
            let scenario = Scenario::named(name).expect(name);
            assert_eq!(scenario.name, name);
            let mut world = World::new(1, "7401", "s", "7501");
            let loaded = scenario.apply(&mut world, now);
            assert_eq!(loaded.signups.len(), scenario.signups.len());
        }
    }

    #[test]
    fn the_three_stuck_numbers_are_refused_by_2388001() {
        let now = "2026-10-20T08:00:00Z".parse().expect("time");
        let mut world = World::new(1, "7401", "s", "7501");
        let loaded = Scenario::named("three-stuck-numbers").expect("shipped").apply(&mut world, now);
        assert_eq!(loaded.signups.len(), 3);
        for signup in &loaded.signups {
            let id = signup.result.phone_number_id.as_deref().expect("number");
            let view = world.number(id, now).expect("number");
            assert!(!view.registered, "{}", signup.label);
            let last = view.register_calls.last().expect("was tried");
            assert_eq!((last.code, last.subcode), (100, Some(2_388_001)), "{}", signup.label);
        }
    }

    #[test]
    fn a_scenario_survives_serialization_to_json() {
        let scenario = Scenario::named("demo").expect("shipped");
        let text = serde_json::to_string(&scenario).expect("JSON");
        assert_eq!(Scenario::parse(&text).expect("parses"), scenario);
    }
}
