//! Endpoints: the addresses that events of an account are forwarded to. A secret is shown once, in the answer that creates
//! it.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use domain::delivery::Format;
use domain::ids::ChannelId;
use secrecy::SecretString;
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::endpoint_view::{EndpointView, Endpoints};
use crate::App;
use crate::flows::forwarding::endpoints::{self, CreateEndpoint, EndpointPatch, view};
use crate::flows::{FlowError, Refusal};
use crate::store::channels;
use crate::store::endpoints::Endpoint;
use crate::web::completion::run_to_completion;
use crate::web::error::{ApiError, Problem, Result};
use crate::web::extract::auth::{Admin, Principal, Read, TenantOf};
use crate::web::extract::body::{self, Body};
use crate::web::extract::endpoint::EndpointOf;
use crate::web::extract::query::Params;

/// The settings of a new endpoint.
#[derive(Debug, Default, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewEndpoint {
    /// The name; the host of the address if omitted.
    #[schema(example = "Helpdesk")]
    name: Option<String>,
    /// Forwards events of one inbox; of all inboxes of the account if omitted.
    #[serde(default, deserialize_with = "body::text")]
    #[schema(value_type = Option<i64>, example = 42)]
    inbox_id: Option<String>,
    /// The address that events are sent to, over https.
    #[schema(value_type = String, example = "https://hooks.example.com/whatsapp")]
    url: Option<SecretString>,
    /// `meta`: the format of Meta's webhooks. `standard`: Standard Webhooks, one message or status per request.
    #[schema(value_type = String, example = "standard")]
    format: Option<String>,
    /// The kinds of events to forward: `messages`, `statuses`, `templates`, `calls`, `account`, `coexistence`, `announcements`
    /// (of Linekeeper, `standard` only), `other`. All kinds if omitted.
    #[schema(example = json!(["messages", "statuses"]))]
    kinds: Option<Vec<String>>,
    /// Additional headers of every request.
    #[schema(value_type = Option<BTreeMap<String, String>>, example = json!({"authorization": "Bearer 5f0c…"}))]
    headers: Option<BTreeMap<String, SecretString>>,
    /// Maximum number of requests per second; no limit if omitted.
    #[schema(example = 20)]
    per_second: Option<u32>,
    /// The signing secret; generated if omitted.
    #[schema(value_type = Option<String>, example = "whsec_bGluZWtlZXBlci1leGFtcGxlLXNlY3JldC1ieXRlcw==")]
    secret: Option<SecretString>,
    /// If set, the address is verified as Meta does (`hub.mode`, `hub.challenge`, `hub.verify_token`) and must answer with
    /// the challenge.
    #[schema(value_type = Option<String>)]
    verify_token: Option<SecretString>,
}

/// List endpoints of the account
#[utoipa::path(get, path = "/api/v1/accounts/{account_id}/endpoints", tag = "Forwarding",
    params(("account_id" = i64, Path), ("inbox_id" = Option<i64>, Query,
        description = "Only endpoints that receive events of this inbox")),
    responses((status = 200, body = Endpoints, description = "Oldest first"), (status = 404, body = Problem)))]
pub(crate) async fn list_endpoints(
    State(app): State<App>,
    tenant: TenantOf<Read>,
    params: Params,
) -> Result<Json<Endpoints>> {
    let inbox = params.one("inbox_id")?.map(inbox_id).transpose()?;
    if let Some(inbox) = inbox {
        let mut tx = app.store.read().await?;
        let found = channels::find_in_account(&mut tx, tenant.account_id, inbox).await?;
        found.ok_or_else(|| ApiError::not_found("inbox"))?;
    }
    let views = view::list(&app, tenant.account_id, inbox).await?;
    Ok(Json(Endpoints { data: views.into_iter().map(|view| EndpointView::new(view, &tenant.principal)).collect() }))
}

/// Create an endpoint
///
/// The endpoint receives events that arrive from now on. The signing secret is shown only in this answer; therefore this
/// route ignores `Idempotency-Key`.
#[utoipa::path(post, path = "/api/v1/accounts/{account_id}/endpoints", tag = "Forwarding", request_body = NewEndpoint,
    params(("account_id" = i64, Path)),
    responses((status = 201, body = EndpointView, description = "Created; save the secret"),
        (status = 404, body = Problem), (status = 422, body = Problem)))]
pub(crate) async fn create_endpoint(
    State(app): State<App>,
    tenant: TenantOf<Admin>,
    Body(new): Body<NewEndpoint>,
) -> Result<(StatusCode, Json<EndpointView>)> {
    let NewEndpoint { name, url, kinds, headers, per_second, secret, verify_token, .. } = new;
    let wanted = CreateEndpoint {
        account: tenant.account_id,
        inbox: new.inbox_id.as_deref().map(inbox_id).transpose()?,
        format: format(new.format.as_deref())?,
        secret,
        settings: EndpointPatch { name, url, kinds, headers, per_second, verify_token },
    };
    let worker = app.clone();
    let made = run_to_completion(&app, async move { endpoints::create(&worker, wanted).await }).await?;
    let (made, secret) = made.map_err(named)?;
    let shown = show(&app, made, &tenant.principal).await?.with_secret(&secret);
    Ok((StatusCode::CREATED, Json(shown)))
}

