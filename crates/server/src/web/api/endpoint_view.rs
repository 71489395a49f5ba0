//! Endpoints, delivery attempts and pending deliveries as the API shows them. Secrets and header values must not appear here,
//! except a secret in the two answers that create it.

use domain::delivery::EndpointStatus;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Serialize;

use super::rfc3339;
use crate::flows::forwarding::endpoints::view::View;
use crate::messages;
use crate::store::api_keys::Scope;
use crate::store::deliveries::attempts::Attempt;
use crate::store::deliveries::{Delivery, DeliveryState};
use crate::web::extract::auth::Principal;

/// An endpoint: an address that events are forwarded to.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct EndpointView {
    #[schema(example = "end_0190f3a2c0de7000b000000000000001")]
    id: String,
    #[schema(example = "Helpdesk")]
    name: String,
    /// The inbox whose events are forwarded; null for all inboxes of the account.
    #[schema(example = 42)]
    inbox_id: Option<i64>,
    /// The address; shown only to keys of scope `admin`, because it may contain a token.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "https://hooks.example.com/whatsapp")]
    url: Option<String>,
    #[schema(example = "hooks.example.com")]
    host: String,
    /// The format: `meta` or `standard`.
    #[schema(example = "standard")]
    format: &'static str,
    /// The kinds of events that are forwarded.
    #[schema(example = json!(["messages", "statuses"]))]
    kinds: Vec<&'static str>,
    /// Names of the additional headers of every request; their values are never shown.
    #[schema(example = json!(["authorization"]))]
    header_names: Vec<String>,
    /// Maximum number of requests per second; null for no limit.
    per_second: Option<u32>,
    /// `active`, `failing` (the circuit breaker is open and events are retried one at a time) or `disabled`.
    #[schema(example = "active")]
    state: &'static str,
    /// The state as a sentence.
    #[schema(example = "Events are delivered as they arrive.")]
    state_text: String,
    /// `switched_off`, `gone` (the endpoint answered 410) or `failing_too_long` (no event was accepted for five days).
    disabled_reason: Option<&'static str>,
    disabled_at: Option<String>,
    /// The time of the first failure since the last success.
    failing_since: Option<String>,
    /// The time of the next attempt, if an event is pending.
    next_attempt_at: Option<String>,
    /// The time of the last successful delivery.
    last_delivered_at: Option<String>,
    counts: CountsView,
    /// The end of the period in which requests are also signed with the previous secret.
    previous_secret_until: Option<String>,
    created_at: String,
    updated_at: String,
    /// The signing secret; only in the answer that creates it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "whsec_bGluZWtlZXBlci1leGFtcGxlLXNlY3JldC1ieXRlcw==")]
    secret: Option<String>,
}

/// Numbers of deliveries that an endpoint has yet to receive. A delivery is an event, or in the format `standard` one message
/// or status of it.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct CountsView {
    /// Deliveries that failed, or follow a failed one in their conversation, and are retried.
    retrying: i64,
    /// Replays that have not been sent yet.
    replayed: i64,
    /// Dead letters: deliveries that are not retried any more.
    dead: i64,
    /// Events after the cursor, counted up to 10,000; kinds that are not forwarded may be among them.
    backlog: i64,
}

impl EndpointView {
    /// The view for a key; the address is left out below scope `admin`.
    pub(super) fn new(view: View, principal: &Principal) -> Self {
        let message = messages::endpoint_status(&view.status);
        let View { endpoint, status, counts, behind, next_try_at } = view;
        let (disabled_at, disabled_reason, failing_since) = match status {
            EndpointStatus::Active => (None, None, None),
            EndpointStatus::Failing { since } => (None, None, Some(since)),
            EndpointStatus::Disabled { since, reason } => (Some(since), Some(reason.into_str()), None),
        };
        let settings = endpoint.settings;
        let url = (principal.key.scope >= Scope::Admin).then(|| settings.url.expose_secret().to_owned());
        Self {
            id: endpoint.id.to_string(),
            name: settings.name,
            inbox_id: endpoint.channel_id.map(|id| id.0),
            url,
            host: settings.host,
            format: endpoint.format.into_str(),
            kinds: settings.kinds.iter().map(domain::delivery::EventKind::into_str).collect(),
            header_names: settings.headers.into_keys().collect(),
            per_second: settings.per_second,
            state: status.into_str(),
            state_text: message.text.to_string(),
            disabled_reason,
            disabled_at: disabled_at.map(rfc3339),
            failing_since: failing_since.map(rfc3339),
            next_attempt_at: next_try_at.map(rfc3339),
            last_delivered_at: endpoint.last_delivered_at.map(rfc3339),
            counts: CountsView {
                retrying: counts.waiting,
                replayed: counts.replayed,
                dead: counts.dead,
                backlog: behind,
            },
            previous_secret_until: endpoint.previous_secret.map(|(_, until)| rfc3339(until)),
            created_at: rfc3339(endpoint.created_at),
            updated_at: rfc3339(endpoint.updated_at),
            secret: None,
        }
    }

