//! Accounts and how they are reached: API keys, browser sessions, idempotency keys, announcements.

pub mod accounts;
pub mod announcements;
pub mod api_keys;
pub mod idempotency;
pub mod sessions;