/// Show one endpoint
///
/// Settings, status and counts; never the secret.
#[utoipa::path(get, path = "/api/v1/accounts/{account_id}/endpoints/{endpoint_id}", tag = "Forwarding",
    params(("account_id" = i64, Path), ("endpoint_id" = String, Path)),
    responses((status = 200, body = EndpointView, description = "The endpoint"),
        (status = 404, body = Problem)))]
pub(crate) async fn show_endpoint(State(app): State<App>, on: EndpointOf<Read>) -> Result<Json<EndpointView>> {
    show(&app, on.endpoint, &on.principal).await.map(Json)
}

/// Changed settings; omitted members keep their value.
#[derive(Debug, Default, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct EndpointChange {
    /// The new name of the endpoint.
    #[schema(example = "Helpdesk")]
    name: Option<String>,
    /// The new address of the endpoint.
    #[schema(value_type = Option<String>, example = "https://hooks.example.com/whatsapp")]
    url: Option<SecretString>,
    /// The kinds of events to forward from now on.
    #[schema(example = json!(["messages", "statuses"]))]
    kinds: Option<Vec<String>>,
    /// All additional headers; headers that are not named are removed.
    #[schema(value_type = Option<BTreeMap<String, String>>, example = json!({"authorization": "Bearer 5f0c…"}))]
    headers: Option<BTreeMap<String, SecretString>>,
    /// Maximum number of requests per second; 0 for no limit.
    #[schema(example = 20)]
    per_second: Option<u32>,
    /// If set, the address is verified as Meta does. Nothing is changed unless it answers with the challenge.
    #[schema(value_type = Option<String>, example = "consumer-verify-token")]
    verify_token: Option<SecretString>,
    #[schema(ignore)]
    format: Option<IgnoredAny>,
    #[schema(ignore)]
    inbox_id: Option<IgnoredAny>,
    #[schema(ignore)]
    secret: Option<IgnoredAny>,
}

/// Change an endpoint
///
/// Pending events are sent to the new address too. Format and inbox cannot be changed; the secret has its own route.
#[utoipa::path(patch, path = "/api/v1/accounts/{account_id}/endpoints/{endpoint_id}", tag = "Forwarding",
    request_body = EndpointChange, params(("account_id" = i64, Path), ("endpoint_id" = String, Path)),
    responses((status = 200, body = EndpointView, description = "Changed"), (status = 404, body = Problem),
        (status = 422, body = Problem)))]
pub(crate) async fn change_endpoint(
    State(app): State<App>,
    on: EndpointOf<Admin>,
    Body(change): Body<EndpointChange>,
) -> Result<Json<EndpointView>> {
    let fixed = "cannot be changed; create another endpoint and delete this one";
    let refused = [
        ("format", change.format, fixed),
        ("inbox_id", change.inbox_id, fixed),
        ("secret", change.secret, "is changed with POST …/secret"),
    ];
    if let Some((field, _, why)) = refused.into_iter().find(|(_, given, _)| given.is_some()) {
        return Err(ApiError::invalid(field, why));
    }
    let EndpointChange { name, url, kinds, headers, per_second, verify_token, .. } = change;
    let patch = EndpointPatch { name, url, kinds, headers, per_second, verify_token };
    let changed = endpoints::patch(&app, &on.endpoint, patch).await.map_err(named)?;
    show(&app, changed, &on.principal).await.map(Json)
}

/// Delete an endpoint
///
/// Deletes pending events, dead letters and the list of deliveries too. The events are kept.
#[utoipa::path(delete, path = "/api/v1/accounts/{account_id}/endpoints/{endpoint_id}", tag = "Forwarding",
    params(("account_id" = i64, Path), ("endpoint_id" = String, Path)),
    responses((status = 204, description = "Deleted"), (status = 404, body = Problem)))]
pub(crate) async fn delete_endpoint(State(app): State<App>, on: EndpointOf<Admin>) -> Result<StatusCode> {
    let worker = app.clone();
    run_to_completion(&app, async move { endpoints::delete(&worker, &on.endpoint).await }).await??;
    Ok(StatusCode::NO_CONTENT)
}

/// The new signing secret of an endpoint.
#[derive(Debug, Default, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewSecret {
    /// The secret; generated if omitted.
    #[schema(value_type = Option<String>, example = "whsec_bGluZWtlZXBlci1leGFtcGxlLXNlY3JldC1ieXRlcw==")]
    secret: Option<SecretString>,
}

