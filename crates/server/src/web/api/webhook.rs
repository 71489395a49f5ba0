//! Subscription of a number's webhooks on demand.

use axum::Json;
use axum::extract::State;
use serde::Serialize;

use super::health_view::RouteView;
use crate::App;
use crate::flows::subscription;
use crate::web::completion::run_to_completion;
use crate::web::error::{Problem, Result};
use crate::web::extract::auth::{ChannelOf, Operate};

/// The origin's confirmation message, and what was read at Meta afterwards.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct Done {
    #[schema(example = "Webhook registered successfully")]
    message: &'static str,
    route: RouteView,
}

/// Register the webhook of a number
///
/// Subscribes the app to the WhatsApp account if necessary, sets the callback on the level where it takes effect, and reads
/// it back. Fails where the reading shows that messages still go elsewhere. Never registers the number.
#[utoipa::path(post, path = "/api/v1/accounts/{account_id}/inboxes/{id}/register_webhook", tag = "Webhooks",
    params(("account_id" = i64, Path), ("id" = i64, Path)),
    responses((status = 200, body = Done, description = "Subscribed"), (status = 404, body = Problem),
        (status = 422, body = Problem, description = "`Webhook setup failed: <cause>`")))]
pub(crate) async fn register_webhook(State(app): State<App>, on: ChannelOf<Operate>) -> Result<Json<Done>> {
    let worker = app.clone();
    let route =
        run_to_completion(&app, async move { subscription::register_webhook(&worker, &on.channel).await }).await??;
    Ok(Json(Done { message: "Webhook registered successfully", route: (&route).into() }))
}
