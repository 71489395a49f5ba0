//! Sending in three steps: hand out the webhooks that are due, let the HTTP client post them, record the answers. Must not
//! decide who gets a webhook.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::outbox::OutgoingWebhook;
use super::signature::sign;
use crate::world::settings::Settings;
use crate::world::state::World;

impl World {
    /// Applies every event that is due and returns the webhooks to post now, in order.
    pub fn take_due_webhooks(&mut self, now: Timestamp) -> Vec<OutgoingWebhook> {
        self.run_due_events(now);
        let mut groups: Vec<Vec<u64>> = Vec::new();
        for id in self.outbox.due(now) {
            let joins_last = groups.last().is_some_and(|group| self.can_batch(group, id));
            match groups.last_mut().filter(|_| joins_last) {
                Some(group) => group.push(id),
                None => groups.push(vec![id]),
            }
        }
        groups.into_iter().filter_map(|ids| self.outgoing(ids)).collect()
    }

    /// Whether an update may share one POST with a group: the same callback, at most 1,000 updates (facts §3.1).
    fn can_batch(&self, group: &[u64], id: u64) -> bool {
        let Some((first, new)) = group.first().and_then(|f| self.outbox.queued.get(f)).zip(self.outbox.queued.get(&id))
        else {
            return false;
        };
        self.settings.batch_webhooks
            && group.len() < 1000
            && first.callback_url == new.callback_url
            && first.app_id == new.app_id
            && first.attempts == new.attempts
    }

    fn outgoing(&mut self, ids: Vec<u64>) -> Option<OutgoingWebhook> {
        let mut entries = Vec::new();
        let mut fields = Vec::new();
        for id in &ids {
            let update = self.outbox.queued.get_mut(id)?;
            update.in_flight = true;
            update.attempts += 1;
            entries.push(update.entry.clone());
            fields.push(update.field.clone());
        }
        let first = self.outbox.queued.get(ids.first()?)?;
        let body = escaped(&json!({"object": "whatsapp_business_account", "entry": entries}));
        let secret = self.apps.get(&first.app_id).map(|app| app.secret.clone()).unwrap_or_default();
        Some(OutgoingWebhook {
            app_id: first.app_id.clone(),
            callback_url: first.callback_url.clone(),
            attempt: first.attempts,
            signature: format!("sha256={}", sign(&secret, body.as_bytes())),
            ids,
            fields,
            body,
        })
    }

    /// Records the answer of a callback: 200 removes the updates, anything else schedules a retry (facts §3.1).
    pub fn record_delivery(&mut self, ids: &[u64], status: Option<u16>, now: Timestamp) {
        for id in ids {
            let Some(update) = self.outbox.queued.get_mut(id) else { continue };
            update.in_flight = false;
            let next = now + retry_delay(update.attempts, &self.settings);
            let is_exhausted =
                next.duration_since(update.queued_at) > SignedDuration::from_hours(self.settings.webhook_retry_hours);
            if status == Some(200) || is_exhausted {
                self.outbox.queued.remove(id);
            } else {
                update.due = next;
            }
        }
    }
}

/// The delay before the next attempt: three times the last one, at most six hours (facts D1).
fn retry_delay(attempts: u32, settings: &Settings) -> SignedDuration {
    let factor = 3_i64.saturating_pow(attempts.saturating_sub(1).min(12));
    let seconds = settings.webhook_retry_seconds.saturating_mul(factor).clamp(1, 6 * 3600);
    SignedDuration::from_secs(seconds)
}

/// JSON with Meta's escaping: non-ASCII as `\uXXXX` in lower hex, `/` as `\/` (facts §3.1).
fn escaped(value: &Value) -> String {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_delays_grow_and_stay_within_six_hours() {
        let settings = Settings::default();
        let waits: Vec<i64> = (1..12).map(|n| retry_delay(n, &settings).as_secs()).collect();
        assert_eq!(&waits[..4], [10, 30, 90, 270]);
        assert!(waits.is_sorted() && *waits.last().expect("some") == 6 * 3600);
    }

    #[test]
    fn bodies_are_escaped_like_meta_does_it() {
        let body = escaped(&json!({"a": "äöå €/😀\n"}));
        assert_eq!(body, r#"{"a":"\u00e4\u00f6\u00e5 \u20ac\/\ud83d\ude00\n"}"#);
        assert_eq!(serde_json::from_str::<Value>(&body).expect("JSON"), json!({"a": "äöå €/😀\n"}));
    }
}
