//! Webhooks on their way: what is due, in which order, and what is tried again. Must not decide who hears what.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::delivery::{WebhookFault, escaped, sign};
use super::{Settings, World};

/// One update for one callback.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Delivery {
    pub app_id: String,
    pub callback_url: String,
    pub field: String,
    pub entry: Value,
    pub due: Timestamp,
    /// Order among equals; a reordered one gets a later place.
    pub place: u64,
    pub since: Timestamp,
    pub attempts: u32,
    pub in_flight: bool,
}

/// All of them, by id.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Outbox {
    pub waiting: BTreeMap<u64, Delivery>,
    pub faults: Vec<WebhookFault>,
    /// Updates nobody was subscribed to, by field.
    pub unheard: BTreeMap<String, u64>,
    next: u64,
}

/// One POST the driver has to make.
#[derive(Debug, Clone)]
pub struct Outgoing {
    /// What to quote in `World::delivered`.
    pub ids: Vec<u64>,
    /// The app whose secret signed it.
    pub app_id: String,
    /// Callback.
    pub callback_url: String,
    /// Field of each update.
    pub fields: Vec<String>,
    /// The exact bytes, already escaped as Meta does.
    pub body: String,
    /// Value of `X-Hub-Signature-256`.
    pub signature: String,
    /// One for the first try.
    pub attempt: u32,
}

impl Outbox {
    pub(crate) fn next_id(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    pub(crate) fn next_due(&self) -> Option<Timestamp> {
        self.waiting.values().filter(|d| !d.in_flight).map(|d| d.due).min()
    }

    /// Ids of what is due, in sending order.
    fn due(&self, now: Timestamp) -> Vec<u64> {
        let mut due: Vec<(Timestamp, u64, u64)> = self
            .waiting
            .iter()
            .filter(|(_, d)| !d.in_flight && d.due <= now)
            .map(|(id, d)| (d.due, d.place, *id))
            .collect();
        due.sort_unstable();
        due.into_iter().map(|(_, _, id)| id).collect()
    }
}

impl World {
    /// Lets everything due happen and hands out the webhooks to post now, in order.
    pub fn tick(&mut self, now: Timestamp) -> Vec<Outgoing> {
        self.catch_up(now);
        let mut groups: Vec<Vec<u64>> = Vec::new();
        for id in self.outbox.due(now) {
            let joins = groups.last().is_some_and(|group| self.may_join(group, id));
            match groups.last_mut().filter(|_| joins) {
                Some(group) => group.push(id),
                None => groups.push(vec![id]),
            }
        }
        groups.into_iter().filter_map(|ids| self.outgoing(ids)).collect()
    }

    /// Whether an update may share a POST with a group (facts §3.1: one callback, at most 1,000).
    fn may_join(&self, group: &[u64], id: u64) -> bool {
        let Some((first, new)) =
            group.first().and_then(|f| self.outbox.waiting.get(f)).zip(self.outbox.waiting.get(&id))
        else {
            return false;
        };
        self.settings.batch_webhooks
            && group.len() < 1000
            && first.callback_url == new.callback_url
            && first.app_id == new.app_id
            && first.attempts == new.attempts
    }

    fn outgoing(&mut self, ids: Vec<u64>) -> Option<Outgoing> {
        let mut entries = Vec::new();
        let mut fields = Vec::new();
        for id in &ids {
            let delivery = self.outbox.waiting.get_mut(id)?;
            delivery.in_flight = true;
            delivery.attempts += 1;
            entries.push(delivery.entry.clone());
            fields.push(delivery.field.clone());
        }
        let first = self.outbox.waiting.get(ids.first()?)?;
        let body = escaped(&json!({"object": "whatsapp_business_account", "entry": entries}));
        let secret = self.apps.get(&first.app_id).map(|app| app.secret.clone()).unwrap_or_default();
        Some(Outgoing {
            app_id: first.app_id.clone(),
            callback_url: first.callback_url.clone(),
            attempt: first.attempts,
            signature: format!("sha256={}", sign(&secret, body.as_bytes())),
            ids,
            fields,
            body,
        })
    }

    /// Takes note of what a callback answered: 200 ends it, anything else is tried again (facts §3.1).
    pub fn delivered(&mut self, ids: &[u64], status: Option<u16>, now: Timestamp) {
        for id in ids {
            let Some(delivery) = self.outbox.waiting.get_mut(id) else { continue };
            delivery.in_flight = false;
            let next = now + retry_delay(delivery.attempts, &self.settings);
            let given_up =
                next.duration_since(delivery.since) > SignedDuration::from_hours(self.settings.webhook_retry_hours);
            if status == Some(200) || given_up {
                self.outbox.waiting.remove(id);
            } else {
                delivery.due = next;
            }
        }
    }
}

/// Decreasing frequency: each wait three times the last, at most six hours (facts D1).
fn retry_delay(attempts: u32, settings: &Settings) -> SignedDuration {
    let factor = 3_i64.saturating_pow(attempts.saturating_sub(1).min(12));
    let seconds = settings.webhook_retry_seconds.saturating_mul(factor).clamp(1, 6 * 3600);
    SignedDuration::from_secs(seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retries_grow_rarer_and_stay_within_six_hours() {
        let settings = Settings::default();
        let waits: Vec<i64> = (1..12).map(|n| retry_delay(n, &settings).as_secs()).collect();
        assert_eq!(&waits[..4], [10, 30, 90, 270]);
        assert!(waits.is_sorted() && *waits.last().expect("some") == 6 * 3600);
    }
}
