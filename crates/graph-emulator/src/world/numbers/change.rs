//! `POST /{phone}`: changes the PIN, the callback override and the display name (facts §1.9). Must not register.

use jiff::SignedDuration;
use serde_json::Value;

use super::number::Guesses;
use crate::world::graph::context::{CallResult, Context, success};
use crate::world::graph::error::{GraphError, invalid_parameter, numbered};
use crate::world::state::World;
use crate::world::webhooks::challenge::ChallengeFor;

impl World {
    pub(crate) fn change_number(&mut self, c: &Context<'_>) -> CallResult {
        self.visible_number(c)?;
        let r = c.request;
        if let Some(pin) = r.text("pin") {
            if pin.len() != 6 || !pin.bytes().all(|b| b.is_ascii_digit()) {
                return Err(invalid_parameter("Param pin must be 6 digits."));
            }
            let settable = self.settings.pin_settable_before_register;
            let number = self.visible_number_mut(c)?;
            if !number.registered && !settable {
                return Err(numbered(400, 133_010, "Account not registered"));
            }
            // The old PIN is not needed (facts §1.9).
            number.pin = Some(pin);
            number.guesses = Guesses::default();
        }
        if let Some(name) = r.text("new_display_name") {
            self.request_new_name(c, &name)?;
        }
        if let Some(username) = r.text("username") {
            self.visible_number_mut(c)?.username = Some(username);
        }
        if let Some(visibility) = r.text("search_visibility") {
            self.visible_number_mut(c)?.search_visibility = visibility;
        }
        match r.value("webhook_configuration") {
            Some(configuration) => self.change_number_override(c, &configuration),
            None => Ok(success()),
        }
    }

    /// Sets the callback override; an empty `override_callback_uri` removes it (facts §1.9).
    fn change_number_override(&mut self, c: &Context<'_>, configuration: &Value) -> CallResult {
        let url = configuration["override_callback_uri"].as_str().unwrap_or_default();
        if url.is_empty() {
            let app = c.caller.app_id().to_owned();
            self.visible_number_mut(c)?.overrides.remove(&app);
            return Ok(success());
        }
        let verify_token = configuration["verify_token"].as_str().unwrap_or_default();
        self.start_challenge(c, url, verify_token, ChallengeFor::Number)
    }

    /// Requests a new name of 2 to 75 characters, at most 10 times in 30 days (facts §1.9, §5).
    fn request_new_name(&mut self, c: &Context<'_>, name: &str) -> Result<(), GraphError> {
        let number = self.visible_number_mut(c)?;
        if !(2..=75).contains(&name.chars().count()) {
            return Err(invalid_parameter("Param new_display_name must be between 2 and 75 characters."));
        }
        number.name_changes.retain(|at| c.now.duration_since(*at) < SignedDuration::from_hours(30 * 24));
        if number.name_changes.len() >= 10 {
            return Err(numbered(400, 100, "Display name change limit reached")
                .details("You can change the display name 10 times in 30 days."));
        }
        number.name_changes.push(c.now);
        self.submit_name(&c.route.id, name, None, c.now);
        Ok(())
    }
}
