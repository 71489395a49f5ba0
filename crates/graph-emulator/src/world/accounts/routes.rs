//! Access checks for the node of a call, and the simple routes of a WABA. Must not hold the fields of a node.

use serde_json::json;

use super::account::Waba;
use crate::world::graph::context::{CallResult, Context, Response, success};
use crate::world::graph::error::{GraphError, missing, no_such_object, numbered};
use crate::world::graph::fields::Field;
use crate::world::meta_enums::{CodeStatus, NameStatus};
use crate::world::numbers::number::Number;
use crate::world::state::World;

impl World {
    /// The WABA of the call, or the error for a node that the caller may not access.
    pub(crate) fn visible_waba(&self, c: &Context<'_>) -> Result<&Waba, GraphError> {
        let id = &c.route.id;
        let foreign = || no_such_object(c.request.method.into_str(), id);
        self.wabas.get(id).filter(|_| self.can_access_waba(&c.caller, id)).ok_or_else(foreign)
    }

    /// The number of the call, or the error for a node that the caller may not access.
    pub(crate) fn visible_number(&self, c: &Context<'_>) -> Result<&Number, GraphError> {
        let id = &c.route.id;
        let foreign = || no_such_object(c.request.method.into_str(), id);
        self.numbers.get(id).filter(|n| !n.is_gone() && self.can_access_waba(&c.caller, &n.waba_id)).ok_or_else(foreign)
    }

    /// The number of the call for a change, with the same check.
    pub(crate) fn visible_number_mut(&mut self, c: &Context<'_>) -> Result<&mut Number, GraphError> {
        self.visible_number(c)?;
        self.numbers.get_mut(&c.route.id).ok_or_else(|| no_such_object(c.request.method.into_str(), &c.route.id))
    }

    pub(crate) fn change_waba(&mut self, c: &Context<'_>) -> CallResult {
        self.visible_waba(c)?;
        let Some(waba) = self.wabas.get_mut(&c.route.id) else {
            return Err(no_such_object("POST", &c.route.id));
        };
        if let Some(name) = c.request.text("name") {
            waba.name = name;
        }
        if let Some(zone) = c.request.text("timezone_id") {
            waba.timezone_id = zone;
        }
        let flag = |name: &str, old: bool| c.request.text(name).map_or(old, |_| c.request.flag(name));
        waba.is_enabled_for_insights = flag("is_enabled_for_insights", waba.is_enabled_for_insights);
        waba.disable_marketing_messages_on_cloud_api =
            flag("disable_marketing_messages_on_cloud_api", waba.disable_marketing_messages_on_cloud_api);
        waba.template_auto_archival_enabled =
            flag("template_auto_archival_enabled", waba.template_auto_archival_enabled);
        Ok(success())
    }

    pub(crate) fn list_numbers(&self, c: &Context<'_>) -> CallResult {
        let waba = self.visible_waba(c)?;
        Ok(Response::Body(self.numbers_page(c, waba, &Field::plain(""))?))
    }

    /// Adds an unverified number to the WABA (facts §1.5).
    pub(crate) fn add_number(&mut self, c: &Context<'_>) -> CallResult {
        self.visible_waba(c)?;
        let cc = c.request.text("cc").ok_or_else(|| missing("cc"))?;
        let rest = c.request.text("phone_number").ok_or_else(|| missing("phone_number"))?;
        let name = c.request.text("verified_name").ok_or_else(|| missing("verified_name"))?;
        let digits: String = format!("{cc}{rest}").chars().filter(char::is_ascii_digit).collect();
        if digits.len() < 8 {
            return Err(numbered(400, 100, "Invalid phone number"));
        }
        if self.numbers.values().any(|n| n.digits == digits && !n.is_gone()) {
            return Err(numbered(400, 100, "Phone number already exists in a WhatsApp Business Account"));
        }
        let id = self.ids.object("72");
        let mut number = Number::new(id.clone(), c.route.id.clone(), digits, name, c.now);
        number.code = CodeStatus::NotVerified;
        number.name_status = NameStatus::AvailableWithoutReview;
        self.numbers.insert(id.clone(), number);
        Ok(Response::Body(json!({ "id": id })))
    }
}
