//! The fields of a phone number node (facts §1.6), by version. Must not change anything.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::number::{Number, Override, graph_time};
use crate::world::graph::context::{CallResult, Context, Response};
use crate::world::graph::error::GraphError;
use crate::world::graph::fields::{self, Field, check};
use crate::world::meta_enums::NameStatus;
use crate::world::state::World;

const NODE: &str = "WhatsAppBusinessPhoneNumber";
const ALL: u16 = u16::MAX;

/// Known fields, each with the first and last version that knows it. `whatsapp_business_manager_messaging_limit` is
/// missing: a setting holds its first version.
const FIELDS: &[(&str, u16, u16)] = &[
    ("id", 0, ALL),
    ("account_mode", 0, ALL),
    ("certificate", 0, ALL),
    ("code_verification_status", 0, ALL),
    ("conversational_automation", 0, ALL),
    ("country_code", 0, ALL),
    ("country_dial_code", 0, ALL),
    ("display_phone_number", 0, ALL),
    ("eligibility_for_api_business_global_search", 0, ALL),
    ("health_status", 0, ALL),
    ("host_platform", 0, ALL),
    ("is_official_business_account", 0, ALL),
    ("is_on_biz_app", 0, ALL),
    ("is_pin_enabled", 0, ALL),
    ("is_preverified_number", 0, ALL),
    ("last_onboarded_time", 0, ALL),
    ("messaging_limit_tier", 0, ALL),
    ("name_status", 0, ALL),
    ("new_certificate", 0, ALL),
    ("new_display_name", 0, ALL),
    ("new_name_status", 0, ALL),
    ("official_business_account", 0, ALL),
    ("platform_type", 0, ALL),
    ("quality_rating", 0, ALL),
    ("quality_score", 0, ALL),
    ("search_visibility", 0, ALL),
    ("status", 0, ALL),
    ("throughput", 0, ALL),
    ("unified_cert_status", 0, ALL),
    ("username", 0, ALL),
    ("verified_name", 0, ALL),
    ("webhook_configuration", 0, ALL),
];

/// The fields of a read without `fields` (facts §1.5).
const DEFAULT: &[&str] = &[
    "verified_name",
    "code_verification_status",
    "display_phone_number",
    "quality_rating",
    "platform_type",
    "throughput",
    "last_onboarded_time",
    "webhook_configuration",
];

/// Names of every field that a number node has in the newest version.
pub fn names() -> Vec<&'static str> {
    let mut names: Vec<&str> = FIELDS.iter().map(|(name, _, _)| *name).collect();
    names.push("whatsapp_business_manager_messaging_limit");
    names
}

impl World {
    pub(crate) fn read_number(&self, c: &Context<'_>) -> CallResult {
        let number = self.visible_number(c)?;
        let requested = fields::parse(&c.request.text("fields").unwrap_or_default())?;
        Ok(Response::Body(self.number_node(c, number, &requested)?))
    }

    /// A number as Graph returns it, alone or in a list.
    pub(crate) fn number_node(
        &self,
        c: &Context<'_>,
        number: &Number,
        requested: &[Field],
    ) -> Result<Value, GraphError> {
        let default: Vec<Field>;
        let requested = if requested.is_empty() {
            default = DEFAULT.iter().map(|name| Field::plain(name)).collect();
            &default
        } else {
            requested
        };
        let node = fields::project(requested, &number.id, |field| {
            if field.name == "whatsapp_business_manager_messaging_limit" {
                let since = self.settings.portfolio_limit_since;
                check(
                    &field.name,
                    c.route.version,
                    &[("whatsapp_business_manager_messaging_limit", since, ALL)],
                    NODE,
                )?;
                return Ok(self.portfolio_limit(&number.waba_id));
            }
            check(&field.name, c.route.version, FIELDS, NODE)?;
            Ok(match number.field_overrides.get(&field.name) {
                Some(value) => Some(value.clone()).filter(|value| !value.is_null()),
                None => self.number_field(c, number, &field.name),
            })
        })?;
        Ok(Value::Object(node))
    }

