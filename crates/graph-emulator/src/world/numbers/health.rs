//! The field `health_status` (facts §6.3). Must not change anything.

use serde_json::{Map, Value, json};

use super::number::Number;
use crate::world::accounts::account::{Waba, WabaState};
use crate::world::graph::context::Context;
use crate::world::meta_enums::BusinessVerification;
use crate::world::state::World;

/// One member of an entity's `errors`.
fn error(code: i64, description: &str, solution: &str) -> Value {
    json!({"error_code": code, "error_description": description, "possible_solution": solution})
}

/// One member of `entities` while it is built.
struct Entity {
    map: Map<String, Value>,
    errors: Vec<Value>,
}

impl Entity {
    fn new(kind: &str, id: &str) -> Self {
        let mut map = Map::new();
        map.insert("entity_type".into(), json!(kind));
        map.insert("id".into(), json!(id));
        map.insert("can_send_message".into(), json!("AVAILABLE"));
        Self { map, errors: Vec::new() }
    }

    /// Raises `can_send_message` to this level, unless it is worse already.
    fn raise_to(&mut self, level: &str) {
        let now = self.map.get("can_send_message").and_then(Value::as_str).unwrap_or_default();
        if severity(level) > severity(now) {
            self.map.insert("can_send_message".into(), json!(level));
        }
    }

    fn add_error(&mut self, level: &str, error: Value) {
        self.raise_to(level);
        self.errors.push(error);
    }

    /// Adds an error of calling. It blocks SIP only, yet makes the root BLOCKED (facts §6.3).
    fn add_sip_error(&mut self, error: Value) {
        self.map.insert("can_receive_call_sip".into(), json!("BLOCKED"));
        self.errors.push(error);
    }

    fn finish(mut self) -> Value {
        if !self.errors.is_empty() {
            self.map.insert("errors".into(), Value::Array(self.errors));
        }
        Value::Object(self.map)
    }
}

fn severity(level: &str) -> u8 {
    match level {
        "BLOCKED" => 2,
        "LIMITED" => 1,
        _ => 0,
    }
}

/// The whole `health_status`: the root has the worst level of all entities, calling included (facts §6.3).
fn health_status(entities: &[Value]) -> Value {
    let levels = entities.iter().flat_map(|e| [&e["can_send_message"], &e["can_receive_call_sip"]]);
    let worst = levels.filter_map(Value::as_str).max_by_key(|level| severity(level)).unwrap_or("AVAILABLE").to_owned();
    json!({"can_send_message": worst, "entities": entities})
}

impl World {
    pub(crate) fn number_health(&self, c: &Context<'_>, n: &Number) -> Value {
        let mut entities = vec![phone_entity(n)];
        if let Some(waba) = self.wabas.get(&n.waba_id) {
            entities.extend(self.account_entities(c, waba, n.sip_errors));
        }
        health_status(&entities)
    }

    pub(crate) fn waba_health(&self, c: &Context<'_>, w: &Waba) -> Value {
        health_status(&self.account_entities(c, w, false))
    }

    fn account_entities(&self, c: &Context<'_>, w: &Waba, sip_errors: bool) -> Vec<Value> {
        let mut waba = Entity::new("WABA", &w.id);
        if w.payment_missing {
            waba.add_error(
                "BLOCKED",
                error(
                    141_006,
                    "There is an error with the payment method. This will block business initiated conversations.",
                    "There was an error with your payment method. Please add a new payment method to the account.",
                ),
            );
        }
        match w.state {
            WabaState::Disabled => waba.add_error(
                "BLOCKED",
                error(
                    141_014,
                    "The WhatsApp Business Account has been disabled.",
                    "Visit Business Support Home to request a review.",
                ),
            ),
            WabaState::Restricted => waba.raise_to("LIMITED"),
            WabaState::Active => {}
        }
        let mut business = Entity::new("BUSINESS", &w.business_id);
        if self.businesses.get(&w.business_id).is_some_and(|b| b.verification != BusinessVerification::Verified) {
            business.add_error(
                "LIMITED",
                error(
                    141_010,
                    "The Business has not passed business verification.",
                    "Visit business settings and start or resolve the business verification request.",
                ),
            );
        }
        let mut app = Entity::new("APP", c.caller.app_id());
        if sip_errors {
            app.add_sip_error(error(138_025, "This app cannot use SIP for WhatsApp Business calling because it has not configured a SIP server for this business phone number", "Configure SIP using {PHONE_NUMBER_ID}/settings API"));
        }
        vec![waba.finish(), business.finish(), app.finish()]
    }
}

fn phone_entity(n: &Number) -> Value {
    let mut phone = Entity::new("PHONE_NUMBER", &n.id);
    if !n.registered {
        phone.add_error(
            "BLOCKED",
            error(
                141_000,
                "The phone number you are trying to send messages from is not linked to your WhatsApp account.",
                "Register and finish the OTP authentication process for your phone number.",
            ),
        );
    } else if n.connects_at.is_some() || n.terminal_status.is_some() || n.account_locked {
        phone.raise_to("BLOCKED");
    } else if !n.name_status.is_good() || n.restriction.is_some() {
        phone.raise_to("LIMITED");
        if !n.name_status.is_good() {
            phone.map.insert("additional_info".into(), json!(["Your display name has not been approved yet. Your message limit will increase after the display name is approved."]));
        }
    }
    if n.sip_errors && n.registered {
        phone.add_sip_error(error(
            138_024,
            "WhatsApp Business calling cannot use SIP because it is not enabled",
            "Configure SIP using {PHONE_NUMBER_ID}/settings API",
        ));
    }
    phone.finish()
}
