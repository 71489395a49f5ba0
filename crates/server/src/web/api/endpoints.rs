//! Endpoints: the addresses an account's events are forwarded to. A secret is shown once, in the answer that
//! made it.

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
use crate::flows::endpoints::{self, Wanted, Wish, view};
use crate::flows::{FlowError, Refusal};
use crate::store::channels;
use crate::store::endpoints::Endpoint;
use crate::web::completion::run_to_completion;
use crate::web::error::{ApiError, Problem, Result};
use crate::web::extract::auth::{Admin, Principal, Read, TenantOf};
use crate::web::extract::body::{self, Body};
use crate::web::extract::endpoint::EndpointOf;
use crate::web::extract::query::Params;

/// An endpoint to be made.
#[derive(Debug, Default, Deserialize, utoipa::ToSchema)]
pub(crate) struct NewEndpoint {
    /// Its name; the host of its address when left out.
    #[schema(example = "Helpdesk")]
    name: Option<String>,
    /// Of one inbox; of every inbox of the account when left out.
    #[serde(default, deserialize_with = "body::text")]
    #[schema(value_type = Option<i64>, example = 42)]
    inbox_id: Option<String>,
    /// Where events are posted to, over https.
    #[schema(value_type = String, example = "https://hooks.example.com/whatsapp")]
    url: Option<SecretString>,
    /// `meta`: as Meta posts them. `standard`: by Standard Webhooks, one message or status per post.
    #[schema(value_type = String, example = "standard")]
    format: Option<String>,
    /// What it gets: `messages`, `statuses`, `templates`, `calls`, `account`, `coexistence`, `announcements`
    /// (Linekeeper's own, `standard` only), `other`. All of them when left out.
    #[schema(example = json!(["messages", "statuses"]))]
    kinds: Option<Vec<String>>,
    /// Headers of its own that every post carries.
    #[schema(value_type = Option<BTreeMap<String, String>>, example = json!({"authorization": "Bearer 5f0c…"}))]
    headers: Option<BTreeMap<String, SecretString>>,
    /// Posts a second, at most; no limit when left out.
    #[schema(example = 20)]
    per_second: Option<u32>,
    /// What posts are signed with; drawn when left out.
    #[schema(value_type = Option<String>, example = "whsec_bGluZWtlZXBlci1leGFtcGxlLXNlY3JldC1ieXRlcw==")]
    secret: Option<SecretString>,
    /// When given, the address is asked as Meta asks (`hub.mode`, `hub.challenge`, `hub.verify_token`) and
    /// must answer with the challenge.
    #[schema(value_type = Option<String>)]
    verify_token: Option<SecretString>,
}

/// List endpoints
#[utoipa::path(get, path = "/api/v1/accounts/{account_id}/endpoints", tag = "Forwarding",
    params(("account_id" = i64, Path), ("inbox_id" = Option<i64>, Query,
        description = "Only those this inbox's events go to: its own, and the account's")),
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

/// Make an endpoint
///
/// It gets what arrives from now on. The secret its posts are signed with is in this answer and nowhere else;
/// an `Idempotency-Key` is therefore not heeded here.
#[utoipa::path(post, path = "/api/v1/accounts/{account_id}/endpoints", tag = "Forwarding", request_body = NewEndpoint,
    params(("account_id" = i64, Path)),
    responses((status = 201, body = EndpointView, description = "Made; keep the secret"),
        (status = 404, body = Problem), (status = 422, body = Problem)))]
pub(crate) async fn create_endpoint(
    State(app): State<App>,
    tenant: TenantOf<Admin>,
    Body(new): Body<NewEndpoint>,
) -> Result<(StatusCode, Json<EndpointView>)> {
    let NewEndpoint { name, url, kinds, headers, per_second, secret, verify_token, .. } = new;
    let wanted = Wanted {
        account: tenant.account_id,
        inbox: new.inbox_id.as_deref().map(inbox_id).transpose()?,
        format: format(new.format.as_deref())?,
        secret,
        wish: Wish { name, url, kinds, headers, per_second, verify_token },
    };
    let worker = app.clone();
    let made = run_to_completion(&app, async move { endpoints::create(&worker, wanted).await }).await?;
    let (made, secret) = made.map_err(named)?;
    let shown = show(&app, made, &tenant.principal).await?.with_secret(&secret);
    Ok((StatusCode::CREATED, Json(shown)))
}

/// Show an endpoint
#[utoipa::path(get, path = "/api/v1/accounts/{account_id}/endpoints/{endpoint_id}", tag = "Forwarding",
    params(("account_id" = i64, Path), ("endpoint_id" = String, Path)),
    responses((status = 200, body = EndpointView, description = "How it stands; never its secret"),
        (status = 404, body = Problem)))]
pub(crate) async fn show_endpoint(State(app): State<App>, on: EndpointOf<Read>) -> Result<Json<EndpointView>> {
    show(&app, on.endpoint, &on.principal).await.map(Json)
}

