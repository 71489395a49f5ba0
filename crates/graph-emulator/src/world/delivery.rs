//! From a world event to webhooks: who hears it, at which callback, in which bytes. Must not send.

use aws_lc_rs::hmac;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::World;
use super::outbox::Delivery;

/// Fields that follow a number's or WABA's override; all others go to the app's own URL (facts §1.11).
const OVERRIDABLE: &[&str] = &[
    "messages",
    "message_echoes",
    "calls",
    "consumer_profile",
    "messaging_handovers",
    "group_lifecycle_update",
    "group_participants_update",
    "group_settings_update",
    "group_status_update",
    "smb_message_echoes",
    "smb_app_state_sync",
    "history",
    "account_settings_update",
];

/// Fields whose entry carries no `time` (facts §3.2).
const TIMELESS: &[&str] = &["messages", "history", "smb_message_echoes", "smb_app_state_sync", "user_preferences"];

/// What to do to coming webhooks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WebhookFault {
    /// Only this field; none means any.
    #[serde(default)]
    pub field: Option<String>,
    /// Only this WABA's.
    #[serde(default)]
    pub waba_id: Option<String>,
    /// How many to touch.
    #[serde(default = "once")]
    pub times: u32,
    /// What happens to them.
    pub effect: WebhookEffect,
}

const fn once() -> u32 {
    1
}

/// Ways a webhook goes astray (facts §3.1: no order guarantee, duplicates possible).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WebhookEffect {
    /// Never sent.
    Lose,
    /// Sent twice.
    Duplicate,
    /// Sent after the next one (or after a minute, if none comes).
    Reorder,
    /// Sent so many seconds later.
    Delay {
        /// Seconds.
        seconds: i64,
    },
}

/// Something the apps should hear.
pub(crate) struct Update<'a> {
    pub field: &'a str,
    pub waba_id: &'a str,
    pub number_id: Option<&'a str>,
    pub value: Value,
}

impl World {
    /// Adds a webhook fault.
    pub fn disturb_webhooks(&mut self, fault: WebhookFault) {
        self.outbox.faults.push(fault);
    }

    /// Tells every app subscribed to the WABA.
    pub(crate) fn emit(&mut self, update: &Update<'_>, now: Timestamp) {
        let Some(waba) = self.wabas.get(update.waba_id) else { return };
        let apps: Vec<String> = waba.subscriptions.keys().cloned().collect();
        if apps.is_empty() {
            self.note_unheard(update.field);
        }
        for app in apps {
            self.queue(&app, update, update.waba_id, now);
        }
    }

    /// Tells one app as its partner portfolio: the entry id is the partner's (facts §3.2).
    pub(crate) fn emit_to_partner(&mut self, app_id: &str, update: &Update<'_>, now: Timestamp) {
        let partner = self.apps.get(app_id).map(|app| app.partner_business_id.clone()).unwrap_or_default();
        self.queue(app_id, update, &partner, now);
    }

    fn queue(&mut self, app_id: &str, update: &Update<'_>, entry_id: &str, now: Timestamp) {
        let Some(callback_url) = self.callback(app_id, update) else {
            return self.note_unheard(update.field);
        };
        let mut entry = Map::new();
        entry.insert("id".into(), json!(entry_id));
        if !TIMELESS.contains(&update.field) {
            entry.insert("time".into(), json!(now.as_second()));
        }
        entry.insert("changes".into(), json!([{"field": update.field, "value": update.value}]));
        let place = self.outbox.next_id();
        let delivery = Delivery {
            app_id: app_id.to_owned(),
            callback_url,
            field: update.field.to_owned(),
            entry: Value::Object(entry),
            due: now,
            place,
            since: now,
            attempts: 0,
            in_flight: false,
        };
        let effect = self.take_webhook_fault(update);
        self.place(place, delivery, effect, now);
    }

    fn note_unheard(&mut self, field: &str) {
        *self.outbox.unheard.entry(field.to_owned()).or_default() += 1;
    }

