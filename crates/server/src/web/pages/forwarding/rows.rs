//! Endpoints, deliveries and dead letters, prepared for the templates. No decision is made here.

use domain::delivery::AttemptOutcome;
use domain::delivery::EndpointStatus;
use domain::delivery::{EventKind, Format};
use jiff::Timestamp;
use secrecy::ExposeSecret as _;

use crate::flows::forwarding::endpoints::view::{MAX_BEHIND, View};
use crate::messages::{self, time_element};
use crate::store::api_keys::Scope;
use crate::store::deliveries::Delivery;
use crate::store::deliveries::attempts::Attempt;
use crate::store::ids::{DeliveryKey, ItemId};
use crate::web::extract::auth::Principal;
use crate::web::pages::badge::{self, Mark};
use crate::web::pages::icons::{ALERT, CHECK};

/// The endpoints of a number, for its tab.
pub(crate) struct Forwarding {
    pub(crate) endpoints: Vec<EndpointRow>,
    /// The reader may create an endpoint.
    pub(crate) may_change: bool,
}

impl Forwarding {
    pub(crate) fn new(views: &[View], principal: &Principal) -> Self {
        Self {
            endpoints: views.iter().map(EndpointRow::from).collect(),
            may_change: principal.key.scope >= Scope::Admin,
        }
    }
}

/// An endpoint in the list of a number.
pub(crate) struct EndpointRow {
    pub(crate) id: String,
    pub(crate) name: String,
    /// Empty where the name is the host.
    pub(crate) host: String,
    pub(crate) mark: Mark,
    pub(crate) kinds: String,
    pub(crate) is_of_account: bool,
    pub(crate) delivered_html: Option<String>,
    pub(crate) waiting: i64,
    pub(crate) dead: i64,
}

impl From<&View> for EndpointRow {
    fn from(view: &View) -> Self {
        let endpoint = &view.endpoint;
        let settings = &endpoint.settings;
        Self {
            id: endpoint.id.to_string(),
            host: if settings.name == settings.host { String::new() } else { settings.host.clone() },
            name: settings.name.clone(),
            mark: badge::endpoint(&view.status),
            kinds: kinds(&settings.kinds, endpoint.format),
            is_of_account: endpoint.channel_id.is_none(),
            delivered_html: endpoint.last_delivered_at.map(|at| time_element(at, "ago")),
            waiting: view.counts.waiting + view.counts.replayed,
            dead: view.counts.dead,
        }
    }
}

/// The kinds of events in one line.
fn kinds(kinds: &[EventKind], format: Format) -> String {
    let possible = EventKind::ALL.len() - usize::from(format == Format::Meta);
    if kinds.len() >= possible {
        return "All events".to_owned();
    }
    kinds.iter().map(|kind| messages::event_kind(*kind).0).collect::<Vec<_>>().join(", ")
}

/// The name of a format.
pub(super) const fn format_name(format: Format) -> &'static str {
    match format {
        Format::Meta => "Meta’s format",
        Format::Standard => "Standard Webhooks",
    }
}

/// An endpoint with its status and settings.
pub(super) struct Detail {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) host: String,
    /// Shown to readers who may change the endpoint.
    pub(super) url: Option<String>,
    pub(super) mark: Mark,
    pub(super) text_html: String,
    pub(super) is_on: bool,
    pub(super) is_of_account: bool,
    pub(super) format: &'static str,
    pub(super) kinds: String,
    pub(super) headers: String,
    pub(super) limit: String,
    pub(super) delivered_html: Option<String>,
    pub(super) next_html: Option<String>,
    pub(super) secret_before_html: Option<String>,
    pub(super) retrying: i64,
    pub(super) replayed: i64,
    pub(super) backlog: String,
    pub(super) dead: i64,
}

impl Detail {
    pub(super) fn new(view: &View, may_change: bool, now: Timestamp) -> Self {
        let View { endpoint, status, counts, behind, next_try_at } = view;
        let settings = &endpoint.settings;
        let headers: Vec<&str> = settings.headers.keys().map(String::as_str).collect();
        let before = endpoint.previous_secret.as_ref().filter(|(_, until)| *until > now);
        Self {
            id: endpoint.id.to_string(),
            name: settings.name.clone(),
            host: settings.host.clone(),
            url: may_change.then(|| settings.url.expose_secret().to_owned()),
            mark: badge::endpoint(status),
            text_html: messages::endpoint_status(status).text.to_html(),
            is_on: !matches!(status, EndpointStatus::Disabled { .. }),
            is_of_account: endpoint.channel_id.is_none(),
            format: format_name(endpoint.format),
            kinds: kinds(&settings.kinds, endpoint.format),
            headers: headers.join(", "),
            limit: settings
                .per_second
                .map_or_else(|| "None".to_owned(), |limit| format!("{limit} requests per second")),
            delivered_html: endpoint.last_delivered_at.map(|at| time_element(at, "ago")),
            next_html: next_try_at.map(|at| time_element(at, "until")),
            secret_before_html: before.map(|(_, until)| time_element(*until, "at")),
            retrying: counts.waiting,
            replayed: counts.replayed,
            backlog: if *behind >= MAX_BEHIND { format!("{MAX_BEHIND} or more") } else { behind.to_string() },
            dead: counts.dead,
        }
    }
}

/// One delivery attempt, for its table row.
pub(super) struct DeliveryRow {
    pub(super) at_html: String,
    pub(super) event: String,
    pub(super) item: Option<String>,
    pub(super) attempt: u32,
    pub(super) tone: &'static str,
    pub(super) icon: &'static str,
    pub(super) outcome: String,
    pub(super) status: String,
    pub(super) took: String,
    pub(super) answer: Option<String>,
}

impl From<Attempt> for DeliveryRow {
    fn from(attempt: Attempt) -> Self {
        let (tone, icon) =
            if attempt.outcome == AttemptOutcome::Delivered { ("good", CHECK) } else { ("caution", ALERT) };
        Self {
            at_html: time_element(attempt.at, "moment"),
            event: attempt.key.event.to_string(),
            item: item(attempt.key),
            attempt: attempt.attempt,
            tone,
            icon,
            outcome: messages::delivery(attempt.outcome).to_owned(),
            status: attempt.status.map_or_else(String::new, |status| format!("HTTP {status}")),
            took: format!("{} ms", attempt.duration_ms),
            answer: attempt.answer,
        }
    }
}

/// The `webhook-id` of one message or status; that of a whole event is the event's id.
fn item(key: DeliveryKey) -> Option<String> {
    (key.item != ItemId::WHOLE).then(|| key.webhook_id())
}

/// One dead letter, for its table row.
pub(super) struct DeadRow {
    pub(super) event: String,
    pub(super) item: Option<String>,
    pub(super) first_html: String,
    pub(super) attempts: u32,
    pub(super) failure: String,
}

impl From<Delivery> for DeadRow {
    fn from(row: Delivery) -> Self {
        Self {
            event: row.key.event.to_string(),
            item: item(row.key),
            first_html: row.first_failed_at.map_or_else(String::new, |at| time_element(at, "at")),
            attempts: row.attempts,
            failure: row.failure.as_deref().map_or_else(String::new, messages::last_failure),
        }
    }
}
