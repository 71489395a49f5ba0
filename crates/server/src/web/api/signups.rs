//! Embedded Signup: the origin's route, which requires all parameters, and ours, which needs only the code and reads the
//! rest at Meta.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use domain::ids::{BusinessId, ChannelId, PhoneNumberId, WabaId};
use domain::signup::{SignupSubmission, missing_parameters};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::registration_view::RegistrationView;
use super::rfc3339;
use crate::App;
use crate::flows::onboarding::signup::{self, SignedUp};
use crate::store::ids::SignupId;
use crate::store::signups::{self, Signup};
use crate::web::completion::run_to_completion;
use crate::web::error::{ApiError, Code, Problem, Result};
use crate::web::extract::auth::{Operate, Read, TenantOf};
use crate::web::extract::body::{self, Body};
use crate::web::extract::path::{NestedId, nested_id};

/// The data that the browser received from Meta's popup.
#[derive(Default, Deserialize, utoipa::ToSchema)]
#[serde(default)]
pub(crate) struct Authorization {
    /// The code of Meta's popup; valid once, for 30 seconds.
    #[serde(deserialize_with = "body::text")]
    code: Option<String>,
    /// The id of the business portfolio.
    #[serde(deserialize_with = "body::text")]
    business_id: Option<String>,
    /// The id of the WhatsApp Business Account.
    #[serde(deserialize_with = "body::text")]
    waba_id: Option<String>,
    /// The id of the phone number; the first of the account if omitted.
    #[serde(deserialize_with = "body::text")]
    phone_number_id: Option<String>,
    /// Re-authorises this inbox instead of creating one.
    #[serde(deserialize_with = "body::text")]
    #[schema(value_type = Option<i64>)]
    inbox_id: Option<String>,
    /// Whether the number stays in the WhatsApp Business app.
    #[serde(deserialize_with = "body::switch")]
    is_coexistence: Option<bool>,
}

/// The origin's answer, and the result of the set-up.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct Authorized {
    success: bool,
    /// The inbox; null while the number is still being read at Meta.
    #[schema(example = 42)]
    id: Option<i64>,
    #[schema(example = "Example Bakery WhatsApp")]
    name: Option<String>,
    #[schema(example = "whatsapp")]
    channel_type: &'static str,
    /// Only if an inbox was re-authorised.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "Channel reauthorized successfully")]
    message: Option<&'static str>,
    /// Whether the number needs attention: it is not live yet, or its token does not work.
    reauthorization_required: bool,
    /// The registration; `state` is `in_progress` if it continues after this answer.
    registration: RegistrationView,
    /// The reason why the webhook could not be set up; it is retried automatically.
    webhook_error: Option<String>,
    /// The id of the signup, to follow its progress.
    #[schema(example = "sgn_0190f3a2c0de7000b000000000000001")]
    signup_id: String,
}

impl From<SignedUp> for Authorized {
    fn from(done: SignedUp) -> Self {
        let registration = match &done.state {
            Some(state) => RegistrationView::new(state, done.in_progress),
            None => RegistrationView::begun(),
        };
        Self {
            success: true,
            id: done.channel.as_ref().map(|channel| channel.id.0),
            name: done.channel.map(|channel| channel.name),
            channel_type: "whatsapp",
            message: done.reauthorized.then_some("Channel reauthorized successfully"),
            reauthorization_required: done.reauthorization_required,
            registration,
            webhook_error: done.webhook_error,
            signup_id: done.signup_id.to_string(),
        }
    }
}

/// Finish Embedded Signup
///
/// The origin's route and members. Once the inbox exists, a failed set-up answers 200 and is retried; 422 is for failures
/// before the inbox exists.
#[utoipa::path(post, path = "/api/v1/accounts/{account_id}/whatsapp/authorization", tag = "Signup",
    request_body = Authorization, params(("account_id" = i64, Path)),
    responses((status = 200, body = Authorized, description = "Connected, or re-authorised"),
        (status = 404, body = Problem), (status = 422, body = Problem, description = "Failed before an inbox existed")))]
pub(crate) async fn authorize(
    State(app): State<App>,
    tenant: TenantOf<Operate>,
    Body(handed): Body<Authorization>,
) -> Result<Json<Authorized>> {
    let given = |field: &Option<String>| field.clone().unwrap_or_default();
    let is_coexistence = handed.is_coexistence.unwrap_or_default();
    let missing =
        missing_parameters(&given(&handed.code), &given(&handed.business_id), &given(&handed.waba_id), is_coexistence);
    if let Some(text) = missing {
        return Err(ApiError::new(Code::MissingParameter, text).with_success_member());
    }
    run(&app, &tenant, handed).await.map(|done| Json(done.into())).map_err(ApiError::with_success_member)
}

async fn run(app: &App, tenant: &TenantOf<Operate>, handed: Authorization) -> Result<SignedUp> {
    let request = request_of(tenant, handed)?;
    let worker = app.clone();
    Ok(run_to_completion(app, async move { signup::run(&worker, request).await }).await??)
}

