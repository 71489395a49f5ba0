//! The webhook of a number: subscription, callback address, handshake and last webhook, prepared for the template.

use domain::health;

use crate::flows::number::view::View;
use crate::messages::time_element;
use crate::web::pages::badge::{self, Mark};

/// Four independent facts and the addresses behind them.
pub(super) struct WebhookCard {
    pub(super) subscribed: Mark,
    pub(super) subscribed_at: Option<String>,
    pub(super) overridden: Mark,
    pub(super) override_text: String,
    pub(super) verified: Mark,
    pub(super) verified_at: Option<String>,
    pub(super) last_seen: Mark,
    pub(super) last_seen_at: Option<String>,
    pub(super) expected: String,
    pub(super) actual: Option<String>,
    pub(super) error: Option<String>,
}

impl WebhookCard {
    /// Prepares the card from the stored facts.
    pub(super) fn new(view: &View) -> Self {
        let webhook = &view.webhook;
        let configured = view.reading.webhook_configuration.as_ref().and_then(|c| c.effective()).map(str::to_owned);
        let actual = configured.or_else(|| webhook.override_url.clone());
        let is_ours = actual.as_ref().map(|url| health::is_of_this_installation(&view.expected_webhook_url, url));
        Self {
            subscribed: badge::fact(view.webhook_facts.subscription.is_subscribed(), "Subscribed", "Not subscribed"),
            subscribed_at: webhook.subscribed_at.map(|at| time_element(at, "ago")),
            overridden: badge::fact(view.webhook_facts.callback_override.is_set(), "Set", "Not set"),
            override_text: webhook.override_error.clone().unwrap_or_default(),
            verified: badge::fact(webhook.verified_at.map(|_| true), "Verified", "Not verified"),
            verified_at: webhook.verified_at.map(|at| time_element(at, "ago")),
            last_seen: match webhook.last_seen_at {
                Some(_) => badge::fact(Some(true), "Received", ""),
                None => Mark { label: "None yet", ..badge::INFORMATION },
            },
            last_seen_at: webhook.last_seen_at.map(|at| time_element(at, "ago")),
            expected: view.expected_webhook_url.clone(),
            actual: actual.filter(|_| is_ours == Some(false)),
            error: webhook.error.clone(),
        }
    }
}
