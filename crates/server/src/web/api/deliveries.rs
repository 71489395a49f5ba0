//! What an endpoint was sent and answered, what waits for it, what was given up, and sending again.

use axum::Json;
use axum::extract::State;
use domain::ids::{AccountId, ChannelId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::endpoint_view::{AsideView, AttemptView};
use super::endpoints::named;
use crate::App;
use crate::flows::endpoints::{self, replay};
use crate::store::deliveries::replay::Which;
use crate::store::deliveries::{self, DeliveryState, attempts, log};
use crate::store::ids::{EndpointId, EventId};
use crate::store::{Tx, endpoints as kept};
use crate::web::completion::run_to_completion;
use crate::web::error::{ApiError, Problem, Result};
use crate::web::extract::auth::{Admin, ChannelOf, Operate, Read};
use crate::web::extract::body::Body;
use crate::web::extract::endpoint::EndpointOf;
use crate::web::extract::paging::{List, Page};
use crate::web::extract::path::{NestedId, nested_id};
use crate::web::extract::query::Params;

/// What came of a test.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct TestView {
    /// It took the message.
    delivered: bool,
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
    /// The beginning of a refusing answer, or why nobody was reached.
    answer: Option<String>,
}

/// Test an endpoint
///
/// Posts a made-up message to it now, signed as any other, whether it is switched on or not. Its type is
/// `linekeeper.test`; in Meta's format it is a message from 15550199999. Nothing of it is kept.
#[utoipa::path(post, path = "/api/v1/accounts/{account_id}/endpoints/{endpoint_id}/test", tag = "Forwarding",
    params(("account_id" = i64, Path), ("endpoint_id" = String, Path)),
    responses((status = 200, body = TestView, description = "What it answered"), (status = 404, body = Problem)))]
pub(crate) async fn test_endpoint(State(app): State<App>, on: EndpointOf<Operate>) -> Result<Json<TestView>> {
    let worker = app.clone();
    let made = run_to_completion(&app, async move { endpoints::test(&worker, &on.endpoint).await }).await?;
    let text = crate::messages::delivery(&made.outcome);
    Ok(Json(TestView {
        delivered: made.outcome == "delivered",
        status: made.status,
        millis: made.millis,
        outcome: made.outcome,
        text,
        answer: made.answer,
    }))
}

/// List deliveries of an endpoint
///
/// Every post and what was answered, kept as long as the events themselves.
#[utoipa::path(get, path = "/api/v1/accounts/{account_id}/endpoints/{endpoint_id}/deliveries", tag = "Forwarding",
    params(("account_id" = i64, Path), ("endpoint_id" = String, Path),
        ("only" = Option<String>, Query, description = "`failed`: leave out what was taken"),
        ("limit" = Option<i64>, Query, description = "1 to 200, 50 when left out"),
        ("after" = Option<String>, Query, description = "`next` of the page before")),
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

/// List what waits for an endpoint
#[utoipa::path(get, path = "/api/v1/accounts/{account_id}/endpoints/{endpoint_id}/waiting", tag = "Forwarding",
    params(("account_id" = i64, Path), ("endpoint_id" = String, Path),
        ("only" = Option<String>, Query, description = "`replayed`: those asked for again, instead of those refused"),
        ("limit" = Option<i64>, Query, description = "1 to 200, 50 when left out"),
        ("after" = Option<String>, Query, description = "`next` of the page before")),
    responses((status = 200, body = List<AsideView>, description = "Newest event first"), (status = 404, body = Problem)))]
pub(crate) async fn list_waiting(
    State(app): State<App>,
    on: EndpointOf<Read>,
    page: Page,
    params: Params,
) -> Result<Json<List<AsideView>>> {
    let state = if only(&params, "replayed")? { DeliveryState::Replayed } else { DeliveryState::Waiting };
    aside(&app, on.endpoint.id, state, &page).await
}

/// List dead letters of an endpoint
///
/// Events that were tried for three days and given up.
#[utoipa::path(get, path = "/api/v1/accounts/{account_id}/endpoints/{endpoint_id}/dead_letters", tag = "Forwarding",
    params(("account_id" = i64, Path), ("endpoint_id" = String, Path),
        ("limit" = Option<i64>, Query, description = "1 to 200, 50 when left out"),
        ("after" = Option<String>, Query, description = "`next` of the page before")),
    responses((status = 200, body = List<AsideView>, description = "Newest event first"), (status = 404, body = Problem)))]
pub(crate) async fn list_dead_letters(
    State(app): State<App>,
    on: EndpointOf<Read>,
    page: Page,
) -> Result<Json<List<AsideView>>> {
    aside(&app, on.endpoint.id, DeliveryState::Dead, &page).await
}

/// How many events.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct Marked {
    #[schema(example = 17)]
    events: u64,
}

/// Discard dead letters
///
/// Forgets all of them. The events stay, and can still be asked for by time or by id.
#[utoipa::path(delete, path = "/api/v1/accounts/{account_id}/endpoints/{endpoint_id}/dead_letters", tag = "Forwarding",
    params(("account_id" = i64, Path), ("endpoint_id" = String, Path)),
    responses((status = 200, body = Marked, description = "How many were forgotten"), (status = 404, body = Problem)))]
pub(crate) async fn discard_dead_letters(State(app): State<App>, on: EndpointOf<Admin>) -> Result<Json<Marked>> {
    let worker = app.clone();
    let forgotten = async move { replay::discard_dead(&worker, &on.endpoint).await };
    Ok(Json(Marked { events: run_to_completion(&app, forgotten).await?? }))
}

