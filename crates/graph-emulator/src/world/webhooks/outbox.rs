//! The queue of webhooks with their retries, and the faults that tests order for them. Must not send anything or decide who
//! gets a webhook.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One queued update for one callback.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct QueuedUpdate {
    pub app_id: String,
    pub callback_url: String,
    pub field: String,
    pub entry: Value,
    pub due: Timestamp,
    /// Order of updates that are due at the same instant; a reordered one gets a later number.
    pub order: u64,
    pub queued_at: Timestamp,
    pub attempts: u32,
    pub in_flight: bool,
}

/// All queued updates, by id.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Outbox {
    pub queued: BTreeMap<u64, QueuedUpdate>,
    pub faults: Vec<WebhookFault>,
    /// Number of updates that no app was subscribed to, by field.
    pub without_subscriber: BTreeMap<String, u64>,
    last_id: u64,
}

/// One POST for the HTTP client to make.
#[derive(Debug, Clone)]
pub struct OutgoingWebhook {
    /// Identifies the updates in `World::record_delivery`.
    pub ids: Vec<u64>,
    /// The app whose secret signed the body.
    pub app_id: String,
    pub callback_url: String,
    /// The field of each update, in the order of the body.
    pub fields: Vec<String>,
    /// The exact body, escaped like Meta's.
    pub body: String,
    /// Value of the header `x-hub-signature-256`.
    pub signature: String,
    /// Number of the attempt; the first is 1.
    pub attempt: u32,
}

impl Outbox {
    pub(crate) fn next_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    pub(crate) fn next_due(&self) -> Option<Timestamp> {
        self.queued.values().filter(|d| !d.in_flight).map(|d| d.due).min()
    }

    /// Ids of the updates that are due, in sending order.
    pub(crate) fn due(&self, now: Timestamp) -> Vec<u64> {
        let mut due: Vec<(Timestamp, u64, u64)> = self
            .queued
            .iter()
            .filter(|(_, d)| !d.in_flight && d.due <= now)
            .map(|(id, d)| (d.due, d.order, *id))
            .collect();
        due.sort_unstable();
        due.into_iter().map(|(_, _, id)| id).collect()
    }
}

/// A fault for coming webhooks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WebhookFault {
    /// Only updates of this field; `None` means any.
    #[serde(default)]
    pub field: Option<String>,
    /// Only updates of this WABA; `None` means any.
    #[serde(default)]
    pub waba_id: Option<String>,
    /// Number of updates to affect.
    #[serde(default = "once")]
    pub times: u32,
    pub effect: WebhookEffect,
}

const fn once() -> u32 {
    1
}

/// How a fault affects a webhook. Meta guarantees no order and may send duplicates (facts §3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WebhookEffect {
    /// The webhook is never sent.
    Lose,
    /// The webhook is sent twice.
    Duplicate,
    /// The webhook is sent after the next one, or after a minute if none follows.
    Reorder,
    /// The webhook is sent this much later.
    Delay { seconds: i64 },
}
