//! An endpoint, and what is before it, as the API shows them. No secret and no value of a header is here,
//! but in the two answers that make a secret.

use domain::delivery::standing::Standing;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Serialize;

use super::rfc3339;
use crate::flows::endpoints::view::View;
use crate::messages;
use crate::store::api_keys::Scope;
use crate::store::deliveries::attempts::Attempt;
use crate::store::deliveries::{Delivery, DeliveryState};
use crate::web::extract::auth::Principal;

/// An address that events are forwarded to.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct EndpointView {
    #[schema(example = "end_0190f3a2c0de7000b000000000000001")]
    id: String,
    #[schema(example = "Helpdesk")]
    name: String,
    /// The inbox whose events it gets; null is every inbox of the account.
    #[schema(example = 42)]
    inbox_id: Option<i64>,
    /// The address. Shown to keys of scope `admin`: people put tokens into it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "https://hooks.example.com/whatsapp")]
    url: Option<String>,
    #[schema(example = "hooks.example.com")]
    host: String,
    /// `meta` or `standard`.
    #[schema(example = "standard")]
    format: &'static str,
    /// What it gets.
    #[schema(example = json!(["messages", "statuses"]))]
    kinds: Vec<&'static str>,
    /// Headers of its own that every post carries; their values are never shown.
    #[schema(example = json!(["authorization"]))]
    header_names: Vec<String>,
    /// Posts a second, at most; null is no limit.
    per_second: Option<u32>,
    /// `active`, `failing` (it takes nothing and is tried with one event at a time) or `disabled`.
    #[schema(example = "active")]
    state: &'static str,
    /// The same in a sentence.
    #[schema(example = "Events are sent to it as they arrive.")]
    state_text: String,
    /// `switched_off`, `gone` (it answered 410) or `hopeless` (it took nothing for five days).
    disabled_why: Option<&'static str>,
    disabled_at: Option<String>,
    /// Since when it takes nothing.
    failing_since: Option<String>,
    /// When it is tried next, where it waits for something.
    next_try_at: Option<String>,
    /// When it last took something.
    delivered_at: Option<String>,
    counts: CountsView,
    /// Until when posts are signed with the secret before as well.
    secret_before_until: Option<String>,
    created_at: String,
    updated_at: String,
    /// What posts are signed with: only in the answers that make it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "whsec_bGluZWtlZXBlci1leGFtcGxlLXNlY3JldC1ieXRlcw==")]
    secret: Option<String>,
}

/// What is before an endpoint.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct CountsView {
    /// Events that were refused, or stand behind one that was, and are tried again.
    waiting: i64,
    /// Events asked for again that have not been sent yet.
    replayed: i64,
    /// Events that were given up.
    dead: i64,
    /// Events it has not been sent yet, counted up to 10 000; those it does not want may be among them.
    behind: i64,
}

impl EndpointView {
    /// For whoever asks.
    pub(super) fn new(view: View, principal: &Principal) -> Self {
        let message = messages::standing(&view.standing);
        let View { endpoint, standing, counts, behind, next_try_at } = view;
        let (disabled_at, disabled_why, failing_since) = match standing {
            Standing::Active => (None, None, None),
            Standing::Failing { since } => (None, None, Some(since)),
            Standing::Disabled { since, why } => (Some(since), Some(why.as_str()), None),
        };
        let settings = endpoint.settings;
        let url = (principal.key.scope >= Scope::Admin).then(|| settings.url.expose_secret().to_owned());
        Self {
            id: endpoint.id.to_string(),
            name: settings.name,
            inbox_id: endpoint.channel_id.map(|id| id.0),
            url,
            host: settings.host,
            format: endpoint.format.as_str(),
            kinds: settings.kinds.iter().map(|kind| kind.as_str()).collect(),
            header_names: settings.headers.into_keys().collect(),
            per_second: settings.per_second,
            state: standing.as_str(),
            state_text: message.text.to_string(),
            disabled_why,
            disabled_at: disabled_at.map(rfc3339),
            failing_since: failing_since.map(rfc3339),
            next_try_at: next_try_at.map(rfc3339),
            delivered_at: endpoint.delivered_at.map(rfc3339),
            counts: CountsView { waiting: counts.waiting, replayed: counts.replayed, dead: counts.dead, behind },
            secret_before_until: endpoint.secret_before.map(|(_, until)| rfc3339(until)),
            created_at: rfc3339(endpoint.created_at),
            updated_at: rfc3339(endpoint.updated_at),
            secret: None,
        }
    }

    /// With the secret that was just made.
    pub(super) fn with_secret(self, secret: &SecretString) -> Self {
        Self { secret: Some(secret.expose_secret().to_owned()), ..self }
    }
}

/// Every endpoint.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct Endpoints {
    pub(super) data: Vec<EndpointView>,
}

/// One post and its answer.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct AttemptView {
    #[schema(example = "evt_12")]
    event_id: String,
    /// Which message or status of the event, from 0; always 0 in Meta's format.
    part: u32,
    /// Which try of the event, from 1.
    #[schema(example = 1)]
    attempt: u32,
    at: String,
    /// The HTTP status; null where nobody answered.
    #[schema(example = 200)]
    status: Option<u16>,
    /// How long it took, in milliseconds.
    #[schema(example = 84)]
    millis: u32,
    /// `delivered`, `refused`, `timed_out`, `unreachable` or `forbidden`.
    #[schema(example = "delivered")]
    outcome: String,
    /// The same in words.
    #[schema(example = "Delivered")]
    text: String,
    /// The beginning of a refusing answer, or why nobody was reached; secrets in it are left out.
    answer: Option<String>,
}

impl From<Attempt> for AttemptView {
    fn from(attempt: Attempt) -> Self {
        Self {
            event_id: attempt.event.to_string(),
            part: attempt.part,
            attempt: attempt.attempt,
            at: rfc3339(attempt.at),
            status: attempt.status,
            millis: attempt.millis,
            text: messages::delivery(&attempt.outcome),
            outcome: attempt.outcome,
            answer: attempt.answer,
        }
    }
}

/// An event set aside for an endpoint.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct AsideView {
    #[schema(example = "evt_12")]
    event_id: String,
    /// `waiting`, `replayed` or `dead`.
    #[schema(example = "waiting")]
    state: &'static str,
    /// How often it was tried; 0 where it stands behind another event of its conversation.
    attempts: u32,
    first_failed_at: Option<String>,
    /// It is not tried before this; null where it is not tried any more.
    due_at: Option<String>,
    /// How it failed last.
    #[schema(example = "HTTP 500")]
    failure: Option<String>,
}

impl From<Delivery> for AsideView {
    fn from(delivery: Delivery) -> Self {
        let state = match delivery.state {
            DeliveryState::Waiting => "waiting",
            DeliveryState::Replayed => "replayed",
            DeliveryState::Dead => "dead",
        };
        Self {
            event_id: delivery.event.to_string(),
            state,
            attempts: delivery.attempts,
            first_failed_at: delivery.first_failed_at.map(rfc3339),
            due_at: Some(delivery.due_at).filter(|_| delivery.state != DeliveryState::Dead).map(rfc3339),
            failure: delivery.failure,
        }
    }
}
