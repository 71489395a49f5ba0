//! Apps, portfolios and WABAs as state. Must not answer calls.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::number::Override;
use super::words::{BusinessVerification, ReviewStatus, Tier};

/// A Meta app.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct App {
    pub id: String,
    pub secret: String,
    pub name: String,
    pub partner_business_id: String,
    /// By object; only `whatsapp_business_account` sends anything here.
    pub subscriptions: BTreeMap<String, AppSubscription>,
}

/// An app's own callback (facts §1.12).
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

/// What Meta did to a whole WABA.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum WabaState {
    Active,
    Restricted,
    Disabled,
}

impl WabaState {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "ACTIVE",
            Self::Restricted => "RESTRICTED",
            Self::Disabled => "DISABLED",
        }
    }
}

/// A WhatsApp Business account.
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
    /// Apps that hear its webhooks, each with its override.
    pub subscriptions: BTreeMap<String, Option<Override>>,
    /// Templates a scenario put there, as Graph shows them.
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
