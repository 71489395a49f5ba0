//! Sending messages as far as onboarding needs it, and coexistence sync (facts §1.13, §1.15). Must not model conversations.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::action::ActionError;
use super::number::Number;
use crate::world::accounts::account::WabaState;
use crate::world::graph::context::{CallResult, Context, Response};
use crate::world::graph::error::{invalid_parameter, missing, numbered};
use crate::world::state::World;
use crate::world::webhooks::publish::WebhookUpdate;

impl World {
    pub(crate) fn send_message(&mut self, c: &Context<'_>) -> CallResult {
        let number = self.visible_number(c)?;
        if c.request.text("messaging_product").as_deref() != Some("whatsapp") {
            return Err(missing("messaging_product"));
        }
        let to = c.request.text("to").ok_or_else(|| missing("to"))?;
        if !number.registered {
            return Err(numbered(400, 133_010, "Account not registered").details("Phone number is not registered."));
        }
        let waba = self.wabas.get(&number.waba_id);
        let locked = number.account_locked || waba.is_some_and(|w| w.state == WabaState::Disabled);
        if locked || number.terminal_status.is_some() {
            return Err(numbered(403, 131_031, "Account has been locked").details("Business Account has been locked"));
        }
        let unpaid = waba.is_some_and(|w| w.payment_missing);
        if unpaid && !self.settings.payment_fails_by_webhook {
            return Err(numbered(400, 131_042, "Business eligibility payment issue").details(
                "Message failed to send because there were one or more errors related to your payment method.",
            ));
        }
        let wa_id: String = to.chars().filter(char::is_ascii_digit).collect();
        let id = self.ids.wamid();
        let statuses: &[&str] = if unpaid { &["failed"] } else { &["sent", "delivered"] };
        for status in statuses {
            self.emit_status(&c.route.id, &id, &wa_id, status, c.now);
        }
        Ok(Response::Body(json!({"messaging_product": "whatsapp", "contacts": [{"input": to, "wa_id": wa_id}],
            "messages": [{"id": id, "message_status": "accepted"}]})))
    }

    /// Queues a status webhook for one message.
    pub fn emit_status(&mut self, number_id: &str, message: &str, recipient: &str, status: &str, now: Timestamp) {
        let mut item = json!({"id": message, "status": status, "timestamp": now.as_second().to_string(),
            "recipient_id": recipient});
        if status == "failed" {
            item["errors"] = json!([{"code": 131_042, "title": "Business eligibility payment issue",
                "message": "Business eligibility payment issue",
                "error_data": {"details": "Message failed to send because there were one or more errors related to your payment method."},
                "href": "https://developers.facebook.com/documentation/business-messaging/whatsapp/support/error-codes"}]);
        } else if status != "read" {
            item["pricing"] =
                json!({"billable": true, "pricing_model": "PMP", "type": "regular", "category": "utility"});
        }
        self.emit_messages(number_id, "messages", &json!({"statuses": [item]}), now);
    }

    /// A customer sends a text to a number; returns the id of the message.
    pub fn receive_text(
        &mut self,
        number_id: &str,
        from: &str,
        text: &str,
        now: Timestamp,
    ) -> Result<String, ActionError> {
        if !self.numbers.contains_key(number_id) {
            return Err(ActionError::NoSuchNumber);
        }
        let id = self.ids.wamid();
        let value = json!({"contacts": [{"profile": {"name": "Ada Example"}, "wa_id": from}],
            "messages": [{"from": from, "id": id, "timestamp": now.as_second().to_string(), "type": "text",
                "text": {"body": text}}]});
        self.emit_messages(number_id, "messages", &value, now);
        Ok(id)
    }

    fn emit_messages(&mut self, number_id: &str, field: &str, extra: &Value, now: Timestamp) {
        let Some(n) = self.numbers.get(number_id) else { return };
        let waba_id = n.waba_id.clone();
        let mut value = json!({"messaging_product": "whatsapp", "metadata": metadata(n)});
        if let (Some(value), Some(extra)) = (value.as_object_mut(), extra.as_object()) {
            value.extend(extra.clone());
        }
        self.emit(&WebhookUpdate { field, waba_id: &waba_id, number_id: Some(number_id), value }, now);
    }

    /// Starts a coexistence sync: each kind once, within 24 h of onboarding (facts §1.15).
    pub(crate) fn sync_phone_app(&mut self, c: &Context<'_>) -> CallResult {
        let number = self.visible_number_mut(c)?;
        let kind = c.request.text("sync_type").ok_or_else(|| missing("sync_type"))?;
        if !["smb_app_state_sync", "history"].contains(&kind.as_str()) {
            return Err(invalid_parameter("Param sync_type must be one of {smb_app_state_sync, history}."));
        }
        if !number.on_biz_app {
            return Err(invalid_parameter("This phone number is not on the WhatsApp Business app."));
        }
        if c.now.duration_since(number.onboarded_at) > SignedDuration::from_hours(24) {
            return Err(numbered(400, 2_593_108, "Synchronization request outside of the allowed time window"));
        }
        if number.syncs.contains(&kind) {
            return Err(numbered(400, 2_593_107, "Synchronization request limit exceeded"));
        }
        number.syncs.push(kind.clone());
        let request_id = self.ids.letters(24);
        let now = c.now;
        let value = if kind == "history" {
            json!({"history": [{"metadata": {"phase": 0, "chunk_order": 1, "progress": 100}, "threads": []}]})
        } else {
            json!({"state_sync": [{"type": "contact", "contact": {"full_name": "Ada Example", "first_name": "Ada",
                "phone_number": "15550199999"}, "action": "add",
                "metadata": {"timestamp": now.as_second().to_string()}}]})
        };
        self.emit_messages(&c.route.id, &kind, &value, now);
        Ok(Response::Body(json!({"messaging_product": "whatsapp", "request_id": request_id})))
    }
}

fn metadata(n: &Number) -> Value {
    json!({"display_phone_number": n.digits, "phone_number_id": n.id})
}
