//! The callback of the Meta app. It belongs to the installation, so only an operator's key reaches it.

use axum::Json;
use axum::extract::State;
use domain::callbacks::AppCallback;
use serde::Serialize;

use crate::App;
use crate::flows::FlowError;
use crate::flows::app_callback::{self, AppCallbackReading};
use crate::web::completion::run_to_completion;
use crate::web::error::{Problem, Result};
use crate::web::extract::auth::{Admin, OperatorOf, Read};

/// The callback of the Meta app, read at Meta now.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct AppCallbackView {
    /// `ours`, `lacks_fields`, `missing` or `foreign`.
    #[schema(example = "ours")]
    state: &'static str,
    /// The address that is set at Meta.
    callback_url: Option<String>,
    /// The address of this installation.
    expected_callback_url: String,
    /// The webhook fields that are subscribed.
    subscribed_fields: Vec<String>,
    /// The webhook fields that should be subscribed and are not.
    missing_fields: Vec<String>,
    /// Whether Linekeeper repairs the callback by itself (`meta.manage_app_callback`).
    is_managed: bool,
}

impl AppCallbackView {
    fn new(app: &App, reading: AppCallbackReading) -> Self {
        let (state, missing_fields) = match reading.callback {
            AppCallback::Ours => ("ours", Vec::new()),
            AppCallback::LacksFields(fields) => ("lacks_fields", fields),
            AppCallback::Missing | AppCallback::Unread => ("missing", Vec::new()),
            AppCallback::Foreign(_) => ("foreign", Vec::new()),
        };
        Self {
            state,
            callback_url: reading.url,
            expected_callback_url: app_callback::url(app),
            subscribed_fields: reading.fields,
            missing_fields,
            is_managed: app.config.meta.manage_app_callback,
        }
    }
}

/// Show the callback of the Meta app
///
/// Account, name and quality events go there, and messages of numbers without a callback of their own. Requires an
/// operator's key.
#[utoipa::path(get, path = "/api/v1/app_callback", tag = "Webhooks",
    responses((status = 200, body = AppCallbackView, description = "As Meta shows it now"), (status = 403, body = Problem),
        (status = 422, body = Problem, description = "Meta refused")))]
pub(crate) async fn show_app_callback(
    State(app): State<App>,
    _operator: OperatorOf<Read>,
) -> Result<Json<AppCallbackView>> {
    let reading = app_callback::read(&app).await.map_err(FlowError::from)?;
    Ok(Json(AppCallbackView::new(&app, reading)))
}

/// Take over the callback of the Meta app
///
/// Sets it to this installation, whatever stands there, with every field that is subscribed or should be, and reads it
/// back. Another system that uses the same app receives no more events by it. Requires an operator's key of scope `admin`.
#[utoipa::path(post, path = "/api/v1/app_callback/take_over", tag = "Webhooks",
    responses((status = 200, body = AppCallbackView, description = "As Meta shows it now"), (status = 403, body = Problem),
        (status = 422, body = Problem, description = "Meta refused")))]
pub(crate) async fn take_over_app_callback(
    State(app): State<App>,
    _operator: OperatorOf<Admin>,
) -> Result<Json<AppCallbackView>> {
    let worker = app.clone();
    let reading = run_to_completion(&app, async move { app_callback::take_over(&worker).await }).await??;
    Ok(Json(AppCallbackView::new(&app, reading)))
}
