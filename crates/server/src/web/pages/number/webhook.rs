//! The webhook of a number: subscription, callback address, handshake and last webhook, prepared for the template.

use domain::callbacks::Route;

use crate::flows::number::view::View;
use crate::messages::{self, time_element};
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
        let callbacks = &view.webhook_facts.callbacks;
        let (override_text, actual) = match callbacks.route() {
            Route::Elsewhere { level, url } => (format!("Set for {}", messages::level_of(level)), Some(url)),
            Route::Here(level) => (format!("Set for {}", messages::level_of(level)), None),
            Route::NotSubscribed | Route::Nowhere | Route::Unread => (String::new(), None),
        };
        Self {
            subscribed: badge::fact(callbacks.subscription.is_subscribed(), "Subscribed", "Not subscribed"),
            subscribed_at: webhook.subscribed_at.map(|at| time_element(at, "ago")),
            overridden: badge::fact(callbacks.route_once_subscribed().is_here(), "Leads here", "Leads elsewhere"),
            override_text: webhook.override_error.clone().unwrap_or(override_text),
            verified: badge::fact(webhook.verified_at.map(|_| true), "Verified", "Not verified"),
            verified_at: webhook.verified_at.map(|at| time_element(at, "ago")),
            last_seen: match webhook.last_seen_at {
                Some(_) => badge::fact(Some(true), "Received", ""),
                None => Mark { label: "None yet", ..badge::INFORMATION },
            },
            last_seen_at: webhook.last_seen_at.map(|at| time_element(at, "ago")),
            expected: view.expected_webhook_url.clone(),
            actual,
            error: webhook.error.clone(),
        }
    }
}
