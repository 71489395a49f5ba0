//! `POST /{phone}`: PIN, override, display name (facts §1.9). Must not register.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::action::ActionError;
use super::delivery::Update;
use super::error::{invalid_parameter, numbered};
use super::subscription::ChallengeFor;
use super::words::{NameDecision, NameStatus};
use super::{Context, Outcome, World, success};

impl World {
    pub(crate) fn change_number(&mut self, c: &Context<'_>) -> Outcome {
        self.number_of(c)?;
        let r = c.request;
        if let Some(pin) = r.text("pin") {
            if pin.len() != 6 || !pin.bytes().all(|b| b.is_ascii_digit()) {
                return Err(invalid_parameter("Param pin must be 6 digits."));
            }
            let settable = self.settings.pin_settable_before_register;
            let number = self.number_mut(c)?;
            if !number.registered && !settable {
                return Err(numbered(400, 133_010, "Account not registered"));
            }
            // Without the old one (facts §1.9).
            number.pin = Some(pin);
            number.guesses = super::number::Guesses::default();
        }
        if let Some(name) = r.text("new_display_name") {
            self.ask_new_name(c, &name)?;
        }
        if let Some(username) = r.text("username") {
            self.number_mut(c)?.username = Some(username);
        }
        if let Some(visibility) = r.text("search_visibility") {
            self.number_mut(c)?.search_visibility = visibility;
        }
        match r.value("webhook_configuration") {
            Some(configuration) => self.change_number_override(c, &configuration),
            None => Ok(success()),
        }
    }

    /// An empty `override_callback_uri` removes it (facts §1.9).
    fn change_number_override(&mut self, c: &Context<'_>, configuration: &Value) -> Outcome {
        let url = configuration["override_callback_uri"].as_str().unwrap_or_default();
        if url.is_empty() {
            let app = c.caller.app_id().to_owned();
            self.number_mut(c)?.overrides.remove(&app);
            return Ok(success());
        }
        let verify_token = configuration["verify_token"].as_str().unwrap_or_default();
        self.ask_challenge(c, url, verify_token, ChallengeFor::Number)
    }

    /// 2 to 75 characters, 10 changes in 30 days (facts §1.9, §5).
    fn ask_new_name(&mut self, c: &Context<'_>, name: &str) -> Result<(), super::GraphError> {
        let number = self.number_mut(c)?;
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

    /// The end of a display-name review.
    pub(crate) fn decide_name(&mut self, id: &str, decision: NameDecision, reason: Option<&str>, now: Timestamp) {
        let Some(n) = self.numbers.get_mut(id) else { return };
        n.review = None;
        n.name_status = match decision {
            NameDecision::Approved => NameStatus::Approved,
            NameDecision::Declined => NameStatus::Declined,
            NameDecision::Deferred => NameStatus::PendingReview,
        };
        match decision {
            NameDecision::Approved => {
                let from = now + n.provisioning_lag;
                n.provisioned_at = Some(n.provisioned_at.map_or(from, |at| at.min(from)));
            }
            NameDecision::Declined => n.provisioned_at = None,
            NameDecision::Deferred => {}
        }
        let name = n.name.clone();
        self.announce_name(id, &name, decision, reason, now);
    }

    /// The end of a review of a *changed* name; it takes effect with the next register (facts §1.7).
    pub(crate) fn decide_new_name(&mut self, id: &str, decision: NameDecision, reason: Option<&str>, now: Timestamp) {
        let Some(new) = self.numbers.get_mut(id).and_then(|n| n.new_name.as_mut()) else { return };
        new.review = None;
        new.status = match decision {
            NameDecision::Approved => NameStatus::Approved,
            NameDecision::Declined => NameStatus::Declined,
            NameDecision::Deferred => NameStatus::PendingReview,
        };
        let name = new.name.clone();
        self.announce_name(id, &name, decision, reason, now);
        self.adopt_new_name(id, decision, now);
    }

    /// A number that never got its first name approved lives by the new one at once. A registered one takes
    /// it with the next register, and is provisioned for that even if its first name was declined.
    fn adopt_new_name(&mut self, id: &str, decision: NameDecision, now: Timestamp) {
        let Some(n) = self.numbers.get_mut(id).filter(|_| decision == NameDecision::Approved) else { return };
        let from = now + n.provisioning_lag;
        if n.registered {
            n.provisioned_at = n.provisioned_at.or(Some(from));
        } else if let Some(new) = n.new_name.take() {
            n.name = new.name;
            n.name_status = new.status;
            n.provisioned_at = Some(from);
        }
    }

    fn announce_name(&mut self, id: &str, name: &str, decision: NameDecision, reason: Option<&str>, now: Timestamp) {
        let Some(n) = self.numbers.get(id) else { return };
        // The webhook says REJECTED where the read says DECLINED (facts §3.3).
        let (word, reason) = match decision {
            NameDecision::Approved => ("APPROVED", Value::Null),
            NameDecision::Deferred => ("DEFERRED", Value::Null),
            NameDecision::Declined => ("REJECTED", json!(reason.unwrap_or("NAME_NOT_CONSISTENT"))),
        };
        let value = json!({"display_phone_number": n.digits, "decision": word, "requested_verified_name": name,
            "rejection_reason": reason});
        let waba_id = n.waba_id.clone();
        let update = Update { field: "phone_number_name_update", waba_id: &waba_id, number_id: Some(id), value };
        self.emit(&update, now);
    }

    /// Makes a decision now, on the changed name where one waits, else on the first.
    pub(crate) fn decide_open_name(
        &mut self,
        id: &str,
        decision: NameDecision,
        reason: Option<&str>,
        now: Timestamp,
    ) -> Result<(), ActionError> {
        let number = self.numbers.get(id).ok_or(ActionError::NoSuchNumber)?;
        if number.new_name.as_ref().is_some_and(|new| new.status == NameStatus::PendingReview) {
            self.decide_new_name(id, decision, reason, now);
        } else {
            self.decide_name(id, decision, reason, now);
        }
        Ok(())
    }
}