/// Change an endpoint's secret
///
/// For 24 hours requests are signed with the previous secret as well. The new secret is shown only in this answer;
/// therefore this route ignores `Idempotency-Key`.
#[utoipa::path(post, path = "/api/v1/accounts/{account_id}/endpoints/{endpoint_id}/secret", tag = "Forwarding",
    request_body = NewSecret, params(("account_id" = i64, Path), ("endpoint_id" = String, Path)),
    responses((status = 200, body = EndpointView, description = "Changed; save the secret"),
        (status = 404, body = Problem), (status = 422, body = Problem)))]
pub(crate) async fn rotate_endpoint_secret(
    State(app): State<App>,
    on: EndpointOf<Admin>,
    Body(new): Body<NewSecret>,
) -> Result<Json<EndpointView>> {
    let (changed, secret) = endpoints::rotate_secret(&app, &on.endpoint, new.secret).await.map_err(named)?;
    Ok(Json(show(&app, changed, &on.principal).await?.with_secret(&secret)))
}

/// The event to continue with after switching on.
#[derive(Debug, Default, Deserialize, utoipa::ToSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Resume {
    /// `where_it_stopped` (the default), or `now` to skip the events that arrived meanwhile.
    #[schema(example = "where_it_stopped")]
    from: Option<String>,
}

/// Switch an endpoint on
///
/// Continues where the endpoint stopped, or skips the events that arrived meanwhile. Events that failed before are retried
/// in both cases. Nothing changes if the endpoint is on, so a repeated request is harmless and `Idempotency-Key` is ignored.
#[utoipa::path(post, path = "/api/v1/accounts/{account_id}/endpoints/{endpoint_id}/enable", tag = "Forwarding",
    request_body = Resume, params(("account_id" = i64, Path), ("endpoint_id" = String, Path)),
    responses((status = 200, body = EndpointView, description = "On"), (status = 404, body = Problem),
        (status = 422, body = Problem)))]
pub(crate) async fn enable_endpoint(
    State(app): State<App>,
    on: EndpointOf<Admin>,
    Body(resume): Body<Resume>,
) -> Result<Json<EndpointView>> {
    let from_now = from_now(resume.from.as_deref())?;
    let enabled = endpoints::enable(&app, &on.endpoint, from_now).await?;
    show(&app, enabled, &on.principal).await.map(Json)
}

/// Switch an endpoint off
///
/// No more events are sent. The cursor and pending events are kept. This route ignores `Idempotency-Key`.
#[utoipa::path(post, path = "/api/v1/accounts/{account_id}/endpoints/{endpoint_id}/disable", tag = "Forwarding",
    params(("account_id" = i64, Path), ("endpoint_id" = String, Path)),
    responses((status = 200, body = EndpointView, description = "Off"), (status = 404, body = Problem)))]
pub(crate) async fn disable_endpoint(State(app): State<App>, on: EndpointOf<Admin>) -> Result<Json<EndpointView>> {
    let disabled = endpoints::disable(&app, &on.endpoint).await?;
    show(&app, disabled, &on.principal).await.map(Json)
}

async fn show(app: &App, endpoint: Endpoint, principal: &Principal) -> Result<EndpointView> {
    Ok(EndpointView::new(view::now(app, endpoint).await?, principal))
}

fn inbox_id(text: &str) -> Result<ChannelId> {
    let id = text.parse().ok().filter(|id| *id > 0);
    id.map(ChannelId).ok_or_else(|| ApiError::invalid("inbox_id", "the id of an inbox, such as 42"))
}

/// Parses the format of an endpoint.
pub(in crate::web) fn format(word: Option<&str>) -> Result<Format> {
    let fix = "\"meta\" (as Meta posts them) or \"standard\" (Standard Webhooks)";
    word.and_then(|word| word.parse().ok()).ok_or_else(|| ApiError::invalid("format", fix))
}

/// Whether to skip the events that arrived while the endpoint was off.
pub(in crate::web) fn from_now(word: Option<&str>) -> Result<bool> {
    match word {
        None | Some("where_it_stopped") => Ok(false),
        Some("now") => Ok(true),
        Some(_) => Err(ApiError::invalid("from", "\"where_it_stopped\" or \"now\"")),
    }
}

/// Names the field in the problem document when the text of a refusal begins with it.
pub(in crate::web) fn named(error: FlowError) -> ApiError {
    const FIELDS: [&str; 8] = ["name", "url", "kinds", "headers", "secret", "verify_token", "from", "to"];
    if let FlowError::Refused { code: Refusal::InvalidParameter, text } = &error
        && let Some((field, fix)) = text.split_once(": ")
        && FIELDS.contains(&field)
    {
        return ApiError::invalid(field, fix);
    }
    error.into()
}
