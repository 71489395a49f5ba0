//! Guards every route shares (which number, which WABA) and the plain WABA writes. Must not hold reading rules.

use serde_json::json;

use super::error::{GraphError, missing, no_such_object, numbered};
use super::fields::Field;
use super::number::Number;
use super::waba::Waba;
use super::words::{CodeStatus, NameStatus};
use super::{Context, Done, Outcome, World, success};

impl World {
    /// The WABA of the call, if the caller may touch it.
    pub(crate) fn waba_of(&self, c: &Context<'_>) -> Result<&Waba, GraphError> {
        let id = &c.route.id;
        let foreign = || no_such_object(c.request.method.as_str(), id);
        self.wabas.get(id).filter(|_| self.sees_waba(&c.caller, id)).ok_or_else(foreign)
    }

    /// The number of the call, if the caller may touch it.
    pub(crate) fn number_of(&self, c: &Context<'_>) -> Result<&Number, GraphError> {
        let id = &c.route.id;
        let foreign = || no_such_object(c.request.method.as_str(), id);
        self.numbers.get(id).filter(|n| !n.is_gone() && self.sees_waba(&c.caller, &n.waba_id)).ok_or_else(foreign)
    }

    /// The same, to change.
    pub(crate) fn number_mut(&mut self, c: &Context<'_>) -> Result<&mut Number, GraphError> {
        self.number_of(c)?;
        self.numbers.get_mut(&c.route.id).ok_or_else(|| no_such_object(c.request.method.as_str(), &c.route.id))
    }

    pub(crate) fn change_waba(&mut self, c: &Context<'_>) -> Outcome {
        self.waba_of(c)?;
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

    pub(crate) fn list_numbers(&self, c: &Context<'_>) -> Outcome {
        let waba = self.waba_of(c)?;
        Ok(Done::Body(self.numbers_page(c, waba, &Field::plain(""))?))
    }

    /// Facts §1.5: adds an unverified number.
    pub(crate) fn add_number(&mut self, c: &Context<'_>) -> Outcome {
        self.waba_of(c)?;
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
        Ok(Done::Body(json!({ "id": id })))
    }
}