    /// The URL a field goes to for one app: number, then WABA, then app (facts §1.11). Fields belong to the app.
    fn callback(&self, app_id: &str, update: &Update<'_>) -> Option<String> {
        let app = self.apps.get(app_id)?.subscriptions.get("whatsapp_business_account")?;
        if !app.fields.iter().any(|f| f == update.field) {
            return None;
        }
        let of_number = || self.numbers.get(update.number_id?)?.overrides.get(app_id);
        let of_waba = || self.wabas.get(update.waba_id)?.subscriptions.get(app_id)?.as_ref();
        let over = if OVERRIDABLE.contains(&update.field) { of_number().or_else(of_waba) } else { None };
        Some(over.map_or_else(|| app.callback_url.clone(), |o| o.callback_url.clone()))
    }

    fn take_webhook_fault(&mut self, update: &Update<'_>) -> Option<WebhookEffect> {
        let hit = self.outbox.faults.iter_mut().find(|f| {
            f.times > 0
                && f.field.as_deref().is_none_or(|field| field == update.field)
                && f.waba_id.as_deref().is_none_or(|waba| waba == update.waba_id)
        })?;
        hit.times -= 1;
        let effect = hit.effect;
        self.outbox.faults.retain(|f| f.times > 0);
        Some(effect)
    }

    fn place(&mut self, id: u64, mut delivery: Delivery, effect: Option<WebhookEffect>, now: Timestamp) {
        match effect {
            Some(WebhookEffect::Lose) => return,
            Some(WebhookEffect::Duplicate) => {
                let again = self.outbox.next_id();
                self.outbox.waiting.insert(again, Delivery { place: again, ..delivery.clone() });
            }
            Some(WebhookEffect::Reorder) => {
                delivery.due = now + SignedDuration::from_secs(60);
                delivery.place = u64::MAX;
            }
            Some(WebhookEffect::Delay { seconds }) => {
                delivery.due = now + SignedDuration::from_secs(seconds);
            }
            None => {}
        }
        let overtakes = effect.is_none();
        let due = delivery.due;
        self.outbox.waiting.insert(id, delivery);
        if overtakes {
            // The held one goes right after the one that overtook it.
            for held in self.outbox.waiting.values_mut().filter(|d| d.place == u64::MAX) {
                held.place = id;
                held.due = due;
            }
            if let Some(overtaker) = self.outbox.waiting.get_mut(&id) {
                overtaker.place = id.saturating_sub(1);
            }
        }
    }
}

/// Meta's bytes: non-ASCII as `\uXXXX` in lower hex, `/` as `\/` (facts §3.1).
pub(crate) fn escaped(value: &Value) -> String {
    let plain = value.to_string();
    let mut out = String::with_capacity(plain.len() + 16);
    let mut units = [0_u16; 2];
    for c in plain.chars() {
        match c {
            '/' => out.push_str("\\/"),
            c if c.is_ascii() => out.push(c),
            c => {
                for unit in c.encode_utf16(&mut units) {
                    out.push_str("\\u");
                    out.push_str(&hex::encode(unit.to_be_bytes()));
                }
            }
        }
    }
    out
}

/// Lower-hex HMAC-SHA256, for webhooks and `appsecret_proof`.
pub(crate) fn sign(secret: &str, message: &[u8]) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    hex::encode(hmac::sign(&key, message).as_ref())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_escaped_as_meta_escapes_them() {
        let body = escaped(&json!({"a": "äöå €/😀\n"}));
        assert_eq!(body, r#"{"a":"\u00e4\u00f6\u00e5 \u20ac\/\ud83d\ude00\n"}"#);
        assert_eq!(serde_json::from_str::<Value>(&body).expect("JSON"), json!({"a": "äöå €/😀\n"}));
    }

    #[test]
    fn the_signature_is_the_rfc_4231_one() {
        assert_eq!(
            sign("Jefe", b"what do ya want for nothing?"),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
    }
}