    /// Adds the secret that was just created.
    pub(super) fn with_secret(self, secret: &SecretString) -> Self {
        Self { secret: Some(secret.expose_secret().to_owned()), ..self }
    }
}

/// The list of endpoints.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct Endpoints {
    pub(super) data: Vec<EndpointView>,
}

/// One delivery attempt: a request and its response.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct AttemptView {
    #[schema(example = "evt_12")]
    event_id: String,
    /// The id that the request had: `webhook-id`, or `X-Linekeeper-Event` in Meta's format. In the format `standard` each
    /// message and each status of an event has its own.
    #[schema(example = "itm_5f1d0c9a7be24c11a0b3c9d25e6f7081")]
    webhook_id: String,
    /// The number of the attempt for this message, status or event, from 1.
    #[schema(example = 1)]
    attempt: u32,
    at: String,
    /// The HTTP status; null if there was no response.
    #[schema(example = 200)]
    status: Option<u16>,
    /// The duration in milliseconds.
    #[schema(example = 84)]
    duration_ms: u32,
    /// `delivered`, `refused`, `timed_out`, `unreachable` or `forbidden`.
    #[schema(example = "delivered")]
    outcome: &'static str,
    /// The outcome as text.
    #[schema(example = "Delivered")]
    text: String,
    /// The beginning of a failed response, or the reason why there was none; secrets are redacted.
    answer: Option<String>,
}

impl From<Attempt> for AttemptView {
    fn from(attempt: Attempt) -> Self {
        Self {
            event_id: attempt.key.event.to_string(),
            webhook_id: attempt.key.webhook_id(),
            attempt: attempt.attempt,
            at: rfc3339(attempt.at),
            status: attempt.status,
            duration_ms: attempt.duration_ms,
            text: messages::delivery(attempt.outcome).to_owned(),
            outcome: attempt.outcome.into_str(),
            answer: attempt.answer,
        }
    }
}

/// A delivery that is retried, replayed or a dead letter: an event, or in the format `standard` one message or status of it.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct PendingDeliveryView {
    #[schema(example = "evt_12")]
    event_id: String,
    /// The id that its requests have, as in the attempts.
    #[schema(example = "itm_5f1d0c9a7be24c11a0b3c9d25e6f7081")]
    webhook_id: String,
    /// The delivery state: `retrying`, `replayed` or `dead`.
    #[schema(example = "retrying")]
    state: &'static str,
    /// The number of attempts; 0 if it waits for an earlier one of its conversation.
    attempts: u32,
    first_failed_at: Option<String>,
    /// The earliest time of the next attempt; null for a dead letter.
    due_at: Option<String>,
    /// The reason of the last failure.
    #[schema(example = "HTTP 500")]
    failure: Option<String>,
}

impl From<Delivery> for PendingDeliveryView {
    fn from(delivery: Delivery) -> Self {
        let state = match delivery.state {
            DeliveryState::Retrying => "retrying",
            DeliveryState::Replayed => "replayed",
            DeliveryState::Dead => "dead",
        };
        Self {
            event_id: delivery.key.event.to_string(),
            webhook_id: delivery.key.webhook_id(),
            state,
            attempts: delivery.attempts,
            first_failed_at: delivery.first_failed_at.map(rfc3339),
            due_at: Some(delivery.due_at).filter(|_| delivery.state != DeliveryState::Dead).map(rfc3339),
            failure: delivery.failure,
        }
    }
}
