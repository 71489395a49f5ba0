//! Deliveries of an endpoint: attempts, pending deliveries, dead letters, test messages and replays.

use axum::Json;
use axum::extract::State;
use domain::delivery::AttemptOutcome;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::endpoint_view::{AttemptView, PendingDeliveryView};
use super::endpoints::named;
use crate::App;
use crate::flows::forwarding::endpoints::{self, replay};
use crate::store::deliveries::replay::ReplaySelector;
use crate::store::deliveries::{self, DeliveryState, attempts, log};
use crate::store::endpoints as kept;
use crate::store::ids::{EndpointId, EventId};
use crate::web::completion::run_to_completion;
use crate::web::error::{ApiError, Problem, Result};
use crate::web::extract::auth::{Admin, ChannelOf, Operate, Read};
use crate::web::extract::body::Body;
use crate::web::extract::endpoint::EndpointOf;
use crate::web::extract::paging::{List, Page};
use crate::web::extract::path::{NestedId, nested_id};
use crate::web::extract::query::Params;

/// The result of a test message.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct TestView {
    /// The endpoint answered with a 2xx status.
    delivered: bool,
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
    /// The beginning of a failed response, or the reason why there was none.
    answer: Option<String>,
}

/// Test an endpoint
///
/// Sends a signed test message now, also when the endpoint is disabled. Its type is `linekeeper.test`; in Meta's format it
/// is a message from 15550199999. The test is not stored.
#[utoipa::path(post, path = "/api/v1/accounts/{account_id}/endpoints/{endpoint_id}/test", tag = "Forwarding",
    params(("account_id" = i64, Path), ("endpoint_id" = String, Path)),
    responses((status = 200, body = TestView, description = "The result of the test"), (status = 404, body = Problem)))]
pub(crate) async fn test_endpoint(State(app): State<App>, on: EndpointOf<Operate>) -> Result<Json<TestView>> {
    let worker = app.clone();
    let made = run_to_completion(&app, async move { endpoints::send_test(&worker, &on.endpoint).await }).await?;
    let text = crate::messages::delivery(made.outcome).to_owned();
    Ok(Json(TestView {
        delivered: made.outcome == AttemptOutcome::Delivered,
        status: made.status,
        duration_ms: made.duration_ms,
        outcome: made.outcome.into_str(),
        text,
        answer: made.answer,
    }))
}

/// List deliveries of an endpoint
///
/// Every attempt with its response, kept as long as the events.
#[utoipa::path(get, path = "/api/v1/accounts/{account_id}/endpoints/{endpoint_id}/deliveries", tag = "Forwarding",
    params(("account_id" = i64, Path), ("endpoint_id" = String, Path),
        ("only" = Option<String>, Query, description = "`failed`: only failed attempts"),
        ("limit" = Option<i64>, Query, description = "1 to 200, 50 by default"),
        ("after" = Option<String>, Query, description = "`next` of the previous page")),
    responses((status = 200, body = List<AttemptView>, description = "Newest first"), (status = 404, body = Problem)))]
pub(crate) async fn list_deliveries(
    State(app): State<App>,
    on: EndpointOf<Read>,
    page: Page,
    params: Params,
) -> Result<Json<List<AttemptView>>> {
    let only_failed = only(&params, "failed")?;
    let mut tx = app.store.read().await?;
    let rows = attempts::list(&mut tx, on.endpoint.id, page.after()?, only_failed, page.probe()).await?;
    Ok(Json(page.finish(rows, |row| row.place().to_string(), AttemptView::from)))
}

/// List retrying deliveries of an endpoint
///
/// Events, or in the format `standard` single messages and statuses, that failed, or follow a failed one in their
/// conversation, and are retried.
#[utoipa::path(get, path = "/api/v1/accounts/{account_id}/endpoints/{endpoint_id}/retrying", tag = "Forwarding",
    params(("account_id" = i64, Path), ("endpoint_id" = String, Path),
        ("only" = Option<String>, Query, description = "`replayed`: replays instead of failed ones"),
        ("limit" = Option<i64>, Query, description = "1 to 200, 50 by default"),
        ("after" = Option<String>, Query, description = "`next` of the previous page")),
    responses((status = 200, body = List<PendingDeliveryView>, description = "Newest event first"), (status = 404, body = Problem)))]
pub(crate) async fn list_retrying(
    State(app): State<App>,
    on: EndpointOf<Read>,
    page: Page,
    params: Params,
) -> Result<Json<List<PendingDeliveryView>>> {
    let state = if only(&params, "replayed")? { DeliveryState::Replayed } else { DeliveryState::Retrying };
    list_pending(&app, on.endpoint.id, state, &page).await
}

