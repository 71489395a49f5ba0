//! The world as tests and people inspect it; unlike Graph it hides nothing. Must not change anything.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::World;
use super::number::{Override, RegisterCall};
use super::token::TokenKind;
use super::words::{CodeStatus, NameStatus, Obstacle, Quality, ReviewStatus, Tier};

/// One number, hidden state included.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "a flat picture of independent facts")]
pub struct NumberView {
    /// Id.
    pub id: String,
    /// Its WABA.
    pub waba_id: String,
    /// Digits with country code.
    pub phone_number: String,
    /// Display name.
    pub verified_name: String,
    /// As Graph reads it.
    pub status: String,
    /// As Graph reads it.
    pub platform_type: String,
    /// As Graph reads it.
    pub throughput: String,
    /// As Graph reads it.
    pub code_verification_status: CodeStatus,
    /// As Graph reads it.
    pub name_status: NameStatus,
    /// Of a requested name.
    pub new_name_status: Option<NameStatus>,
    /// Quality.
    pub quality_rating: Quality,
    /// Limit of the portfolio.
    pub limit: Option<Tier>,
    /// Whether it is registered.
    pub registered: bool,
    /// The two-step PIN it holds.
    pub pin: Option<String>,
    /// Coexistence.
    pub is_on_biz_app: bool,
    /// Every register and deregister call so far.
    pub register_calls: Vec<RegisterCall>,
    /// How many count now.
    pub register_calls_in_window: usize,
    /// End of the 133016 lock.
    pub locked_until: Option<Timestamp>,
    /// When a register call passes the name check.
    pub provisioned_at: Option<Timestamp>,
    /// When an activating number connects.
    pub connects_at: Option<Timestamp>,
    /// When the review ends by itself.
    pub name_decided_at: Option<Timestamp>,
    /// The hindrance.
    pub obstacle: Option<Obstacle>,
    /// A one-time code on its way: what the customer would read out.
    pub sent_code: Option<String>,
    /// `last_onboarded_time`.
    pub onboarded_at: Timestamp,
    /// Coexistence syncs asked for.
    pub syncs: Vec<String>,
    /// Overrides by app.
    pub overrides: BTreeMap<String, Override>,
    /// A deregister failed half-way.
    pub half_deregistered: bool,
    /// 131031.
    pub account_locked: bool,
}

/// One WABA.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WabaView {
    /// Id.
    pub id: String,
    /// Portfolio.
    pub business_id: String,
    /// Name.
    pub name: String,
    /// ACTIVE, RESTRICTED, DISABLED.
    pub status: String,
    /// Review.
    pub account_review_status: ReviewStatus,
    /// No payment method.
    pub payment_missing: bool,
    /// Apps that hear it, each with its override.
    pub subscriptions: BTreeMap<String, Option<Override>>,
    /// Its numbers.
    pub phone_number_ids: Vec<String>,
}

/// One app's own callback.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppView {
    /// Id.
    pub id: String,
    /// Callback of `whatsapp_business_account`.
    pub callback_url: Option<String>,
    /// Its fields.
    pub fields: Vec<String>,
}

/// One token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenView {
    /// The token itself.
    pub token: String,
    /// `business` or `system_user`.
    pub kind: String,
    /// Portfolio.
    pub business_id: String,
    /// Expiry.
    pub expires_at: Option<Timestamp>,
    /// Whether it works now.
    pub is_valid: bool,
}

/// All of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorldView {
    /// World time.
    pub now: Timestamp,
    /// Apps.
    pub apps: Vec<AppView>,
    /// WABAs.
    pub wabas: Vec<WabaView>,
    /// Numbers.
    pub numbers: Vec<NumberView>,
    /// Webhooks waiting to be sent or tried again.
    pub webhooks_waiting: usize,
    /// Updates no app was subscribed to, by field: the usual reason why a webhook never came.
    pub webhooks_unheard: BTreeMap<String, u64>,
    /// Uncovered routes that were asked for, with counts.
    pub uncovered: BTreeMap<String, u64>,
}

impl World {
    /// One number.
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

    /// One WABA.
    pub fn waba(&self, id: &str) -> Option<WabaView> {
        let w = self.wabas.get(id)?;
        Some(WabaView {
            id: w.id.clone(),
            business_id: w.business_id.clone(),
            name: w.name.clone(),
            status: w.state.as_str().to_owned(),
            account_review_status: w.review,
            payment_missing: w.payment_missing,
            subscriptions: w.subscriptions.clone(),
            phone_number_ids: self.numbers.values().filter(|n| n.waba_id == id).map(|n| n.id.clone()).collect(),
        })
    }

    /// Every number's id.
    pub fn number_ids(&self) -> Vec<String> {
        self.numbers.keys().cloned().collect()
    }

    /// Every token, for tests that hold one against another.
    pub fn token_views(&self, now: Timestamp) -> Vec<TokenView> {
        let view = |(text, t): (&String, &super::token::Token)| TokenView {
            token: text.clone(),
            kind: match t.kind {
                TokenKind::Business => "business".to_owned(),
                TokenKind::SystemUser => "system_user".to_owned(),
            },
            business_id: t.business_id.clone(),
            expires_at: t.expires_at,
            is_valid: t.dead(now).is_none(),
        };
        self.tokens.iter().map(view).collect()
    }

    /// All of it, without secrets.
    pub fn view(&self, now: Timestamp) -> WorldView {
        let app = |a: &super::waba::App| {
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
            webhooks_waiting: self.outbox.waiting.len(),
            webhooks_unheard: self.outbox.unheard.clone(),
            uncovered: self.uncovered.clone(),
        }
    }
}
