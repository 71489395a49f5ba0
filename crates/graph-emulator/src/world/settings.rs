//! Switches for behaviour that the facts leave open or that may change. Must not hold state.

use serde::{Deserialize, Serialize};

use super::graph::routes::Versions;

/// Switches of the whole world. The defaults are what the facts consider most likely.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "each is an independent switch of the world")]
pub struct Settings {
    /// Oldest live version of Graph; it serves calls for older ones (facts §0.1).
    pub oldest_version: u16,
    /// Newest version of Graph; a newer one is an unknown path.
    pub newest_version: u16,
    /// Version that serves calls whose path names none.
    pub default_version: u16,
    /// First version that knows `whatsapp_business_manager_messaging_limit` (facts §1.6).
    pub portfolio_limit_since: u16,
    /// "Require App Secret": every call must carry `appsecret_proof` (facts §1).
    pub require_app_secret_proof: bool,
    /// HTTP status of code 190: the documentation says 401, observers saw 400 (facts D9).
    pub token_error_status: u16,
    /// Management calls an hour for a WABA without a registered number (facts §5).
    pub hourly_limit_new: u64,
    /// Management calls an hour for a WABA with a registered number (facts §5).
    pub hourly_limit_live: u64,
    /// Error code above the hourly limit: 80008 or 80007 (facts D8).
    pub rate_limit_code: i64,
    /// Whether updates that are due together share one POST, at most 1,000 (facts §3.1).
    pub batch_webhooks: bool,
    /// Seconds until the first webhook retry. Each retry triples the delay, to at most six hours.
    pub webhook_retry_seconds: i64,
    /// Hours after which Meta stops retrying a webhook: 168 or 36 (facts D1).
    pub webhook_retry_hours: i64,
    /// Wrong PINs that are allowed before 133008. The real number is not documented (facts D15).
    pub pin_guesses: usize,
    /// Hours that a lock by 133008 lasts (facts §2.2, L: 12).
    pub pin_lock_hours: i64,
    /// Seconds within which a second wrong PIN gets 133009.
    pub pin_fast_seconds: i64,
    /// Minutes that a lock by 133009 lasts (facts §2.2, L: 15).
    pub pin_fast_lock_minutes: i64,
    /// Whether `POST /{phone}` with a PIN works before the number is registered (facts D3).
    pub pin_settable_before_register: bool,
    /// Whether registering a registered number succeeds and keeps its PIN: phase 1 of the account model (facts §0.1).
    pub reregister_keeps_pin: bool,
    /// Whether `max_daily_conversations_per_business` is a number instead of `TIER_*` (facts D13).
    pub numeric_limit_webhooks: bool,
    /// Whether messages of a WABA without payment are accepted and then fail by webhook (facts D20).
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