/// List dead letters of an endpoint
///
/// Events, or in the format `standard` single messages and statuses, that failed for three days and are not retried any more.
#[utoipa::path(get, path = "/api/v1/accounts/{account_id}/endpoints/{endpoint_id}/dead_letters", tag = "Forwarding",
    params(("account_id" = i64, Path), ("endpoint_id" = String, Path),
        ("limit" = Option<i64>, Query, description = "1 to 200, 50 by default"),
        ("after" = Option<String>, Query, description = "`next` of the previous page")),
    responses((status = 200, body = List<PendingDeliveryView>, description = "Newest event first"), (status = 404, body = Problem)))]
pub(crate) async fn list_dead_letters(
    State(app): State<App>,
    on: EndpointOf<Read>,
    page: Page,
) -> Result<Json<List<PendingDeliveryView>>> {
    list_pending(&app, on.endpoint.id, DeliveryState::Dead, &page).await
}

/// The number of events, or of dead letters, that were affected.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct Marked {
    #[schema(example = 17)]
    events: u64,
}

/// Discard dead letters
///
/// Removes all dead letters. The events are kept and can be replayed by time or by id.
#[utoipa::path(delete, path = "/api/v1/accounts/{account_id}/endpoints/{endpoint_id}/dead_letters", tag = "Forwarding",
    params(("account_id" = i64, Path), ("endpoint_id" = String, Path)),
    responses((status = 200, body = Marked, description = "The number of discarded dead letters"), (status = 404, body = Problem)))]
pub(crate) async fn discard_dead_letters(State(app): State<App>, on: EndpointOf<Admin>) -> Result<Json<Marked>> {
    let worker = app.clone();
    let forgotten = async move { replay::discard_dead_letters(&worker, &on.endpoint).await };
    Ok(Json(Marked { events: run_to_completion(&app, forgotten).await?? }))
}

/// The events to replay: one event, a period, or the dead letters.
#[derive(Debug, Default, Deserialize, utoipa::ToSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Replay {
    /// The id of one event.
    #[schema(example = "evt_12")]
    event: Option<String>,
    /// The begin of a period; events received from then on are replayed.
    #[schema(example = "2026-11-25T10:00:00Z")]
    from: Option<String>,
    /// The end of the period; now if omitted.
    #[schema(example = "2026-11-25T11:00:00Z")]
    to: Option<String>,
    /// Replays all dead letters.
    #[schema(example = false)]
    dead_letters: bool,
}

/// Replay events
///
/// Replayed events keep their ids and are sent after all other events. What is still pending is not replayed.
/// Events of kinds that the endpoint does not receive are counted but not sent.
#[utoipa::path(post, path = "/api/v1/accounts/{account_id}/endpoints/{endpoint_id}/replay", tag = "Forwarding",
    request_body = Replay, params(("account_id" = i64, Path), ("endpoint_id" = String, Path)),
    responses((status = 200, body = Marked, description = "The number of events that will be replayed"),
        (status = 404, body = Problem), (status = 422, body = Problem)))]
pub(crate) async fn replay_events(
    State(app): State<App>,
    on: EndpointOf<Operate>,
    Body(asked): Body<Replay>,
) -> Result<Json<Marked>> {
    let which = which(&asked, app.clock.now())?;
    let worker = app.clone();
    let marked = async move { replay::request_replay(&worker, &on.endpoint, which, &|_| {}).await };
    Ok(Json(Marked { events: run_to_completion(&app, marked).await?.map_err(named)? }))
}

/// Exactly one of the three ways to select events.
fn which(asked: &Replay, now: Timestamp) -> Result<ReplaySelector> {
    match (asked.event.as_deref(), asked.from.as_deref(), asked.to.as_deref(), asked.dead_letters) {
        (Some(event), None, None, false) => {
            let event = event.parse().map_err(|_| ApiError::invalid("event", "the id of an event, such as evt_12"))?;
            Ok(ReplaySelector::Event(event))
        }
        (None, Some(from), to, false) => {
            Ok(ReplaySelector::Between(instant("from", from)?, to.map_or(Ok(now), |to| instant("to", to))?))
        }
        (None, None, None, true) => Ok(ReplaySelector::DeadLetters),
        (None, None, Some(_), false) => Err(ApiError::invalid("from", "missing; \"to\" alone is no period")),
        _ => {
            let fix = "give one of \"event\", \"from\" (and \"to\"), or \"dead_letters\": true";
            Err(ApiError::invalid("event", fix))
        }
    }
}

