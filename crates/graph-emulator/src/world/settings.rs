//! Switches for what the facts leave open or may change. Must not hold state.

use serde::{Deserialize, Serialize};

use super::route::Versions;

/// World-wide switches; the defaults are the facts' best reading.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "each is an independent switch of the world")]
pub struct Settings {
    /// Oldest live Graph version; older ones are served by it (facts §0.1).
    pub oldest_version: u16,
    /// Newest Graph version; newer ones are unknown paths.
    pub newest_version: u16,
    /// Version of calls without one.
    pub default_version: u16,
    /// The first version that knows `whatsapp_business_manager_messaging_limit` (facts §1.6).
    pub portfolio_limit_since: u16,
    /// "Require App Secret": every call must carry `appsecret_proof` (facts §1).
    pub require_app_secret_proof: bool,
    /// HTTP status of code 190: 401 in the docs, 400 in the field (facts D9).
    pub token_error_status: u16,
    /// Management calls per hour and WABA without a registered number (facts §5).
    pub hourly_limit_new: u64,
    /// Management calls per hour and WABA with one (facts §5).
    pub hourly_limit_live: u64,
    /// 80008 or 80007 (facts D8).
    pub rate_limit_code: i64,
    /// Whether several updates due at once share a POST (facts §3.1: up to 1,000).
    pub batch_webhooks: bool,
    /// Seconds until the first webhook retry; each next one waits three times longer, at most six hours.
    pub webhook_retry_seconds: i64,
    /// Hours until Meta gives a webhook up: 168 or 36 (facts D1).
    pub webhook_retry_hours: i64,
    /// Wrong PINs until 133008 (facts D15; the number is not documented).
    pub pin_guesses: usize,
    /// Hours 133008 lasts (facts §2.2, L: 12).
    pub pin_lock_hours: i64,
    /// A second wrong PIN within so many seconds is 133009.
    pub pin_fast_seconds: i64,
    /// Minutes 133009 lasts (facts §2.2, L: 15).
    pub pin_fast_lock_minutes: i64,
    /// Whether `POST /{phone}` with a PIN works before the number is registered (facts D3).
    pub pin_settable_before_register: bool,
    /// Account-model phase 1 (facts §0.1): registering a registered number succeeds and keeps its PIN.
    pub reregister_keeps_pin: bool,
    /// `max_daily_conversations_per_business` as a number instead of `TIER_*` (facts D13).
    pub numeric_limit_webhooks: bool,
    /// Whether sends of a WABA without payment are accepted, then failed by webhook (facts D20).
    pub payment_fails_by_webhook: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            oldest_version: 21,
            newest_version: 26,
            default_version: 25,
            portfolio_limit_since: 22,
            require_app_secret_proof: false,
            token_error_status: 401,
            hourly_limit_new: 200,
            hourly_limit_live: 5_000,
            rate_limit_code: 80_008,
            batch_webhooks: false,
            webhook_retry_seconds: 10,
            webhook_retry_hours: 168,
            pin_guesses: 5,
            pin_lock_hours: 12,
            pin_fast_seconds: 5,
            pin_fast_lock_minutes: 15,
            pin_settable_before_register: true,
            reregister_keeps_pin: false,
            numeric_limit_webhooks: false,
            payment_fails_by_webhook: true,
        }
    }
}

impl Settings {
    pub(crate) const fn versions(&self) -> Versions {
        Versions { oldest: self.oldest_version, newest: self.newest_version, default: self.default_version }
    }
}