    fn number_field(&self, c: &Context<'_>, n: &Number, name: &str) -> Option<Value> {
        let value = match name {
            "account_mode" => json!(n.account_mode),
            "code_verification_status" => json!(n.code_reading(c.now)),
            "conversational_automation" => json!({"enable_welcome_message": false, "id": n.id}),
            "country_code" => json!(if n.digits.starts_with('1') { "US" } else { "DE" }),
            "country_dial_code" => {
                json!(if n.digits.starts_with('1') { "1" } else { n.digits.get(..2).unwrap_or_default() })
            }
            "display_phone_number" => json!(n.display()),
            "eligibility_for_api_business_global_search" => json!("NON_ELIGIBLE_UNDEFINED_COUNTRY"),
            "health_status" => self.number_health(c, n),
            "host_platform" | "platform_type" => json!(n.platform()),
            "is_official_business_account" => json!(false),
            "is_on_biz_app" => json!(n.on_biz_app),
            "is_pin_enabled" => json!(n.pin.is_some()),
            "is_preverified_number" => json!(n.preverified),
            "last_onboarded_time" => json!(graph_time(n.onboarded_at)),
            "messaging_limit_tier" => return self.portfolio_limit(&n.waba_id),
            "name_status" => json!(n.name_status),
            "official_business_account" => json!({"oba_status": "NOT_STARTED"}),
            "quality_rating" => json!(n.quality),
            "quality_score" => json!({"score": n.quality}),
            "search_visibility" => json!(n.search_visibility),
            "status" => json!(n.status()),
            "throughput" => json!({"level": n.throughput_level()}),
            "unified_cert_status" => json!(unified(n.name_status)),
            "username" => json!(n.username.as_ref()?),
            "verified_name" => json!(n.name),
            "webhook_configuration" => self.webhook_configuration(c, n),
            "certificate" | "new_certificate" | "new_display_name" | "new_name_status" => {
                return names_of(n, name, c.now);
            }
            _ => return None,
        };
        Some(value)
    }

    fn portfolio_limit(&self, waba_id: &str) -> Option<Value> {
        let waba = self.wabas.get(waba_id)?;
        Some(json!(self.businesses.get(&waba.business_id)?.limit))
    }

    /// The callbacks of the app, the WABA and the number, each only if it is set (facts §1.6, §1.11).
    fn webhook_configuration(&self, c: &Context<'_>, n: &Number) -> Value {
        let app = c.caller.app_id();
        let mut out = serde_json::Map::new();
        let mut put = |level: &str, url: Option<String>| {
            if let Some(url) = url {
                out.insert(level.to_owned(), json!(url));
            }
        };
        let of_app = self.apps.get(app).and_then(|a| a.subscriptions.get("whatsapp_business_account"));
        let of_waba = self.wabas.get(&n.waba_id).and_then(|w| w.subscriptions.get(app)?.clone());
        put("application", of_app.map(|s| s.callback_url.clone()));
        put("whatsapp_business_account", of_waba.map(|o: Override| o.callback_url));
        put("phone_number", n.overrides.get(app).map(|o| o.callback_url.clone()));
        Value::Object(out)
    }
}

/// The certificate and the requested name, each left out until it exists.
fn names_of(n: &Number, field: &str, now: Timestamp) -> Option<Value> {
    let blob = |of: &str| json!(hex::encode(format!("certificate of {} for {of}", n.id)));
    let new = n.new_name.as_ref();
    match field {
        "certificate" => n.shows_certificate(now).then(|| blob(&n.name)),
        "new_certificate" => new.filter(|new| new.status.is_good()).map(|new| blob(&new.name)),
        "new_display_name" => new.map(|new| json!(new.name)),
        "new_name_status" => Some(json!(new.map_or(NameStatus::None, |new| new.status))),
        _ => None,
    }
}

/// The value of `unified_cert_status` (facts §1.6, L).
const fn unified(status: NameStatus) -> &'static str {
    match status {
        NameStatus::Approved | NameStatus::AvailableWithoutReview => "APPROVED",
        NameStatus::PendingReview | NameStatus::None => "NAME_PENDING_REVIEW",
        NameStatus::Declined | NameStatus::Expired => "NAME_NOT_APPROVED",
    }
}
