//! The world as tests and people inspect it; unlike Graph, it hides nothing. Must not change anything.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::accounts::account::App;
use super::meta_enums::{CodeStatus, NameStatus, Obstacle, Quality, ReviewStatus, Tier};
use super::numbers::number::{Override, RegisterCall};
use super::oauth::token::{Token, TokenKind};
use super::state::World;

/// One number, including the state that Graph does not show.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "independent facts of one number")]
pub struct NumberView {
    pub id: String,
    pub waba_id: String,
    /// Digits with the country code.
    pub phone_number: String,
    pub verified_name: String,
    pub status: String,
    pub platform_type: String,
    pub throughput: String,
    pub code_verification_status: CodeStatus,
    pub name_status: NameStatus,
    /// Status of a requested name; `None` without one.
    pub new_name_status: Option<NameStatus>,
    pub quality_rating: Quality,
    /// Messaging limit of the portfolio.
    pub limit: Option<Tier>,
    pub registered: bool,
    /// The two-step PIN that is set.
    pub pin: Option<String>,
    /// Whether the number is also in the phone app (coexistence).
    pub is_on_biz_app: bool,
    /// Every register and deregister call, oldest first.
    pub register_calls: Vec<RegisterCall>,
    /// Number of calls that count in the current 72 hours.
    pub register_calls_in_window: usize,
    /// End of the lock by 133016.
    pub locked_until: Option<Timestamp>,
    /// Instant from which a register call passes the name check.
    pub provisioned_at: Option<Timestamp>,
    /// Instant at which a registered, PENDING number becomes CONNECTED.
    pub connects_at: Option<Timestamp>,
    /// Instant at which the display-name review ends by itself.
    pub name_decided_at: Option<Timestamp>,
    /// A reason for 2388001 other than the display name.
    pub obstacle: Option<Obstacle>,
    /// The one-time code that the customer received.
    pub sent_code: Option<String>,
    /// The value of `last_onboarded_time`.
    pub onboarded_at: Timestamp,
    /// Coexistence syncs that were requested.
    pub syncs: Vec<String>,
    /// Callback overrides, by app id.
    pub overrides: BTreeMap<String, Override>,
    /// Whether a deregister failed half-way (133000 until it is repeated).
    pub half_deregistered: bool,
    /// Whether register and send get 131031.
    pub account_locked: bool,
}

/// One WABA with its subscriptions and numbers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WabaView {
    pub id: String,
    pub business_id: String,
    pub name: String,
    /// `ACTIVE`, `RESTRICTED` or `DISABLED`.
    pub status: String,
    pub account_review_status: ReviewStatus,
    pub payment_missing: bool,
    /// Subscribed apps, each with its callback override.
    pub subscriptions: BTreeMap<String, Option<Override>>,
    pub phone_number_ids: Vec<String>,
}

/// One app with its app-level callback.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppView {
    pub id: String,
    /// Callback of the object `whatsapp_business_account`.
    pub callback_url: Option<String>,
    /// Webhook fields the app is subscribed to.
    pub fields: Vec<String>,
}

/// One token with its owner and validity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenView {
    pub token: String,
    /// Either `business` or `system_user`.
    pub kind: String,
    pub business_id: String,
    pub expires_at: Option<Timestamp>,
    /// Whether the token is accepted now.
    pub is_valid: bool,
}

/// The whole world as it is inspected, without tokens and secrets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorldView {
    /// World time of the view.
    pub now: Timestamp,
    pub apps: Vec<AppView>,
    pub wabas: Vec<WabaView>,
    pub numbers: Vec<NumberView>,
    /// Number of webhooks that wait for their first attempt or a retry.
    pub webhooks_waiting: usize,
    /// Updates that no app was subscribed to, by field: the usual reason for a missing webhook.
    pub webhooks_without_subscriber: BTreeMap<String, u64>,
    /// Uncovered routes with the number of calls of each.
    pub uncovered: BTreeMap<String, u64>,
}

impl World {
    /// Returns one number with its hidden state.
    pub fn number(&self, id: &str, now: Timestamp) -> Option<NumberView> {
        let n = self.numbers.get(id)?;
        let waba = self.wabas.get(&n.waba_id);
        Some(NumberView {
            id: n.id.clone(),
            waba_id: n.waba_id.clone(),
            phone_number: n.digits.clone(),
            verified_name: n.name.clone(),
            status: n.status().to_owned(),
            platform_type: n.platform().to_owned(),
            throughput: n.throughput_level().to_owned(),
            code_verification_status: n.code_reading(now),
            name_status: n.name_status,
            new_name_status: n.new_name.as_ref().map(|new| new.status),
            quality_rating: n.quality,
            limit: waba.and_then(|w| self.businesses.get(&w.business_id)).map(|b| b.limit),
            registered: n.registered,
            pin: n.pin.clone(),
            is_on_biz_app: n.on_biz_app,
            register_calls: n.calls.clone(),
            register_calls_in_window: n.calls_in_window(now),
            locked_until: n.locked_until,
            provisioned_at: n.provisioned_at,
            connects_at: n.connects_at,
            name_decided_at: n.review.map(|r| r.at),
            obstacle: n.obstacle,
            sent_code: n.sent_code.as_ref().map(|s| s.code.clone()),
            onboarded_at: n.onboarded_at,
            syncs: n.syncs.clone(),
            overrides: n.overrides.clone(),
            half_deregistered: n.half_deregistered,
            account_locked: n.account_locked,
        })
    }

    /// Returns one WABA with its subscriptions.
    pub fn waba(&self, id: &str) -> Option<WabaView> {
        let w = self.wabas.get(id)?;
        Some(WabaView {
            id: w.id.clone(),
            business_id: w.business_id.clone(),
            name: w.name.clone(),
            status: w.state.into_str().to_owned(),
            account_review_status: w.review,
            payment_missing: w.payment_missing,
            subscriptions: w.subscriptions.clone(),
            phone_number_ids: self.numbers.values().filter(|n| n.waba_id == id).map(|n| n.id.clone()).collect(),
        })
    }

    /// Returns the id of every number.
    pub fn number_ids(&self) -> Vec<String> {
        self.numbers.keys().cloned().collect()
    }

    /// Returns every token, for tests that compare them.
    pub fn token_views(&self, now: Timestamp) -> Vec<TokenView> {
        let view = |(text, t): (&String, &Token)| TokenView {
            token: text.clone(),
            kind: match t.kind {
                TokenKind::Business => "business".to_owned(),
                TokenKind::SystemUser => "system_user".to_owned(),
            },
            business_id: t.business_id.clone(),
            expires_at: t.expires_at,
            is_valid: t.death(now).is_none(),
        };
        self.tokens.iter().map(view).collect()
    }

    /// Returns the whole world, without tokens and secrets.
    pub fn view(&self, now: Timestamp) -> WorldView {
        let app = |a: &App| {
            let subscription = a.subscriptions.get("whatsapp_business_account");
            AppView {
                id: a.id.clone(),
                callback_url: subscription.map(|s| s.callback_url.clone()),
                fields: subscription.map(|s| s.fields.clone()).unwrap_or_default(),
            }
        };
        WorldView {
            now,
            apps: self.apps.values().map(app).collect(),
            wabas: self.wabas.keys().filter_map(|id| self.waba(id)).collect(),
            numbers: self.numbers.keys().filter_map(|id| self.number(id, now)).collect(),
            webhooks_waiting: self.outbox.queued.len(),
            webhooks_without_subscriber: self.outbox.without_subscriber.clone(),
            uncovered: self.uncovered.clone(),
        }
    }
}