fn instant(field: &str, text: &str) -> Result<Timestamp> {
    text.parse().map_err(|_| ApiError::invalid(field, "an instant such as 2026-11-25T10:00:00Z"))
}

/// The deliveries of an event to one endpoint.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct EventDeliveryView {
    #[schema(example = "end_0190f3a2c0de7000b000000000000001")]
    endpoint_id: String,
    endpoint_name: String,
    /// What is retried, replayed or a dead letter of the event; empty if delivered, not sent yet, or not forwarded to the
    /// endpoint.
    pending: Vec<PendingDeliveryView>,
    /// All attempts, oldest first.
    attempts: Vec<AttemptView>,
}

/// The deliveries of an event to all endpoints.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct EventDeliveries {
    data: Vec<EventDeliveryView>,
}

/// Show the deliveries of an event
#[utoipa::path(get, path = "/api/v1/accounts/{account_id}/inboxes/{id}/events/{event_id}/deliveries", tag = "Forwarding",
    params(("account_id" = i64, Path), ("id" = i64, Path), ("event_id" = String, Path)),
    responses((status = 200, body = EventDeliveries, description = "One entry per endpoint of the inbox"),
        (status = 404, body = Problem)))]
pub(crate) async fn show_event_deliveries(
    State(app): State<App>,
    on: ChannelOf<Read>,
    path: NestedId,
) -> Result<Json<EventDeliveries>> {
    let event: EventId = nested_id(&path, "event_id", "event")?;
    let (account, channel) = (on.channel.account_id, on.channel.id);
    let mut tx = app.store.read().await?;
    if !log::is_visible(&mut tx, account, Some(channel), event).await? {
        return Err(ApiError::not_found("event"));
    }
    let mut data = Vec::new();
    for endpoint in kept::list(&mut tx, account, Some(channel)).await? {
        let pending = deliveries::of_event(&mut tx, endpoint.id, event).await?;
        let tried = attempts::of_event(&mut tx, endpoint.id, event).await?;
        data.push(EventDeliveryView {
            endpoint_id: endpoint.id.to_string(),
            endpoint_name: endpoint.settings.name,
            pending: pending.into_iter().map(PendingDeliveryView::from).collect(),
            attempts: tried.into_iter().map(AttemptView::from).collect(),
        });
    }
    Ok(Json(EventDeliveries { data }))
}

async fn list_pending(
    app: &App,
    endpoint: EndpointId,
    state: DeliveryState,
    page: &Page,
) -> Result<Json<List<PendingDeliveryView>>> {
    let mut tx = app.store.read().await?;
    let rows = deliveries::list(&mut tx, endpoint, state, page.after()?, page.probe()).await?;
    Ok(Json(page.finish(rows, |row| row.key.to_string(), PendingDeliveryView::from)))
}

/// Whether the parameter `only` has this value.
fn only(params: &Params, word: &str) -> Result<bool> {
    match params.one("only")? {
        None => Ok(false),
        Some(value) if value == word => Ok(true),
        Some(_) => Err(ApiError::invalid("only", format!("\"{word}\", or leave it out"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_replay_selects_events_in_exactly_one_way() {
        let now: Timestamp = "2026-11-25T12:00:00Z".parse().unwrap();
        let of = |body: serde_json::Value| which(&serde_json::from_value(body).unwrap(), now);
        let from: Timestamp = "2026-11-25T10:00:00Z".parse().unwrap();
        assert_eq!(of(serde_json::json!({ "event": "evt_12" })).unwrap(), ReplaySelector::Event(EventId(12)));
        assert_eq!(
            of(serde_json::json!({ "from": "2026-11-25T10:00:00Z" })).unwrap(),
            ReplaySelector::Between(from, now)
        );
        assert_eq!(of(serde_json::json!({ "dead_letters": true })).unwrap(), ReplaySelector::DeadLetters);
        for (body, field) in [
            (serde_json::json!({}), "event"),
            (serde_json::json!({ "event": "12" }), "event"),
            (serde_json::json!({ "event": "evt_12", "dead_letters": true }), "event"),
            (serde_json::json!({ "to": "2026-11-25T10:00:00Z" }), "from"),
            (serde_json::json!({ "from": "yesterday" }), "from"),
            (serde_json::json!({ "from": "2026-11-25T10:00:00Z", "to": "later" }), "to"),
        ] {
            let error = of(body.clone()).unwrap_err();
            assert!(error.detail().starts_with(&format!("{field}: ")), "{body}: {}", error.detail());
        }
    }
}
