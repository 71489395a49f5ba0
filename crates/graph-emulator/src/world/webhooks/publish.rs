//! From an event in the world to queued webhooks: which apps get it, at which callback, with which entry. Must not send.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

use super::outbox::{QueuedUpdate, WebhookEffect, WebhookFault};
use crate::world::state::World;

/// Fields that follow the callback override of a number or WABA; all others go to the app's own URL (facts §1.11).
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
    "standby",
];

/// Fields whose entry carries no `time` (facts §3.2).
const TIMELESS: &[&str] = &["messages", "history", "smb_message_echoes", "smb_app_state_sync", "user_preferences"];

/// Order of a reordered update until another one overtakes it.
const HELD_BACK: u64 = u64::MAX;

/// One webhook update, before it is known which apps get it.
pub(crate) struct WebhookUpdate<'a> {
    pub field: &'a str,
    pub waba_id: &'a str,
    pub number_id: Option<&'a str>,
    pub value: Value,
}

impl World {
    /// Adds a fault that coming webhooks meet.
    pub fn add_webhook_fault(&mut self, fault: WebhookFault) {
        self.outbox.faults.push(fault);
    }

    /// Queues an update for every app that is subscribed to the WABA.
    pub(crate) fn emit(&mut self, update: &WebhookUpdate<'_>, now: Timestamp) {
        let Some(waba) = self.wabas.get(update.waba_id) else { return };
        let apps: Vec<String> = waba.subscriptions.keys().cloned().collect();
        if apps.is_empty() {
            self.count_without_subscriber(update.field);
        }
        for app in apps {
            self.queue(&app, update, update.waba_id, now);
        }
    }

    /// Queues an update for one app as its partner portfolio: the entry id is the partner's (facts §3.2).
    pub(crate) fn emit_to_partner(&mut self, app_id: &str, update: &WebhookUpdate<'_>, now: Timestamp) {
        let partner = self.apps.get(app_id).map(|app| app.partner_business_id.clone()).unwrap_or_default();
        self.queue(app_id, update, &partner, now);
    }

    fn queue(&mut self, app_id: &str, update: &WebhookUpdate<'_>, entry_id: &str, now: Timestamp) {
        let Some(callback_url) = self.callback(app_id, update) else {
            return self.count_without_subscriber(update.field);
        };
        let mut entry = Map::new();
        entry.insert("id".into(), json!(entry_id));
        if !TIMELESS.contains(&update.field) {
            entry.insert("time".into(), json!(now.as_second()));
        }
        entry.insert("changes".into(), json!([{"field": update.field, "value": update.value}]));
        let id = self.outbox.next_id();
        let queued = QueuedUpdate {
            app_id: app_id.to_owned(),
            callback_url,
            field: update.field.to_owned(),
            entry: Value::Object(entry),
            due: now,
            order: id,
            queued_at: now,
            attempts: 0,
            in_flight: false,
        };
        let effect = self.take_webhook_fault(update);
        self.enqueue(id, queued, effect, now);
    }

    fn count_without_subscriber(&mut self, field: &str) {
        *self.outbox.without_subscriber.entry(field.to_owned()).or_default() += 1;
    }

    /// The callback of a field for one app: of the number, else of the WABA, else of the app. The list of fields is the
    /// app's in every case (facts §1.11).
    fn callback(&self, app_id: &str, update: &WebhookUpdate<'_>) -> Option<String> {
        let app = self.apps.get(app_id)?.subscriptions.get("whatsapp_business_account")?;
        if !app.fields.iter().any(|f| f == update.field) {
            return None;
        }
        let of_number = || self.numbers.get(update.number_id?)?.overrides.get(app_id);
        let of_waba = || self.wabas.get(update.waba_id)?.subscriptions.get(app_id)?.as_ref();
        let over = if OVERRIDABLE.contains(&update.field) { of_number().or_else(of_waba) } else { None };
        Some(over.map_or_else(|| app.callback_url.clone(), |o| o.callback_url.clone()))
    }

    fn take_webhook_fault(&mut self, update: &WebhookUpdate<'_>) -> Option<WebhookEffect> {
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

    fn enqueue(&mut self, id: u64, mut update: QueuedUpdate, effect: Option<WebhookEffect>, now: Timestamp) {
        match effect {
            Some(WebhookEffect::Lose) => return,
            Some(WebhookEffect::Duplicate) => {
                let again = self.outbox.next_id();
                self.outbox.queued.insert(again, QueuedUpdate { order: again, ..update.clone() });
            }
            Some(WebhookEffect::Reorder) => {
                update.due = now + SignedDuration::from_secs(60);
                update.order = HELD_BACK;
            }
            Some(WebhookEffect::Delay { seconds }) => {
                update.due = now + SignedDuration::from_secs(seconds);
            }
            None => {}
        }
        let overtakes = effect.is_none();
        let due = update.due;
        self.outbox.queued.insert(id, update);
        if overtakes {
            // An update that is held back goes right after the one that overtook it.
            for held in self.outbox.queued.values_mut().filter(|d| d.order == HELD_BACK) {
                held.order = id;
                held.due = due;
            }
            if let Some(overtaker) = self.outbox.queued.get_mut(&id) {
                overtaker.order = id.saturating_sub(1);
            }
        }
    }
}