/// What to send again: one event, or a time, or the dead letters.
#[derive(Debug, Default, Deserialize, utoipa::ToSchema)]
#[serde(default)]
pub(crate) struct Replay {
    /// This event.
    #[schema(example = "evt_12")]
    event: Option<String>,
    /// Every event received from here on.
    #[schema(example = "2026-11-25T10:00:00Z")]
    from: Option<String>,
    /// And before here; until now when left out.
    #[schema(example = "2026-11-25T11:00:00Z")]
    to: Option<String>,
    /// Every dead letter.
    #[schema(example = false)]
    dead_letters: bool,
}

/// Send events again
///
/// They go behind everything else, with the ids they had. What the endpoint has yet to get for the first time,
/// or waits for already, is not among them; events of kinds it does not want are counted and passed over.
#[utoipa::path(post, path = "/api/v1/accounts/{account_id}/endpoints/{endpoint_id}/replay", tag = "Forwarding",
    request_body = Replay, params(("account_id" = i64, Path), ("endpoint_id" = String, Path)),
    responses((status = 200, body = Marked, description = "How many will be sent again"),
        (status = 404, body = Problem), (status = 422, body = Problem)))]
pub(crate) async fn replay_events(
    State(app): State<App>,
    on: EndpointOf<Operate>,
    Body(asked): Body<Replay>,
) -> Result<Json<Marked>> {
    let which = which(&asked, app.clock.now())?;
    let worker = app.clone();
    let marked = async move { replay::ask(&worker, &on.endpoint, which, &|_| {}).await };
    Ok(Json(Marked { events: run_to_completion(&app, marked).await?.map_err(named)? }))
}

/// Exactly one of the three ways to say it.
fn which(asked: &Replay, now: Timestamp) -> Result<Which> {
    match (asked.event.as_deref(), asked.from.as_deref(), asked.to.as_deref(), asked.dead_letters) {
        (Some(event), None, None, false) => {
            let event = event.parse().map_err(|_| ApiError::invalid("event", "the id of an event, such as evt_12"))?;
            Ok(Which::Event(event))
        }
        (None, Some(from), to, false) => {
            Ok(Which::Between(instant("from", from)?, to.map_or(Ok(now), |to| instant("to", to))?))
        }
        (None, None, None, true) => Ok(Which::DeadLetters),
        (None, None, Some(_), false) => Err(ApiError::invalid("from", "missing; \"to\" alone names no time")),
        _ => {
            let fix = "say one of three: \"event\", or \"from\" (and \"to\"), or \"dead_letters\": true";
            Err(ApiError::invalid("event", fix))
        }
    }
}

fn instant(field: &str, text: &str) -> Result<Timestamp> {
    text.parse().map_err(|_| ApiError::invalid(field, "an instant such as 2026-11-25T10:00:00Z"))
}

/// How an event fared at one endpoint.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct EventDeliveryView {
    #[schema(example = "end_0190f3a2c0de7000b000000000000001")]
    endpoint_id: String,
    endpoint_name: String,
    /// How it stands where it is set aside; null where it was taken, not wanted or not sent yet.
    aside: Option<AsideView>,
    /// Every post of it, oldest first.
    attempts: Vec<AttemptView>,
}

/// How an event fared everywhere.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct EventDeliveries {
    data: Vec<EventDeliveryView>,
}

/// Show how an event was delivered
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
    if !is_of(&mut tx, account, channel, event).await? {
        return Err(ApiError::not_found("event"));
    }
    let mut data = Vec::new();
    for endpoint in kept::list(&mut tx, account, Some(channel)).await? {
        let aside = deliveries::of_event(&mut tx, endpoint.id, event).await?;
        let tried = attempts::of_event(&mut tx, endpoint.id, event).await?;
        data.push(EventDeliveryView {
            endpoint_id: endpoint.id.to_string(),
            endpoint_name: endpoint.settings.name,
            aside: aside.map(AsideView::from),
            attempts: tried.into_iter().map(AttemptView::from).collect(),
        });
    }
    Ok(Json(EventDeliveries { data }))
}

/// Whether an inbox's page may show an event: its own, or one about its whole WABA.
async fn is_of(tx: &mut Tx, account: AccountId, channel: ChannelId, event: EventId) -> Result<bool> {
    let found = log::entry(tx, account, event).await?;
    Ok(found.is_some_and(|entry| entry.channel.is_none_or(|of| of == channel)))
}

async fn aside(app: &App, endpoint: EndpointId, state: DeliveryState, page: &Page) -> Result<Json<List<AsideView>>> {
    let mut tx = app.store.read().await?;
    let rows = deliveries::list(&mut tx, endpoint, state, page.after()?, page.probe()).await?;
    Ok(Json(page.finish(rows, |row| row.event.to_string(), AsideView::from)))
}

/// Whether `?only=` says this word.
fn only(params: &Params, word: &str) -> Result<bool> {
    match params.one("only")? {
        None => Ok(false),
        Some(said) if said == word => Ok(true),
        Some(_) => Err(ApiError::invalid("only", format!("\"{word}\", or leave it out"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_to_send_again_is_said_in_one_way() {
        let now: Timestamp = "2026-11-25T12:00:00Z".parse().unwrap();
        let of = |body: serde_json::Value| which(&serde_json::from_value(body).unwrap(), now);
        let from: Timestamp = "2026-11-25T10:00:00Z".parse().unwrap();
        assert_eq!(of(serde_json::json!({ "event": "evt_12" })).unwrap(), Which::Event(EventId(12)));
        assert_eq!(of(serde_json::json!({ "from": "2026-11-25T10:00:00Z" })).unwrap(), Which::Between(from, now));
        assert_eq!(of(serde_json::json!({ "dead_letters": true })).unwrap(), Which::DeadLetters);
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