/// What may be changed; what is left out stays.
#[derive(Debug, Default, Deserialize, utoipa::ToSchema)]
pub(crate) struct EndpointChange {
    /// Its name.
    #[schema(example = "Helpdesk")]
    name: Option<String>,
    /// Where events are posted to from now on.
    #[schema(value_type = Option<String>, example = "https://hooks.example.com/whatsapp")]
    url: Option<SecretString>,
    /// What it gets from now on.
    #[schema(example = json!(["messages", "statuses"]))]
    kinds: Option<Vec<String>>,
    /// All headers of its own: those that are not named are gone.
    #[schema(value_type = Option<BTreeMap<String, String>>, example = json!({"authorization": "Bearer 5f0c…"}))]
    headers: Option<BTreeMap<String, SecretString>>,
    /// Posts a second, at most; 0 is no limit.
    #[schema(example = 20)]
    per_second: Option<u32>,
    /// When given, the address is asked as Meta asks and must answer with the challenge; otherwise nothing
    /// is changed.
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
/// What waits goes to the new address too. Format and inbox stay as they are; the secret has a route of its own.
#[utoipa::path(patch, path = "/api/v1/accounts/{account_id}/endpoints/{endpoint_id}", tag = "Forwarding",
    request_body = EndpointChange, params(("account_id" = i64, Path), ("endpoint_id" = String, Path)),
    responses((status = 200, body = EndpointView, description = "Changed"), (status = 404, body = Problem),
        (status = 422, body = Problem)))]
pub(crate) async fn change_endpoint(
    State(app): State<App>,
    on: EndpointOf<Admin>,
    Body(change): Body<EndpointChange>,
) -> Result<Json<EndpointView>> {
    let fixed = "stays as it was made; make another endpoint and delete this one";
    let refused = [
        ("format", change.format, fixed),
        ("inbox_id", change.inbox_id, fixed),
        ("secret", change.secret, "is changed with POST …/secret"),
    ];
    if let Some((field, _, why)) = refused.into_iter().find(|(_, given, _)| given.is_some()) {
        return Err(ApiError::invalid(field, why));
    }
    let EndpointChange { name, url, kinds, headers, per_second, verify_token, .. } = change;
    let wish = Wish { name, url, kinds, headers, per_second, verify_token };
    let changed = endpoints::change(&app, &on.endpoint, wish).await.map_err(named)?;
    show(&app, changed, &on.principal).await.map(Json)
}

/// Delete an endpoint
///
/// With everything that waits for it, its dead letters and the record of what it was sent. The events stay.
#[utoipa::path(delete, path = "/api/v1/accounts/{account_id}/endpoints/{endpoint_id}", tag = "Forwarding",
    params(("account_id" = i64, Path), ("endpoint_id" = String, Path)),
    responses((status = 204, description = "Deleted"), (status = 404, body = Problem)))]
pub(crate) async fn delete_endpoint(State(app): State<App>, on: EndpointOf<Admin>) -> Result<StatusCode> {
    let worker = app.clone();
    run_to_completion(&app, async move { endpoints::delete(&worker, &on.endpoint).await }).await??;
    Ok(StatusCode::NO_CONTENT)
}

/// Another secret.
#[derive(Debug, Default, Deserialize, utoipa::ToSchema)]
pub(crate) struct NewSecret {
    /// What posts are signed with from now on; drawn when left out.
    #[schema(value_type = Option<String>, example = "whsec_bGluZWtlZXBlci1leGFtcGxlLXNlY3JldC1ieXRlcw==")]
    secret: Option<SecretString>,
}

/// Change an endpoint's secret
///
/// For 24 hours posts carry a signature of the secret before as well. The new one is in this answer and nowhere
/// else; an `Idempotency-Key` is therefore not heeded here.
#[utoipa::path(post, path = "/api/v1/accounts/{account_id}/endpoints/{endpoint_id}/secret", tag = "Forwarding",
    request_body = NewSecret, params(("account_id" = i64, Path), ("endpoint_id" = String, Path)),
    responses((status = 200, body = EndpointView, description = "Changed; keep the secret"),
        (status = 404, body = Problem), (status = 422, body = Problem)))]
pub(crate) async fn rotate_endpoint_secret(
    State(app): State<App>,
    on: EndpointOf<Admin>,
    Body(new): Body<NewSecret>,
) -> Result<Json<EndpointView>> {
    let (changed, secret) = endpoints::rotate(&app, &on.endpoint, new.secret).await.map_err(named)?;
    Ok(Json(show(&app, changed, &on.principal).await?.with_secret(&secret)))
}

/// Where to go on.
#[derive(Debug, Default, Deserialize, utoipa::ToSchema)]
#[serde(default)]
pub(crate) struct Resume {
    /// `where_it_stopped` (when left out), or `now`: leaving out what arrived meanwhile.
    #[schema(example = "where_it_stopped")]
    from: Option<String>,
}

/// Switch an endpoint on
///
/// Goes on where it stopped, or leaves out what arrived since. What was refused before it was switched off is
/// tried again in any case. One that is on stays as it is, so that asking twice does no harm: an `Idempotency-Key` is
/// not heeded here.
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
/// Nothing more is sent to it. Its place and what waits for it are kept. An `Idempotency-Key` is not heeded here.
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

/// How events are to be written.
pub(in crate::web) fn format(word: Option<&str>) -> Result<Format> {
    let fix = "\"meta\" (as Meta posts them) or \"standard\" (Standard Webhooks)";
    word.and_then(Format::parse).ok_or_else(|| ApiError::invalid("format", fix))
}

/// Whether to leave out what arrived meanwhile.
pub(in crate::web) fn from_now(word: Option<&str>) -> Result<bool> {
    match word {
        None | Some("where_it_stopped") => Ok(false),
        Some("now") => Ok(true),
        Some(_) => Err(ApiError::invalid("from", "\"where_it_stopped\" or \"now\"")),
    }
}

/// A refusal that begins with the name of a field names it in the document too.
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
