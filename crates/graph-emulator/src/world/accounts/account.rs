//! The state of apps, portfolios and WABAs. Must not answer calls.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use strum::IntoStaticStr;

use crate::world::meta_enums::{BusinessVerification, ReviewStatus, Tier};
use crate::world::numbers::number::Override;

/// A Meta app with its secret and app-level subscriptions.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct App {
    pub id: String,
    pub secret: String,
    pub name: String,
    pub partner_business_id: String,
    /// By object; the emulator sends webhooks only for `whatsapp_business_account`.
    pub subscriptions: BTreeMap<String, AppSubscription>,
}

/// The app-level callback for one object (facts §1.12).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct AppSubscription {
    pub callback_url: String,
    pub verify_token: String,
    pub fields: Vec<String>,
    pub include_values: bool,
}

impl App {
    pub(crate) fn new(id: &str, secret: &str, name: &str, partner_business_id: &str) -> Self {
        Self {
            id: id.to_owned(),
            secret: secret.to_owned(),
            name: name.to_owned(),
            partner_business_id: partner_business_id.to_owned(),
            subscriptions: BTreeMap::new(),
        }
    }
}

/// A business portfolio, of a customer or of the partner.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Business {
    pub id: String,
    pub name: String,
    pub verification: BusinessVerification,
    pub limit: Tier,
    pub created_at: Option<Timestamp>,
}

impl Business {
    pub(crate) fn new(id: &str, name: &str, verification: BusinessVerification) -> Self {
        Self { id: id.to_owned(), name: name.to_owned(), verification, limit: Tier::Tier250, created_at: None }
    }
}

/// The `status` of a whole WABA.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, IntoStaticStr)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "UPPERCASE", const_into_str)]
pub(crate) enum WabaState {
    Active,
    Restricted,
    Disabled,
}

/// The state of one WhatsApp Business account (WABA).
#[derive(Debug, Clone, Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "independent switches of one account")]
pub(crate) struct Waba {
    pub id: String,
    pub business_id: String,
    pub name: String,
    pub currency: String,
    pub timezone_id: String,
    pub country: String,
    pub namespace: String,
    pub created_at: Timestamp,
    pub review: ReviewStatus,
    pub state: WabaState,
    pub payment_missing: bool,
    pub deleted: bool,
    pub is_enabled_for_insights: bool,
    pub disable_marketing_messages_on_cloud_api: bool,
    pub template_auto_archival_enabled: bool,
    /// Apps subscribed to the account's webhooks, each with its callback override.
    pub subscriptions: BTreeMap<String, Option<Override>>,
    /// Templates that a scenario defined, as Graph returns them.
    pub templates: Vec<serde_json::Value>,
}

impl Waba {
    pub(crate) fn new(id: String, business_id: String, name: String, namespace: String, now: Timestamp) -> Self {
        Self {
            id,
            business_id,
            name,
            currency: "EUR".to_owned(),
            timezone_id: "25".to_owned(),
            country: "DE".to_owned(),
            namespace,
            created_at: now,
            review: ReviewStatus::Approved,
            state: WabaState::Active,
            payment_missing: false,
            deleted: false,
            is_enabled_for_insights: false,
            disable_marketing_messages_on_cloud_api: false,
            template_auto_archival_enabled: false,
            subscriptions: BTreeMap::new(),
            templates: Vec::new(),
        }
    }
}
