//! Display-name reviews: how they are scheduled, how they end and which webhook announces it (facts §1.7, §3.3). Must not
//! register.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::action::ActionError;
use super::number::{NewName, ScheduledDecision};
use crate::world::meta_enums::{NameDecision, NameStatus};
use crate::world::schedule::EventKind;
use crate::world::state::World;
use crate::world::webhooks::publish::WebhookUpdate;

impl World {
    /// Schedules the end of a name review; without a duration it lasts until a test decides it.
    pub(crate) fn schedule_review(
        &mut self,
        id: &str,
        lasts: Option<SignedDuration>,
        outcome: NameDecision,
        now: Timestamp,
    ) {
        if let (Some(lasts), Some(number)) = (lasts, self.numbers.get_mut(id)) {
            let at = now + lasts;
            number.review = Some(ScheduledDecision { at, outcome });
            self.schedule.add(at, id, EventKind::NameDecision);
        }
    }

    /// The owner requests another name, which takes effect once it is approved.
    pub(crate) fn submit_name(
        &mut self,
        id: &str,
        name: &str,
        review: Option<(SignedDuration, NameDecision)>,
        now: Timestamp,
    ) {
        let review = review.map(|(lasts, outcome)| ScheduledDecision { at: now + lasts, outcome });
        if let Some(review) = review {
            self.schedule.add(review.at, id, EventKind::NewNameDecision);
        }
        if let Some(number) = self.numbers.get_mut(id) {
            let status = NameStatus::PendingReview;
            number.new_name = Some(NewName { name: name.to_owned(), status, review });
        }
    }

    /// Ends the review of the first display name.
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
        self.emit_name_update(id, &name, decision, reason, now);
    }

    /// Ends the review of a *requested* name, which takes effect with the next register (facts §1.7).
    pub(crate) fn decide_new_name(&mut self, id: &str, decision: NameDecision, reason: Option<&str>, now: Timestamp) {
        let Some(new) = self.numbers.get_mut(id).and_then(|n| n.new_name.as_mut()) else { return };
        new.review = None;
        new.status = match decision {
            NameDecision::Approved => NameStatus::Approved,
            NameDecision::Declined => NameStatus::Declined,
            NameDecision::Deferred => NameStatus::PendingReview,
        };
        let name = new.name.clone();
        self.emit_name_update(id, &name, decision, reason, now);
        self.adopt_new_name(id, decision, now);
    }

    /// An unregistered number adopts an approved new name at once. A registered one adopts it with the next register, and
    /// is provisioned for that even if its first name was declined.
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

    fn emit_name_update(&mut self, id: &str, name: &str, decision: NameDecision, reason: Option<&str>, now: Timestamp) {
        let Some(n) = self.numbers.get(id) else { return };
        // A declined name reads DECLINED, but its webhook says REJECTED (facts §3.3).
        let (word, reason) = match decision {
            NameDecision::Approved => ("APPROVED", Value::Null),
            NameDecision::Deferred => ("DEFERRED", Value::Null),
            NameDecision::Declined => ("REJECTED", json!(reason.unwrap_or("NAME_NOT_CONSISTENT"))),
        };
        let value = json!({"display_phone_number": n.digits, "decision": word, "requested_verified_name": name,
            "rejection_reason": reason});
        let waba_id = n.waba_id.clone();
        let update = WebhookUpdate { field: "phone_number_name_update", waba_id: &waba_id, number_id: Some(id), value };
        self.emit(&update, now);
    }

    /// Decides now: about the requested name if one is in review, else about the first.
    pub(crate) fn decide_pending_name(
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
