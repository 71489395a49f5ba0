//! One endpoint's page: status, deliveries, dead letters and settings.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use domain::channel::Channel;
use secrecy::{ExposeSecret as _, SecretString};

use super::rows::{DeadRow, DeliveryRow, Detail};
use crate::App;
use crate::flows::forwarding::endpoints::view;
use crate::store::api_keys::Scope;
use crate::store::deliveries::{self, DeliveryState, attempts};
use crate::store::endpoints::{self, Endpoint};
use crate::store::ids::EndpointId;
use crate::store::snapshots;
use crate::web::error::{ApiError, Result};
use crate::web::extract::auth::{ChannelOf, Principal, Read};
use crate::web::extract::path::{NestedId, nested_id};
use crate::web::extract::query::Params;
use crate::web::pages::layout::{Layout, page};
use crate::web::pages::notice::Notice;

/// Deliveries and dead letters on the page; the API lists all of them.
const SHOWN: i64 = 25;

#[derive(Template)]
#[template(path = "endpoint.html")]
struct EndpointPage {
    layout: Layout,
    csrf: String,
    number: i64,
    phone: String,
    notice: Option<Notice>,
    endpoint: Detail,
    only_failed: bool,
    deliveries: Vec<DeliveryRow>,
    dead: Vec<DeadRow>,
    may_operate: bool,
    may_change: bool,
    account: i64,
}

#[derive(Template)]
#[template(path = "endpoint_secret.html")]
struct SecretPage {
    layout: Layout,
    number: i64,
    id: String,
    name: String,
    secret: String,
    is_standard: bool,
    is_new: bool,
}

/// `GET /numbers/{id}/endpoints/{endpoint_id}`: one endpoint.
pub(super) async fn show_endpoint(
    State(app): State<App>,
    on: ChannelOf<Read>,
    path: NestedId,
    params: Params,
) -> Result<Response> {
    let endpoint = endpoint_of(&app, &on.channel, &path).await?;
    let notice = note(params.first("note"), params.first("n"));
    render(&app, &on.channel, &on.principal, endpoint, notice, params.first("only") == "failed").await
}

/// The number as Meta formats it, or as stored when it was never read.
pub(super) async fn phone_of(app: &App, channel: &Channel) -> Result<String> {
    let mut tx = app.store.read().await?;
    let read = snapshots::latest(&mut tx, channel.id).await?.and_then(|latest| latest.reading.display_phone_number);
    Ok(read.unwrap_or_else(|| channel.phone_number.to_string()))
}

/// The endpoint in the path, if it receives events of this number.
pub(super) async fn endpoint_of(app: &App, channel: &Channel, path: &NestedId) -> Result<Endpoint> {
    let id: EndpointId = nested_id(path, "endpoint_id", "endpoint")?;
    let mut tx = app.store.read().await?;
    let found = endpoints::find_in_account(&mut tx, channel.account_id, id).await?;
    let is_of = |endpoint: &Endpoint| endpoint.channel_id.is_none_or(|of| of == channel.id);
    found.filter(is_of).ok_or_else(|| ApiError::not_found("endpoint"))
}

pub(super) async fn render(
    app: &App,
    channel: &Channel,
    principal: &Principal,
    endpoint: Endpoint,
    notice: Option<Notice>,
    only_failed: bool,
) -> Result<Response> {
    let phone = phone_of(app, channel).await?;
    let mut tx = app.store.read().await?;
    let sent = attempts::list(&mut tx, endpoint.id, None, only_failed, SHOWN).await?;
    let dead = deliveries::list(&mut tx, endpoint.id, DeliveryState::Dead, None, SHOWN).await?;
    let now = app.clock.now();
    let view = view::of(&mut tx, endpoint, now).await?;
    let layout = Layout::of(&view.endpoint.settings.name, principal);
    let may_change = principal.key.scope >= Scope::Admin;
    page(&EndpointPage {
        csrf: layout.csrf.clone(),
        layout,
        number: channel.id.0,
        phone,
        notice,
        endpoint: Detail::new(&view, may_change, now),
        only_failed,
        deliveries: sent.into_iter().map(DeliveryRow::from).collect(),
        dead: dead.into_iter().map(DeadRow::from).collect(),
        may_operate: principal.key.scope >= Scope::Operate,
        may_change,
        account: channel.account_id.0,
    })
}

/// The page with the failure of an action on top. A failure of the server is passed on.
pub(super) async fn show_failure(
    app: &App,
    channel: &Channel,
    principal: &Principal,
    endpoint: Endpoint,
    error: ApiError,
) -> Result<Response> {
    if error.code().status().is_server_error() {
        return Err(error);
    }
    let notice = Notice::new("bad", error.detail());
    let shown = render(app, channel, principal, endpoint, Some(notice), false).await?;
    Ok((StatusCode::UNPROCESSABLE_ENTITY, shown).into_response())
}

/// The only page that shows a secret.
pub(super) fn show_secret(
    channel: &Channel,
    principal: &Principal,
    endpoint: &Endpoint,
    secret: &SecretString,
    is_new: bool,
) -> Result<Response> {
    page(&SecretPage {
        layout: Layout::of("Save this secret", principal),
        number: channel.id.0,
        id: endpoint.id.to_string(),
        name: endpoint.settings.name.clone(),
        secret: secret.expose_secret().to_owned(),
        is_standard: endpoint.format == domain::delivery::Format::Standard,
        is_new,
    })
}

/// The closed set of notices after an action.
fn note(word: &str, count: &str) -> Option<Notice> {
    let count: u64 = count.parse().unwrap_or(0);
    let events = if count == 1 { "1 event".to_owned() } else { format!("{count} events") };
    let (tone, text) = match word {
        "replayed" if count == 0 => ("caution", "There are no events to replay in this period.".to_owned()),
        "replayed" => ("good", format!("Replay started: {events}.")),
        "discarded" => ("good", format!("Discarded: {events}.")),
        "changed" => ("good", "Saved. The settings apply to new and to pending events.".to_owned()),
        "enabled" => ("good", "The endpoint is on.".to_owned()),
        "disabled" => ("good", "The endpoint is off. New events are kept and can be delivered later.".to_owned()),
        _ => return None,
    };
    Some(Notice::new(tone, text))
}
