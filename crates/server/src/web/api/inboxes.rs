//! Inboxes: the connected numbers as their account sees them.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use domain::channel::{Channel, callback_url};
use domain::health::Level;
use domain::ids::ChannelId;
use serde::{Deserialize, Serialize};

use super::rfc3339;
use crate::App;
use crate::flows::admin;
use crate::flows::number;
use crate::flows::onboarding::teardown;
use crate::store::{Tx, channels};
use crate::web::completion::run_to_completion;
use crate::web::error::{ApiError, Problem, Result};
use crate::web::extract::auth::{Admin, ChannelOf, Operate, Read, TenantOf};
use crate::web::extract::body::Body;
use crate::web::extract::paging::{List, Page};
use crate::web::extract::query::Params;
use strum::VariantArray as _;

/// An inbox: a connected number.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct InboxView {
    #[schema(example = 42)]
    id: i64,
    account_id: i64,
    #[schema(example = "Example Bakery WhatsApp")]
    name: String,
    #[schema(example = "whatsapp")]
    channel_type: &'static str,
    #[schema(example = "whatsapp_cloud")]
    provider: &'static str,
    #[schema(example = "+15550100001")]
    phone_number: String,
    phone_number_id: String,
    /// The id of the WhatsApp Business Account.
    business_account_id: String,
    /// The id of the business portfolio.
    business_id: Option<String>,
    /// The way the number was connected: `standard`, `coexistence`, `imported`, `unknown`.
    onboarding: &'static str,
    /// The callback address of the number.
    callback_webhook_url: String,
    /// The level of the last assessment: `live`, `at_risk`, `waiting_for_meta`, `action_needed`, `blocked`, `unknown`.
    level: String,
    /// The time when the level may change without an event.
    level_until: Option<String>,
    /// The origin's member: the number needs attention. Only for a single inbox.
    #[serde(skip_serializing_if = "Option::is_none")]
    reauthorization_required: Option<bool>,
    created_at: String,
}

async fn view(app: &App, tx: &mut Tx, channel: Channel) -> Result<InboxView> {
    let assessment = channels::assessment(tx, channel.id).await?.unwrap_or_default();
    Ok(InboxView {
        id: channel.id.0,
        account_id: channel.account_id.0,
        channel_type: "whatsapp",
        provider: "whatsapp_cloud",
        callback_webhook_url: callback_url(&app.config.public_url, &channel.phone_number),
        phone_number: channel.phone_number.to_string(),
        phone_number_id: channel.phone_number_id.0,
        business_account_id: channel.waba_id.0,
        business_id: channel.business_id.map(|id| id.0),
        onboarding: channel.onboarding.into_str(),
        level: assessment.level.unwrap_or_else(|| Level::Unknown.into_str().to_owned()),
        level_until: assessment.until.map(rfc3339),
        reauthorization_required: None,
        created_at: rfc3339(channel.created_at),
        name: channel.name,
    })
}

/// List inboxes of an account
#[utoipa::path(get, path = "/api/v1/accounts/{account_id}/inboxes", tag = "Inboxes",
    params(("account_id" = i64, Path),
        ("level" = Option<String>, Query, description = "Only inboxes with this level"),
        ("limit" = Option<i64>, Query, description = "1 to 200, 50 by default"),
        ("after" = Option<String>, Query, description = "`next` of the previous page")),
    responses((status = 200, body = List<InboxView>, description = "Oldest first"), (status = 401, body = Problem),
        (status = 404, body = Problem)))]
pub(crate) async fn list_inboxes(
    State(app): State<App>,
    tenant: TenantOf<Read>,
    page: Page,
    params: Params,
) -> Result<Json<List<InboxView>>> {
    let after = page.after::<i64>()?.map(ChannelId);
    let mut tx = app.store.read().await?;
    let rows = match params.one("level")? {
        Some(word) => {
            let level = word.parse::<Level>().map_err(|_| {
                let words: Vec<_> = Level::VARIANTS.iter().map(Level::into_str).collect();
                ApiError::invalid("level", words.join(", "))
            })?;
            channels::list_by_level(&mut tx, tenant.account_id, level.into_str(), after, page.probe()).await?
        }
        None => channels::list(&mut tx, tenant.account_id, after, page.probe()).await?,
    };
    let shown = page.finish(rows, |channel| channel.id.to_string(), |channel| channel);
    let mut data = Vec::with_capacity(shown.data.len());
    for channel in shown.data {
        data.push(view(&app, &mut tx, channel).await?);
    }
    Ok(Json(List { data, has_more: shown.has_more, next: shown.next }))
}

/// Show one inbox
///
/// Never contains the token or the PIN.
#[utoipa::path(get, path = "/api/v1/accounts/{account_id}/inboxes/{id}", tag = "Inboxes",
    params(("account_id" = i64, Path), ("id" = i64, Path)),
    responses((status = 200, body = InboxView, description = "The inbox"), (status = 404, body = Problem)))]
pub(crate) async fn show_inbox(State(app): State<App>, on: ChannelOf<Read>) -> Result<Json<InboxView>> {
    let health = number::view::load(&app, on.channel.id).await?;
    let mut tx = app.store.read().await?;
    let shown = view(&app, &mut tx, on.channel).await?;
    Ok(Json(InboxView { reauthorization_required: Some(health.reauthorization_required), ..shown }))
}

/// Changed data of an inbox.
#[derive(Debug, Default, Deserialize, utoipa::ToSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Change {
    /// The new name of the inbox.
    name: String,
}

/// Change the name of an inbox
#[utoipa::path(patch, path = "/api/v1/accounts/{account_id}/inboxes/{id}", tag = "Inboxes", request_body = Change,
    params(("account_id" = i64, Path), ("id" = i64, Path)),
    responses((status = 200, body = InboxView, description = "Renamed"), (status = 404, body = Problem),
        (status = 422, body = Problem)))]
pub(crate) async fn rename_inbox(
    State(app): State<App>,
    on: ChannelOf<Operate>,
    Body(change): Body<Change>,
) -> Result<Json<InboxView>> {
    let name = super::accounts::named(&change.name)?;
    let renamed = admin::rename_inbox(&app, on.channel, name).await?.ok_or_else(|| ApiError::not_found("inbox"))?;
    let mut tx = app.store.read().await?;
    let shown = view(&app, &mut tx, renamed).await?;
    Ok(Json(shown))
}

/// Delete an inbox
///
/// Removes the webhooks at Meta; a failure there never blocks the deletion. The register calls of the number are kept,
/// because Meta continues to count them.
#[utoipa::path(delete, path = "/api/v1/accounts/{account_id}/inboxes/{id}", tag = "Inboxes",
    params(("account_id" = i64, Path), ("id" = i64, Path)),
    responses((status = 204, description = "Deleted"), (status = 404, body = Problem)))]
pub(crate) async fn delete_inbox(State(app): State<App>, on: ChannelOf<Admin>) -> Result<StatusCode> {
    let worker = app.clone();
    run_to_completion(&app, async move { teardown::delete(&worker, &on.channel).await }).await??;
    Ok(StatusCode::NO_CONTENT)
}