/// Maximum length of a code; Meta's codes are shorter.
const LONGEST_CODE: usize = 2048;

fn request_of(tenant: &TenantOf<Operate>, handed: Authorization) -> Result<signup::Request> {
    let code = handed.code.unwrap_or_default();
    if code.len() > LONGEST_CODE || !code.bytes().all(|b| b.is_ascii_graphic()) {
        return Err(ApiError::invalid("code", "the code of Meta’s popup, unchanged"));
    }
    let filled = |field: Option<String>| field.filter(|text| !text.is_empty());
    let id = |name: &str, field: Option<String>| match filled(field) {
        Some(text) if text.bytes().all(|b| b.is_ascii_digit()) && text.len() <= 32 => Ok(Some(text)),
        Some(_) => Err(ApiError::invalid(name, "an id of Meta’s: digits only")),
        None => Ok(None),
    };
    let inbox_id = match filled(handed.inbox_id) {
        Some(text) => Some(ChannelId(text.parse().map_err(|_| ApiError::not_found("inbox"))?)),
        None => None,
    };
    Ok(signup::Request {
        account_id: tenant.account_id,
        code: SecretString::from(code),
        handover: SignupSubmission {
            waba_id: id("waba_id", handed.waba_id)?.map(WabaId),
            phone_number_id: id("phone_number_id", handed.phone_number_id)?.map(PhoneNumberId),
            business_id: id("business_id", handed.business_id)?.map(BusinessId),
            is_coexistence: handed.is_coexistence.unwrap_or_default(),
        },
        inbox_id,
    })
}

/// The progress of a signup.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct SignupView {
    #[schema(example = "sgn_0190f3a2c0de7000b000000000000001")]
    id: String,
    /// The state; `failed` means that no inbox was created.
    state: &'static str,
    onboarding: &'static str,
    /// The inbox that was created or re-authorised.
    inbox_id: Option<i64>,
    business_account_id: Option<String>,
    phone_number_id: Option<String>,
    business_id: Option<String>,
    /// The reason of the failure.
    #[schema(value_type = Option<Object>)]
    error: Option<Value>,
    created_at: String,
    updated_at: String,
    /// The result of the set-up; only in the answer to `POST`.
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<Authorized>,
}

impl From<Signup> for SignupView {
    fn from(signup: Signup) -> Self {
        Self {
            id: signup.id.to_string(),
            onboarding: signup.onboarding.into_str(),
            inbox_id: signup.channel_id.map(|id| id.0),
            business_account_id: signup.waba_id.map(|id| id.0),
            phone_number_id: signup.phone_number_id.map(|id| id.0),
            business_id: signup.business_id.map(|id| id.0),
            created_at: rfc3339(signup.created_at),
            updated_at: rfc3339(signup.updated_at),
            error: signup.error,
            state: signup.state.into_str(),
            result: None,
        }
    }
}

/// Create a signup
///
/// Needs only the code; the WhatsApp account and the number are read at Meta if omitted.
#[utoipa::path(post, path = "/api/v1/accounts/{account_id}/signups", tag = "Signup", request_body = Authorization,
    params(("account_id" = i64, Path)),
    responses((status = 201, body = SignupView, description = "Connected"), (status = 404, body = Problem),
        (status = 422, body = Problem)))]
pub(crate) async fn create_signup(
    State(app): State<App>,
    tenant: TenantOf<Operate>,
    Body(handed): Body<Authorization>,
) -> Result<(StatusCode, Json<SignupView>)> {
    if handed.code.as_deref().is_none_or(str::is_empty) {
        return Err(ApiError::invalid("code", "the code of Meta’s popup"));
    }
    let done = run(&app, &tenant, handed).await?;
    let mut tx = app.store.read().await?;
    let kept = signups::find_in_account(&mut tx, tenant.account_id, done.signup_id).await?;
    let kept = kept.ok_or_else(|| ApiError::internal(anyhow::anyhow!("a finished signup is not stored")))?;
    let view = SignupView { result: Some(done.into()), ..SignupView::from(kept) };
    Ok((StatusCode::CREATED, Json(view)))
}

/// Show the progress of a signup
#[utoipa::path(get, path = "/api/v1/accounts/{account_id}/signups/{signup_id}", tag = "Signup",
    params(("account_id" = i64, Path), ("signup_id" = String, Path)),
    responses((status = 200, body = SignupView, description = "The progress"), (status = 404, body = Problem)))]
pub(crate) async fn show_signup(
    State(app): State<App>,
    tenant: TenantOf<Read>,
    path: NestedId,
) -> Result<Json<SignupView>> {
    let id: SignupId = nested_id(&path, "signup_id", "signup")?;
    let mut tx = app.store.read().await?;
    let found = signups::find_in_account(&mut tx, tenant.account_id, id).await?;
    found.map(|signup| Json(signup.into())).ok_or_else(|| ApiError::not_found("signup"))
}
