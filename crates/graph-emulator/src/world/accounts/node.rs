//! The fields of a WABA node (facts §1.4), with its expandable edges. Must not change anything.

use serde_json::{Value, json};

use super::account::{Waba, WabaState};
use crate::world::graph::context::{CallResult, Context, Response};
use crate::world::graph::error::{GraphError, numbered};
use crate::world::graph::fields::{self, Field, check};
use crate::world::graph::paging::{Link, Page, page};
use crate::world::meta_enums::TerminalStatus;
use crate::world::state::World;

const NODE: &str = "WhatsAppBusinessAccount";
const ALL: u16 = u16::MAX;

const FIELDS: &[(&str, u16, u16)] = &[
    ("id", 0, ALL),
    ("name", 0, ALL),
    ("account_review_status", 0, ALL),
    ("auth_international_rate_eligibility", 0, ALL),
    ("business_verification_status", 0, ALL),
    ("country", 0, ALL),
    ("creation_time", 0, ALL),
    ("currency", 0, ALL),
    ("disable_marketing_messages_on_cloud_api", 0, ALL),
    ("health_status", 0, ALL),
    ("is_enabled_for_insights", 0, ALL),
    ("is_shared_with_partners", 0, ALL),
    ("linked_commerce_account", 0, ALL),
    ("marketing_messages_lite_api_status", 0, ALL),
    ("marketing_messages_onboarding_status", 0, ALL),
    ("message_template_namespace", 0, ALL),
    ("on_behalf_of_business_info", 0, ALL),
    ("owner_business", 0, ALL),
    ("owner_business_info", 0, ALL),
    ("ownership_type", 0, ALL),
    ("primary_business_location", 0, ALL),
    ("primary_funding_id", 0, ALL),
    ("purchase_order_number", 0, ALL),
    ("status", 0, ALL),
    ("template_auto_archival_enabled", 0, ALL),
    ("timezone_id", 0, ALL),
    ("phone_numbers", 0, ALL),
    ("subscribed_apps", 0, ALL),
    ("message_templates", 0, ALL),
    ("assigned_users", 0, ALL),
    ("audiences", 0, ALL),
    ("schedules", 0, ALL),
    ("activities", 0, ALL),
    ("solutions", 0, ALL),
    ("flows", 0, ALL),
];

const DEFAULT: &[&str] = &["name", "timezone_id", "message_template_namespace", "currency"];

/// Names of every field that a WABA node has in the newest version, except the one that only Solution Partners may read.
pub fn names() -> Vec<&'static str> {
    let mut names: Vec<&str> = FIELDS.iter().map(|(name, _, _)| *name).filter(|n| *n != "primary_funding_id").collect();
    names.push("whatsapp_business_manager_messaging_limit");
    names
}

impl World {
    pub(crate) fn read_waba(&self, c: &Context<'_>) -> CallResult {
        let waba = self.visible_waba(c)?;
        let requested = fields::parse(&c.request.text("fields").unwrap_or_default())?;
        Ok(Response::Body(self.waba_node(c, waba, &requested)?))
    }

    /// A WABA as Graph returns it, alone or in a list.
    pub(crate) fn waba_node(&self, c: &Context<'_>, waba: &Waba, requested: &[Field]) -> Result<Value, GraphError> {
        let default: Vec<Field>;
        let requested = if requested.is_empty() {
            default = DEFAULT.iter().map(|name| Field::plain(name)).collect();
            &default
        } else {
            requested
        };
        let node = fields::project(requested, &waba.id, |field| {
            if field.name == "whatsapp_business_manager_messaging_limit" {
                let since = self.settings.portfolio_limit_since;
                check(
                    &field.name,
                    c.route.version,
                    &[("whatsapp_business_manager_messaging_limit", since, ALL)],
                    NODE,
                )?;
                return Ok(self.businesses.get(&waba.business_id).map(|b| json!(b.limit)));
            }
            check(&field.name, c.route.version, FIELDS, NODE)?;
            match field.name.as_str() {
                // For a Tech Provider the whole read fails with code 10 (facts §1.4).
                "primary_funding_id" => Err(numbered(
                    400,
                    10,
                    "This action requires that the Business that owns this App is a Business Solution Provider for WhatsApp",
                )),
                "phone_numbers" => self.numbers_page(c, waba, field).map(Some),
                "subscribed_apps" => Ok(Some(self.subscribed_apps(waba))),
                "message_templates" => Ok(Some(json!({"data": waba.templates}))),
                "assigned_users" | "audiences" | "schedules" | "activities" | "solutions" | "flows" => {
                    Ok(Some(json!({"data": []})))
                }
                name => Ok(self.waba_field(c, waba, name)),
            }
        })?;
        Ok(Value::Object(node))
    }

