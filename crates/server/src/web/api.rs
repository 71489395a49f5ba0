//! The REST API under `/api/v1`: one file per resource. Answers are view types of this module, never domain types.

use jiff::Timestamp;

pub(super) mod accounts;
pub(super) mod announcements;
pub(super) mod api_keys;
pub(super) mod app_callback;
pub(super) mod deliveries;
pub(super) mod endpoint_view;
pub(super) mod endpoints;
pub(super) mod erasures;
pub(super) mod events;
pub(super) mod health;
pub(super) mod health_view;
pub(super) mod idempotency;
pub(super) mod inboxes;
pub(super) mod registration;
pub(super) mod registration_view;
pub(super) mod signups;
pub(super) mod webhook;

/// Formats an instant by RFC 3339.
fn rfc3339(at: Timestamp) -> String {
    at.to_string()
}