    fn waba_field(&self, c: &Context<'_>, w: &Waba, name: &str) -> Option<Value> {
        let business = self.businesses.get(&w.business_id);
        let owner = || business.map(|b| json!({"id": b.id, "name": b.name}));
        let value = match name {
            "name" => json!(w.name),
            "account_review_status" => json!(w.review),
            "business_verification_status" => json!(business?.verification),
            "country" | "primary_business_location" => json!(w.country),
            "creation_time" => json!(w.created_at.as_second()),
            "currency" => json!(w.currency),
            "disable_marketing_messages_on_cloud_api" => {
                json!(w.disable_marketing_messages_on_cloud_api)
            }
            "health_status" => self.waba_health(c, w),
            "is_enabled_for_insights" => json!(w.is_enabled_for_insights),
            "is_shared_with_partners" => {
                json!(self.installs.iter().any(|i| i.wabas.contains(&w.id)))
            }
            "marketing_messages_lite_api_status" => json!("ELIGIBLE"),
            "marketing_messages_onboarding_status" => json!(marketing_status(w)),
            "message_template_namespace" => json!(w.namespace),
            "owner_business" | "owner_business_info" => return owner(),
            "ownership_type" => json!("CLIENT_OWNED"),
            "status" => json!(w.state.into_str()),
            "template_auto_archival_enabled" => json!(w.template_auto_archival_enabled),
            "timezone_id" => json!(w.timezone_id),
            _ => return None,
        };
        Some(value)
    }

    /// The edge `phone_numbers`, expanded in a read or called itself; `field` has no arguments in the second case.
    pub(crate) fn numbers_page(&self, c: &Context<'_>, waba: &Waba, field: &Field) -> Result<Value, GraphError> {
        let expanded = field.name == "phone_numbers";
        let arg = |name: &str| if expanded { field.arg(name) } else { c.request.text(name) };
        let requested =
            if expanded { field.sub.clone() } else { fields::parse(&c.request.text("fields").unwrap_or_default())? };
        let ids = self.sorted_numbers(&waba.id, arg("sort").as_deref(), arg("filtering").as_deref());
        let fields = expanded.then(|| field.sub.iter().map(|f| f.name.as_str()).collect::<Vec<_>>().join(","));
        let link =
            Link { request: c.request, version: c.route.version, path: format!("/{}/phone_numbers", waba.id), fields };
        page(&ids, &Page::read(arg)?, &link, |id| match self.numbers.get(id) {
            Some(number) => self.number_node(c, number, &requested),
            None => Ok(Value::Null),
        })
    }

    /// Ids of the account's numbers; the latest onboarding comes first by default (facts §1.5).
    fn sorted_numbers(&self, waba_id: &str, sort: Option<&str>, filtering: Option<&str>) -> Vec<String> {
        let sort = sort.unwrap_or("last_onboarded_time.desc");
        let mode = filtering.and_then(account_mode_filter);
        let mut found: Vec<_> = self
            .numbers
            .values()
            .filter(|n| n.waba_id == waba_id && n.terminal_status != Some(TerminalStatus::Deleted))
            .filter(|n| mode.as_deref().is_none_or(|m| m == n.account_mode.into_str()))
            .map(|n| (if sort.contains("creation_time") { n.created_at } else { n.onboarded_at }, n.id.clone()))
            .collect();
        found.sort();
        if !sort.contains("asc") {
            found.reverse();
        }
        found.into_iter().map(|(_, id)| id).collect()
    }
}

/// Parses `filtering=[{"field":"account_mode","operator":"EQUAL","value":"LIVE"}]` (facts §1.5).
fn account_mode_filter(text: &str) -> Option<String> {
    let rules: Value = serde_json::from_str(text).ok()?;
    let rule = rules.as_array()?.iter().find(|r| r["field"] == "account_mode")?;
    Some(rule["value"].as_str()?.to_owned())
}

/// The value of `marketing_messages_onboarding_status`, the second hint of a missing payment method (facts §6.3).
const fn marketing_status(w: &Waba) -> &'static str {
    match (w.state, w.payment_missing) {
        (WabaState::Restricted | WabaState::Disabled, _) => "INELIGIBLE_INACTIVE_OR_RESTRICTED",
        (WabaState::Active, true) => "PENDING_VALID_PAYMENT_METHOD",
        (WabaState::Active, false) => "ELIGIBLE",
    }
}
